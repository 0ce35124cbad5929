"""What a dashboard shows as it opens: its time, metrics in order, rows. For the page and the picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from blocks.errors import BadInput
from blocks.metrics import Metric, is_additive
from blocks.records import GRAINS, Analysis
from blocks.site.base import Card
from blocks.site.extract import Extract, cover_all
from blocks.site.html.kpis import Choice, Snapshot
from blocks.site.html.rollup import Rollup
from blocks.site.number_format import write_compact, write_short_day
from blocks.site.opening import (
    Standing,
    describe_missing_values,
    describe_wishes,
    find_opening,
    judge_target,
    name_bucket,
)
from blocks.site.periods import (
    FARTHEST,
    Period,
    find_bucket,
    find_last_finished,
    finish,
    list_coarser_grains,
    start,
)
from blocks.site.plan import DashboardPlan
from blocks.site.text import one_line
from blocks.wishes import Against, Wishes

_NO_WHOLE = "the values of its parts don't add up to the whole, so bars are drawn instead of shares."
_NO_DAYS = "it compares days by grains longer than its offset; these rows have no days, so it is not shown."
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
        pinned = {name: choice.labels for name, choice in self.picked.items()}
        self.rollups = [Rollup(extract, share, self.latest, pinned) for extract in self.extracts]
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
    def end(self) -> date | None:
        """The last day that the data reach over, as their sources say, or else today; None: nothing is unfinished."""
        known = [end for end in self.card.ends if end]
        if known:
            return min(known)
        newest = [pair[1] for extract in self.extracts if (pair := extract.find_bounds(self.latest))]
        yesterday = self.today - timedelta(days=1)
        last = max((finish(find_bucket(each, self.grain), self.grain) for each in newest), default=yesterday)
        return yesterday if last > yesterday else None

    @cached_property
    def today(self) -> date:
        """In the project's time zone."""
        return datetime.now(ZoneInfo(self.card.time_zone)).date()

    @cached_property
    def latest(self) -> date:
        """Dates after it are left out: no plan reaches so far, and one of them would set the whole window."""
        return self.today + FARTHEST

    @cached_property
    def whole(self) -> Period | None:
        """All the time there is; None without any."""
        whole = cover_all([extract.find_bounds(self.latest) for extract in self.extracts], self.grain)
        ends = [find_bucket(end, self.grain) for end in self.card.ends if end]
        return whole and whole.model_copy(update={"last": max([whole.last, *ends])})

    @cached_property
    def finished(self) -> Period | None:
        """The part of the data's time that is finished; all of it where no part is."""
        if not self.whole or not self.end:
            return self.whole
        last = min(self.whole.last, find_last_finished(self.end, self.grain))
        return self.whole.model_copy(update={"last": last}) if last >= self.whole.first else self.whole

    @cached_property
    def usual_opening(self) -> Period | None:
        """The range that it opens with where nobody wished for another: of finished time."""
        return self.finished.choose_opening() if self.finished else None

    @cached_property
    def wished_opening(self) -> Period | None:
        """The range that its request wished for; None without a wish, or without data in it."""
        span = self.wishes.period
        if span is None or not self.finished or not self.whole:
            return None
        return find_opening(span, self.finished, self.whole, self.today)

    @property
    def opening(self) -> Period | None:
        """The range it opens with."""
        return self.wished_opening or self.usual_opening

    @cached_property
    def before(self) -> Period | None:
        """The range to compare with; None if the data does not reach back over all of it."""
        return self.find_before(self.opening, self.wishes.comparison) if self.opening else None

    def find_before(self, period: Period, against: Against | None) -> Period | None:
        """The range before a period; None if the data does not reach back over all of it."""
        found = period.year_before if against is Against.year else period.previous
        return found if self.whole and found.first >= self.whole.first else None

    @property
    def wishes(self) -> Wishes:
        """What its request wished."""
        return self.card.dashboard.wishes

    @cached_property
    def picked(self) -> dict[str, Choice]:
        """Dimension → the values that it opens with, or without: those of the wished ones that there are."""
        found: dict[str, Choice] = {}
        for wish in self.wishes.filters:
            extracts = [each for each in self.extracts if wish.dimension in each.dataset.dimensions]
            labels = dict.fromkeys(label for each in extracts for _, label in each.list_values(wish))
            if labels:
                found[wish.dimension] = Choice(tuple(labels), wish.excluded)
        return found

    def list_notes_on_wishes(self) -> list[str]:
        """What it opens with, as it was asked for; and what of that the data don't have."""
        found = describe_wishes(self.wishes, ("filters", "period", "comparison", "grain"))
        for wish in self.wishes.filters:
            found += describe_missing_values(wish, self.picked.get(wish.dimension, Choice(())).labels)
            folded = wish.dimension in {name for rollup in self.rollups for name in rollup.folded}
            if folded and wish.is_range:
                found.append(f"{wish.dimension}: only its largest values can be told apart on this page.")
        if self.wishes.period is not None and self.whole and not self.wished_opening:
            found.append(f"There are no data for {self.wishes.period}, so other time is shown.")
        if self.wishes.audience:
            found.append(
                f"Asked for {', '.join(self.wishes.audience)} only. Whoever can open this folder can read it: "
                "who may is set where the folder is."
            )
        return [one_line(each, 400) for each in found]

    def judge(self, number: int, metric: Metric) -> Standing | None:
        """How a metric stands to its target as it opens, as the page's target.js has it; None where unknown."""
        if metric.grows or not (metric.target_against or metric.target is not None):
            return None
        opening = self.opening
        if metric.target_against:
            before = opening and self.find_before(opening, Against(metric.target_against))
            shot = self.take_snapshot(number, metric, opening, before)
            return judge_target(metric, shot.read_total(), shot.read_total(before=True))
        if not metric.target_per:
            if is_additive(metric.formula):  # the project's own target says of no time what it is of
                return None
            return judge_target(metric, self.take_snapshot(number, metric, opening).read_total(), None)
        bucket = self.find_newest_bucket(metric, metric.target_per, opening)
        if bucket is None or metric.needs_bucket:
            return None
        shot = self.take_snapshot(number, metric, self.cover(bucket, metric.target_per))
        return judge_target(metric, shot.read_total(), None, name_bucket(bucket, metric.target_per))

    def take_snapshot(
        self, number: int, metric: Metric, period: Period | None, before: Period | None = None
    ) -> Snapshot:
        """A metric over its dataset's extract in a period, with the filters that it opens with."""
        return Snapshot(self.extracts[number], metric, period, before, self.latest, self.picked)

    def find_newest_bucket(self, metric: Metric, unit: str, within: Period | None) -> int | None:
        """The last bucket of a unit that is whole inside of a period, and final; None if there is none."""
        if not within or unit not in list_coarser_grains(self.grain):
            return None
        end = within.end
        if self.end:
            end = min(end, self.end - timedelta(days=metric.maturity_days))
        last = find_last_finished(end, unit)
        return last if within.is_whole(last, unit) else None

    def cover(self, bucket: int, unit: str) -> Period:
        """The buckets of the rows that are in a bucket of a unit."""
        days = start(bucket, unit), finish(bucket, unit)
        first, last = (find_bucket(day, self.grain) for day in days)
        return Period(grain=self.grain, first=first, last=last)

    @cached_property
    def time_label(self) -> str:
        """What the dates are of, as dbt labels it; several where the datasets differ."""
        datasets = [extract.dataset for extract in self.extracts if extract.dataset.time]
        return " / ".join(dict.fromkeys(each.labels.get(str(each.time), "") for each in datasets))

    def find_period_before(self, metric: Metric) -> Period | None:
        """The range to compare a metric with; None too where its figures are not final yet."""
        if metric.grows or not self.opening:
            return None
        if metric.maturity_days and self.end:
            final = find_last_finished(self.end - timedelta(days=metric.maturity_days), self.grain)
            return self.before if self.opening.last <= final else None
        return self.before

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

    def write_notes(self) -> list[str]:
        """What a reader must know about how the rows were reduced."""
        found = []
        if any(r.grain != r.extract.dataset.grain for r in self.rollups if r.extract.dataset.time):
            found.append(
                f"The rows are added up by {self.grain} to keep this page small, so dates act on whole "
                f"{self.grain}s. The Tableau extract has every row."
            )
        found += self.list_notes_on_wishes()
        found += self._write_maturity_notes()
        for rollup in self.rollups:
            dataset = rollup.extract.dataset
            for name, kept in rollup.folded.items():
                label = dataset.labels.get(name, name)
                found.append(f"{label}: the {kept} largest values are shown, all others as Other.")
            sampled = [scale for scale in rollup.scales.values() if scale > 1]
            found += [f"Figures marked ≈ are estimated from one in {scale} values." for scale in sampled]
            found += [f"{label}: {_NO_WHOLE}" for label in self._list_without_shares(rollup)]
            later = f"Rows that are dated after {write_short_day(self.latest)}"
            found += _write_left_out(later, rollup, rollup.extract.sum_later(self.latest))
            found += [f"{label}: {_NO_DAYS}" for label in _list_without_longer_buckets(rollup)]
            found += _write_left_out("Rows without a date", rollup, rollup.extract.sum_undated())
        return list(dict.fromkeys(found))

    def _write_maturity_notes(self) -> list[str]:
        """What to know of metrics whose figures go on changing after their time."""
        growing = [metric.label for _, metric in self.metrics if metric.grows]
        lagging = [metric for _, metric in self.metrics if metric.maturity_days]
        found = [
            f"{metric.label}: final {metric.maturity_days} days after; younger ones are dotted and not compared."
            for metric in lagging
        ]
        if growing:
            by = self.time_label.lower() or "time"
            found.append(
                f"{', '.join(growing)}: go on growing with age. Who is younger by {by} had less time, so periods are"
                " not compared."
            )
        return found

    def _list_without_shares(self, rollup: Rollup) -> list[str]:
        """Labels of the metrics that a composition can't show as shares."""
        if self.card.dashboard.analysis is not Analysis.composition or not rollup.dimensions:
            return []
        return [metric.label for metric in rollup.extract.dataset.metrics if not is_additive(metric.formula)]


