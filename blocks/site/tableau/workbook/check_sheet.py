"""The check sheet: one line that says what a data source holds, for people and for the canary.

It is made of text alone, since the server writes numbers and dates as the reader's locale has them.
"""

from __future__ import annotations

import re

from blocks.site.tableau.workbook.fields import Field

SHEET = "Release check"
PATTERN = re.compile(r"Rows: (\d+)(?:, newest: (\d{4}-\d{2}-\d{2}))?")


def check_field(time: Field | None) -> Field:
    """The calculated field of the line; time: the date to give the newest of."""
    text = '"Rows: " + STR(SUM(1))'
    if time:
        newest = f"MAX({time.ref})"
        parts = [f"STR(YEAR({newest}))"]
        parts += [f'RIGHT("0" + STR({part}({newest})), 2)' for part in ("MONTH", "DAY")]
        day = ' + "-" + '.join(parts)
        text += f' + IFNULL(", newest: " + {day}, "")'
    return Field(
        name="Calculation_release_check",
        caption="Release check",
        datatype="string",
        role="measure",
        type="nominal",
        formula=text,
    )
