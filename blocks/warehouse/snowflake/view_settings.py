"""What an administrator puts on serving's views in Snowflake, beside rights: a swap would lose it without a word.

SECURE and comments are given to the new views as they are made, tags right after; all is compared before the swap. A
masking policy that hangs on a tag comes with the tag, which the comparison sees. Another policy (masking, row access,
...) can't be carried, and without it readers would see what it hides: while a view of serving bears one, no promotion
is made. A tag of the whole schema is compared as rights are (publish.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from blocks.errors import Misconfigured, Rejected
from blocks.sql import quote_identifier
from blocks.warehouse.snowflake.names import to_plain, to_stored
from blocks.warehouse.snowflake.session import SnowflakeSession
from blocks.warehouse.snowflake.settings import SnowflakeSettings
from blocks.warehouse.view_setting import Settings, ViewSetting

BY_TAG = "policy by tag"
POLICIES = "policy"
_SHOWN, _AT_ONCE = 10, 50  # the latter: views that one statement asks for


def read_view_settings(settings: SnowflakeSettings, session: SnowflakeSession, schema: str) -> Settings:
    """View → what is on it: SECURE, comments, tags, policies; none of a view without any."""
    found: dict[str, set[ViewSetting]] = defaultdict(set)
    shown = session.show(f"show views in schema {settings.quote(schema)}")
    for row in shown:
        view = to_plain(str(row["name"]))
        if str(row.get("is_secure")).lower() in ("true", "y"):
            found[view].add(ViewSetting("secure"))
        if row.get("comment"):
            found[view].add(ViewSetting("comment", value=str(row["comment"])))
    names = sorted(to_plain(str(row["name"])) for row in shown)
    for view, setting in (
        *_read_column_comments(settings, session, schema),
        *_read_tags(settings, session, schema, names),
        *_read_policies(settings, session, schema, names),
    ):
        found[view].add(setting)
    return {view: frozenset(each) for view, each in found.items()}


def read_schema_tags(settings: SnowflakeSettings, session: SnowflakeSession, schema: str) -> set[ViewSetting]:
    """Tags that are on a schema itself, which its views have by inheritance."""
    name = settings.quote(settings.database, schema)
    function = _function(settings, "tag_references")
    columns = "tag_database, tag_schema, tag_name, tag_value, level"
    rows = _ask(session, [f"select {columns} from table({function}({settings.literal(name)}, 'schema'))"])
    return {_tag("", *row[:4]) for row in rows if row[4] == "SCHEMA"}


def write_view_setting(
    settings: SnowflakeSettings, view: str, setting: ViewSetting, remove: bool = False
) -> str:
    """The statement that puts a setting on a view (quoted), or takes it away."""
    kind, column, name, value = setting
    place = f"alter view {view}{f' modify column {settings.quote(column)}' if column else ''}"
    if kind == "tag":
        return (
            f"{place} unset tag {name}" if remove else f"{place} set tag {name} = {settings.literal(value)}"
        )
    if kind == "comment" and column:
        text = settings.literal("" if remove else value)
        return f"alter view {view} alter column {settings.quote(column)} comment {text}"
    if kind == "comment":
        return f"{place} unset comment" if remove else f"{place} set comment = {settings.literal(value)}"
    if kind == "secure":
        return f"{place} {'unset' if remove else 'set'} secure"
    # what is not carried: only ever said to an administrator
    return f"take the {kind} {value} off {view}{f' ({column})' if column else ''}"


def refuse_policies(settings: SnowflakeSettings, kept: Settings) -> None:
    """Raise Misconfigured, and name them, if policies are on these views of serving or on their columns."""
    found = sorted(
        f"{each.name} {each.value} on {'.'.join(filter(None, (view, each.column)))}"
        for view, on_it in kept.items()
        for each in on_it
        if each.kind == POLICIES
    )
    if found:
        raise Misconfigured(
            f"replace the views of {settings.serving}",
            f"policies are on them, which the new views would not have: {', '.join(found[:_SHOWN])}",
            "Put each policy on the mart's own table instead, now by hand and later by a post-hook of dbt; then take it"
            " off the view. Readers keep what they have.",
        )


def write_view(
    settings: SnowflakeSettings, view: str, query: str, wanted: Iterable[ViewSetting], columns: Sequence[str]
) -> str:
    """CREATE VIEW with SECURE and the comments. view: quoted. columns: all of the query's, in order."""
    comments = {each.column: settings.literal(each.value) for each in wanted if each.kind == "comment"}
    secure = "secure " if any(each.kind == "secure" for each in wanted) else ""
    whole = comments.pop("", None)
    listed = ", ".join(
        f"{settings.quote(name)}{f' comment {comments[name]}' if name in comments else ''}"
        for name in columns
    )
    return (
        f"create or replace {secure}view {view}{f' ({listed})' if comments and columns else ''} copy grants"
        f"{f' comment = {whole}' if whole else ''} as {query}"
    )


