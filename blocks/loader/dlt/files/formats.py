"""What the file formats share: a file, files with the same columns, and how DuckDB reads lines.

Files are linked under numbers, so that no name of the source is in any SQL; the table `links` of the staging
database says which is which. Not here: the formats themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from unicodedata import normalize

from blocks.errors import ContractBroken, Misconfigured
from blocks.loader.dlt.contract import TextRelation, check_columns
from blocks.records import SourceTable

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def build_item_join(path: str) -> str:
    """Build the SQL that joins a relation to its files' items. path: its column of the file."""
    return f"c join links l on l.path = c.{path}"


AROUND_NAME = re.compile("^[\\s\u00ad\u200b-\u200f\u2060\ufeff]+|[\\s\u00ad\u200b-\u200f\u2060\ufeff]+$")
WITH_ITEM = build_item_join("_path")


class SourceFile(NamedTuple):
    """A file to load. item: its path relative to the location. path: its link in the working folder.

    member: the name of what was an archive's, if item is one; size and fingerprint are of the archive then.
    """

    item: str
    path: Path
    size: int
    fingerprint: str
    member: str = ""

    @property
    def label(self) -> str:
        """What errors call it."""
        return f"{self.item}: {self.member}" if self.member else self.item


class FileGroup(NamedTuple):
    """Files with the same columns. types: of these, as DuckDB calls them, where the format has types.

    JSON: shape, how a file holds its records; odd_numbers, whether some need to become texts; repeated, whether some
    have a name twice; broken, whether some may be no object; by_file, the names of each file. CSV: delimiter; skip,
    how many lines stand before the header.
    """

    names: tuple[str, ...]
    files: tuple[SourceFile, ...]
    types: tuple[str, ...] = ()
    shape: str = ""
    odd_numbers: bool = False
    repeated: bool = False
    broken: bool = True
    by_file: tuple[tuple[str, ...], ...] = ()
    delimiter: str = ","
    skip: int = 0

    def get_names(self) -> tuple[tuple[str, ...], ...]:
        """Return which names are together in a file."""
        return self.by_file or (self.names,)

    def get_paths(self) -> list[str]:
        """Return the links, as DuckDB's parameter."""
        return [str(file.path) for file in self.files]


class FileFormat(NamedTuple):
    """group_files: checks each file's columns. build_relation: takes a group and a name for its rejected lines.

    is_text: the files are texts in some encoding. quoted: whether line ends between quotes are a value's.
    """

    group_files: Callable[[DuckDBPyConnection, SourceTable, Sequence[SourceFile]], list[FileGroup]]
    build_relation: Callable[[SourceTable, FileGroup, str], TextRelation]
    is_text: bool = True
    quoted: bool = False


def build_file_error(
    table: SourceTable, item: str, answer: str, remedy: str = "Have the source write it again."
) -> ContractBroken:
    """Build the error for a file that can't be loaded."""
    return ContractBroken(f"load {table.full_name} from {item}", answer, remedy)


def split_numbers(name: str) -> list[str | int]:
    """Split a name into texts and numbers, in turns: what files are sorted by."""
    return [int(part) if at % 2 else part for at, part in enumerate(re.split(r"([0-9]+)", name))]


def get_count(table: SourceTable, name: str) -> int:
    """Return a setting that is a number of lines, 0 if it is not there. Raises Misconfigured for anything else."""
    value: object = table.meta.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Misconfigured(
            f"load {table.full_name}", f"its {name} is no number of lines", "Correct its meta."
        )
    return value


def strip_name(name: str) -> str:
    """A column's name without blanks and signs that nobody sees around it, its accents in one way."""
    return normalize("NFC", AROUND_NAME.sub("", name))


def name_blank(names: Sequence[str]) -> tuple[str, ...]:
    """Name the columns whose header is empty by their number, as those behind a sheet's last one."""
    return tuple(name or f"column {at + 1}" for at, name in enumerate(names))


def check_names(table: SourceTable, file: SourceFile, names: Sequence[str]) -> None:
    """Raise ContractBroken for two columns of one name, whatever their case."""
    lower = [name.lower() for name in names]
    if twice := sorted({name for name in names if lower.count(name.lower()) > 1}):
        raise build_file_error(table, file.label, f"column {', '.join(twice)} is there more than once")


def group_by_columns(
    table: SourceTable, found: Sequence[tuple[SourceFile, tuple[str, ...]]]
) -> list[FileGroup]:
    """Group files by their columns. Raises ContractBroken if one lacks a declared column."""
    groups: dict[tuple[str, ...], list[SourceFile]] = {}
    for file, names in found:
        check_columns(table, names, file.label)
        groups.setdefault(names, []).append(file)
    return [FileGroup(names, tuple(files)) for names, files in groups.items()]


def check_final_newline(table: SourceTable, files: Sequence[SourceFile]) -> None:
    """Raise ContractBroken for a file whose last line does not end, if the source promises that it does."""
    for file in files if table.meta.get("final_newline") else ():
        with file.path.open("rb") as content:
            content.seek(-1, 2)
            if content.read(1) not in (b"\n", b"\r"):
                raise build_file_error(table, file.label, "it is cut off: its last line does not end")


def build_lines_relation(columns: Sequence[str], options: str, rejects: str) -> str:
    """Build the relation of lines as texts, with `item` and its `number`; those that don't fit go to `rejects`."""
    struct = ", ".join(f"'{column}': 'varchar'" for column in columns)
    return (
        f"(select c.*, l.item, l.number from read_csv(?, auto_detect = false, {options}, columns = {{{struct}}},"
        f" filename = '_path', store_rejects = true, rejects_table = '{rejects}',"
        f" rejects_scan = '{rejects}_scans', rejects_limit = 0) {WITH_ITEM})"
    )
