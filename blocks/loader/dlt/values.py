"""How a text becomes a value of a column's type, as SQL: numbers, dates and times, exactly or not at all.

A column's meta may say that its source writes in another way: `format`, `decimal`, `thousands`, `round`,
`null_values`. Add another way of writing here. No data is touched here.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from blocks.errors import Misconfigured
from blocks.loader.dlt.table_config import list_items
from blocks.records import Column, SourceTable
from blocks.sql import write_literal

DUCKDB = "duckdb"  # the dialect of the staging database

TYPES = re.compile(
    r"(varchar|text|string|smallint|integer|int|bigint|double|date|timestamp|boolean"
    r"|(decimal|numeric)(\((?P<digits>\d+(, ?\d+)?)\))?)"
)
MOST_DIGITS = 38  # of a decimal, in DuckDB and most warehouses
TYPE_DESCRIPTIONS = {
    "smallint": "an integer",
    "integer": "an integer",
    "int": "an integer",
    "bigint": "an integer",
    "double": "a number",
    "decimal": "a number",
    "numeric": "a number",
    "date": "a date",
    "timestamp": "a timestamp",
    "boolean": "true or false",
}
DAY, CLOCK = r"(?:[1-9]\d{3}|0[1-9]\d\d|00[1-9]\d|000[1-9])[-/]\d{1,2}[-/]\d{1,2}", r"\d{1,2}:\d\d"
FRACTION, EXACT_FRACTION = r"(?:\.\d+)?", r"(?:\.\d{1,6}0*)?"  # of a second
OFFSET = r"[+-](?:0\d|1[0-5])(?::?[0-5]\d)?"  # from UTC; the farthest one is +14:00
LAST_OFFSET = rf"(?:{OFFSET}|Z)\s*$"
MIDNIGHT = r"[ T]00:00(:00(\.0+)?)?$"
FORMAT = re.compile(r"(?:[^%]|%-?[YymdHIMSfpbBjzaA]|%%)+")
LARGEST_EXACT = "9007199254740992::double"  # 2^53
WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")  # DuckDB's types
SPACES = "\u00a0\u202f\u2009"  # that stand between thousands, as a plain one
SPELLINGS = frozenset(("format", "decimal", "thousands"))


def get_type(column: Column) -> str:
    """Return the declared type. Raises Misconfigured for one that is not known: it becomes SQL."""
    declared = (column.data_type or "varchar").lower().strip()
    found = TYPES.fullmatch(declared)
    digits, _, places = (found["digits"] or "18").partition(",") if found else ("0", "", "")
    if not found or not int(places or 0) <= int(digits) <= MOST_DIGITS:
        raise Misconfigured(
            f"load column {column.name}",
            f"its data_type `{declared}` is not known here",
            "Declare varchar, integer, bigint, double, decimal(p,s), date, timestamp or boolean;"
            f" p is at most {MOST_DIGITS}, and s at most p.",
        )
    return declared


def describe_type(column: Column) -> str | None:
    """Say what a value has to be; None for text, which anything is."""
    return TYPE_DESCRIPTIONS.get(get_type(column).partition("(")[0])


def is_time(column: Column) -> bool:
    """Return whether the column is declared as a date or a timestamp."""
    return (column.data_type or "").lower().strip() in ("date", "timestamp")


def build_text(table: SourceTable, column: Column, text: str) -> str:
    """Build the SQL of a text that is NULL where the column's or the table's `null_values` name it.

    Of a column of times a day names its midnight, too, with however many zeros it is written.
    """
    values = column.meta.get("null_values", table.meta.get("null_values", ()))
    if not values:
        return text
    listed = [str(value) for value in list_items(values)]
    bare = f"trim({text})" if describe_type(column) else text  # blanks around a number or a time mean nothing
    if is_time(column):
        bare = f"regexp_replace({bare}, {write_literal(MIDNIGHT, DUCKDB)}, '')"
        listed = [re.sub(MIDNIGHT, "", value) for value in listed]
    places = ", ".join(write_literal(value, DUCKDB) for value in listed)
    return f"case when {bare} not in ({places}) then {text} end"


def is_spelled(column: Column) -> bool:
    """True if the column's meta says how its source writes texts of numbers or times."""
    return not SPELLINGS.isdisjoint(column.meta)


def drop_spelling(column: Column) -> Column:
    """The column without that: for a value that came as a number or a time, which no one wrote as a text."""
    return column.model_copy(
        update={"meta": {name: value for name, value in column.meta.items() if name not in SPELLINGS}}
    )


