"""Files as others write them: archives, encodings, delimiters, preambles, files without rows, settings misspelt."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import zipfile
from typing import Any

import pyarrow as pa
import pytest

from blocks.errors import ContractBroken, Misconfigured
from blocks.loader.dlt.files import archives
from blocks.loader.dlt.table_check import find_table_faults
from blocks.records import Column, SourceTable
from tests.blocks.loader.origins import Desk, columns, source_table

LINES = "id,v\n1,Öl\n2,b\n"
ROWS = "select id, v from raw_erp.t order by id"


def orders(**meta: Any) -> SourceTable:
    declared = columns(("id", "integer", "id", True), ("v", "varchar", "v", False))
    return source_table("erp", "t", declared, **{"kind": "files", "path": "*", "load": "append", **meta})


def put(desk: Desk, name: str, content: str | bytes) -> None:
    (desk.erp / name).write_bytes(content.encode() if isinstance(content, str) else content)


def refuse(desk: Desk, table: SourceTable) -> str:
    with pytest.raises((ContractBroken, Misconfigured)) as caught:
        desk.load(table)
    return str(caught.value)


def pack(**members: bytes | str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target.getvalue()


def zstd(content: bytes) -> bytes:
    return bytes(pa.Codec("zstd").compress(content, asbytes=True))


TEXT = LINES.encode()
COMPRESSED = {
    "gz": gzip.compress(TEXT),
    "gz-of-two-parts": gzip.compress(TEXT[:9]) + gzip.compress(TEXT[9:]),
    "zst": zstd(TEXT),
    "bz2": bz2.compress(TEXT),
    "xz": lzma.compress(TEXT),
    "zip": pack(**{"deep/er/a.csv": TEXT, "__MACOSX/a.csv": b"\0", "deep/.DS_Store": b"\0"}),
}


@pytest.mark.parametrize("kind", COMPRESSED)
def test_a_compressed_file_is_read(desk: Desk, kind: str) -> None:
    """Whatever it is called; the ledger keeps the file itself, with its own size."""
    put(desk, "a.bin", COMPRESSED[kind])
    report = desk.load(orders())
    assert (report.rows, report.bytes, report.items) == (2, len(COMPRESSED[kind]), 1)
    assert desk.rows(ROWS) == [(1, "Öl"), (2, "b")]
    assert desk.rows("select distinct _item from raw_erp.t") == [("a.bin",)]
    assert desk.load(orders()).rows == 0


@pytest.mark.parametrize("kind", [name for name in COMPRESSED if name != "gz-of-two-parts"])
def test_a_damaged_archive_is_named(desk: Desk, kind: str) -> None:
    put(desk, "a.bin", COMPRESSED[kind][:-9])
    assert "a.bin" in (message := refuse(desk, orders()))
    assert "damaged archive" in message


def test_members_come_in_natural_order_each_a_file(desk: Desk) -> None:
    """With `merge` the last one wins: part-10 comes after part-9. A bad one is named, and so is its line."""
    members = {f"part-{n}.csv": f"id,v\n1,{n}\n" for n in (10, 9, 1)}
    put(desk, "a.zip", pack(**members))
    merged = orders(load="merge", key="id")
    assert desk.load(merged).rows == 1
    assert desk.rows(ROWS) == [(1, "10")]
    put(desk, "b.zip", pack(**members, **{"part-11.csv": 'id,v\n1,"x\n'}))
    assert "b.zip: part-11.csv" in refuse(desk, merged)
    put(desk, "b.zip", pack(**members, **{"README.txt": "read me"}))
    assert "b.zip: README.txt" in refuse(desk, merged)
    assert desk.load(orders(load="merge", key="id", members="*.csv")).items == 1


def mark_encrypted(content: bytes) -> bytes:
    at = content.index(b"PK\x01\x02")
    return content[: at + 8] + struct.pack("<H", 1) + content[at + 10 :]


def pack_link() -> bytes:
    target, member = io.BytesIO(), zipfile.ZipInfo("link.csv")
    member.external_attr = 0o120777 << 16
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(member, "/etc/passwd")
    return target.getvalue()


HOSTILE = {
    "encrypted": (mark_encrypted(pack(**{"a.csv": TEXT})), "encrypted"),
    "parent": (pack(**{"../../a.csv": TEXT}), "leads out"),
    "absolute": (pack(**{"/etc/a.csv": TEXT}), "leads out"),
    "windows": (pack(**{"C:/a.csv": TEXT}), "leads out"),
    "link": (pack_link(), "symbolic link"),
    "nested": (pack(**{"a.zip": pack(**{"a.csv": TEXT})}), "inside of another"),
    "nested-gz": (gzip.compress(gzip.compress(TEXT)), "inside of another"),
    "nothing": (pack(), "no file in it"),
    "workbook": (pack(**{"[Content_Types].xml": "x"}), "format: xlsx"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "save it as .xlsx"),
    "rar": (b"Rar!\x1a\x07\x00" + bytes(600), "RAR"),
    "tar": (gzip.compress(bytes(257) + b"ustar\x0000" + bytes(600)), "tar archive"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_an_archive_that_cannot_be_trusted_is_refused(desk: Desk, kind: str) -> None:
    content, message = HOSTILE[kind]
    put(desk, "a.bin", content)
    assert message in refuse(desk, orders())


@pytest.mark.parametrize("compress", [gzip.compress, zstd, lambda content: pack(a=content)])
def test_a_file_that_unpacks_to_far_too_much_is_refused(
    desk: Desk, compress: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Early: no more than a step beyond the bound is written. `unpacked_gb` lets it through."""
    monkeypatch.setattr(archives, "UNBOUNDED_BYTES", 1 << 17)
    monkeypatch.setattr(archives, "CHUNK", 1 << 12)
    put(desk, "a.bin", compress(TEXT + b"3,c\n" * (1 << 16)))
    assert "unpacks to more than 250 times" in refuse(desk, orders())
    assert desk.load(orders(unpacked_gb=1)).rows == 2 + (1 << 16)
    put(desk, "b.bin", gzip.compress(TEXT))
    assert "no number of gigabytes" in refuse(desk, orders(unpacked_gb="1 GB"))


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8-sig", None),
        ("utf-16", None),
        ("utf-32", None),
        ("utf-16-le", "utf-16-le"),
        ("windows-1252", "windows-1252"),
        ("cp850", "cp850"),
        ("utf-16", "windows-1252"),  # its mark says more
    ],
)
def test_texts_come_in_their_encoding(desk: Desk, encoding: str, declared: str | None) -> None:
    put(desk, "a.csv", LINES.encode(encoding))
    desk.load(orders(encoding=declared) if declared else orders())
    assert desk.rows(ROWS) == [(1, "Öl"), (2, "b")]


