"""Excel workbooks (.xlsx, .xlsm): one sheet, read by openpyxl row by row, its cells written as texts to Parquet.

A cell's value counts, not how it is shown: hidden rows and columns are read, merged cells have their value in the
first one. Formulas have the value that was saved with them. Errors, and formulas without a value, are bad rows.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, time, timedelta
from itertools import chain, islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from blocks.errors import Misconfigured, PlatformError
from blocks.loader.dlt.contract import TextRelation, find_missing, raise_missing
from blocks.loader.dlt.files.archives import check_unpacked_size, is_workbook
from blocks.loader.dlt.files.formats import (
    WITH_ITEM,
    FileFormat,
    FileGroup,
    SourceFile,
    build_file_error,
    check_names,
    get_count,
    group_by_columns,
    name_blank,
    strip_name,
)
from blocks.loader.dlt.table_config import require_extra
from blocks.loader.dlt.values import describe_type, is_spelled, write_hours
from blocks.records import SourceTable

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from openpyxl import Workbook
    from openpyxl.cell.read_only import ReadOnlyCell
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

FORMULA = re.compile(rb"<(?:\w+:)?f[ >/]")
LARGEST_TEXTS = 512 << 20  # bytes of a workbook's shared texts, which are kept in memory
LONGEST_EXACT = 10**15  # whole numbers up to here are written without a decimal point
ZEROS = re.compile(r"0{2,}")  # a number format that only adds zeros in front
BATCH = 10_000  # rows
LOOKED_AT = 30  # rows in which a header is looked for, for the error's words
PROBLEM, KIND = "problem", "k"
NUMBER, TIME = "number", "time"


class Cells(NamedTuple):
    """How a sheet's cells are read. names: of all columns. texts: the places of columns that are text.

    spelled: the places of those whose texts are written in another way than ours, numbers and dates are not.
    """

    names: tuple[str, ...]
    texts: frozenset[int]
    spelled: tuple[int, ...]


def _group_files(
    connection: DuckDBPyConnection, table: SourceTable, files: Sequence[SourceFile]
) -> list[FileGroup]:
    found = []
    for file in files:
        written = file._replace(path=file.path.with_name(f"{file.path.name}.parquet"))
        names = _write_sheet(table, file, written.path)
        connection.execute("update links set path = ? where path = ?", [str(written.path), str(file.path)])
        found.append((written, names))
    return group_by_columns(table, found)


def _write_sheet(table: SourceTable, file: SourceFile, target: Path) -> tuple[str, ...]:
    """Write a workbook's sheet as texts; return its columns. Raises ContractBroken for what is no workbook."""
    require_extra(table, "openpyxl", "files")
    if not is_workbook(file.path):
        raise build_file_error(table, file.label, "it is no Excel workbook (.xlsx), or cut off")
    warnings.filterwarnings("ignore", module="openpyxl")  # on styles and extensions, which are not read
    problem = ""
    try:
        return _copy_cells(table, file, target, _check_parts(table, file))
    except PlatformError:
        raise
    except Exception as error:  # a broken workbook fails in many ways
        problem = f"it can't be read as an Excel workbook ({type(error).__name__})"
    raise build_file_error(table, file.label, problem)


def _check_parts(table: SourceTable, file: SourceFile) -> bool:
    """Check what a workbook unpacks to; return whether there is a formula in it."""
    with zipfile.ZipFile(file.path) as archive:
        parts = archive.infolist()
        check_unpacked_size(
            table, file.label, file.path.stat().st_size, sum(part.file_size for part in parts)
        )
        texts = sum(part.file_size for part in parts if part.filename.lower().endswith("sharedstrings.xml"))
        if texts > LARGEST_TEXTS:
            raise build_file_error(table, file.label, f"its texts take more than {LARGEST_TEXTS >> 20} MB")
        return any(
            _has_formula(archive, part) for part in parts if part.filename.startswith("xl/worksheets/")
        )


