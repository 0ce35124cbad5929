"""The blocks of a run on one machine: the local twins over a state folder, or saved blocks by slug."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from blocks.dbt.project import DbtProject
from blocks.errors import Misconfigured
from blocks.loader.base import Loader
from blocks.notifier.base import Notifier
from blocks.prefect.block_types import load_block
from blocks.quality.suites import Suites
from blocks.release_names import release_schema
from blocks.site.base import BiSite
from blocks.tracker.base import Tracker
from blocks.warehouse.base import Warehouse
from flows.flags import ROOT, Flags
from flows.places import find_suites, find_tickets, locate_site, read_locations


@dataclass
class Blocks:
    """The interfaces a run works through."""

    tracker: Tracker
    loaders: list[Loader]
    warehouse: Warehouse
    site: BiSite
    project: DbtProject
    suites: Suites
    notifier: Notifier


@contextmanager
def make_local_blocks(flags: Flags, run: str) -> Iterator[Blocks]:
    """Compose the blocks that the flags ask for; demo sources are made and served where none are given.

    dbt's process is started first: it takes seconds, while other things are made ready.
    """
    from blocks.loader.dlt.loader import DltLoader
    from blocks.notifier.files.notifier import FolderNotifier
    from blocks.site.html.site import FolderSite
    from blocks.tracker.files.tracker import FilesTracker
    from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse

    state = flags.state_folder
    folder = (flags.project or ROOT / "dbt").expanduser().resolve()
    suites = find_suites(flags)
    locations = read_locations(flags)
    with ExitStack() as stack:
        if flags.action == "plan":
            state = _look_only(state, Path(stack.enter_context(TemporaryDirectory())))
        warehouse = load_saved(flags.warehouse) or DuckDBWarehouse(database=str(state / "warehouse.duckdb"))
        project = DbtProject(folder=folder, state=state / "dbt", variables=flags.vars, target=flags.target)
        if flags.action in {"run", "plan"}:
            stack.callback(project.parse_ahead(warehouse, release_schema(run)).close)
        if flags.action == "run" and flags.project is None:
            locations = stack.enter_context(_serve_demo_sources(state, flags.scale, locations))
        tickets, key = _prepare_tickets(flags, state)
        site_folder, site = locate_site(state)
        yield Blocks(
            tracker=load_saved(flags.tracker) or FilesTracker(folder=tickets, project=key),
            loaders=[
                *(load_saved(slug) for slug in flags.loader),  # the first of a kind brings its sources
                DltLoader(locations=locations, workdir=state / "loads", deadline_seconds=3600),
            ],
            warehouse=warehouse,
            site=load_saved(flags.site) or FolderSite(folder=site_folder, project=site),
            project=project,
            suites=Suites(folder=suites, docs=state / "data_docs"),
            notifier=load_saved(flags.notifier) or FolderNotifier(folder=state / "outbox"),
        )


def _look_only(state: Path, scratch: Path) -> Path:
    """A scratch state for a dry run: what it reads is copied, so nothing is written in the real one."""
    for name in ("tickets", "warehouse.duckdb", "warehouse.duckdb.wal"):
        if (state / name).is_dir():
            shutil.copytree(state / name, scratch / name)
        elif (state / name).is_file():
            shutil.copy(state / name, scratch / name)
    return scratch


@contextmanager
def _serve_demo_sources(state: Path, scale: float, given: dict[str, str]) -> Iterator[dict[str, str]]:
    """The demo company's sources, where the user gave none of that name."""
    from demo.company import generate
    from demo.fx_api import serve

    company = generate(state / "demo", scale)
    with serve(company.fx) as rates:
        yield {"crm": f"sqlite:///{company.crm}", "erp": str(company.erp), "fx": rates, **given}


def _prepare_tickets(flags: Flags, state: Path) -> tuple[Path, str]:
    """The folder of ticket files and their project key; the demo's are copied, so a run dirties nothing.

    Another project's are where it has them, never the demo's; without any it may still have scheduled dashboards.
    """
    from blocks.tracker.files.tracker import find_project

    if flags.project or flags.tickets_folder:
        folder = find_tickets(flags)
        if folder is None:
            folder = state / "no_tickets"
            folder.mkdir(parents=True, exist_ok=True)
            return folder, "AN"
        key = find_project(folder)
        if key is None and flags.tickets_folder:
            answer = "no file of it is named like a ticket"
            raise Misconfigured(f"read tickets in {folder}", answer, "Name each by its key, as in AN-1.yaml.")
        return folder, key or "AN"
    if not (state / "tickets").is_dir():
        state.mkdir(parents=True, exist_ok=True)
        shutil.copytree(ROOT / "demo" / "tickets", state / "tickets.new", dirs_exist_ok=True)
        (state / "tickets.new").rename(state / "tickets")
    return state / "tickets", "AN"


def load_saved(slug: str | None) -> Any:
    """A saved block by `type-slug/name`; None for None."""
    return load_block(slug) if slug else None
