"""One open DuckDB file shared by this process's threads, and closed when the last of them is done.

Opening and closing a file in several threads at once races inside DuckDB; cursors of one connection do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

_lock = Lock()
_open: dict[Path, tuple[Any, int]] = {}


@contextmanager
def cursor(path: Path, config: dict[str, Any]) -> Iterator[Any]:
    """A connection of its own to the file. config: DuckDB's settings, for whoever opens the file first."""
    import duckdb

    with _lock:
        root, users = _open.get(path) or (duckdb.connect(str(path), config=config), 0)
        _open[path] = (root, users + 1)
        own = root.cursor()
    try:
        yield own
    finally:
        with _lock:
            own.close()
            root, users = _open.pop(path)
            if users > 1:
                _open[path] = (root, users - 1)
            else:
                root.close()