def _read_column_comments(
    settings: SnowflakeSettings, session: SnowflakeSession, schema: str
) -> list[tuple[str, ViewSetting]]:
    rows = session.rows(
        f"select table_name, column_name, comment from {settings.quote(settings.database)}.information_schema.columns"
        f" where table_schema = {settings.literal(to_stored(schema))} and comment is not null"
    )
    return [
        (to_plain(view), ViewSetting("comment", to_plain(column), "", text))
        for view, column, text in rows
        if text
    ]


def _read_tags(
    settings: SnowflakeSettings, session: SnowflakeSession, schema: str, views: Sequence[str]
) -> list[tuple[str, ViewSetting]]:
    """What is on the views and their columns themselves, not what they inherit."""
    columns = "object_name, column_name, tag_database, tag_schema, tag_name, tag_value, level"
    asked = [
        f"select {columns} from table({_function(settings, function)}({settings.literal(name)}, 'table'))"
        for name in (settings.quote(settings.database, schema, view) for view in views)
        for function in ("tag_references", "tag_references_all_columns")
    ]
    return [
        (to_plain(view), _tag(to_plain(column) if column else "", *tag))
        for view, column, *tag, level in _ask(session, asked)
        if level in (("COLUMN",) if column else ("TABLE", "VIEW"))
    ]


def _read_policies(
    settings: SnowflakeSettings, session: SnowflakeSession, schema: str, views: Sequence[str]
) -> list[tuple[str, ViewSetting]]:
    columns = "ref_entity_name, ref_column_name, policy_kind, policy_name, tag_name"
    asked = [
        f"select {columns} from table({_function(settings, 'policy_references')}"
        f"(ref_entity_name => {settings.literal(name)}, ref_entity_domain => 'view'))"
        for name in (settings.quote(settings.database, schema, view) for view in views)
    ]
    return [
        (
            to_plain(view),
            ViewSetting(BY_TAG if tag else POLICIES, to_plain(column) if column else "", kind, policy),
        )
        for view, column, kind, policy, tag in _ask(session, asked)
    ]


def _ask(session: SnowflakeSession, selects: Sequence[str]) -> list[tuple[Any, ...]]:
    """All their rows; none in an edition that has no tags or policies."""
    parts = [selects[at : at + _AT_ONCE] for at in range(0, len(selects), _AT_ONCE)]
    try:
        return [row for part in parts for row in session.rows(" union all ".join(part))]
    except Rejected as error:
        if "unsupported feature" in error.answer.lower():
            return []
        raise


def _function(settings: SnowflakeSettings, name: str) -> str:
    return f"{settings.quote(settings.database)}.information_schema.{name}"


def _tag(column: str, database: str, schema: str, name: str, value: str) -> ViewSetting:
    return ViewSetting("tag", column, quote_identifier(database, schema, name), value)
