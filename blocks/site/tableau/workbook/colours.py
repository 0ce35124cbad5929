"""The page's colours for the values of dimensions: the largest get the series' colours, all others the last one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from blocks.catalogue import Dataset
from blocks.site.palette import SERIES
from blocks.site.sizes import MOST_RANKED, write_size
from blocks.site.tableau.workbook.xml import Element, element
from blocks.sql import quote_identifier

Colours = Mapping[str, str]


def choose_colours(
    path: Path, dataset: Dataset, dimensions: Sequence[str], sizes: Mapping[str, Path] | None = None
) -> dict[str, Colours]:
    """The colour of each value of text dimensions; the values after the 2,000 largest have one of Tableau's choice.

    path: the extract; sizes: of a dataset that the site reads itself, a file of its values' sums for each dimension.
    Nothing for a dimension without a file, or without values.
    """
    import duckdb

    files = {name: (sizes or {}).get(name, path) for name in dimensions}
    with duckdb.connect(config={"memory_limit": "1GB"}) as connection:
        ranked = {
            name: _rank(connection.read_parquet(str(file)), name, write_size(dataset, summed=file != path))
            for name, file in files.items()
            if file.is_file()
        }
    return {
        name: dict(zip(values, _spread(len(values)), strict=True))
        for name, values in ranked.items()
        if values
    }


def _rank(rows: object, name: str, size: str) -> list[str]:
    """A dimension's values, the largest first, but those whose quotes would end a text."""
    column = quote_identifier(name)
    found = rows.query(  # type: ignore[attr-defined]
        "extract",
        f"SELECT {column} FROM extract GROUP BY 1 ORDER BY {size} DESC NULLS LAST, 1 LIMIT {MOST_RANKED}",
    )
    texts = [value for (value,) in found.fetchall() if isinstance(value, str)]
    return [text for text in texts if text.isprintable() and not set(text) & set('"\\')]


def _spread(values: int) -> list[str]:
    named = list(SERIES[:-1][:values])
    return named + [SERIES[-1]] * (values - len(named))


def write_colours(colours: Mapping[str, Colours]) -> Element | None:
    """The `style` of a data source. colours: by the field on its shelf, as in [none:country:nk]."""
    if not any(colours.values()):
        return None
    encodings = [
        element(
            "encoding",
            {"attr": "color", "field": field, "type": "palette"},
            *(_map(colour, value) for value, colour in values.items()),
        )
        for field, values in colours.items()
    ]
    return element("style", {}, element("style-rule", {"element": "mark"}, *encodings))


def _map(colour: str, value: str) -> Element:
    return element("map", {"to": colour}, element("bucket", {}, text=f'"{value}"'))
