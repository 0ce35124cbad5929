"""What a dashboard shows as it opens: its time, metrics in order, rows. For the page and the picture."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from blocks.errors import BadInput
from blocks.metrics import Metric, adds_up
from blocks.records import GRAINS, Analysis
from blocks.site.base import Card
from blocks.site.html.extract import Extract, cover_all
from blocks.site.html.rollup import Rollup
from blocks.site.periods import Period
from blocks.site.plan import DashboardPlan

_NO_WHOLE = "the values of its parts don't add up to the whole, so bars are drawn instead of shares."
BUDGET = 50_000  # rows a page carries, over all its datasets


class DashboardView:
    """A card with its extracts open and reduced to one common grain of time."""

    def __init__(self, card: Card, extracts: Sequence[Extract], budget: int = BUDGET) -> None:
        self.card, self.extracts = card, tuple(extracts)
        if not self.extracts:
            raise BadInput(f"Publish {card.dashboard.name}", "it has no dataset", "Give it metrics.")
        if not self.metrics:
            raise BadInput(f"Publish {card.dashboard.name}", "it has no metric", "Give it one.")
        share = max(budget // len(self.extracts), 100)
        self.rollups = [Rollup(extract, share) for extract in self.extracts]
        for rollup in self.rollups:
            rollup.fit(rollup.grain)
        for rollup in self.rollups:
            rollup.fit(self.grain)

    @cached_property
    def grain(self) -> str:
        """The finest grain of time that every dataset's rows have."""
        timed = [r.grain for r in self.rollups if r.extract.dataset.time]
        return max(timed, key=GRAINS.index, default="day")

    @cached_property
    def whole(self) -> Period | None:
        """All the time there is; None without any."""
        return cover_all([extract.bounds() for extract in self.extracts], self.grain)

    @cached_property
    def opening(self) -> Period | None:
        """The range it opens with."""
        return self.whole.opening() if self.whole else None

    @cached_property
    def before(self) -> Period | None:
        """The range to compare with; None if the data does not reach back over all of it."""
        if not self.opening or not self.whole or self.opening.previous.first < self.whole.first:
            return None
        return self.opening.previous

    @cached_property
    def plan(self) -> DashboardPlan:
        """What it shows, as every site draws it."""
        return self.card.plan

    @cached_property
    def metrics(self) -> list[tuple[int, Metric]]:
        """Every metric and the number of its dataset, in the dashboard's order."""
        found = {
            (extract.dataset.name, metric.name): (number, metric)
            for number, extract in enumerate(self.extracts)
            for metric in extract.dataset.metrics
        }
        return [found[figure] for figure in self.plan.figures]

    def notes(self) -> list[str]:
        """What a reader must know about how the rows were reduced."""
        found = []
        if any(r.grain != r.extract.dataset.grain for r in self.rollups if r.extract.dataset.time):
            found.append(
                f"The rows are added up by {self.grain} to keep this page small, so dates act on whole "
                f"{self.grain}s. The Tableau extract has every row."
            )
        for rollup in self.rollups:
            dataset = rollup.extract.dataset
            for name, kept in rollup.folded.items():
                label = dataset.labels.get(name, name)
                found.append(f"{label}: the {kept} largest values are shown, all others as Other.")
            sampled = [scale for scale in rollup.scales if scale > 1]
            found += [f"Counts marked ≈ are estimated from one in {scale} values." for scale in sampled]
            found += [f"{label}: {_NO_WHOLE}" for label in self._without_shares(rollup)]
            if undated := rollup.extract.undated():
                found.append(f"{undated:,} rows have no date and are left out.")
        return list(dict.fromkeys(found))

    def _without_shares(self, rollup: Rollup) -> list[str]:
        """Labels of the metrics that a composition can't show as shares."""
        if self.card.dashboard.analysis is not Analysis.composition or not rollup.dimensions:
            return []
        return [metric.label for metric in rollup.extract.dataset.metrics if not adds_up(metric.formula)]
