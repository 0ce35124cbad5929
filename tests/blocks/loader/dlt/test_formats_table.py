"""The tables of docs/loading.md of files and of APIs' paging, held to what does come out of each."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl.workbook import Workbook

from blocks.errors import PlatformError
from blocks.records import SourceTable
from tests.blocks.loader.origins import Api, Desk, columns, source_table

DOCS = Path(__file__).parents[4] / "docs" / "loading.md"
NUMBER, WORDS = "12345678901234567.89", "007 é"
CSV = f"id,x,v\n1,{NUMBER},{WORDS}\n"
SEMICOLONS = f"id;x;v\n1;{NUMBER.replace('.', ',')};{WORDS}\n"
RECORD = f'{{"id": 1, "x": {NUMBER}, "v": "{WORDS}"}}'


def in_memory(write: Callable[[io.BytesIO], object]) -> bytes:
    target = io.BytesIO()
    write(target)
    return target.getvalue()


def parquet(target: io.BytesIO) -> None:
    numbers = pa.array([NUMBER]).cast(pa.decimal128(38, 2))
    pq.write_table(pa.table({"id": [1], "x": numbers, "v": [WORDS]}), target)


def workbook(target: io.BytesIO) -> None:
    book = Workbook()
    for row in (("id", "x", "v"), (1, NUMBER, WORDS)):
        book.active.append(row)
    book.save(target)


def archive(target: io.BytesIO) -> None:
    with zipfile.ZipFile(target, "w") as written:
        written.writestr("deep/a.csv", CSV)


Files = dict[
    str, tuple[bytes, dict[str, Any]]
]  # how it is called in the table → content, what its meta declares
FILES: Files = {
    "CSV, UTF-8": (CSV.encode(), {}),
    "CSV, UTF-8 with BOM": (CSV.encode("utf-8-sig"), {}),
    "CSV, UTF-16 with BOM": (CSV.encode("utf-16"), {}),
    "CSV, UTF-32 with BOM": (CSV.encode("utf-32"), {}),
    "CSV, windows-1252": (CSV.encode("cp1252"), {"encoding": "windows-1252"}),
    "CSV, UTF-16 without BOM": (CSV.encode("utf-16-le"), {"encoding": "utf-16-le"}),
    "CSV with tabs": (CSV.replace(",", "\t").encode(), {"delimiter": "\\t"}),
    "CSV with a line `sep=,`": (b"sep=,\n" + CSV.encode(), {}),
    "CSV with a preamble": (b"Report\n\n" + CSV.encode(), {"skip_lines": 2}),
    "JSON lines": (f"{RECORD}\n".encode(), {"format": "jsonl"}),
    "JSON array in a `.jsonl`": (f"[{RECORD}]".encode(), {"format": "jsonl"}),
    "JSON array": (f"[\n{RECORD}]".encode(), {"format": "json"}),
    "JSON objects over several lines": (RECORD.replace(",", ",\n").encode(), {"format": "json"}),
    "Parquet": (in_memory(parquet), {"format": "parquet"}),
    "Excel `.xlsx`": (in_memory(workbook), {"format": "xlsx"}),
    "`.gz` of CSV": (gzip.compress(CSV.encode()), {}),
    "`.zst` of CSV": (bytes(pa.Codec("zstd").compress(CSV.encode(), asbytes=True)), {}),
    "`.bz2` of CSV": (bz2.compress(CSV.encode()), {}),
    "`.xz` of CSV": (lzma.compress(CSV.encode()), {}),
    "`.zip` of CSV": (in_memory(archive), {}),
    "CSV with `;`, not declared": (SEMICOLONS.encode(), {}),
    "CSV, windows-1252, not declared": (CSV.encode("cp1252"), {}),
    "CSV, UTF-8, declared as windows-1252": (CSV.encode(), {"encoding": "windows-1252"}),
    "Excel `.xlsx`, not declared": (in_memory(workbook), {}),
    "`.xls`, or a workbook with a password": (b"\xd0\xcf\x11\xe0" + bytes(600), {"format": "xlsx"}),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(99), {}),
    "RAR": (b"Rar!\x1a\x07" + bytes(99), {}),
    "tar": (bytes(257) + b"ustar" + bytes(99), {}),
    "Avro": (b"Obj\x01" + bytes(range(256)), {}),
    "XML": (b"<rows><row><id>1</id></row></rows>\n", {}),
}
DAYS = [{"id": number} for number in range(1, 11)]
Query = dict[str, str]


def part(query: Query, name: str, size: int = 4) -> int:
    return int(query.get(name, 0 if name != "page" else 1)) * (size if name == "page" else 1) - (
        size if name == "page" else 0
    )


def page(at: int, **more: object) -> dict[str, object]:
    return {"data": DAYS[at : at + 4], **more}


def links(query: Query, end: object = None) -> dict[str, object]:
    at = part(query, "at")
    return page(at, next=f"/rows?at={at + 4}" if at < 8 else end)


def cursors(query: Query, end: object = None, **more: object) -> dict[str, object]:
    at = part(query, "cursor")
    return page(at, next=str(at + 4) if at < 8 else end, **more)


PAGES: dict[tuple[str, str], Callable[[Query], dict[str, object]]] = {  # paginator, server → its answers
    ("none", "one page"): lambda query: {"data": DAYS},
    ("none", "names a next page"): lambda query: page(0, links={"next": "/rows?at=4"}),
    ("none", "says that there are more records"): lambda query: page(0, total=10),
    ("`single_page`", "names a next page"): lambda query: page(0, has_more=True),
    ("`single_page`", "says that there are more records"): lambda query: page(0, total=10),
    ("`next_url`", "right"): links,
    ("`next_url`", "an empty or false `next` at the end"): lambda query: links(query, False),
    ("`next_url`", "`next` is somewhere else"): lambda query: page(0, links={"next": "/rows?at=4"}),
    ("`next_url`", "names the page itself"): lambda query: page(0, next="/rows"),
    ("`header_link`", "right"): lambda query: {**page(part(query, "at")), "Link": part(query, "at")},
    ("`cursor`", "right"): cursors,
    ("`cursor`", "a cursor on the last page, and `has_more`"): lambda query: cursors(
        query, "10", has_more=part(query, "cursor") < 8
    ),
    ("`cursor`", "a cursor on the last page, then an empty one"): lambda query: cursors(query, "10"),
    ("`cursor`", "the last page's cursor is its own"): lambda query: cursors(query, "8"),
    ("`cursor`", "ignores the cursor"): lambda query: page(0, next="x"),
    ("`header_cursor`", "right"): lambda query: {
        **page(part(query, "cursor")),
        "next": part(query, "cursor"),
    },
    ("`page_number`", "right"): lambda query: page(part(query, "page")),
    ("`page_number`", "counts from 0"): lambda query: page(part(query, "page") + 4),
    ("`page_number`", "counts records, from 0"): lambda query: page(part(query, "page") // 4 + 1),
    ("`page_number`", "an empty page between, and `has_more`"): lambda query: (
        {"data": [], "has_more": True}
        if query["page"] == "2"
        else page(max(part(query, "page") - 4, 0), has_more=query["page"] != "4")
    ),
    ("`page_number`", "gives the last page again and again"): lambda query: page(min(part(query, "page"), 8)),
    ("`page_number`", "the same, and says the total"): lambda query: page(
        min(part(query, "page"), 8), total=10
    ),
    ("`offset`", "right"): lambda query: page(part(query, "offset")),
    ("`offset`", "gives fewer than `limit`"): lambda query: {"data": DAYS[part(query, "offset") :][:3]},
    ("`offset`", "ignores the offset"): lambda query: page(0),
    ("`offset`", "ends before its total"): lambda query: page(part(query, "offset"), total=12),
    ("`offset`", "counts it in pages"): lambda query: page(part(query, "offset") * 4),
    ("`offset`", "counts it in pages of two, and says where they end"): lambda query: {
        "data": DAYS[part(query, "offset") * 2 :][:2],
        "has_more": part(query, "offset") < 4,
    },
}


def find_lines(head: str) -> list[str]:
    """The rows of the documented table below a head."""
    lines = DOCS.read_text(encoding="utf-8").splitlines()
    start = lines.index(head) + 2
    end = next(at for at in range(start, len(lines)) if not lines[at].startswith("|"))
    return lines[start:end]


def describe_error(error: PlatformError) -> str:
    return f"refused: {error.answer}"


def write_file_line(desk: Desk, kind: str, content: bytes, meta: dict[str, Any]) -> str:
    (desk.erp / "a").write_bytes(content)
    declared = columns(
        ("id", "integer", "id", True), ("x", "decimal(38,2)", "x", False), ("v", "varchar", "v", False)
    )
    table = source_table("erp", "t", declared, kind="files", path="*", load="replace", **meta)
    settings = ", ".join(f"`{name}: {value}`" for name, value in meta.items())
    try:
        desk.load(table)
        ((x, v),) = desk.rows("select x::varchar, v from raw_erp.t")
        found = f"`{x}`, `{v}`"
    except PlatformError as error:
        found = describe_error(error)
    return f"| {kind} | {settings} | {found} |"


def test_files(desk: Desk) -> None:
    found = [write_file_line(desk, kind, *given) for kind, given in FILES.items()]
    assert found == find_lines("| file | declare | comes out |")


@pytest.mark.parametrize("kind", ["CSV, UTF-8", "JSON lines", "JSON array", "Parquet", "Excel `.xlsx`"])
def test_no_file_loses_digits_to_a_double(desk: Desk, kind: str) -> None:
    content, meta = FILES[kind]
    (desk.erp / "a").write_bytes(content)
    table = source_table("erp", "t", columns(("x", "double", "x", False)), kind="files", path="*", **meta)
    assert desk.load(table).quarantined == 1
    ((reason,),) = desk.rows("select _reason from raw_erp.t__quarantine")
    assert reason.startswith("x: more digits than a double keeps")


@pytest.mark.filterwarnings("default::DeprecationWarning")
def test_paging(online: Desk, api: Api) -> None:
    found = []
    for at, ((paginator, server), make) in enumerate(PAGES.items()):

        def answer(handler: BaseHTTPRequestHandler, make: Any = make, paginator: str = paginator) -> None:
            query = {name: values[0] for name, values in parse_qs(urlsplit(handler.path).query).items()}
            body = make(query)
            place = body.pop("Link", None)
            more = {"Link": f'</rows?at={place + 4}>; rel="next"'} if place is not None and place < 8 else {}
            if paginator == "`header_cursor`":
                cursor = body.pop("next")
                more = {"next": f"{cursor + 4}"} if cursor < 8 else {}
            api.send(handler, 200, json.dumps(body).encode(), **more)

        api.answer = answer  # type: ignore[method-assign]
        found.append(f"| {paginator} | {server} | {load_pages(online, at, paginator)} |")
    assert found == find_lines("| `paginator` | server | comes out |")


def load_pages(desk: Desk, at: int, paginator: str) -> str:
    declared = columns(("id", "integer", "id", True))
    meta = {} if paginator == "none" else {"paginator": paginator.strip("`")}
    table: SourceTable = source_table(
        "fx", f"t{at}", declared, kind="rest", endpoint="rows", records="data", **meta
    )
    try:
        report = desk.load(table)
    except PlatformError as error:
        return describe_error(error)
    return "; ".join([f"{report.rows} rows", *report.notes])
