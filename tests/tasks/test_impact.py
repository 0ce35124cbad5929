"""What depends on a source's column: read from compiled SQL, column by column; what can't be read counts as all."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import pytest

from blocks.column_lineage import ColumnLineage, read_cache, write_cache
from blocks.dbt.project import DbtProject
from blocks.errors import NotFound
from blocks.records import Analysis, Dashboard, LoadReport
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from flows.check import show_impact
from flows.flags import read_flags
from flows.terminal import Terminal
from tasks.impact import describe_impact, find_impact, say_impact
from tests.conftest import TINY


def node(name: str, *parents: str, **more: object) -> dict[str, object]:
    place = {"database": "w", "schema": "rel", "alias": name, "name": name}
    return {"resource_type": "model", **place, "depends_on": {"nodes": list(parents)}, **more}


def trace(models: dict[str, tuple[str, ...]], compiled: dict[str, str], **more: object) -> ColumnLineage:
    source = {"resource_type": "source", "database": "w", "schema": "raw"}
    manifest = {
        "nodes": {f"model.p.{name}": node(name, *parents, **more) for name, parents in models.items()},
        "sources": {
            "s.t": {**source, "identifier": "t", "columns": {"ID": {}, "Amount": {}, "kind": {}}},
            "s.u": {**source, "identifier": "u", "columns": {}},
        },
    }
    return ColumnLineage(manifest, {f"model.p.{name}": sql for name, sql in compiled.items()}, "duckdb")


@pytest.mark.parametrize(
    ("sql", "column", "origins"),
    [
        ('select id, amount from "w"."raw"."t"', "amount", {"t.amount"}),
        (
            "with a as (select * from raw.t), b as (select * from a) select amount * 2 as x from b",
            "x",
            {"t.amount"},
        ),
        ("select sum(amount) over (partition by kind) as x from raw.t", "x", {"t.amount", "t.kind"}),
        ("select t.id, u.label from raw.t left join raw.u as u on u.id = t.id", "label", {"u.label"}),
        ("select id as x from raw.t union all select kind from raw.t", "x", {"t.id", "t.kind"}),
        (
            "select (select max(o.amount) from raw.t as o where o.id = t.id) as x from raw.t",
            "x",
            {"t.amount", "t.id"},
        ),
        ("select ID, AMOUNT as Total from RAW.T", "total", {"t.amount"}),
        ("select 1 as x from raw.t", "x", set()),
        ("select * exclude (kind) from raw.t", "amount", {"t.amount"}),
        ("select * from raw.u", "anything", {"t.*", "u.*"}),
        ("this is no sql at all (", "anything", {"t.*", "u.*"}),
    ],
)
def test_a_column_is_followed_to_the_source(sql: str, column: str, origins: set[str]) -> None:
    lineage = trace({"m": ("s.t", "s.u")}, {"m": sql})
    found = lineage.origins("model.p.m", column)
    assert {f"{key[-1]}.{name}" for key, name in found} == origins


def test_what_is_only_filtered_by_is_read_too_and_values_are_followed_through_models() -> None:
    lineage = trace(
        {"a_last": ("model.p.mid",), "mid": ("s.t",), "python": ("model.p.mid",)},
        {
            "mid": "select id, amount as money from raw.t where kind = 'x'",
            "a_last": "select * from rel.mid",
        },
    )
    assert lineage.list_readers([("s.t", "Kind")]) == ["model.p.mid"]
    assert [*lineage.list_affected([("s.t", "kind")])] == [("s.t", "kind")]
    assert {*lineage.list_affected([("s.t", "amount")])} == {
        ("s.t", "amount"),
        ("model.p.mid", "money"),
        ("model.p.a_last", "money"),
        ("model.p.python", "*"),
    }
    assert lineage.columns("model.p.a_last") == ["id", "money"]


def test_what_was_read_is_not_read_again_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    own = ColumnLineage._read
    monkeypatch.setattr(
        ColumnLineage, "_read", lambda self, key, sql: read.append(key) or own(self, key, sql)
    )
    manifest = {
        "nodes": {"model.p.a": node("a", "s.t"), "model.p.b": node("b", "model.p.a")},
        "sources": {
            "s.t": {"resource_type": "source", "schema": "raw", "identifier": "t", "columns": {"id": {}}}
        },
    }
    for release, column, expected in (
        ("rel_1", "id", ["model.p.a", "model.p.b"]),
        ("rel_2", "id", []),
        ("rel_3", "id + 1", ["model.p.a"]),  # what is made of it has the same columns
        ("rel_4", "id as other", ["model.p.a", "model.p.b"]),
    ):
        read.clear()
        place = {"schema": release}
        nodes = {key: {**each, **place} for key, each in manifest["nodes"].items()}
        compiled = {
            "model.p.a": f"select {column}{'' if ' as ' in column else ' as id'} from w.raw.t",
            "model.p.b": f"select * from w.{release}.a",
        }
        cache = read_cache(tmp_path / "columns.json")
        lineage = ColumnLineage({**manifest, "nodes": nodes}, compiled, "duckdb", cache, release)
        write_cache(tmp_path / "columns.json", cache)
        assert read == expected, release
        name = "other" if "other" in column else "id"
        assert lineage.columns("model.p.b") == [name]


def test_a_broken_load_says_who_depends_on_its_columns(tmp_path: Path) -> None:
    warehouse = DuckDBWarehouse(database=str(tmp_path / "house.duckdb"))
    project = DbtProject(folder=TINY / "dbt", state=tmp_path / "state")
    dbt = project.open(warehouse, "rel_impact")
    gone = LoadReport(source="bikes", table="rides", loader="dlt", error="Gone.", broken=("minutes",))
    retyped = gone.model_copy(update={"broken": ("station",), "retyped": True})
    well = gone.model_copy(update={"error": None, "broken": ()})
    asked = Dashboard(
        name="bk_2",
        analysis=Analysis.kpi,
        metrics=("minutes",),
        dimensions=(),
        marts=("station_days",),
        ticket="BK-2",
    )
    try:
        catalogue = dbt.catalogue
        message = say_impact([gone, retyped, well], catalogue, dbt, [asked])
        lineage = dbt.trace_columns()
        assert dbt.catalogue.exposures  # dbt's process goes on as it was
    finally:
        dbt.close()
    assert message[0].error == "Gone."  # which tickets see, who have no business with other tickets
    assert message[0].impact == (
        "On it depend models station_days; metrics minutes, minutes_per_ride, rides; dashboards bk_2, stations;"
        " tickets BK-1, BK-2."
    )
    assert message[1].impact == "On it depend models station_days; dashboards stations; tickets BK-1."
    assert message[2] == well
    unread = find_impact(catalogue, lineage, ["bikes.rides.ride_id"])
    assert describe_impact(unread) == "No model reads it."
    retyped_minutes = find_impact(catalogue, lineage, ["bikes.rides.minutes"], retyped=True)
    assert retyped_minutes.metrics == ("minutes", "minutes_per_ride")
    with pytest.raises(NotFound, match=r"is it bikes\.rides"):
        find_impact(catalogue, lineage, ["bikes.rids.minutes"])
    flags = read_flags(["check", "--column", "bikes.rides.minutes"])
    assert flags is not None
    with redirect_stdout(io.StringIO()) as said_by_check:
        show_impact(SimpleNamespace(project=project, warehouse=warehouse), flags, Terminal(quiet=True))  # type: ignore[arg-type]
    assert "tickets BK-1." in said_by_check.getvalue()
    assert not (tmp_path / "house.duckdb").exists()  # nothing was asked of the warehouse
