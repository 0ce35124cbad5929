"""Files: what is new is loaded, bad rows are set aside with a reason, broken files are refused by name."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import fsspec  # type: ignore[import-untyped]
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from blocks.errors import ContractBroken, Misconfigured, NotFound
from blocks.load_range import LoadRange
from blocks.loader.dlt.files import line_ends
from tests.blocks.loader.origins import HEADER, LINES, Desk, columns, source_table

GOOD = ("536365,6,2010-12-01 08:26:00,2.55,United Kingdom", "536366,-1,2010-12-01 08:28:00,1.85,France")
RAW = "select invoice_no, quantity, invoiced_at::varchar, unit_price::varchar, country"
RAW += " from raw_erp.invoice_lines"
WASTE = "select _item, _row, _reason from raw_erp.invoice_lines__quarantine order by all"


def test_rows_arrive_typed_with_their_file(desk: Desk) -> None:
    """Values have the declared types; the file is named."""
    desk.day("2010-12-01.csv", *GOOD)
    report = desk.load(LINES)
    assert (report.rows, report.items, report.quarantined, report.schema_changes) == (2, 1, 0, ())
    assert report.bytes == (desk.erp / "2010-12-01.csv").stat().st_size
    assert desk.rows(f"{RAW} order by 1") == [
        ("536365", 6, "2010-12-01 08:26:00", "2.5500", "United Kingdom"),
        ("536366", -1, "2010-12-01 08:28:00", "1.8500", "France"),
    ]
    assert desk.rows("select distinct _item, _loaded_at is not null from raw_erp.invoice_lines") == [
        ("2010-12-01.csv", True)
    ]


def test_second_load_brings_the_new_file_alone(desk: Desk) -> None:
    """Files already loaded are not read again; nothing new is no rows."""
    desk.day("2010-12-01.csv", *GOOD)
    desk.load(LINES)
    assert desk.load(LINES).rows == 0
    desk.day("2010-12-02.csv", "536400,3,2010-12-02 08:00:00,1,Spain")
    report = desk.load(LINES)
    assert (report.rows, report.items) == (1, 1)
    assert desk.rows("select count(*), count(distinct _loaded_at) from raw_erp.invoice_lines") == [(3, 2)]


def test_changed_file_replaces_its_rows(desk: Desk) -> None:
    """A file that came late or was corrected is loaded again, with its quarantine; other files' rows stay."""
    desk.day("2010-12-01.csv", *GOOD, "536367,many,,,")
    desk.day("2010-12-02.csv", "536400,3,2010-12-02 08:00:00,1,Spain")
    assert desk.load(LINES).quarantined == 1
    desk.day("2010-12-01.csv", "536365,7,2010-12-01 08:26:00,2.55,United Kingdom")
    assert desk.load(LINES).rows == 1
    assert desk.rows("select invoice_no, quantity from raw_erp.invoice_lines order by 1") == [
        ("536365", 7),
        ("536400", 3),
    ]
    assert desk.rows(WASTE) == []


def test_a_whole_table_is_without_a_file_that_is_gone(desk: Desk) -> None:
    """Nothing else has changed, yet `replace` is what there is."""
    table = LINES.model_copy(update={"meta": {**LINES.meta, "load": "replace"}})
    desk.day("2010-12-01.csv", *GOOD)
    gone = desk.day("2010-12-02.csv", "536400,3,2010-12-02 08:00:00,1,Spain")
    assert desk.load(table).rows == 3
    gone.unlink()
    assert [desk.load(table).rows, desk.load(table).rows] == [2, 0]
    assert desk.rows("select count(*) from raw_erp.invoice_lines") == [(2,)]


def test_a_file_under_another_name_is_not_loaded_twice(desk: Desk) -> None:
    """Renamed, or compressed after it was loaded; from its beginning each file counts once."""
    first = desk.day("2010-12-01.csv", *GOOD)
    desk.load(LINES)
    moved = first.rename(desk.erp / "old-2010-12-01.csv")
    with pytest.raises(
        ContractBroken, match=r"old-2010-12-01\.csv: it is 2010-12-01\.csv under another name"
    ):
        desk.load(LINES)
    packed = LINES.model_copy(update={"meta": {**LINES.meta, "path": "*"}})
    (desk.erp / "2010-12-01.csv.gz").write_bytes(gzip.compress(moved.read_bytes()))
    moved.unlink()
    with pytest.raises(ContractBroken, match="Call it as before, or load the source again"):
        desk.load(packed)
    again = desk.loader.load_source([packed], desk.warehouse, "again", LoadRange(full=True))[0]
    assert (again.rows, desk.rows("select count(*) from raw_erp.invoice_lines")) == (2, [(2,)])
    desk.day("2010-12-01.csv", *GOOD)
    with pytest.raises(ContractBroken, match="Leave one of both out"):
        desk.load(packed)


