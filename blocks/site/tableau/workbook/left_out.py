"""What of a dashboard Tableau can't compute: it is left out of the workbook, metric by metric, with the reason."""

from __future__ import annotations

from blocks.errors import Misconfigured
from blocks.metrics import Metric, evaluate, to_tableau
from blocks.site.base import Card
from blocks.site.labels import label_metric


def leave_out(card: Card) -> tuple[Card, tuple[str, ...]]:
    """The card without the metrics that no calculation of Tableau is, and a note on each and on what is not filled.

    Raises Misconfigured, with all the reasons, where no metric is left.
    """
    reasons = {metric.name: _find_reason(metric) for dataset in card.datasets for metric in dataset.metrics}
    notes = tuple(
        f"{label_metric(metric)} is not in the workbook: {reasons[metric.name]}."
        for dataset in card.datasets
        for metric in dataset.metrics
        if reasons[metric.name]
    )
    unfilled = tuple(
        f"{label_metric(metric)}: the workbook has no value for time without rows, which pages fill "
        "(join_to_timespine)."
        for dataset in card.datasets
        for metric in dataset.metrics
        if metric.fills_buckets and not reasons[metric.name] and evaluate(metric.formula, {}) is not None
    )
    if not notes:
        return card, unfilled
    datasets = [
        dataset.model_copy(update={"metrics": tuple(m for m in dataset.metrics if not reasons[m.name])})
        for dataset in card.datasets
    ]
    kept = [place for place, dataset in enumerate(datasets) if dataset.metrics]
    if not kept:
        raise Misconfigured(
            f"Publish {card.dashboard.name}",
            f"Tableau can compute none of its metrics. {' '.join(notes)}",
            "Give it a metric that Tableau can, or show it as a page.",
        )
    return card.keep_datasets(kept, [datasets[place] for place in kept]), (*notes, *unfilled)


def _find_reason(metric: Metric) -> str:
    """Why Tableau can't compute a metric; empty if it can."""
    try:
        to_tableau(metric.formula)
    except Misconfigured as error:
        return error.answer
    return ""
