"""A folder that a process works in for a while, and that the next one removes where the first was killed.

The process holds a lock in it for as long as it lives, so that nobody takes a working folder for a left one.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock

WAIT_SECONDS = 1.0
_LOCK = ".lock"


class ScratchFolder:
    """One of several beside each other whose names begin alike. It is made when it is entered or `open`ed."""

    def __init__(self, parent: Path, prefix: str, name: str) -> None:
        from filelock import FileLock

        self.path = parent / f"{prefix}{name}"
        self._prefix = prefix
        self._lock = FileLock(self.path / _LOCK, thread_local=False)

    def open(self) -> Path:
        """Make it, once what killed processes left beside it is gone. A second call does nothing."""
        if not self._lock.is_locked:
            self._sweep()
            self.path.mkdir(parents=True, exist_ok=True)
            _try_lock(
                self._lock, WAIT_SECONDS
            )  # one that a second process opens under the same name goes without
        self.path.mkdir(parents=True, exist_ok=True)
        return self.path

    def close(self) -> None:
        """Remove it; a second call does nothing."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release(force=True)

    def _sweep(self) -> None:
        from filelock import FileLock

        for folder in self.path.parent.glob(f"{self._prefix}*"):
            lock = FileLock(folder / _LOCK, timeout=0)
            if folder != self.path and folder.is_dir() and not folder.is_symlink() and _try_lock(lock, 0):
                shutil.rmtree(folder, ignore_errors=True)
                lock.release(force=True)


@contextmanager
def open_scratch(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """A private folder of a new name; parent: the system's temporary folder if none is given."""
    place = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    scratch = ScratchFolder(place.parent, prefix, place.name.removeprefix(prefix))
    try:
        yield scratch.open()
    finally:
        scratch.close()


def _try_lock(lock: BaseFileLock, timeout: float) -> bool:
    from filelock import Timeout

    with suppress(Timeout, OSError):  # another process's, or another user's
        lock.acquire(timeout=timeout)
    return lock.is_locked
