"""A request as it was read from prose: numbered fields, questions, what is missing and what was left over.

Values are dbt's names, values of the served release and dates, in the syntax of docs/tickets.md. Only reasons and
leftovers quote the ticket; they are for its comment alone, and `to_json` leaves them out.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from blocks.hashing import hash_value
from blocks.records import Record
from blocks.wishes import FIELDS

ORDER = (
    "analysis",
    "metrics",
    "dimensions",
    "data_sources",
    # for whom is not read from prose, nor what they want to be woken for
    *(each for each in FIELDS if each not in ("audience", "layout", "subscribers", "alerts")),
    "deadline",
    "priority",
)
"""The order in which fields are proposed."""
LETTERS = "ABCDEFGH"


class Item(Record):
    """A field that is proposed. why: in Markdown; read: from the ticket's words, else what is usual."""

    field: str
    value: str
    why: str = Field("", exclude=True)
    read: bool = True


class Question(Record):
    """A field that can be read in several ways. options: values, the likeliest first; words: what was written."""

    field: str
    options: tuple[str, ...]
    words: str = Field("", exclude=True)
    hints: tuple[str, ...] = Field((), exclude=True)


class Missing(Record):
    """Something asked for that the data do not have. kind: `metric`, `dimension`, `source` or `period`.

    reason: why a metric can't be shown that is declared; empty for one that is not.
    """

    kind: str
    words: str = Field("", exclude=True)
    reason: str = ""


class Proposal(Record):
    """What a ticket without all of its fields asks for, as far as its words say it."""

    items: tuple[Item, ...] = ()
    questions: tuple[Question, ...] = ()
    missing: tuple[Missing, ...] = Field((), exclude=True)
    leftovers: tuple[str, ...] = Field((), exclude=True)

    def find(self, field: str) -> Item | None:
        """The item of a field."""
        return next((each for each in self.items if each.field == field), None)

    @property
    def fields(self) -> dict[str, str]:
        """Field → the text that is proposed."""
        return {each.field: each.value for each in self.items}

    @property
    def read_fields(self) -> dict[str, str]:
        """Those that were read from the ticket's words."""
        return {each.field: each.value for each in self.items if each.read}

    @property
    def fingerprint(self) -> str:
        """What tells it from another proposal: its values and questions; not the words that led to them."""
        shown = [[each.field, each.value, each.read] for each in self.items]
        asked = [[each.field, *each.options] for each in self.questions]
        return hash_value(shown, asked)

    def choose(self, numbers: Mapping[int, str] | None) -> dict[str, str]:
        """The fields that are accepted. numbers: item → another value for it, or "" for its own; None: all of them."""
        return {
            each.field: (numbers or {}).get(number) or each.value
            for number, each in enumerate(self.items, 1)
            if numbers is None or number in numbers
        }
