"""SQL that a project wrote is taken as it stands: from the semantic model, over every query, to both sites."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from lxml import etree

from blocks.catalogue import Catalogue, Dataset
from blocks.errors import NotFound
from blocks.metrics import evaluate, totals_sql
from blocks.records import Analysis, Dashboard
from blocks.site.base import Card
from blocks.site.readback import DatasetSummary
from blocks.warehouse.bi_connection import LiveSource
from tests.blocks.site.harness import WALLS, TableauWall, Wall
from tests.blocks.site.tableau.files import live_query

Rows = list[tuple[Any, ...]]

# How a station is grouped → the expression, the values it has over STATIONS.
DIMENSIONS = {
    "braces": ("regexp_matches(station, '^[A-Z][a-z]{2}')", {True, False}),
    "fields": ("station || ' {} {0} {relation} {{x}}'", {"Bath {} {0} {relation} {{x}}"}),
    "percents": ("station || ' 100% %s %(name)s'", {"Bath 100% %s %(name)s"}),
    "quotes": ("'it''s \"' || \"station\"", {"it's \"Bath"}),
    "line_comment": ("station -- {the} station's name, 100%", {"Bath"}),
    "block_comment": ("/* {x} -- */ station /* %s */", {"Bath"}),
    "backslashes": (r"station || '\n\1\' ", {"Bath\\n\\1\\"}),
    "urls": ("'https://{host}/' || station", {"https://{host}/Bath"}),
}
STATIONS = """(VALUES ('Bath', 1, true, 'a'), ('Bath', 2, false, 'b{}'), ('UK7', 4, true, 'a'))
    AS t(station, rides, fast, rider)"""
MEASURES = {
    "rides": ("sum", "rides -- {all} of them", 7),
    "like_percent": ("sum", "case when station like '%{0}%' or station like 'B_t%' then rides else 0 end", 3),
    "fast_rides": ("sum_boolean", "fast /* {1} */ -- %d", 2),
    "riders": ("count_distinct", "rider || '{}%''\" \\' -- who", 2),
    "longest": ("max", "rides // 1 -- {}", 4),
    "mean": ("average", "rides -- %", 7 / 3),
}


def manifest() -> dict[str, Any]:
    """What dbt writes of one mart, with one metric a measure."""
    dimensions = [
        {"name": name, "type": "categorical", "expr": expr} for name, (expr, _) in DIMENSIONS.items()
    ]
    measures = [{"name": name, "agg": agg, "expr": expr} for name, (agg, expr, _) in MEASURES.items()]
    metrics = [
        {"name": f"{name}_metric", "type": "simple", "type_params": {"measure": {"name": name}}}
        for name in MEASURES
    ]
    filtered = metrics[0] | {
        "name": "filtered",
        "filter": {"where_filters": [{"where_sql_template": "{{ x }}"}]},
    }
    odd = {"name": "odd", "type": "derived", "type_params": {"expr": "case {0} %s", "metrics": []}}
    model = {"depends_on": {"nodes": ["model.p.stations"]}, "dimensions": dimensions, "measures": measures}
    node = {
        "name": "stations",
        "resource_type": "model",
        "unique_id": "model.p.stations",
        "schema": "s",
        "alias": "a",
    }
    return {
        "sources": {},
        "exposures": {},
        "nodes": {"model.p.stations": node | {"config": {}}},
        "semantic_models": {"semantic_model.p.stations": model},
        "metrics": {each["name"]: each for each in [*metrics, filtered, odd]},
    }


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("CREATE SCHEMA serving")
        connection.execute(
            f"CREATE TABLE serving.stations AS FROM {STATIONS}".replace("serving.", '"serving".')
        )
        yield connection


def dataset_of(metrics: tuple[str, ...], dimensions: tuple[str, ...]) -> Dataset:
    (dataset,) = Catalogue(manifest()).datasets(metrics, dimensions)
    return dataset


@pytest.mark.parametrize("name", DIMENSIONS)
def test_a_dimension_means_what_its_expression_means(warehouse: duckdb.DuckDBPyConnection, name: str) -> None:
    _, values = DIMENSIONS[name]
    query = dataset_of(("rides_metric",), (name,)).sql('"serving"."stations"')
    found = warehouse.execute(query).fetchall()
    assert sum(rides for _, rides in found) == 7
    assert values <= {value for value, _ in found}
    assert len(found) == 2


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_means_what_its_expression_means(warehouse: duckdb.DuckDBPyConnection, name: str) -> None:
    dataset = dataset_of((f"{name}_metric",), ("braces",))
    rows = dataset.sql('"serving"."stations"')
    answer = warehouse.execute(totals_sql(dataset.measures, rows)).fetchone() or ()
    totals = dict(zip((measure.name for measure in dataset.measures), answer, strict=True))
    assert evaluate(dataset.metrics[0].formula, totals) == MEASURES[name][2]


def test_filters_and_other_expressions_are_told_not_run() -> None:
    catalogue = Catalogue(manifest())
    assert "filter" in catalogue.list_unusable()["filtered"]
    assert "+ - * /" in catalogue.list_unusable()["odd"]
    with pytest.raises(NotFound, match="more than"):
        catalogue.metric("odd")


def card_of(warehouse: duckdb.DuckDBPyConnection, folder: Path, **fields: Any) -> Card:
    """A dashboard of all the metrics by all the dimensions."""
    metrics = tuple(f"{name}_metric" for name in MEASURES)
    dataset = dataset_of(metrics, tuple(DIMENSIONS))
    query = dataset.sql('"serving"."stations"')
    path = folder / "stations.parquet"
    warehouse.execute(f"COPY ({query}) TO '{path}'")
    dashboard = Dashboard(
        name="stations_page",
        title="Stations",
        analysis=Analysis.comparison,
        metrics=metrics,
        dimensions=tuple(DIMENSIONS),
        marts=("stations",),
        ticket="AN-1",
    )
    summary = DatasetSummary(rows=warehouse.sql(query).shape[0])
    given = {"datasets": (dataset,), "extracts": (path,), "queries": (query,), "summaries": (summary,)}
    return Card(dashboard=dashboard, run="r1", gate=None, as_of=None, **given | fields)


@pytest.mark.parametrize("kind", sorted(WALLS))
def test_every_site_shows_them(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection, kind: str, make_wall: Callable[[str], Wall]
) -> None:
    wall, card = make_wall(kind), card_of(warehouse, tmp_path)
    published = wall.site.publish(card)
    rows = warehouse.execute(card.queries[0]).fetchall()
    assert published.rows == len(rows)
    assert wall.rows("stations_page") == {"Extract": sorted(rows, key=repr)}


def test_tableau_reads_them_live(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection, make_wall: Callable[[str], Wall]
) -> None:
    wall = make_wall("tableau")
    assert isinstance(wall, TableauWall)
    live = LiveSource(
        kind="snowflake", server="acme.snowflakecomputing.com", database="A", schema_name="SERVING"
    )
    card = card_of(warehouse, tmp_path, live=live)
    warehouse.close()
    wall.server.live = tmp_path / "warehouse.duckdb"
    site = wall.site.model_copy(update={"data": "live", "live_user": "bi"})
    assert site.publish(card).canary == f"{card.summaries[0].rows} rows"
    (source,) = wall.server.sources().values()
    assert live_query(etree.fromstring(source.data)) == ("snowflake", card.queries[0])


@pytest.fixture
def make_wall(tmp_path: Path) -> Iterator[Callable[[str], Wall]]:
    walls: list[Wall] = []

    def make(kind: str) -> Wall:
        walls.append(WALLS[kind](tmp_path / "wall"))
        return walls[-1]

    yield make
    for wall in walls:
        wall.close()
