"""What is given on the command line and can't be right is refused before anything starts: it takes milliseconds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from blocks.dbt.declared_sources import list_declared_sources
from blocks.errors import Misconfigured, NotFound
from blocks.findings import suggest_name
from flows.flags import MAIN, ROOT, Flags
from flows.places import find_tickets, read_locations

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*-[0-9]+")
_NEED_WAREHOUSE = {"status", "rollback", "retire", "export"}


def check_flags(flags: Flags) -> None:
    """Look at folders, sources, tickets and blocks as they were typed. Raises Misconfigured, NotFound."""
    _check_folders(flags)
    _check_blocks(flags)
    _check_tickets(flags)
    _check_sources(flags)
    if flags.action in _NEED_WAREHOUSE and flags.warehouse is None:
        _check_state(flags)


def _check_folders(flags: Flags) -> None:
    if flags.project is not None:
        folder = _check_folder("--project", flags.project)
        if flags.action != "init" and not (folder / "dbt_project.yml").is_file():
            inside = folder / "dbt"
            remedy = (
                f"Did you mean {flags.project / 'dbt'}?"
                if (inside / "dbt_project.yml").is_file()
                else f"Name a dbt project's folder, or let `{MAIN} init --project {flags.project}` make one."
            )
            raise Misconfigured(
                f"read --project {flags.project}", "there is no dbt_project.yml in it", remedy
            )
    if flags.action != "init":
        for name, given in (("--suites", flags.suites), ("--tickets-folder", flags.tickets_folder)):
            if given is not None:
                _check_folder(name, given)
    if flags.file is not None and not flags.file.expanduser().is_file():
        raise NotFound(f"read --file {flags.file}", "there is no such file", "Name a YAML file.")


def _check_folder(flag: str, given: Path) -> Path:
    folder = given.expanduser().resolve()
    if folder.is_dir():
        return folder
    what = "it is no folder" if folder.exists() else "there is no such folder"
    near = suggest_name(folder.name, [each.name for each in _list_folders(folder.parent)])
    raise NotFound(f"read {flag} {given}", f"{what}{near}", "Name a folder that is there.")


def _list_folders(parent: Path) -> Iterator[Path]:
    if parent.is_dir():
        yield from (each for each in parent.iterdir() if each.is_dir())


def _check_blocks(flags: Flags) -> None:
    kinds = ("tracker", "warehouse", "site", "notifier")
    named: dict[str, str | None] = {kind: getattr(flags, kind) for kind in kinds}
    given = [(kind, slug) for kind, slug in named.items() if slug is not None]
    given += [("loader", slug) for slug in flags.loader]
    if given:
        from blocks.prefect.block_types import TYPES  # with Prefect, which takes a second
    for kind, slug in given:
        block_type, _, name = slug.partition("/")
        known = [each for each in TYPES if each.endswith(f"-{kind}")]
        if not name or block_type not in known:
            answer = "it is not TYPE/NAME" if not name else f"{block_type} is no type of {kind}"
            near = suggest_name(block_type, known)
            raise Misconfigured(
                f"use --{kind} {slug}",
                f"{answer}{near}",
                f"As in {known[0]}/prod; types: {', '.join(known)}.",
            )


def _check_tickets(flags: Flags) -> None:
    keys = [*(flags.tickets or ()), *([flags.ticket] if flags.ticket is not None else ())]
    for key in keys:
        if not _KEY.fullmatch(key):
            raise Misconfigured(f"read ticket {key}", "that is no ticket's key", "As in AN-1.")
    folder = _find_tickets(flags)
    if flags.tickets is None or folder is None:
        return
    known = sorted(path.stem for path in folder.glob("*-*.yaml"))
    for key in flags.tickets:
        if key not in known:
            there = f"There are {', '.join(known[:10])}." if known else "There are none at all."
            raise NotFound(
                f"read ticket {key}", f"there is no {key}.yaml in {folder}{suggest_name(key, known)}", there
            )


def _find_tickets(flags: Flags) -> Path | None:
    """Where the ticket files are that a run would read; None where that is another system, or not made yet."""
    if flags.tracker is not None or flags.action not in {"run", "plan"}:
        return None
    return find_tickets(flags)


def _check_sources(flags: Flags) -> None:
    """Each --source and --only-sources by the names in the project's YAML, where all of it can be read."""
    given = [*read_locations(flags), *(flags.only_sources or ())]
    if flags.action == "init" or not given:
        return
    known = list_declared_sources((flags.project or ROOT / "dbt").expanduser().resolve())
    for name in given if known else ():
        if name not in known:
            answer = f"the dbt project declares none of that name{suggest_name(name, known)}"
            raise NotFound(f"use source {name}", answer, f"Sources: {', '.join(sorted(known))}.")


def _check_state(flags: Flags) -> None:
    state = flags.state_folder
    taken = any(place.is_file() for place in (state, *state.parents))  # which is said in its own words
    if not taken and not (state / "warehouse.duckdb").is_file():
        raise NotFound(
            f"look into --state {flags.state}" if flags.state != ROOT / ".local" else "look into .local",
            "there is no warehouse in it: no run was here yet",
            f"Run `{MAIN}` first, or name the state folder of a run, or a --warehouse.",
        )
