"""Files that are written whole or not at all: beside their place first, then put there, whatever ends the process."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

STALE_SECONDS = 24 * 3600.0
"""What is older belongs to a process that was killed: nothing that is still being written is."""
_BESIDE = re.compile(r"\..+\.[0-9a-f]{8}\.unfinished", re.DOTALL)


def write_whole(path: Path, content: str | bytes, mode: int | None = None) -> None:
    """Put content (text in UTF-8) in a file's place at once. mode: its rights, None for those of any new file.

    Of two that write at the same time one wins, and is whole. What killed processes left in the folder by writing
    files in this way is removed. Raises OSError; the file is then as it was.
    """
    _sweep(path.parent)
    beside = path.with_name(f".{path.name}.{uuid4().hex[:8]}.unfinished")
    try:
        with beside.open("xb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
        if mode is not None:
            beside.chmod(mode)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _sweep(folder: Path) -> None:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _BESIDE.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with suppress(OSError):  # another process was first, or it is another user's
                    if time.time() - entry.stat(follow_symlinks=False).st_mtime > STALE_SECONDS:
                        Path(entry).unlink()


def sync_to_disk(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    if os.name != "posix" and path.is_dir():
        return  # Windows has no such call for folders
    handle = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
