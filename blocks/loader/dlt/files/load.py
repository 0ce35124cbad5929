"""The kind `files`: what is new or has changed under a folder or any fsspec URL.

DuckDB reads the files, many in one call. Passing their rows through a dlt pipeline as well would double the
time of a million rows and change nothing. Not here: listing (see listing), the formats.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from blocks.errors import Misconfigured
from blocks.loader.dlt.batches import Staged, entry_of, write
from blocks.loader.dlt.contract import extra_columns
from blocks.loader.dlt.files.csv import CSV
from blocks.loader.dlt.files.formats import File, Format, Group, broken
from blocks.loader.dlt.files.json import JSON_LINES
from blocks.loader.dlt.files.listing import again, check_unchanged, fetched, fingerprint, listed
from blocks.loader.dlt.files.parquet import PARQUET
from blocks.loader.dlt.load_context import Job, mode
from blocks.loader.dlt.staging import Staging, staging_database
from blocks.records import LedgerEntry, SourceTable

FORMATS = {"csv": CSV, "jsonl": JSON_LINES, "parquet": PARQUET}


def load_files(job: Job, tables: Sequence[SourceTable]) -> Iterator[Staged | None]:
    """A batch a table of the files that are new or have changed; None if there are none."""
    for table in tables:
        found = listed(job, table)
        known = {item: entry.fingerprint for item, entry in job.entries(table).items()}
        fresh = {
            item: entry
            for item, entry in found.items()
            if known.get(item) != fingerprint(entry) or again(job.reload, item, entry)
        }
        if fresh and mode(table) == "replace":
            fresh = found
        yield _load(job, table, fresh) if fresh else None


def _load(job: Job, table: SourceTable, found: Mapping[str, Any]) -> Staged:
    form = FORMATS.get(str(table.meta.get("format", "csv")))
    if form is None:
        raise Misconfigured(
            f"load {table.full_name}", "its format is not known", f"Use {', '.join(FORMATS)}."
        )
    files = fetched(job, table, found)
    with staging_database(job) as connection:
        connection.execute("create or replace temp table links (path varchar, item varchar)")
        links = [[str(file.path) for file in files], [file.item for file in files]]
        connection.execute("insert into links select unnest(?), unnest(?)", links)
        groups = form.groups(connection, table, files)
        extras = extra_columns(table, dict.fromkeys(name for group in groups for name in group.names))
        staging = Staging(job, table, connection, extras)
        for at, group in enumerate(groups):
            _add(staging, form, group, f"rejects_{at}")
        entries = _entries(staging, files)
        check_unchanged(job, table, files)
        first = {
            name: min(file.item for group in groups if origin in group.names for file in group.files)
            for origin, name in extras.items()
        }
        return write(staging, entries, first)


def _add(staging: Staging, form: Format, group: Group, rejects: str) -> None:
    """Stage a group of files; if DuckDB gives up, one by one, to say which file it is."""
    import duckdb

    failed = False
    try:
        staging.add(form.reading(staging.table, group, rejects), [group.paths()])
    except (duckdb.InvalidInputException, duckdb.ConversionException):
        failed = True
    if not failed:
        _set_aside(staging, rejects)
    elif len(group.files) == 1:
        raise broken(
            staging.table, group.files[0].item, "it can't be read: broken quotes, or mixed line ends"
        )
    else:
        for at, file in enumerate(group.files):
            _add(staging, form, group._replace(files=(file,)), f"{rejects}_{at}")


REFUSED = {  # answer → which rejected lines mean that the file is not what it should be
    "it is not UTF-8": "problem = 'INVALID ENCODING'",
    "holds a quote that never closes": "problem = 'UNQUOTED VALUE' and contains(text, chr(10))",
    "is longer than 2 MB": "problem = 'LINE SIZE OVER MAXIMUM'",
}


def _set_aside(staging: Staging, rejects: str) -> None:
    """Quarantine the lines that have no row in them; refuse files that are not what they should be."""
    if not staging.rows("select 1 from duckdb_tables() where table_name = ?", (rejects,)):
        return
    staging.rows(
        "create or replace temp table set_aside as select l.item, r.line, any_value(r.csv_line) as text,"
        f" min(r.error_type::varchar) as problem from {rejects} r"
        f" join {rejects}_scans s using (scan_id, file_id)"
        " join links l on l.path = s.file_path group by all"
    )
    for answer, where in REFUSED.items():
        for item, line in staging.rows(
            f"select item, line from set_aside where {where} order by all limit 1"
        ):
            raise broken(staging.table, item, f"line {line}: {answer}")
    staging.rows(
        "insert into staged (_item, _row, _reason) select item, text, 'the row: ' || case problem"
        " when 'MISSING COLUMNS' then 'fewer fields than the header'"
        " when 'TOO MANY COLUMNS' then 'more fields than the header' else 'broken quotes' end from set_aside"
    )


def _entries(staging: Staging, files: Sequence[File]) -> list[LedgerEntry]:
    """The files' ledger lines; each must have brought something, and mostly good rows."""
    counts = dict(staging.rows("select _item, count(*) from staged group by 1"))
    for file in files:
        if not counts.get(file.item):
            raise broken(staging.table, file.item, "it has no rows, at most a header")
    staging.check_types("its files")
    return [entry_of(staging, file.item, file.fingerprint, file.size) for file in files]
