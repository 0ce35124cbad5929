"""The kind `files`: what is new or has changed under a folder or any fsspec URL.

dlt lists and opens the files, DuckDB reads them, many in one call; passing the rows through a dlt pipeline as
well doubled the time of a million rows. Not here: the formats.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from typing import Any

from blocks.errors import Busy, Misconfigured, NotFound, Unavailable
from blocks.loader.contract import extra_columns
from blocks.loader.formats import FORMATS, File, Group, broken
from blocks.loader.job import Job, mode, setting
from blocks.loader.staging import Staged, Staging, staging_database
from blocks.records import LedgerEntry, SourceTable


def load_files(job: Job, tables: Sequence[SourceTable]) -> Iterator[Staged | None]:
    """A batch a table of the files that are new or have changed; None if there are none."""
    for table in tables:
        found = list(_found(job, table))
        known = {item: entry.fingerprint for item, entry in job.entries(table).items()}
        fresh = [item for item in found if known.get(_item(item)) != _fingerprint(item)]
        if fresh and mode(table) == "replace":
            fresh = found
        yield _load(job, table, fresh) if fresh else None


def open_location(job_location: str, options: dict[str, Any]) -> tuple[Any, str]:
    """The fsspec file system of a location, and the path in it."""
    import fsspec

    if any(sign in job_location for sign in "*?["):
        raise Misconfigured(
            "list files", "the location holds *, ? or [", "Move the files to a plainly named folder."
        )
    try:
        system, path = fsspec.core.url_to_fs(job_location, **options)
        there = system.exists(path)
    except (ImportError, ValueError) as error:
        raise Misconfigured("open the location", str(error), "Correct the loader's locations.") from None
    except Exception as error:
        raise Unavailable("open the location", type(error).__name__, "Is it reachable?") from None
    if not there:
        raise NotFound("open the location", "there is no such folder", "Correct the loader's locations.")
    return system, path


def check_files(location: str, options: dict[str, Any]) -> str:
    """One line about a location."""
    system, path = open_location(location, options)
    return f"{len(system.ls(path, detail=False))} entries"


def _found(job: Job, table: SourceTable) -> list[Any]:
    from dlt.sources.filesystem import filesystem

    system, _ = open_location(job.location, dict(job.credential))
    pattern = setting(table, "path")
    found = list(filesystem(job.location, credentials=system, file_glob=pattern))
    if not found:
        raise NotFound(
            f"load {table.full_name}", f"no file matches {pattern}", "Is the location right, and filled?"
        )
    return sorted(found, key=_item)


def _item(found: Any) -> str:
    return str(found["relative_path"])


def _fingerprint(found: Any) -> str:
    return f"{found.get('size_in_bytes', 0)}-{found['modification_date'].timestamp()}"


def _load(job: Job, table: SourceTable, found: Sequence[Any]) -> Staged:
    form = FORMATS.get(str(table.meta.get("format", "csv")))
    if form is None:
        raise Misconfigured(
            f"load {table.full_name}", "its format is not known", f"Use {', '.join(FORMATS)}."
        )
    files = [_fetched(job, table, at, item) for at, item in enumerate(found)]
    with staging_database(job) as connection:
        connection.execute("create or replace temp table links (path varchar, item varchar)")
        connection.execute(
            "insert into links select unnest(?), unnest(?)",
            [[str(f.path) for f in files], [f.item for f in files]],
        )
        groups = form.groups(connection, table, files)
        names = extra_columns(table, dict.fromkeys(name for group in groups for name in group.names))
        staging = Staging(job, table, connection, list(names.values()))
        for at, group in enumerate(groups):
            _add(staging, group, names, f"rejects_{at}")
        entries = _entries(job, staging, files)
        _unchanged(job, table, found)
        since = {
            name: next(g.files[0].item for g in groups if origin in g.names) for origin, name in names.items()
        }
        return staging.staged(entries, since)


def _fetched(job: Job, table: SourceTable, at: int, found: Any) -> File:
    """Link a local file, fetch a remote one, under a number."""
    path = job.folder / f"{table.name}-{at:06}.part"
    job.deadline.left()
    local = found["file_url"].startswith("file:")
    if local:
        path.symlink_to(found.local_file_path)
    else:
        with found.open(mode="rb") as content, path.open("wb") as target:
            shutil.copyfileobj(content, target, 1 << 20)
    size = path.stat().st_size
    if size == 0:
        raise broken(table, _item(found), "it is empty (0 bytes)")
    return File(_item(found), path, size, _fingerprint(found))


def _add(staging: Staging, group: Group, names: dict[str, str], rejects: str) -> None:
    """Stage a group of files; if DuckDB gives up, one by one, to say which file it is."""
    import duckdb

    form = FORMATS[str(staging.table.meta.get("format", "csv"))]
    reading = form.reading(staging.table, group, rejects)
    try:
        staging.add(reading, names, [group.paths()])
    except (duckdb.InterruptException, duckdb.OutOfMemoryException):
        raise
    except duckdb.Error:
        failed = True
    else:
        failed = False
    if failed and len(group.files) == 1:
        raise broken(
            staging.table, group.files[0].item, "it can't be read: broken quotes, or mixed line ends"
        )
    if failed:
        for at, file in enumerate(group.files):
            _add(staging, Group(group.names, (file,)), names, f"{rejects}_{at}")
    else:
        _set_aside(staging, rejects)


def _set_aside(staging: Staging, rejects: str) -> None:
    """Quarantine the lines that have no row in them; refuse files that are not what they should be."""
    if not staging.rows("select 1 from duckdb_tables() where table_name = ?", (rejects,)):
        return
    lines = (
        f"(select l.item, r.line, any_value(r.csv_line) as text, min(r.error_type::varchar) as problem from {rejects} r"
        f" join {rejects}_scans s using (scan_id, file_id) join links l on l.path = s.file_path group by all)"
    )
    unreadable = {
        "it is not UTF-8": "problem = 'INVALID ENCODING'",
        "holds a quote that never closes": "problem = 'UNQUOTED VALUE' and contains(text, chr(10))",
        "is longer than 2 MB": "problem = 'LINE SIZE OVER MAXIMUM'",
    }
    for answer, where in unreadable.items():
        for item, line in staging.rows(f"select item, line from {lines} where {where} order by all limit 1"):
            raise broken(staging.table, item, f"line {line}: {answer}")
    few = "case problem when 'MISSING COLUMNS' then 'fewer fields than the header' when 'TOO MANY COLUMNS'"
    words = f"{few} then 'more fields than the header' else 'broken quotes' end"
    staging.rows(
        f"insert into staged (_item, _row, _reason) select item, text, 'the row: ' || {words} from {lines}"
    )


def _entries(job: Job, staging: Staging, files: Sequence[File]) -> list[LedgerEntry]:
    counts = dict(staging.rows("select _item, count(*) from staged group by 1"))
    for file in files:
        if not counts.get(file.item):
            raise broken(staging.table, file.item, "it has no rows")
    staging.check_types()
    return [staging.entry(file.item, file.fingerprint, bytes=file.size) for file in files]


def _unchanged(job: Job, table: SourceTable, found: Sequence[Any]) -> None:
    """A file that was written to while it was read is read again next time."""
    now = {_item(item): _fingerprint(item) for item in _found(job, table)}
    for item in found:
        if now.get(_item(item)) != _fingerprint(item):
            raise Busy(
                f"load {table.full_name} from {_item(item)}", "it changed while it was read", "Try again."
            )
