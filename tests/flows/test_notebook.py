"""The documentation's notebook runs on a delivered demo, and its metrics are what pages show."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pandas as pd
import pytest

import flows.notebook
from tests.conftest import ROOT
from tests.flows.conftest import Place
from tests.referee.served import Served

NOTEBOOK = ROOT / "docs" / "notebook.ipynb"
METRICS = {"net_revenue", "refund_rate", "average_customer_value", "product_revenue"}


def test_the_documented_notebook_runs(delivered: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows.notebook, "STATE", delivered.state)
    monkeypatch.chdir(ROOT / "docs")  # where Jupyter starts it
    monkeypatch.syspath_prepend("..")
    flows.notebook._open_local.cache_clear()
    written = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in written["cells"] if cell["cell_type"] == "code"]
    assert not [cell for cell in written["cells"] if cell.get("outputs")]
    names: dict[str, object] = {}
    try:
        for number, text in enumerate(cells):
            exec(compile(text, f"{NOTEBOOK.name}[{number}]", "exec"), names)
    finally:
        flows.notebook._open_local.cache_clear()
    revenue, checks, journal = (names[name] for name in ("revenue", "checks", "journal"))
    assert isinstance(revenue, pd.DataFrame)
    assert isinstance(checks, pd.DataFrame)
    assert isinstance(journal, pd.DataFrame)
    assert revenue.attrs["release"]["run"] == delivered.read_served()
    assert set(checks["status"]) <= {"passed", "warned"}
    assert "daily_revenue" in set(checks["scope"])
    assert journal["state"].iloc[-1] == "published"


def test_a_mart_is_exported_from_the_command_line(delivered: Place, tmp_path: Path) -> None:
    served = str(delivered.read_served())
    message = delivered.run("export", "daily_revenue", "--to", tmp_path / "days.xlsx")
    about = pd.read_excel(tmp_path / "days.xlsx", sheet_name="About").to_dict("records")[0]
    rows = len(pd.read_excel(tmp_path / "days.xlsx"))
    assert about["release"] == served
    assert message.startswith(f"{rows:,} rows of daily_revenue in {tmp_path / 'days.xlsx'}")
    assert f"of run {served}, published at " in message
    assert f"data up to {about['data up to']}" in message
    assert "--overwrite" in delivered.run("export", "daily_revenue", "--to", tmp_path / "days.xlsx", expect=1)
    message = delivered.run("export", "dayly_revenue", "--to", tmp_path / "days.csv", expect=1)
    assert "did you mean daily_revenue?" in message


def test_metrics_are_what_pages_show(delivered: Place, tmp_path: Path) -> None:
    notebook = flows.notebook.open_notebook(state=delivered.state)
    node = shutil.which("node")
    with duckdb.connect(str(delivered.state / "serving.duckdb"), read_only=True) as connection:
        served = Served(notebook.catalogue, connection, "main", tmp_path, node)
    questions = [question for question in served.questions() if question.metric in METRICS]
    shown = served.page(questions) if node else served.picture(questions)
    assert {question.metric for question in shown} == METRICS
    for question, expected in shown.items():
        where = {question.where[0]: question.where[1]} if question.where else {}
        found = notebook.read_metric(question.metric, question.by or (), question.grain, where)
        values = found.dropna(subset=[question.metric])
        days = [None] * len(values) if question.grain is None else values.iloc[:, 0].tolist()
        labels = [None] * len(values) if question.by is None else values[question.by].tolist()
        answer = {
            (day, "(blank)" if question.by and pd.isna(label) else label): value
            for day, label, value in zip(days, labels, values[question.metric], strict=True)
        }
        assert answer == pytest.approx(expected, rel=1e-9), question