def test_files_of_one_second_are_not_taken_for_each_other(desk: Desk) -> None:
    """As they come out of an archive: the same time and size for another day."""
    for day, there in (("01", True), ("02", False), ("03", True)):
        path = desk.day(f"2010-12-{day}.csv", f"{day},1,,,")
        os.utime(path, (1_300_000_000, 1_300_000_000))
        assert desk.load(LINES).rows == 1
        if not there:
            path.unlink()
    assert desk.rows("select count(*) from raw_erp.invoice_lines") == [(3,)]


def test_same_size_other_content_is_a_change(desk: Desk) -> None:
    """Size alone would miss it; the time counts too."""
    path = desk.day("2010-12-01.csv", "1,1,,,")
    desk.load(LINES)
    path.write_text(path.read_text().replace("1,1", "1,2"))
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 10_000_000))
    assert desk.load(LINES).rows == 1
    assert desk.rows("select quantity from raw_erp.invoice_lines") == [(2,)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("536367,many,2010-12-01 08:28:00,1,UK", "quantity: not an integer"),
        ("536367,1.5,2010-12-01 08:28:00,1,UK", "quantity: not an integer"),
        ("536367,99999999999,2010-12-01 08:28:00,1,UK", "quantity: larger than integer holds"),
        (",1,2010-12-01 08:28:00,1,UK", "invoice_no: missing"),
        ("536367,1,2010-02-31 08:28:00,1,UK", "invoiced_at: not a timestamp"),
        ("536367,1,infinity,1,UK", "invoiced_at: not a timestamp"),
        ("536367,1,2010-12-01 08:28:00,nan,UK", "unit_price: not a number"),
        ("536367,x,2010-12-01 08:28:00,y,UK", "quantity: not an integer; unit_price: not a number"),
        ("536367,1,2010-12-01 08:28:00", "the row: fewer fields than the header"),
        ("536367,1,2010-12-01 08:28:00,1,UK,Kent", "the row: more fields than the header"),
        ('536367,1,2010-12-01 08:28:00,1,"U"K', "the row: broken quotes"),
    ],
)
def test_bad_row_goes_to_quarantine_with_its_reason(desk: Desk, line: str, reason: str) -> None:
    """The good rows of the file are loaded; the bad one is kept as it came."""
    desk.day("2010-12-01.csv", *GOOD, line)
    report = desk.load(LINES)
    assert (report.rows, report.quarantined) == (2, 1)
    ((item, row, why),) = desk.rows(WASTE)
    assert (item, why) == ("2010-12-01.csv", reason)
    kept = list(json.loads(row).values()) if row.startswith("{") else row.split(",")
    assert [value or "" for value in kept] == (line.split(","))


def test_numbers_with_a_decimal_point_are_integers_if_whole(desk: Desk) -> None:
    """Spreadsheets export 6 as 6.0; an offset of a time is honoured, RAW holds UTC."""
    desk.day(
        "a.csv", "1,6.0,2010-12-01T08:00:00+02:00,11062.060000000001,", "2, 7 ,2010-12-01T08:00:00Z,1e2,"
    )
    price = next(column for column in LINES.columns if column.name == "unit_price")
    rounded = price.model_copy(update={"meta": {"round": True}})
    declared = tuple(rounded if column == price else column for column in LINES.columns)
    desk.load(LINES.model_copy(update={"columns": declared}))
    assert desk.rows(f"{RAW} order by 1") == [
        ("1", 6, "2010-12-01 06:00:00", "11062.0600", None),
        ("2", 7, "2010-12-01 08:00:00", "100.0000", None),
    ]


def broken_files() -> dict[str, tuple[bytes, str]]:
    """name → content and what the error says about it."""
    lines = f"{HEADER}\n" + "".join(f"{n},1,2010-12-01 08:00:00,1,UK\n" for n in range(50))
    return {
        "empty": (b"", "empty"),
        "header-only": (f"{HEADER}\n".encode(), "no rows"),
        "blank": (f"{HEADER}\n\n\n".encode(), "no rows"),
        "column-gone": (lines.replace("Quantity", "Qty").encode(), "column Quantity is missing"),
        "column-twice": (lines.replace("Country", "Country,quantity").encode(), "more than once"),
        "no-header": (lines.partition("\n")[2].encode(), "is missing"),
        "latin1": (lines.replace("UK", "Österreich").encode("latin-1"), "not UTF-8"),
        "latin1-late": ((lines * 2000 + "1,1,,,Österreich\n").encode("latin-1"), "not UTF-8"),
        "utf16": (lines.encode("utf-16-le"), "not UTF-8"),
        "half": (lines[:-20].encode(), "cut off"),
        "type-changed": (lines.replace(",1,2010", ",one,2010").encode(), "quantity: not an integer"),
        "dates-changed": (lines.replace("2010-12-01", "01/12/2010").encode(), "invoiced_at: not a timestamp"),
        "delimiter-changed": (lines.replace(",", ";").encode(), "is missing"),
        "fields-lost": (lines.replace(",UK", "").encode(), "fewer fields"),
        "open-quote": (lines.replace("7,1,2010", '7,"1,2010', 1).encode(), "quote that never closes"),
        "binary": (bytes(range(256)) * 40 + b"\n", ""),
    }


