"""The files at a location, listed and opened by dlt over fsspec. Not here: what is in them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.errors import Busy, ContractBroken, Misconfigured, NotFound, PlatformError, Unavailable
from blocks.load_range import LoadRange
from blocks.loader.dlt.files.formats import SourceFile, split_numbers
from blocks.loader.dlt.load_context import LoadContext
from blocks.loader.dlt.table_config import require_setting
from blocks.plain_file import name_special
from blocks.records import SourceTable

if TYPE_CHECKING:
    from dlt.common.storages.fsspec_filesystem import FileItemDict
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]


def check_files(location: str, options: Mapping[str, object]) -> str:
    """Return a one-line status of a location."""
    system, path = _open_location(location, options)
    return f"{len(system.ls(path, detail=False))} entries in {location}"


def check_path(table: SourceTable) -> str:
    """The table's pattern of files. Raises Misconfigured for one that leads out of the source's location."""
    pattern = require_setting(table, "path")
    if ".." in re.split(r"[/\\]", pattern):
        raise Misconfigured(
            f"load {table.full_name}",
            f"its path {pattern} leads out of the source's location",
            "Write it from the location on, without `..`, or give the folder above as the location.",
        )
    return pattern


def list_files(context: LoadContext, table: SourceTable) -> dict[str, FileItemDict]:
    """Return item → dlt's entry of every file that matches the table's pattern, in the order of their names.

    Numbers in a name count as numbers: part-9 comes before part-10.
    """
    from dlt.sources.filesystem import filesystem

    pattern = check_path(table)
    system, path = _open_location(context.location, context.credential)
    if "file" in system.protocol:
        _check_links(table, Path(path), [Path(str(each)) for each in system.glob(f"{path}/{pattern}")])
    try:
        found = {str(each["relative_path"]): each for each in filesystem(context.location, system, pattern)}
    except Exception as error:  # every file system has errors of its own
        problem = type(error.__cause__ or error).__name__
    else:
        problem = ""
    if problem:
        raise Unavailable(
            f"list the files of {table.full_name}", f"they can't be looked at ({problem})", "Try again."
        )
    if not found:
        raise NotFound(
            f"load {table.full_name}", f"no file matches {pattern}", "Is the location right, and filled?"
        )
    return dict(sorted(found.items(), key=lambda one: (split_numbers(one[0]), one[0])))


def _check_links(table: SourceTable, folder: Path, files: Iterable[Path]) -> None:
    """Raise ContractBroken for a link that leads out of the location: who may write there could have any file read.

    And for a pipe, a socket or a device, which would be passed over, or waited for without end.
    """
    root, folders = folder.resolve(), dict[Path, Path]()
    for path in files:
        if path.parent not in folders:
            folders[path.parent] = path.parent.resolve()
        target = path.resolve() if path.is_symlink() else folders[path.parent] / path.name
        if not target.is_relative_to(root) or not target.exists():
            raise ContractBroken(
                f"load {table.full_name} from {path.relative_to(folder)}",
                "it is a link that leads out of the source's folder, or nowhere",
                "Copy the file there, or give the folder that holds it as the location.",
                table=table.full_name,
            )
        if kind := name_special(path):
            raise ContractBroken(
                f"load {table.full_name} from {path.relative_to(folder)}",
                f"it is {kind}, no plain file",
                "Put a plain file there, or remove it.",
                table=table.full_name,
            )


def compute_fingerprint(entry: FileItemDict) -> str:
    """Return what changes when a file does: its size and time."""
    return f"{entry.get('size_in_bytes', 0)}-{entry['modification_date'].timestamp()}"


def is_reloaded(load_range: LoadRange, item: str, entry: FileItemDict) -> bool:
    """True if a file is of the days to load again: by the date in its name, else by its time."""
    if not load_range.since:
        return False
    named = re.findall(r"(?<!\d)(\d{4})-?(\d\d)-?(\d\d)(?!\d)", item)
    day: date = entry["modification_date"].date()
    with suppress(ValueError):  # digits that are no date
        day = date(*map(int, named[-1])) if named else day
    return load_range.since <= day <= (load_range.until or date.max)


def fetch_files(
    context: LoadContext, table: SourceTable, found: Mapping[str, FileItemDict]
) -> list[SourceFile]:
    """Bring the files into the working folder, under numbers: local ones linked, remote ones copied."""
    files = []
    for at, (item, entry) in enumerate(found.items()):
        context.deadline.check()
        path = context.folder / f"{table.name}-{at:06}"
        problem = ""
        try:
            if entry["file_url"].startswith("file:"):
                path.symlink_to(Path(entry.local_file_path).resolve())  # where it led when it was checked
            else:
                with entry.open(mode="rb", compression="disable") as content, path.open("wb") as target:
                    shutil.copyfileobj(content, target, 1 << 20)
            with path.open("rb") as content:
                content.read(1)
        except Exception as error:  # every file system has errors of its own
            problem = type(error).__name__
        if problem:
            raise Unavailable(
                f"load {table.full_name} from {item}", f"it can't be opened ({problem})", "Try again."
            )
        files.append(SourceFile(item, path, path.stat().st_size, compute_fingerprint(entry)))
    return files


def check_unchanged(context: LoadContext, table: SourceTable, files: Sequence[SourceFile]) -> None:
    """Raise Busy if a file was written to while it was read."""
    now = list_files(context, table)
    for file in files:
        if file.item not in now or compute_fingerprint(now[file.item]) != file.fingerprint:
            raise Busy(
                f"load {table.full_name} from {file.item}", "it changed while it was read", "Try again."
            )


def _open_location(location: str, options: Mapping[str, object]) -> tuple[AbstractFileSystem, str]:
    """Open a location: its fsspec file system, and the path in it."""
    import fsspec

    remedy = "Correct the loader's locations."
    if any(sign in location for sign in "*?["):
        raise Misconfigured(
            "open the location", "its name holds *, ? or [", "Move the files to a plain name."
        )
    problem: PlatformError
    try:
        system, path = fsspec.core.url_to_fs(location, **options)
        if system.exists(path):
            return system, path
        problem = NotFound("open the location", f"there is no {location}", remedy)
    except (ImportError, ValueError):
        problem = Misconfigured("open the location", "no file system goes by this URL", remedy)
    except Exception as error:  # every file system has errors of its own
        problem = Unavailable(
            "open the location", type(error).__name__, "Is it reachable, the credential right?"
        )
    raise problem
