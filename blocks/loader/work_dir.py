"""The private folder of one source's load; two loads never share it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from blocks.errors import Busy


@contextmanager
def open_work_dir(workdir: Path, source: str) -> Iterator[Path]:
    """Create the source's working folder, without what a killed load left, and delete it afterwards."""
    from filelock import FileLock, Timeout

    base = workdir.expanduser().resolve()
    folder = base / re.sub(r"\W", "_", source)
    base.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(f"{folder}.lock", timeout=0):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    except Timeout:
        raise Busy(f"load {source}", "another run is loading it", "Wait for it to end.") from None
