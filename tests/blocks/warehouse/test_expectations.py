"""Every expectation of the installed Great Expectations, on every warehouse, as the table in docs/quality.md says."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from blocks.quality.expectations import OUTLIERS, REFUSED, WITHOUT_SQL, find_fault, find_refusal
from blocks.quality.suites import Suites
from blocks.records import Check
from blocks.warehouse.base import Warehouse
from tests.blocks.quality.expectation_examples import EXAMPLES, SQL
from tests.blocks.warehouse.test_mart_diff_contract import everywhere, warehouse  # noqa: F401  # fixture
from tests.conftest import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:force_div_is_floordiv")  # SQLAlchemy, of Snowflake's dialect
DOCS = ROOT / "docs" / "quality.md"
HEADS = {"duckdb": "DuckDB", "postgres": "PostgreSQL", "snowflake": "Snowflake", "dremio": "Dremio"}


def audit(house: Warehouse, folder: Path, passing: bool) -> list[Check]:
    """The checks of one example each, named by their expectation."""
    suite = [
        {"type": kind, "kwargs": pair[0 if passing else 1], "meta": {"name": kind}}
        for kind, pair in EXAMPLES.items()
    ]
    (folder / "m.json").write_text(json.dumps({"expectations": suite}))
    return Suites(folder=folder, docs=folder / "docs").audit(house, {"m": "rel_e.m"})


def read_table() -> dict[str, list[str]]:
    """Expectation → its cells in the documentation."""
    lines = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {found[0].strip("`"): found[1:] for found in cells}


def write_column(at: int, column: dict[str, str]) -> None:
    text = DOCS.read_text(encoding="utf-8")
    table = read_table()
    rows = {name: table.get(name, ["?"] * len(HEADS)) for name in sorted({*column, *table})}
    for name, word in column.items():
        rows[name][at] = word
    before, _, rest = text.partition("<!-- table -->\n")
    after = rest.partition("<!-- end of table -->")[2]
    head = ["", *HEADS.values()]
    lines = [head, ["---"] * len(head), *([f"`{name}`", *cells] for name, cells in rows.items())]
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    DOCS.write_text(f"{before}<!-- table -->\n\n{body}\n\n<!-- end of table -->{after}", encoding="utf-8")


def test_every_expectation_there_is_has_an_example_or_is_refused() -> None:
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    find_fault({"type": "expect_column_to_exist", "kwargs": {"column": "k"}})  # which registers them
    known = {name for name in list_registered_expectation_implementations() if not name.startswith("test_")}
    assert known == set(EXAMPLES) | WITHOUT_SQL
    for name in WITHOUT_SQL:
        assert "SQL" in find_fault({"type": name, "kwargs": {"column": "k"}})


@everywhere
def test_it_is_judged_as_the_table_says(
    warehouse: Warehouse,  # noqa: F811
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """One that passes passes and one that fails fails, or it is said as not run."""
    with warehouse.session() as session:
        warehouse.make_schema(session, "rel_e")
        for table, where in (("m", ""), ("other", ""), ("empty", " where k < 0")):
            session.rows(
                f"create table {warehouse.relation(f'rel_e.{table}')} as select * from ({SQL}) as q{where}"
            )
    good, bad = (audit(warehouse, tmp_path, passing) for passing in (True, False))
    pairs = {check.name: [check] for check in good}
    for check in bad:
        pairs[check.name].append(check)
    assert set(pairs) == set(EXAMPLES)
    column = {name: word(*pair) for name, pair in pairs.items()} | dict.fromkeys(WITHOUT_SQL, "refused")
    at = list(HEADS).index(request.node.callspec.params["warehouse"])
    if os.environ.get("UPDATE_DOCS"):
        write_column(at, column)
        wrong = {
            name: [(each.status, each.observed) for each in pairs[name]]
            for name in EXAMPLES
            if column[name] != "yes"
        }
        print(json.dumps(wrong, indent=1))
    assert {name: cells[at] for name, cells in read_table().items()} == column


@everywhere
def test_a_relation_may_have_a_name_that_has_to_be_quoted(warehouse: Warehouse, tmp_path: Path) -> None:  # noqa: F811
    """As a model's alias may be."""
    suite = [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "k"}}]
    (tmp_path / "m.json").write_text(json.dumps({"expectations": suite}))
    with warehouse.session() as session:
        warehouse.make_schema(session, "rel_q")
        session.rows(
            f"create table {warehouse.relation('rel_q.Odd x')} as select 1 as {warehouse.quote('k')}"
        )
    (check,) = Suites(folder=tmp_path, docs=tmp_path / "docs").audit(warehouse, {"m": "rel_q.Odd x"})
    assert check.status == "passed"


def word(good: Check, bad: Check) -> str:
    """How a pair of examples was judged."""
    if good.not_run and bad.not_run:
        return "refused" if good.observed.startswith(REFUSED) else "not run"
    return "yes" if (good.status, bad.status) == ("passed", "failed") else f"{good.status}, {bad.status}"


def test_outliers_by_deviation_are_refused_nowhere() -> None:
    by = {
        method: {"type": OUTLIERS, "kwargs": {"column": "x", "method": method}} for method in ("iqr", "std")
    }
    for dialect in ("duckdb", "dremio"):
        assert "use method std" in find_refusal(by["iqr"], dialect)
        assert "use method std" in find_refusal({"type": OUTLIERS, "kwargs": {"column": "x"}}, dialect)
        assert not find_refusal(by["std"], dialect)
    assert not find_refusal(by["iqr"], "postgresql")
