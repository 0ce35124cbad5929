"""The kind `sql`: tables of any SQLAlchemy database.

The cursor's condition is part of our query: dlt's own incremental compares values of one type, and one wrong
value would end the load. Not here: connections, and how rows are read out (extractor).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from blocks.errors import Misconfigured, PlatformError
from blocks.loader.base import name_table
from blocks.loader.dlt.batches import PreparedBatch, build_batch, drop_old_rows
from blocks.loader.dlt.contract import TextRelation, check_columns, name_extra_columns
from blocks.loader.dlt.deletions import compares_keys, get_key_columns
from blocks.loader.dlt.incremental import get_window
from blocks.loader.dlt.load_context import LoadContext
from blocks.loader.dlt.sql.connections import connect, translate_error
from blocks.loader.dlt.sql.extractor import (
    Build,
    Extractor,
    build_parquet_relation,
    choose_extractor,
    create_text_type,
    write_parquet,
)
from blocks.loader.dlt.staging import Staging, open_staging_database
from blocks.loader.dlt.table_config import find_cursor_column, require_setting
from blocks.loader.dlt.values import describe_type
from blocks.records import SourceTable

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy.engine.interfaces import ReflectedColumn


def load_databases(context: LoadContext, tables: Sequence[SourceTable]) -> Iterator[PreparedBatch | None]:
    """Yield each table's batch of what its mode asks for; None if nothing is new."""
    with connect(context.location, context.credential, context.deadline) as engine:
        extractor, found = choose_extractor(engine), []
        for table in tables:
            with name_table(table):
                found.append(_reflect_table(engine, table))
        names = [[column.name for column in reflected.columns] for reflected in found]
        queries: dict[str, tuple[sa.Table, Build]] = {}
        for at, (table, reflected) in enumerate(zip(tables, found, strict=True)):
            with name_table(table):
                check_columns(table, names[at], f"table {table.meta['table']}")
                _check_spelling(table, reflected)
                if compares_keys(table):  # before the rows: what is added meanwhile is not taken for deleted
                    queries[f"k{at}"] = (reflected, _build_keys_query(table, extractor))
                rows = _build_rows_query(context, table, extractor, engine.dialect.name)
                queries[f"t{at}"] = (reflected, rows)
        files = extractor.extract(context, engine, queries)
    for at, (table, columns) in enumerate(zip(tables, names, strict=True)):
        with name_table(table):
            batch = _stage_table(context, extractor, table, columns, files[f"t{at}"], files.get(f"k{at}"))
        yield batch


def _reflect_table(engine: sa.Engine, table: SourceTable) -> sa.Table:
    """Describe the table as it is in the database now."""
    import sqlalchemy as sa

    asked, words = (
        f"load {table.full_name} from table {table.meta.get('table')}",
        require_setting(table, "table").split("."),
    )
    problem: PlatformError | None = None
    listeners = [("column_reflect", _read_backticks)] if engine.dialect.name in ("mysql", "mariadb") else []
    for at in reversed(range(len(words))):  # a name may have dots in it
        schema, name = ".".join(words[:at]) or None, ".".join(words[at:])
        try:
            held = sa.MetaData(schema=schema)  # dlt looks there for the table, by its name alone
            return sa.Table(name, held, autoload_with=engine, resolve_fks=False, listeners=listeners)
        except sa.exc.NoSuchTableError as error:
            problem = problem or translate_error(asked, error)
        except sa.exc.SQLAlchemyError as error:
            problem = translate_error(asked, error)
            if problem is None:
                raise
            break
    raise cast("PlatformError", problem)


def _read_backticks(inspector: object, table: object, column: ReflectedColumn) -> None:
    """Name a MySQL column as it is called: SQLAlchemy takes it as it is quoted, each backtick twice."""
    column["name"] = column["name"].replace("``", "`")