def test_json_lines_come_in_their_encoding(desk: Desk) -> None:
    put(desk, "a.jsonl", '{"id": 1, "v": "Öl"}\n{"id": 2, "v": "b"}\n'.encode("utf-16"))
    put(desk, "b.jsonl.gz", gzip.compress('[{"id": 3, "v": "Öl"}]'.encode("utf-16")))
    desk.load(orders(format="jsonl"))
    assert desk.rows(ROWS) == [(1, "Öl"), (2, "b"), (3, "Öl")]


def test_the_error_says_which_encoding_to_declare(desk: Desk) -> None:
    put(desk, "a.csv", LINES.encode("latin-1"))
    assert "not UTF-8: declare its `encoding`" in refuse(desk, orders())
    put(desk, "a.csv", LINES.encode("utf-16-be"))
    assert "declare `encoding: utf-16-be`" in refuse(desk, orders())
    put(desk, "a.csv", (LINES + "3,c\n").encode() + b"4,\x81\n")
    assert "line 5: it is not cp1252" in refuse(desk, orders(encoding="windows-1252"))
    assert "its encoding is not known" in refuse(desk, orders(encoding="klingon"))
    assert "its encoding is not known" in refuse(desk, orders(encoding="rot13"))


@pytest.mark.parametrize(
    ("text", "meta"),
    [
        ("sep=;\nid;v\n1;Öl\n2;b\n", {}),
        ("SEP=|\r\nid|v\r\n1|Öl\r\n2|b\r\n", {}),
        ('"sep=\t"\nid\tv\n1\tÖl\n2\tb\n', {}),
        ("id;v\n1;Öl\n2;b\n", {"delimiter": ";"}),
        ("id\tv\n1\tÖl\n2\tb\n", {"delimiter": "\\t"}),
        ('Report of "May\n\n;;;\nid,v\n1,Öl\n2,b\n', {"skip_lines": 3}),
        ("\ufeffReport\nsep=;\nid;v\n1;Öl\n2;b\n", {"skip_lines": 1}),
    ],
)
def test_headers_are_found(desk: Desk, text: str, meta: dict[str, Any]) -> None:
    put(desk, "a.csv", text)
    desk.load(orders(**meta))
    assert desk.rows(ROWS) == [(1, "Öl"), (2, "b")]


