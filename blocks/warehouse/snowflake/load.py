"""Tables beside the target, for rows that are matched by key: Snowflake's COPY INTO can't merge.

DDL commits by itself there, so they are made before the transaction that changes rows, and dropped after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from blocks.errors import PlatformError
from blocks.warehouse.batch import LoadTarget
from blocks.warehouse.settings import Session
from blocks.warehouse.snowflake.settings import SnowflakeSettings
from blocks.warehouse.snowflake.staging import copy_sql


@contextmanager
def copy_beside(
    settings: SnowflakeSettings,
    session: Session,
    target: LoadTarget,
    folders: Mapping[str, str],
    groups: Sequence[str],
) -> Iterator[dict[str, str]]:
    """Copy groups of files into tables of the target's shape; group → its table, quoted."""
    tables = {group: f"{target.relation}__{group}" for group in groups if group in folders}
    try:
        for group, name in tables.items():
            like = settings.relation(target.relation)
            session.rows(f"create or replace transient table {settings.relation(name)} like {like}")
            session.rows(copy_sql(settings, name, folders[group]))
        yield {group: settings.relation(name) for group, name in tables.items()}
    finally:
        with suppress(PlatformError):
            for name in tables.values():
                session.rows(f"drop table if exists {settings.relation(name)}")