@pytest.mark.parametrize("name", broken_files())
def test_broken_file_is_named_and_nothing_of_its_load_is_visible(desk: Desk, name: str) -> None:
    """Neither its rows nor those of the good file beside it; the next load of good files is complete."""
    desk.day("2010-12-01.csv", *GOOD)
    desk.load(LINES)
    content, message = broken_files()[name]
    desk.day("2010-12-02.csv", "536400,3,2010-12-02 08:00:00,1,Spain")
    (desk.erp / "2010-12-03.csv").write_bytes(content)
    strict = LINES.model_copy(update={"meta": {**LINES.meta, "empty_files": "refuse"}})
    with pytest.raises(ContractBroken) as caught:
        desk.load(strict)
    assert "erp.invoice_lines" in str(caught.value)
    assert "2010-12-03.csv" in str(caught.value)
    assert message in str(caught.value)
    assert caught.value.remedy
    assert desk.rows("select count(*), count(distinct _item) from raw_erp.invoice_lines") == [(2, 1)]
    assert desk.rows(WASTE) == []
    (desk.erp / "2010-12-03.csv").unlink()
    assert desk.load(LINES).rows == 1


def test_errors_hold_no_value(desk: Desk) -> None:
    """Values belong to quarantine only: errors end up in logs and on tickets."""
    desk.day("a.csv", *[f"{n},geheim,2010-12-01 08:00:00,1,UK" for n in range(5)])
    with pytest.raises(ContractBroken) as caught:
        desk.load(LINES)
    assert "geheim" not in f"{caught.value!r}{caught.value.__cause__!r}{caught.value.__context__!r}"


def test_new_column_evolves_and_is_reported_once(desk: Desk) -> None:
    """It comes as text under a snake_case name; older rows have none; later files without it load."""
    desk.day("2011-12-01.csv", *GOOD)
    desk.load(LINES)
    desk.day("2011-12-02.csv", "1,1,2011-12-02 08:00:00,1,UK,X1,", header=f"{HEADER},Discount Code,")
    report = desk.load(LINES)
    assert report.schema_changes == (
        "new column discount_code (varchar) since 2011-12-02.csv",
        "new column column_2 (varchar) since 2011-12-02.csv",
    )
    desk.day("2011-12-03.csv", "2,1,2011-12-03 08:00:00,1,UK,X2,", header=f"{HEADER},Discount Code,")
    desk.day("2011-12-04.csv", "3,1,2011-12-04 08:00:00,1,UK")
    assert desk.load(LINES).schema_changes == ()
    assert desk.rows("select invoice_no, discount_code from raw_erp.invoice_lines order by 1") == [
        ("1", "X1"),
        ("2", "X2"),
        ("3", None),
        ("536365", None),
        ("536366", None),
    ]


def test_column_order_bom_and_line_ends_do_not_matter(desk: Desk) -> None:
    """Each file has its own order; Windows and quoted line breaks load as they are."""
    desk.day("a.csv", *GOOD)
    (desk.erp / "b.csv").write_bytes(
        b"\xef\xbb\xbfCountry,InvoiceNo,UnitPrice,InvoiceDate,Quantity\r\n"
        b'"Isle of\nMan ""IM""",9,1.5,2010-12-02 08:00:00,4\r\n'
    )
    assert desk.load(LINES).rows == 3
    assert desk.rows(f"{RAW} where invoice_no = '9'") == [
        ("9", 4, "2010-12-02 08:00:00", "1.5000", 'Isle of\nMan "IM"')
    ]


def test_hostile_names_of_files_and_columns_do_no_harm(desk: Desk) -> None:
    """Names reach SQL as numbers, parameters or quoted."""
    names = [
        "q'); drop table x; --.csv",
        "br[1].csv",
        "st*r.csv",
        "new\nline.csv",
        "ü 🙂.csv",
        '"dq".csv',
        "%s.csv",
    ]
    for name in names:
        desk.day(name, "1,1,,,UK,x", header=f'{HEADER},"a\'); drop schema raw_erp; --"')
    assert desk.load(LINES).items == len(names)
    assert {row[0] for row in desk.rows("select _item from raw_erp.invoice_lines")} == set(names)
    assert desk.rows("select count(a_drop_schema_raw_erp) from raw_erp.invoice_lines") == [(len(names),)]
    assert desk.load(LINES).rows == 0


def test_absent_folder_pattern_and_settings_are_said(desk: Desk) -> None:
    """Each error says what to correct."""
    with pytest.raises(NotFound, match="no file matches"):
        desk.load(LINES)
    desk.loader = desk.loader_with(locations={"erp": str(desk.folder / "elsewhere")})
    with pytest.raises(NotFound, match="locations"):
        desk.load(LINES)
    desk.loader = desk.loader_with(locations={})
    with pytest.raises(Misconfigured, match="locations"):
        desk.load(LINES)
    desk.loader = desk.loader_with()
    for meta, message in (({"format": "xls"}, "csv"), ({"load": "upsert"}, "append"), ({"path": ""}, "path")):
        desk.day("a.csv", *GOOD)
        with pytest.raises(Misconfigured, match=message):
            desk.load(LINES.model_copy(update={"meta": {**LINES.meta, **meta}}))


