"""Which values a filter means: on every site the same ones, found as people see them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from blocks.errors import BadInput
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
        (Filter(dimension="country", values=("norway ",), excluded=True), ["Norway"], ['"Norway"']),
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
    assert (
        list(
            find_presets(card.model_copy(update={"datasets": (data,), "extracts": (path,)}), 0).members.get(
                wish.dimension, ()
            )
        )
        == told
    )


@pytest.mark.parametrize("rows", [1, 1_000_000])  # of the many, DuckDB says so only once rows are fetched
def test_an_error_holds_no_value_of_a_row(tmp_path: Path, rows: int) -> None:
    path, text = tmp_path / "rows.parquet", f"CASE WHEN i = {rows - 1} THEN 'Dana Whitfield' ELSE '7' END"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT {text} AS country FROM range({rows}) AS r(i)) TO '{path}'")
    with (
        Extract(dataset((NET,), ("country",)), path) as extract,
        pytest.raises(BadInput, match=r"Conversion Error|Interrupted") as caught,  # as DuckDB's threads end
    ):
        extract.rows("SELECT CAST(country AS INTEGER) FROM extract")
    assert "Dana" not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_an_error_names_the_column_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 1 AS country) TO '{path}'")
    with Extract(dataset((NET,), ("country",)), path) as extract, pytest.raises(BadInput, match='"profit"'):
        extract.run("SELECT profit FROM extract")
