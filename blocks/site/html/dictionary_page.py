"""The page of the data dictionary: what its template is given. What people wrote is cut and escaped."""

from __future__ import annotations

from pathlib import Path

from blocks.dictionary import Dictionary, DictionaryMart
from blocks.site.base import Guides
from blocks.site.html.dbt_docs_page import DOCS_FILE
from blocks.site.html.page import render
from blocks.site.text import TEXT, clip, one_line

FILE = "dictionary.html"
MOST_ORIGINS = 12


def find_guides(place: Path, above: str = "") -> Guides:
    """Those beside a folder's index. above: what leads there from the page that is written, as `../`."""
    return Guides(*(above + file if (place / file).exists() else None for file in (FILE, DOCS_FILE)))


def render_dictionary(dictionary: Dictionary, guides: Guides) -> str:
    """The HTML of a dictionary, which stands beside the index of the dashboards."""
    marts = [_show_mart(mart) for mart in dictionary.marts]
    return render("dictionary.html.j2", run=one_line(dictionary.run), marts=marts, dbt_docs=guides.dbt_docs)


def _show_mart(mart: DictionaryMart) -> dict[str, object]:
    return {
        **mart.model_dump(),
        "name": one_line(mart.name),
        "description": clip(mart.description, TEXT),
        "owner": one_line(mart.owner),
        "dashboards": [(name, one_line(title)) for name, title in mart.dashboards],
        "columns": [
            {
                "name": one_line(column.name),
                "data_type": one_line(column.data_type),
                "description": clip(column.description, TEXT),
                "tests": [one_line(test, 300) for test in column.tests],
                "made_of": [*map(one_line, column.made_of[:MOST_ORIGINS]), *_say_more(len(column.made_of))],
            }
            for column in mart.columns
        ],
        "metrics": [
            {
                "name": one_line(metric.name),
                "label": one_line(metric.label),
                "description": clip(metric.description, TEXT),
            }
            for metric in mart.metrics
        ],
        "tests": [one_line(test, 300) for test in mart.tests],
    }


def _say_more(number: int) -> list[str]:
    return [f"and {number - MOST_ORIGINS} more"] if number > MOST_ORIGINS else []