def _check_spelling(table: SourceTable, reflected: sa.Table) -> None:
    """Raise Misconfigured where texts are declared to be spelled, and the database keeps numbers: 1.234 is no 1234."""
    import sqlalchemy as sa

    for column in table.columns:
        kind = reflected.c[column.origin].type
        if isinstance(kind, sa.Numeric | sa.Integer) and not {"decimal", "thousands"}.isdisjoint(column.meta):
            raise Misconfigured(
                f"load column {column.name} of {table.full_name}",
                "its `decimal` and `thousands` are of texts, and the database keeps numbers there",
                "Take them out of its meta.",
            )


def _build_rows_query(context: LoadContext, table: SourceTable, extractor: Extractor, dialect: str) -> Build:
    """Build the query of the rows in the load's window, columns by number."""
    import sqlalchemy as sa

    text, window = create_text_type(), get_window(context, table)

    def query(source: sa.FromClause) -> sa.Select[tuple[object, ...]]:
        found = sa.select(*(extractor.select_text(c).label(f"c{at}") for at, c in enumerate(source.columns)))
        cursor = find_cursor_column(table)
        if cursor is None or window.since is None or not _can_compare(table, source, dialect):
            return found
        value = sa.type_coerce(source.c[cursor.origin], text)
        first, *days = (sa.bindparam(None, day, type_=text) for day in (window.since, *(window.days or ())))
        wanted = [value >= first, source.c[cursor.origin].is_(None)]
        wanted += [sa.and_(value >= days[0], value < days[1])] if days else []
        return found.where(sa.or_(*wanted))

    return query


def _can_compare(table: SourceTable, source: sa.FromClause, dialect: str) -> bool:
    """False for a cursor that the database keeps as text though it is a time or a number: 10 comes before 9 there.

    SQLite has no types for times: it compares their texts, of whatever layout.
    """
    import sqlalchemy as sa

    cursor = find_cursor_column(table)
    if cursor is None or describe_type(cursor) is None:
        return True
    kept = source.c[cursor.origin].type
    if dialect == "sqlite" and isinstance(kept, sa.DateTime | sa.Date):
        return False
    return not isinstance(kept, sa.String | sa.types.NullType)


def _build_keys_query(table: SourceTable, extractor: Extractor) -> Build:
    """Build the query of all keys."""
    import sqlalchemy as sa

    def query(source: sa.FromClause) -> sa.Select[tuple[object, ...]]:
        origins = (source.c[column.origin] for column in get_key_columns(table))
        return sa.select(*(extractor.select_text(c).label(f"k{at}") for at, c in enumerate(origins)))

    return query


def _stage_table(
    context: LoadContext,
    extractor: Extractor,
    table: SourceTable,
    names: Sequence[str],
    files: Sequence[Path],
    keys: Sequence[Path] | None,
) -> PreparedBatch | None:
    label, columns = f"table {table.meta['table']}", [f"c{at}" for at in range(len(names))]
    present = None
    if keys is not None:
        present = (
            extractor.build_relation(keys, [f"k{at}" for at in range(len(get_key_columns(table)))])
            if keys
            else ""
        )
    with open_staging_database(context) as connection:
        staging = Staging(context, table, connection, name_extra_columns(table, names))
        if files:
            _stage_rows(staging, extractor, files, dict(zip(names, columns, strict=True)))
            drop_old_rows(staging)
        return build_batch(staging, label, sum(file.stat().st_size for file in files), present)


def _stage_rows(
    staging: Staging, extractor: Extractor, files: Sequence[Path], texts: Mapping[str, str]
) -> None:
    """Stage the rows of a table's files; by another reader if a line is too long for the usual one."""
    import duckdb

    columns = list(texts.values())
    too_long = False
    try:
        staging.add_rows(TextRelation(extractor.build_relation(files, columns), texts), [])
    except (
        duckdb.InvalidInputException
    ):  # what COPY writes is well-formed: a line is longer than the reader's
        too_long = True
    if too_long:
        staging.execute("delete from staged")
        staging.execute("set memory_limit = '6GB'")  # spilling can't part a text
        parquet = [write_parquet(file, columns) for file in files]
        staging.add_rows(TextRelation(build_parquet_relation(parquet), texts), [])
