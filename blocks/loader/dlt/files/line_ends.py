"""Texts whose lines end in several ways: written again with one. DuckDB would lose lines, some without a word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from blocks.loader.dlt.files.formats import SourceFile
from blocks.loader.dlt.load_context import LoadContext

CHUNK = 1 << 20  # bytes
LINE_END = re.compile(rb"\r\n|\r|\n")


def unify_line_ends(context: LoadContext, file: SourceFile, quoted: bool) -> None:
    """Write a file again whose lines end in several ways. quoted: line ends between quotes are a value's, and stay.

    Only the link in the working folder is replaced, not the source's file.
    """
    if not _may_be_mixed(file.path):
        return
    target, inside, before, ends = file.path.with_name(f"{file.path.name}-lines"), False, b"", set[bytes]()
    with target.open("wb") as written:
        for part in _read_parts(file.path):
            context.deadline.check()
            pieces = part.split(b'"') if quoted else [part]
            for at, piece in enumerate(pieces):
                if at:  # a quote stands before it; one in the middle of a word opens nothing, as in 5" pipe
                    inside, before = not inside and not before.isalnum(), b'"'
                before = piece[-1:] or before
                if not inside:
                    ends.update(LINE_END.findall(piece))
                    pieces[at] = LINE_END.sub(b"\n", piece)
            written.write(b'"'.join(pieces))
    if len(ends) > 1:
        target.replace(file.path)
    else:
        target.unlink()


def _may_be_mixed(path: Path) -> bool:
    """True for line ends of several kinds, between quotes or not: a look that takes much less than reading rows."""
    kinds = set[str]()
    for part in _read_parts(path):
        if b"\r" in part:
            both = part.count(b"\r\n")
            kinds |= {"\r\n"} if both else set()
            kinds |= {"\r"} if part.count(b"\r") > both else set()
            kinds |= {"\n"} if part.count(b"\n") > both else set()
        elif b"\n" in part:
            kinds.add("\n")
        if len(kinds) > 1:
            return True
    return False


def _read_parts(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes; no part ends between a carriage return and its line feed."""
    with path.open("rb") as content:
        while part := content.read(CHUNK):
            while part.endswith(b"\r") and (more := content.read(1)):
                part += more
            yield part
