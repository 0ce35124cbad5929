"""Archives: a file that was compressed, or a ZIP of several; what is inside is written to the working folder.

By its first bytes, whatever it is called. The ledger keeps the file itself; a member is named in errors only.
Add another way of compressing to STREAMS. Not here: Excel's workbooks, which are ZIP archives too (excel).
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import IO, cast

from blocks.errors import ContractBroken, Misconfigured, replace_vendor_errors
from blocks.loader.dlt.files.formats import SourceFile, build_file_error, split_numbers
from blocks.loader.dlt.load_context import LoadContext
from blocks.records import SourceTable

GIGABYTE = 1 << 30
UNPACKED_GIGABYTES = 20  # of one file, unless its meta says more
UNBOUNDED_BYTES = 100 << 20  # up to here any ratio is right
LARGEST_RATIO = 250  # bytes that one byte may become; text has less than 100
MOST_MEMBERS = 10_000
CHUNK = 1 << 20
WORKBOOK = "[Content_Types].xml"  # in a ZIP archive that is a workbook
LEFT_OUT = ("__MACOSX/", ".DS_Store", "Thumbs.db")  # what operating systems add
DAMAGED = (
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
)


def _open_zstd(path: Path) -> IO[bytes]:
    import pyarrow as pa

    opened: IO[bytes] = pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")
    return opened


def _open_gzip(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path))


STREAMS: dict[str, Callable[[Path], IO[bytes]]] = {  # what one file was compressed by → how it is opened
    "gzip": _open_gzip,
    "zstd": _open_zstd,
    "bzip2": bz2.open,
    "xz": lzma.open,
}
MAGIC = (  # how a file begins → what it is
    (b"\x1f\x8b", "gzip"),
    (rb"\x28\xb5\x2f\xfd", "zstd"),
    (rb"BZh[1-9]1AY&SY", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"PK(?:\x03\x04|\x05\x06)", "zip"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"\xd0\xcf\x11\xe0", "xls"),
    (b".{257}ustar", "tar"),
)
UNREADABLE = {
    "7z": "it is a 7z archive, which is not read: use .zip, .gz or .zst",
    "rar": "it is a RAR archive, which is not read: use .zip, .gz or .zst",
    "tar": "it is a tar archive, which is not read: use .zip, .gz or .zst",
    "xls": "it is an old or encrypted Excel file, which is not read: save it as .xlsx without a password",
}


def unpack_files(context: LoadContext, table: SourceTable, files: Sequence[SourceFile]) -> list[SourceFile]:
    """Replace each archive by what is in it, in natural order. Raises ContractBroken for one that can't be trusted."""
    found = []
    for file in files:
        context.deadline.check()
        kind = find_kind(file.path)
        if kind in UNREADABLE:
            raise build_file_error(table, file.label, UNREADABLE[kind])
        if kind in STREAMS:
            found.append(_unpack_stream(context, table, file, kind))
        elif kind == "zip" and not is_workbook(file.path):
            found += _unpack_zip(context, table, file)
        else:
            found.append(file)
    return found


def find_kind(path: Path) -> str:
    """Say what a file was compressed by, or what container it is; "" for any other file."""
    with path.open("rb") as content:
        start = content.read(300)
    return next((kind for sign, kind in MAGIC if re.match(sign, start, re.DOTALL)), "")


def is_workbook(path: Path) -> bool:
    """True for a ZIP archive that is an Excel workbook."""
    if find_kind(path) != "zip":
        return False
    with suppress(*DAMAGED), zipfile.ZipFile(path) as archive:
        return WORKBOOK in archive.namelist()
    return False


def check_unpacked_size(table: SourceTable, label: str, packed: int, unpacked: int) -> None:
    """Raise ContractBroken if an archive becomes larger than any export: it would fill the disk."""
    given = table.meta.get("unpacked_gb")
    bound = UNPACKED_GIGABYTES if given is None else given
    if isinstance(bound, bool) or not isinstance(bound, int | float) or bound <= 0:
        raise Misconfigured(
            f"load {table.full_name}", "its unpacked_gb is no number of gigabytes", "Correct its meta."
        )
    too_dense = given is None and unpacked > max(UNBOUNDED_BYTES, LARGEST_RATIO * packed)
    if unpacked > bound * GIGABYTE or too_dense:
        raise ContractBroken(
            f"load {table.full_name} from {label}",
            f"it unpacks to more than {f'{LARGEST_RATIO} times its size' if too_dense else f'{bound} GB'}",
            "If it is right, declare `unpacked_gb` in the meta of the dbt source.",
        )


