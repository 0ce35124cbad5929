"""A dashboard's page in a real Chromium without a network: its figures equal those asked of the rows."""

from __future__ import annotations

import re
import urllib.parse
import zipfile
from collections.abc import Callable
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest

from blocks.records import Analysis
from blocks.site.base import Card
from blocks.site.extract import Extract
from blocks.site.html.dashboard_view import DashboardView
from blocks.site.html.site import FolderSite
from blocks.site.number_format import write_change, write_compact
from blocks.site.opening import apply_targets
from blocks.wishes import Against, Chart, Filter, Span, Target, Wishes
from tests.blocks.site.conftest import CUSTOMERS, EVERY, NET, ORDERS, SAID, TARGETS
from tests.blocks.site.conftest import metric as make_metric

LAST, FIRST = date(2025, 11, 30), date(2024, 10, 27)
OPENING = ("2025-06-04", "2025-11-30")  # 180 days, as long as leaves 180 more before it
BEFORE = ("2024-12-06", "2025-06-03")
SQL = {
    "net": "sum(amount) - sum(CASE WHEN returned THEN amount ELSE 0 END)",
    "basket": "sum(amount) / count(*)",
    "rate": "count(*) FILTER (returned) / count(*)",
    "orders": "count(*)",
    "customers": "count(DISTINCT customer)",
}


@pytest.fixture(scope="module")
def pages(make_card, tmp_path_factory) -> dict[str, str]:
    """The address of a page for each analysis, with every metric."""
    site = FolderSite(folder=tmp_path_factory.mktemp("site"))
    found = {}
    for analysis in Analysis:
        found[str(analysis)] = site.publish(make_card(analysis, metrics=EVERY, feedback=(SAID,))).url
    timeless = make_card(name="timeless", timed=False, dimensions=("country", "segment"))
    found["timeless"] = site.publish(timeless).url
    found["index"] = site.index([timeless], [])
    return found


@pytest.fixture
def open_page(browser, pages) -> Any:
    """Open a page; at the end it must have said nothing on the console and asked for nothing but files."""

    @contextmanager
    def open_one(name: str, **options: Any) -> Any:
        options = {"viewport": {"width": 1280, "height": 900}, **options}
        context = browser.new_context(offline=True, **options)
        context.set_default_timeout(20_000)
        page, faults = context.new_page(), []
        page.on("console", lambda message: faults.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (faults.append("dialog"), dialog.dismiss()))
        page.on("request", lambda request: faults.extend(_outside(request.url, pages.get(name, name))))
        page.goto(pages.get(name, name))
        settled(page)
        yield page
        assert faults == []
        context.close()

    return open_one


def _outside(url: str, page: str) -> list[str]:
    folder = page.rsplit("/", 1)[0]
    return [] if url.startswith((folder, "data:", "blob:")) else [f"request: {url}"]


def settled(page: Any) -> None:
    """Wait until all charts show what is chosen; the index has none."""
    ready = "document.documentElement.dataset.ready === 'true'"
    page.wait_for_function(f"!document.getElementById('model') || {ready}")


def tile(page: Any, metric: str, part: str = "value") -> str:
    return page.locator(f"[data-metric={metric}] .{part}").inner_text()


@pytest.fixture
def asked(sales) -> Callable[..., float]:
    """A metric asked of the orders themselves."""

    def ask(metric: str, where: str = "true", between: tuple[str, str] = OPENING) -> float:
        days = f"day BETWEEN '{between[0]}' AND '{between[1]}'"
        rows = f"FROM orders WHERE {days} AND ({where})"
        return float(sales.execute(f"SELECT {SQL[metric]} {rows}").fetchone()[0])

    return ask


ASKED = Wishes(
    filters=(Filter(dimension="country", values=("germany", "France", "Atlantis")),),
    period=Span(unit="month", count=3),
    comparison=Against.year,
    grain="month",
    targets=TARGETS,
    charts=(Chart.table, Chart.bars),
    audience=("Board",),
)
THREE_MONTHS = ("2025-09-01", "2025-11-30")
CHOSEN = "country IN ('Germany', 'France')"


@pytest.fixture(scope="module")
def asked_card(make_card) -> Card:
    """A dashboard as its request wished it."""
    card = make_card(metrics=EVERY, wishes=ASKED)
    return card.model_copy(update={"datasets": apply_targets(card.datasets, ASKED.targets)})


@pytest.fixture(scope="module")
def asked_page(asked_card, tmp_path_factory) -> str:
    """The address of its page."""
    return FolderSite(folder=tmp_path_factory.mktemp("asked")).publish(asked_card).url


