"""Profiling data where they are: types that the loader reads, keys, references; files of one kind are one table."""

from __future__ import annotations

import sqlite3
from datetime import date
from pathlib import Path

import pytest
import yaml

from blocks.adoption.dashboards import propose_semantic_model, propose_suite
from blocks.adoption.new_project import choose_facts
from blocks.adoption.profile import ColumnProfile, TableProfile
from blocks.adoption.workbench import group_files, open_workbench
from blocks.adoption.yaml_files import choose_type, edit_exposure, edit_source, override_source
from blocks.errors import Misconfigured


def test_files_of_one_name_but_for_numbers_are_one_table(tmp_path: Path) -> None:
    names = [
        "2026-01-01.csv",
        "2026-01-02.csv",
        "orders_1.csv",
        "orders_2.csv",
        "codes.json",
        "part/a.csv",
        "part/b.csv",
    ]
    for name in [*names, "_hidden.csv", "readme.md"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a\n1\n")
    found = {
        name: (path, form, len(files)) for name, (path, form, files) in group_files(tmp_path, "shop").items()
    }
    assert found["shop"] == ("*.csv", "csv", 2)
    assert found["orders"] == ("orders*.csv", "csv", 2)
    assert found["codes"] == ("codes.json", "json", 1)
    assert found["part"] == ("part/*.csv", "csv", 2)


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1", "2", ""], "integer"),
        (["1", "3000000000"], "bigint"),
        (["1.5", "2"], "decimal(18,2)"),
        (["1.555", "2"], "decimal(18,4)"),
        (["1.555555", "2"], "double"),
        (["007", "12"], "varchar"),
        (["2026-01-31", "2026-02-01"], "date"),
        (["2026-01-31 10:00:00", "2026-02-01"], "timestamp"),
        (["true", "FALSE"], "boolean"),
        (["0", "1"], "integer"),
        (["1", "x"], "varchar"),
        (["", ""], "varchar"),
    ],
)
def test_a_type_is_the_narrowest_that_the_loader_reads(tmp_path: Path, texts: list[str], kind: str) -> None:
    (tmp_path / "t.csv").write_text("Some Value,x\n" + "".join(f"{text},y\n" for text in texts))
    with open_workbench(keep_names=False) as bench:
        bench.add("s", str(tmp_path))
        (table,) = bench.tables
    assert (table.columns[0].name, table.columns[0].data_type) == ("some_value", kind)


