"""What an administrator puts on a view in DuckDB, or on its copy in the readers' file: comments."""

from __future__ import annotations

from collections import defaultdict

from blocks.warehouse.settings import Session, WarehouseSettings
from blocks.warehouse.view_setting import Settings, ViewSetting

READ = """
select view_name, '', comment from duckdb_views()
where database_name = current_database() and schema_name = ? and comment is not null
union all
select table_name, column_name, comment from duckdb_columns()
where database_name = current_database() and schema_name = ? and comment is not null
"""


def read_view_settings(session: Session, schema: str) -> Settings:
    """View → comments on it and on its columns; none of a view without any."""
    found: dict[str, set[ViewSetting]] = defaultdict(set)
    for view, column, comment in session.rows(READ, (schema, schema)):
        found[view].add(ViewSetting("comment", column, "", comment))
    return {view: frozenset(settings) for view, settings in found.items()}


def write_view_setting(
    settings: WarehouseSettings, kind: str, name: str, setting: ViewSetting, remove: bool = False
) -> str:
    """The statement that writes a comment, or takes it away. kind: view or table; name: quoted."""
    on = f"column {name}.{settings.quote(setting.column)}" if setting.column else f"{kind} {name}"
    return f"comment on {on} is {'null' if remove else settings.literal(setting.value)}"
