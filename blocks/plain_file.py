"""Files that people put somewhere, read without waiting: a named pipe or a device in their place would never end."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from blocks.errors import Misconfigured

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def name_special(path: Path) -> str:
    """`a named pipe`, `a socket`, `a device`, or nothing. Links are followed. Raises OSError where nothing is there."""
    mode = path.stat().st_mode
    return next((name for is_kind, name in _KINDS if is_kind(mode)), "")


def check_plain(path: Path) -> None:
    """Raise Misconfigured for a pipe, a socket or a device, and OSError where nothing is there."""
    if kind := name_special(path):
        raise Misconfigured(
            f"read {path}", f"it is {kind}, no plain file", "Put a plain file there, or remove it."
        )


def read_plain(path: Path) -> str:
    """A plain file's text in UTF-8. Raises as check_plain does, OSError and UnicodeError."""
    check_plain(path)
    return path.read_text(encoding="utf-8")


def check_folder(folder: Path, endings: frozenset[str], unread: frozenset[str]) -> None:
    """Raise Misconfigured for the first file below a folder, with one of these endings, that is no plain one.

    unread: names of folders that are passed over.
    """
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(set(folders) - unread)
        for name in sorted(files):
            path = Path(root, name)
            if path.suffix.lower() in endings and path.exists():
                check_plain(path)
