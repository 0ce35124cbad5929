"""Whether what a ticket asks for fits together: analysis, metrics, dimensions and the marts they are on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from blocks.records import Analysis
from tasks.fields import Form
from tasks.markdown import code, listed

SPLIT = {Analysis.comparison, Analysis.composition, Analysis.detail}


class Names(Protocol):
    """What the checks ask the catalogue."""

    def metric_names(self) -> Sequence[str]:
        """Every metric."""

    def metric_labels(self) -> Mapping[str, str]:
        """Metric → the label that dashboards show."""

    def dimension_labels(self) -> Mapping[str, str | Sequence[str]]:
        """Dimension → the labels that dashboards show; marts may call it differently."""

    def list_unusable(self) -> Mapping[str, str]:
        """Metrics that are declared but can't be shown → why."""

    def unusable_labels(self) -> Mapping[str, str]:
        """Metrics that are declared but can't be shown → their labels."""

    def source_of(self, metric: str) -> str:
        """The row source of a metric: a mart as one semantic model reads it by one time."""

    def dimensions_of(self, source: str) -> Sequence[str]:
        """The dimensions of a row source, time included."""

    def time_of(self, source: str) -> str | None:
        """The dimension that is a row source's time, if it has one."""

    def grain_of(self, source: str) -> str:
        """The finest grain of a row source's time."""

    def adds_up(self, metric: str) -> bool:
        """True if the parts of a metric add up to its whole."""

    def form_of(self, metric: str) -> str:
        """How a metric is shown: `number`, `percent`, or a currency."""

    def list_source_names(self) -> Sequence[str]:
        """Every data source."""

    def sources_feeding(self, metric: str) -> Sequence[str]:
        """The data sources that a metric is computed from."""


def check_shape(
    form: Form, analysis: Analysis | None, metrics: Sequence[str], dimensions: Sequence[str], names: Names
) -> None:
    """Whether the metrics can be shown by these dimensions, in this kind of analysis."""
    sources = {names.source_of(metric): metric for metric in metrics}
    if not sources:
        return
    known = {source: set(names.dimensions_of(source)) for source in sources}
    times = {time for source in sources if (time := names.time_of(source))}
    every = set.union(*known.values())
    for name in dimensions:
        if name not in every:
            form.add_gap(
                "dimensions", f"{code(name)} is on none of the metrics; they have {listed(sorted(every))}."
            )
    for source, metric in sources.items():
        timed = names.time_of(source) is not None
        if not timed and not known[source] & set(dimensions):
            form.add_gap("dimensions", f"don't split {code(metric)}; it has {listed(sorted(known[source]))}.")
        if analysis is Analysis.trend and not timed:
            form.add_gap("analysis", f"can't be a trend of {code(metric)}: its data has no time.")
    if analysis in SPLIT and not set(dimensions) - times:
        others = listed(sorted(every - times))
        form.add_gap("dimensions", f"are missing: a {analysis} needs one besides time. Known: {others}.")


def needs_sources(metrics: Sequence[str], names: Names) -> bool:
    """False where there is none to name: the project has none, or the metrics are computed from its own seeds."""
    if not metrics:
        return bool(names.list_source_names())
    return any(names.sources_feeding(metric) for metric in metrics)


def list_idle_sources(metrics: Sequence[str], sources: Sequence[str], names: Names) -> tuple[str, ...]:
    """A note, in dbt's names only, on each source that feeds none of the metrics: the dashboard shows nothing of it."""
    feeding = {source for metric in metrics for source in names.sources_feeding(metric)}
    return tuple(
        f"Source {code(source)} feeds none of these metrics, so nothing of it is shown; {listed(sorted(feeding))} do."
        for source in sources
        if feeding and source not in feeding
    )
