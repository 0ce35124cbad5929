"""What is recorded of a ticket's changes, and what of it counts."""

from __future__ import annotations

from pydantic import Field

from blocks.records import Record, Ticket
from blocks.tracker.base import CHANGE
from tasks.elaboration.elaborate import compute_text_fingerprint, merge


class Known(Record):
    """What is recorded of a ticket's changes: names, values and dates, none of its words.

    text: fingerprint of the ticket's text, for which accepted counts: parts of the request → text, all that was
    accepted so far. proposed: what waits for a word, before: what did so before the comments last were read. seen:
    comments that were read, last: those of them that were so last; shown: fingerprint of our comment about them. by: of
    the comment that accepted last. lost: what counted until the text was found to be another.
    """

    text: str
    accepted: dict[str, str] = Field(default_factory=dict)
    proposed: dict[str, str] = Field(default_factory=dict)
    before: dict[str, str] = Field(default_factory=dict)
    lost: dict[str, str] = Field(default_factory=dict)
    seen: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    shown: str = ""
    by: str = ""

    def is_shown(self, ticket: Ticket) -> bool:
        """False where the run that recorded it died before it was on the ticket."""
        return not self.shown or ticket.comment_fingerprints.get(CHANGE, "") == self.shown

    def forget_unshown(self) -> Known:
        """What was known before comments were read whose answer never came to the ticket."""
        left = tuple(each for each in self.seen if each not in self.last)
        known = self.model_copy(update={"seen": left, "last": (), "proposed": self.before, "shown": ""})
        return known.model_copy(update={"text": "", "accepted": self.lost}) if self.lost else known


def name_record(key: str) -> str:
    """Under what a ticket's changes are recorded beside its proposal."""
    return f"{key} change"


def apply_accepted(original: Ticket, ticket: Ticket, known: Known | None) -> Ticket:
    """A ticket with the changes that were accepted of it. original: as it is in the tracker."""
    if known is None or not known.accepted or known.text != compute_text_fingerprint(original):
        return ticket
    return merge(ticket, known.accepted).model_copy(update={"changed": True})
