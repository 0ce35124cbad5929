"""The landing folder: where a load's files wait for COPY INTO, one folder a load, on a disk or object store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.errors import Misconfigured, PlatformError, Unavailable
from blocks.sql import split_path
from blocks.warehouse.dremio.settings import DremioSettings

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]


@contextmanager
def land_files(settings: DremioSettings, files: Sequence[Path], folder: str) -> Iterator[str]:
    """Put files into a folder of their own and give its place as COPY INTO names it; removed afterwards."""
    store, root = _open_store(settings.landing_url, settings.landing_options.get_secret_value())
    target = f"{root}/{folder}"
    problem: PlatformError | None = None
    try:
        store.makedirs(target, exist_ok=True)
        for at, file in enumerate(files):
            store.put_file(str(file), f"{target}/{at}.parquet")
    except Exception as error:  # each store has errors of its own; their text may hold keys
        problem = Unavailable(
            f"write to {settings.landing_url}", type(error).__name__, "Check the store and its credentials."
        )
    if problem:
        raise problem
    source, *path = split_path(settings.landing)
    try:
        yield "/".join([f"@{source}", *path, folder])
    finally:
        with suppress(Exception):  # what is left over only takes space
            store.rm(target, recursive=True)


def _open_store(url: str, options: Mapping[str, object]) -> tuple[AbstractFileSystem, str]:
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
