"""A source table's contract as SQL: required values, new columns, why a row is bad. No data is touched here.

Whatever the source, a value arrives as text; how it gets its declared type is in values.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NoReturn

from blocks.errors import ContractBroken
from blocks.hashing import hash_text
from blocks.loader.dlt.table_config import get_key
from blocks.loader.dlt.values import DUCKDB, build_complaint, describe_type, is_spelled, is_time
from blocks.records import Column, SourceTable
from blocks.sql import write_literal

SHOWN, LONGEST_NAME = 12, 40  # of columns in an error
NO_OBJECT = "the row: not a JSON object"
"""What is wrong with a record that is none."""
MISSPELLED = "is there in another spelling"
"""What is wrong with a record that has a declared name, which stands before, in other capitals only."""
RESERVED = ("_item", "_loaded_at", "_row", "_reason", "_cursor", "_order")


@dataclass(frozen=True)
class TextRelation:
    """What DuckDB reads rows from. relation: a FROM clause whose columns are texts.

    texts: name at the source → SQL of its value as text. item: SQL of the row's item, order: of its number, in the
    order in which they came. row: SQL of the row
    as a whole, if it is more than its values. problem: SQL of why a row can't be read at all, NULL if it can.
    numbers, times: name at the source → SQL that is true where the value came as a number, or as a date or time, and
    not as somebody wrote it. typed: name at the source → SQL of a value that needs no text, and its DuckDB type.
    """

    relation: str
    texts: Mapping[str, str]
    item: str = "null"
    order: str = "0"
    row: str = "null"
    problem: str = "null"
    numbers: Mapping[str, str] = field(default_factory=dict)
    times: Mapping[str, str] = field(default_factory=dict)
    typed: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def find_native(self, column: Column) -> str | None:
        """Return the SQL that is true where a column's value came as what it is, if its texts are written otherwise."""
        if not is_spelled(column):
            return None
        return (self.times if is_time(column) else self.numbers).get(column.origin)


def build_rejection_reason(table: SourceTable, problem: str = "p") -> str:
    """Build the SQL of why a row is rejected, NULL if it is good. Texts are s0, s1, ..., typed values t0, t1, ...

    Reasons name the column and never hold the value: they end up in reports.
    """
    needed = set(get_key(table)) if table.meta.get("load") == "merge" else set()
    broken, words = [f"{problem} is not null"], [problem]
    for at, column in enumerate(table.columns):
        if describe_type(column):
            broken.append(f"(s{at} is not null and t{at} is null)")
            words.append(f"case when {broken[-1]} then {build_complaint(column, f's{at}')} end")
        if column.required or column.name in needed:
            broken.append(f"s{at} is null")
            words.append(
                f"case when s{at} is null then {write_literal(f'{column.name}: missing', DUCKDB)} end"
            )
    return f"case when {' or '.join(broken)} then concat_ws('; ', {', '.join(words)}) end"


def check_columns(table: SourceTable, names: Sequence[str], label: str, optional: bool = False) -> None:
    """Raise ContractBroken if the source no longer has a declared column; the error shows those it has.

    optional: a column that is not required may be absent, as a JSON record leaves out a key without a value; that all
    are absent means that the records are somewhere else.
    """
    optional = optional and any(column.origin in names for column in table.columns)
    if missing := find_missing(table, names, optional):
        raise_missing(table, label, missing, f"its columns are {describe_names(names)}")


def find_missing(table: SourceTable, names: Iterable[str], optional: bool = False) -> list[str]:
    """Return the declared columns that are not among the names, as the source calls them."""
    found, needed = set(names), set(get_key(table))
    return [
        column.origin
        for column in table.columns
        if column.origin not in found and (not optional or column.required or column.name in needed)
    ]


def find_misspelled(table: SourceTable, names: Iterable[str]) -> dict[str, str]:
    """Return the names that are none declared but for case and blanks around: name → the declared one."""
    declared = {_fold(column.origin): column.origin for column in table.columns}
    known = set(declared.values())
    return {name: declared[_fold(name)] for name in names if name not in known and _fold(name) in declared}


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip().casefold()


def raise_missing(
    table: SourceTable, label: str, missing: Sequence[str], found: str, remedy: str = ""
) -> NoReturn:
    """Raise ContractBroken for columns that are not there. found: what is there instead, in words."""
    raise ContractBroken(
        f"load {table.full_name} from {label}",
        f"column {', '.join(missing)} is missing; {found}",
        remedy or "Have the source bring it back, or take it out of the dbt source and of what reads it.",
        table.full_name,
        [column.name for column in table.columns if column.origin in missing],
    )


def describe_names(names: Iterable[str]) -> str:
    """Write columns' names for an error: the first ones, each cut to a bearable length."""
    listed = list(names)
    words = ", ".join(
        name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…" for name in listed[:SHOWN]
    )
    return words + (f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else "")


def name_extra_columns(table: SourceTable, *files: Collection[str]) -> dict[str, str]:
    """Name the columns that are not declared: name at the source → snake_case name in RAW.

    files: the names of each file. Names that are in different files and alike but for signs and case are one column, as
    they are when these files come one a run; names in one file are several, and get numbers, by their spelling and not
    by their place: columns that change places stay what they are.
    """
    declared = {column.origin for column in table.columns}
    reserved = {column.name.lower() for column in table.columns} | set(RESERVED)
    extras: dict[str, str] = {}
    found = [name for name in dict.fromkeys(chain(*files)) if name not in declared]
    for at, origin in sorted(enumerate(found), key=lambda pair: pair[1]):
        beside = {name for names in files if origin in names for name in names}
        taken = reserved | {extras[name] for name in beside if name in extras}
        plain = _write_plain(origin) or f"column_{at + 1}"
        name, number = plain, 2
        while name in taken:
            name, number = f"{plain}_{number}", number + 1
        extras[origin] = name
    return {origin: extras[origin] for origin in found}


def _write_plain(origin: str) -> str:
    """A name in snake_case and ASCII. Letters that have no ASCII leave a hash of the name; empty where it has none."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", origin).casefold()
    signs = "".join(sign for sign in unicodedata.normalize("NFKD", words) if not unicodedata.combining(sign))
    plain = re.sub(r"[^a-z0-9_]+", "_", signs).strip("_")[:60]
    if any(sign.isalnum() and not sign.isascii() for sign in signs):
        return f"{plain[:50] or 'column'}_{hash_text(signs)[:6]}"
    return plain
