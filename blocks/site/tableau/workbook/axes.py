"""How a chart's axis writes a metric: in thousands, millions or billions where all of what it shows is that large.

A format of Tableau's has one unit, whatever is filtered. One is chosen as the workbook is published, by what its charts
show at first and when a reader chooses a usual member of a dimension; where that would be 0.0M, numbers stay whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from blocks.catalogue import Dataset
from blocks.metrics import Metric, to_sql
from blocks.site.number_format import find_unit
from blocks.site.sizes import list_summed_metrics
from blocks.sql import quote_identifier, write_literal

_STEPS = (("B", ",,,", 10**9), ("M", ",,", 10**6), ("K", ",", 10**3))
_SHORTEST = 10  # units on an axis at least, up to its end; from ten times as many on without decimals


def choose_axis_forms(
    path: Path, dataset: Dataset, grains: Sequence[str], sizes: Mapping[str, Path] | None = None
) -> dict[str, str]:
    """The name of a metric's field → Tableau's format of its axes, where numbers are shortened there.

    path: the extract; grains: of lines over time; sizes: of a dataset that the site reads itself, files of the sums of
    its dimensions' values and of its time. Nothing without rows, of percentages, nor of what is more than an aggregate
    of the rows (balances, offsets, windows), nor, of sums, of what does not follow from them (as extremes do not).
    """
    import duckdb

    metrics = [
        each for each in (list_summed_metrics(dataset) if sizes else dataset.metrics) if _is_plain(each)
    ]
    spans = [
        f"date_trunc({write_literal(each, 'duckdb')}, {_quote(dataset.time)})"
        for each in grains
        if dataset.time
    ]
    sources = [(dataset.time or "", by) for by in spans] + [(n, _quote(n)) for n in dataset.dimensions]
    files = [((sizes or {}).get(name, path), by) for name, by in sources]
    if not metrics or not files or not all(file.is_file() for file, _ in files):
        return {}
    with duckdb.connect(config={"memory_limit": "1GB"}) as connection:
        values = ", ".join(
            f"{to_sql(each.formula, grouped=True)} AS v{at}" for at, each in enumerate(metrics)
        )
        asked = ", ".join(f"max(abs(v{at})), median(abs(v{at}))" for at in range(len(metrics)))
        found = [
            connection.read_parquet(str(file))
            .query(
                "extract",
                f"SELECT {asked} FROM (SELECT {values} FROM extract WHERE {by} IS NOT NULL GROUP BY {by})",
            )
            .fetchone()
            for file, by in files
        ]
    forms = {}
    for at, metric in enumerate(metrics):
        longest = min(row[2 * at] or 0 for row in found if row)
        usual = min((row[2 * at + 1] or 0 for row in found[len(spans) :] if row), default=longest)
        if form := _write_form(metric.form, longest, usual):
            forms[f"Calculation_{metric.name}"] = form
    return forms


def _is_plain(metric: Metric) -> bool:
    return metric.form != "percent" and not any(each.mark or each.balance for each in metric.measures)


def _quote(name: str | None) -> str:
    return quote_identifier(name or "")


def _write_form(form: str, longest: float, usual: float) -> str:
    """longest: where the shortest of the axes ends; usual: where it does for a usual member. Empty: no unit fits."""
    for letter, commas, step in _STEPS:
        exact = longest < 10 * _SHORTEST * step  # with one decimal
        if longest >= _SHORTEST * step and usual >= step * (0.5 if exact else 5):
            digits, sign = f"#,##0{commas}{'.0' if exact else ''}{letter}", find_unit(form)
            return f'c"{sign}"{digits};-"{sign}"{digits}' if sign else f"n{digits};-{digits}"
    return ""