def test_dropped_raw_table_is_loaded_anew(desk: Desk) -> None:
    """The ledger is believed only while the table is there."""
    desk.day("a.csv", *GOOD)
    desk.load(LINES)
    desk.rows("drop table raw_erp.invoice_lines")
    assert desk.load(LINES).rows == 2


def test_files_can_replace_or_merge(desk: Desk) -> None:
    """replace: the files as they are now; merge: by key, the highest cursor of a batch stays."""
    desk.day("a.csv", *GOOD)
    whole = LINES.model_copy(update={"meta": {**LINES.meta, "load": "replace"}})
    desk.load(whole)
    (desk.erp / "a.csv").unlink()
    desk.day(
        "b.csv",
        "1,1,2010-12-02 08:00:00,1,UK",
        "1,2,2010-12-03 08:00:00,1,UK",
        "2,5,2010-12-03 08:00:00,1,UK",
    )
    assert desk.load(whole).rows == 3
    assert desk.rows("select count(*) from raw_erp.invoice_lines") == [(3,)]
    by_key = {"load": "merge", "key": "invoice_no", "cursor": "invoiced_at"}
    merged = LINES.model_copy(update={"name": "m", "identifier": "m", "meta": {**LINES.meta, **by_key}})
    assert desk.load(merged).rows == 2
    assert desk.rows("select invoice_no, quantity from raw_erp.m order by 1") == [("1", 2), ("2", 5)]


EVENTS = source_table(
    "erp",
    "events",
    columns(
        ("id", "integer", "id", True),
        ("seen_at", "timestamp", "at", False),
        ("price", "double", "price", False),
    ),
    kind="files",
    path="*.jsonl",
    format="jsonl",
    load="append",
)


def test_json_lines(desk: Desk) -> None:
    """A line is a record; lines that are none go to quarantine; new names evolve."""
    (desk.erp / "a.jsonl").write_text(
        '{"id": 1, "at": "2010-12-01T08:00:00", "price": 1.5, "tag/x": {"a": [1]}}\n'
        '{"price": null, "at": null, "id": 2}\n[1]\n{"id": \n{"id": "x", "at": "", "price": NaN}\n'
        '{"id": 3, "price": 2}\n{"id": 4, "price": 2}\n'
    )
    report = desk.load(EVENTS)
    assert (report.rows, report.quarantined) == (4, 3)
    assert report.schema_changes == ("new column tag_x (varchar) since a.jsonl",)
    assert desk.rows("select id, seen_at::varchar, price, tag_x from raw_erp.events order by 1")[:2] == [
        (1, "2010-12-01 08:00:00", 1.5, '{"a":[1]}'),
        (2, None, None, None),
    ]
    (desk.erp / "b.jsonl").write_text('{"id": 9}\n')
    assert desk.load(EVENTS).rows == 1
    assert desk.rows("select seen_at, price from raw_erp.events where id = 9") == [(None, None)]
    (desk.erp / "c.jsonl").write_text('{"price": 9}\n')
    with pytest.raises(ContractBroken, match=r"c\.jsonl: column id is missing"):
        desk.load(EVENTS)


def test_parquet(desk: Desk) -> None:
    """Typed values pass without loss; a file that is cut off is refused by name."""
    meta = {**EVENTS.meta, "path": "*.parquet", "format": "parquet"}
    desk.rows(
        f"copy (select 1::bigint as id, timestamptz '2010-12-01 08:00:00+02' as \"at\","
        f" 0.1::double + 0.2 as price,"
        f" 'n' as filename) to '{desk.erp}/a.parquet' (format parquet)"
    )
    table = EVENTS.model_copy(update={"meta": meta})
    assert desk.load(table).rows == 1
    assert desk.rows("select id, seen_at::varchar, price, filename from raw_erp.events") == [
        (1, "2010-12-01 06:00:00", 0.1 + 0.2, "n")
    ]
    shutil.copy(desk.erp / "a.parquet", desk.erp / "b.parquet")
    with (desk.erp / "b.parquet").open("r+b") as file:
        file.truncate(200)
    with pytest.raises(ContractBroken, match=r"b\.parquet"):
        desk.load(table)


def test_any_fsspec_url_is_a_location(desk: Desk) -> None:
    """Remote files are fetched; their path relative to the location is the item."""
    memory = fsspec.filesystem("memory")
    memory.pipe("/bucket/erp/day/a.csv", f"{HEADER}\n1,1,,,UK\n".encode())
    desk.loader = desk.loader_with(locations={"erp": "memory://bucket/erp"})
    table = LINES.model_copy(update={"meta": {**LINES.meta, "path": "**/*.csv"}})
    assert desk.load(table).rows == 1
    assert desk.rows("select _item from raw_erp.invoice_lines") == [("day/a.csv",)]
    assert desk.load(table).rows == 0
    memory.rm("/bucket", recursive=True)


