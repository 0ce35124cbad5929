"""A metric as a formula over measures: one tree, and everything that is made of it.

Null and zero, the same in every language: a measure is null over no rows with a finite value (a distinct count
is 0 then); a formula is null where a part of it is null, and where it divides by zero. A page's JavaScript
evaluates the same tree from its JSON; tests/cases/formulas.json holds all of them to the same values.

A new kind of node, or a new language to write formulas in, is added here and in that table of cases.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, TypeAlias

from pydantic import ValidationInfo, field_serializer, field_validator

from blocks.errors import Misconfigured
from blocks.records import GRAINS, Record
from blocks.sql import quote_identifier

Function: TypeAlias = Literal["sum", "min", "max", "count_distinct", "percentile"]
Sign: TypeAlias = Literal["+", "-", "*", "/"]
# A value, from values: `case` from conditions and values in turn, and a last value for the rest.
Value: TypeAlias = Literal["null", "coalesce", "abs", "floor", "ceil", "round", "round_binary", "case"]
# A condition of `case`: true, false, or null as in SQL.
Condition: TypeAlias = Literal["=", "<>", "<", "<=", ">", ">=", "and", "or", "not", "is_null"]
# ["measure", name], ["number", 1.5], ["fill", part, 0], [sign, left, right], [function, *parts]
Json: TypeAlias = list[object]

_ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul}
_AGGREGATES = {"sum": "sum(", "min": "min(", "max": "max(", "count_distinct": "count(distinct "}
_AGGREGATES |= {"percentile": "max("}  # which shows that it can be computed, not what it is
_TABLEAU = {"sum": "SUM", "min": "MIN", "max": "MAX", "count_distinct": "COUNTD"}
_COMPARISONS = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
# How many parts a function takes: least and most.
_PARTS = dict.fromkeys((*_COMPARISONS, "and", "or", "round", "round_binary"), (2, 2))
_PARTS |= dict.fromkeys(("not", "is_null", "abs", "floor", "ceil"), (1, 1))
_PARTS |= {"null": (0, 0), "coalesce": (1, 99), "case": (2, 999)}


class Balance(Record):
    """When a measure counts: at the last (or first) moment only of whatever is added up, as a balance does.

    The names of columns of the dataset. moment: the time; within: it is the last of each combination of these, and
    where one of them is null nothing counts; rows: how many of the mart's rows are behind a row ("": some, always).
    grouped: each group that is shown has a moment of its own, where otherwise one is that of all.
    """

    moment: str
    last: bool = True
    within: tuple[str, ...] = ()
    rows: str = ""
    grouped: bool = False


class Shift(Record):
    """Another bucket of time that a value is of: `count` grains before; with 0, the one that the grain begins with.

    As in MetricFlow, a bucket has such a value only if another one of its grain begins on that very day. whole: buckets
    are always compared as they are, whatever their grain, as those of metrics that are made of metrics.
    """

    count: int
    grain: str
    whole: bool = False

    def is_of_buckets(self, grain: str) -> bool:
        """True if buckets of a grain are compared as they are; False if the shorter ones of the data in them are."""
        weeks = grain == "week" and not self.count  # which begin in one month and end in another
        return self.whole or (GRAINS.index(grain) <= GRAINS.index(self.grain) and not weeks)

    def __str__(self) -> str:
        found = f"{self.count} {self.grain} before" if self.count else f"begin of {self.grain}"
        return f"{found}, whole" if self.whole else found


class Window(Record):
    """The days that a cumulative measure adds up, to each day: as many grains; with 0, all since the grain began, or,
    without a grain, since ever.

    last: a bucket of several days shows its last one that has rows, not its first. rows: as in Balance.
    """

    count: int = 0
    grain: str = ""
    last: bool = False
    rows: str = ""

    def __str__(self) -> str:
        reach = f"{self.count} {self.grain}" if self.count else f"{self.grain or 'all'} to date"
        return f"{reach}{', last' if self.last else ''}"


class Percentile(Record):
    """Which value of a column: a share `at` of all the values is below it. rows: the column with how many of the mart's
    rows have the value; discrete: one of the values, where otherwise it may lie between two.
    """

    at: float
    rows: str
    discrete: bool = False

    def __str__(self) -> str:
        return "median" if self.at == 0.5 else f"{self.at * 100:g}% percentile"


class Measure(Record):
    """A column of a dataset that can be aggregated again, with the function that does it.

    filtered: it counts some of the rows only. A distinct count of them is then null for a group in which there is
    none, as any other measure is; in all, without groups, it is 0.
    shift, window: it is of other rows than those of the time that is shown; the name then tells it from the column's.
    percentile: which one, where that is the function.
    """

    name: str
    function: Function
    percentile: Percentile | None = None
    balance: Balance | None = None
    filtered: bool = False
    shift: Shift | None = None
    window: Window | None = None

    @property
    def mark(self) -> str:
        """What its name, and that of each column that it needs, ends with beside the dataset's own."""
        return f"@{self.shift or self.window}" if self.shift or self.window else ""

    @property
    def base(self) -> Measure:
        """The measure of the dataset's own rows that it is made of."""
        if not self.mark:
            return self
        balance = rename_balance(self.balance, self.unmark) if self.balance and self.shift else None
        found = {"name": self.unmark(self.name), "shift": None, "window": None, "balance": balance}
        return self.model_copy(update=found)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the rows that it is computed from, as `spread_rows` names them."""
        balance = self.balance
        more = (balance.moment, *balance.within, balance.rows) if balance and not self.window else ()
        rows = (f"{self.percentile.rows}{self.mark}",) if self.percentile else ()
        return (self.name, *filter(None, more), *rows)

    @property
    def is_of_values(self) -> bool:
        """True if it needs all the different values of its column, which are keys of the dataset's rows."""
        return self.function in ("count_distinct", "percentile")

    def unmark(self, name: str) -> str:
        """A column's name in the dataset."""
        return name.removesuffix(self.mark)