def test_a_page_opens_as_it_was_asked_for(open_page, asked_page, asked):
    with open_page(asked_page) as page:
        assert_tiles(page, asked, CHOSEN, THREE_MONTHS)
        assert page.evaluate("location.hash") == ""
        assert "2 chosen" in page.locator("details.pick", has_text="Country").inner_text()
        panels = [panel.get_attribute("data-panel") for panel in page.locator(".panel:visible").all()]
        assert panels == ["table", "bars", "trend", "movement"]
        notes = page.locator(".notes").inner_text()
        assert "filters country = germany, France, Atlantis; period last 3 months" in notes
        assert "country has no value Atlantis in these data." in notes
        assert "Asked for Board only. Whoever can open this folder can read it" in notes
        november = asked("net", CHOSEN, ("2025-11-01", "2025-11-30"))
        shown = f"{write_compact(november, 'currency:GBP')} in Nov 2025"
        reached = "reached" if november >= 1_000_000 else "not reached"
        assert tile(page, "net", "target") == f"Target £1.00M per month by 31 Dec 2026: {shown}, {reached}"
        assert tile(page, "rate", "target") == "Target 99.0%: reached"  # less is better
        more = asked("orders", CHOSEN, THREE_MONTHS) >= asked("orders", CHOSEN, ("2025-06-02", "2025-08-31"))
        assert tile(page, "orders", "target") == f"Target previous period: {'' if more else 'not '}reached"
        assert page.locator("[data-panel=trend] .references path").count() == 1


def test_a_page_opens_without_what_was_to_be_left_out(make_card, open_page, asked, tmp_path):
    left = Filter(dimension="country", values=("germany",), excluded=True)
    card = make_card(metrics=EVERY, wishes=Wishes(filters=(left,)))
    page_of = FolderSite(folder=tmp_path).publish(card)
    chosen = "country <> 'Germany'"
    with open_page(page_of.url) as page:
        assert_tiles(page, asked, chosen)
        assert "Germany" not in bars(page)
        assert "All but Germany" in page.locator("details.pick", has_text="Country").inner_text()
        assert page.evaluate("location.hash") == ""
    with Extract(card.datasets[0], card.extracts[0]) as extract:
        view = DashboardView(card, [extract])
        shot = view.take_snapshot(0, NET, view.opening, None)
        assert shot.read_total() == pytest.approx(asked("net", chosen))
        assert str(view.picked["country"]) == "all but Germany"


def test_a_reader_may_choose_otherwise_than_was_asked_for(open_page, asked_page, asked):
    with open_page(asked_page) as page:
        page.locator("details.pick summary", has_text="Country").click()
        page.get_by_role("button", name="Clear").click()
        page.keyboard.press("Escape")
        assert_tiles(page, asked, between=THREE_MONTHS)
        shown = page.evaluate("location.href")
        page.get_by_role("button", name="Reset").click()
        settled(page)
        assert page.evaluate("location.hash") == ""
        assert_tiles(page, asked, CHOSEN, THREE_MONTHS)
        page.goto(shown)
        settled(page)
        assert_tiles(page, asked, between=THREE_MONTHS)
        page.goto(f"{asked_page}#open=all")
        page.reload()
        settled(page)
        assert_tiles(page, asked)


def test_the_picture_says_of_targets_what_the_page_says(asked_card, open_page, asked_page):
    (dataset,), (path,) = asked_card.datasets, asked_card.extracts
    with Extract(dataset, path) as extract, open_page(asked_page) as page:
        view = DashboardView(asked_card, [extract])
        for number, metric in view.metrics:
            standing, shown = view.judge(number, metric), page.locator(f"[data-metric={metric.name}] .target")
            assert shown.inner_text() == standing.text if standing else shown.is_hidden()


def choose(page: Any, dimension: str, *values: str) -> None:
    page.locator("details.pick summary", has_text=dimension).click()
    for value in values:
        page.get_by_label(value, exact=True).check()
    page.keyboard.press("Escape")
    settled(page)


def assert_tiles(page: Any, asked: Any, where: str = "true", between: tuple[str, str] = OPENING) -> None:
    for metric in EVERY:
        assert tile(page, metric.name) == write_compact(asked(metric.name, where, between), metric.form), (
            metric.name
        )


@pytest.mark.parametrize("analysis", list(Analysis))
def test_a_page_opens_with_the_right_figures(open_page, asked, analysis):
    with open_page(str(analysis)) as page:
        assert_tiles(page, asked)
        for metric in EVERY:
            moved = write_change(asked(metric.name), asked(metric.name, between=BEFORE), metric.form)
            assert moved in tile(page, metric.name, "change")
        assert page.locator("#compared").inner_text() == (
            "4 Jun 2025 – 30 Nov 2025, compared with 6 Dec 2024 – 3 Jun 2025"
        )
        assert "Please add the return rate." in page.locator(".feedback").inner_text()
        assert "7 of 7 checks passed" in page.locator(".facts").inner_text()
        panels = [panel.get_attribute("data-panel") for panel in page.locator(".panel:visible").all()]
        wanted = {
            "kpi": ["trend", "bars", "movement", "table"],
            "trend": ["trend", "bars", "movement", "table"],
            "comparison": ["bars", "trend", "movement", "table"],
            "composition": ["shares", "stacked", "trend", "movement", "table"],
            "detail": ["table", "bars", "trend", "movement"],
        }
        assert panels == wanted[str(analysis)]