def test_a_named_pipe_among_the_files_is_refused_at_once(desk: Desk) -> None:
    desk.day("2011-01-01.csv", "1,5,2011-01-01 10:00:00,2.5,UK")
    os.mkfifo(desk.erp / "2011-01-02.csv")
    with pytest.raises(ContractBroken, match=r"2011-01-02\.csv.*a named pipe, no plain file"):
        desk.load(LINES)


def test_a_link_out_of_the_folder_is_not_followed(desk: Desk, tmp_path: Path) -> None:
    """Whoever may write into a source's folder does not get at another file of the run's user."""
    desk.day("2011-01-01.csv", "1,5,2011-01-01 10:00:00,2.5,UK")
    secret = tmp_path / "secret.txt"
    secret.write_text("user:pw-planted\n")
    for target in (secret, tmp_path / "nowhere", Path("/proc/self/environ")):
        (desk.erp / "2011-01-02.csv").symlink_to(target)
        with pytest.raises(ContractBroken, match="a link that leads out of the source's folder") as refused:
            desk.load(LINES)
        assert "planted" not in str(refused.value)
        (desk.erp / "2011-01-02.csv").unlink()
    (desk.erp / "2011-01-02.csv").symlink_to(desk.erp / "2011-01-01.csv")  # within it
    assert desk.load(LINES).rows == 2


def test_a_folder_that_is_a_link_itself_is_the_location(desk: Desk, tmp_path: Path) -> None:
    desk.day("2011-01-01.csv", "1,5,2011-01-01 10:00:00,2.5,UK")
    (tmp_path / "linked").symlink_to(desk.erp)
    loader = desk.loader_with(locations={"erp": str(tmp_path / "linked")})
    (report,) = loader.load_source([LINES], desk.warehouse, "run1")
    assert report.rows == 1


REAL = Path(__file__).resolve().parents[5] / "shared" / "data" / "online-retail"


@pytest.mark.skipif(not REAL.is_dir(), reason="the real data is not at ../shared/data/online-retail")
def test_real_invoice_lines(desk: Desk) -> None:
    """All 541,909 lines of all days but one, then that day alone."""
    days = sorted(REAL.glob("*.csv"))
    for day in days[:-1]:
        shutil.copy2(day, desk.erp)
    first = desk.load(LINES)
    shutil.copy2(days[-1], desk.erp)
    second = desk.load(LINES)
    assert (first.items, second.items) == (len(days) - 1, 1)
    assert second.rows + second.quarantined == len(days[-1].read_text().splitlines()) - 1
    assert first.rows + first.quarantined + second.rows + second.quarantined == 541_909
    assert desk.rows("select count(*), sum(quantity) from raw_erp.invoice_lines") == [(541_909, 5_176_450)]


CHANGES = source_table(
    "erp",
    "changes",
    columns(("id", "integer", "id", True), ("day", "date", "d", False), ("seen_at", "timestamp", "t", False)),
    kind="files",
    path="*.csv",
    load="append",
)


@pytest.mark.parametrize(
    ("text", "day", "seen_at"),
    [
        ("2026-01-05", "2026-01-05", "2026-01-05 00:00:00"),
        ("2026-1-5 9:00", "2026-01-05", "2026-01-05 09:00:00"),
        (" 2026/01/05 10:00:00 ", "2026-01-05", "2026-01-05 10:00:00"),
        ("2026-01-05T10:00:00.5Z", "2026-01-05", "2026-01-05 10:00:00.5"),
        ("2026-01-05 10:00:00+02:00 ", "2026-01-05", "2026-01-05 08:00:00"),
        ("2026-1-5 9:00:00+02", "2026-01-05", "2026-01-05 07:00:00"),
        ("2026-01-05 10:00+0200", "2026-01-05", "2026-01-05 08:00:00"),
        ("2026-01-05 10:00:00 +02:00", "2026-01-05", "2026-01-05 08:00:00"),
        ("2026-01-05 10:00:00 UTC", "2026-01-05", "2026-01-05 10:00:00"),
        ("2026-01-05T23:30:00-05:00", "2026-01-06", "2026-01-06 04:30:00"),
        ("05-01-26", None, None),
        ("12/11/20", None, None),
        ("2026-01-05abc", None, None),
        ("2026-01-05 10:00:00+02x", None, None),
        ("2026-02-30", None, None),
        ("20260105", None, None),
        ("infinity", None, None),
    ],
)
def test_a_time_is_read_from_its_first_sign_to_its_last(
    desk: Desk, text: str, day: str | None, seen_at: str | None
) -> None:
    """An offset counts whatever stands around it; a year has four digits; what is no time is a bad row."""
    desk.day("a.csv", "1,2026-01-07,", "2,2026-01-08,", "3,2026-01-09,", f"4,{text},{text}", header="id,d,t")
    report = desk.load(CHANGES)
    found = desk.rows("select day::varchar, seen_at::varchar from raw_erp.changes where id = 4")
    assert found == ([(day, seen_at)] if day else [])
    assert report.quarantined == (0 if day else 1)


