"""The company as a folder: made whole or not at all, and not again if the same one is there.

Not here: what its sources hold and how they are written (sources.py and the .sql files), the FX server
(fx_api.py), the tickets (tickets/).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.folder import Company as Company

VERSION = 1  # raise it when the sources change, so that companies made before are made again
MARKER = ".generated.json"
LOCK_SECONDS = 900


def generate(folder: Path, scale: float = 1.0, seed: int = 7, days: int | None = None) -> Company:
    """Make the company in `folder`, unless the same one is there. Scale 1 is about 60,000 invoice lines.

    days: only the ERP's first so many trading days; CRM and FX stay whole. Same arguments, same bytes.
    Raises FileExistsError if the folder holds something else.
    """
    from filelock import FileLock

    from demo.sources import write_sources

    if scale <= 0 or seed < 0 or (days is not None and days < 1):
        raise ValueError("scale and days are above zero, seed is not below it")
    wanted = json.dumps({"version": VERSION, "scale": float(scale), "seed": seed, "days": days})
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f".{folder.name}.lock", timeout=LOCK_SECONDS):
        if _content(folder) != wanted:
            with _replacement(folder) as new:
                write_sources(Company(new), scale, seed, days)
                (new / MARKER).write_text(wanted, encoding="utf-8")
    return Company(folder)


def _content(folder: Path) -> str | None:
    """What was generated here; None if nothing."""
    marker = folder / MARKER
    if marker.is_file():
        return marker.read_text(encoding="utf-8")
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} holds something else than a generated company; name another folder")
    return None


@contextmanager
def _replacement(folder: Path) -> Iterator[Path]:
    """A new folder that takes the old one's place at the end; what a killed run left goes first."""
    new, old = (folder.parent / f".{folder.name}.{suffix}" for suffix in ("new", "old"))
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    new.mkdir()
    yield new
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
