"""What an administrator puts on serving's views in Snowflake, beside rights: a swap would lose it without a word.

SECURE and the view's comment are given to the new views. A policy (masking, row access, ...) can't be carried yet, and
without it readers would see what it hides: while a view of serving bears one, no promotion is made.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from blocks.errors import Misconfigured, Rejected
from blocks.warehouse.snowflake.session import SnowflakeSession
from blocks.warehouse.snowflake.settings import SnowflakeSettings

_SHOWN = 10


def refuse_policies(settings: SnowflakeSettings, session: SnowflakeSession, views: Iterable[str]) -> None:
    """Raise Misconfigured, and name them, if policies are on these views of serving or on their columns."""
    names = [settings.quote(settings.database, settings.serving, view) for view in sorted(views)]
    function = f"{settings.quote(settings.database)}.information_schema.policy_references"
    asked = " union all ".join(
        "select ref_entity_name, ref_column_name, policy_kind, policy_name from"
        f" table({function}(ref_entity_name => {settings.literal(name)}, ref_entity_domain => 'view'))"
        for name in names
    )
    try:
        rows = session.rows(asked) if names else []
    except Rejected as error:
        if "unsupported feature" in error.answer.lower():  # an edition that has no policies
            return
        raise
    if rows:
        found = sorted(
            f"{kind} {policy} on {'.'.join(filter(None, (view, column)))}"
            for view, column, kind, policy in rows
        )
        raise Misconfigured(
            f"replace the views of {settings.serving}",
            f"policies are on them, which the new views would not have: {', '.join(found[:_SHOWN])}",
            "Put each policy on the mart's own table instead, now by hand and later by a post-hook of dbt; then take it"
            " off the view. Readers keep what they have.",
        )


def write_view_options(row: dict[str, Any] | None, settings: SnowflakeSettings) -> tuple[str, str]:
    """What stands before VIEW and after its name, so that a new view is as one was. row: of SHOW VIEWS."""
    if row is None:
        return "", ""
    secure = "secure " if str(row.get("is_secure")).lower() in ("true", "y") else ""
    comment = row.get("comment")
    return secure, f" comment = {settings.literal(comment)}" if comment else ""