@pytest.mark.parametrize("nested", [False, True])
def test_a_decimal_of_parquet_that_would_be_read_as_a_double_is_refused(desk: Desk, nested: bool) -> None:
    kind = pa.decimal256(45, 2)
    value = pa.array([Decimal("12345678901234567890123456789012345678.12")], kind)
    column = pa.StructArray.from_arrays([value], ["v"]) if nested else value
    pq.write_table(pa.table({"id": pa.array([1]), "v": column}), desk.erp / "a.parquet")
    table = source_table(
        "erp",
        "values",
        columns(("id", "integer", "id", True)),
        kind="files",
        path="*.parquet",
        format="parquet",
    )
    with pytest.raises(ContractBroken, match="v is a decimal of 45 digits, of which 38 can be read"):
        desk.load(table)


def test_parquet_files_of_other_types_keep_their_values(desk: Desk) -> None:
    """Together in one load, whichever comes first; what is nested is JSON, as in JSON lines."""
    table = source_table(
        "erp",
        "values",
        columns(
            ("id", "integer", "id", True), ("x", "double", "x", False), ("code", "varchar", "code", False)
        ),
        kind="files",
        path="*.parquet",
        format="parquet",
        load="append",
    )
    for name, select in {
        "a": "1::integer as id, 1::integer as x, 7::integer as code, [{'k': 'x''y'}] as more",
        "b": "2::integer as id, 1.5::double as x, '007' as code, [{'k': 'z'}] as more",
        "c": "3::bigint as id, 0.1::float as x, '08' as code, null::integer[] as more",
    }.items():
        duckdb.sql(f"copy (select {select}) to '{desk.erp / name}.parquet' (format parquet)")
    assert desk.load(table).rows == 3
    assert desk.rows("select id, x, code from raw_erp.values order by 1") == [
        (1, 1.0, "7"),
        (2, 1.5, "007"),
        (3, 0.1, "08"),
    ]
    assert desk.rows("select more from raw_erp.values order by id") == [
        ('[{"k":"x\'y"}]',),
        ('[{"k":"z"}]',),
        (None,),
    ]


@pytest.mark.parametrize(
    ("form", "content", "right"),
    [
        ("csv", b'id,v\r\n1,"a\r\nb"\r\n2,5" p\n3,"c\rd"\r', ["a\r\nb", '5" p', "c\rd"]),
        ("csv", b"id,v\n1,a\r2,b\r\n3,c", ["a", "b", "c"]),
        ("csv", b"\xef\xbb\xbf\xef\xbb\xbfid,v\n1,a\n2,b\n3,c\n", ["a", "b", "c"]),
        (
            "jsonl",
            b'{"id": 1, "v": "a"}\r\n{"id": 2, "v": "b"}\n{"id": 3, "v": "\\n"}\r\n',
            ["a", "b", "\n"],
        ),
    ],
)
@pytest.mark.parametrize("skipped", [b"", b"a report\r\n", b"a report\n\r"])
def test_lines_that_end_in_several_ways_all_come(
    desk: Desk, form: str, content: bytes, right: list[str], skipped: bytes
) -> None:
    """DuckDB lost rows of such files without a word where lines before the header were skipped."""
    if form == "jsonl":
        skipped = b""
    (desk.erp / "a.x").write_bytes(skipped + content)
    declared = columns(("id", "integer", "id", True), ("v", "varchar", "v", False))
    ends = len(skipped.splitlines())
    table = source_table("erp", "t", declared, kind="files", path="*.x", format=form, skip_lines=ends)
    if skipped and content.startswith(b"\xef"):
        return  # a mark is at a file's beginning
    report = desk.load(table)
    assert (report.rows, report.quarantined) == (3, 0)
    assert desk.rows("select v from raw_erp.t order by id") == [(value,) for value in right]
    assert (desk.erp / "a.x").read_bytes() == skipped + content


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_nanoseconds_of_parquet_times_are_not_cut_unasked(desk: Desk, nested: bool, zone: str | None) -> None:
    """DuckDB cuts old times (INT96), and those in UTC."""

    def load(nanoseconds: int, **meta: object) -> int:
        times = pa.array([nanoseconds, None], pa.timestamp("ns", zone))
        values = pa.StructArray.from_arrays([times], ["at"]) if nested else times
        parquet, table = desk.erp / "a.parquet", pa.table({"id": [1, 2], "v": values})
        pq.write_table(table, parquet, use_deprecated_int96_timestamps=not zone)
        kind = "varchar" if nested else "timestamp"
        first, second = columns(("id", "integer", "id", True), ("v", kind, "v", False))
        declared = (first, second.model_copy(update={"meta": meta}))
        given = {"kind": "files", "path": "*.parquet", "format": "parquet", "load": "replace"}
        return desk.load(source_table("erp", "t", declared, **given)).rows

    with pytest.raises(ContractBroken, match=r"v has times \(INT96, or nanoseconds in UTC\) with more"):
        load(1_767_607_200_000_000_001)
    assert load(1_767_607_200_123_456_000) == 2
    assert load(1_767_607_200_000_000_001, round=True) == 2