class Number(Record):
    """A constant."""

    value: int | float


class Filled(Record):
    """A formula with a value for where it is null."""

    formula: Formula
    value: int


class Operation(Record):
    """Two formulas, added, subtracted, multiplied or divided."""

    sign: Sign
    left: Formula
    right: Formula


class Call(Record):
    """A function or a condition over formulas. round: to the decimals of its second part, a Number, as decimal
    numbers are; round_binary: as DuckDB does with the floating-point numbers that its division makes.
    """

    function: Value | Condition
    parts: tuple[Formula, ...] = ()


Formula: TypeAlias = Measure | Number | Filled | Operation | Call


class Metric(Record):
    """A semantic-layer metric: a formula over the measures of one mart.

    source: the row source of the mart that its measures and dimensions are of.
    form: how to show it: `number`, `percent`, or a currency as `currency:GBP`.
    goal: `up` if more is better, `down`, or `none`.
    measures: those in the formula, once each. The formula is written to JSON as `to_json` does.
    maturity_days: after the end of a time, until its figures are final; grows: they never are, as the revenue of the
    customers first seen in a month. target: what it should reach in each time that is drawn, or in each target_per if
    that is named; target_against: it is its own value of an earlier time instead, `previous` or `year`; target_by:
    until when. events: first days of what its `meta.events` name.
    fills_buckets: it has a value for time without rows, too: that of its formula over nothing.
    """

    name: str
    label: str
    description: str
    mart: str
    measures: tuple[Measure, ...]
    formula: Formula
    form: str = "number"
    goal: str = "up"
    source: str = ""
    maturity_days: int = 0
    grows: bool = False
    target: float | None = None
    target_per: str = ""
    target_against: str = ""
    target_by: date | None = None
    events: tuple[tuple[date, str], ...] = ()
    fills_buckets: bool = False

    @property
    def needs_bucket(self) -> bool:
        """True if it has a value per bucket of time only, as one that compares with another bucket does."""
        return any(measure.shift for measure in self.measures)

    @property
    def has_total(self) -> bool:
        """True if `totals_sql` gives its value of all time."""
        return self.adds_up_rows and not any(measure.percentile for measure in self.measures)

    @property
    def adds_up_rows(self) -> bool:
        """True if it is computed of the rows of the time that is shown, and of no others."""
        return not any(measure.mark for measure in self.measures)

    @field_validator("formula", mode="before")
    @classmethod
    def _parse(cls, value: object, info: ValidationInfo) -> object:
        if not isinstance(value, list):
            return value
        return parse_formula(value, info.data.get("measures", ()), info.data.get("name", ""))

    @field_serializer("formula")
    def _write(self, formula: Formula) -> Json:
        return to_json(formula)


def rename_balance(balance: Balance, rename: Callable[[str], str]) -> Balance:
    """The same balance over columns of other names."""
    names = {"moment": rename(balance.moment), "rows": balance.rows and rename(balance.rows)}
    return balance.model_copy(update={**names, "within": tuple(map(rename, balance.within))})


