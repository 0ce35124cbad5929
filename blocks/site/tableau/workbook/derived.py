"""Fields that a plan needs beyond columns and metrics, as Tableau's formulas.

period: the time cut to the grain that is chosen; split: the dimension that is chosen; share: of the whole; slice: of
the whole of one bucket, where a dimension splits it; before: of the bucket just before, in the order of a line's time,
and null where there is none; moved: how the last finished bucket differs from the one before it, and that as words;
when, latest, earlier: which bucket that is, the value in it and in the one before; part: what a member did to that;
target: what a metric should reach; edge, state: where time that is not finished begins, and whether a bucket is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import reduce
from typing import NamedTuple

from blocks.metrics import Metric, count_all, is_additive, to_tableau
from blocks.site.opening import write_target
from blocks.site.plan import Chart, Section
from blocks.site.tableau.workbook.fields import Field, write_date_as_text
from blocks.site.tableau.workbook.figures import write_figure
from blocks.site.tableau.workbook.movement import fill_sums, write_part
from blocks.site.tableau.workbook.parameters import Parameter, clean_text, quote_text
from blocks.wishes import Against

WHOLE, NOTHING = "whole period", "nothing"
_COMPARED = -2  # buckets before the first unfinished one
OPENING = "week"  # of a line's grains: one of single days is noise
ALL = "All"


@dataclass(frozen=True)
class Choices:
    """The parameters of a workbook and of one of its sources. grain, per: one for all sources."""

    grain: Parameter | None = None
    per: Parameter | None = None
    split: Parameter | None = None

    @property
    def every(self) -> tuple[Parameter, ...]:
        """All there are."""
        return tuple(each for each in (self.grain, self.per, self.split) if each)


class Finished(NamedTuple):
    """A metric in the last finished bucket and in the one that it is compared with. when: which bucket, in words."""

    when: Field
    latest: Field
    earlier: Field


@dataclass(frozen=True)
class Derived:
    """The derived fields of a source.

    shares, slices, before, words, finished, targets, moves, standings, edges, states, wholes, figures: by the name of a
    metric's field. figures: as the page's tiles have them; moves: what a member did to the change; sizes: how much the
    first of them is, up or down; parts: what words, moves, edges and states are made of; compared: what the bucket
    before the last finished one is called.
    """

    choices: Choices = field(default_factory=Choices)
    grains: tuple[str, ...] = ()
    period: Field | None = None
    per: Field | None = None
    split: Field | None = None
    newest: Field | None = None
    links: tuple[Field, ...] = ()
    shares: Mapping[str, Field] = field(default_factory=dict)
    slices: Mapping[str, Field] = field(default_factory=dict)
    before: Mapping[str, Field] = field(default_factory=dict)
    words: Mapping[str, Field] = field(default_factory=dict)
    finished: Mapping[str, Finished] = field(default_factory=dict)
    compared: str = ""
    targets: Mapping[str, Field] = field(default_factory=dict)
    moves: Mapping[str, Field] = field(default_factory=dict)
    sizes: Mapping[str, Field] = field(default_factory=dict)
    standings: Mapping[str, Field] = field(default_factory=dict)
    edges: Mapping[str, Field] = field(default_factory=dict)
    states: Mapping[str, Field] = field(default_factory=dict)
    wholes: Mapping[str, Field] = field(default_factory=dict)
    figures: Mapping[str, Field] = field(default_factory=dict)
    parts: tuple[Field, ...] = ()

    @property
    def fields(self) -> tuple[Field, ...]:
        """All derived fields that there are."""
        single = (self.period, self.per, self.split, self.newest)
        several = [self.shares, self.slices, self.before, self.words, self.targets, self.moves]
        several += [self.sizes, self.standings, self.edges, self.states, self.wholes, self.figures]
        found = [each for fields in several for each in fields.values()]
        found += [each for three in self.finished.values() for each in three]
        return (*(each for each in single if each), *self.links, *self.parts, *dict.fromkeys(found))


@dataclass(frozen=True)
class Clock:
    """The time of a source. grain: how fine its rows are; end: the last day that they reach over, if it is known.

    against: what changes are measured by.
    """

    time: Field
    grain: str
    end: date | None = None
    against: Against | None = None


def choose_grain(grains: tuple[str, ...], wished: str = "") -> str:
    """The grain that lines are drawn with at first. wished: by the request, if there is such a grain."""
    if wished in grains:
        return wished
    return OPENING if OPENING in grains else grains[0]


def derive_fields(
    section: Section,
    choices: Choices,
    *,
    metrics: Mapping[str, Field],
    dimensions: tuple[Field, ...],
    clock: Clock | None,
    name_apart: Callable[[str], str],
    data: str,
    meanings: Mapping[str, Metric],
) -> Derived:
    """The fields of a section.

    metrics: the fields by the metrics' names; name_apart: makes a caption unique; data: what its rows are called;
    meanings: the metrics.
    """
    maker = _FieldMaker(section, choices, metrics, dimensions, clock, name_apart, meanings)
    newest = _make_newest(clock.time, data, name_apart) if clock else None
    split = maker.make_split()
    shares, wholes = maker.make_shares(), maker.make_wholes()
    derived = Derived(
        choices=choices,
        grains=maker.grains,
        period=maker.period,
        per=maker.per,
        split=split,
        newest=newest,
        shares=shares,
        wholes=wholes,
        figures=maker.make_figures(wholes),
        slices=maker.make_slices(shares),
        before=maker.make_before(),
    )
    derived = maker.add_changes(derived)
    return replace(derived, targets=maker.make_targets(), sizes=maker.make_sizes(derived.moves))


class _FieldMaker:
    """Makes the fields of a section, kind by kind; by the name of a metric's field. Its arguments: see derive_fields.

    Captions are told apart in the order in which fields are made.
    """

    def __init__(
        self,
        section: Section,
        choices: Choices,
        metrics: Mapping[str, Field],
        dimensions: tuple[Field, ...],
        clock: Clock | None,
        name_apart: Callable[[str], str],
        meanings: Mapping[str, Metric],
    ) -> None:
        self._section, self._choices, self._clock = section, choices, clock
        self._metrics, self._meanings, self._name_apart = metrics, meanings, name_apart
        self._dimensions = self._levels = dimensions
        self.grains = next((panel.grains for panel in section.panels if panel.grains), ())
        self.period: Field | None = None
        self.per: Field | None = None
        if clock and self.grains:
            self.period = _make_period(clock.time, self.grains, choices.grain, name_apart)
            if choices.per:
                self.per = _make_per(clock.time, self.grains, choices.per, name_apart)

    @property
    def _level_refs(self) -> str:
        """The dimensions that a view may show, in a formula."""
        return ", ".join(each.ref for each in self._levels)

    def make_split(self) -> Field | None:
        """The dimension that is chosen, which a view may show, too."""
        if not self._choices.split:
            return None
        split = _make_split(self._dimensions, self._choices.split, self._name_apart)
        self._levels = (*self._dimensions, split)
        return split

    def make_shares(self) -> dict[str, Field]:
        """Shares of the whole, of metrics whose parts add up to it."""
        return {
            field.name: Field(
                name=f"Derived_share_{name}",
                caption=self._name_apart(f"Share of {field.caption}"),
                datatype="real",
                role="measure",
                type="quantitative",
                form="p0.0%",
                formula=_write_share(field, self._level_refs),
            )
            for name, field in self._metrics.items()
            if is_additive(self._meanings[name].formula) and self._levels and "EXCLUDE" not in field.formula
        }

    def make_wholes(self) -> dict[str, Field]:
        """The same metrics over all rows, where that is another formula."""
        every = tuple(each.name for each in self._levels)
        return {
            field.name: replace(
                field,
                name=f"Derived_whole_{name}",
                caption=self._name_apart(f"{field.caption} of all"),
                formula=to_tableau(whole, every),
            )
            for name, field in self._metrics.items()
            if (whole := count_all(self._meanings[name].formula)) != self._meanings[name].formula
        }

    def make_figures(self, wholes: Mapping[str, Field]) -> dict[str, Field]:
        """The metrics as the page's tiles write them."""
        return {
            field.name: Field(
                name=f"Derived_figure_{name}",
                caption=self._name_apart(f"{field.caption}, figure"),
                datatype="string",
                role="measure",
                formula=write_figure(wholes.get(field.name, field), self._meanings[name].form),
            )
            for name, field in self._metrics.items()
        }

    def make_slices(self, shares: Mapping[str, Field]) -> dict[str, Field]:
        """Shares of the whole of one bucket, where a dimension splits it."""
        split = self._choices.split
        if not split or not self.period:
            return {}
        nothing = split.values[0]
        return {
            field.name: replace(
                shares[field.name],
                name=f"Derived_slice_{name}",
                caption=self._name_apart(f"Share of {field.caption} in its time"),
                formula=f"IF {split.ref} <> {quote_text(nothing)} THEN {shares[field.name].ref} END",
            )
            for name, field in self._metrics.items()
            if field.name in shares
        }

    def make_before(self) -> dict[str, Field]:
        """Values of the bucket just before."""
        if not self.period:
            return {}
        day = f"MIN({self.period.ref})"
        back = {grain: f"DATE(DATEADD('{grain}', -1, {day}))" for grain in self.grains}
        # the point before may be of an earlier bucket, where buckets have no rows
        choice = self._choices.grain
        adjacent = f"({_choose(choice, back)})" if choice else "".join(back.values())
        return {
            field.name: Field(
                name=f"Derived_before_{name}",
                caption=self._name_apart(f"{field.caption} before"),
                datatype="real",
                role="measure",
                type="quantitative",
                form=field.form,
                formula=f"IF LOOKUP({day}, -1) = {adjacent} THEN LOOKUP({field.ref}, -1) END",
                across="Rows",
            )
            for name, field in self._metrics.items()
        }

    def add_changes(self, derived: Derived) -> Derived:
        """The fields, with those that compare the last finished bucket with the one before it."""
        if not self._clock or not self.period:
            return derived
        metrics, meanings, levels = self._metrics, self._meanings, self._level_refs
        cuts = tuple(each.name for each in self._dimensions)
        choices = (self.grains, self._choices.grain)
        change = ChangeWriter(self._clock, self.period, choices, self._name_apart, cuts, self._clock.against)
        words = {
            field.name: change.write_words(meanings[name], field)
            for name, field in metrics.items()
            if not meanings[name].grows
        }
        finished = {
            field.name: change.write_finished(meanings[name], field, levels)
            for name, field in metrics.items()
            if field.name in words
        }
        moving = self._list_drawn({Chart.movement})[:1]
        moves = {
            field.name: change.write_part(meanings[name], field, levels)
            for name, field in metrics.items()
            if moving and name in moving[0]
        }
        timed = {Chart.trend, Chart.stacked} if self._choices.split else {Chart.trend}
        drawn = {name for names in self._list_drawn(timed) for name in names}
        marks = {
            field.name: change.mark_unfinished(meanings[name])
            for name, field in metrics.items()
            if name in drawn and field.name in words
        }
        standings = self._make_standings(change)
        return replace(
            derived,
            words=words,
            finished=finished,
            compared=change.compared,
            moves=moves,
            edges={name: edge for name, (edge, _) in marks.items()},
            states={name: state for name, (_, state) in marks.items()},
            standings=standings,
            parts=tuple(dict.fromkeys(change.parts)),
        )

    def _list_drawn(self, charts: Collection[Chart]) -> list[tuple[str, ...]]:
        """The metrics of each panel with one of these charts."""
        return [panel.metrics for panel in self._section.panels if panel.chart in charts]

    def _make_standings(self, change: ChangeWriter) -> dict[str, Field]:
        """How metrics stand to their targets, in words."""
        aims = {name: self._meanings[name] for name in self._metrics if write_target(self._meanings[name])}
        writers = {each: change.compare_with(each) for each in Against}
        return {
            self._metrics[name].name: field
            for name, metric in aims.items()
            if not metric.grows and (field := _write_standing(metric, self._metrics[name], change, writers))
        }

    def make_targets(self) -> dict[str, Field]:
        """Lines of targets; of those that are per unit of time, where it can be drawn at that grain."""
        grain = self._choices.grain
        return {
            field.name: _make_target(self._meanings[name], field, target, grain, self._name_apart)
            for name, field in self._metrics.items()
            if (target := self._meanings[name].target) is not None and self.period
            if not (per := self._meanings[name].target_per) or grain or self.grains == (per,)
        }

    def make_sizes(self, moves: Mapping[str, Field]) -> dict[str, Field]:
        """How much the first of the moves is, up or down: bars are ordered by it."""
        return {
            name: replace(
                part,
                name=part.name.replace("_part_", "_size_"),
                caption=self._name_apart(f"{part.caption}, in size"),
                formula=f"ABS({part.ref})",
            )
            for name, part in list(moves.items())[:1]
        }


