"""What is read back from a site: what it shows after publishing, against what serving has; and what people did there.

How it is read is the site's.
"""

from __future__ import annotations

from collections.abc import Sequence

from blocks.errors import Unavailable
from blocks.records import Comment, Record


class DatasetSummary(Record):
    """What a dataset holds: how many rows, and its newest day (ISO; None without time or rows)."""

    rows: int
    newest: str | None = None


class Readback(Record):
    """What people did with a dashboard on its site.

    opened: how often, ever; comments: what they wrote on it. None: the site does not tell, and missing says why.
    """

    opened: int | None = None
    comments: tuple[Comment, ...] | None = None
    missing: str = ""


def compare(name: str, expected: Sequence[DatasetSummary], found: Sequence[DatasetSummary]) -> str:
    """Describe what was found. Raises Unavailable if it is not what was expected.

    Nothing is expected where the card does not say; a newest day is compared where both sides know one.
    """
    for want, have in zip(expected, found, strict=bool(expected)):
        newest = want.newest and have.newest and want.newest != have.newest
        if want.rows != have.rows or newest:
            raise Unavailable(
                f"Read {name} back from the site",
                f"it shows {describe([have])}, the release has {describe([want])}",
                "The site may still show what it had; the next run publishes again.",
            )
    return describe(found)


def describe(summaries: Sequence[DatasetSummary]) -> str:
    """Rows and newest day in words."""
    newest = max(filter(None, (each.newest for each in summaries)), default=None)
    return f"{sum(each.rows for each in summaries):,} rows" + (f", the newest of {newest}" if newest else "")
