"""The landing folder: where a load's files wait for COPY INTO, one folder a load, on a disk or object store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blocks.errors import Misconfigured, PlatformError, Unavailable
from blocks.warehouse.dremio.names import split

if TYPE_CHECKING:
    from blocks.warehouse.dremio.warehouse import DremioWarehouse


@contextmanager
def landed(warehouse: DremioWarehouse, files: Sequence[Path], folder: str) -> Iterator[str]:
    """Put files into a folder of their own and give its place as COPY INTO names it; gone afterwards."""
    store, root = _store(warehouse.landing_url, warehouse.landing_options.get_secret_value())
    target = f"{root}/{folder}"
    problem: PlatformError | None = None
    try:
        store.makedirs(target, exist_ok=True)
        for at, file in enumerate(files):
            store.put_file(str(file), f"{target}/{at}.parquet")
    except Exception as error:  # each store has errors of its own; their text may hold keys
        problem = Unavailable(
            f"write to {warehouse.landing_url}", type(error).__name__, "Check the store and its credentials."
        )
    if problem:
        raise problem
    source, *path = split(warehouse.landing)
    try:
        yield "/".join([f"@{source}", *path, folder])
    finally:
        _remove(store, target)


def _store(url: str, options: dict[str, Any]) -> tuple[Any, str]:
    from fsspec.core import url_to_fs  # type: ignore[import-untyped]

    problem: PlatformError
    try:
        store, root = url_to_fs(url, **options)
        return store, str(root).rstrip("/")
    except (ImportError, ValueError, TypeError) as error:
        problem = Misconfigured(
            f"open {url}", type(error).__name__, "Install the extra `files`; correct landing_url."
        )
    raise problem


def _remove(store: Any, target: str) -> None:
    """Leftovers are only space, so a failure here is none."""
    try:
        store.rm(target, recursive=True)
    except Exception:
        return
