"""What a load reads beside new rows: everything, or a range of days again. Not here: how each loader does it."""

from __future__ import annotations

from datetime import UTC, date, datetime

from pydantic import model_validator

from blocks.errors import Misconfigured
from blocks.records import Record


class LoadRange(Record):
    """What a load reads beside new rows: everything (full), or the days from since to until again.

    Both days are included; until None is today. Raises Misconfigured for a range that can't be.
    """

    full: bool = False
    since: date | None = None
    until: date | None = None

    @model_validator(mode="after")
    def _possible(self) -> LoadRange:
        problem = ""
        if self.until and not self.since:
            problem = "it has an end and no start"
        elif self.since and self.since > (self.until or datetime.now(UTC).date()):
            problem = f"it ends before it starts ({self.since})"
        elif self.full and self.since:
            problem = "a full refresh takes every day already"
        if problem:
            raise Misconfigured("read the days to load again", problem, "As in 2026-01-01 to 2026-01-31.")
        return self


NEW_ROWS = LoadRange()
"""Load new rows only."""
