"""The blocks of a run on one machine: the local twins over a state folder, or saved blocks by slug."""

from __future__ import annotations

import shutil
from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from prefect.blocks.core import Block

from blocks.dbt import DbtProject
from blocks.errors import Misconfigured
from blocks.loader.base import Loader
from blocks.site.base import BiSite
from blocks.suites import Suites
from blocks.tracker.base import Tracker
from blocks.warehouse.base import Warehouse

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Blocks:
    """The interfaces a run works through."""

    tracker: Tracker
    loaders: list[Loader]
    warehouse: Warehouse
    site: BiSite
    project: DbtProject
    suites: Suites


@contextmanager
def local_blocks(flags: Namespace) -> Iterator[Blocks]:
    """Compose the blocks that the flags ask for; demo sources are made and served where none are given."""
    from blocks.loader.dlt import DltLoader
    from blocks.site.folder import FolderSite
    from blocks.tracker.files import FilesTracker
    from blocks.warehouse.duckdb import DuckDBWarehouse

    state: Path = flags.state.expanduser().resolve()
    state.mkdir(parents=True, exist_ok=True)
    project = (flags.project or ROOT / "dbt").expanduser().resolve()
    suites = (flags.suites or project.parent / "expectations").expanduser().resolve()
    with ExitStack() as stack:
        locations = dict(_pair(text) for text in flags.source)
        if flags.project is None:
            locations = stack.enter_context(_demo(state, flags.scale, locations))
        tickets, key = _tickets(flags, state)
        yield Blocks(
            tracker=_saved(flags.tracker) or FilesTracker(folder=tickets, project=key),
            loaders=[_saved(slug) for slug in flags.loader]
            or [DltLoader(locations=locations, workdir=state / "loads", deadline_seconds=3600)],
            warehouse=_saved(flags.warehouse) or DuckDBWarehouse(database=str(state / "warehouse.duckdb")),
            site=_saved(flags.site) or FolderSite(folder=state / "site", project="dashboards"),
            project=DbtProject(folder=project, state=state / "dbt"),
            suites=Suites(folder=suites, docs=state / "data_docs"),
        )


@contextmanager
def _demo(state: Path, scale: float, given: dict[str, str]) -> Iterator[dict[str, str]]:
    """The demo company's sources, where the user gave none of that name."""
    from demo.company import generate
    from demo.fx_api import serve

    company = generate(state / "demo", scale)
    with serve(company.fx) as rates:
        yield {"crm": f"sqlite:///{company.crm}", "erp": str(company.erp), "fx": rates, **given}


def _tickets(flags: Namespace, state: Path) -> tuple[Path, str]:
    """The folder of ticket files and their project key; the demo's are copied, so a run dirties nothing."""
    if flags.tickets_folder:
        folder = flags.tickets_folder.expanduser().resolve()
        first = next(iter(sorted(folder.glob("*-*.yaml"))), None)
        if first is None:
            raise Misconfigured(f"read tickets in {folder}", "there are none", "Write one, say AN-1.yaml.")
        return folder, first.stem.split("-")[0]
    if not (state / "tickets").is_dir():
        shutil.copytree(ROOT / "demo" / "tickets", state / "tickets.new", dirs_exist_ok=True)
        (state / "tickets.new").rename(state / "tickets")
    return state / "tickets", "AN"


def _saved(slug: str | None):  # type: ignore[no-untyped-def]
    """A saved block by `type-slug/name`; None for None. Any type that Prefect knows here."""
    return Block.load(slug) if slug else None


def _pair(text: str) -> tuple[str, str]:
    name, separator, location = text.partition("=")
    if not separator or not location:
        raise Misconfigured(f"read --source {text}", "it is not NAME=LOCATION", "As in erp=data/erp.")
    local = Path(location).expanduser()
    return name, str(local.resolve()) if "://" not in location else location
