"""What a mart's history says of a release: how usual its new days are, and what is kept of it for the next one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from itertools import groupby, pairwise, takewhile
from zoneinfo import ZoneInfo

from prefect import task

from blocks.catalogue import Catalogue, Dataset
from blocks.errors import Misconfigured, Rejected
from blocks.metrics import Metric, is_additive
from blocks.quality.history.calendar import find_date, is_complete, read_holidays
from blocks.quality.history.events import read_seed
from blocks.quality.history.expectation import Usual
from blocks.quality.history.findings import KIND, Past, write_number
from blocks.quality.history.judge import (
    ROWS_METRIC,
    Gauge,
    has_drifted,
    judge_agreement,
    judge_freshness,
    judge_metric,
    make_gauge,
)
from blocks.quality.history.members import choose_weight, is_drifting, judge_members, judge_visits
from blocks.quality.history.movement import explain
from blocks.quality.history.nulls import judge_nulls, judge_undated
from blocks.quality.history.record import RUNS_READ, Sight, make_sight, read_first_values
from blocks.quality.history.repeats import MOST_ITEMS, count_repeats, judge_repeats
from blocks.quality.history.restated import judge_restated, measure_restated
from blocks.quality.history.rules import MIN_HISTORY, Event, Lesson, Rules, read_rules
from blocks.quality.history.series import (
    Series,
    add_hours,
    hold_out,
    is_whole,
    reduce_to_sums,
    try_read_series,
)
from blocks.quality.history.sizes import judge_gone_members, judge_size
from blocks.records import BuildReport, Check, Dashboard, LedgerEntry, Movement
from blocks.warehouse import control
from blocks.warehouse.base import Session, Warehouse
from tasks.policy import RETRY

MOST_DIMENSIONS_ASKED, MOST_LOADS = 8, 5
NEAR = timedelta(days=3)
"""Days at most so far apart follow one another, over a weekend too."""
PERIODS = {"day": 7, "week": 4}
"""Buckets that are held against as many before; of coarser ones it is the last."""


class Look:
    """What was found of a release: checks, and each dataset's series with the shares of its past that moved.

    No dataclass: Prefect would walk through all of a series, twice, where a task is given one.
    """

    def __init__(self, known: set[str]) -> None:
        self.known = known
        self.checks: list[Check] = []
        self.series: dict[str, Series] = {}
        self.moved: dict[str, dict[str, float]] = {}
        self.movements: list[Movement] = []


@dataclass(frozen=True)
class _Around:
    """What is the same for every mart of a release."""

    warehouse: Warehouse
    catalogue: Catalogue
    run: str
    today: date
    entries: Sequence[LedgerEntry]
    sights: Mapping[str, Sequence[Sight]]
    lessons: Sequence[Lesson]
    shown: frozenset[str]
    seeds: Mapping[str, tuple[Event, ...]]


@task(task_run_name="compare with history", **RETRY)
def look_at_history(
    warehouse: Warehouse,
    catalogue: Catalogue,
    build: BuildReport,
    dashboards: Sequence[Dashboard] = (),
    lessons: Sequence[Lesson] = (),
    today: date | None = None,
) -> Look:
    """Each built mart's new and changed days against what readers saw before.

    dashboards: whose dimensions are looked at first. lessons: what people said is expected. today: by default the day
    in the project's time zone.
    """
    live = served.marts if (served := warehouse.read_served()) else {}
    around = _Around(
        warehouse,
        catalogue,
        build.run,
        today or datetime.now(ZoneInfo(catalogue.time_zone)).date(),
        control.read_ledger(warehouse),
        _read_sights(warehouse, build.run),
        lessons,
        frozenset(name for each in (dashboards or catalogue.exposures) for name in each.metrics),
        {},
    )
    look = Look(known=set(around.sights))
    with warehouse.session() as session:
        seeds, look.checks = _read_seeds(warehouse, session, catalogue, build)
        around = replace(around, seeds=seeds)
        for mart, relation in build.marts.items():
            for dataset, wholes in _list_datasets(catalogue, mart, dashboards):
                _look_at(around, session, dataset, wholes, relation, live.get(mart), look)
        look.checks += _check_loads(around, session) if live else []
    return look


@task(task_run_name="keep the history", **RETRY)
def keep_history(warehouse: Warehouse, run: str, look: Look, passed: bool) -> None:
    """Write what a run saw into the control tables, and forget what old runs saw."""
    at = control.now()
    sights = {
        name: make_sight(series, at, passed, name not in look.known, look.moved.get(name, {}))
        for name, series in look.series.items()
    }
    control.write_history(warehouse, run, {name: each.model_dump_json() for name, each in sights.items()})
    control.prune_history(warehouse)


def _read_sights(warehouse: Warehouse, run: str) -> dict[str, list[Sight]]:
    """What earlier runs saw, by dataset, oldest first; what another version wrote and can't be read is passed over."""
    found: dict[str, list[Sight]] = {}
    for entry in control.read_history(warehouse, RUNS_READ):
        if entry.run != run:
            try:
                found.setdefault(entry.dataset, []).append(Sight.model_validate_json(entry.detail))
            except ValueError:
                continue
    return found