def parse_formula(node: object, measures: Iterable[Measure], metric: str) -> Formula:
    """Read a formula from its JSON. Raises Misconfigured for what is none, and for an unknown measure."""
    known = {measure.name: measure for measure in measures}

    def parse(part: object) -> Formula:
        match part:
            case ["measure", str(name)] if name in known:
                return known[name]
            case ["number", int() | float() as value] if math.isfinite(value):
                return Number(value=value)
            case ["fill", inner, int() as value]:
                return Filled(formula=parse(inner), value=value)
            case ["+" | "-" | "*" | "/" as sign, left, right]:
                return Operation(sign=sign, left=parse(left), right=parse(right))
            case [str(function), *parts] if function in _PARTS and _accepts(function, len(parts)):
                return Call.model_validate(
                    {"function": function, "parts": tuple(parse(each) for each in parts)}
                )
        raise Misconfigured(
            f"Read the formula of metric {metric}",
            f"a part of it is not understood: {str(part)[:80]}",
            "Use measures of its dataset, numbers, and + - * / in the dbt project's metric.",
        )

    return parse(node)


def _accepts(function: str, parts: int) -> bool:
    least, most = _PARTS[function]
    return least <= parts <= most


def measures_of(formula: Formula) -> tuple[Measure, ...]:
    """The measures in a formula, once each, in the order of reading."""

    def find(node: Formula) -> Iterator[Measure]:
        match node:
            case Measure():
                yield node
            case Filled(formula=inner):
                yield from find(inner)
            case Operation():
                yield from find(node.left)
                yield from find(node.right)
            case Call(parts=parts):
                for part in parts:
                    yield from find(part)

    return tuple(dict.fromkeys(find(formula)))


def replace_measures(formula: Formula, instead: Mapping[str, Formula]) -> Formula:
    """A formula with other formulas in the place of some measures, by name."""
    match formula:
        case Measure(name=name):
            return instead.get(name, formula)
        case Filled(formula=inner):
            return formula.model_copy(update={"formula": replace_measures(inner, instead)})
        case Operation(left=left, right=right):
            parts = {"left": replace_measures(left, instead), "right": replace_measures(right, instead)}
            return formula.model_copy(update=parts)
        case Call(parts=parts):
            return formula.model_copy(update={"parts": tuple(replace_measures(p, instead) for p in parts)})
    return formula


def count_all(formula: Formula) -> Formula:
    """A formula as it is of all rows at once: a distinct count with a filter is 0 there where no row meets it."""
    counts = [each for each in measures_of(formula) if each.function == "count_distinct" and not each.mark]
    return replace_measures(formula, {m.name: m.model_copy(update={"filtered": False}) for m in counts})


def evaluate(formula: Formula, totals: Mapping[str, float | Decimal | None]) -> float | None:
    """A formula's value from its measures' totals by name, each a number or None."""
    match formula:
        case Number(value=number):
            return float(number)
        case Measure(name=name):
            total = totals.get(name)
            return float(total) if total is not None and math.isfinite(total) else None
        case Filled(formula=inner, value=instead):
            found = evaluate(inner, totals)
            return float(instead) if found is None else found
        case Call(function=function, parts=parts):
            return _evaluate_call(function, parts, totals)
    return _apply_sign(formula.sign, evaluate(formula.left, totals), evaluate(formula.right, totals))


def evaluate_empty(formula: Formula) -> float | None:
    """What a page shows for a time or a group without rows: sums and counts are 0, and what is made of them.

    None where rows of other times count, of which it is not known that there are none.
    """
    if any(measure.mark for measure in measures_of(formula)):
        return None
    known = {
        m.name: 0.0 for m in measures_of(formula) if m.function in ("sum", "count_distinct") and not m.balance
    }
    return evaluate(formula, known)


def _apply_sign(sign: Sign, left: float | None, right: float | None) -> float | None:
    if left is None or right is None or (sign == "/" and not right):
        return None
    return left / right if sign == "/" else float(_ARITHMETIC[sign](left, right))


def _evaluate_call(
    function: str, parts: tuple[Formula, ...], totals: Mapping[str, float | Decimal | None]
) -> float | None:
    """A condition is 1, 0 or None."""
    if function == "case":
        for condition, value in zip(parts[::2], parts[1::2], strict=False):
            if evaluate(condition, totals) == 1:
                return evaluate(value, totals)
        return evaluate(parts[-1], totals) if len(parts) % 2 else None
    values = [evaluate(part, totals) for part in parts]
    if function == "coalesce":
        return next((value for value in values if value is not None), None)
    if function == "is_null":
        return float(values[0] is None)
    if function in ("and", "or"):
        decided = float(function == "or")
        return decided if decided in values else None if None in values else 1 - decided
    known = [value for value in values if value is not None]
    return _compute(function, known) if values and len(known) == len(values) else None


