"""The page's colours for the values of dimensions: the largest get the series' colours, all others the last one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from blocks.catalogue import Dataset
from blocks.metrics import Metric, is_additive, to_sql
from blocks.site.palette import SERIES
from blocks.site.tableau.workbook.xml import Element, element
from blocks.sql import quote_identifier

MOST = 2_000  # values that are named, the largest first; the rest has a colour of Tableau's choice
Colours = Mapping[str, str]


def choose_colours(path: Path, dataset: Dataset, dimensions: Sequence[str]) -> dict[str, Colours]:
    """The colour of each value of text dimensions. path: the extract; nothing without one, or without rows."""
    import duckdb

    if not path.is_file():
        return {}
    size = next((to_sql(m.formula, grouped=True) for m in dataset.metrics if _is_plain(m)), "count(*)")
    with duckdb.connect(config={"memory_limit": "1GB"}) as connection:
        rows = connection.read_parquet(str(path))
        return {
            name: dict(zip(values, _spread(len(values)), strict=True))
            for name in dimensions
            if (values := _rank(rows, name, size))
        }


def _is_plain(metric: Metric) -> bool:
    return is_additive(metric.formula) and not any(measure.balance for measure in metric.measures)


def _rank(rows: object, name: str, size: str) -> list[str]:
    """A dimension's values, the largest first, but those whose quotes would end a text."""
    column = quote_identifier(name)
    found = rows.query(  # type: ignore[attr-defined]
        "extract", f"SELECT {column} FROM extract GROUP BY 1 ORDER BY {size} DESC NULLS LAST, 1 LIMIT {MOST}"
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
