"""The kind `files`: files that are new or have changed in a folder or at any fsspec URL.

DuckDB reads the files, many in one call. Passing their rows through a dlt pipeline as well would double the
time of a million rows and change nothing. Add a format in a module of its own, and name it in FORMATS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.errors import ContractBroken, Misconfigured
from blocks.loader.base import name_table
from blocks.loader.dlt.batches import PreparedBatch, build_entry, write_batch
from blocks.loader.dlt.contract import name_extra_columns
from blocks.loader.dlt.files.contents import check_rows, create_links, drop_empty, get_empty_files, open_files
from blocks.loader.dlt.files.csv import CSV, get_delimiter
from blocks.loader.dlt.files.encodings import explain_no_utf8, get_encoding
from blocks.loader.dlt.files.excel import EXCEL
from blocks.loader.dlt.files.formats import FileFormat, FileGroup, build_file_error, get_count
from blocks.loader.dlt.files.json import JSON_RECORDS
from blocks.loader.dlt.files.listing import (
    check_path,
    check_unchanged,
    compute_fingerprint,
    fetch_files,
    is_reloaded,
    list_files,
)
from blocks.loader.dlt.files.parquet import PARQUET
from blocks.loader.dlt.load_context import LoadContext
from blocks.loader.dlt.staging import Staging, open_staging_database
from blocks.loader.dlt.table_config import get_load_mode
from blocks.records import SourceTable

if TYPE_CHECKING:
    from dlt.common.storages.fsspec_filesystem import FileItemDict

COMPRESSED = (".gz", ".zst", ".bz2", ".xz", ".zip")  # what a name ends with when its file was compressed
FORMATS = {"csv": CSV, "jsonl": JSON_RECORDS, "json": JSON_RECORDS, "parquet": PARQUET, "xlsx": EXCEL}


def load_files(context: LoadContext, tables: Sequence[SourceTable]) -> Iterator[PreparedBatch | None]:
    """Yield each table's batch of the files that are new or have changed; None if there are none."""
    for table in tables:
        with name_table(table):
            batch = _read_table(context, table)
        yield batch


def _read_table(context: LoadContext, table: SourceTable) -> PreparedBatch | None:
    found = list_files(context, table)
    known = {item: entry.fingerprint for item, entry in context.get_entries(table).items()}
    fresh = {
        item: entry
        for item, entry in found.items()
        if known.get(item) != compute_fingerprint(entry) or is_reloaded(context.load_range, item, entry)
    }
    gone, mode = {item: mark for item, mark in known.items() if item not in found}, get_load_mode(table)
    if mode == "replace" and (fresh or gone):
        fresh = found
    if mode != "merge":
        _check_not_twice(table, fresh, found, {} if mode == "replace" else gone)
    return _stage_files(context, table, fresh) if fresh else None


def _check_not_twice(
    table: SourceTable,
    fresh: Mapping[str, FileItemDict],
    found: Mapping[str, FileItemDict],
    gone: Mapping[str, str],
) -> None:
    """Raise ContractBroken for a file that came under another name before, or comes as it is and compressed.

    gone: loaded files that are not there any more, and their fingerprints; their rows are still there. A time in whole
    seconds is an archive's or an object store's, and many files have the same.
    """
    times = {mark: item for item, mark in gone.items() if not mark.endswith(".0")}
    for item, entry in fresh.items():
        bare = item.removesuffix(next((end for end in COMPRESSED if item.endswith(end)), ""))
        names = [bare] if bare != item else [f"{item}{end}" for end in COMPRESSED]
        other = next((name for name in names if name in gone or name in found), None)
        other = other or times.get(compute_fingerprint(entry))
        if other:
            raise ContractBroken(
                f"load {table.full_name} from {item}",
                f"it is {other} under another name, whose rows are there: they would be there twice",
                "Call it as before, or load the source again from its beginning: --full-refresh."
                if other in gone
                else "Leave one of both out of the table's `path`.",
            )