def _compute(function: str, values: list[float]) -> float:
    """A function of numbers."""
    if function in _COMPARISONS:
        return float(_COMPARISONS[function](*values))
    if function == "round":
        step = Decimal(1).scaleb(-int(values[1]))
        return float(Decimal(repr(values[0])).quantize(step, ROUND_HALF_UP))
    if function == "round_binary":
        scaled = abs(values[0]) * 10.0 ** values[1]
        whole = math.floor(scaled)
        return math.copysign((whole + (scaled - whole >= 0.5)) / 10.0 ** values[1], values[0])
    one: dict[str, Callable[[float], float]] = {
        "not": operator.not_,
        "abs": abs,
        "floor": math.floor,
        "ceil": math.ceil,
    }
    return float(one[function](values[0]))


def to_json(formula: Formula) -> Json:
    """The formula as nested lists, as a page's program reads it."""
    match formula:
        case Measure(name=name):
            return ["measure", name]
        case Number(value=value):
            return ["number", value]
        case Filled(formula=inner, value=value):
            return ["fill", to_json(inner), value]
        case Call(function=function, parts=parts):
            return [function, *map(to_json, parts)]
    return [formula.sign, to_json(formula.left), to_json(formula.right)]


def write_formula(formula: Formula) -> str:
    """The formula as people read it: sum of gross ÷ sum of orders."""
    match formula:
        case Measure(name=name, function=function):
            how = {"sum": "sum", "min": "least", "max": "greatest", "count_distinct": "number of different"}
            return f"{formula.percentile or how[function]} of {name}"
        case Number(value=value):
            return f"{value:g}"
        case Filled(formula=inner, value=value):
            return f"{write_formula(inner)} (else {value})"
        case Operation(sign=sign, left=left, right=right):
            shown = {"*": "×", "/": "÷", "-": "−"}.get(sign, sign)
            parts = [
                f"({write_formula(each)})" if isinstance(each, Operation) else write_formula(each)
                for each in (left, right)
            ]
            return f" {shown} ".join(parts)
        case Call(function=function, parts=parts):
            return f"{function}({', '.join(map(write_formula, parts))})"
    return str(to_json(formula))


def to_sql(formula: Formula, grouped: bool = False) -> str:
    """The formula as an aggregate expression in DuckDB's SQL, over a dataset's extract. grouped: in groups of it."""
    match formula:
        case Measure(function="count_distinct", filtered=True) if grouped:
            return f"nullif({aggregate_sql(formula)}, 0)::DOUBLE"
        case Measure():
            return f"({aggregate_sql(formula)})::DOUBLE"
        case Number(value=value):
            return f"{float(value)!r}::DOUBLE"
        case Filled(formula=inner, value=value):
            return f"coalesce({to_sql(inner, grouped)}, {float(value)!r}::DOUBLE)"
        case Call(function=function, parts=parts):
            return _write_call(function, [to_sql(part, grouped) for part in parts])
    left, right = to_sql(formula.left, grouped), to_sql(formula.right, grouped)
    return f"({left} / nullif({right}, 0))" if formula.sign == "/" else f"({left} {formula.sign} {right})"


def _write_call(function: str, parts: list[str]) -> str:
    """A function in DuckDB's SQL."""
    if function == "case":
        branches = [f"WHEN {a} THEN {b}" for a, b in zip(parts[::2], parts[1::2], strict=False)]
        rest = f" ELSE {parts[-1]}" if len(parts) % 2 else ""
        return f"(CASE {' '.join(branches)}{rest} END)"
    if function == "null":
        return "NULL::DOUBLE"
    if function == "round":
        number, digits = parts[0], int(float(parts[1].removesuffix("::DOUBLE")))
        exact = f"round(try_cast({number} AS DECIMAL(38, 9)), {digits})::DOUBLE"
        return f"coalesce({exact}, round({number}, {digits}))"
    if function == "round_binary":
        return f"round({parts[0]}, {int(float(parts[1].removesuffix('::DOUBLE')))})"
    return _write_condition(function, parts) or f"{function}({', '.join(parts)})"


