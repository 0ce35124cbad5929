"""What an administrator puts on readers' views: rights, comments, options. It is carried over every promotion.

A promotion may replace a view by a new one of the same name, which has none of it. So it is read before, put back
on the new view, and compared after; a release without a column that bears something is refused before anything of
it is done. What was on a view that a promotion takes away is remembered in the control schema (`view_settings`),
and put on the view of that name that comes back: a mart that returns does not show more than it did.

A vendor says how settings are read and written (`WarehouseConnection.read_view_settings`, `write_view_setting`, or
`change_view_settings` where that is no SQL).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from blocks.errors import BadAnswer, Misconfigured
from blocks.warehouse.settings import Session, WarehouseConnection
from blocks.warehouse.view_setting import Settings, ViewSetting

REMEMBERED = "view_settings"
_COLUMNS = {"view_name": "varchar", "settings": "varchar"}
_SHOWN = 10


def refuse_lost_columns(
    run: str, kept: Settings, columns: Mapping[str, Collection[str]], removals: Mapping[ViewSetting, str]
) -> None:
    """Raise Misconfigured if a release lacks a column that bears something.

    columns: of every mart of the release. removals: setting → the statement that takes it away.
    """
    lost = {
        mart: {setting for setting in kept.get(mart, ()) if setting.column and setting.column not in has}
        for mart, has in sorted(columns.items())
    }
    named = [
        f"{mart}.{column} ({', '.join(sorted({each.kind for each in settings if each.column == column}))})"
        for mart, settings in lost.items()
        for column in sorted({each.column for each in settings})
    ]
    if named:
        statements = sorted(removals[setting] for settings in lost.values() for setting in settings)
        raise Misconfigured(
            f"promote {run}",
            f"it lacks what an administrator has put something on: column {', '.join(named)}",
            "Give the marts these columns again, or have an administrator run:"
            f" {'; '.join(statements[:_SHOWN])}. Readers keep what they have.",
        )


def refuse_changed(run: str, before: Settings, after: Settings) -> None:
    """Raise BadAnswer, and name what differs, if a view does not have what it had."""
    changed = [
        " ".join(filter(None, (mart, each.column, each.kind, each.name)))
        for mart, settings in sorted(before.items())
        for each in sorted(settings ^ after.get(mart, frozenset()))
    ]
    if changed:
        raise BadAnswer(
            f"promote {run}",
            f"what an administrator put on its views could not be put back: {', '.join(changed[:_SHOWN])}",
            "Readers keep what they have. Another program may change views there: find it, and run again.",
        )


def prepare_memory(warehouse: WarehouseConnection, session: Session) -> None:
    """Make the table in which is remembered what was on views; before a transaction, where DDL ends one."""
    warehouse.make_schema(session, warehouse.control)
    warehouse.make_table(session, warehouse.control, REMEMBERED, _COLUMNS)


def remember_settings(warehouse: WarehouseConnection, session: Session, views: Settings) -> None:
    """Write down what is on views, in place of what was remembered of them; `prepare_memory` comes before."""
    table = warehouse.quote(warehouse.control, REMEMBERED)
    forget_settings(warehouse, session, views)
    for view, settings in sorted(views.items()):
        session.rows(f"insert into {table} values (?, ?)", (view, json.dumps(sorted(settings))))


def recall_settings(warehouse: WarehouseConnection, session: Session) -> Settings:
    """What was on views that are gone."""
    if not warehouse.columns(session, warehouse.control, REMEMBERED):
        return {}
    table = warehouse.quote(warehouse.control, REMEMBERED)
    rows = session.rows(f"select view_name, settings from {table}")
    return {view: frozenset(ViewSetting(*each) for each in json.loads(text)) for view, text in rows}


def forget_settings(warehouse: WarehouseConnection, session: Session, views: Collection[str]) -> None:
    """Delete what is remembered of views that are there again."""
    table = warehouse.quote(warehouse.control, REMEMBERED)
    for view in sorted(views):
        session.rows(f"delete from {table} where view_name = ?", (view,))


def choose_settings(kept: Settings, recalled: Settings, columns: Mapping[str, Collection[str]]) -> Settings:
    """What a release's views are to have: what is on them, or was on those that come back, for columns that are there.

    columns: of every mart of the release.
    """
    again = {
        mart: frozenset(each for each in recalled[mart] if not each.column or each.column in has)
        for mart, has in columns.items()
        if mart in recalled and mart not in kept
    }
    return {**kept, **again}


def put_settings(
    warehouse: WarehouseConnection, session: Session, run: str, schema: str, wanted: Settings
) -> None:
    """Give a schema's views what they are to have, and take away what is too much. Raises BadAnswer if that fails."""
    now = warehouse.read_view_settings(session, schema) if wanted else {}
    for _ in range(2):  # what a view's owner may do changes with the owner
        if all(now.get(view, frozenset()) == settings for view, settings in wanted.items()):
            break
        for view, settings in sorted(wanted.items()):
            warehouse.change_view_settings(session, schema, view, now.get(view, frozenset()), settings)
        now = warehouse.read_view_settings(session, schema)
    refuse_changed(run, wanted, now)
