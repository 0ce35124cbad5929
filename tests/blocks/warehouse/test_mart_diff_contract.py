"""The diff and the checks of marts on every warehouse: plain values, then types that only some have."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from blocks.catalogue import Dataset, Mart
from blocks.foreign_keys import ForeignKey
from blocks.metrics import Measure, Metric
from blocks.quality.mart_checks import check_foreign_key, check_mart
from blocks.quality.mart_diff import compare
from blocks.records import MartDiff
from blocks.semantic_models import SelectedColumn
from blocks.warehouse.base import Warehouse
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.blocks.warehouse.snowflake_account import house_of

Row = tuple[str, ...]
Expected = tuple[int | None, int | None, int | None]
POINT_3 = "cast(0.3 as double precision)"
TINY = "cast(0.30000000000000004 as double precision)"
PORTABLE: list[tuple[str, list[Row], list[Row], tuple[str, ...], Expected]] = [
    ("plain", [("1", "1"), ("2", "2")], [("2", "5"), ("3", "3")], ("k",), (1, 1, 1)),
    ("NULL in the key", [("null", "1"), ("2", "2")], [("null", "1"), ("2", "3")], ("k",), (0, 0, 1)),
    ("text", [("'a'", "'x'")], [("'a'", "'y'")], ("k",), (0, 0, 1)),
    ("retyped", [("1", "1"), ("2", "2")], [("1", "'1'"), ("2", "'2 min'")], ("k",), (0, 0, 1)),
    ("key retyped", [("1", "1"), ("2", "2")], [("'1'", "1"), ("'2'", "2")], ("k",), (0, 0, 0)),
    (
        "decimals",
        [("1", "cast(1.50 as decimal(9, 2))")],
        [("1", "cast(1.5 as decimal(9, 3))")],
        ("k",),
        (0, 0, 0),
    ),
    (
        "noise",
        [("1", POINT_3), ("2", "cast(2 as double precision)")],
        [("1", TINY), ("2", "cast(2.0001 as double precision)")],
        ("k",),
        (0, 0, 1),
    ),
    (
        "noise without a key",
        [("1", POINT_3), ("2", "cast(2 as double precision)")],
        [("1", TINY), ("2", "cast(2.1 as double precision)")],
        (),
        (1, 1, None),
    ),
    (
        "dates",
        [("1", "cast('2026-01-01' as date)")],
        [("1", "cast('2026-01-02' as date)")],
        ("k",),
        (0, 0, 1),
    ),
    (
        "date to timestamp",
        [("1", "cast('2026-01-01' as date)")],
        [("1", "cast('2026-01-01 00:00:00' as timestamp)")],
        ("k",),
        (0, 0, 0),
    ),
    ("boolean", [("1", "true"), ("2", "null")], [("1", "true"), ("2", "false")], ("k",), (0, 0, 1)),
    ("no key", [("1", "1"), ("1", "1"), ("2", "2")], [("1", "1"), ("2", "2"), ("2", "2")], (), (1, 1, None)),
    ("no key, NULL", [("null", "1")], [("null", "1"), ("null", "1")], (), (1, 0, None)),
    ("key not unique", [("1", "1"), ("1", "1")], [("1", "1"), ("2", "1")], ("k",), (1, 0, 1)),
    ("key of two", [("1", "1"), ("1", "2")], [("1", "1"), ("1", "3")], ("k", "v"), (1, 1, 0)),
]


EVERY = ["duckdb", "postgres", "snowflake", "dremio"]


@pytest.fixture
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    """One by its name, the test's parameter."""
    match request.param:
        case "postgres":
            found = request.getfixturevalue("postgres_server").warehouse()
        case "snowflake":
            found = house_of(request.getfixturevalue("snowflake_account"))
        case "dremio":
            found = request.getfixturevalue("dremio_server").warehouse()
        case _:
            found = DuckDBWarehouse(database=str(tmp_path / "w.duckdb"))
    house: Warehouse = found
    return house


everywhere = pytest.mark.parametrize("warehouse", EVERY, indirect=True)