def _write_condition(function: str, parts: list[str]) -> str:
    """A condition, as SQL and Tableau write it alike; empty for any other function."""
    if function in _COMPARISONS or function in ("and", "or"):
        return f"({parts[0]} {function.upper()} {parts[1]})"
    if function == "is_null":
        return f"({parts[0]} IS NULL)"
    return f"(NOT {parts[0]})" if function == "not" else ""


def to_tableau(formula: Formula, dimensions: Sequence[str] = (), only: str = "") -> str:
    """The formula as a calculation of Tableau, where a division by zero is null by itself.

    dimensions: those that a view may be split by, none of which moves the moment of a balance. only: a condition on
    rows, as a calculation; the others are then left out.
    """
    match formula:
        case Measure():
            return _measure_tableau(formula, dimensions, only)
        case Number(value=value):
            return repr(value)
        case Filled(formula=inner, value=value):
            return f"IFNULL({to_tableau(inner, dimensions, only)}, {value!r})"
        case Call(function=function, parts=parts):
            return _call_tableau(function, [to_tableau(part, dimensions, only) for part in parts])
    left, right = to_tableau(formula.left, dimensions, only), to_tableau(formula.right, dimensions, only)
    return f"({left} {formula.sign} {right})"


def _call_tableau(function: str, parts: list[str]) -> str:
    """A function as Tableau names it."""
    if function == "case":
        branches = [f"{a} THEN {b}" for a, b in zip(parts[::2], parts[1::2], strict=False)]
        rest = f" ELSE {parts[-1]}" if len(parts) % 2 else ""
        return f"(IF {' ELSEIF '.join(branches)}{rest} END)"
    if function == "null":
        return "NULL"
    if function == "coalesce":
        *before, found = parts
        for part in reversed(before):
            found = f"IFNULL({part}, {found})"
        return found
    if function == "is_null":
        return f"ISNULL({parts[0]})"
    name = {"ceil": "CEILING", "round_binary": "ROUND"}.get(function, function.upper())
    return _write_condition(function, parts) or f"{name}({', '.join(parts)})"


def _measure_tableau(measure: Measure, dimensions: Sequence[str], only: str) -> str:
    if measure.mark:
        what = "compares with another time" if measure.shift else "is cumulative"
        raise Misconfigured(
            f"Write {measure.name} for Tableau",
            f"it {what}, which no calculation of Tableau computes in every view and under every filter",
            "Pages, pictures and notebooks show it.",
        )
    if measure.percentile:
        raise Misconfigured(
            f"Write {measure.name} for Tableau",
            f"it is a {measure.percentile}, and a value stands for several rows here, of which Tableau computes none",
            "Pages, pictures and notebooks show it.",
        )
    if measure.balance:
        return _balance_tableau(measure, measure.balance, dimensions, only)
    column = tableau_field(measure.name)
    found = f"{_TABLEAU[measure.function]}({f'IF {only} THEN {column} END' if only else column})"
    if measure.function == "count_distinct" and measure.filtered:
        return f"(IF {found} > 0 THEN {found} END)"
    return found


def _balance_tableau(measure: Measure, balance: Balance, dimensions: Sequence[str], only: str) -> str:
    """A balance: the moment is of all that is shown, so a level-of-detail expression leaves the dimensions out.

    Raises Misconfigured for one that has a last moment of its own within other columns: no such expression keeps
    the view's filters and its time and leaves its dimensions out, all at once.
    """
    if balance.within:
        raise Misconfigured(
            f"Write {measure.name} for Tableau",
            "it is a balance that ends with each of its window_groupings, which Tableau can't compute",
            "Leave it out of the dashboards that Tableau shows, or the groupings out of the measure.",
        )
    moment = tableau_field(balance.moment)
    conditions = ([f"{tableau_field(balance.rows)} > 0"] if balance.rows else []) + ([only] if only else [])
    counted = f"IF {' AND '.join(conditions)} THEN {moment} END" if conditions else moment
    found = f"{'MAX' if balance.last else 'MIN'}({counted})"
    levels = ", ".join([moment, *(tableau_field(name) for name in dimensions)])
    decisive = f"{{EXCLUDE {levels} : {found}}}"
    return f"{_TABLEAU[measure.function]}(IF {moment} = {decisive} THEN {tableau_field(measure.name)} END)"


def tableau_field(name: str) -> str:
    """A field's name as Tableau's calculations write it."""
    return f"[{name.replace(']', ']]')}]"