def check_file_settings(table: SourceTable) -> None:
    """Raise Misconfigured for a setting of files that can't be right."""
    check_path(table)
    get_format(table)
    get_delimiter(table)
    get_encoding(table)
    get_empty_files(table)
    get_count(table, "skip_lines")


def get_format(table: SourceTable) -> FileFormat:
    """Return the format of a table's files. Raises Misconfigured for one that is not known."""
    form = FORMATS.get(str(table.meta.get("format", "csv")))
    if form is None:
        raise Misconfigured(
            f"load {table.full_name}", "its format is not known", f"Use {', '.join(FORMATS)}."
        )
    return form


def _stage_files(
    context: LoadContext, table: SourceTable, found: Mapping[str, FileItemDict]
) -> PreparedBatch:
    form = get_format(table)
    fetched = fetch_files(context, table, found)
    files = open_files(context, table, form, fetched)
    with open_staging_database(context) as connection:
        create_links(connection, files)
        groups = form.group_files(connection, table, drop_empty(table, files))
        extras = name_extra_columns(table, *(names for group in groups for names in group.get_names()))
        staging = Staging(context, table, connection, extras)
        for at, group in enumerate(groups):
            _stage_group(staging, form, group, f"rejects_{at}")
        notes = check_rows(staging, files)
        staging.check_types("its files")
        entries = [build_entry(staging, file.item, file.fingerprint, file.size) for file in fetched]
        check_unchanged(context, table, fetched)
        first = {
            name: min(
                file.item
                for group in groups
                if any(extras.get(origin) == name for origin in group.names)
                for file in group.files
            )
            for name in extras.values()
        }
        prepared = write_batch(staging, entries, first)
        return prepared._replace(notes=(*prepared.notes, *notes))


def _stage_group(staging: Staging, form: FileFormat, group: FileGroup, rejects: str) -> None:
    """Stage a group of files; if DuckDB can't read one, stage them one by one, to say which it is."""
    import duckdb

    failed = False
    try:
        staging.add_rows(form.build_relation(staging.table, group, rejects), [group.get_paths()])
    except (duckdb.InvalidInputException, duckdb.ConversionException):
        failed = True
    if not failed:
        _quarantine_lines(staging, rejects)
    elif len(group.files) == 1:
        raise build_file_error(staging.table, group.files[0].label, "it can't be read: broken quotes")
    else:
        for at, file in enumerate(group.files):
            _stage_group(staging, form, group._replace(files=(file,)), f"{rejects}_{at}")


FILE_PROBLEMS = {  # problem of a file → the rejected lines that show it
    "it is not UTF-8": "problem = 'INVALID ENCODING'",
    "holds a quote that never closes": "problem = 'UNQUOTED VALUE' and contains(text, chr(10))",
    "is longer than 2 MB": "problem = 'LINE SIZE OVER MAXIMUM'",
}


def _quarantine_lines(staging: Staging, rejects: str) -> None:
    """Quarantine the lines that are no row. Raises ContractBroken for a file that is no CSV or JSON at all."""
    if not staging.execute("select 1 from duckdb_tables() where table_name = ?", (rejects,)):
        return
    staging.execute(
        "create or replace temp table set_aside as select l.item, l.label, l.path, l.number, r.line,"
        " any_value(r.csv_line) as text,"
        f" min(r.error_type::varchar) as problem from {rejects} r"
        f" join {rejects}_scans s using (scan_id, file_id)"
        " join links l on l.path = s.file_path group by all"
    )
    for answer, where in FILE_PROBLEMS.items():
        for label, line, path in staging.execute(
            f"select label, line, path from set_aside where {where} order by all limit 1"
        ):
            problem = explain_no_utf8(Path(path)) if "UTF-8" in answer else answer
            raise build_file_error(staging.table, label, f"line {line}: {problem}")
    staging.execute(
        "insert into staged (_item, _order, _row, _reason) select item, number, text, 'the row: ' || case problem"
        " when 'MISSING COLUMNS' then 'fewer fields than the header'"
        " when 'TOO MANY COLUMNS' then 'more fields than the header' else 'broken quotes' end from set_aside"
    )