@pytest.mark.parametrize("analysis", list(Analysis))
def test_a_page_draws_its_plan(open_page, make_card, analysis):
    """Each panel in the plan's place, shown for the plan's metrics, with the plan's dimensions and grains to choose."""
    (section,) = make_card(analysis, metrics=EVERY).plan.sections
    with open_page(str(analysis)) as page:
        panels = page.locator("[data-panel]")
        assert panels.evaluate_all("all => all.map((each) => each.dataset.panel)") == [
            str(panel.chart) for panel in section.panels
        ]
        for panel in section.panels:
            drawn = page.locator(f"[data-panel={panel.chart}]")
            choices = drawn.locator("option").evaluate_all("all => all.map(({ textContent }) => textContent)")
            grains = drawn.locator("[data-grain]").evaluate_all(
                "all => all.map(({ dataset }) => dataset.grain)"
            )
            labels = [name.capitalize() for name in panel.dimensions]
            table = ["whole period", *panel.grains]
            assert choices == {
                "trend": ["nothing", *labels],
                "table": table,
                "movement": [],
            }.get(panel.chart, labels)
            assert grains == ([] if panel.chart == "table" else list(panel.grains))
        for metric in section.metrics:
            page.locator(f"[data-metric={metric}]").click()
            settled(page)
            shown = panels.evaluate_all("all => all.filter((e) => !e.hidden).map((e) => e.dataset.panel)")
            assert shown == [str(panel.chart) for panel in section.panels if metric in panel.metrics]


def read_movers(page: Any, heading: str) -> dict[str, str]:
    """Each member's change, as the panel shows it."""
    rows = page.locator("[data-panel=movement] section", has_text=heading).first.locator("tbody tr")
    return {
        row.locator(".link").inner_text(): row.locator(".figure").first.inner_text() for row in rows.all()
    }


def test_a_page_says_why_a_figure_moved(open_page, asked, sales):
    """Members' parts add up to the change of the figure to the cent, for any two periods that the reader picks."""

    def check(page: Any, before: tuple[str, str]) -> None:
        old, new = asked("net", "true", before), asked("net")
        change = round(new - old, 2)
        assert f"{change:+,.2f}".replace("+", "+£").replace("-", "-£") in page.locator(".moved").inner_text()
        countries = sales.execute("SELECT DISTINCT country FROM orders").fetchall()
        for heading in ("By country", "By channel", "By segment"):
            parts = {
                name: float(re.sub("[£,]", "", text)) for name, text in read_movers(page, heading).items()
            }
            assert round(sum(parts.values()), 2) == change
            for country in {name for (name,) in countries} & parts.keys():
                part = asked("net", f"country = '{country}'") - asked("net", f"country = '{country}'", before)
                assert parts[country] == pytest.approx(part, abs=0.011)

    with open_page("kpi") as page:
        check(page, BEFORE)
        panel = page.locator("[data-panel=movement]")
        panel.get_by_label("Compared with, from").fill("2025-01-01")
        panel.get_by_label("Compared with, to").fill("2025-01-31")
        settled(page)
        check(page, ("2025-01-01", "2025-01-31"))
        assert "180 days against 31" in page.locator(".moved").inner_text()
        address = page.url
        panel.get_by_role("button", name="Period before").click()
        check(page, BEFORE)
        page.goto(address)
        page.reload()
        settled(page)
        check(page, ("2025-01-01", "2025-01-31"))
        panel.locator("section", has_text="By country").locator(".link").first.click()
        settled(page)
        assert page.locator("#crumbs").is_visible()
        page.locator("[data-metric=rate]").click()
        settled(page)
        assert panel.locator("thead").first.inner_text().split("\t")[2:5] == ["Change", "Own rate", "Mix"]
        page.locator("[data-metric=customers]").click()
        settled(page)
        assert panel.is_hidden()


def test_category_filters_filter(open_page, asked):
    with open_page("kpi") as page:
        choose(page, "Country", "Germany", "France")
        assert_tiles(page, asked, "country IN ('Germany', 'France')")
        choose(page, "Segment", "SMB")
        assert_tiles(page, asked, "country IN ('Germany', 'France') AND segment = 'SMB'")
        nets = {
            name: asked("net", f"country = '{name}' AND segment = 'SMB'") for name in ("France", "Germany")
        }
        assert bars(page) == sorted(nets, key=lambda name: -nets[name])
        page.locator("details.pick summary", has_text="Country").click()
        page.get_by_role("button", name="All but these").click()
        settled(page)
        assert_tiles(page, asked, "country NOT IN ('Germany', 'France') AND segment = 'SMB'")
        assert "All but 2" in page.locator("details.pick", has_text="Country").inner_text()
        assert "not.country=Germany&not.country=France" in page.evaluate("location.hash")
        page.reload()
        assert_tiles(page, asked, "country NOT IN ('Germany', 'France') AND segment = 'SMB'")
        page.locator("#reset").click()
        settled(page)
        assert_tiles(page, asked)


def bars(page: Any) -> list[str]:
    return page.locator(".chart-bars .role-axis-label text").all_text_contents()