def _list_datasets(
    catalogue: Catalogue, mart: str, dashboards: Sequence[Dashboard]
) -> list[tuple[Dataset, Dataset | None]]:
    """A mart's datasets with all that adds up in them, and the dimensions that dashboards show first.

    Beside each the one with the metrics that have a value in all only, if there are any.
    """
    names = tuple(name for name in catalogue.metric_names() if catalogue.marts_of((name,), ()) == (mart,))
    shown = [name for each in dashboards for name in each.dimensions]
    shown += [name for each in catalogue.exposures for name in each.dimensions]
    found = []
    for source in dict.fromkeys(catalogue.source_of(name) for name in names):
        own = tuple(name for name in names if catalogue.source_of(name) == source)
        known = catalogue.categories_of(source)
        wanted = dict.fromkeys([*(name for name in shown if name in known), *known])
        try:
            (dataset,) = catalogue.datasets(own, tuple(wanted)[:MOST_DIMENSIONS_ASKED])
        except Misconfigured:  # a measure has a dimension's name
            (dataset,) = catalogue.datasets(own, ())
        hour = catalogue.hour_of(source)
        sums = reduce_to_sums(add_hours(dataset, hour) if hour else dataset)
        found.append((sums, _find_wholes(catalogue, dataset)))
    return found


def _find_wholes(catalogue: Catalogue, dataset: Dataset) -> Dataset | None:
    names = tuple(metric.name for metric in dataset.metrics if is_whole(metric))
    if not names or dataset.time is None:
        return None
    try:
        (found,) = catalogue.datasets(names, ())
    except Misconfigured:  # a measure has the time's name
        return None
    return found


def _look_at(
    around: _Around,
    session: Session,
    dataset: Dataset,
    wholes: Dataset | None,
    relation: str,
    live: str | None,
    look: Look,
) -> None:
    """A dataset of a built mart, and of the relation that readers see of it, if they see one."""
    read = partial(try_read_series, around.warehouse, session, dataset, today=around.today, wholes=wholes)
    before = read(live) if live else None
    if before and live == relation:  # what an earlier release built is shown again
        candidate: Series | None = before
    else:
        candidate = read(relation, also=tuple(before.members) if before else ())
    if candidate is None:  # that a metric can't be computed is another check's finding
        return
    look.series[dataset.name] = candidate
    seen = before if before and before.total else None
    if seen is None and dataset.time is None:
        return
    past = replace(_make_past(around, dataset, seen or candidate, candidate), is_first=seen is None)
    look.movements += _explain(around, dataset, seen, candidate, past)
    found = _judge(around, dataset, seen, candidate, past)
    if seen is None:
        found = _choose_at_first(found)
    else:
        found += _compare(around, dataset, seen, candidate, past)
        look.moved[dataset.name] = {
            metric.name: measure_restated(metric, seen, candidate, past.complete)[0]
            for metric in dataset.metrics
            if is_additive(metric.formula)
        }
    look.checks += [check for check in found if check]


def _choose_at_first(found: Sequence[Check | None]) -> list[Check | None]:
    """What is said of a mart that nobody has seen yet: what is far off; held back, if such days follow one another.

    One day may be far off with reason, and nothing is known of how often: that is a warning.
    """
    held = [check for check in found if check and not check.passed]
    in_a_row = any(after - day <= NEAR for check in held for day, after in pairwise(check.days))
    return [check if in_a_row else check.model_copy(update={"passed": True}) for check in held]


def _judge(
    around: _Around, dataset: Dataset, live: Series | None, candidate: Series, past: Past
) -> list[Check | None]:
    """A dataset's new and changed buckets by what readers see; where they see nothing yet, its last by those before."""
    if dataset.time is None:
        return []
    known = live or hold_out(candidate)
    metrics = (*dataset.metrics, *(each for each in candidate.wholes if each in known.wholes))
    rules = _read_rules(around, metrics)
    gauges = [
        make_gauge(metric, own, known, candidate, past)
        for metric, own in ((ROWS_METRIC, Rules()), *((each, rules[each.name]) for each in metrics))
    ]
    if live is None:  # what was off before the newest buckets, too, is final only later
        gauges = [gauge for gauge in gauges if not has_drifted(gauge, known, past)]
    found: list[Check | None] = [judge_metric(gauge, known, candidate, past) for gauge in gauges]
    found += [
        judge_agreement(gauges, dataset.mart, past, dataset.grain),
        judge_nulls(rules, known, candidate, past),
    ]
    if live:
        found.append(_check_restated(around, dataset, gauges[1:], live, candidate, past))
    if weight := choose_weight(dataset.metrics, known):
        for name in dict.fromkeys((*candidate.members, *known.members)):
            if live or not is_drifting(name, weight, known, past):
                found += judge_members(name, weight, rules[weight.name], known, candidate, past)
    return found


