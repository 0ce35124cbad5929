"""Fields that a plan needs beyond columns and metrics, as Tableau's formulas.

period: the time cut to the grain that is chosen; split: the dimension that is chosen; share: of the whole; before: of
the bucket just before, in the order of a line's time, and null where there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from blocks.site.plan import Section
from blocks.site.tableau.workbook.fields import Field, write_date_as_text
from blocks.site.tableau.workbook.parameters import Parameter, clean_text, quote_text

WHOLE, NOTHING = "whole period", "nothing"
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


@dataclass(frozen=True)
class Derived:
    """The derived fields of a source. shares, before: by the name of the metric's field."""

    choices: Choices = field(default_factory=Choices)
    grains: tuple[str, ...] = ()
    period: Field | None = None
    per: Field | None = None
    split: Field | None = None
    newest: Field | None = None
    link: Field | None = None
    shares: Mapping[str, Field] = field(default_factory=dict)
    before: Mapping[str, Field] = field(default_factory=dict)

    @property
    def fields(self) -> tuple[Field, ...]:
        """All derived fields that there are."""
        single = (self.period, self.per, self.split, self.newest, self.link)
        return (*(each for each in single if each), *self.shares.values(), *self.before.values())


def choose_grain(grains: tuple[str, ...]) -> str:
    """The grain that lines are drawn with at first."""
    return OPENING if OPENING in grains else grains[0]


def derive_fields(
    section: Section,
    choices: Choices,
    *,
    metrics: Mapping[str, Field],
    dimensions: tuple[Field, ...],
    time: Field | None,
    additive: set[str],
    name_apart: Callable[[str], str],
    data: str,
) -> Derived:
    """The fields of a section.

    metrics: the fields by the metrics' names; name_apart: makes a caption unique; data: what its rows are called.
    """
    grains = next((panel.grains for panel in section.panels if panel.grains), ())
    period = per = newest = None
    if time and grains:
        period = _make_period(time, grains, choices.grain, name_apart)
        if choices.per:
            per = _make_per(time, grains, choices.per, name_apart)
    if time:
        text = f'IFNULL({quote_text(f"{data} to ")} + {write_date_as_text(f"MAX({time.ref})")}, "No data")'
        newest = Field("Derived_newest", name_apart("Data to"), "string", "measure", formula=text)
    split = _make_split(dimensions, choices.split, name_apart) if choices.split else None
    levels = ", ".join(each.ref for each in (*dimensions, *([split] if split else [])))
    shares = {
        field.name: Field(
            name=f"Derived_share_{name}",
            caption=name_apart(f"Share of {field.caption}"),
            datatype="real",
            role="measure",
            type="quantitative",
            form="p0.0%",
            formula=f"{field.ref} / MIN({{EXCLUDE {levels} : {field.formula}}})",
        )
        for name, field in metrics.items()
        if name in additive and levels and "EXCLUDE" not in field.formula
    }
    day = f"MIN({period.ref})" if period else ""
    back = {grain: f"DATE(DATEADD('{grain}', -1, {day}))" for grain in grains}
    # the point before may be of an earlier bucket, where buckets have no rows
    adjacent = f"({_choose(choices.grain, back)})" if choices.grain else "".join(back.values())
    before = {
        field.name: Field(
            name=f"Derived_before_{name}",
            caption=name_apart(f"{field.caption} before"),
            datatype="real",
            role="measure",
            type="quantitative",
            form=field.form,
            formula=f"IF LOOKUP({day}, -1) = {adjacent} THEN LOOKUP({field.ref}, -1) END",
            across="Rows",
        )
        for name, field in metrics.items()
        if period
    }
    return Derived(choices, grains, period, per, split, newest, None, shares, before)


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
    words = dict(zip(choice.values[1:], map(_as_text, dimensions), strict=True))
    return Field(
        "Derived_split", name_apart("Split by"), "string", formula=_choose(choice, words, quote_text(ALL))
    )


def _as_text(field: Field) -> str:
    """A dimension's values as texts, which no locale changes."""
    if field.datatype == "string":
        return field.ref
    if field.datatype == "boolean":
        return f'(IF {field.ref} THEN "true" ELSEIF NOT {field.ref} THEN "false" END)'
    return write_date_as_text(field.ref) if field.datatype in ("date", "datetime") else f"STR({field.ref})"


def _cut(time: Field, grain: str) -> str:
    monday = ", 'monday'" if grain == "week" else ""
    return f"DATE(DATETRUNC('{grain}', {time.ref}{monday}))"


def _choose(choice: Parameter, values: Mapping[str, str], rest: str = "") -> str:
    branches = " ".join(f"WHEN {quote_text(word)} THEN {value}" for word, value in values.items())
    return f"CASE {choice.ref} {branches}{f' ELSE {rest}' if rest else ''} END"


def make_choices(
    grains: tuple[str, ...], tables: bool, splits: list[tuple[str, tuple[str, ...], bool]]
) -> list[Choices]:
    """The choices of each source of a workbook, numbered through.

    tables: a table with a time is shown; splits: a source's name (empty: there is only one), its dimensions' captions,
    and whether the first of them splits its lines at first.
    """
    number = 0
    grain = per = None
    if len(grains) > 1:
        number += 1
        grain = Parameter(number, "Dates per", grains, choose_grain(grains))
    if tables:
        number += 1
        per = Parameter(number, "Table per", (WHOLE, *grains), WHOLE)
    made = []
    for name, captions, first in splits:
        split = None
        if captions:
            number += 1
            words = _apart((NOTHING, *captions))
            caption = f"Split {name} by" if name else "Split by"
            split = Parameter(number, caption, words, words[1] if first else NOTHING)
        made.append(Choices(grain, per, split))
    return made


def _apart(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words as texts without quotes, each once."""
    found = list[str]()
    for word in map(clean_text, words):
        number, one = 1, word
        while one in found:
            number += 1
            one = f"{word} ({number})"
        found.append(one)
    return tuple(found)
