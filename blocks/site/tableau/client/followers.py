"""What people hung on a workbook and its views: subscriptions, data-driven alerts, custom views. Listed, not changed.

They hang on the ids of workbook and views. An overwrite keeps these as long as a view keeps its name, says Tableau's
documentation of publishing; what is gone after one all the same can't be made again in their names, so it is told by
name. A server lists what its user may see: an administrator everything, anybody else their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias, cast

from blocks.errors import Rejected
from blocks.records import Record
from blocks.site.tableau.client.items import ContentItem, FollowerItem, ViewItem
from blocks.site.tableau.client.lookup import list_all
from blocks.site.tableau.client.session import TableauSession
from blocks.site.tableau.client.versions import OPTIONAL
from blocks.site.text import one_line

Describe: TypeAlias = Callable[[FollowerItem, set[str]], str]
"""Given one of a kind and the ids of a workbook and its views: words for it; empty if it hangs elsewhere."""


class Follower(Record):
    """One thing that hangs on a workbook. words: what it is, for people."""

    id: str
    words: str


def list_followers(
    session: TableauSession, item: ContentItem, views: Iterable[ViewItem]
) -> tuple[Follower, ...]:
    """What hangs on a workbook and its views, as far as the user may see it."""
    if session.scoped:  # a connected app has no scope for these lists, and would end its session
        return ()
    ids = {item.id, *(view.id for view in views)}
    found = []
    for kind, describe in _KINDS.items():
        if session.version >= OPTIONAL[f"{kind}: list"]:
            found += [
                Follower(id=str(each.id), words=words)
                for each in _list(session, kind)
                if (words := describe(each, ids))
            ]
    return tuple(found)


def _list(session: TableauSession, kind: str) -> list[FollowerItem]:
    try:
        return cast("list[FollowerItem]", list_all(session, kind))
    except Rejected:  # not for this user, or switched off on this site
        return []


def _describe_subscription(each: FollowerItem, ids: set[str]) -> str:
    return f"a subscription, {_quote(each.subject)}" if each.target and each.target.id in ids else ""


def _describe_alert(each: FollowerItem, ids: set[str]) -> str:
    return f"an alert, {_quote(each.subject)}" if {each.workbook_id, each.view_id} & ids else ""


def _describe_custom_view(each: FollowerItem, ids: set[str]) -> str:
    return f"a custom view, {_quote(each.name)}" if each.workbook and each.workbook.id in ids else ""


def _quote(text: object) -> str:
    return f"“{one_line(str(text or 'without a name'), 60)}”"


_KINDS: dict[str, Describe] = {
    "subscriptions": _describe_subscription,
    "data_alerts": _describe_alert,
    "custom_views": _describe_custom_view,
}
"""The client's endpoint → how one of its items is told."""