def _compare(
    around: _Around, dataset: Dataset, live: Series, candidate: Series, past: Past
) -> list[Check | None]:
    """A dataset as a whole against what readers see, and against what runs before saw."""
    sights = around.sights.get(dataset.name, ())
    found = [judge_gone_members(name, live, candidate, past) for name in live.members]
    if dataset.time is None:
        return [*found, judge_size(live, candidate, sights, past)]
    return [
        *found,
        *(judge_visits(name, candidate, past) for name in candidate.members),
        judge_undated(live, candidate),
        judge_freshness(candidate, around.today, sights, past.holidays),
    ]


def _read_rules(around: _Around, metrics: Iterable[Metric]) -> dict[str, Rules]:
    """How each is judged; one that is an extreme only warns unless it says otherwise, as one row makes it."""
    found = {}
    for metric in metrics:
        is_extreme = any(measure.function in ("min", "max") for measure in metric.measures)
        rules = read_rules(around.catalogue.metric_meta(metric.name), "never" if is_extreme else "gross")
        listed = [event for seed in rules.seeds for event in around.seeds.get(seed, ())]
        found[metric.name] = rules.model_copy(update={"events": (*rules.events, *listed)})
    return found


def _read_seeds(
    warehouse: Warehouse, session: Session, catalogue: Catalogue, build: BuildReport
) -> tuple[dict[str, tuple[Event, ...]], list[Check]]:
    """The events of the seeds that built marts' metrics name, and a warning for each that can't be read."""
    found: dict[str, tuple[Event, ...]] = {}
    checks = []
    for metric in catalogue.metric_names():
        mart = catalogue.mart_of(metric)
        for seed in read_rules(catalogue.metric_meta(metric)).seeds if mart in build.marts else ():
            if seed in found:
                continue
            relation = next((at for key, at in build.relations.items() if _is_seed(key, seed)), None)
            reason = f"this run built no seed {seed}: let the mart depend on it, by a line -- depends_on"
            found[seed] = ()
            try:
                if relation:
                    found[seed], reason = read_seed(warehouse, session, seed, relation), ""
            except Misconfigured as error:
                reason = str(error)
            if reason:
                name = f"events of {seed} are read"
                checks.append(
                    Check(scope=mart, name=name, kind=KIND, passed=True, warned=True, observed=reason)
                )
    return found, checks


def _is_seed(unique_id: str, name: str) -> bool:
    return unique_id.startswith("seed.") and unique_id.endswith(f".{name}")


def _make_past(around: _Around, dataset: Dataset, live: Series, candidate: Series) -> Past:
    sights = around.sights.get(dataset.name, ())
    marks = _read_marks(around, dataset.mart)
    newest = [day for day in (live.newest, candidate.newest) if day]
    every = [*marks, *newest]
    days = {*live.total, *candidate.total}
    years = range(min(days).year, max(days).year + 1) if days else range(0)
    return Past(
        complete=lambda day: is_complete(day, dataset.grain, around.today, every),
        holidays=read_holidays(around.catalogue.holidays, years) if dataset.grain == "day" else {},
        runs=len(sights),
        firsts={
            metric.name: read_first_values(metric, sights) for metric in (*dataset.metrics, *candidate.wholes)
        },
        moved={
            metric.name: [each.moved[metric.name] for each in sights if metric.name in each.moved]
            for metric in dataset.metrics
        },
        lessons=around.lessons,
        sights=sights,
        held_days=_count_held_days(sights, around.today),
    )


def _count_held_days(sights: Sequence[Sight], today: date) -> int:
    """For how many days readers have been held back by now."""
    held = list(takewhile(lambda sight: not sight.passed, reversed(sights)))
    return (today - held[-1].at.date()).days if held else 0


def _explain(
    around: _Around, dataset: Dataset, live: Series | None, candidate: Series, past: Past
) -> list[Movement]:
    """Why the metrics that dashboards show are not what readers saw, and not what they were the period before."""
    if dataset.time is None:
        return []
    length = PERIODS.get(dataset.grain, 1)
    over = sorted(day for day in candidate.total if past.complete(day))
    recent, earlier = over[-length:], over[-2 * length : -length]
    found = []
    for metric in dataset.metrics:
        if metric.name in around.shown:
            if live:
                found.append(explain(metric, live, candidate, (live.total, candidate.total), "release"))
            if len(earlier) == length:
                days = (earlier[0], earlier[-1], recent[0], recent[-1])
                moved = explain(metric, candidate, candidate, (earlier, recent), "period")
                found.append(moved.model_copy(update={"days": days}) if moved else None)
    return [each for each in found if each]