def test_lines_in_errors_count_from_the_first_of_the_file(desk: Desk) -> None:
    put(desk, "a.csv", 'Report\n\nsep=;\nid;v\n1;a\n2;"b\n')
    assert "line 6: holds a quote that never closes" in refuse(desk, orders(skip_lines=2))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id;v\n1;a\n", 'line 1 has them, between `;`. Declare `delimiter: ";"`.'),
        ("id\tv\n1\ta\n", 'between `\\t`. Declare `delimiter: "\\t"`.'),
        ("Report of May\n\nid,v\n1,a\n", "line 3 has them, between `,`. Declare `skip_lines: 2`."),
        ("\n\nid,v\n1,a\n", "line 3 has them, between `,`. Declare `skip_lines: 2`."),
        ("\n\n", "its first line is empty"),
        ("Report\nid|v\n1|a\n", 'Declare `delimiter: "|"` and `skip_lines: 1`.'),
        ("id;w\n1;a\n", 'found `;` between id, w. Declare `delimiter: ";"`.'),
        ("id,w\n1,a\n", "column v is missing; its header is id, w"),
        ('id,\t"v"\n1,a\n', "quotes stand behind a tab or another sign"),
        ("1,geheim\n2,b\n", "its first line looks like data"),
        ("someone@example.com,geheim\n2,b\n", "its first line looks like data"),
    ],
)
def test_a_header_that_is_another_is_shown(desk: Desk, text: str, message: str) -> None:
    put(desk, "a.csv", text)
    assert message in (found := refuse(desk, orders()))
    assert "geheim" not in found


@pytest.mark.parametrize("header", ['id, "v", "w, x"', ' "id",   "v", "w, ""x"""', 'id, "v", "w\n, x"'])
def test_blanks_before_a_quote_are_none_of_a_names(desk: Desk, header: str) -> None:
    """As they are none of a value's."""
    put(desk, "a.csv", f'{header}\n1, "Öl", "a, b"\n2, "b", c\n')
    desk.load(orders())
    assert desk.rows(ROWS) == [(1, "Öl"), (2, "b")]
    assert desk.rows("select w_x from raw_erp.t order by 1") == [(" c",), ("a, b",)]


@pytest.mark.parametrize("rows", ["1,a\n2,b\n3,c\n", "1,a,x,y\n2,b,x,y\n"])
def test_rows_of_another_length_than_the_header_are_no_type_that_changed(desk: Desk, rows: str) -> None:
    put(desk, "a.csv", f"id,v,\n{rows}")
    message = refuse(desk, orders())
    assert "fields than the header. Have the source correct it." in message


def test_a_file_without_rows_is_right_beside_others(desk: Desk) -> None:
    """With a note and an entry, in one load as in two; not alone, and not where it had rows before."""
    put(desk, "b.csv", "id,v\n")
    assert "no rows" in refuse(desk, orders())
    put(desk, "a.csv", LINES)
    report = desk.load(orders())
    assert (report.rows, report.items, report.notes) == (2, 2, ("no rows in 1 file: b.csv",))
    assert desk.load(orders()).items == 0
    put(desk, "c.csv", "id,v\n")
    report = desk.load(orders())
    assert (report.rows, report.items, report.notes) == (0, 1, ("no rows in 1 file: c.csv",))
    put(desk, "d.csv", "id,v\n4,d\n")
    desk.load(orders())
    put(desk, "a.csv", "id,v\n")
    assert "it had some before" in refuse(desk, orders())
    assert desk.rows(ROWS) == [(1, "Öl"), (2, "b"), (4, "d")]
    assert desk.load(orders(empty_files="accept")).rows == 0
    assert desk.rows(ROWS) == [(4, "d")]


