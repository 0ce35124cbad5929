"""Frames of what readers see: exact types, the release they are of, and questions that are refused with a reason."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest

from blocks.catalogue import Catalogue
from blocks.dbt.project import DbtProject
from blocks.errors import Busy, Misconfigured, NotFound, PlatformError
from blocks.notebook.exports import write_export
from blocks.notebook.metric_query import Between
from blocks.notebook.reader import ServedReader
from blocks.records import Release
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from flows.notebook import Notebook, open_notebook, write_workbook

ROWS = """
select * from (values
    (timestamptz '2026-01-30 23:30:00+00', 'north', 3::bigint, 1.10::decimal(18, 2), true, timestamp '2026-01-30'),
    (timestamptz '2026-02-01 08:00:00+00', 'south', 4, 2.20, false, null),
    (timestamptz '2026-02-28 08:00:00+00', null, null, null, null, null),
    (null, 'north', 100, 100.00, true, null)
) as t(sold_at, region, units, amount, paid, noted_at)
"""


def manifest() -> dict[str, Any]:
    """Mart `sales` with metrics by region and day; one of them an approximate percentile."""
    node = {"name": "sales", "resource_type": "model", "unique_id": "model.p.sales", "schema": "s"}
    measures = [("units", "sum"), ("amount", "sum"), ("middle", "percentile")]
    metrics = {
        name: {"name": name, "type": "simple", "type_params": {"measure": {"name": name}}}
        for name, _ in measures
    }
    parts = {"numerator": {"name": "amount"}, "denominator": {"name": "units"}}
    metrics["price"] = {"name": "price", "type": "ratio", "type_params": parts}
    ever = {"measure": {"name": "units"}, "cumulative_type_params": {"grain_to_date": "year"}}
    metrics["to_date"] = {"name": "to_date", "type": "cumulative", "type_params": ever}
    month = {"count": 1, "granularity": "month"}
    before = {"name": "units", "alias": "before", "offset_window": month}
    metrics["before"] = {
        "name": "before",
        "type": "derived",
        "type_params": {"expr": "before", "metrics": [before]},
    }
    spine = {"measure": {"name": "units", "fill_nulls_with": 0, "join_to_timespine": True}}
    metrics["daily"] = {"name": "daily", "type": "simple", "type_params": spine}
    model = {
        "name": "sales",
        "depends_on": {"nodes": ["model.p.sales"]},
        "defaults": {"agg_time_dimension": "sold_at"},
        "dimensions": [
            {"name": "sold_at", "type": "time", "type_params": {"time_granularity": "day"}},
            {"name": "region", "type": "categorical"},
            {"name": "paid", "type": "categorical"},
        ],
        "measures": [
            {"name": name, "agg": agg, "expr": "units" if agg == "percentile" else name}
            | {"agg_params": {"percentile": 0.5, "use_approximate_percentile": True}}
            for name, agg in measures
        ],
    }
    return {
        "metadata": {"adapter_type": "duckdb", "project_name": "p"},
        "sources": {},
        "exposures": {},
        "nodes": {"model.p.sales": node | {"alias": "sales", "config": {}}},
        "semantic_models": {"sales": model},
        "metrics": metrics,
    }


def publish(warehouse: DuckDBWarehouse, run: str) -> None:
    with warehouse.session() as session:
        warehouse.make_schema(session, f"rel_{run}")
        session.rows(f"create table rel_{run}.sales as {ROWS}")
    marts = {"sales": f"rel_{run}.sales"}
    warehouse.flip(Release(run=run, marts=marts, published_at=datetime(2026, 3, 1, 12)))


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    made = DuckDBWarehouse(database=str(tmp_path / "warehouse.duckdb"))
    publish(made, "one")
    return made


@pytest.fixture
def reader(warehouse: DuckDBWarehouse) -> ServedReader:
    return ServedReader(warehouse, Catalogue(manifest(), "Europe/Berlin"))


def test_a_mart_has_the_warehouses_types_and_its_nulls(reader: ServedReader, tmp_path: Path) -> None:
    sales = reader.read_mart("sales").sort_values("sold_at")
    assert {name: str(kind) for name, kind in sales.dtypes.items()} == {
        "sold_at": "datetime64[us, Europe/Berlin]",
        "region": "str",
        "units": "Int64",
        "amount": "decimal128(18, 2)[pyarrow]",
        "paid": "boolean",
        "noted_at": "datetime64[us]",
    }
    assert sales["sold_at"].iloc[0] == pd.Timestamp("2026-01-30 23:30", tz="UTC")
    assert sales["sold_at"].iloc[0].day == 31
    assert sales["amount"].sum() == Decimal("103.30")
    assert sales["units"].isna().sum() == sales["amount"].isna().sum() == sales["region"].isna().sum() == 1
    assert sales.attrs == {
        "release": {"run": "one", "published_at": "2026-03-01T12:00:00.000Z"},
        "freshness": "2026-02-28",
    }
    sales.to_parquet(tmp_path / "sales.parquet")
    assert pd.read_parquet(tmp_path / "sales.parquet").attrs == sales.attrs


def test_sums_of_whole_numbers_stay_whole_and_too_wide_ones_exact(warehouse: DuckDBWarehouse) -> None:
    from blocks.notebook.frames import read_query

    with warehouse.session() as session:
        frame = read_query(session, f"select sum(units) as s, {10**20}::hugeint as h from ({ROWS}) as r")
    assert (str(frame["s"].dtype), frame["s"][0]) == ("Int64", 107)
    assert (str(frame["h"].dtype), frame["h"][0]) == ("decimal128(38, 0)[pyarrow]", Decimal(10**20))


def test_a_profile_says_what_the_rows_of_a_mart_say_of_its_columns(reader: ServedReader) -> None:
    found = reader.read_profile("sales").set_index("name")
    assert found.loc["region"].tolist() == ["VARCHAR", 4, 1, 2, "north", "south", False]
    assert found.loc["amount", "data_type"] == "DECIMAL(18,2)"
    assert found["rows"].tolist() == [4] * len(found)
    assert found.attrs["freshness"] == "2026-02-28"
    with pytest.raises(NotFound, match="did you mean sales"):
        reader.read_profile("sale")


def test_a_mart_goes_into_a_workbook(reader: ServedReader, tmp_path: Path) -> None:
    """Zones, decimals, nulls and what was published come along; nothing of the data becomes a formula."""
    sales = reader.read_mart("sales")
    odd = pd.DataFrame(
        {
            "text": ["=1+1", "#N/A", "a\x01b"],
            "wide": [Decimal("12345678901234567.89"), Decimal("0.10"), None],
            "long": pd.array([10**17 + 1, 5, None], "Int64"),
            "day": [date(1815, 6, 18), date(2026, 1, 2), None],
            "part": [float("inf"), 0.25, float("nan")],
            "list": [[1, 2], [], None],
        }
    )
    write_workbook(tmp_path / "sales.xlsx", {"Sales": sales, "Odd": odd})
    read = pd.read_excel(tmp_path / "sales.xlsx", sheet_name=None)
    again = read["Sales"]
    assert list(again.columns) == ["sold_at (Europe/Berlin)", *sales.columns[1:]]
    assert again.iloc[:, 0].min() == pd.Timestamp("2026-01-31 00:30")
    assert again["amount"].sum() == pytest.approx(103.3)
    assert again["units"].isna().sum() == again["region"].isna().sum() == 1
    assert read["About"].to_dict("records")[0] == {
        "sheet": "Sales",
        "release": "one",
        "published at": "2026-03-01T12:00:00.000Z",
        "data up to": "2026-02-28",
    }
    cells = openpyxl.load_workbook(tmp_path / "sales.xlsx")["Odd"]
    assert [[(cell.value, cell.data_type) for cell in row] for row in cells.iter_rows(min_row=2)] == [
        [
            *[("=1+1", "s"), ("12345678901234567.89", "s"), ("100000000000000001", "s"), ("1815-06-18", "s")],
            *[("inf", "s"), ("[1, 2]", "s")],
        ],
        [("#N/A", "s"), (0.1, "n"), (5, "n"), (datetime(2026, 1, 2), "d"), (0.25, "n"), ("[]", "s")],
        [("a\ufffdb", "s"), *[(None, "n")] * 5],
    ]
    assert cells["B3"].number_format == "0.00"


def test_a_mart_goes_into_csv_and_parquet(reader: ServedReader, tmp_path: Path) -> None:
    sales = reader.read_mart("sales")
    assert write_export(tmp_path / "sales.parquet", "sales", sales) == []
    again = pd.read_parquet(tmp_path / "sales.parquet")
    pd.testing.assert_frame_equal(again.astype(sales.dtypes), sales)
    assert pd.read_parquet(tmp_path / "sales.parquet").attrs == sales.attrs
    odd = pd.DataFrame(
        {
            "=text": ["=1+1", "-5", "", None, 'a,"b"\nc', "plain"],
            "exact": [Decimal("0E-8"), Decimal("-1.10"), None, Decimal(10**20), None, None],
            "whole": pd.array([10**17 + 1, -5, None, 0, 1, 2], "Int64"),
            "part": [0.1, float("nan"), 1e300, -2.5, 0.0, 1.0],
            "is_it": pd.array([True, False, None, True, True, True], "boolean"),
            "day": [date(1815, 6, 18), None, None, None, None, None],
        }
    )
    odd.attrs = sales.attrs
    notes = write_export(tmp_path / "odd.csv", "odd", odd)
    assert (tmp_path / "odd.csv").read_text(encoding="utf-8").splitlines() == [
        "'=text,exact,whole,part,is_it,day",
        "'=1+1,0.00000000,100000000000000001,0.1,true,1815-06-18",
        "'-5,-1.10,-5,,false,",
        '"",,,1e+300,,',
        ",100000000000000000000,0,-2.5,true,",
        '"a,""b""',
        'c",,1,0.0,true,',
        "plain,,2,1.0,true,",
    ]
    assert notes[1].startswith("3 texts that a spreadsheet would take for formulas")
    assert json.loads((tmp_path / "odd.csv.about.json").read_text(encoding="utf-8")) == {
        "sheet": "odd",
        "release": "one",
        "published_at": "2026-03-01T12:00:00.000Z",
        "data_up_to": "2026-02-28",
        "rows": 6,
    }


def test_a_file_that_is_there_is_not_written_over(reader: ServedReader, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    sales = reader.read_mart("sales")
    for name in ("a.xlsx", "a.parquet", "a.csv", "b.csv.about.json"):
        (folder / name).write_text("kept")
    for name in ("a.xlsx", "a.parquet", "a.csv", "b.csv"):
        with pytest.raises(Misconfigured, match=r"is there already.*--overwrite"):
            write_export(folder / name, "sales", sales)
    assert {path.read_text() for path in folder.iterdir()} == {"kept"}
    for name in ("a.xlsx", "a.parquet", "a.csv", "b.csv"):
        write_export(folder / name, "sales", sales, overwrite=True)
        assert (folder / name).stat().st_size > 100
    with pytest.raises(Misconfigured, match=r"its ending is none of \.xlsx, \.csv, \.parquet"):
        write_export(folder / "a.json", "sales", sales)
    with pytest.raises(NotFound, match="there is no folder"):
        write_export(folder / "none" / "a.csv", "sales", sales)


@pytest.mark.parametrize(
    ("name", "sheets", "answer"),
    [
        ("a.xls", {"A": 1}, "not named as a workbook"),
        ("a.xlsx", {"a/b": 1}, "can't be a sheet's name"),
        ("a.xlsx", {"about": 1}, "can't be a sheet's name"),
        ("a.xlsx", {"A": 1, "a": 1}, "can't be a sheet's name"),
        ("a.xlsx", {"A": 1_048_576}, "1,048,576 rows, and a sheet holds 1,048,575"),
        ("a.xlsx", {"A": "x" * 32_768}, "a text of A.0 has 32,768 characters"),
    ],
)
def test_what_no_workbook_holds_is_refused(
    name: str, sheets: dict[str, object], answer: str, tmp_path: Path
) -> None:
    frames = {
        sheet: pd.DataFrame([what]) if isinstance(what, str) else pd.DataFrame(index=range(int(str(what))))
        for sheet, what in sheets.items()
    }
    with pytest.raises(Misconfigured, match=answer):
        write_workbook(tmp_path / name, frames)
    assert not list(tmp_path.iterdir())


def test_a_metric_by_time_and_dimension(reader: ServedReader) -> None:
    found = reader.read_metric("price", ["region"], "month", {})
    assert list(found.columns) == ["sold_at", "region", "price"]
    rows = [
        tuple(None if pd.isna(value) else value for value in row) for row in found.itertuples(index=False)
    ]
    assert rows == [
        (date(2026, 1, 1), "north", pytest.approx(1.1 / 3)),
        (date(2026, 2, 1), "south", pytest.approx(2.2 / 4)),
        (date(2026, 2, 1), None, None),
    ]
    assert found.attrs["incomplete"] == ["2026-01-01"]  # 31 January in Berlin to 28 February, which is whole
    assert (found.attrs["has_undated"], found.attrs["undated"]) == (True, None)  # an average does not add up
    assert found.attrs["freshness"] == "2026-02-28"


@pytest.mark.parametrize(
    ("where", "units"),
    [
        ({}, 7),
        ({"region": "north"}, 3),
        ({"region": ["north", "south"]}, 7),
        ({"region": [None, "south"]}, 4),
        ({"region": Between("o", None)}, 4),
        ({"paid": True}, 3),
        ({"paid": np.bool_(False)}, 4),
        ({"sold_at": Between("2026-02-01", date(2026, 2, 27))}, 4),
        ({"sold_at": Between(pd.Timestamp("2026-01-31"), "2026-01-31"), "region": "north"}, 3),
    ],
)
def test_a_metric_of_some_rows(reader: ServedReader, where: dict[str, object], units: float) -> None:
    assert reader.read_metric("units", [], None, where)["units"].tolist() == [units]


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ({"name": "unit"}, "no such metric .did you mean units"),
        ({"name": "middle"}, "no dashboard can show it: .*approximate percentile"),
        ({"by": ["regoin"]}, "did you mean region"),
        ({"by": ["sold_at"]}, "is its time"),
        ({"by": ["region", "region"]}, "twice"),
        ({"grain": "hour"}, "grain can be day, week, month"),
        ({"where": {"regio": "north"}}, "did you mean region"),
        ({"where": {"region": "North"}}, "no row has 'North' .did you mean north"),
        ({"where": {"region": "' or 1=1 --"}}, "no row has"),
        ({"where": {"region": 3}}, "is a int, the dimension holds varchar"),
        ({"where": {"region": []}}, "lists no value"),
        ({"where": {"paid": 1}}, "holds boolean"),
        ({"where": {"sold_at": Between("last week", None)}}, "holds date"),
        ({"where": {"sold_at": Between(datetime(2026, 2, 1, 12), None)}}, "holds date"),
    ],
)
def test_what_can_not_be_asked_is_refused_with_its_reason(
    reader: ServedReader, question: dict[str, Any], reason: str
) -> None:
    asked = {"name": "units", "by": [], "grain": None, "where": {}} | question
    with pytest.raises(PlatformError, match=reason):
        reader.read_metric(**asked)


def test_metrics_of_other_times_than_the_one_that_is_asked_for(reader: ServedReader) -> None:
    def ask(name: str, grain: str | None, **where: object) -> list[tuple[object, ...]]:
        found = reader.read_metric(name, [], grain, where)
        return [tuple(None if pd.isna(v) else v for v in row) for row in found.itertuples(index=False)]

    assert ask("to_date", None) == [(7,)]  # as of 28 February
    february = Between("2026-02-01", "2026-02-03")
    assert ask("to_date", "day", sold_at=february) == [(date(2026, 2, day), 7) for day in (1, 2, 3)]
    # January is on 31 January alone
    assert ask("before", "month") == [(date(2026, 1, 1), None), (date(2026, 2, 1), 3)]
    with pytest.raises(PlatformError, match="Give a grain"):
        ask("before", None)
    days = dict(ask("daily", "day"))
    assert len(days) == 29
    assert {day: units for day, units in days.items() if units} == {
        date(2026, 1, 31): 3,
        date(2026, 2, 1): 4,
    }


def test_unknown_marts_and_nothing_published_are_said(reader: ServedReader, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"did you mean sales.*They see: sales"):
        reader.read_mart("sale")
    empty = DuckDBWarehouse(database=str(tmp_path / "empty" / "warehouse.duckdb"))
    with pytest.raises(NotFound, match="Publish a release first"):
        ServedReader(empty, Catalogue(manifest())).read_mart("sales")


def test_duckdbs_readers_need_the_readers_file_alone(
    warehouse: DuckDBWarehouse, reader: ServedReader
) -> None:
    with warehouse.open_readers() as held:
        publish(warehouse, "two")  # a reader is no obstacle
        assert held.rows('select distinct run from "serving"."_release"') == [("one",)]
        warehouse.path.unlink()
        assert reader.read_mart("sales").attrs["release"]["run"] == "two"
        assert reader.read_metric("units", [], None, {}).attrs["release"]["run"] == "two"


def test_rows_are_of_the_release_that_is_named(
    warehouse: DuckDBWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = ServedReader(warehouse, Catalogue(manifest()))
    runs = iter("abacdd")  # what readers see before and after: another release twice, then the same
    seen = lambda self, session: Release(run=next(runs), marts={"sales": "rel_one.sales"})  # noqa: E731
    monkeypatch.setattr(ServedReader, "_read_release", seen)
    assert reader.read_mart("sales").attrs["release"]["run"] == "d"
    runs = iter("abcdef")
    with pytest.raises(Busy, match="Ask again"):
        reader.read_metric("units", [], None, {})


def test_metrics_are_those_of_the_last_run(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    import json

    (tmp_path / "dbt_project.yml").write_text("name: p\nprofile: p\n")
    project = DbtProject(folder=tmp_path, state=tmp_path / "dbt")
    assert project.read_parsed(warehouse) is None
    (tmp_path / "dbt" / "target").mkdir(parents=True)
    written = tmp_path / "dbt" / "target" / "manifest.json"
    written.write_text(json.dumps(manifest()))
    notebook = Notebook(warehouse, project)
    assert notebook.read_metric("units", by="region", where={"region": "south"})["units"].tolist() == [4]
    for other in ({"project_name": "q", "adapter_type": "duckdb"}, {"project_name": "p"}):
        written.write_text(json.dumps(manifest() | {"metadata": other}))
        assert project.read_parsed(warehouse) is None
    assert notebook.read_journal().empty
    assert str(notebook.read_journal()["at"].dtype) == "datetime64[us, UTC]"
    assert str(notebook.read_ledger()["rows"].dtype) == "Int64"
    with pytest.raises(NotFound, match="did you mean sales"):
        notebook.read_checks("sale")


def test_only_a_warehouse_is_opened(tmp_path: Path) -> None:
    assert open_notebook(state=tmp_path).warehouse.database == str(tmp_path.resolve() / "warehouse.duckdb")
    with pytest.raises(Misconfigured, match="no warehouse"):
        open_notebook(7)  # type: ignore[arg-type]