def fill(house: Warehouse, schema: str, rows: list[Row], names: tuple[str, ...] = ("k", "v")) -> None:
    queries = [
        "select "
        + ", ".join(f"{value} as {house.quote(name)}" for value, name in zip(row, names, strict=True))
        for row in rows
    ]
    with house.session() as session:
        house.make_schema(session, schema)
        session.rows(f"create table {house.relation(f'{schema}.m')} as {' union all '.join(queries)}")


def diff(house: Warehouse, live: list[Row], candidate: list[Row], key: tuple[str, ...]) -> MartDiff:
    fill(house, "rel_a", live)
    fill(house, "rel_b", candidate)
    mart = Mart(name="m", unique_id="m", schema_name="rel_b", alias="m", primary_key=key)
    return compare(house, mart, "rel_a.m", "rel_b.m", [])


def counts(found: MartDiff) -> Expected:
    return found.added, found.removed, found.changed


def forget(house: Warehouse) -> None:
    house.drop_releases(["rel_a", "rel_b"])


@everywhere
def test_values_are_compared_the_same_everywhere(warehouse: Warehouse) -> None:
    wrong = {}
    for name, live, candidate, key, expected in PORTABLE:
        found = diff(warehouse, live, candidate, key)
        if (counts(found), found.not_compared, found.keyed) != (expected, (), bool(key)):
            wrong[name] = (counts(found), found.not_compared)
        forget(warehouse)
    assert wrong == {}


DUCKDB_TYPES = [
    ("[1, 2]", "[1, 3]"),
    ("{'a': 1}", "{'a': 2}"),
    ("map {'a': 1}", "map {'a': 2}"),
    ("json '{\"a\": 1}'", "json '{\"a\": 2}'"),
    ("interval 1 day", "interval 2 day"),
    ("timestamptz '2026-01-01 00:00:00+00'", "timestamptz '2026-01-01 00:00:00+01'"),
    ("cast('NaN' as double)", "1e0"),
    ("cast('inf' as double)", "cast('-inf' as double)"),
    ("cast(1e308 as double)", "cast(-1e308 as double)"),
    ("170141183460469231731687303715884105727::hugeint", "1::hugeint"),
    ("'a'::blob", "'b'::blob"),
    ("time '01:00'", "time '02:00'"),
    ("uuid '00000000-0000-0000-0000-000000000001'", "uuid '00000000-0000-0000-0000-000000000002'"),
    ("'101'::bit", "'100'::bit"),
    ("1.1::decimal(38, 10)", "1.2::decimal(38, 10)"),
    ("[{'a': [1]}]", "[{'a': [2]}]"),
]
POSTGRES_TYPES = [
    ("array[1, 2]", "array[1, 3]"),
    ("row(1, 'a')::text", "row(1, 'b')::text"),
    ("'{\"a\": 1}'::json", "'{\"a\": 2}'::json"),
    ("'{\"a\": 1}'::jsonb", "'{\"a\": 2}'::jsonb"),
    ("interval '1 day'", "interval '2 days'"),
    ("timestamptz '2026-01-01 00:00:00+00'", "timestamptz '2026-01-01 00:00:00+01'"),
    ("'NaN'::double precision", "1::double precision"),
    ("'NaN'::numeric", "1::numeric"),
    ("'Infinity'::double precision", "'-Infinity'::double precision"),
    ("1e308::double precision", "'-1e308'::double precision"),
    ("1e-320::double precision", "1::double precision"),
    ("'a'::bytea", "'b'::bytea"),
    ("time '01:00'", "time '02:00'"),
    ("point '(1, 2)'", "point '(1, 3)'"),
    ("xml '<a/>'", "xml '<b/>'"),
    ("'00000000-0000-0000-0000-000000000001'::uuid", "'00000000-0000-0000-0000-000000000002'::uuid"),
    ("int4range(1, 2)", "int4range(1, 3)"),
    ("inet '10.0.0.1'", "inet '10.0.0.2'"),
    ("B'101'", "B'100'"),
    ("'a'::tsvector", "'b'::tsvector"),
    ("money '1'", "money '2'"),
]


