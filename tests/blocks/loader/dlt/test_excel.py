"""Excel workbooks: values as they are, with all their digits; what is no value is a bad row, never nothing."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from openpyxl.workbook import Workbook

from blocks.errors import ContractBroken, Misconfigured
from blocks.loader.dlt.files import archives, excel
from blocks.records import Column, SourceTable
from tests.blocks.loader.origins import Desk, columns, source_table

HEAD = ("id", "amount", "day", "at", "code", "open", "hours")


def sales(**meta: Any) -> SourceTable:
    declared = columns(
        ("id", "integer", "id", True),
        ("amount", "decimal(38,10)", "amount", False),
        ("day", "date", "day", False),
        ("at", "timestamp", "at", False),
        ("code", "varchar", "code", False),
        ("open", "boolean", "open", False),
    )
    return source_table("erp", "t", declared, **{"kind": "files", "path": "*", "format": "xlsx", **meta})


def write(desk: Desk, *rows: Sequence[Any], name: str = "a.xlsx", book: Workbook | None = None) -> Workbook:
    book = book or Workbook()
    for row in rows:
        book.active.append(list(row))
    book.save(desk.erp / name)
    return book


def change(desk: Desk, part: str, old: str, new: str) -> None:
    """Change a part of the workbook, as another program may write it."""
    path, target = desk.erp / "a.xlsx", io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(target, "w") as written:
        for name in archive.namelist():
            content = archive.read(name)
            if name == part:
                assert old.encode() in content
                content = content.replace(old.encode(), new.encode())
            written.writestr(name, content)
    path.write_bytes(target.getvalue())


def refuse(desk: Desk, table: SourceTable) -> str:
    with pytest.raises((ContractBroken, Misconfigured)) as caught:
        desk.load(table)
    return str(caught.value)


SHEET = "xl/worksheets/sheet1.xml"
SHARED = "xl/sharedStrings.xml"
CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
ROWS = 'select id, amount::varchar, day::varchar, "at"::varchar, code, open, hours from raw_erp.t order by id'


def test_values_arrive_as_they_are(desk: Desk) -> None:
    """Dates as dates whatever they are shown as, numbers exactly, texts with their zeros; empty rows are none."""
    book = write(
        desk,
        HEAD,
        (
            1,
            0.1 + 0.2,
            date(2026, 1, 31),
            datetime(2026, 1, 31, 10, 5, 7),
            "007",
            True,
            timedelta(hours=36.5),
        ),
        (2, 1234567.89, datetime(2026, 2, 1), date(2026, 2, 2), 7, False, time(8, 30)),
        (),
        (3, 999999999999999, "2026-02-03", "2026-02-03T01:00:00+02:00", 1.50, None, "x_x0041_"),
    )
    book.active["E3"].number_format = "00000"
    book.active["C2"].number_format = "dd/mm/yyyy"
    book.active.row_dimensions[2].hidden = True
    book.save(desk.erp / "a.xlsx")
    report = desk.load(sales())
    assert (report.rows, report.quarantined) == (3, 0)
    assert desk.rows(ROWS) == [
        (1, "0.3000000000", "2026-01-31", "2026-01-31 10:05:07", "007", True, "36:30:00"),
        (2, "1234567.8900000000", "2026-02-01", "2026-02-02 00:00:00", "00007", False, "08:30:00"),
        (3, "999999999999999.0000000000", "2026-02-03", "2026-02-02 23:00:00", "1.5", None, "xA"),
    ]


def test_a_workbook_in_a_zip_is_a_member(desk: Desk) -> None:
    write(desk, ("id", "amount", "day", "at", "code", "open"), (1, 1, None, None, "a", None))
    content = (desk.erp / "a.xlsx").read_bytes()
    (desk.erp / "a.xlsx").unlink()
    with zipfile.ZipFile(desk.erp / "b.zip", "w") as archive:
        archive.writestr("one.xlsx", content)
    assert desk.load(sales()).rows == 1


def test_dates_and_numbers_beside_texts_are_not_read_as_those(desk: Desk) -> None:
    """In one column Excel holds dates and numbers, and texts where it did not know them: nothing of them is lost."""
    day, at, old, sum_ = (
        Column(name=name, data_type=kind, origin=name, meta=meta)
        for name, kind, meta in (
            ("day", "date", {"format": "%d/%m/%Y"}),
            ("at", "timestamp", {"format": "%d/%m/%Y"}),
            ("old", "date", {"format": ["%d.%m.%y", "%Y%m%d"]}),
            ("sum", "decimal(9,3)", {"decimal": ",", "thousands": "."}),
        )
    )
    table = source_table("erp", "t", [day, at, old, sum_], kind="files", path="*", format="xlsx")
    write(
        desk,
        ("day", "at", "old", "sum"),
        (date(2026, 1, 31), datetime(2026, 1, 31, 10, 5, 7), date(1950, 1, 31), 1.234),
        ("31/01/2026", "31/01/2026", "31.01.26", "1.234,5"),
        (None, None, 20260131, 1.5),
    )
    desk.load(table)
    assert desk.rows('select day::varchar, "at"::varchar, old::varchar, sum::varchar from raw_erp.t') == [
        ("2026-01-31", "2026-01-31 10:05:07", "1950-01-31", "1.234"),
        ("2026-01-31", "2026-01-31 00:00:00", "2026-01-31", "1234.500"),
        (None, None, "2026-01-31", "1.500"),
    ]


def test_a_header_further_down_is_found_for_the_message(desk: Desk) -> None:
    write(desk, ("Report 2026",), (), HEAD, (1, 1))
    assert "column id, amount, day, at, code, open is missing; row 3 has them" in refuse(desk, sales())
    assert "Declare `skip_lines: 2`" in refuse(desk, sales())
    assert desk.load(sales(skip_lines=2)).rows == 1


def test_a_time_below_zero_keeps_its_value(desk: Desk) -> None:
    declared = columns(("hours", "varchar", "hours", False))
    write(desk, ("\u200bhours ",), (timedelta(hours=-1, minutes=-30),))
    desk.load(source_table("erp", "t", declared, kind="files", path="*", format="xlsx"))
    assert desk.rows("select hours from raw_erp.t") == [("-01:30:00",)]


def test_errors_and_formulas_without_a_value_are_bad_rows(desk: Desk) -> None:
    """As openpyxl and others write a formula: it has a value only when Excel has saved it."""
    rows = [(n, n, None, None, "x", None) for n in range(3, 9)]
    write(
        desk,
        HEAD[:6],
        (1, "=1+1"),
        (2, 2, None, None, "#N/A"),
        *rows,
        (9, 9, None, None, "=B2", None, "beyond"),
    )
    report = desk.load(sales())
    assert report.quarantined == 3
    assert desk.rows("select _reason from raw_erp.t__quarantine order by 1") == [
        ("amount: a formula without a saved value",),
        ("code: an error of Excel",),
        ("the row: more fields than the header",),
    ]


def test_a_formula_has_the_value_that_was_saved(desk: Desk) -> None:
    """An empty text is one."""
    write(desk, ("id", "amount", "day", "at", "code", "open"), (1, "=1+1", None, None, "=A1"))
    change(desk, SHEET, "<f>1+1</f><v></v>", "<f>1+1</f><v>2.5</v>")
    change(desk, SHEET, '<c r="E2"><f>A1</f><v></v>', '<c r="E2" t="str"><f>A1</f><v></v>')
    assert (desk.load(sales()).quarantined, desk.rows("select amount::varchar, code from raw_erp.t")) == (
        0,
        [("2.5000000000", None)],
    )


def test_a_wrong_dimension_loses_no_column(desk: Desk) -> None:
    write(desk, ("id", "amount", "day", "at", "code", "open"), (1, 1, None, None, "a", True))
    change(desk, SHEET, 'ref="A1:F2"', 'ref="A1"')
    desk.load(sales())
    assert desk.rows("select code, open from raw_erp.t") == [("a", True)]


def test_sheets_are_chosen_by_name_or_number(desk: Desk) -> None:
    book = write(desk, ("Notes",))
    second = book.create_sheet("Data ")
    for row in [("Report",), (), ("id", "amount", "day", "at", "code", "open", "", "more"), (1, 1)]:
        second.append(row)
    book.save(desk.erp / "a.xlsx")
    assert "declare `sheet`, one of: Sheet, Data" in refuse(desk, sales())
    assert "there is no sheet 3" in refuse(desk, sales(sheet=3))
    assert "its columns are Notes" in refuse(desk, sales(sheet=1))
    assert "its columns are Notes" in refuse(desk, sales(sheet="1"))
    assert "no name or number" in refuse(desk, sales(sheet=True))
    assert "row 3 has them. Declare `skip_lines: 2`" in refuse(desk, sales(sheet="data", skip_lines=1))
    assert desk.load(sales(sheet="data", skip_lines=2)).rows == 1
    assert desk.rows("select column_7, more from raw_erp.t") == [(None, None)]
    book["Sheet"].sheet_state = "hidden"
    book.save(desk.erp / "a.xlsx")
    assert desk.load(sales(skip_lines=2)).rows == 1


def share_text(desk: Desk) -> None:
    """Write the text `shared` as Excel does, once for all cells."""
    change(desk, SHEET, 't="inlineStr"><is><t>shared</t></is>', 't="s"><v>0</v>')
    override = f'<Override PartName="/{SHARED}" ContentType="{CONTENT_TYPE}"/></Types>'
    change(desk, "[Content_Types].xml", "</Types>", override)
    namespace = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    with zipfile.ZipFile(desk.erp / "a.xlsx", "a") as archive:
        archive.writestr(
            SHARED, f'<sst xmlns="{namespace}"><si><r><t>sha</t></r><r><t>red</t></r></si></sst>'
        )


def test_shared_texts_are_read_up_to_a_bound(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    write(desk, HEAD[:6], (1, 1, None, None, "shared"))
    share_text(desk)
    desk.load(sales())
    assert desk.rows("select code from raw_erp.t") == [("shared",)]
    monkeypatch.setattr(excel, "LARGEST_TEXTS", 9)
    write(desk, HEAD[:6], (2, 1, None, None, "shared"))
    share_text(desk)
    assert "its texts take more" in refuse(desk, sales())


@pytest.mark.parametrize("content", [b"id,amount\n1,2\n", b"PK\x03\x04" + bytes(99), b""])
def test_what_is_no_workbook_is_named(desk: Desk, content: bytes) -> None:
    (desk.erp / "a.xlsx").write_bytes(content)
    assert "a.xlsx" in refuse(desk, sales())


def test_a_damaged_workbook_is_named(desk: Desk) -> None:
    write(desk, HEAD, (1,))
    change(desk, SHEET, "<sheetData>", "<sheetData")
    assert "it can't be read as an Excel workbook" in refuse(desk, sales())


def test_a_workbook_that_unpacks_to_far_too_much_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(desk, HEAD, (1, 1))
    monkeypatch.setattr(archives, "UNBOUNDED_BYTES", 10)
    monkeypatch.setattr(archives, "LARGEST_RATIO", 1)
    assert "unpacks to more than" in refuse(desk, sales())
    assert desk.load(sales(unpacked_gb=1)).rows == 1


def test_bad_rows_keep_their_values(desk: Desk) -> None:
    write(
        desk, HEAD[:6], *((n, 1, None, None, "x", None) for n in range(3)), (9, "many", None, None, "x", None)
    )
    assert desk.load(sales()).quarantined == 1
    ((row, reason),) = desk.rows("select _row, _reason from raw_erp.t__quarantine")
    assert (json.loads(row)["amount"], reason) == ("many", "amount: not a number")
