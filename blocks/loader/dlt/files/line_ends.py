"""Texts whose lines end in several ways, or begin with a mark (BOM): written again with one way and without marks.

DuckDB would lose lines, some without a word, and take a mark between joined files for a part of a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from blocks.loader.dlt.files.formats import SourceFile
from blocks.loader.dlt.load_context import LoadContext

CHUNK = 1 << 20  # bytes
LINE_END = re.compile(rb"\r\n|\r|\n")
MARK = b"\xef\xbb\xbf"
MARKED_LINE = re.compile(rb"([\r\n])" + MARK)
CUT = re.compile(rb"[\r\n](?:\xef\xbb?)?\Z")  # what goes on with a line end or a mark, perhaps


def unify_line_ends(context: LoadContext, file: SourceFile, quoted: bool) -> None:
    """Write a file again whose lines end in several ways, or whose later lines begin with a mark.

    quoted: line ends between quotes are a value's, and stay. Only the link in the working folder is replaced, not the
    source's file.
    """
    mixed, marked = _find_oddities(file.path)
    if not mixed and not marked:
        return
    target, inside, before, ends = file.path.with_name(f"{file.path.name}-lines"), False, b"", set[bytes]()
    with target.open("wb") as written:
        for part in _read_parts(file.path):
            context.deadline.check()
            bare = MARKED_LINE.sub(rb"\1", part) if marked else part
            pieces = bare.split(b'"') if quoted else [bare]
            for at, piece in enumerate(pieces):
                if at:  # a quote stands before it; one in the middle of a word opens nothing, as in 5" pipe
                    inside, before = not inside and not before.isalnum(), b'"'
                before = piece[-1:] or before
                if not inside:
                    ends.update(LINE_END.findall(piece))
                    pieces[at] = LINE_END.sub(b"\n", piece) if mixed else piece
            written.write(b'"'.join(pieces))
    if len(ends) > 1 or marked:
        target.replace(file.path)
    else:
        target.unlink()


def _find_oddities(path: Path) -> tuple[bool, bool]:
    """Return whether there are line ends of several kinds, between quotes or not, and marks at the begin of lines.

    A look that takes much less than reading rows.
    """
    kinds, marked = set[str](), False
    for part in _read_parts(path):
        if b"\r" in part:
            both = part.count(b"\r\n")
            kinds |= {"\r\n"} if both else set()
            kinds |= {"\r"} if part.count(b"\r") > both else set()
            kinds |= {"\n"} if part.count(b"\n") > both else set()
        elif b"\n" in part:
            kinds.add("\n")
        # one byte is found many times as fast as three
        marked = marked or (MARK[:1] in part and bool(MARKED_LINE.search(part)))
    return len(kinds) > 1, marked


def _read_parts(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes; no part ends between a carriage return and its line feed, nor in a mark behind them."""
    with path.open("rb") as content:
        while part := content.read(CHUNK):
            while CUT.search(part, len(part) - 3) and (more := content.read(1)):
                part += more
            yield part