def test_dates_filter(open_page, asked):
    with open_page("trend") as page:
        page.get_by_label("From", exact=True).fill("2025-10-05")
        page.get_by_label("To", exact=True).fill("2025-10-19")
        settled(page)
        assert_tiles(page, asked, between=("2025-10-05", "2025-10-19"))
        then = asked("net", between=("2025-09-20", "2025-10-04"))
        moved = write_change(asked("net", between=("2025-10-05", "2025-10-19")), then, NET.form)
        assert moved in tile(page, "net", "change")
        page.get_by_role("button", name="All", exact=True).first.click()
        settled(page)
        assert_tiles(page, asked, between=(str(FIRST), str(LAST)))
        assert tile(page, "net", "change") == "no earlier period"
        assert "no full earlier period" in page.locator("#compared").inner_text()
        page.locator("#against").select_option("year")
        settled(page)
        assert "does not reach over the same period last year" in page.locator("#compared").inner_text()
        assert "does not reach over the same period last year" in page.locator(".panel-movement").inner_text()


def test_a_goal_of_down_is_coloured_the_other_way(open_page, asked):
    with open_page("kpi") as page:
        rise = asked("rate") > asked("rate", between=BEFORE)
        tone = page.locator("[data-metric=rate] .change").get_attribute("class")
        assert tone == ("change bad" if rise else "change good")
        assert page.locator("[data-metric=customers] .change").get_attribute("class") == "change even"


def test_a_click_on_a_bar_drills_down_and_the_breadcrumb_goes_back(open_page, asked):
    with open_page("comparison") as page:
        country = bars(page)[1]
        page.locator(".chart-bars .mark-rect path").nth(1).click()
        settled(page)
        assert_tiles(page, asked, f"country = '{country}'")
        assert set(bars(page)) == {"SMB", "Enterprise", "Public"}
        segment = bars(page)[0]
        page.locator(".chart-bars .mark-rect path").first.click()
        settled(page)
        assert_tiles(page, asked, f"country = '{country}' AND segment = '{segment}'")
        crumbs = page.locator("#crumbs")
        assert crumbs.inner_text().split("\n") == ["All", f"Country: {country}", f"Segment: {segment}"]
        crumbs.get_by_role("button", name=country).click()
        settled(page)
        assert_tiles(page, asked, f"country = '{country}'")
        crumbs.get_by_role("button", name="All").click()
        settled(page)
        assert_tiles(page, asked)
        assert crumbs.is_hidden()
        assert len(bars(page)) > 5


def test_the_others_open_to_what_they_hold(open_page, asked):
    with open_page("comparison") as page:
        shown = bars(page)
        assert shown[-1].endswith("others")
        page.locator(".chart-bars .mark-rect path").nth(len(shown) - 1).click()
        settled(page)
        inside = bars(page)
        assert f"{len(inside)} others" == shown[-1]
        listed = ", ".join(f"'{name}'" for name in inside)
        assert_tiles(page, asked, f"country IN ({listed})")


def test_a_slice_drills_down(open_page, asked):
    with open_page("composition") as page:
        label = page.locator(".panel-shares .entry span").first.inner_text()
        ring = page.locator(".chart-shares .mark-arc path").first
        middle = page.locator(".chart-shares").bounding_box()
        edge = ring.bounding_box()
        assert edge["x"] >= middle["x"]
        ring.dispatch_event("click")
        settled(page)
        assert_tiles(page, asked, f"country = '{label}'")
        share = page.locator(".panel-shares .entry").first
        segment = share.locator("span").inner_text()
        share.focus()
        page.keyboard.press("Enter")  # the legend does by keyboard what a click on a slice does
        settled(page)
        assert_tiles(page, asked, f"country = '{label}' AND segment = '{segment}'")


def test_shares_add_up_and_a_ratio_is_drawn_as_bars(open_page, asked):
    with open_page("composition") as page:
        biggest = page.locator(".panel-shares .entry").first
        country = biggest.locator("span").inner_text()
        share = asked("net", f"country = '{country}'") / asked("net")
        assert biggest.locator("em").inner_text() == f"{share * 100:.1f}%"
        assert tile(page, "net") in page.locator(".chart-shares .mark-text text").all_text_contents()
        shares = [
            float(text.rstrip("%")) for text in page.locator(".panel-shares .entry em").all_inner_texts()
        ]
        assert sum(shares) == pytest.approx(100, abs=0.5)
        titles = {
            each: page.locator(f".panel-{each} h3").inner_text() for each in ("shares", "movement", "table")
        }
        assert titles == {
            "shares": "Net revenue by country",
            "movement": "Why Net revenue moved",
            "table": "By country, segment, channel",
        }
        assert page.locator(".panel-stacked h3").inner_text().startswith("Net revenue by country and ")
        page.locator("[data-metric=basket]").click()
        settled(page)
        assert page.locator(".panel-shares").is_hidden()
        assert page.locator(".panel-stacked").is_hidden()
        assert page.locator(".panel-bars").is_visible()


def test_the_trend_follows_grain_split_and_metric(open_page, sales):
    with open_page("trend") as page:
        page.locator(".panel-trend [data-grain=month]").click()
        settled(page)
        assert page.locator(".panel-trend h3").inner_text() == "Net revenue per month"
        page.locator("[data-metric=rate]").click()
        settled(page)
        assert page.locator(".panel-trend h3").inner_text() == "Return rate per month"
        page.locator(".panel-trend select").select_option(label="Segment")
        settled(page)
        legend = page.locator(".panel-trend .legend").inner_text()
        assert {"SMB", "Enterprise", "Public"} <= set(legend.split("\n"))