def is_additive(formula: Formula) -> bool:
    """True if the values of slices can be stacked to a whole: no ratio, minimum, maximum or distinct count."""
    match formula:
        case Measure(function=function):
            return function == "sum" and not formula.mark
        case Filled(formula=inner, value=0) | Call(function="coalesce", parts=(inner, Number(value=0))):
            return is_additive(inner)
        case Operation(sign="+" | "-", left=left, right=right):
            return is_additive(left) and is_additive(right)
        case (
            Operation(sign="*", left=Number(), right=other)
            | Operation(sign="*" | "/", left=other, right=Number())
        ):
            return is_additive(other)
    return False


def has_division(formula: Formula) -> bool:
    """True if the formula's values are fractions where its measures are whole."""
    match formula:
        case Operation(sign=sign, left=left, right=right):
            return sign == "/" or has_division(left) or has_division(right)
        case Filled(formula=inner):
            return has_division(inner)
        case Call(parts=parts):
            return any(has_division(part) for part in parts)
    return False


def aggregate_sql(measure: Measure, column: str = "") -> str:
    """A measure as an aggregate of DuckDB over an extract's column, by default the one of its name.

    A balance needs the rows as `decide_moments` returns them.
    """
    column = column or quote_identifier(measure.name)
    now = (
        f"{quote_identifier(measure.balance.moment)} = {_find_decisive_column(measure)}"
        if measure.balance
        else ""
    )
    if measure.function == "count_distinct":
        return f"count(distinct {column})" + (f" FILTER (WHERE {now})" if now else "")
    condition = f"isfinite({column}::DOUBLE)" + (f" AND {now}" if now else "")
    if measure.percentile:
        return _percentile_sql(
            measure.percentile, column, f"{measure.percentile.rows}{measure.mark}", condition
        )
    return f"{measure.function}({column}) FILTER (WHERE {condition})"


def _percentile_sql(percentile: Percentile, column: str, rows: str, condition: str) -> str:
    """A percentile of a column whose values stand for several rows each."""
    values = f"list_resize([{column}::DOUBLE], {quote_identifier(rows)}::BIGINT, {column}::DOUBLE)"
    function = "quantile_disc" if percentile.discrete else "quantile_cont"
    every = f"flatten(list({values}) FILTER (WHERE {condition}))"
    return f"list_aggregate({every}, '{function}', {percentile.at!r})"


def decide_moments(
    measures: Iterable[Measure], rows: str, bucket: str = "", groups: Sequence[str] = ()
) -> str:
    """SQL of the rows with one more column a balance: the moment at which it counts. The rows themselves without one.

    rows: a table, or a query in brackets with an alias; bucket: SQL of the time that the values are asked for by;
    groups: SQL of what else they are asked for by.
    """
    columns = []
    for measure in measures:
        if balance := measure.balance:
            moment, within = quote_identifier(balance.moment), [quote_identifier(w) for w in balance.within]
            there = (
                f"case when {quote_identifier(balance.rows)} > 0 then {moment} end"
                if balance.rows
                else moment
            )
            shown = groups if balance.grouped else ()
            parts = ", ".join([*([bucket] if bucket else []), *shown, *within])
            window = f"over (partition by {parts})" if parts else "over ()"
            found = f"{'max' if balance.last else 'min'}({there}) {window}"
            if within:
                known = " and ".join(f"{column} is not null" for column in within)
                found = f"case when {known} then {found} end"
            columns.append(f"{found} as {_find_decisive_column(measure)}")
    return f"(select all_rows.*, {', '.join(columns)} from {rows}) as decided" if columns else rows


def _find_decisive_column(measure: Measure) -> str:
    return quote_identifier(f"{measure.name}__decisive")


def totals_sql(measures: Sequence[Measure], rows: str, time: str = "") -> str:
    """One row of grand totals, a column a measure, over a query of a dataset's rows; in portable SQL.

    time: a column of the rows; there is then a row for each of its values, which comes first.
    """
    bucket = quote_identifier(time) if time else ""
    columns = [f"{_AGGREGATES[measure.function]}{_counted_sql(measure)})" for measure in measures]
    decided = decide_moments(measures, f"({rows}) as all_rows", bucket)
    if not time:
        return f"select {', '.join(columns)} from {decided}"
    return f"select {', '.join([bucket, *columns])} from {decided} group by {bucket}"


def _counted_sql(measure: Measure) -> str:
    """What of a row a measure counts, in portable SQL."""
    column = quote_identifier(measure.name)
    if not measure.balance:
        return column
    moment = quote_identifier(measure.balance.moment)
    return f"case when {moment} = {_find_decisive_column(measure)} then {column} end"
