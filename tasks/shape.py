"""Whether what a ticket asks for fits together: analysis, metrics, dimensions and the marts they are on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from blocks.records import Analysis
from tasks.fields import Form
from tasks.markdown import code, listed

SPLIT = {Analysis.comparison, Analysis.composition, Analysis.detail}


class Names(Protocol):
    """What the checks ask the catalogue."""

    def metric_names(self) -> Sequence[str]:
        """Every metric."""

    def mart_of(self, metric: str) -> str:
        """The mart of a metric."""

    def dimensions_of(self, mart: str) -> Sequence[str]:
        """The dimensions of a mart, time included."""

    def time_of(self, mart: str) -> str | None:
        """The dimension that is a mart's time, if it has one."""

    def source_names(self) -> Sequence[str]:
        """Every data source."""


def check_shape(
    form: Form, analysis: Analysis | None, metrics: Sequence[str], dimensions: Sequence[str], names: Names
) -> None:
    """Whether the metrics can be shown by these dimensions, in this kind of analysis."""
    marts = {names.mart_of(metric): metric for metric in metrics}
    for mart, metric in marts.items():
        if not names.time_of(mart):
            if analysis is Analysis.trend:
                form.gap("analysis", f"can't be a trend of {code(metric)}: its data has no time.")
            elif not set(dimensions) & set(names.dimensions_of(mart)):
                form.gap(
                    "dimensions", f"don't split {code(metric)}; it has {listed(names.dimensions_of(mart))}."
                )
    times = {names.time_of(mart) for mart in marts}
    if marts and analysis in SPLIT and not set(dimensions) - times:
        others = {name for mart in marts for name in names.dimensions_of(mart)} - times
        known = listed(sorted(str(name) for name in others))
        form.gap("dimensions", f"are missing: a {analysis} needs one besides time. Known: {known}.")