def write_hours(value: timedelta) -> str:
    """Write a time as MySQL does: it may be negative, and longer than a day."""
    seconds, part = divmod(abs(value) // timedelta(microseconds=1), 1_000_000)
    hours = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{'-' if value < timedelta() else ''}{hours}{f'.{part:06}' if part else ''}"


def build_literal(column: Column, value: str) -> str:
    """Build the SQL of a date or time of ours, whatever way the column's source writes them."""
    return f"cast({write_literal(value, DUCKDB)} as {get_type(column)})"


def build_direct_cast(table: SourceTable, column: Column, value: str, kind: str) -> str:
    """Build the SQL of a value of a DuckDB type as the declared one, without a text between; empty if that may differ.

    Whole numbers, decimals that lose no digit behind the point, and booleans: a number that is too large is NULL.
    """
    if "null_values" in column.meta or "null_values" in table.meta:
        return ""
    declared, described = get_type(column), describe_type(column)
    is_decimal = declared.startswith(("decimal", "numeric"))
    found = re.fullmatch(r"DECIMAL\(\d+,(\d+)\)", kind)
    exact = kind in WHOLE and (is_decimal or described == "an integer")
    exact = exact or (found is not None and is_decimal and int(found[1]) <= _get_scale(column))
    exact = exact or (kind == "BOOLEAN" and declared == "boolean")
    return f"try_cast({value} as {declared})" if exact else ""


def build_loose_cast(column: Column, text: str) -> str:
    """Build the SQL of a text as DuckDB casts it, for `build_cast`, which holds it against the text; empty for no need.

    Worth a column of its own: in a `case` DuckDB works it out each time that it stands there.
    """
    kind = get_type(column)
    if is_time(column):
        return "" if "format" in column.meta else f"try_cast({_build_bare_time(text)} as {kind})"
    if kind == "boolean" or not describe_type(column):
        return ""
    return f"try_cast({_build_number(column, text)} as {kind})"


def build_cast(column: Column, text: str, loose: str = "") -> str:
    """Build the SQL of a text as the declared type, NULL if it is none. No value is cut, none rounded unasked.

    loose: the column that holds `build_loose_cast` of the text, if there is one.
    """
    kind = get_type(column)
    cast = loose or build_loose_cast(column, text)
    if is_time(column):
        return (
            _build_format_cast(column, kind, text)
            if "format" in column.meta
            else _build_time_cast(column, kind, text, cast)
        )
    number = _build_number(column, text)
    described = TYPE_DESCRIPTIONS.get(kind)
    if kind == "double":  # NaN and infinity would poison every sum
        kept = "" if column.meta.get("round") is True else f" and {_build_kept_digits(number, cast)}"
        return f"case when isfinite({cast}) and not contains({number}, '_'){kept} then {cast} end"
    if kind == "boolean":
        return f"try_cast(trim({text}) as boolean)"
    if described == "an integer" or kind.startswith(("decimal", "numeric")):
        return _build_exact_cast(column, number, cast)
    return f"try_cast({text} as {kind})"


def build_complaint(column: Column, text: str) -> str:
    """Build the SQL of what is wrong with a text that is no value of the column; it holds nothing of the text."""
    plain = write_literal(f"{column.name}: not {describe_type(column)}", DUCKDB)
    kind = get_type(column)
    if kind == "timestamp" and "format" not in column.meta:
        finer = f"{column.name}: more digits of a second than 6, and no `round: true`"
        return (
            f"case when regexp_matches({text}, ':\\d\\d\\.\\d{{6}}\\d*[1-9]') then {write_literal(finer, DUCKDB)}"
            f" else {plain} end"
        )
    if kind == "double":
        longer = f"{column.name}: more digits than a double keeps (declare bigint or decimal), and no `round: true`"
        loose = build_loose_cast(column, text)
        broken = f"isfinite({loose}) and not contains({_build_number(column, text)}, '_')"
        return f"case when {broken} then {write_literal(longer, DUCKDB)} else {plain} end"
    decimal = kind.startswith(("decimal", "numeric"))
    if not decimal and describe_type(column) != "an integer":
        return plain
    number = _build_number(column, text)
    large = write_literal(f"{column.name}: larger than {kind} holds", DUCKDB)
    rounded = write_literal(f"{column.name}: more decimals than {kind} has, and no `round: true`", DUCKDB)
    power = r"(?:[eE]\+?\d{1,4})?\s*"
    plainly = (r"\s*[+-]?\d+(?:\.\d*)?" if decimal else r"\s*[+-]?\d+\.?0*") + power
    other = f"when try_cast({number} as {kind}) is not null and not contains({number}, '_') then {rounded}"
    return (
        f"case when regexp_full_match({number}, {write_literal(plainly, DUCKDB)})"
        f" and try_cast({number} as {kind}) is null then {large} {other if decimal else ''} else {plain} end"
    )


def _build_kept_digits(number: str, cast: str) -> str:
    """Build the SQL that is true where a double keeps a number, the part behind the point of one below 2^53 aside.

    From there on a double holds no longer every whole number. It keeps one whose digits it would be written with, zeros
    at the end aside, or that it is exactly. A number with an exponent was a double at its source.
    """
    digits = r"^\s*[+-]?[0.]*|[.\s]"
    given = f"rtrim(regexp_replace({number}, {write_literal(digits, DUCKDB)}, '', 'g'), '0')"
    written = f"rtrim(replace(regexp_extract(cast({cast} as varchar), '[0-9.]+'), '.', ''), '0')"
    whole = f"regexp_full_match({number}, '[^.]*(?:\\.0*\\s*)?')"
    exact = f"({whole} and try_cast({number} as hugeint) = try_cast({cast} as hugeint))"
    return (
        f"(abs({cast}) < {LARGEST_EXACT} or contains(lower({number}), 'e') or {given} = {written}"
        f" or coalesce({exact}, false))"
    )


def _build_exact_cast(column: Column, number: str, cast: str) -> str:
    """Build the SQL of a whole number or a decimal. DuckDB would round, and read 0x10 and 1_000.

    Most texts are how DuckDB writes the value, or begins to, which is quicker to see than to match; others have to be a
    number with no more decimals than the type, trailing zeros aside, or with an exponent.
    """
    scale = _get_scale(column)
    sign = r"\s*[+-]?"
    more = r"\d*" if column.meta.get("round") is True else "0*"
    plain = rf"(?:\d+(?:\.\d{{0,{scale}}}{more})?|\.\d{{0,{scale}}}{more})\s*"
    power = rf"{sign}(?:\d+\.?\d*|\.\d+)[eE][+-]?\d{{1,4}}\s*"
    exact = "true" if column.meta.get("round") is True else _build_exactness(number, scale)
    return (
        f"case when starts_with(cast({cast} as varchar), {number}) then {cast}"
        f" when regexp_full_match({number}, {write_literal(sign + plain, DUCKDB)}) then {cast}"
        f" when regexp_full_match({number}, {write_literal(power, DUCKDB)}) and {exact} then {cast} end"
    )


def _build_exactness(number: str, scale: int) -> str:
    """Build the SQL that is true for a number with an exponent that has at most `scale` decimals when written out."""
    mantissa = f"regexp_extract({number}, '([0-9.]+)[eE]', 1)"
    digits = f"replace({mantissa}, '.', '')"
    decimals = f"length(regexp_extract({mantissa}, '\\.(.*)', 1))"
    zeros = f"length({digits}) - length(rtrim({digits}, '0'))"
    power = f"cast(regexp_extract({number}, '[eE]([+-]?[0-9]+)', 1) as integer)"
    return f"(rtrim({digits}, '0') = '' or {decimals} - ({zeros}) - {power} <= {scale})"


def _get_scale(column: Column) -> int:
    """Return how many decimals the declared type keeps; a bare decimal has 3, as in DuckDB."""
    kind = get_type(column)
    if not kind.startswith(("decimal", "numeric")):
        return 0
    found = re.search(r"\((\d+)(?:, ?(\d+))?\)", kind)
    return int(found[2] or 0) if found else 3


def _build_number(column: Column, text: str) -> str:
    """Build the SQL of a number as DuckDB reads it, of one written with the column's own signs; NULL if it is not."""
    point, group = _get_sign(column, "decimal", "."), _get_sign(column, "thousands", "")
    if point == group:
        raise Misconfigured(
            f"load column {column.name}",
            f"{point} stands for its `decimal` and for its `thousands`: 1{point}5 could be either",
            "Declare both, as in `decimal: ','` and `thousands: '.'`; a decimal sign that is not declared is a point.",
        )
    if point == "." and not group:
        return text
    spaced = f"translate({text}, {write_literal(SPACES, DUCKDB)}, '   ')" if group == " " else text
    # no thousands begin with 0: 0.123 is a number with another sign for its decimals
    whole = rf"(?:\d+|[1-9]\d{{0,2}}(?:{re.escape(group)}\d{{3}})+)" if group else r"\d+"
    pattern = rf"\s*[+-]?(?:{whole}(?:{re.escape(point)}\d*)?|{re.escape(point)}\d+)(?:[eE][+-]?\d+)?\s*"
    bare = f"replace(trim({spaced}), {write_literal(group, DUCKDB)}, '')" if group else spaced
    return (
        f"(case when regexp_full_match({spaced}, {write_literal(pattern, DUCKDB)})"
        f" then replace({bare}, {write_literal(point, DUCKDB)}, '.') end)"
    )


def _get_sign(column: Column, name: str, default: str) -> str:
    sign: Any = column.meta.get(name, default)
    if sign == default or (isinstance(sign, str) and sign in (".", ",", " ", "'", "\u2019", "_")):
        return str(sign)
    raise Misconfigured(
        f"load column {column.name}", f"its `{name}` is no sign of numbers", "Use one of . , ' _ or a blank."
    )


def get_formats(column: Column) -> list[str]:
    """Return the formats that a column's dates are written in. Raises Misconfigured for one that is none."""
    given = list_items(column.meta.get("format", ()))
    formats = [one for one in given if isinstance(one, str) and FORMAT.fullmatch(one) and "%" in one]
    if not formats or len(formats) < len(given):
        raise Misconfigured(
            f"load column {column.name}",
            "its `format` is none",
            "Write it with %Y %m %d %H %M %S, as in %d/%m/%Y, or a list of such.",
        )
    return formats


def _build_format_cast(column: Column, kind: str, text: str) -> str:
    """Build the SQL of a date or time in the declared formats; %Y takes four digits."""
    found = []
    for one in get_formats(column):
        zoned = f"regexp_replace({text}, 'Z\\s*$', '+00:00')" if one.endswith("%z") else text
        value = f"cast(try_strptime({zoned}, {write_literal(one, DUCKDB)}) as timestamp)"
        if one.endswith("%z"):
            value = f"case when regexp_matches({text}, {write_literal(LAST_OFFSET, DUCKDB)}) then {value} end"
        found.append(f"case when year({value}) >= 1000 then {value} end" if "%Y" in one else value)
    return f"cast(coalesce({', '.join(found)}) as {kind})"


def _build_bare_time(text: str) -> str:
    """Build the SQL of a date or time without the signs of ISO 8601 that DuckDB does not write."""
    plain = f"replace(case when {text} like '%Z' then {text}[:-2] else {text} end, 'T', ' ')"
    return f"case when contains({text}, 'T') then {plain} else {text} end"


def _build_time_cast(column: Column, kind: str, text: str, fast: str) -> str:
    """Build the SQL of a text as a date or a timestamp in UTC, NULL if it is none from its first sign to its last.

    A bare cast reads 05-01-26 as a day of the year 5, ignores what follows a date, and most offsets. Digits behind the
    microseconds would be cut: they make no timestamp, unless the column says `round: true`.
    """
    part = FRACTION if kind == "date" or column.meta.get("round") is True else EXACT_FRACTION
    local, zoned, loose = (
        write_literal(rf"{DAY}{rest}", DUCKDB)
        for rest in (
            rf"(?:[ T]+{CLOCK}(?::\d\d{part})?)?",
            rf"[ T]{CLOCK}:\d\d{part}{OFFSET}",
            rf"[ T]+{CLOCK}(?::\d\d{part})?\s*(?i:Z|UTC|GMT|{OFFSET})",
        )
    )
    trimmed = f"trim({text})"
    possible = f"{fast} >= {kind} '0001-01-01' and {fast} < {kind} '10000-01-01'"
    offset = f"regexp_replace({trimmed}, '\\s*(?i:Z|UTC|GMT)$', '+00:00')"
    offset = f"regexp_replace({offset}, '\\s*([+-]\\d\\d):?(\\d\\d)?$', '\\1:\\2')"
    offset = f"regexp_replace({offset}, ':$', ':00')"
    offset = f"regexp_replace({offset}, '^(\\S+[ T]+\\d+:\\d\\d)([+-])', '\\1:00\\2')"
    return (  # most texts are as DuckDB would write the value, which is quicker to see than to match
        f"case when cast({fast} as varchar) = ({_build_bare_time(text)}) and {possible} then {fast}"
        f" when regexp_full_match({text}, {zoned})"
        f" then cast(cast(try_cast({text} as timestamptz) as timestamp) as {kind})"
        f" when regexp_full_match({trimmed}, {local}) then cast(try_cast({trimmed} as timestamp) as {kind})"
        f" when regexp_full_match({trimmed}, {loose})"
        f" then cast(cast(try_cast({offset} as timestamptz) as timestamp) as {kind}) end"
    )
