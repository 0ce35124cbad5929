"""A dashboard's page of 50,000 rows in Chromium, the CPU slowed four times: `python -m tests.benchmarks page`.

First chart: from the address until all charts show what is chosen. An action: from the event until the browser has
painted what it changed; the slowest of three. Page: bytes before its data.
"""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from blocks.catalogue import Dataset
from blocks.metrics import Measure, Metric
from blocks.records import Analysis, Dashboard
from blocks.site.base import Card
from blocks.site.html.site import FolderSite

CHROMIUM = "/usr/bin/chromium"
SLOWER, REPEATS = 4, 3
DAYS, COUNTRIES, SEGMENTS = 1000, 10, 5
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
WATCH = """
window.firstChart = new Promise((resolve) => {
  const look = () => document.documentElement?.dataset.ready === 'true'
    ? requestAnimationFrame(() => setTimeout(() => resolve(performance.now())))
    : setTimeout(look, 2);
  look();
});
window.actOn = (act) => new Promise((resolve) => {
  const begun = performance.now();
  act();
  const look = () => document.documentElement.dataset.ready === 'true'
    ? requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - begun)))
    : setTimeout(look, 1);
  look();
});
"""
ACTIONS = {
    "another metric": "() => document.querySelectorAll('.tile')[{n}].click()",
    "by another grain": "() => document.querySelectorAll('.panel-trend [data-grain]')[{n}].click()",
    "the whole period": "() => [...document.querySelectorAll('.dates .segments button')].at(-1 - {n}).click()",
    "a value of a filter": """() => {{
        const [pick] = document.querySelectorAll('details.pick');
        pick.open = true;
        pick.querySelectorAll('input[type=checkbox]')[{n}]?.click();
    }}""",
    "reset": "() => document.getElementById('reset').click()",
    "a column sorted": "() => document.querySelectorAll('.panel-table th button')[{n}].click()",
    "a split": """() => {{
        const select = document.querySelector('.panel-trend select');
        select.value = ['0', '1', '-1'][{n}];
        select.dispatchEvent(new Event('change', {{ bubbles: true }}));
    }}""",
    "the table per day": """() => {{
        const select = document.querySelector('.panel-table select');
        select.value = ['day', 'month', ''][{n}];
        select.dispatchEvent(new Event('change', {{ bubbles: true }}));
    }}""",
}


def make_card(folder: Path) -> Card:
    """A dashboard of five metrics over a row a day, country and segment."""
    names = ("net", "orders", "units")
    measures = tuple(Measure(name=name, function="sum") for name in names)
    formulas: dict[str, list[object]] = {name: ["measure", name] for name in names}
    formulas |= {"basket": ["/", ["measure", "net"], ["measure", "orders"]]}
    formulas |= {"per_unit": ["/", ["measure", "net"], ["measure", "units"]]}
    metrics = tuple(
        Metric.model_validate(
            {"name": name, "label": name, "description": "", "mart": "m", "measures": measures, "formula": f}
        )
        for name, f in formulas.items()
    )
    rows = folder / "rows.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"""
            COPY (SELECT DATE '2022-01-01' + (i // {COUNTRIES * SEGMENTS})::INT AS day,
                'Country ' || (i % {COUNTRIES}) AS country, 'Segment ' || (i // {COUNTRIES} % {SEGMENTS}) AS segment,
                (hash(i) % 100000 / 100.0)::DOUBLE AS net, (1 + hash(i, 1) % 9)::INT AS orders,
                (1 + hash(i, 2) % 90)::INT AS units
            FROM range({DAYS * COUNTRIES * SEGMENTS}) AS numbers(i)) TO '{rows}'
        """)
    dataset = Dataset(
        mart="m",
        time="day",
        dimensions=("country", "segment"),
        labels={"day": "Day", "country": "Country", "segment": "Segment"},
        metrics=metrics,
        measures=measures,
        columns=(),
    )
    dashboard = Dashboard(
        name="large",
        title="Large",
        analysis=Analysis.trend,
        metrics=tuple(formulas),
        dimensions=dataset.dimensions,
        marts=("m",),
    )
    return Card(
        dashboard=dashboard, run="r1", datasets=(dataset,), extracts=(rows,), gate=None, as_of="2024-09-26"
    )


def measure_page(page: Any, address: str) -> dict[str, float]:
    """Milliseconds by what was done."""
    page.add_init_script(WATCH)
    slow = page.context.new_cdp_session(page)
    slow.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.goto(address, wait_until="commit")
    found = {"first chart": float(page.evaluate("window.firstChart"))}
    for name, act in ACTIONS.items():
        found[name] = max(
            float(page.evaluate(f"window.actOn({act.format(n=n)})")) for n in reversed(range(REPEATS))
        )
    return found


def main() -> None:
    """Print the figures."""
    from playwright.sync_api import sync_playwright

    with TemporaryDirectory() as name:
        folder = Path(name)
        address = FolderSite(folder=folder / "site").publish(make_card(folder)).url
        text = (folder / "site" / "dashboards" / "large" / "index.html").read_text(encoding="utf-8")
        model = re.search(r'id="model">(.*?)</script>', text, re.DOTALL)
        data = len(model[1]) if model else 0
        print(f"page before its data: {(len(text) - data) / 1000:.0f} kB; its data: {data / 1000:,.0f} kB")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            figures = measure_page(browser.new_page(viewport={"width": 1280, "height": 900}), address)
            browser.close()
        for what, milliseconds in figures.items():
            print(f"{what}: {milliseconds:,.0f} ms")