def _has_formula(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    with archive.open(part) as content:
        before = b""
        while chunk := content.read(1 << 20):
            if FORMULA.search(before + chunk):
                return True
            before = chunk[-32:]
    return False


def _copy_cells(table: SourceTable, file: SourceFile, target: Path, formulas: bool) -> tuple[str, ...]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with ExitStack() as stack:
        rows = stack.enter_context(_open_rows(table, file, values=True))
        beside: Iterator[Sequence[ReadOnlyCell]] = repeat(())
        if formulas:
            beside = stack.enter_context(_open_rows(table, file, values=False))
        skipped = get_count(table, "skip_lines")
        pairs = islice(zip(rows, beside, strict=False), skipped, None)
        first = list(islice(pairs, LOOKED_AT))
        cells = _read_header(table, file, [row for row, _ in first], skipped)
        kinds = [f"{KIND}{at}" for at in cells.spelled]
        names = [*(f"c{at}" for at in range(len(cells.names))), PROBLEM, *kinds]
        schema = pa.schema([(name, pa.string()) for name in names])
        read = (_read_row(cells, *pair) for pair in chain(first[1:], pairs))
        filled = (row for row in read if any(value is not None for value in row))
        with pq.ParquetWriter(target, schema) as writer:
            while batch := list(islice(filled, BATCH)):
                columns = [pa.array(column, pa.string()) for column in zip(*batch, strict=True)]
                writer.write_table(pa.Table.from_arrays(columns, schema=schema))
    return cells.names


@contextmanager
def _open_rows(
    table: SourceTable, file: SourceFile, values: bool
) -> Iterator[Iterator[Sequence[ReadOnlyCell]]]:
    """Open the rows of a workbook's sheet. values: of formulas as well, else these themselves."""
    import openpyxl

    with file.path.open("rb") as content:  # its name has no ending, which openpyxl would look at
        workbook = openpyxl.load_workbook(content, read_only=True, data_only=values)
        try:
            sheet = _choose_sheet(table, file, workbook)
            sheet.reset_dimensions()  # some programs write wrong ones, and columns would be lost
            yield sheet.iter_rows()
        finally:
            workbook.close()


def _choose_sheet(table: SourceTable, file: SourceFile, workbook: Workbook) -> ReadOnlyWorksheet:
    """Return the sheet that the table names, or the only one that is shown. Raises where there are several."""
    wanted, sheets = table.meta.get("sheet"), workbook.worksheets
    if isinstance(wanted, bool) or not isinstance(wanted, int | str | None):
        raise Misconfigured(f"load {table.full_name}", "its sheet is no name or number", "Correct its meta.")
    if isinstance(wanted, int):
        found = sheets[wanted - 1 : wanted] if wanted > 0 else []
    elif wanted:
        found = [one for one in sheets if one.title.strip().lower() == wanted.strip().lower()]
        if not found and wanted.strip().isdigit() and int(wanted) > 0:
            found = sheets[int(wanted) - 1 : int(wanted)]
    else:
        found = [one for one in sheets if one.sheet_state == "visible"]
    if len(found) == 1:
        return found[0]
    names = ", ".join(one.title for one in sheets[:20])
    answer = f"there is no sheet {wanted} among: {names}" if wanted else f"declare `sheet`, one of: {names}"
    raise build_file_error(table, file.label, answer)


def _read_header(
    table: SourceTable, file: SourceFile, rows: Sequence[Sequence[ReadOnlyCell]], skipped: int
) -> Cells:
    """Read the header, the first of a sheet's first rows. skipped: how many are above it."""
    names = _read_names(rows[0]) if rows else ()
    if missing := find_missing(table, names):
        for at, row in enumerate(rows[1:], skipped + 1):
            if not find_missing(table, _read_names(row)):
                found, remedy = f"row {at + 1} has them", f"Declare `skip_lines: {at}`."
                raise_missing(table, file.label, missing, found, remedy)
    if not names:
        raise build_file_error(table, file.label, "the row of its header is empty: declare `skip_lines`")
    check_names(table, file, names)
    declared = {column.origin: column for column in table.columns}
    columns = [declared.get(name) for name in names]
    return Cells(
        names,
        frozenset(at for at, one in enumerate(columns) if one is None or describe_type(one) is None),
        tuple(at for at, one in enumerate(columns) if one is not None and is_spelled(one)),
    )


def _read_names(row: Sequence[ReadOnlyCell]) -> tuple[str, ...]:
    """Return the names in a row, up to the last one."""
    texts = [strip_name(str(cell.value)) if cell.value is not None else "" for cell in row]
    while texts and not texts[-1]:
        texts.pop()
    return name_blank(texts)


def _read_row(
    cells: Cells, row: Sequence[ReadOnlyCell], formulas: Sequence[ReadOnlyCell]
) -> list[str | None]:
    """Return a row's texts, what is wrong with it, and what the cells are of columns that are spelled."""
    texts: list[str | None] = [None] * len(cells.names)
    problem = None
    for at, cell in enumerate(row):
        value, kind = cell.value, cell.data_type
        if at >= len(texts):
            problem = "the row: more fields than the header" if value is not None else problem
        elif kind == "e":
            problem = f"{cells.names[at]}: an error of Excel"
            texts[at] = str(value)
        elif value is None:
            if kind != "str" and at < len(formulas) and formulas[at].data_type == "f":
                problem = f"{cells.names[at]}: a formula without a saved value"
        else:
            texts[at] = _write_text(cell, at in cells.texts)
    return [*texts, problem, *(_name_kind(row[at].value) if at < len(row) else None for at in cells.spelled)]


def _name_kind(value: object) -> str | None:
    """Say which cells no one wrote as a text."""
    if isinstance(value, date):
        return TIME
    return NUMBER if isinstance(value, int | float) else None


def _write_text(cell: ReadOnlyCell, is_text: bool) -> str | None:
    """Write a cell's value. is_text: its column is text."""
    value = cell.value
    if isinstance(value, str):
        return _unescape(value) or None
    if isinstance(value, datetime | date):
        return _write_time(value)
    if isinstance(value, timedelta):
        return write_hours(value)
    if isinstance(value, int | float):
        return _write_number(value, str(cell.number_format) if is_text else "")
    return value.isoformat() if isinstance(value, time) else str(value)


def _write_number(value: bool | int | float, shown: str) -> str:
    """Write a number with all its digits. shown: its number format, which may add zeros in front of a text's."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < LONGEST_EXACT:
        value = int(value)
    return f"{value:0{len(shown)}}" if isinstance(value, int) and ZEROS.fullmatch(shown) else repr(value)


def _unescape(text: str) -> str:
    from openpyxl.utils.escape import unescape

    return str(unescape(text)) if "_x" in text else text


def _write_time(value: date) -> str:
    """Write a date as a day, with the time if there is one."""
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()


def _build_relation(table: SourceTable, group: FileGroup, rejects: str) -> TextRelation:
    texts = {name: f"c.c{at}" for at, name in enumerate(group.names)}
    return TextRelation(
        f"read_parquet(?, filename = '_path') {WITH_ITEM}",
        texts,
        "l.item",
        "l.number",
        problem=f"c.{PROBLEM}",
        numbers=_find_cells(table, group, NUMBER),
        times=_find_cells(table, group, TIME),
    )


def _find_cells(table: SourceTable, group: FileGroup, kind: str) -> dict[str, str]:
    """Build the SQL that is true for cells of a kind, in the columns whose texts are spelled."""
    spelled = {column.origin for column in table.columns if is_spelled(column)}
    return {
        name: f"coalesce(c.{KIND}{at} = '{kind}', false)"
        for at, name in enumerate(group.names)
        if name in spelled
    }


EXCEL = FileFormat(_group_files, _build_relation, is_text=False)
