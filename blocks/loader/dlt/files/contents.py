"""What is in the files that were fetched: opened, told apart by number, and whether there is anything in them.

A file without rows is right where others have some, by the table's `empty_files`; what had rows before is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from blocks.errors import Misconfigured
from blocks.loader.dlt.files.archives import is_workbook, unpack_files
from blocks.loader.dlt.files.encodings import decode_files
from blocks.loader.dlt.files.formats import FileFormat, SourceFile, build_file_error
from blocks.loader.dlt.files.line_ends import unify_line_ends
from blocks.loader.dlt.load_context import LoadContext
from blocks.loader.dlt.staging import Staging
from blocks.records import SourceTable

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

EMPTY_FILES = ("beside_others", "accept", "refuse")
NO_ROWS = "it has no rows, at most a header"


def open_files(
    context: LoadContext, table: SourceTable, form: FileFormat, fetched: Sequence[SourceFile]
) -> list[SourceFile]:
    """Unpack archives, and write texts in other encodings as UTF-8, and those of several line ends with one."""
    files = unpack_files(context, table, fetched)
    if not form.is_text:
        return files
    for file in files:
        if is_workbook(file.path):
            raise build_file_error(table, file.label, "it is an Excel workbook: declare `format: xlsx`")
    decoded = decode_files(context, table, files)
    for file in decoded:
        unify_line_ends(context, file, form.quoted)
    return decoded


def create_links(connection: DuckDBPyConnection, files: Sequence[SourceFile]) -> None:
    """Write which link is which file."""
    connection.execute(
        "create or replace temp table links (path varchar, item varchar, number bigint, label varchar)"
    )
    parts = [[str(file.path) for file in files], [file.item for file in files], list(range(len(files)))]
    labels = [file.label for file in files]
    connection.execute(
        "insert into links select unnest(?), unnest(?), unnest(?), unnest(?)", [*parts, labels]
    )


def drop_empty(table: SourceTable, files: Sequence[SourceFile]) -> list[SourceFile]:
    """Leave out files of 0 bytes. Raises ContractBroken for one, unless the table accepts them."""
    accepted = get_empty_files(table) == "accept"
    for file in files:
        if not accepted and file.path.stat().st_size == 0:
            raise build_file_error(table, file.label, "it is empty (0 bytes)")
    return [file for file in files if file.path.stat().st_size]


def get_empty_files(table: SourceTable) -> str:
    """Return what to do with files without rows."""
    chosen = str(table.meta.get("empty_files", EMPTY_FILES[0]))
    if chosen not in EMPTY_FILES:
        raise Misconfigured(
            f"load {table.full_name}", f"empty_files `{chosen}` is unknown", f"Use {', '.join(EMPTY_FILES)}."
        )
    return chosen


def check_rows(staging: Staging, files: Sequence[SourceFile]) -> tuple[str, ...]:
    """Note files without rows. Raises ContractBroken for one where they are not accepted.

    Other files' rows count, of this load or of one before: the result is the same whether files come together or not.
    """
    table, chosen = staging.table, get_empty_files(staging.table)
    filled = {number for (number,) in staging.execute("select distinct _order from staged")}
    empty = [file for at, file in enumerate(files) if at not in filled]
    if not empty or chosen == "accept":
        return _note_empty(empty)
    before = {
        item for item, entry in staging.context.get_entries(table).items() if entry.rows + entry.quarantined
    }
    others = filled or before - {file.item for file in files}
    for file in empty:
        if chosen == "refuse" or not others:
            raise build_file_error(table, file.label, NO_ROWS)
        if file.item in before and not file.member:
            raise build_file_error(table, file.label, f"{NO_ROWS}; it had some before")
    return _note_empty(empty)


def _note_empty(empty: Sequence[SourceFile]) -> tuple[str, ...]:
    if not empty:
        return ()
    names = ", ".join(file.label for file in empty[:5])
    more = f" and {len(empty) - 5} more" if len(empty) > 5 else ""
    return (f"no rows in {len(empty)} file{'s' if len(empty) > 1 else ''}: {names}{more}",)
