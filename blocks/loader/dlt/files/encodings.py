"""Texts in other encodings: written again as UTF-8, line by line the same, before DuckDB reads them.

A mark at the beginning (BOM) says which encoding it is; without one, the table's `encoding` does, else it is UTF-8.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from pathlib import Path

from blocks.errors import Misconfigured
from blocks.loader.dlt.files.formats import SourceFile, build_file_error
from blocks.loader.dlt.load_context import LoadContext
from blocks.records import SourceTable

CHUNK = 1 << 20
FEWEST_SIGNS = 80  # of 128 bytes; Hebrew's encoding has 92, Japanese Shift-JIS 63
MARKS = (  # the longer ones first: one begins as another does
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8"),
)


def decode_files(context: LoadContext, table: SourceTable, files: Sequence[SourceFile]) -> list[SourceFile]:
    """Write each file that is not UTF-8 again. Raises ContractBroken for one that is not in its encoding."""
    declared = get_encoding(table)
    decoded = []
    for file in files:
        encoding = find_mark(file.path) or declared
        if has_single_bytes(encoding) and _is_utf8(context, file.path):
            raise build_file_error(
                table,
                file.label,
                f"it is UTF-8, not {encoding}: take `encoding` out of its meta",
            )
        decoded.append(file if encoding == "utf-8" else _decode_file(context, table, file, encoding))
    return decoded


def find_mark(path: Path) -> str:
    """Return the encoding that a file's first bytes name, "" if they name none."""
    with path.open("rb") as content:
        start = content.read(4)
    return next((encoding for mark, encoding in MARKS if start.startswith(mark)), "")


def explain_no_utf8(path: Path) -> str:
    """Say what to do with a file that is not UTF-8."""
    with path.open("rb") as content:
        start = content.read(1 << 12)
    for at, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        half = start[at::2]
        if half and half.count(0) * 2 > len(half):
            return f"it is not UTF-8 but looks like {encoding}: declare `encoding: {encoding}`"
    return "it is not UTF-8: declare its `encoding`, such as windows-1252"


def get_encoding(table: SourceTable) -> str:
    """Return the declared encoding, else UTF-8. Raises Misconfigured for one that is not known."""
    declared = str(table.meta.get("encoding", "utf-8"))
    known = True
    try:
        "".encode(declared)
    except LookupError:  # also for one that is not of texts
        known = False
    if not known:
        raise Misconfigured(
            f"load {table.full_name}",
            "its encoding is not known",
            "Write it as Python does: utf-8, utf-16, windows-1252, iso-8859-15, shift_jis, gb18030, ...",
        )
    return codecs.lookup(declared).name


def has_single_bytes(encoding: str) -> bool:
    """True for an encoding that gives nearly every byte a sign, so that a text in UTF-8 looks right to it."""
    if encoding == "utf-8":
        return False
    signs = (bytes([byte]).decode(encoding, "ignore") for byte in range(0x80, 0x100))
    return sum(map(bool, signs)) > FEWEST_SIGNS


def _is_utf8(context: LoadContext, path: Path) -> bool:
    """True for UTF-8 that is more than ASCII; no text of another encoding is that by chance."""
    decoder, found = codecs.getincrementaldecoder("utf-8")(), False
    with path.open("rb") as content:
        while part := content.read(CHUNK):
            context.deadline.check()
            try:
                found = not decoder.decode(part).isascii() or found
            except UnicodeDecodeError:
                return False
    return found


def _decode_file(context: LoadContext, table: SourceTable, file: SourceFile, encoding: str) -> SourceFile:
    decoded = file._replace(path=file.path.with_name(f"{file.path.name}-utf8"))
    decoder, line, problem = codecs.getincrementaldecoder(encoding)(), 1, ""
    with file.path.open("rb") as content, decoded.path.open("w", encoding="utf-8", newline="") as target:
        while not problem:
            context.deadline.check()
            part = content.read(CHUNK)
            try:
                text = decoder.decode(part, final=not part)
                target.write(text)
                line += text.count("\n")
            except UnicodeDecodeError as error:
                good = bytes(error.object[: error.start]).decode(encoding, "ignore")
                problem = f"line {line + good.count(chr(10))}: it is not {encoding}"
            except UnicodeError:
                problem = f"line {line}: it is not {encoding}"
            if not part:
                break
    if problem:  # raised outside of the handler: the error holds what came
        raise build_file_error(table, file.label, problem)
    file.path.unlink()
    return decoded