def _make_newest(time: Field, data: str, name_apart: Callable[[str], str]) -> Field:
    """Up to which day there are data, in words."""
    text = f'IFNULL({quote_text(f"{data} to ")} + {write_date_as_text(f"MAX({time.ref})")}, "No data")'
    return Field("Derived_newest", name_apart("Data to"), "string", "measure", formula=text)


def _write_share(field: Field, levels: str) -> str:
    """A part of the whole; nothing of what is no part of it: below 0, or more than there is as others are below 0."""
    whole = f"MIN({{EXCLUDE {levels} : {field.formula}}})"
    return f"IF {field.ref} >= 0 AND {field.ref} <= {whole} THEN {field.ref} / {whole} END"


def _make_target(
    metric: Metric, field: Field, target: float, grain: Parameter | None, name_apart: Callable[[str], str]
) -> Field:
    """The line of a target; of one that is per unit of time there is none at another grain."""
    value = f"{float(target)!r}"
    if metric.target_per and grain:
        value = f"IF {grain.ref} = {quote_text(metric.target_per)} THEN {value} END"
    return Field(
        name=f"Derived_target_{metric.name}",
        caption=name_apart(f"Target of {field.caption}"),
        datatype="real",
        role="measure",
        type="quantitative",
        form=field.form,
        formula=f"MIN({value})",
    )