def test_files_without_rows_can_be_refused_or_accepted(desk: Desk) -> None:
    put(desk, "a.csv", LINES)
    put(desk, "b.csv", "id,v\n")
    assert "b.csv" in refuse(desk, orders(empty_files="refuse"))
    put(desk, "c.csv", "")
    assert "c.csv" in (message := refuse(desk, orders()))
    assert "it is empty (0 bytes)" in message
    assert desk.load(orders(empty_files="accept")).notes == ("no rows in 2 files: b.csv, c.csv",)
    put(desk, "d.csv", LINES)
    assert "empty_files `never` is unknown" in refuse(desk, orders(empty_files="never"))


def test_a_zip_may_hold_a_file_without_rows(desk: Desk) -> None:
    put(desk, "a.zip", pack(**{"a.csv": LINES, "b.csv": "id,v\n"}))
    assert desk.load(orders()).notes == ("no rows in 1 file: a.zip: b.csv",)


@pytest.mark.parametrize(
    ("name", "near"), [("delimeter", "delimiter"), ("skiplines", "skip_lines"), ("Encoding", "encoding")]
)
def test_a_setting_that_is_misspelt_is_refused(desk: Desk, name: str, near: str) -> None:
    put(desk, "a.csv", LINES)
    assert f"Did you mean `{near}`?" in refuse(desk, orders(**{name: "x"}))
    misspelt = Column(name="id", data_type="integer", origin="id", meta={"fromat": "%Y"})
    assert "column id has `fromat`. Did you mean `format`?" in refuse(
        desk, orders().model_copy(update={"columns": (misspelt,)})
    )
    assert desk.load(orders(owner="us", contains_pii=True, tags=[1])).rows == 2


def test_wrong_settings_are_found_before_anything_is_loaded() -> None:
    """As `check` says them, all at once."""
    faults = find_table_faults(orders(delimeter=";", format="xml", encoding="klingon"))
    assert [str(fault).split(": ", 1)[1].split(".")[0] for fault in faults] == [
        "its meta has `delimeter`",
        "its format is not known",
    ]
    assert find_table_faults(orders(format="xlsx", skip_lines=2)) == []
    twice = orders().model_copy(
        update={"columns": columns(("id", "integer", "id", True), ("ID", "date", "x", False))}
    )
    assert "declares column id twice, but for upper and lower case" in str(find_table_faults(twice)[0])


def test_a_declared_encoding_does_not_make_other_signs_of_utf8(desk: Desk) -> None:
    """Every byte is a sign in windows-1252, so that UTF-8 would be read as two signs for one."""
    put(desk, "a.csv", LINES)
    assert "it is UTF-8, not cp1252" in refuse(desk, orders(encoding="windows-1252"))
    put(desk, "a.csv", "id,v\n1,x\n")
    assert desk.load(orders(encoding="windows-1252")).rows == 1


def test_lines_before_the_header_may_have_quotes(desk: Desk) -> None:
    """Also over a line end, which is no other line then to who reads CSV; no row is skipped for it."""
    (desk.erp / "a.csv").write_text('"Report ""Q1"""\n"of\nApril",\nid,v\n1,a\n2,b\n')
    declared = columns(("id", "integer", "id", True), ("v", "varchar", "v", False))
    table = source_table("erp", "t", declared, kind="files", path="a.csv", skip_lines=3)
    assert desk.load(table).rows == 2


def test_a_name_is_found_however_its_accents_are_written(desk: Desk) -> None:
    (desk.erp / "a.csv").write_text("id,Gro\u0308ße\n1,a\n", encoding="utf-8")
    declared = columns(("id", "integer", "id", True), ("v", "varchar", "Gr\u00f6ße", False))
    assert desk.load(source_table("erp", "t", declared, kind="files", path="a.csv")).rows == 1


def test_a_table_of_two_thousand_columns_is_loaded(desk: Desk) -> None:
    names = [f"c{at}" for at in range(2000)]
    (desk.erp / "a.csv").write_text(f"id,{','.join(names)}\n1,{','.join(names)}\n")
    declared = columns(("id", "integer", "id", True), ("c7", "varchar", "c7", False))
    desk.load(source_table("erp", "t", declared, kind="files", path="a.csv"))
    assert desk.rows("select id, c7, c1999 from raw_erp.t") == [(1, "c7", "c1999")]
