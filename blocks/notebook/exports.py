"""A frame as a file for others: a workbook, CSV or Parquet, each with the release that its rows are of."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.errors import Misconfigured, NotFound
from blocks.notebook.workbook import describe_sheet, is_missing, write_workbook
from blocks.whole_file import write_whole

if TYPE_CHECKING:
    import pandas as pd

FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""What a text begins with that a spreadsheet takes for a formula when it opens CSV."""


def check_target(path: Path, overwrite: bool) -> None:
    """Raise Misconfigured or NotFound for a file that can't be written: before anything is read for it."""
    asked = f"write {path}"
    if path.suffix.lower() not in FORMATS:
        known = ", ".join(FORMATS)
        raise Misconfigured(asked, f"its ending is none of {known}", "Name it as in figures.xlsx.")
    if not path.parent.is_dir():
        raise NotFound(asked, f"there is no folder {path.parent}", "Make it first, or name another.")
    if path.is_dir():
        raise Misconfigured(asked, "it is a folder", "Name a file in it.")
    for each in (path, *_list_beside(path)):
        if each.exists() and not overwrite:
            answer = f"{each.name} is there already" if each != path else "it is there already"
            raise Misconfigured(asked, answer, "Name another file, or add --overwrite.")


def write_export(path: Path, name: str, frame: pd.DataFrame, overwrite: bool = False) -> list[str]:
    """Write a frame, whole or not at all, by its file's ending; what is to be known of it. name: the mart's.

    Raises as `check_target`, and Misconfigured for what a workbook can't hold.
    """
    check_target(path, overwrite)
    return FORMATS[path.suffix.lower()](path, name, frame)


def _write_excel(path: Path, name: str, frame: pd.DataFrame) -> list[str]:
    write_workbook(path, {name[:31]: frame})
    return []


def _write_parquet(path: Path, name: str, frame: pd.DataFrame) -> list[str]:
    content = BytesIO()
    frame.to_parquet(content, engine="pyarrow", index=False)
    write_whole(path, content.getvalue())
    return []


def _write_csv(path: Path, name: str, frame: pd.DataFrame) -> list[str]:
    """CSV by RFC 4180 in UTF-8: no value is an empty cell, an empty text `""`. Its release is in a file beside it."""
    cells = _CsvCells()
    lines = [",".join(cells.write_text(str(column)) for column in frame.columns)]
    columns = [frame[column].tolist() for column in frame.columns]
    lines += [",".join(map(cells.write, row)) for row in zip(*columns, strict=True)]
    write_whole(path, "\n".join(lines) + "\n")
    (about,) = _list_beside(path)
    write_whole(about, json.dumps({**describe_sheet(name, frame), "rows": len(frame)}, indent=2) + "\n")
    notes = [f"{about.name} says of which release it is"]
    if cells.changed:
        notes.append(f"{cells.changed:,} texts that a spreadsheet would take for formulas begin with ' now")
    return notes


class _CsvCells:
    """Values as cells of CSV. changed: the texts so far that were kept from being formulas."""

    def __init__(self) -> None:
        self.changed = 0

    def write(self, value: object) -> str:
        """A value's cell: numbers with all their digits, times as ISO 8601 has them."""
        if is_missing(value):
            return ""
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int | float):
            return repr(value)
        if isinstance(value, Decimal):
            return format(value, "f")
        if isinstance(value, date):  # and times
            return value.isoformat()
        is_nested = isinstance(value, list | dict)
        return self.write_text(
            json.dumps(value, ensure_ascii=False, default=str) if is_nested else str(value)
        )

    def write_text(self, text: str) -> str:
        """A text's cell."""
        if text.startswith(FORMULAS):
            self.changed += 1
            text = f"'{text}"
        escaped = text.replace('"', '""')
        return f'"{escaped}"' if not text or any(sign in text for sign in ',"\r\n') else text


def _list_beside(path: Path) -> list[Path]:
    """The files that are written beside one: of CSV, which has no place for it, what its rows are of."""
    return [path.with_name(f"{path.name}.about.json")] if path.suffix.lower() == ".csv" else []


FORMATS: dict[str, Callable[[Path, str, pd.DataFrame], list[str]]] = {
    ".xlsx": _write_excel,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
}
