"""DuckDB's errors as ours: who has the file open, what may not be written, what is not there."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from pathlib import Path

from blocks.duckdb_errors import describe_duckdb_error
from blocks.errors import (
    Busy,
    Misconfigured,
    NotFound,
    PlatformError,
    Rejected,
    find_machine_remedy,
    replace_vendor_errors,
)

OPEN_SECONDS = 20  # dbt's process, or a reader's short look, is done by then


def replace_errors(name: str) -> AbstractContextManager[None]:
    """Raise DuckDB's errors as ours. name: the file's."""
    import duckdb

    return replace_vendor_errors(duckdb.Error, lambda error: translate_error(f"use {name}", error))


def _is_locked(answer: str) -> bool:
    return "Could not set lock" in answer or "Conflicting lock" in answer


def translate_error(asked: str, error: BaseException) -> PlatformError:
    """DuckDB's error in our tree; only its first line, which holds no SQL, and nothing of a row's values."""
    answer = str(error).splitlines()[0]
    if _is_locked(str(error)):
        holder = re.search(r"held in (\S+)?.*?\(PID (\d+)\)", str(error))
        who = (
            f"{Path(holder[1] or 'process').name}, process {holder[2]}, has"
            if holder
            else "another program has"
        )
        return Busy(
            asked,
            f"{who} the file open (another program than this run), for over {OPEN_SECONDS} s",
            "Ask whoever runs it to close it (a DuckDB shell, say), then run this again; readers open serving.duckdb.",
        )
    if any(each in str(error) for each in ("Permission denied", "Read-only file system", "read-only mode")):
        remedy = (
            "Let this account read and write the file and its folder; nothing is wrong with the file itself."
        )
        return Misconfigured(asked, answer, remedy)
    if "Cannot open file" in answer or "not a valid DuckDB" in answer:
        return Misconfigured(asked, answer, "Check the path, or move the file away to start with a new one.")
    if answer.startswith("Catalog Error: Table with name") and "does not exist" in answer:
        return NotFound(asked, answer)
    answer = describe_duckdb_error(error)
    if remedy := find_machine_remedy(answer):  # no space left, say
        return Misconfigured(asked, answer, remedy)
    return Rejected(asked, answer)