@pytest.mark.parametrize("key", [("k",), ()])
@pytest.mark.parametrize(
    ("warehouse", "types"), [("duckdb", DUCKDB_TYPES), ("postgres", POSTGRES_TYPES)], indirect=["warehouse"]
)
def test_any_type_is_compared(
    warehouse: Warehouse, types: list[tuple[str, str]], key: tuple[str, ...]
) -> None:
    """Two rows stay, one changes; and what was there is there again as itself."""
    wrong = {}
    for one, other in types:
        live = [("1", one), ("2", one), ("3", f"case when 1 = 0 then {one} end")]
        found = diff(warehouse, live, [live[0], ("2", other), live[2]], key)
        if counts(found) != ((0, 0, 1) if key else (1, 1, None)) or found.not_compared:
            wrong[one] = (counts(found), found.not_compared)
        forget(warehouse)
    assert wrong == {}


@everywhere
def test_columns_come_go_and_change(warehouse: Warehouse) -> None:
    fill(warehouse, "rel_a", [("1", "1", "'x'")], ("k", "v", "old"))
    fill(warehouse, "rel_b", [("1", "'1 min'", "'x'")], ("k", "v", "new"))
    mart = Mart(name="m", unique_id="m", schema_name="rel_b", alias="m", primary_key=("k",))
    found = compare(warehouse, mart, "rel_a.m", "rel_b.m", [])
    assert (found.columns[:2], counts(found)) == (("+new", "-old"), (0, 0, 1))
    assert found.columns[2].startswith("v (")


@everywhere
@pytest.mark.parametrize("function", ["sum", "max"])
def test_a_metric_that_can_no_longer_be_computed_is_said(
    warehouse: Warehouse, function: Literal["sum", "max"]
) -> None:
    """And the session goes on: the other metric has its numbers. The largest of dates is a date, and no figure."""
    fill(warehouse, "rel_a", [("1", "1")])
    fill(warehouse, "rel_b", [("7", "cast('2026-01-01' as date)")])

    names = ("k", "v")
    measures = tuple(Measure(name=f"total_{name}", function=function) for name in names)
    dataset = Dataset(
        mart="m",
        time=None,
        dimensions=(),
        labels={},
        metrics=tuple(
            Metric(name=each.name, label="", description="", mart="m", measures=(each,), formula=each)
            for each in measures
        ),
        measures=measures,
        columns=tuple(
            SelectedColumn(name=f"total_{name}", sql=warehouse.quote(name), grouped=False) for name in names
        ),
    )
    mart = Mart(name="m", unique_id="m", schema_name="rel_b", alias="m")
    found = compare(warehouse, mart, "rel_a.m", "rel_b.m", [dataset])
    assert set(found.broken_metrics) == {"total_v"}
    assert found.metrics == {"total_k": (1.0, 7.0), "total_v": (1.0, None)}


@everywhere
def test_keys_and_rows_are_checked(warehouse: Warehouse) -> None:
    fill(warehouse, "rel_b", [("1", "1"), ("1", "2"), ("null", "3")])
    mart = Mart(name="m", unique_id="m", schema_name="rel_b", alias="m", primary_key=("k",))
    checks = check_mart(warehouse, mart, "rel_b.m", 3)
    assert [(check.passed, check.evidence) for check in checks] == [
        (True, ()),
        (False, ("1, 2",)),
        (False, ("None",)),
    ]


@everywhere
def test_a_foreign_key_is_looked_up(warehouse: Warehouse) -> None:
    fill(warehouse, "rel_a", [("1", "1"), ("2", "1"), ("2", "1"), ("null", "3")])
    fill(warehouse, "rel_b", [("1", "1"), ("7", "1"), ("null", "1"), ("1", "3")])
    mart = Mart(name="m", unique_id="model.p.m", schema_name="rel_b", alias="m")
    for columns, evidence in ((("k",), ("7",)), (("k", "v"), ("1, 3", "7, 1"))):
        key = ForeignKey(columns=columns, parent="model.p.parent", to_columns=columns)
        check = check_foreign_key(warehouse, mart, "rel_b.m", key, "rel_a.m")
        assert (check.name, check.passed) == (f"foreign key ({', '.join(columns)}) is in parent", False)
        assert tuple(sorted(check.evidence)) == evidence
    assert check_foreign_key(warehouse, mart, "rel_a.m", key, "rel_a.m").passed