@contextmanager
def open_view(card: Card) -> Iterator[DashboardView]:
    """A card's view, with its extracts open."""
    with ExitStack() as opened:
        pairs = zip(card.datasets, card.extracts, strict=True)
        yield DashboardView(card, [opened.enter_context(Extract(dataset, path)) for dataset, path in pairs])


def _write_left_out(rows: str, rollup: Rollup, totals: Mapping[str, float | None] | None) -> list[str]:
    """That some rows are left out, and how much of each metric they are. totals: None where there are none."""
    if totals is None:
        return []
    metrics = {metric.name: metric for metric in rollup.extract.dataset.metrics}
    shares = [
        f"{metrics[name].label} {write_compact(total, metrics[name].form)}"
        for name, total in totals.items()
        if total is not None
    ]
    return [f"{rows} are left out{': ' if shares else ''}{', '.join(shares)}."]


def _list_without_longer_buckets(rollup: Rollup) -> list[str]:
    """Labels of the metrics whose offset needs the data's own buckets, which the rows do not have any more."""
    dataset = rollup.extract.dataset
    if rollup.grain == dataset.grain or not dataset.time:
        return []
    return [
        metric.label
        for metric in dataset.metrics
        for shift in [measure.shift for measure in metric.measures if measure.shift]
        if not all(shift.is_of_buckets(grain) for grain in list_coarser_grains(rollup.grain))
    ]
