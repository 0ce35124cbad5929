"""One file of the ticket folder: read whole or not at all, replaced whole or not at all, under one lock."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from blocks.errors import Busy, Misconfigured, Unavailable, find_machine_remedy, replace_vendor_errors
from blocks.tracker.files.yaml_events import UnreadableError
from blocks.whole_file import sync_to_disk

LIMIT_BYTES = 1_500_000  # a file of that size takes up to three seconds of a processor to edit, 0.1 to read
LOCK, LOCK_SECONDS = ".tickets.lock", 20


def read_file(path: Path) -> str:
    """A plain file's content; links, devices and large files are not followed, opened or read."""

    def translate(error: BaseException) -> UnreadableError:
        return UnreadableError(
            "it is not UTF-8 text" if isinstance(error, UnicodeError) else "it can't be opened"
        )

    with replace_vendor_errors((UnicodeError, OSError), translate):
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise UnreadableError("it is a link or no plain file")
        if found.st_size > LIMIT_BYTES:
            raise UnreadableError(f"it is larger than {LIMIT_BYTES:,} bytes")
        return path.read_bytes().decode()


def replace_file(path: Path, content: bytes, before: bytes | None = None) -> bool:
    """Put content in a file's place; the same content leaves it alone.

    False: the file is no longer what it was (`before`), and was left alone.
    """
    if path.is_file() and not path.is_symlink() and path.read_bytes() == content:
        return True
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)  # of a run that was killed
    try:
        with new.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError:  # no space left, say
        new.unlink(missing_ok=True)
        raise
    if path.is_file():
        shutil.copymode(path, new)
    if before is not None and (not path.is_file() or path.read_bytes() != before):
        new.unlink()
        return False
    new.replace(path)
    sync_to_disk(path.parent)
    return True


def check_writable(folder: Path) -> None:
    """Raise Misconfigured if answers can't be written there: a file is made and removed, and the lock looked at."""
    lock = folder / LOCK
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
        if lock.exists() and not os.access(lock, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, f"{LOCK} belongs to somebody else")
    except OSError as error:
        answer = f"it can't be written to ({error.strerror or type(error).__name__})"
        remedy = "Answers go there: let this account write there, or make room."
        raise Misconfigured(f"answer tickets in {folder}", answer, remedy) from None


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold the folder against other runs; what the disk refuses comes out as Unavailable."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(folder / LOCK, timeout=LOCK_SECONDS):
            yield
    except Timeout:
        raise Busy(f"lock {folder}", "another run writes answers", "Try again later.") from None
    except OSError as error:
        answer = error.strerror or "the disk refused"
        raise Unavailable(f"write in {folder}", answer, find_machine_remedy(answer)) from None
