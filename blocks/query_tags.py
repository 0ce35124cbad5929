"""The tag that every query of a run carries, so that a warehouse's history can be read by run, stage and ticket.

The flows say where they are; a warehouse puts the text on each connection it opens. Ticket keys only, no text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from blocks.records import Record

MOST_CHARACTERS = 1900  # Snowflake's QUERY_TAG holds 2000


class QueryTag(Record):
    """Where a query comes from. tickets: the keys the run works for."""

    run: str = ""
    stage: str = ""
    tickets: tuple[str, ...] = ()


_TAG: ContextVar[QueryTag] = ContextVar("query_tag", default=QueryTag())  # noqa: B039  # it is frozen


def tag_queries(stage: str, run: str = "", tickets: Iterable[str] = ()) -> None:
    """From here on, in this context: what is not given stays as it was for the same run."""
    before = _TAG.get()
    same = run in ("", before.run)
    kept = tuple(tickets) or (before.tickets if same else ())
    _TAG.set(QueryTag(run=run or before.run, stage=stage, tickets=kept))


def query_tag() -> str:
    """The tag as JSON, short enough for every warehouse: too many tickets are left out from the end."""
    tag = _TAG.get()
    keys = list(tag.tickets)
    while keys and len(_write_json(tag, keys)) > MOST_CHARACTERS:
        keys.pop()
    return _write_json(tag, keys)


@contextmanager
def suspend_tag() -> Iterator[None]:
    """In here there is no tag, for what has to be the same in every run."""
    token = _TAG.set(QueryTag())
    try:
        yield
    finally:
        _TAG.reset(token)


def read_tag(text: str | None) -> QueryTag | None:
    """The tag a query carried; None if it carried none of ours."""
    try:
        return QueryTag.model_validate_json(text or "")
    except ValueError:
        return None


def _write_json(tag: QueryTag, keys: list[str]) -> str:
    return json.dumps({"run": tag.run, "stage": tag.stage, "tickets": keys}, separators=(",", ":"))