def _write_standing(
    metric: Metric, field: Field, change: ChangeWriter, writers: Mapping[Against, ChangeWriter]
) -> Field | None:
    """The words on how a metric stands to its target; None where nothing can be said."""
    if metric.target_against:
        return writers[Against(metric.target_against)].write_standing(metric, field)
    if metric.target_per:
        return change.write_standing_of_bucket(metric, field)
    if is_additive(metric.formula):  # the project's own target says of no time what it is of
        return None
    return change.write_words_on_target(metric, field, field.ref, f"{float(metric.target or 0)!r}")


class ChangeWriter:
    """Writes how the last finished bucket of the grain that is chosen differs from the one before it.

    Finished is, as on the page, a bucket that ends before today, and with the newest day of all rows, whatever is
    filtered, or that which their sources say they reach over, or before it; for a metric whose figures become final
    later, so many days earlier. Nothing is said where the rows that are chosen do not reach over both buckets. parts:
    the fields that this needs.
    """

    def __init__(
        self,
        clock: Clock,
        period: Field,
        choices: tuple[tuple[str, ...], Parameter | None],
        name_apart: Callable[[str], str],
        dimensions: tuple[str, ...],
        against: Against | None = None,
    ) -> None:
        self._against = against or Against.previous
        self._clock, self._period = clock, period
        self._grains, self._choice = choices
        self._name_apart, self._dimensions = name_apart, dimensions
        self.parts: list[Field] = []
        self._found: dict[int, tuple[Field, Field, Field]] = {}
        self._moved: dict[str, Field] = {}
        self._marks: dict[int, tuple[Field, Field]] = {}
        self._whens: dict[int, Field] = {}

    @property
    def compared(self) -> str:
        """What the bucket that the last finished one is compared with is called."""
        return "Same period a year before" if self._against is Against.year else "Previous period"

    def compare_with(self, against: Against) -> ChangeWriter:
        """A writer that compares with another time, and adds to the same list of parts."""
        if against is self._against:
            return self
        made = ChangeWriter(
            self._clock,
            self._period,
            (self._grains, self._choice),
            self._name_apart,
            self._dimensions,
            against,
        )
        made.parts = self.parts
        return made

    @property
    def _suffix(self) -> str:
        return "_year" if self._against is Against.year else ""

    def write_standing(self, metric: Metric, field: Field) -> Field:
        """How a metric stands to its own value of an earlier time, of the last finished bucket of the chosen grain."""
        moved = self._add_change(metric, field)
        last = self._find_buckets(metric.maturity_days)[1]
        when = write_date_as_text(f"MIN({last.ref})")
        return self.write_words_on_target(metric, field, moved.ref, "0.0", f'" from " + {when} + " " + ')

    def write_standing_of_bucket(self, metric: Metric, field: Field) -> Field | None:
        """How a metric stands to its target in the last finished bucket of the target's unit."""
        unit = metric.target_per
        if unit not in self._grains or metric.needs_bucket:
            return None
        day = self._find_unfinished()
        day = f"DATEADD('day', -{metric.maturity_days}, {day})" if metric.maturity_days else day
        begins = f"DATE(DATEADD('{unit}', -1, {_truncate(day, unit)}))"
        bucket = Field(
            f"Derived_aimed_{metric.name}",
            self._name_apart(f"{field.caption}, time of its target"),
            "date",
            type="ordinal",
            formula=begins,
        )
        self.parts.append(bucket)
        own = f"{_cut(self._clock.time, unit)} = {bucket.ref}"
        value = to_tableau(metric.formula, self._dimensions, own)
        when = write_date_as_text(f"MIN({bucket.ref})")
        aim = f"{float(metric.target or 0)!r}"
        return self.write_words_on_target(metric, field, value, aim, f'" from " + {when} + " " + ')

    def write_words_on_target(
        self, metric: Metric, field: Field, value: str, aim: str, when: str = ""
    ) -> Field:
        """`Target 120K per month: reached`, or not, as the metric's goal has it; nothing where there is no value."""
        sign, other = ("<=", ">") if metric.goal == "down" else (">=", "<")
        grain = quote_text(metric.target_per) if metric.target_per else self._write_grain()
        head = quote_text(f"Target {write_target(metric)}: ")
        verdict = f'(IF ({value}) {sign} {aim} THEN "reached" ELSEIF ({value}) {other} {aim} THEN "not reached" END)'
        time = f"{grain} + {when}" if when else ""
        return self._make_text(
            f"standing_{metric.name}",
            f"{field.caption}, target",
            f'IFNULL({head} + {time}{verdict}, "")',
        )

    def _make_text(self, name: str, caption: str, formula: str) -> Field:
        """A calculation that gives words for a tooltip or a figure."""
        return Field(
            name=f"Derived_{name}",
            caption=self._name_apart(caption),
            datatype="string",
            role="measure",
            type="nominal",
            formula=formula,
        )

    def _write_grain(self) -> str:
        words = {grain: quote_text(grain) for grain in self._grains}
        return f"MIN({_choose(self._choice, words)})" if self._choice else words[self._grains[0]]

    def _add_change(self, metric: Metric, field: Field) -> Field:
        """The field of a change, made once."""
        if metric.name not in self._moved:
            self._moved[metric.name] = self._write_change(metric, field)
            self.parts.append(self._moved[metric.name])
        return self._moved[metric.name]

    def write_words(self, metric: Metric, field: Field) -> Field:
        """The words below a metric's figure, as in week from 2025-11-24: +3.1%; empty where nothing compares."""
        moved = self._add_change(metric, field)
        last = self._find_buckets(metric.maturity_days)[1]
        tenths = f"ROUND(ABS({moved.ref}) * 1000)"
        number = f'STR(INT({tenths} / 10)) + "." + STR(INT({tenths}) - 10 * INT({tenths} / 10))'
        sign = f'IF {tenths} = 0 THEN "" ELSEIF {moved.ref} > 0 THEN "+" ELSE "-" END'
        grain = self._write_grain()
        text = f'{grain} + " from " + {write_date_as_text(f"MIN({last.ref})")} + ": " + ({sign}) + {number}'
        unit = " pp" if metric.form == "percent" else "%"
        unit += " on a year before" if self._against is Against.year else ""
        return self._make_text(
            f"words_{metric.name}",
            f"{field.caption}, last change",
            f'IFNULL({text} + "{unit}", "")',
        )

    def _write_change(self, metric: Metric, field: Field) -> Field:
        before, last, after = self._find_buckets(metric.maturity_days)
        now, then = (
            to_tableau(metric.formula, self._dimensions, f"{self._period.ref} = {bucket.ref}")
            for bucket in (last, before)
        )
        moved = f"{now} - {then}" if metric.form == "percent" else f"({now} - {then}) / ABS({then})"
        day, final = self._clock.time.ref, f"DATEADD('{self._clock.grain}', -1, MIN({after.ref}))"
        reached = f"DATE(MIN({day})) <= MIN({before.ref}) AND DATE(MAX({day})) >= DATE({final})"
        return Field(
            name=f"Derived_moved{self._suffix}_{metric.name}",
            caption=self._name_apart(f"{field.caption}, change"),
            datatype="real",
            role="measure",
            type="quantitative",
            form="p0.0%",
            formula=f"IF {reached} THEN {moved} END",
        )

    def write_part(self, metric: Metric, field: Field, levels: str) -> Field:
        """What a member did to the change; levels: the dimensions, of which a view shows one."""
        before, last, _ = self._find_buckets(metric.maturity_days)
        earlier, latest = (f"{self._period.ref} = {bucket.ref}" for bucket in (before, last))
        reached = self._write_reach(metric.maturity_days, levels)
        return Field(
            name=f"Derived_part_{metric.name}",
            caption=self._name_apart(f"{field.caption}, part of the change"),
            datatype="real",
            role="measure",
            type="quantitative",
            form="p0.00%" if metric.form == "percent" else field.form,
            formula=f"IF {reached} THEN {write_part(metric.formula, earlier, latest, levels)} END",
        )

    def _write_reach(self, days: int, levels: str) -> str:
        """Whether the rows that are chosen, of all members together, reach over both buckets."""
        before, _, after = self._find_buckets(days)
        ends = [f"{function}({self._clock.time.ref})" for function in ("MIN", "MAX")]
        first, newest = [f"MIN({{EXCLUDE {levels} : {each}}})" for each in ends] if levels else ends
        final = f"DATEADD('{self._clock.grain}', -1, MIN({after.ref}))"
        return f"DATE({first}) <= MIN({before.ref}) AND DATE({newest}) >= DATE({final})"

    def write_finished(self, metric: Metric, field: Field, levels: str) -> Finished:
        """The two values behind a change, of whatever a mark is of; levels: the dimensions, of which a view shows some.

        A sum without rows is 0.
        """
        days = metric.maturity_days
        before, last, _ = self._find_buckets(days)
        reached = self._write_reach(days, levels)
        if days not in self._whens:
            text = f'{self._write_grain()} + " from " + {write_date_as_text(f"MIN({last.ref})")}'
            self._whens[days] = self._make_text(
                f"when_{days}",
                f"Last finished period{_write_days(days)}",
                f'IFNULL(IF {reached} THEN {text} END, "")',
            )
        adds = is_additive(metric.formula) and "EXCLUDE" not in field.formula
        formula, dimensions = (fill_sums(metric.formula), ()) if adds else (metric.formula, self._dimensions)
        values = []
        for word, bucket in (("latest", last), ("earlier", before)):
            value = to_tableau(formula, dimensions, f"{self._period.ref} = {bucket.ref}")
            made = replace(
                field,
                name=f"Derived_{word}_{metric.name}",
                caption=self._name_apart(f"{field.caption}, {word}"),
                formula=f"IF {reached} THEN {value} END",
            )
            values.append(made)
        return Finished(self._whens[days], *values)

    def mark_unfinished(self, metric: Metric) -> tuple[Field, Field]:
        """Where a view's unfinished time begins, nothing at other marks, and whether a mark is in it, in a word.

        Of one bucket; metrics whose figures become final after the same number of days share both.
        """
        days = metric.maturity_days
        if days not in self._marks:
            begins = f"MIN({self._find_buckets(days)[2].ref})"
            more = _write_days(days)
            late = f"IF MIN({self._period.ref}) >= {begins}"
            edge = Field(
                name=f"Derived_edge_{days}",
                caption=self._name_apart(f"Unfinished from{more}"),
                datatype="date",
                role="measure",
                type="quantitative",
                formula=f"{late} THEN {begins} END",
            )
            state = self._make_text(
                f"state_{days}",
                f"State of its time{more}",
                f'{late} THEN "unfinished" ELSE "finished" END',
            )
            self._marks[days] = (edge, state)
        return self._marks[days]

    def _find_unfinished(self) -> str:
        """The first day that is not, or may not be, whole."""
        clock = self._clock
        newest = _truncate(f"{{FIXED : MAX({clock.time.ref})}}", clock.grain)
        days = [f"DATE(DATEADD('{clock.grain}', 1, {newest}))", "TODAY()"]
        if clock.end:
            following = clock.end + timedelta(days=1)
            days.append(f"MAKEDATE({following.year}, {following.month}, {following.day})")
        return reduce(lambda one, other: f"MIN({one}, {other})", days)

    def _find_buckets(self, days: int) -> tuple[Field, Field, Field]:
        """The first days of the bucket before the last finished one, of that, and of the next, the same in each row."""
        if days not in self._found:
            unfinished = self._find_unfinished()
            day = f"DATEADD('day', -{days}, {unfinished})" if days else unfinished
            more = _write_days(days)
            names = {"before": f"Bucket to compare with{more}", "last": f"Last finished bucket{more}"}
            names |= {"after": f"First unfinished bucket{more}"}
            made = []
            for back, (name, caption) in zip((-2, -1, 0), names.items(), strict=True):
                begins = {grain: self._begin(grain, back, day) for grain in self._grains}
                formula = _choose(self._choice, begins) if self._choice else begins[self._grains[0]]
                field = Field(
                    f"Derived_{name}_{days}{self._suffix}", self._name_apart(caption), "date", type="ordinal"
                )
                made.append(replace(field, formula=formula))
            self.parts += made
            self._found[days] = (made[0], made[1], made[2])
        return self._found[days]

    def _begin(self, grain: str, back: int, day: str) -> str:
        """The first day of a bucket, counted from the first unfinished one; that to compare with may be a year ago."""
        first = f"DATEADD('{grain}', {back}, {_truncate(day, grain)})"
        if back == _COMPARED and self._against is Against.year:
            weeks = grain == "week"  # so many fall on the same weekdays
            first = f"DATEADD('{grain}', -1, {_truncate(day, grain)})"
            first = f"DATEADD('week', -52, {first})" if weeks else f"DATEADD('year', -1, {first})"
        return f"DATE({first})"


