"""The canary: what a site shows after publishing, against what serving shows. How it is read is the site's."""

from __future__ import annotations

from collections.abc import Sequence

from blocks.errors import Unavailable
from blocks.records import Record


class Shown(Record):
    """What a dataset shows: how many rows, and its newest day (ISO; None without time or rows)."""

    rows: int
    newest: str | None = None


def compare(name: str, expected: Sequence[Shown], found: Sequence[Shown]) -> str:
    """What was found, for a person. Raises Unavailable if it is not what was expected.

    Nothing is expected where the card does not say; a newest day is compared where both sides know one.
    """
    for want, have in zip(expected, found, strict=bool(expected)):
        newest = want.newest and have.newest and want.newest != have.newest
        if want.rows != have.rows or newest:
            raise Unavailable(
                f"Read {name} back from the site",
                f"it shows {said([have])}, the release has {said([want])}",
                "The site may still show what it had; the next run publishes again.",
            )
    return said(found)


def said(shown: Sequence[Shown]) -> str:
    """Rows and newest day in words."""
    newest = max(filter(None, (each.newest for each in shown)), default=None)
    return f"{sum(each.rows for each in shown):,} rows" + (f", the newest of {newest}" if newest else "")
