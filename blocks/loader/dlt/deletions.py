"""Rows that were deleted at the source, as a dbt source declares it: `soft_delete` or `compare_keys`.

soft_delete names a column that marks a row (true, a number other than 0, or any date). With compare_keys all keys
of the source are read with every load, and rows of RAW whose key it no longer has are deleted.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from blocks.loader.dlt.staging import Staging
from blocks.loader.dlt.table_config import find_cursor_column, get_key
from blocks.loader.dlt.values import DUCKDB, build_cast, get_type
from blocks.records import Column, SourceTable
from blocks.sql import quote_identifier, write_literal
from blocks.warehouse.base import Session, Warehouse

NUMBERS = ("smallint", "integer", "int", "bigint", "double", "decimal", "numeric")


def compares_keys(table: SourceTable) -> bool:
    """True if rows that are gone are found by their keys."""
    return bool(table.meta.get("compare_keys"))


def get_key_columns(table: SourceTable) -> list[Column]:
    """Return the declared columns of the key, in the key's order."""
    columns = {column.name: column for column in table.columns}
    return [columns[name] for name in get_key(table)]


def _get_columns(table: SourceTable) -> list[Column]:
    """Return the columns that say which row leaves: the key's, and the cursor, by which a younger one stays."""
    key, cursor = get_key_columns(table), find_cursor_column(table)
    return [*key, *([cursor] if cursor and cursor not in key else [])]


def build_deleted_condition(table: SourceTable) -> str:
    """Build the SQL that is true for a staged row whose source says it is deleted."""
    flag = table.meta.get("soft_delete")
    column = next((column for column in table.columns if column.name == flag), None)
    if column is None:
        return "false"
    kind, name = get_type(column).partition("(")[0], quote_identifier(column.name)
    if kind == "boolean":
        return f"coalesce({name}, false)"
    return f"coalesce({name}, 0) <> 0" if kind in NUMBERS else f"{name} is not null"


def keeps_deleted(table: SourceTable) -> bool:
    """True if a row's older version may come after its deletion: files come in any order."""
    return bool(table.meta.get("soft_delete")) and table.meta.get("kind") == "files"


def export_keys(
    warehouse: Warehouse, session: Session, table: SourceTable, known: Collection[str], folder: Path
) -> None:
    """Write the keys that RAW has, and their cursor, into the working folder. known: the columns that it has."""
    names = ", ".join(
        warehouse.quote(column.name)
        if column.name in known
        else f"cast(null as {warehouse.type_of(column.data_type)}) as {warehouse.quote(column.name)}"
        for column in _get_columns(table)
    )
    source = warehouse.quote(table.schema_name, table.identifier)
    session.export(f"select {names} from {source}", get_keys_path(table, folder))


def get_keys_path(table: SourceTable, folder: Path) -> Path:
    """Return where the keys that RAW has are kept while loading."""
    return folder / f"{table.name}.keys.parquet"


def write_deleted_keys(staging: Staging, unique: str, present: str | None) -> tuple[list[Path], int]:
    """Write the keys to delete from RAW to a Parquet file; return it, if there are any, and their number.

    unique: the SQL that keeps one staged row a key. present: the FROM clause of the source's keys as texts,
    k0, k1, ...; empty if it has none, None if they were not asked for.
    """
    table = staging.table
    names = ", ".join(quote_identifier(column.name) for column in _get_columns(table))
    parts = [f"select {names} from staged where _reason is null{unique} and {build_deleted_condition(table)}"]
    before = get_keys_path(table, staging.context.folder)
    if present is not None and before.exists():
        same = " and ".join(
            f"p.{quote_identifier(column.name)} = b.{quote_identifier(column.name)}"
            for column in get_key_columns(table)
        )
        listed = ", ".join(
            f"{build_cast(column, f'k{at}')} as {quote_identifier(column.name)}"
            for at, column in enumerate(get_key_columns(table))
        )
        there = (
            f" where not exists (select 1 from (select {listed} from {present}) as p where {same})"
            if present
            else ""
        )
        parts.append(f"select {names} from read_parquet({write_literal(str(before), DUCKDB)}) as b{there}")
    if len(parts) == 1 and build_deleted_condition(table) == "false":
        return [], 0
    path = staging.context.folder / f"{table.name}.gone.parquet"
    staging.execute(f"copy ({' union '.join(parts)}) to {write_literal(str(path), DUCKDB)} (format parquet)")
    key = ", ".join(quote_identifier(name) for name in get_key(table))
    ((count,),) = staging.execute(f"select count(distinct ({key})) from read_parquet(?)", [str(path)])
    return ([path] if count else []), int(count)
