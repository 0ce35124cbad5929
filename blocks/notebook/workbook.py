"""Frames as sheets of an Excel workbook, of which no cell says anything else than the frame.

Excel has no time zones, 15 digits of a number, and takes a text that begins with `=` for a formula.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from math import isfinite, isnan
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.errors import Misconfigured
from blocks.whole_file import write_whole

if TYPE_CHECKING:
    import pandas as pd
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.worksheet.worksheet import Worksheet

MOST_ROWS, MOST_DIGITS, LONGEST_TEXT, LONGEST_NAME, FIRST_YEAR = 1_048_575, 15, 32_767, 31, 1900
ABOUT = "About"
_NO_NAME = re.compile(r"[\[\]:*?/\\]|^'|'$")
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")  # which XML can't hold


def write_workbook(path: Path, sheets: Mapping[str, pd.DataFrame]) -> None:
    """Write frames into a workbook, whole or not at all, with a last sheet `About`: releases and freshness.

    A time with a zone is written as its clock shows it there, and its column says the zone; a number of over 15 digits,
    a date before 1900 and what else Excel has no cell for is a text. Raises Misconfigured for what it can't hold.
    """
    from openpyxl import Workbook

    _check_sheets(path, sheets)
    book = Workbook(write_only=True)
    for name, frame in sheets.items():
        sheet = book.create_sheet(name)
        for row in _list_rows(frame):
            sheet.append([_make_cell(sheet, value) for value in row])
    about = book.create_sheet(ABOUT)
    for row in _describe(sheets):
        about.append([_make_cell(about, value) for value in row])
    content = BytesIO()
    book.save(content)
    write_whole(path, content.getvalue())


def _check_sheets(path: Path, sheets: Mapping[str, pd.DataFrame]) -> None:
    asked = f"write {path.name}"
    if path.suffix.lower() != ".xlsx":
        raise Misconfigured(asked, "it is not named as a workbook", "Name it as in figures.xlsx.")
    taken = {ABOUT.lower()}
    for name, frame in sheets.items():
        if not name or len(name) > LONGEST_NAME or _NO_NAME.search(name) or name.lower() in taken:
            answer = f"{name} can't be a sheet's name beside the others"
            fix = rf"Up to {LONGEST_NAME} characters, none of []:*?/\, each once, and not {ABOUT}."
            raise Misconfigured(asked, answer, fix)
        taken.add(name.lower())
        if len(frame) > MOST_ROWS:
            answer = f"{name} has {len(frame):,} rows, and a sheet holds {MOST_ROWS:,}"
            raise Misconfigured(asked, answer, "Choose fewer rows, or write Parquet: frame.to_parquet(...).")
        for column in frame.columns:
            longest = max((len(each) for each in frame[column] if isinstance(each, str)), default=0)
            if longest > LONGEST_TEXT:
                answer = (
                    f"a text of {name}.{column} has {longest:,} characters, and a cell holds {LONGEST_TEXT:,}"
                )
                raise Misconfigured(asked, answer, "Leave the column out, or write Parquet.")


def _list_rows(frame: pd.DataFrame) -> Iterator[Sequence[object]]:
    """The names of its columns, then its rows; without the index."""
    zones = {name: getattr(kind, "tz", None) for name, kind in frame.dtypes.items()}
    yield [f"{name} ({zones[name]})" if zones[name] else str(name) for name in frame.columns]
    yield from zip(*(frame[name].tolist() for name in frame.columns), strict=True)


def _describe(sheets: Mapping[str, pd.DataFrame]) -> Iterator[Sequence[object]]:
    """Of each sheet: the release that its rows are of, when that was published, and the newest day in it."""
    said = [describe_sheet(name, frame) for name, frame in sheets.items()]
    yield [key.replace("_", " ") for key in said[0]]
    yield from (list(each.values()) for each in said)


def describe_sheet(name: str, frame: pd.DataFrame) -> dict[str, str | None]:
    """What a frame's rows are of."""
    release = frame.attrs.get("release") or {}
    return {
        "sheet": name,
        "release": release.get("run"),
        "published_at": release.get("published_at"),
        "data_up_to": frame.attrs.get("freshness"),
    }


def _make_cell(sheet: Worksheet, value: object) -> WriteOnlyCell | None:
    """A cell that holds just this value; None for no value."""
    from openpyxl.cell import WriteOnlyCell

    if is_missing(value):
        return None
    if not _has_cell(value):
        cell = WriteOnlyCell(sheet, _NO_TEXT.sub("\ufffd", str(value)))
        cell.data_type = "s"  # not a formula, nor an error's name
        return cell
    cell = WriteOnlyCell(sheet, value.replace(tzinfo=None) if isinstance(value, datetime) else value)
    if isinstance(value, Decimal):
        places = max(0, -int(value.as_tuple().exponent))
        cell.number_format = f"0.{'0' * places}" if places else "0"
    return cell


def is_missing(value: object) -> bool:
    """True for pandas' and Python's words for no value."""
    import pandas as pd

    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and isnan(value))


def _has_cell(value: object) -> bool:
    """True for a value that Excel has a kind of cell for, and keeps as it is."""
    if isinstance(value, bool):
        return True
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, date):
        return value.year >= FIRST_YEAR
    return isinstance(value, int | Decimal) and _fits(value)


def _fits(value: int | Decimal) -> bool:
    """True if Excel keeps all digits of a number."""
    number = Decimal(value)
    return number.is_finite() and len(number.normalize().as_tuple().digits) <= MOST_DIGITS