def _write_days(days: int) -> str:
    return f" after {days} days" if days else ""


def _make_period(
    time: Field, grains: tuple[str, ...], choice: Parameter | None, name_apart: Callable[[str], str]
) -> Field:
    """The time, cut to the chosen grain; to the only one where there is no choice."""
    cut = {grain: _cut(time, grain) for grain in grains}
    formula = _choose(choice, cut) if choice else cut[grains[0]]
    caption = name_apart(f"{time.caption} per grain" if choice else f"{time.caption} per {grains[0]}")
    return Field("Derived_period", caption, "date", type="ordinal", formula=formula)


def _make_per(
    time: Field, grains: tuple[str, ...], choice: Parameter, name_apart: Callable[[str], str]
) -> Field:
    """The same as text, for a table's rows; the whole period as one word."""
    words = {WHOLE: quote_text(WHOLE)} | {grain: write_date_as_text(_cut(time, grain)) for grain in grains}
    return Field("Derived_per", name_apart("Period"), "string", formula=_choose(choice, words))


def _make_split(dimensions: tuple[Field, ...], choice: Parameter, name_apart: Callable[[str], str]) -> Field:
    words = dict(zip(choice.values[1:], map(_write_as_text, dimensions), strict=True))
    return Field(
        "Derived_split", name_apart("Split by"), "string", formula=_choose(choice, words, quote_text(ALL))
    )


