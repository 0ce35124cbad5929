"""What the file formats share: a file, files of the same columns, and DuckDB's reading of lines.

Files come linked under numbers, so that no name of the source is in any SQL; the table `links` of the
staging database says which is which. Not here: the formats themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from blocks.errors import ContractBroken
from blocks.loader.dlt.contract import Reading, check_columns
from blocks.records import SourceTable

LINKED = "c join links l on l.path = c._path"


class File(NamedTuple):
    """A file to load. item: its path relative to the location. path: its link in the working folder."""

    item: str
    path: Path
    size: int
    fingerprint: str


class Group(NamedTuple):
    """Files with the same columns."""

    names: tuple[str, ...]
    files: tuple[File, ...]

    def paths(self) -> list[str]:
        """The links, as DuckDB's parameter."""
        return [str(file.path) for file in self.files]


class Format(NamedTuple):
    """groups: checks each file's columns. reading: what DuckDB reads of a group, and its table of rejects."""

    groups: Callable[[Any, SourceTable, Sequence[File]], list[Group]]
    reading: Callable[[SourceTable, Group, str], Reading]


def broken(table: SourceTable, item: str, answer: str) -> ContractBroken:
    """The error for a file that can't be loaded."""
    return ContractBroken(f"load {table.full_name} from {item}", answer, "Have the source write it again.")


def grouped(table: SourceTable, found: Sequence[tuple[File, tuple[str, ...]]]) -> list[Group]:
    """Files by their columns, each checked for the declared ones."""
    groups: dict[tuple[str, ...], list[File]] = {}
    for file, names in found:
        check_columns(table, names, file.item)
        groups.setdefault(names, []).append(file)
    return [Group(names, tuple(files)) for names, files in groups.items()]


def check_end(table: SourceTable, files: Sequence[File]) -> None:
    """Raise ContractBroken for a file whose last line does not end, if the source promises that it does."""
    for file in files if table.meta.get("final_newline") else ():
        with file.path.open("rb") as content:
            content.seek(-1, 2)
            if content.read(1) not in (b"\n", b"\r"):
                raise broken(table, file.item, "it is cut off: its last line does not end")


def lines(columns: Sequence[str], options: str, rejects: str) -> str:
    """A relation of the files' lines as texts, with `item`; lines that don't fit go to table `rejects`."""
    struct = ", ".join(f"'{column}': 'varchar'" for column in columns)
    return (
        f"(select c.*, l.item from read_csv(?, auto_detect = false, {options}, columns = {{{struct}}},"
        f" filename = '_path', store_rejects = true, rejects_table = '{rejects}',"
        f" rejects_scan = '{rejects}_scans', rejects_limit = 0) {LINKED})"
    )