def _read_marks(around: _Around, mart: str) -> list[date]:
    """The newest day that each source in a mart's lineage has brought, where its loads name days."""
    own = set(around.catalogue.sources_of(mart))
    newest: dict[str, date] = {}
    for entry in around.entries:
        if entry.source in own and (day := find_date(entry.watermark or entry.item)):
            newest[entry.source] = max(day, newest.get(entry.source, day))
    return list(newest.values())


def _check_restated(
    around: _Around,
    dataset: Dataset,
    gauges: Sequence[Gauge],
    live: Series,
    candidate: Series,
    past: Past,
) -> Check | None:
    """The metric whose past moved most, over its budget where any is."""

    def explain_days(gauge: Gauge) -> Callable[[Collection[date]], list[str]]:
        return lambda days: [
            *_describe_members(gauge.metric, live, candidate, days),
            *_describe_loads(around, dataset.mart, days),
        ]

    found = [
        check
        for gauge in gauges
        if is_additive(gauge.metric.formula)
        and (check := judge_restated(gauge, live, candidate, past, explain_days(gauge)))
    ]
    return max(
        found,
        key=lambda each: (not each.passed, each.warned, dict(each.figures)["observed"], each.name),
        default=None,
    )


def _describe_members(metric: Metric, live: Series, candidate: Series, days: Collection[date]) -> list[str]:
    """The members whose rows of these days changed most."""
    moved = explain(metric, live, candidate, (days, days), "period")
    return [
        f"{mover.dimension} {mover.member[:60]}: {mover.change:+,.2f}"
        for mover in (moved.movers if moved else ())
    ]


def _describe_loads(around: _Around, mart: str, days: Collection[date]) -> list[str]:
    """What this run loaded of a mart's sources: what names one of these days, or else the largest."""
    own = set(around.catalogue.sources_of(mart))
    loaded = [entry for entry in around.entries if entry.run == around.run and entry.source in own]
    named = [entry for entry in loaded if find_date(entry.item) in days]
    chosen = sorted(named or loaded, key=lambda entry: -entry.rows)[:MOST_LOADS]
    return [f"loaded {each.source}.{each.table} {each.item}: {each.rows:,} rows" for each in chosen]


def _check_loads(around: _Around, session: Session) -> list[Check]:
    """What this run loaded against the loads before: rows by the day that they are of, and rows that are there twice.

    Warnings at most: a model may leave out what came twice.
    """
    checks = []
    entries = sorted(around.entries, key=lambda entry: (entry.source, entry.table))
    for (source, table), group in groupby(entries, key=lambda entry: (entry.source, entry.table)):
        own = list(group)
        checks.append(_check_table(f"{source}.{table}", own, around.run))
        if any(entry.run == around.run for entry in own):
            checks.append(_check_repeats(around, session, source, table, own))
    return [check for check in checks if check]


def _check_repeats(
    around: _Around, session: Session, source: str, table: str, entries: Sequence[LedgerEntry]
) -> Check | None:
    """The rows of the newest items that are there twice; None where that can't be asked."""
    found = [each for each in around.catalogue.source_tables(source) if each.name == table]
    new = sorted({entry.item for entry in entries if entry.run == around.run})[-MOST_ITEMS // 2 :]
    old = sorted({entry.item for entry in entries} - set(new))[-MOST_ITEMS // 2 :]
    if not found or len(old) < MIN_HISTORY:
        return None
    try:
        counts = count_repeats(around.warehouse, session, found[0], old, new)
    except Rejected:
        return None
    return judge_repeats(f"{source}.{table}", counts, new)


def _check_table(table: str, entries: Iterable[LedgerEntry], run: str) -> Check | None:
    old: dict[date, float] = {}
    new: dict[date, float] = {}
    for entry in entries:
        if day := find_date(entry.item):
            side = new if entry.run == run else old
            side[day] = side.get(day, 0.0) + entry.rows + entry.quarantined
    if not new or len(old) < MIN_HISTORY:
        return None
    usual, found, judged = Usual(old, "day"), [], 0
    for day in sorted(new):
        if expected := usual.expect(day, MIN_HISTORY):
            judged += 1
            if expected.judge(new[day]) != "usual":
                between = f"{write_number(max(expected.low, 0))} to {write_number(expected.high)}"
                found.append(
                    f"{day}: {new[day]:,.0f} rows where {write_number(expected.usual)} is usual ({between})"
                )
    if not judged:
        return None
    return Check(
        scope=table,
        name="loads are as large as usual",
        kind=KIND,
        passed=True,
        warned=bool(found),
        observed=found[0] if found else f"{judged} loads",
        evidence=tuple(found[1:10]),
    )