def _write_as_text(field: Field) -> str:
    """A dimension's values as texts, which no locale changes."""
    if field.datatype == "string":
        return field.ref
    if field.datatype == "boolean":
        return f'(IF {field.ref} THEN "true" ELSEIF NOT {field.ref} THEN "false" END)'
    return write_date_as_text(field.ref) if field.datatype in ("date", "datetime") else f"STR({field.ref})"


def _cut(time: Field, grain: str) -> str:
    return f"DATE({_truncate(time.ref, grain)})"


def _truncate(date: str, grain: str) -> str:
    monday = ", 'monday'" if grain == "week" else ""
    return f"DATETRUNC('{grain}', {date}{monday})"


def _choose(choice: Parameter, values: Mapping[str, str], rest: str = "") -> str:
    branches = " ".join(f"WHEN {quote_text(word)} THEN {value}" for word, value in values.items())
    return f"CASE {choice.ref} {branches}{f' ELSE {rest}' if rest else ''} END"


def make_choices(
    grains: tuple[str, ...],
    tables: bool,
    splits: list[tuple[str, tuple[str, ...], bool]],
    wished: str = "",
) -> list[Choices]:
    """The choices of each source of a workbook, numbered through.

    tables: a table with a time is shown; splits: a source's name (empty: there is only one), its dimensions' captions,
    and whether the first of them splits its lines at first. wished: the grain that a request asks for.
    """
    number = 0
    grain = per = None
    if len(grains) > 1:
        number += 1
        grain = Parameter(number, "Dates per", grains, choose_grain(grains, wished))
    if tables:
        number += 1
        per = Parameter(number, "Table per", (WHOLE, *grains), WHOLE)
    made = []
    for name, captions, first in splits:
        split = None
        if captions:
            number += 1
            *given, nothing = _make_unique((*captions, NOTHING))
            words = (nothing, *given)
            caption = f"Split {name} by" if name else "Split by"
            split = Parameter(number, caption, words, words[1] if first else nothing)
        made.append(Choices(grain, per, split))
    return made


def _make_unique(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words as texts without quotes, each once."""
    found = list[str]()
    for word in map(clean_text, words):
        number, one = 1, word
        while one in found:
            number += 1
            one = f"{word} ({number})"
        found.append(one)
    return tuple(found)
