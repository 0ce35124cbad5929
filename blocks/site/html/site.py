"""FolderSite: dashboards as files in a folder, to be opened from disk or served by any web server.

Everything a dashboard is made of is written beside its place first and then renamed into it, the page last,
so a kill leaves the page that was there, whole. What a page looks like is not here.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from pydantic import Field

from blocks.dictionary import Dictionary
from blocks.errors import BadInput, Busy, Misconfigured, NotFound, PlatformError, replace_vendor_errors
from blocks.hashing import hash_value
from blocks.http.address import Address, find_served
from blocks.manifest import Manifest
from blocks.records import GateReport, Publication
from blocks.site.base import ARCHIVE, CANDIDATES, BiSite, Card, write_candidate_name
from blocks.site.html.dashboard_view import open_view
from blocks.site.html.dbt_docs_page import DOCS_FILE, render_dbt_docs
from blocks.site.html.dictionary_page import FILE, find_guides, render_dictionary
from blocks.site.html.index import (
    STATE,
    confirm_entry,
    confirm_page,
    dump_entries,
    hold_entries,
    mark_candidate,
    mark_page,
    read_entries,
    render_index,
    summarize_gate,
    update_entries,
    write_file,
)
from blocks.site.html.page import build_program
from blocks.site.html.page_model import render_dashboard
from blocks.site.html.picture import draw_picture, load_renderer
from blocks.site.hyper import write_hyper
from blocks.site.readback import DatasetSummary, Readback, compare
from blocks.site.text import check_slug
from blocks.whole_file import STALE_SECONDS

LOCK_SECONDS = 60.0


class FolderSite(BiSite):
    """Dashboards in a folder: a page, a Tableau extract and a picture each, and an index over all."""

    _block_type_name = "Folder Site"
    _block_type_slug = "folder-site"
    _description = "Publishes dashboards as self-contained pages into a folder."

    project: str = Field("dashboards", description="folder in `folder`, as in dashboards or team/sales")
    folder: Path = Field(description="the folder that is published into; created if absent")
    address: Address = Field("", description="where the folder is served, as in https://bi.example.com")
    dbt_docs: bool = Field(
        True, description="write dbt's own documentation, which shows every model's SQL, too"
    )

    def check(self) -> str:
        """Make the folder and see that it can be written."""
        place = self._place()
        with self._wrap_os_errors(place), tempfile.NamedTemporaryFile(dir=place, prefix=".check."):
            pass
        return f"publishes into {place}, opened at {self._make_url('index.html')}"

    def warm(self) -> None:
        """Put the page's program together and load what draws pictures."""
        build_program()
        load_renderer()

    def publish(self, card: Card) -> Publication:
        """Write the dashboard's files and put them in place of those of its last run."""
        begun, name, place = time.monotonic(), check_slug(card.dashboard.name), self._place()
        with self._wrap_os_errors(place):
            self._sweep(place)
            work = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=place))
            try:
                rows, asked = self._write(card, work)
                canary = compare(
                    name, card.summaries, [DatasetSummary(rows=number) for number in rows.values()]
                )
                self._install(work, place / name)
            finally:
                shutil.rmtree(work, ignore_errors=True)
        return Publication(
            dashboard=name,
            ticket=card.dashboard.ticket,
            run=card.run,
            rows=sum(rows.values()),
            url=self._make_url(f"{name}/index.html"),
            extract=place / name / f"{name}.hyper",
            image=place / name / "dashboard.png",
            seconds=round(time.monotonic() - begun, 3),
            canary=canary,
            asked=asked,
        )

    def publish_candidate(self, card: Card) -> Publication:
        """Likewise, with a banner on the page; those of earlier candidates of the dashboard are removed."""
        publication, site = super().publish_candidate(card), self.find_candidates_place()
        place, name = site.place, publication.dashboard
        with self._wrap_os_errors(place):
            page = place / name / "index.html"
            write_file(page, mark_candidate(page.read_text(encoding="utf-8")))
            for other in place.glob(f"{check_slug(card.dashboard.name)}-*"):
                run = other.name.removeprefix(f"{card.dashboard.name}-")
                if other.name != name and "-" not in run:  # or it is one of a dashboard with a longer name
                    shutil.rmtree(other, ignore_errors=True)
        return publication

    def remove_candidate(self, dashboard: str, run: str) -> None:
        """Its folder, which nobody edits."""
        parts = (*self.project.split("/"), CANDIDATES, write_candidate_name(dashboard, run))
        folder = self.folder.expanduser().resolve().joinpath(*map(check_slug, parts))
        with self._wrap_os_errors(folder):
            if folder.exists():
                shutil.rmtree(folder)

    @property
    def place(self) -> Path:
        """The folder of its dashboards."""
        return self._place()

    def publish_dictionary(self, dictionary: Dictionary) -> str:
        """Write the page of the data dictionary beside the index, which leads to it, as every dashboard's page does."""
        place = self._place()
        with self._wrap_os_errors(place):
            write_file(place / FILE, render_dictionary(dictionary, find_guides(place)))
        return self._make_url(FILE)

    def publish_dbt_docs(self, manifest: Manifest, dictionary: Dictionary) -> str | None:
        """Write dbt's documentation of the release's project beside the dictionary, which leads to it."""
        place = self._place()
        page = render_dbt_docs(manifest, dictionary) if self.dbt_docs else None
        with self._wrap_os_errors(place):
            if page is None:
                (place / DOCS_FILE).unlink(missing_ok=True)
                return None
            write_file(place / DOCS_FILE, page)
        return self._make_url(DOCS_FILE)

    def read_use(self, name: str) -> Readback:
        """Nothing: pages in a folder count nobody, and nobody can write on them."""
        if not (self._place() / check_slug(name)).is_dir():
            raise NotFound(f"Read how {name} is used", "no such dashboard is there")
        return Readback(missing="Pages in a folder are not counted, and have no comments.")

    def archive(self, name: str) -> None:
        """Its folder, below `archive`; the list leaves it out."""
        place = self._place()
        self._move(place, place / check_slug(name), place / ARCHIVE / name)

    def restore(self, name: str) -> None:
        """Its folder, where it was, and in the list again."""
        place = self._place()
        if not (place / check_slug(name)).exists():
            self._move(place, place / ARCHIVE / name, place / name)

    def _move(self, place: Path, old: Path, new: Path) -> None:
        with self._wrap_os_errors(place), self._lock_list(place):
            if old.is_dir():
                new.parent.mkdir(exist_ok=True)
                shutil.rmtree(new, ignore_errors=True)  # which the one that was published later replaces
                old.rename(new)
            write_file(place / "index.html", render_index(place, read_entries(place)))

    def index(self, cards: Sequence[Card], publications: Sequence[Publication]) -> str:
        """Write the page over all dashboards ever published here."""
        place = self._place()
        for card in cards:
            check_slug(card.dashboard.name)
        with self._wrap_os_errors(place), self._lock_list(place):
            entries = update_entries(read_entries(place), cards, publications, self._find_address)
            write_file(place / STATE, dump_entries(entries))
            write_file(place / "index.html", render_index(place, entries))
        return self._make_url("index.html")

    def read_marks(self, names: Sequence[str]) -> dict[str, str]:
        """Of the sizes and times of a dashboard's files, and of what the list says that is wrong with it."""
        if not (self.folder.expanduser() / self.project / STATE).exists():
            return {}
        place, found = self._place(), {}
        with self._wrap_os_errors(place):
            entries = read_entries(place)
            for name in names:
                files = sorted((place / check_slug(name)).glob("*"))
                entry = entries.get(name)
                if entry and place / name / "index.html" in files:
                    stamps = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
                    found[name] = hash_value(stamps, entry.error, entry.held_since, entry.run)
        return found

    @property
    def confirms(self) -> bool:
        """True: a line of a page is soon written."""
        return True

    def confirm(self, gates: Mapping[str, GateReport | None]) -> None:
        """Say on the pages and in the list when a dashboard was checked again, and where its checks are."""
        place = self._place()
        with self._wrap_os_errors(place), self._lock_list(place):
            entries = read_entries(place)
            for name, gate in gates.items():
                before = entries[name]
                entries[name] = confirm_entry(before, gate, self._find_address)
                page = place / check_slug(name) / "index.html"
                text = confirm_page(page.read_text(encoding="utf-8"), before, entries[name], gate)
                write_file(page, text)
            write_file(place / STATE, dump_entries(entries))

    def mark_held(self, dashboards: Sequence[str], reason: str) -> None:
        """Say on the pages and in the list that newer data is held back, since when and why."""
        if not (self.folder.expanduser() / self.project / STATE).exists():
            return  # nothing was ever published
        place = self._place()
        with self._wrap_os_errors(place), self._lock_list(place):
            entries = hold_entries(read_entries(place), dashboards, reason)
            for name in dashboards:
                page = place / check_slug(name) / "index.html"
                if name in entries and page.exists():
                    write_file(page, mark_page(page.read_text(encoding="utf-8"), entries[name]))
            write_file(place / STATE, dump_entries(entries))
            write_file(place / "index.html", render_index(place, entries))

    def _write(self, card: Card, work: Path) -> tuple[dict[str, int], tuple[str, ...]]:
        """Write all files of a dashboard; return the rows of its extract's tables, and how it opens as asked for."""
        name, marts = card.dashboard.name, [dataset.name for dataset in card.datasets]
        if len(set(marts)) != len(marts) or len(marts) != len(card.extracts):
            fault = "its datasets and extracts don't pair"
            raise BadInput(f"Publish {name}", fault, "Give one of each a mart.")
        tables = dict(zip(marts if len(marts) > 1 else ["Extract"], card.extracts, strict=True))
        rows = write_hyper(tables, work / f"{name}.hyper", time_zone=card.time_zone)
        with open_view(card) as view:
            write_file(work / "dashboard.png", draw_picture(view))
            guides = find_guides(self._place(), "../")
            gate = summarize_gate(card.gate, card.checks_anchor, self._find_address)
            page = render_dashboard(view, gate, guides)
            write_file(work / "index.html", page)
            asked = tuple(view.list_notes_on_wishes())
        return rows, asked

    def _install(self, work: Path, target: Path) -> None:
        target.mkdir(exist_ok=True)
        for file in sorted(work.iterdir(), key=lambda path: path.name == "index.html"):
            file.chmod(0o644)
            file.replace(target / file.name)

    def _sweep(self, place: Path) -> None:
        """Remove what runs that were killed left behind."""
        for left in place.glob(".*.*"):
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(left) if left.is_dir() else left.unlink()

    def _place(self) -> Path:
        parts = self.project.split("/")
        place = self.folder.expanduser().resolve().joinpath(*(check_slug(part) for part in parts))
        with self._wrap_os_errors(place):
            place.mkdir(parents=True, exist_ok=True)
        return place

    def _make_url(self, path: str) -> str:
        return str(self._find_address(self._place() / path))

    def _find_address(self, path: Path) -> str | None:
        """A file's address: where the folder is served, else on this disk; None for what is not served."""
        if not self.address:
            return path.resolve().as_uri()
        if not re.match(r"https?://[^/]", self.address):
            remedy = "Start its address with https://, or leave it empty."
            raise Misconfigured("Publish into a folder", "it has no web address", remedy)
        inside = path.resolve().is_relative_to(self.folder.expanduser().resolve())
        return find_served(self.address, self.folder, path) if inside else None

    @contextmanager
    def _lock_list(self, place: Path) -> Iterator[None]:
        from filelock import FileLock, Timeout

        lock = FileLock(place / ".lock", timeout=LOCK_SECONDS)
        try:
            lock.acquire()
        except Timeout:
            raise Busy(f"List the dashboards in {place}", "another run is writing the list") from None
        try:
            yield
        finally:
            lock.release()

    def _wrap_os_errors(self, place: Path) -> AbstractContextManager[None]:
        asked, remedy = f"Write into {place}", "Give a folder that this process may write, with room left."

        def translate(error: BaseException) -> PlatformError:
            return Misconfigured(asked, getattr(error, "strerror", None) or type(error).__name__, remedy)

        return replace_vendor_errors(OSError, translate)
