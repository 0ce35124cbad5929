"""Which values a filter means: on every site the same ones, found as people see them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from blocks.site.extract import Extract
from blocks.site.tableau.workbook.presets import find_presets
from blocks.wishes import Filter, Wishes
from tests.blocks.site.conftest import NET, dataset
from tests.blocks.site.test_site_contract import Make

ROWS = "values ('United  Kingdom', 1), ('united kingdom ', 2), ('Norway', 3), ('Mal\"ta', 4), (null, 5)"


@pytest.mark.parametrize(
    ("wish", "shown", "told"),
    [
        (Filter(dimension="country", values=("norway ",)), ["Norway"], ['"Norway"']),
        (
            Filter(dimension="country", values=("United Kingdom",)),
            ["United Kingdom", "united kingdom"],
            ['"United  Kingdom"', '"united kingdom "'],
        ),
        (Filter(dimension="country", values=("(blank)", 'Mal"ta')), ["(blank)", 'Mal"ta'], []),
        (Filter(dimension="segment", low=2, high=3), ["2", "3"], ["2", "3"]),
        (Filter(dimension="segment", low=5), ["5"], ["5"]),
    ],
    ids=str,
)
def test_a_filter_means_the_same_values_on_every_site(
    make_card: Make, tmp_path: Path, wish: Filter, shown: list[str], told: list[str]
) -> None:
    path, data = tmp_path / "rows.parquet", dataset((NET,), ("country", "segment"))
    with duckdb.connect() as connection:
        connection.execute(f"COPY (FROM ({ROWS}) AS t(country, segment)) TO '{path}'")
    with Extract(data, path) as extract:
        assert [label for _, label in extract.list_values(wish)] == shown
    card = make_card(metrics=(NET,), dimensions=data.dimensions, wishes=Wishes(filters=(wish,)))
    assert list(find_presets(card, data, path).members.get(wish.dimension, ())) == told
