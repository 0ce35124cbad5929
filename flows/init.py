"""`init`: what data or a dbt project lack for a first dashboard, shown as a difference, and written if asked to."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from difflib import unified_diff
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from urllib.parse import quote

from blocks.errors import Misconfigured, PlatformError
from blocks.loader.dlt.locations import split_location
from blocks.warehouse.base import Warehouse
from blocks.whole_file import write_whole
from flows.flags import MAIN, Flags
from flows.run_context import name_new_run
from flows.terminal import Terminal
from tasks.adoption import Adopter, Adoption, Place


def show_init(
    flags: Flags, locations: dict[str, str], terminal: Terminal, warehouse: Warehouse | None = None
) -> None:
    """Propose, show the difference, write it with --apply, and say what to type next.

    warehouse: in which a dbt project's models are built and profiled; none: an embedded DuckDB. Raises Misconfigured,
    NotFound, BuildFailed; then nothing is written.
    """
    if flags.project is None:
        raise Misconfigured(
            "init",
            "it is not said of what",
            "As in init --project exports, a folder of files or a dbt project.",
        )
    root = flags.project.expanduser().resolve()
    found = open_adoption(flags, root)
    terminal.show_waiting("profiling, building and checking a copy …")
    with TemporaryDirectory() as scratch:
        settings = {"variables": flags.vars, "target": flags.target}
        today = datetime.now(UTC).date()
        place = Place(warehouse, f"init_{name_new_run()}", flags.apply) if warehouse else None
        adopter = Adopter(found, Path(scratch), flags.ticket, today, settings, place, flags.marts or ())
        with _keep_log(Path(scratch), flags.state_folder, found.project):
            adopter.adopt(root, locations)
    terminal.stop_waiting()
    changes = {path: text for path, text in found.files.items() if read_text(path) != text}
    for path, text in sorted(changes.items()):
        terminal.print_text(write_diff(path, text, found.project).rstrip())
        if flags.apply:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, text)
    for note in found.notes:
        terminal.print_text(f"note: {note}")
    terminal.print_text(write_end(found, len(changes), flags))


@contextmanager
def _keep_log(scratch: Path, state: Path, project: Path) -> Iterator[None]:
    """Let an error name the project in place of its copy, and a log of dbt's that outlives the scratch folder.

    The log is put into the state folder.
    """
    try:
        yield
    except PlatformError as error:
        log, kept = scratch / "state" / "logs" / "dbt.log", state / "init" / "dbt.log"
        if str(log) in error.remedy and log.is_file():
            kept.parent.mkdir(parents=True, exist_ok=True)
            copyfile(log, kept)
            error.remedy = error.remedy.replace(str(log), str(kept))
        copy = str(scratch / "dbt")
        error.asked = error.asked.replace(copy, str(project))
        error.answer = error.answer.replace(copy, str(project))
        error.remedy = error.remedy.replace(copy, str(project))
        raise


def open_adoption(flags: Flags, root: Path) -> Adoption:
    """Where the project is or will be, and its suites and tickets."""
    project = root if (root / "dbt_project.yml").is_file() else root / "dbt"

    def choose(given: Path | None, name: str) -> Path:
        beside = project.parent / name
        inside = project / name if (project / name).is_dir() or not beside.is_dir() else beside
        return given.expanduser().resolve() if given else inside

    return Adoption(project, choose(flags.suites, "expectations"), choose(flags.tickets_folder, "tickets"))


def write_diff(path: Path, text: str, project: Path) -> str:
    """The difference of a file, by its path in the project where it is in it."""
    name = str(path.relative_to(project)) if path.is_relative_to(project) else str(path)
    before = (read_text(path) or "").splitlines(keepends=True)
    lines = unified_diff(before, text.splitlines(keepends=True), name if before else "/dev/null", name)
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def write_end(found: Adoption, changes: int, flags: Flags) -> str:
    """How many files, and the next two commands."""
    where = [f"--project {shlex.quote(str(found.project))}"]
    for source, location in sorted(found.locations.items()):
        where.append(f"--source {shlex.quote(f'{source}={_hide_password(source, location)}')}")
    if flags.suites:
        where.append(f"--suites {shlex.quote(str(found.suites))}")
    if flags.tickets_folder:
        where.append(f"--tickets-folder {shlex.quote(str(found.tickets))}")
    if flags.warehouse:
        where.append(f"--warehouse {shlex.quote(flags.warehouse)}")
    if flags.vars:
        where.append(f"--vars {shlex.quote(json.dumps(flags.vars))}")
    if flags.target:
        where.append(f"--target {shlex.quote(flags.target)}")
    words = " ".join(where)
    if not changes:
        done = "nothing to add"
    elif flags.apply:
        done = f"{changes} files written"
    else:
        done = f"{changes} files would be written: read them above, then run this again with --apply"
    last = (
        "\n\n(PASSWORD stands for the one that you gave; it is shown nowhere.)"
        if ":PASSWORD@" in words
        else ""
    )
    return f"{done}\n\nnext:\n  {MAIN} check {words}\n  {MAIN} {words}{last}"


def _hide_password(source: str, location: str) -> str:
    """A location with a word in place of its password."""
    bare, login = split_location(source, location)
    scheme, _, rest = bare.partition("://")
    return f"{scheme}://{quote(login['username'])}:PASSWORD@{rest}" if login else bare


def read_text(path: Path) -> str | None:
    """A file's text; None if there is none."""
    return path.read_text(encoding="utf-8") if path.is_file() else None