def test_the_tooltip_tells_the_value(open_page, asked, sales):
    with open_page("comparison") as page:
        country = bars(page)[0]
        page.locator(".chart-bars .mark-rect path").first.hover()
        text = page.locator(".tooltip").inner_text()
        assert country in text
        assert f"£{asked('net', f'''country = '{country}' '''):,.2f}" in text


def test_the_tooltip_of_the_trend_tells_now_and_then(open_page, asked):
    with open_page("trend") as page:
        page.locator(".panel-trend").scroll_into_view_if_needed()
        place = page.locator(".chart-trend").bounding_box()
        page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
        reached = page.locator(".panel-trend .moment:has(circle)")
        assert reached.locator("circle").evaluate_all(
            "all => all.map((each) => getComputedStyle(each).opacity)"
        ) == ["1"]
        text = page.locator(".tooltip").inner_text()
        monday = re.search(r"Week of (\d+ \w+ \d{4})", text).group(1)
        week = datetime.strptime(monday, "%d %b %Y").date()
        between = (str(week), str(week + timedelta(days=6)))
        assert f"£{asked('net', between=between):,.2f}" in text
        assert "Previous period" in text


def test_the_table_sorts_pages_and_drills(open_page, asked, sales):
    with open_page("detail") as page:
        table = page.locator(".panel-table")

        def column(number: int) -> list[str]:
            return table.locator(f"tbody td:nth-child({number})").all_inner_texts()

        nets = [float(text.replace("£", "").replace(",", "")) for text in column(4)]
        assert nets == sorted(nets, reverse=True)
        assert len(nets) == 20
        table.get_by_role("button", name="Country").click()
        assert column(1) == sorted(column(1))
        assert table.locator("th").first.get_attribute("aria-sort") == "ascending"
        before = column(4)
        table.get_by_role("button", name="Next page").click()
        assert column(4) != before
        days = f"day BETWEEN '{OPENING[0]}' AND '{OPENING[1]}'"
        rows = f"SELECT DISTINCT country, segment, channel FROM orders WHERE {days}"
        combinations = len(sales.execute(rows).fetchall())
        assert table.locator("[role=status]").inner_text().startswith(f"{combinations} rows · page 2 of ")
        country = column(1)[0]
        table.locator("tbody td button").first.click()
        settled(page)
        assert_tiles(page, asked, f"country = '{country}'")


def test_the_table_is_taken_along_as_csv(open_page, tmp_path):
    with open_page("detail", accept_downloads=True) as page:
        with page.expect_download() as download:
            page.get_by_role("button", name="Download CSV").click()
        download.value.save_as(tmp_path / "table.csv")
        lines = (tmp_path / "table.csv").read_text(encoding="utf-8-sig").splitlines()
        assert lines[0] == "Country,Segment,Channel,Net revenue,Average basket,Return rate,Orders,Customers"
        assert len(lines) > 50


def test_a_mart_without_time_has_no_dates_and_no_change(open_page, sales):
    with open_page("timeless") as page:
        total = sales.execute(f"SELECT {SQL['net']} FROM orders").fetchone()[0]
        assert tile(page, "net") == write_compact(float(total), NET.form)
        assert page.locator("input[type=date]").count() == 0
        assert page.locator("[data-metric=net] .change").is_hidden()
        assert page.locator(".panel-trend").count() == 0


@pytest.mark.parametrize("name", [*map(str, Analysis), "timeless", "index"])
def test_a_phone_needs_no_sideways_scrolling(open_page, name):
    phone = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
    with open_page(name, **phone) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_the_theme_follows_the_system_and_the_button(open_page):
    def colours(page: Any) -> list[str]:
        return page.evaluate(
            """() => [document.body, document.querySelector('.chart-bars .role-axis-label text')]
                .map((e, i) => getComputedStyle(e)[i ? 'fill' : 'backgroundColor'])"""
        )

    with open_page("kpi", color_scheme="dark") as page:
        dark = colours(page)
        page.locator("#theme").click()
        light = colours(page)
        assert dark[0] == "rgb(14, 19, 29)"
        assert light[0] == "rgb(244, 246, 250)"
        assert dark[1] != light[1]
        page.reload()
        settled(page)
        assert colours(page) == light
        page.emulate_media(media="print")
        assert colours(page)[0] == "rgb(255, 255, 255)"


@pytest.mark.parametrize("width", [390, 700, 1000, 1280])
def test_an_open_menu_stays_in_the_window(open_page, width):
    with open_page("detail", viewport={"width": width, "height": 844}) as page:
        for menu in page.locator("#filters details").all():
            menu.locator("summary").click()
            box = menu.locator(".menu").bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            assert page.evaluate("[scrollX, document.documentElement.scrollWidth]") == [0, width]
            page.keyboard.press("Escape")


def test_everything_that_acts_has_a_name(open_page):
    with open_page("composition") as page:
        nameless = page.evaluate(
            """() => [...document.querySelectorAll('button, a, input, select, summary')]
                .filter(e => !e.textContent.trim() && !e.getAttribute('aria-label') && !e.closest('label'))
                .length"""
        )
        assert nameless == 0
        unlabelled = page.locator(".chart[role=img]:not([aria-label])").count()
        assert unlabelled == 0