def load_parquet(desk: Desk, table: pa.Table, kind: str, **meta: object) -> list[tuple[Any, ...]]:
    """Load columns id and v; return v as text."""
    pq.write_table(table, desk.erp / "a.parquet")
    first, second = columns(("id", "integer", "id", True), ("v", kind, "v", False))
    declared = (first, second.model_copy(update={"meta": meta}))
    given = {"kind": "files", "path": "*.parquet", "format": "parquet", "load": "replace"}
    desk.load(source_table("erp", "t", declared, **given))
    return desk.rows("select v::varchar from raw_erp.t order by id")


@pytest.mark.parametrize(
    ("kind", "values", "declared", "read", "reason"),
    [
        (pa.int64(), [7, 2**31], "integer", "7", "larger than integer holds"),
        (pa.uint32(), [2**32 - 1, None], "bigint", "4294967295", ""),
        (pa.uint64(), [2**63 - 1, 2**63], "bigint", "9223372036854775807", "larger than bigint holds"),
        (pa.int32(), [-1, 9_999_999], "decimal(9,2)", "-1.00", ""),
        (pa.int32(), [-1, 10**7], "decimal(8,2)", "-1.00", "larger than decimal(8,2) holds"),
        (
            pa.decimal128(38, 2),
            ["1.50", "12345678.90"],
            "decimal(9,2)",
            "1.50",
            "larger than decimal(9,2) holds",
        ),
        (
            pa.decimal128(9, 3),
            ["1.500", "1.005"],
            "decimal(9,2)",
            "1.50",
            "more decimals than decimal(9,2) has",
        ),
        (pa.decimal128(9, 2), ["3.00", "1.05"], "integer", "3", "not an integer"),
        (pa.bool_(), [False, None], "boolean", "false", ""),
        (pa.int8(), [1, 2], "boolean", "true", "not true or false"),
    ],
)
def test_a_number_of_parquet_arrives_whole_or_with_a_reason(
    desk: Desk, kind: pa.DataType, values: list[Any], declared: str, read: str, reason: str
) -> None:
    given = [Decimal(each) if isinstance(each, str) else each for each in values]
    found = load_parquet(desk, pa.table({"id": [1, 2], "v": pa.array(given, kind)}), declared)
    assert found[0] == (read,)
    reasons = desk.rows("select _reason from raw_erp.t__quarantine")
    assert [str(each).startswith(f"v: {reason}") for (each,) in reasons] == ([True] if reason else [])
    assert len(found) == (1 if reason else 2)


def test_numbers_of_parquet_may_stand_for_nothing(desk: Desk) -> None:
    table = pa.table({"id": [1, 2], "v": pa.array([-1, 5], pa.int32())})
    assert load_parquet(desk, table, "integer", null_values=["-1"]) == [(None,), ("5",)]


def test_parquet_values_are_read_as_what_they_are(desk: Desk) -> None:
    """Bytes that are a text as that; numbers and dates not as the column's texts are written elsewhere."""
    texts = pa.array(["Müller".encode(), b"a\\b", b"\xff\x00", b"a\x00"])
    assert load_parquet(desk, pa.table({"id": [1, 2, 3, 4], "v": texts}), "varchar") == [
        ("Müller",),
        ("a\\b",),
        ("\\xFF\\x00",),
        ("a\\x00",),
    ]
    numbers = pa.table({"id": [1, 2], "v": [1.234, 1234.0]})
    assert load_parquet(desk, numbers, "decimal(9,3)", decimal=",", thousands=".") == [
        ("1.234",),
        ("1234.000",),
    ]
    days = pa.table({"id": [1], "v": [date(2026, 1, 31)]})
    assert load_parquet(desk, days, "date", format="%d/%m/%Y") == [("2026-01-31",)]
    assert load_parquet(desk, pa.table({"id": [1], "v": [20260131]}), "date", format="%Y%m%d") == [
        ("2026-01-31",)
    ]


def test_parquet_columns_may_be_called_anything_but_twice_the_same(desk: Desk) -> None:
    table = pa.table({"id": [1], "v": ["a"], "_path0": ["p"], "more": [[{"v": 1}]]})
    assert load_parquet(desk, table, "varchar") == [("a",)]
    for second in ("v", "V"):
        parts = [pa.array([1]), pa.array(["a"]), pa.array(["b"])]
        twice = pa.Table.from_arrays(parts, names=["id", "v", second])
        with pytest.raises(ContractBroken, match="is there more than once"):
            load_parquet(desk, twice, "varchar")


def test_headers_without_a_name_are_columns(desk: Desk) -> None:
    """As Excel writes them behind a sheet's last column; signs that nobody sees are no part of a name."""
    (desk.erp / "a.csv").write_text("\u200bid,v\u00a0,,\n1,a,,\n2,b,,x\n")
    declared = columns(("id", "integer", "id", True), ("v", "varchar", "v", False))
    report = desk.load(source_table("erp", "t", declared, kind="files", path="*.csv"))
    assert (report.rows, report.quarantined) == (2, 0)
    assert desk.rows("select v, column_4 from raw_erp.t order by id") == [("a", None), ("b", "x")]


