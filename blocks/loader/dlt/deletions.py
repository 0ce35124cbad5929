"""Rows that are gone at the source, as a dbt source declares it: `soft_delete` or `compare_keys`.

soft_delete names a column that marks a row (true, a number other than 0, or any date). compare_keys has all
keys of the source read with every load; those that RAW has and the source has not are taken out.
"""

from __future__ import annotations

from pathlib import Path

from blocks.loader.dlt.contract import literal, quoted, type_of, typed
from blocks.loader.dlt.load_context import key
from blocks.loader.dlt.staging import Staging
from blocks.records import Column, SourceTable
from blocks.warehouse.base import Session, Warehouse

NUMBERS = ("smallint", "integer", "int", "bigint", "double", "decimal", "numeric")


def compares_keys(table: SourceTable) -> bool:
    """True if rows that are gone are found by their keys."""
    return bool(table.meta.get("compare_keys"))


def key_columns(table: SourceTable) -> list[Column]:
    """The declared columns of the key, in the key's order."""
    columns = {column.name: column for column in table.columns}
    return [columns[name] for name in key(table)]


def flagged(table: SourceTable) -> str:
    """SQL that is true for a staged row whose source says it is deleted."""
    for column in [column for column in table.columns if column.name == table.meta.get("soft_delete")]:
        kind, name = type_of(column).partition("(")[0], quoted(column.name)
        if kind == "boolean":
            return f"coalesce({name}, false)"
        return f"coalesce({name}, 0) <> 0" if kind in NUMBERS else f"{name} is not null"
    return "false"


def export_keys(warehouse: Warehouse, session: Session, table: SourceTable, folder: Path) -> None:
    """Write the keys that RAW has into the working folder."""
    names = ", ".join(warehouse.quote(name) for name in key(table))
    source = warehouse.quote(table.schema_name, table.identifier)
    session.export(f"select {names} from {source}", keys_file(table, folder))


def keys_file(table: SourceTable, folder: Path) -> Path:
    """Where the keys that RAW has are kept while loading."""
    return folder / f"{table.name}.keys.parquet"


def gone_keys(staging: Staging, unique: str, present: str | None) -> tuple[list[Path], int]:
    """A Parquet file of the keys that leave RAW, if there are any, and their number.

    unique: the SQL that keeps one staged row a key. present: the FROM clause of the source's keys as texts,
    k0, k1, ...; empty if it has none, None if they were not asked for.
    """
    table = staging.table
    names = ", ".join(quoted(name) for name in key(table))
    parts = [f"select {names} from staged where _reason is null{unique} and {flagged(table)}"]
    before = keys_file(table, staging.job.folder)
    if present is not None and before.exists():
        listed = ", ".join(f"{typed(column, f'k{at}')}" for at, column in enumerate(key_columns(table)))
        there = f" except all select {listed} from {present}" if present else ""
        parts.append(f"select * from (select {names} from read_parquet({literal(str(before))}){there})")
    if len(parts) == 1 and flagged(table) == "false":
        return [], 0
    path = staging.job.folder / f"{table.name}.gone.parquet"
    staging.rows(f"copy ({' union '.join(parts)}) to {literal(str(path))} (format parquet)")
    ((count,),) = staging.rows("select count(*) from read_parquet(?)", [str(path)])
    return ([path] if count else []), int(count)