def test_hostile_texts_and_values_do_nothing(open_page, make_card, sales, tmp_path):
    """Of a candidate, whose page has all that a page can have: also in what is wished, aimed at, and has moved."""
    bad = "</script ><img src=x onerror=alert(1)>{{7*7}}'\"\u2028"
    countries = [bad, "=cmd|' /C calc'!A0", "\u202eevil"]
    metrics = tuple(
        each.model_copy(update={"label": bad, "description": bad}) for each in (ORDERS, CUSTOMERS)
    )
    card = make_card(
        Analysis.composition,
        name="hostile",
        title=bad + "x" * 100_000,
        description=bad,
        ticket=bad,
        ticket_url="javascript:alert(2)",
        metrics=metrics,
        dimensions=("country",),
        wishes=Wishes(
            filters=(Filter(dimension="country", values=tuple(countries)),),
            targets=(Target(metric="orders", value=2, per="day"),),
            audience=(bad,),
        ),
        feedback=(SAID.model_copy(update={"author": bad, "body": bad}),),
        owner=bad,
        sources=((bad,),),
    )
    (dataset,) = card.datasets
    labels = {"day": bad, "country": bad}
    rows = tmp_path / "hostile.parquet"
    columns = "unnest(?) AS country, unnest([3, 2, 1]) AS orders, unnest([1, 2, 3]) AS customer"
    days = "range(date '2025-06-01', date '2025-12-01', interval 1 day)"
    by_day = f"SELECT unnest({days})::date AS day, c.* FROM (SELECT {columns}) AS c"
    sales.execute(f"COPY ({by_day}) TO '{rows}'", [countries])
    changed = {"extracts": (rows,), "datasets": (dataset.model_copy(update={"labels": labels}),)}
    url = FolderSite(folder=tmp_path / "site").publish_candidate(card.model_copy(update=changed)).url
    with open_page(url) as page:
        assert page.locator("img").count() == 0
        assert page.locator("script").count() == 3
        words = "</script ><img src=x onerror=alert(1)>{{7*7}}"
        assert page.locator("h1").inner_text().startswith(f"Candidate, not live: {words}")
        assert len(page.title()) <= 120
        shown = int(tile(page, "orders").replace(",", ""))
        assert page.locator("a[href^='javascript']").count() == 0
        labels = page.locator(".panel-shares .entry span").all_inner_texts()
        assert {each[:14] for each in labels} == {"</script ><img", "=cmd|' /C calc", "evil"}, labels
        moved = page.locator("[data-panel=movement]")
        assert words in moved.inner_text()
        assert "49" not in moved.locator("h3").first.inner_text()
        page.locator(".chart-trend").first.hover(force=True)
        page.locator(".chart-shares .mark-arc path").first.hover(force=True)
        page.locator(".panel-shares .entry", has_text="onerror").click()
        settled(page)
        assert int(tile(page, "orders").replace(",", "")) == shown // 2
        page.locator("details.share summary").click()
        assert words in page.locator("main").inner_text()
        assert (
            "has no value" not in page.locator("main").inner_text()
        )  # what is wished is there, as the data spell it
        assert page.locator("img").count() == 0


def test_the_index_opens_the_dashboards(open_page, pages):
    with open_page("index") as page:
        assert page.locator("h1").inner_text() == "Dashboards"
    assert re.match(r"file:///", pages["index"])
    assert urllib.parse.unquote(pages["index"]).endswith("/dashboards/index.html")


def test_an_address_shows_what_was_chosen(open_page, pages, asked):
    with open_page("trend") as page:
        choose(page, "Country", "Germany", "France")
        page.locator("[data-metric=rate]").click()
        page.locator(".panel-trend select").select_option(label="Segment")
        page.get_by_label("From", exact=True).fill("2025-10-05")
        page.get_by_label("To", exact=True).fill("19 Oct 2025")
        page.get_by_label("To", exact=True).press("Enter")
        page.wait_for_url(lambda url: "to=2025-10-19" in url)  # it is written a moment after the last change
        address = page.url
        page.locator(".panel-trend [data-grain=month]").click()
        page.go_back()
        page.wait_for_url(address)
        settled(page)
        assert page.locator(".panel-trend h3").inner_text() == "Return rate per day by segment"
    with open_page(address) as page:
        assert_tiles(page, asked, "country IN ('Germany', 'France')", ("2025-10-05", "2025-10-19"))
        assert page.locator(".panel-trend h3").inner_text() == "Return rate per day by segment"
        assert page.locator("[data-metric=rate]").get_attribute("aria-pressed") == "true"
    with open_page(f"{pages['trend']}#metric=gone&from=x&is.nothing=1&inside=[0]&by=[&inside={{") as page:
        assert_tiles(page, asked)