def test_the_year_0000_is_no_date(desk: Desk) -> None:
    (desk.erp / "a.csv").write_text("id,v\n1,0000-01-01\n2,0001-01-01\n3,2026-01-01\n")
    declared = columns(("id", "integer", "id", True), ("v", "date", "v", False))
    report = desk.load(source_table("erp", "t", declared, kind="files", path="*.csv"))
    assert (report.rows, report.quarantined) == (2, 1)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize("together", [True, False])
def test_a_column_that_is_spelled_in_another_way_later_is_the_same(
    desk: Desk, form: str, together: bool
) -> None:
    """Whether its files come together or one a run; two in one file are two."""
    table = source_table(
        "erp", "t", columns(("id", "integer", "id", True)), kind="files", path="*", format=form
    )
    for at, names in enumerate((["Order ID"], ["order-id"], ["ORDER_ID", "more", "MORE"])):
        rows = {"id": at, **{name: f"{name} {at}" for name in names}}
        lines = [",".join(rows), ",".join(map(str, rows.values()))] if form == "csv" else [json.dumps(rows)]
        if (
            names[1:] and form == "csv"
        ):  # a CSV file is refused for two columns of one name, whatever their case
            lines = [line.replace("MORE", "more!") for line in lines]
        (desk.erp / f"{at}.x").write_text("\n".join(lines) + "\n")
        if not together:
            desk.load(table)
    if together:
        desk.load(table)
    second = "more! 2" if form == "csv" else "MORE 2"
    assert desk.rows("select order_id, more, more_2 from raw_erp.t order by id") == [
        ("Order ID 0", None, None),
        ("order-id 1", None, None),
        ("ORDER_ID 2", "more 2", second) if form == "csv" else ("ORDER_ID 2", "MORE 2", "more 2"),
    ]


@pytest.mark.parametrize("together", [True, False])
def test_columns_that_change_places_stay_what_they_are(desk: Desk, together: bool) -> None:
    """Also where their names become one, or have no letter that a name in RAW may have."""
    table = source_table("erp", "t", columns(("id", "integer", "id", True)), kind="files", path="*.csv")
    names = ["名前", "年齢", "Größe", "net €", "net $"]
    for at in range(3):
        header = names[at:] + names[:at]
        row = [f"{name} {at}" for name in header]
        (desk.erp / f"{at}.csv").write_text(
            f"id,{','.join(header)}\n{at},{','.join(row)}\n", encoding="utf-8"
        )
        if not together:
            desk.load(table)
    if together:
        desk.load(table)
    found = [name for (name,) in desk.rows("select column_name from (describe raw_erp.t)")]
    own = [name for name in found if not name.startswith("_") and name != "id"]
    assert {"grosse", "net", "net_2"} < set(own)
    assert len(own) == len(names)
    for name in own:
        values = [value for (value,) in desk.rows(f'select "{name}" from raw_erp.t order by id')]
        assert {value[:-2] for value in values} < set(names)
        assert [value[-1] for value in values] == ["0", "1", "2"]
        assert len({value[:-2] for value in values}) == 1, name


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_files_that_were_joined_keep_their_rows_and_no_second_header(desk: Desk, end: str) -> None:
    """Each with its mark (BOM); a header between rows is one by its types, or else by its names."""
    declared = columns(("a", "varchar", "a", False), ("b", "varchar", "b", False))
    part = "\ufeff" + end.join(("a,b", '"p",q', ""))
    (desk.erp / "joined.csv").write_bytes((part + part + f"\ufeffr,s{end}").encode())
    report = desk.load(source_table("erp", "joined", declared, kind="files", path="joined.csv"))
    assert (report.rows, report.quarantined) == (3, 1)
    assert desk.rows("select a, b from raw_erp.joined order by all") == [("p", "q"), ("p", "q"), ("r", "s")]
    assert desk.rows("select _reason from raw_erp.joined__quarantine") == [("the row: the header again",)]


def test_a_mark_between_parts_of_a_file_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_ends, "CHUNK", 3)
    (tmp_path / "a").write_bytes(b"a\r\nbb\n\xef\xbb\xbfc\n\xef\xbb")
    parts = list(line_ends._read_parts(tmp_path / "a"))
    assert b"".join(parts) == (tmp_path / "a").read_bytes()
    assert any(line_ends.MARKED_LINE.search(part) for part in parts)


def test_single_floats_in_nested_values_of_parquet_have_the_digits_that_they_mean(desk: Desk) -> None:
    kind = pa.struct([("FLOAT", pa.float32()), ("v", pa.list_(pa.float32())), ("d", pa.float64())])
    value = {"FLOAT": 0.1, "v": [16777216.0, None], "d": 0.1 + 0.2}
    pq.write_table(pa.table({"id": [1], "x": pa.array([value], kind)}), desk.erp / "nested.parquet")
    declared = columns(("id", "integer", "id", True))
    table = source_table("erp", "nested", declared, kind="files", path="nested.parquet", format="parquet")
    assert desk.load(table).rows == 1
    assert desk.rows("select x from raw_erp.nested") == [
        ('{"FLOAT":0.1,"v":[16777216.0,null],"d":0.30000000000000004}',)
    ]
