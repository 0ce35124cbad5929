"""What metrics read, on every warehouse: the rows that DuckDB has of it, whose figures are held to MetricFlow's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from blocks.catalogue import Catalogue, Dataset
from blocks.sql import write_literal
from blocks.warehouse.base import Warehouse
from tests.blocks.warehouse.conftest import dremio_server, postgres_server, snowflake_account  # noqa: F401  # fixtures
from tests.blocks.warehouse.test_mart_diff_contract import warehouse  # noqa: F401  # a fixture
from tests.referee.projects import SCHEMA, TABLES, ParsedProject, parse_project
from tests.referee.random_project import Draw

SALES = 150  # rows: enough for every group, and few enough for stand-ins
TYPES = {
    "INTEGER": "integer",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "VARCHAR": "varchar",
}
JOINED = ("customer__segment", "customer__area__land", "customer__joined_on")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> ParsedProject:
    """A random semantic layer, with filters by metrics, joins one and two entities away, medians and percentiles."""
    resources = json.loads(json.dumps(Draw(1).resources()).replace("as double)", "as double precision)"))
    tables = {**TABLES, "sales": TABLES["sales"].replace("range(900)", f"range({SALES})")}
    return parse_project(tmp_path_factory.mktemp("drawn") / "project", resources, tables)


def read_catalogue(project: ParsedProject, adapter: str) -> Catalogue:
    """The project's catalogue as another warehouse's adapter has it."""
    path = project.database.parent / "target" / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["metadata"]["adapter_type"] = adapter
    return Catalogue(manifest)


def list_datasets(catalogue: Catalogue) -> Iterator[tuple[str, Dataset]]:
    """Of each row source all metrics by its time; and what joins or has all values, by a dimension, too."""
    for place, name in enumerate(catalogue.metric_names()):
        source = catalogue.source_of(name)
        own = [each for each in catalogue.dimensions_of(source) if each != catalogue.time_of(source)]
        (dataset,) = catalogue.datasets((name,), (own[place % len(own)],))
        if dataset.joins or any(measure.percentile for measure in dataset.measures):
            yield f"{name} by {own[place % len(own)]}", dataset
    for source in dict.fromkeys(map(catalogue.source_of, catalogue.metric_names())):
        names = tuple(each for each in catalogue.metric_names() if catalogue.source_of(each) == source)
        joined = tuple(each for each in JOINED if each in catalogue.dimensions_of(source))
        yield f"all of {source}", catalogue.datasets(names, joined)[0]


def copy_tables(project: ParsedProject, house: Warehouse) -> None:
    with duckdb.connect(str(project.database), read_only=True) as connection, house.session() as session:
        house.make_schema(session, SCHEMA)
        for name in ("sales", "balances", "customers", "areas"):
            found = connection.execute(f"select * from {SCHEMA}.{name}")
            kinds = [(each[0], TYPES.get(str(each[1]), "decimal(18, 2)")) for each in found.description]
            rows = [
                "(" + ", ".join("null" if value is None else write(value) for value in row) + ")"
                for row in found.fetchall()
            ]
            cast = ", ".join(
                f"cast({house.quote(each)} as {kind}) as {house.quote(each)}" for each, kind in kinds
            )
            names = ", ".join(house.quote(each) for each, _ in kinds)
            session.rows(
                f"create table {house.relation(f'{SCHEMA}.{name}')} as"
                f" select {cast} from (values {', '.join(rows)}) as rows_({names})"
            )


def write(value: Any) -> str:
    return (
        str(value).lower() if isinstance(value, bool | int | Decimal) else write_literal(str(value), "duckdb")
    )


def plain(value: Any) -> Any:
    """A value as every warehouse's client has it."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Decimal | float | int):
        return round(float(value), 6)
    if isinstance(value, datetime):
        return (
            value.replace(tzinfo=None).isoformat()[:10]
            if value.time() == datetime.min.time()
            else value.isoformat()
        )
    return value.isoformat() if isinstance(value, date) else value


def sorted_rows(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(
        (tuple(map(plain, row)) for row in rows), key=lambda row: tuple((v is None, str(v)) for v in row)
    )


@pytest.mark.parametrize("warehouse", ["postgres", "snowflake", "dremio"], indirect=True)
def test_a_metrics_rows_are_the_same_everywhere(drawn: ParsedProject, warehouse: Warehouse) -> None:  # noqa: F811
    copy_tables(drawn, warehouse)
    mine = dict(list_datasets(drawn.catalogue))
    theirs = dict(list_datasets(read_catalogue(drawn, warehouse.dialect)))
    assert theirs.keys() == mine.keys()
    joins = [join for dataset in mine.values() for join in dataset.joins]
    assert any(join.grouped for join in joins)  # a filter goes by another metric
    assert any(len(join.steps) > 1 for join in joins)  # two joins away
    assert any(measure.percentile for dataset in mine.values() for measure in dataset.measures)
    different = {}
    with duckdb.connect(str(drawn.database), read_only=True) as connection, warehouse.session() as session:
        for name, dataset in mine.items():
            places = {mart: f"{SCHEMA}.{mart}" for mart in dataset.marts}
            expected = sorted_rows(connection.execute(dataset.sql(places[dataset.mart], places)).fetchall())
            there = {mart: warehouse.relation(place) for mart, place in places.items()}
            found = sorted_rows(session.rows(theirs[name].sql(there[dataset.mart], there)))
            if expected != found:
                different[name] = next(
                    (pair for pair in zip(expected, found, strict=False) if pair[0] != pair[1]),
                    (len(expected), len(found)),
                )
    assert not different, f"{len(different)} of {len(mine)}: {list(different.items())[:10]}"