def test_time_stays_in_order_whatever_is_chosen(open_page):
    with open_page("composition") as page:
        page.locator(".panel-stacked [data-grain=month]").click()
        choose(page, "Country", "Malta")
        page.get_by_role("button", name="1 year", exact=True).click()
        page.locator("[data-metric=orders]").click()
        page.get_by_role("button", name="All", exact=True).first.click()
        settled(page)
        moments = page.locator(".chart-stacked .mark-rect path").evaluate_all(
            "all => all.map((each) => [Number(each.dataset.when), each.getBoundingClientRect().x])"
        )
        assert moments == sorted(moments)
        labels = page.locator(".chart-stacked .axis-x text").all_text_contents()
        assert labels[:2] == ["Oct 2024", "Jan 2025"] or labels[0].endswith("2024")
        assert sum(label.endswith(" 2025") for label in labels) == 1


def test_a_bar_is_reached_by_keyboard(open_page, asked):
    with open_page("comparison") as page:
        country = bars(page)[1]
        page.locator(".chart-bars .mark-rect path").first.focus()
        page.keyboard.press("ArrowDown")
        assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith(f"{country}, ")
        page.keyboard.press("Enter")
        settled(page)
        assert_tiles(page, asked, f"country = '{country}'")
        assert page.evaluate("document.activeElement.closest('.chart-bars') !== null")


def test_a_view_is_taken_along(open_page, asked, tmp_path):
    with open_page("detail", accept_downloads=True) as page:
        choose(page, "Segment", "SMB")
        page.locator("details.share summary").click()
        names = []
        for label in ("Picture (PNG)", "Table (CSV)", "Table (Excel)"):
            with page.expect_download() as download:
                page.get_by_role("button", name=label).click()
            names.append(download.value.suggested_filename)
            download.value.save_as(tmp_path / names[-1])
        view = "Sales 4 Jun 2025 – 30 Nov 2025 Segment SMB"
        assert names == [f"{view}.png", f"{view}.csv", f"{view}.xlsx"]
        assert (tmp_path / names[0]).read_bytes().startswith(b"\x89PNG")
        with zipfile.ZipFile(tmp_path / names[2]) as book:
            assert book.testzip() is None
            sheet = book.read("sheet.xml").decode()
        lines = (tmp_path / names[1]).read_text(encoding="utf-8-sig").splitlines()
        assert sheet.count("<row>") == len(lines)
        total = sum(float(line.split(",")[3]) for line in lines[1:])
        assert total == pytest.approx(asked("net", "segment = 'SMB'"))


def test_a_print_names_the_filters_and_has_the_whole_table(open_page):
    with open_page("detail") as page:
        choose(page, "Segment", "SMB")
        rows = int(page.locator(".panel-table [role=status]").inner_text().split()[0])
        assert rows > 20
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.locator("#chosen").inner_text() == "Segment: SMB"
        assert page.locator("#chosen").is_visible()
        assert page.locator(".panel-table tbody tr").count() == rows
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator(".panel-table tbody tr").count() == 20


def test_each_chart_has_a_table(open_page):
    with open_page("comparison") as page:
        page.locator(".panel-bars .twin summary").click()
        names = page.locator(".panel-bars .twin tbody td:first-child").all_inner_texts()
        assert names == bars(page)
        page.locator("[data-metric=rate]").click()
        assert page.locator(".panel-bars .twin th").all_inner_texts()[1] == "Return rate"


def test_the_same_time_last_year_is_compared(open_page, asked):
    with open_page("kpi") as page:
        page.get_by_label("From", exact=True).fill("2025-11-01")
        page.get_by_label("To", exact=True).fill("2025-11-30")
        page.locator("#against").select_option("year")
        then = asked("net", between=("2024-11-01", "2024-11-30"))
        moved = write_change(asked("net", between=("2025-11-01", "2025-11-30")), then, NET.form)
        assert moved in tile(page, "net", "change")
        assert page.locator("#compared").inner_text().endswith("compared with 1 Nov 2024 – 30 Nov 2024")


def test_a_figure_says_what_it_is(open_page):
    with open_page("kpi") as page:
        page.get_by_label("About Net revenue").click()
        about = page.locator(".about[open]").inner_text()
        assert "What Net revenue means" in about
        assert "sum of gross − sum of returned" in about
        assert "7 of 7 of sales passed" in about


def test_a_figure_leads_to_its_lineage_and_checks(open_page, make_card, tmp_path):
    site = FolderSite(folder=tmp_path / "site")
    checks = tmp_path / "site" / "checks.html"
    site.place.joinpath("dictionary.html").write_text("<title>Dictionary</title>")
    checks.write_text("<title>Checks</title>")
    card = make_card()
    card = card.model_copy(update={"gate": card.gate.model_copy(update={"data_docs": checks})})
    with open_page(site.publish(card).url) as page:
        page.get_by_label("About Net revenue").click()
        links = page.locator(".about[open] a").evaluate_all("all => all.map((a) => a.getAttribute('href'))")
        assert links == ["../dictionary.html#mart-sales", f"{checks.as_uri()}#checks-of-sales"]


