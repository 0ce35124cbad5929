"""A metric's figure as the page's tiles write it: 1,234 · 48.1K · £1.24M · 12.3%, whatever is filtered.

It is a text that a calculation makes: Tableau's number formats know no K and M that depend on the number. The page's
rules are those of `write_compact`.
"""

from __future__ import annotations

from blocks.site.number_format import NONE, STEPS, find_least, find_unit
from blocks.site.tableau.workbook.fields import Field
from blocks.site.tableau.workbook.parameters import quote_text


def write_figure(field: Field, form: str) -> str:
    """The formula of a number field's figure; form: the metric's."""
    size, sign = f"ABS({field.ref})", f'(IF {field.ref} < 0 THEN "-" ELSE "" END)'
    if form == "percent":
        return f'IFNULL({sign} + {_write_tenths(f"{size} * 100")} + "%", {quote_text(NONE)})'
    unit = find_unit(form)
    cases = [
        f"IF {size} >= {find_least(step)!r} THEN {_write_scaled(f'{size} / {step}')} + {quote_text(letter)}"
        for step, letter in STEPS
    ]
    small = (
        _write_places(size, 2)
        if unit
        else f"(IF {size} < 10 THEN {_write_places(size, 2)} ELSE {_write_places(size, 1)} END)"
    )
    whole = f"IF {size} >= 1000 OR {size} = INT({size}) THEN {_write_whole(size)} ELSE {small} END"
    text = f"({' ELSE'.join(cases)} ELSE ({whole}) END)"
    return f"IFNULL({sign} + {quote_text(unit) + ' + ' if unit else ''}{text}, {quote_text(NONE)})"


def _write_scaled(number: str) -> str:
    """A number of three digits, as 1.24, 48.1 and 123."""
    return (
        f"(IF {number} < 9.995 THEN {_write_places(number, 2)} ELSEIF {number} < 99.95"
        f" THEN {_write_places(number, 1)} ELSE STR(INT(ROUND({number}))) END)"
    )


def _write_places(number: str, places: int) -> str:
    """A number below 1,000 with one or two decimals, in every locale with a point."""
    parts = f"INT(ROUND({number} * {10**places}))"
    rest = f"{parts} - {10**places} * INT({parts} / {10**places})"
    return (
        f'STR(INT({parts} / {10**places})) + "." + RIGHT({quote_text("0" * places)} + STR({rest}), {places})'
    )


def _write_whole(number: str, digits: int = 6) -> str:
    """A whole number of so many digits at most, 6 or 12, its thousands grouped."""
    rounded = f"INT(ROUND({number}))"
    rest = f'RIGHT("000" + STR({rounded} - 1000 * INT({rounded} / 1000)), 3)'
    front = (
        f"STR(INT({rounded} / 1000))" if digits == 6 else _write_whole(f"INT({rounded} / 1000)", digits - 3)
    )
    return f'(IF {rounded} >= 1000 THEN {front} + "," + {rest} ELSE STR({rounded}) END)'


def _write_tenths(number: str) -> str:
    """A number of 12 digits at most and one decimal, its thousands grouped."""
    tenths = f"INT(ROUND({number} * 10))"
    return f'{_write_whole(f"INT({tenths} / 10)", 12)} + "." + STR({tenths} - 10 * INT({tenths} / 10))'