def _unpack_stream(context: LoadContext, table: SourceTable, file: SourceFile, kind: str) -> SourceFile:
    opened = file._replace(path=file.path.with_name(f"{file.path.name}-open"))
    with _name_damage(table, file.label, kind), STREAMS[kind](file.path) as content:
        _write_bounded(context, table, content, opened, 0)
    file.path.unlink()
    _check_not_nested(table, opened)
    return opened


def _unpack_zip(context: LoadContext, table: SourceTable, file: SourceFile) -> list[SourceFile]:
    """Write each member under a number: its name is never a path of ours."""
    total, found = 0, []
    with _name_damage(table, file.label, "zip"), zipfile.ZipFile(file.path) as archive:
        for at, member in enumerate(_list_members(table, file, archive)):
            path = file.path.with_name(f"{file.path.name}-{at:05}")
            opened = file._replace(path=path, member=member.filename)
            with archive.open(member) as content:
                total = _write_bounded(context, table, content, opened, total)
            _check_not_nested(table, opened)
            found.append(opened)
    file.path.unlink()
    return found


def _list_members(table: SourceTable, file: SourceFile, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """List the members to read. Raises ContractBroken, which names it, for one that can't be trusted."""
    wanted = str(table.meta.get("members", "*"))
    members = [
        one
        for one in archive.infolist()
        if not one.is_dir() and not _is_left_out(one.filename) and fnmatch(one.filename, wanted)
    ]
    names = [one.filename for one in members]
    if not members:
        raise build_file_error(table, file.label, f"no file in it matches {wanted}")
    if len(members) > MOST_MEMBERS:
        raise build_file_error(table, file.label, f"it holds more than {MOST_MEMBERS:,} files")
    for one in members:
        problem = _find_member_problem(one) or ("it is there twice" if names.count(one.filename) > 1 else "")
        if problem:
            raise build_file_error(table, f"{file.item}: {one.filename[:200]!r}", problem)
    return sorted(members, key=lambda one: (split_numbers(one.filename), one.filename))


def _is_left_out(name: str) -> bool:
    return name.startswith(LEFT_OUT) or name.endswith(LEFT_OUT[1:])


def _find_member_problem(member: zipfile.ZipInfo) -> str:
    name = member.filename
    if member.flag_bits & 1:
        return "it is encrypted"
    if name.startswith("/") or "\\" in name or ".." in name.split("/") or re.match(r"[A-Za-z]:", name):
        return "its name leads out of the archive"
    if (member.external_attr >> 16) & 0o170000 == 0o120000:
        return "it is a symbolic link"
    return ""


def _write_bounded(
    context: LoadContext, table: SourceTable, content: IO[bytes], opened: SourceFile, total: int
) -> int:
    """Write what is in an archive; return its size and what came before of the same one."""
    with opened.path.open("wb") as target:
        while part := content.read(CHUNK):
            context.deadline.check()
            total += len(part)
            check_unpacked_size(table, opened.label, opened.size, total)
            target.write(part)
    return total


def _check_not_nested(table: SourceTable, opened: SourceFile) -> None:
    kind = find_kind(opened.path)
    if kind in UNREADABLE:
        raise build_file_error(table, opened.label, UNREADABLE[kind])
    if kind in STREAMS or (kind == "zip" and not is_workbook(opened.path)):
        raise build_file_error(table, opened.label, f"it is an archive ({kind}) inside of another one")


def _name_damage(table: SourceTable, label: str, kind: str) -> AbstractContextManager[None]:
    """Translate what the readers of archives raise for one that is damaged, without what is in it."""
    damage = build_file_error(table, label, f"it is a damaged archive ({kind}), or cut off")
    # one with a number is the disk's error, not the archive's
    return replace_vendor_errors(DAMAGED, lambda error: None if getattr(error, "errno", None) else damage)
