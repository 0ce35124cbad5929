"""Where the flags of the command line say that things are. Only looks: quick, before anything slow is imported."""

from __future__ import annotations

from pathlib import Path

from blocks.errors import Misconfigured
from flows.flags import ROOT, Flags


def read_locations(flags: Flags) -> dict[str, str]:
    """Source → where it is, as the flags say. Raises Misconfigured for what is not NAME=LOCATION."""
    return dict(_parse_source(text) for text in flags.source)


def find_suites(flags: Flags) -> Path:
    """Where the suites are: as named, else `expectations` in the dbt project or beside it."""
    folder: Path = (flags.suites or _find_folder(flags, "expectations")).expanduser().resolve()
    return folder


def _find_folder(flags: Flags, name: str) -> Path:
    """A folder of the dbt project's: in it if it is there, else beside it."""
    project: Path = (flags.project or ROOT / "dbt").expanduser().resolve()
    return project / name if (project / name).is_dir() else project.parent / name


def find_tickets(flags: Flags) -> Path | None:
    """The folder of ticket files that a run works on; None where the project has none.

    The demo's own are where its first run copies them from, until it did.
    """
    if flags.tickets_folder:
        return flags.tickets_folder.expanduser().resolve()
    if flags.project:
        folder = _find_folder(flags, "tickets")
        return folder if folder.is_dir() else None
    copied = flags.state_folder / "tickets"
    return copied if copied.is_dir() else ROOT / "demo" / "tickets"


def locate_site(state: Path) -> tuple[Path, str]:
    """Folder and project of the local site in a state folder."""
    return state / "site", "dashboards"


def _parse_source(text: str) -> tuple[str, str]:
    name, separator, location = text.partition("=")
    if not separator or not location:
        shown = name if "://" not in name else "URL"  # which may hold a password
        raise Misconfigured(f"read --source {shown}", "it is not NAME=LOCATION", "As in erp=data/erp.")
    if "://" in location:
        return name, location
    try:
        return name, str(Path(location).expanduser().resolve())
    except (OSError, RuntimeError) as error:  # a circle of links, a home of nobody
        asked, answer = f"read --source {name}", str(error).rstrip(".")
    raise Misconfigured(asked, answer, "Name a path that can be followed.")