def test_a_change_is_asked_for_where_the_ticket_is(browser, make_card, tmp_path):
    card = make_card(ticket_url="https://jira.example.com/browse/AN-1")
    address = FolderSite(folder=tmp_path).publish(card).url
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto(address)
    settled(page)
    page.evaluate("window.open = (url) => { window.opened = url; }")
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    choose(page, "Segment", "SMB")
    page.locator("details.share summary").click()
    page.get_by_role("button", name="Ask for a change").click()
    page.wait_for_function("window.copied")
    assert page.evaluate("window.opened") == "https://jira.example.com/browse/AN-1"
    copied = page.evaluate("window.copied")
    assert "Shown: 4 Jun 2025 – 30 Nov 2025; Segment: SMB" in copied
    assert "is.segment=SMB" in copied.split("Link: ")[1].splitlines()[0]
    assert f"Run: {card.run}" in copied
    assert copied.endswith("\n\nWhat should change: ")
    assert "paste it there" in page.locator(".share [role=status]").inner_text()
    context.close()


def test_a_split_is_drawn_side_by_side_at_one_scale(open_page):
    with open_page("trend") as page:
        page.locator(".panel-trend select").select_option(label="Segment")
        page.get_by_role("button", name="Side by side").click()
        settled(page)
        charts = page.locator(".panel-trend .small-charts > div")
        assert sorted(charts.locator("h4").all_inner_texts()) == ["Enterprise", "Public", "SMB"]
        scales = charts.evaluate_all(
            "all => all.map((one) => [...one.querySelectorAll('.axis-y text')].map((t) => t.textContent))"
        )
        assert scales[0] == scales[1] == scales[2]
        assert all(charts.nth(at).locator(".mark-line path").count() >= 1 for at in range(3))


def test_a_legend_is_below_its_chart_and_not_upon_it(open_page):
    with open_page("composition") as page:  # as it opens: the legend comes after the chart was first drawn
        assert "not complete" in page.locator(".panel-stacked .legend").inner_text()
        drawn = page.locator(".panel-stacked .chart svg").bounding_box()
        assert drawn["y"] + drawn["height"] <= page.locator(".panel-stacked .legend").bounding_box()["y"] + 1


def test_a_lone_point_is_drawn(open_page, make_card, tmp_path):
    where = "country = 'Germany' OR (country = 'Malta' AND day = date '2025-10-15')"
    card = make_card(Analysis.trend, dimensions=("country",), where=where)
    with open_page(FolderSite(folder=tmp_path).publish(card).url) as page:
        page.locator(".tile[data-metric=rate]").click()
        page.locator(".panel-trend select").select_option(label="Country")
        page.locator(".panel-trend [data-grain=month]").click()
        settled(page)
        assert page.locator(".panel-trend circle.lone").count() == 1


def test_parts_below_zero_are_bars_and_no_ring(open_page, make_card, tmp_path):
    lost = make_metric("lost", "Lost", ["-", ["measure", "returned"], ["measure", "gross"]])
    card = make_card(Analysis.composition, metrics=(lost,), dimensions=("country", "segment"))
    with open_page(FolderSite(folder=tmp_path).publish(card).url) as page:
        panel = page.locator(".panel-shares")
        assert panel.locator("path.slice, .mark-arc path").count() == 0
        assert panel.locator("rect").count() >= 3
        assert "-766K" in panel.inner_text()


PHONE = {"viewport": {"width": 390, "height": 844}}


@pytest.mark.parametrize("name", ["trend", "composition", "detail", "timeless", "index"])
@pytest.mark.parametrize("look", [{"color_scheme": "light"}, {"color_scheme": "dark"}, PHONE], ids=str)
def test_nothing_stands_in_the_way_of_anybody(open_page, name, look):
    """axe-core, WCAG 2.2 AA and its own good practice: no violation."""
    with open_page(name, **look) as page:
        page.evaluate(
            (Path(axe_playwright_python.__file__).with_name("axe.min.js")).read_text(encoding="utf-8")
        )
        rules = "{rules: {'target-size': {enabled: true}}, resultTypes: ['violations']}"
        found = page.evaluate(f"axe.run(document, {rules})")["violations"]
        assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []


def test_the_index_is_searched_and_ordered(open_page, make_card, tmp_path):
    site = FolderSite(folder=tmp_path / "site")
    cards = [
        make_card(name=name, title=name.title(), dimensions=(), metrics=(ORDERS,))
        for name in ("beta", "alpha")
    ]
    url = site.index(cards, [site.publish(card) for card in cards])
    with open_page(url) as page:
        page.get_by_label("Search the dashboards").fill("alp")
        assert page.locator(".card:visible h2").all_inner_texts() == ["Alpha"]
        page.get_by_label("Search the dashboards").fill("nothing")
        assert page.locator("#none").inner_text() == 'No dashboard has "nothing"'
        page.get_by_label("Search the dashboards").fill("")
        page.locator("#order").select_option("title")
        assert page.locator(".card h2").all_inner_texts() == ["Alpha", "Beta"]
    site.mark_held(["beta"], "a check of sales did not pass: <b>too few</b>")
    for address in (url, url.replace("index.html", "beta/index.html")):
        with open_page(address) as page:
            held = page.locator(".held").inner_text()
            assert re.search(r"held back since \d+ \w{3} \d{4}, \d\d:\d\d UTC", held)
            assert "because a check of sales did not pass: <b>too few</b>" in held
    site.index(cards, [site.publish(card) for card in cards])
    with open_page(url) as page:
        assert page.locator(".held").count() == 0