def test_a_database_is_sampled_with_its_own_keys(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table customers (id integer primary key, segment text)")
        connection.execute(
            "create table orders (number text primary key, customer_id integer, amount numeric, updated_at text)"
        )
        connection.executemany("insert into customers values (?, ?)", [(1, "a"), (2, "b"), (3, "a")])
        rows = [(f"n{at}", at % 3 + 1, at / 2, f"2026-01-{at + 1:02} 08:00:00") for at in range(9)]
        connection.executemany("insert into orders values (?, ?, ?, ?)", rows)
    connection.close()
    with open_workbench(keep_names=False) as bench:
        bench.add("shop", f"sqlite:///{path}")
        references = bench.find_references()
        tables = {table.name: table for table in bench.tables}
    orders = tables["orders"]
    assert references == {("orders", "customer_id"): ("customers", "id")}
    assert orders.key == ("number",)
    assert orders.meta == {"table": "orders", "load": "merge", "key": ["number"], "cursor": "updated_at"}
    assert {column.name: column.data_type for column in orders.columns}["updated_at"] == "timestamp"
    assert {column.name for column in orders.columns if column.required} == {"number", "updated_at"}
    assert [table.name for table in choose_facts(list(tables.values()), references)] == ["orders"]


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with open_workbench(keep_names=False) as bench, pytest.raises(Misconfigured, match="nothing to read"):
        bench.add("shop", str(tmp_path))


def test_an_edit_keeps_comments_and_what_is_there() -> None:
    text = "exposures:\n- name: a  # mine\n  type: dashboard\n  config:\n    meta: {ticket: X-1}  # keep\n"
    edited = edit_exposure(text, "a", {"ticket": "AN-1", "metrics": ["m"]})
    assert edited == text.replace("{ticket: X-1}  #", "{ticket: X-1, metrics: [m]} #")


@pytest.mark.parametrize(
    ("declared", "chosen"),
    [
        (None, "date"),
        ("VARCHAR", "VARCHAR"),
        ("decimal(8, 2)", "decimal(8, 2)"),
        ("varchar(20)", "varchar"),  # codes that look like numbers stay texts
        ("character varying(5)", "varchar"),
        ("NUMBER(10,2)", "decimal(10,2)"),
        ("number(38)", "decimal(38,0)"),
        ("numeric(76, 38)", "date"),
        ("INT64", "bigint"),
        ("double precision", "double"),
        ("timestamp_ntz(9)", "timestamp"),
        ("time", "varchar"),
        ("geography", "date"),
    ],
)
def test_a_type_that_another_warehouse_spells_is_loaded_as_what_it_is(
    declared: str | None, chosen: str
) -> None:
    assert choose_type(declared, "date") == chosen


def test_an_edit_leaves_out_what_dbt_does_not_read_as_its_key_stands_twice() -> None:
    """dbt takes the last one; a file with both could not be edited at all."""
    text = (
        "exposures:\n  - name: a\n    label: One\n    tags:\n      - x\n    label: Two  # this one\n    tags: [y]\n"
        "    depends_on: [ref('sales')]\n"
    )
    edited = edit_exposure(text, "a", {"ticket": "AN-1"})
    kept = text.replace("    label: One\n    tags:\n      - x\n", "")
    assert edited == kept + "    config:\n      meta:\n        ticket: AN-1\n"
    with pytest.raises(Misconfigured, match="`check` names the file"):
        edit_exposure("exposures: [{name: a, name: b}]\n", "a", {})


def test_an_edit_keeps_lines_of_blanks_and_names_each_model_once() -> None:
    """Whatever is no part of the proposal is no part of its difference."""
    text = (
        "version: 2\n\nexposures:\n  - name: a\n    type: dashboard   \n    depends_on:\n      - ref('sales')\n"
        "      - ref( 'days' )\n    \n  - name: b\n    description: |\n      One\n       \n      2\n"
    )
    edited = edit_exposure(text, "a", {}, ["ref('days')", "ref('makers', v=2)"])
    assert edited == text.replace("  - name: b", "      - ref('makers', v=2)\n  - name: b")


def test_what_only_grows_with_time_is_not_added_up(tmp_path: Path) -> None:
    lines = [
        "day,amount,so_far,concept_id_2",
        *(f"2026-01-{at:02},{at % 4},{at * 3},{at % 7}" for at in range(1, 21)),
    ]
    (tmp_path / "days.csv").write_text("\n".join(lines) + "\n")
    with open_workbench(keep_names=False) as bench:
        bench.add("shop", str(tmp_path))
        (table,) = bench.tables
    assert [each.name for each in table.profile.list_measures()] == ["amount"]


@pytest.mark.parametrize(
    ("name", "is_added_up"),
    [
        ("concept_id_1", False),
        ("customerNumber", False),
        ("priceEach", False),
        ("qtr", False),
        ("address2", True),
        ("paid", True),
    ],
)
def test_what_is_called_as_a_key_or_a_price_is_not_added_up(name: str, is_added_up: bool) -> None:
    column = ColumnProfile(name=name, data_type="integer", rows=9, nulls=0, distinct=5)
    table = TableProfile(name="t", rows=9, columns=(column,), key=())
    assert bool(table.list_measures()) is is_added_up


def test_what_a_load_writes_is_nothing_to_show_and_months_stay_months(tmp_path: Path) -> None:
    lines = ["month,year,region,mrr,_loaded_at,_item"]
    lines += [
        f"2026-{at % 12 + 1:02}-01,{2000 + at % 4}-01-01,r{at % 3},{at % 7},2026-03-{at % 28 + 1:02} 10:00:00,f{at % 2}"
        for at in range(60)
    ]
    (tmp_path / "mrr.csv").write_text("\n".join(lines) + "\n")
    with open_workbench(keep_names=True) as bench:
        bench.add("shop", str(tmp_path))
        (table,) = bench.tables
    found = table.profile
    assert {each.name: each.grain for each in found.columns if each.is_time} == {
        "month": "month",
        "year": "year",
        "_loaded_at": "",
    }
    assert [each.name for each in found.list_parts()] == ["region"]
    model, metrics = propose_semantic_model(found, ())
    (time, _) = model["dimensions"]  # type: ignore[misc]
    assert (time["expr"], time["type_params"]) == ("month", {"time_granularity": "month"})
    assert [each["label"] for each in metrics] == ["Number of mrr", "Mrr", "Mrr, average"]
    assert not [each for each in propose_suite(found, (), date(2026, 1, 1)) if "_item" in str(each)]


def test_a_source_whose_schema_is_each_releases_own_gets_one_that_stays(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("id\n1\n")
    with open_workbench(keep_names=True) as bench:
        bench.add("till", str(tmp_path))
        for given, kept in (("'{{ target.schema }}_till'", "raw_till"), ("till_in", "till_in")):
            text = f"sources:\n  - name: till\n    schema: {given}\n    tables:\n      - name: sales\n"
            edited = edit_source(text, "till", "files", bench.tables, {"sales": "sales"})
            assert yaml.safe_load(edited)["sources"][0]["schema"] == kept


@pytest.mark.parametrize(
    "own",
    [
        "    meta:\n      external_location: data/{name}.csv\n",
        "    config:\n      meta: {external_location: 'data/{name}.csv', owner: Ada}\n",
        "    config: {external_location: 'data/{name}.csv'}\n",
        "    database: elsewhere\n",
    ],
)
def test_what_dbt_would_read_past_the_load_is_taken_out(tmp_path: Path, own: str) -> None:
    (tmp_path / "sales.csv").write_text("id\n1\n")
    with open_workbench(keep_names=True) as bench:
        bench.add("till", str(tmp_path))
        text = f"sources:\n  - name: till\n{own}    tables:\n      - name: sales\n"
        edited = edit_source(text, "till", "files", bench.tables, {"sales": "sales"})
    assert "external_location" not in edited
    assert "elsewhere" not in edited
    assert ("owner: Ada" in edited) is ("owner" in own)
    assert yaml.safe_load(edited)["sources"][0]["config"]["meta"]["kind"] == "files"


@pytest.mark.parametrize(
    ("own", "loaded_at", "freshness"),
    [
        ("", "_loaded_at", {"warn_after": {"count": 7, "period": "day"}}),
        ("    loaded_at_field: seen_at\n    freshness: {warn_after: {count: 2, period: hour}}\n", None, None),
        ("    config: {loaded_at_field: 'cast(seen_at as timestamp)'}\n", None, None),
        (
            "    loaded_at_field: _fivetran_synced\n    freshness: {warn_after: {count: 2, period: hour}}\n",
            "_loaded_at",
            None,
        ),
    ],
)
def test_what_a_source_says_of_its_tables_age_stays(
    tmp_path: Path, own: str, loaded_at: str | None, freshness: object
) -> None:
    """A service's own column is none of files; how old they may be is the project's word all the same."""
    (tmp_path / "sales.csv").write_text("id,seen_at\n1,2026-01-01 10:00:00\n")
    text = f"sources:\n  - name: till\n{own}    tables:\n      - name: sales\n"
    with open_workbench(keep_names=True) as bench:
        bench.add("till", str(tmp_path))
        edited = edit_source(text, "till", "files", bench.tables, {"sales": "sales"})
        above = override_source(text, "till", "shop", "files", bench.tables, {"sales": "sales"})
    config = yaml.safe_load(edited)["sources"][0]["tables"][0]["config"]
    assert (config.get("loaded_at_field"), config.get("freshness")) == (loaded_at, freshness)
    (table,) = yaml.safe_load(above)["sources"][0]["tables"]
    source = yaml.safe_load(text)["sources"][0]
    source |= source.get("config") or {}  # an override repeats it, as dbt takes away what the source says
    assert table["loaded_at_field"] == (loaded_at or source["loaded_at_field"])
    assert table.get("freshness") == (freshness or source.get("freshness"))


def test_an_edit_leaves_names_in_brackets_as_they_stand(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("id\n1\n")
    with open_workbench(keep_names=True) as bench:
        bench.add("till", str(tmp_path))
        other = "  - {name: app, tables: [{name: events}]}\n"
        text = f"sources:\n{other}  - name: till\n    tables:\n      - name: sales\n"
        assert other in edit_source(text, "till", "files", bench.tables, {"sales": "sales"})
