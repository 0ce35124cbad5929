"""By what the values of a dimension are ranked, on every site: the largest get colours of their own."""

from __future__ import annotations

from blocks.catalogue import Dataset
from blocks.metrics import Metric, is_additive, to_sql
from blocks.warehouse.reads import ROWS

MOST_RANKED = 2_000
"""Values of a dimension that are ranked, the largest first."""


def find_size_metric(dataset: Dataset) -> Metric | None:
    """The first metric that adds up, of all moments; None: values are ranked by their rows."""
    return next((metric for metric in dataset.metrics if _is_plain(metric)), None)


def list_summed_metrics(dataset: Dataset) -> tuple[Metric, ...]:
    """The metrics that follow from sums of a dataset's columns, first the one by which values are ranked.

    None without such a one: then nothing but rows is counted.
    """
    first = find_size_metric(dataset)
    return (first, *(each for each in dataset.metrics if each != first and _is_summed(each))) if first else ()


def list_size_columns(dataset: Dataset) -> tuple[str, ...]:
    """The columns whose sums say how large a value is, by the first of which it is ranked; none: its rows do."""
    measures = [measure for metric in list_summed_metrics(dataset) for measure in metric.measures]
    return tuple(dict.fromkeys(measure.name for measure in measures))


def write_size(dataset: Dataset, summed: bool) -> str:
    """How large a group of rows is, as DuckDB's SQL. summed: over files of sums, as `export_largest_values` writes."""
    if metric := find_size_metric(dataset):
        return to_sql(metric.formula, grouped=True)
    return f"sum({ROWS})" if summed else "count(*)"


def _is_plain(metric: Metric) -> bool:
    return is_additive(metric.formula) and not any(measure.balance for measure in metric.measures)


def _is_summed(metric: Metric) -> bool:
    return all(each.function == "sum" and not each.mark and not each.balance for each in metric.measures)
