"""Dashboards of which nothing has changed since they were published: left as they are, and confirmed.

One is left alone only if all that it shows is as it was, to the letter (its relations, which nobody writes once they
are released, its plan, texts, checks and the code of pages), and the site has it as that publication left it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from prefect import get_run_logger

import blocks
from blocks.catalogue import Catalogue, Dataset
from blocks.errors import PlatformError
from blocks.hashing import hash_text, hash_value
from blocks.records import Comment, Dashboard, GateReport, Publication, Release
from blocks.site.base import BiSite, Card, Guides
from blocks.site.opening import apply_targets
from blocks.warehouse.base import Warehouse
from blocks.warehouse.control import now
from blocks.warehouse.data_end import find_data_end
from blocks.warehouse.last_publications import (
    LastPublication,
    read_last_publications,
    write_last_publications,
)

LONGEST = timedelta(days=7)
"""After which a dashboard is published again whatever is known of it."""
CODE = {".py", ".js", ".j2", ".css", ".json"}


class LeftAlone:
    """Which of a run's dashboards need no publishing. built: when each mart was, as `make_card` takes it."""

    def __init__(
        self,
        site: BiSite,
        warehouse: Warehouse,
        catalogue: Catalogue,
        release: Release,
        guides: Guides,
        built: Mapping[str, datetime],
    ) -> None:
        self._site, self._warehouse, self._catalogue = site, warehouse, catalogue
        self._release, self._guides, self._built = release, guides, built
        self._place = hash_value(site.get_block_type_slug(), repr(site))
        self._known = self._read()
        self._marks: dict[str, str] | None = None
        self._gates: dict[str, GateReport | None] = {}
        self._found: dict[str, LastPublication] = {}

    def find(
        self,
        dashboard: Dashboard,
        gate: GateReport | None,
        ticket_url: str | None,
        comments: Sequence[Comment],
    ) -> Publication | None:
        """What this run says of a dashboard that is left alone; None for one to be published.

        gate, ticket_url, comments: as its card has them.
        """
        known = self._known.get(dashboard.name)
        self._gates[dashboard.name] = gate
        if known is None or known.at is None or now() - known.at > LONGEST or dashboard.wishes.subscribers:
            return None
        try:
            shown = self._describe(dashboard, known.newest, None)
            same = known.shown == hash_value(shown, _describe_around(gate, ticket_url, comments))
            if not same or known.mark != self._read_mark(dashboard.name):
                return None
        except PlatformError as error:  # it is published, and says itself what is wrong
            get_run_logger().debug("%s can't be told from what it was: %s", dashboard.name, error)
            return None
        files = (known.publication.image, known.publication.extract)
        if any(path is not None and not path.exists() for path in files):
            return None
        self._found[dashboard.name] = known
        since = (
            f"Nothing that {dashboard.name} shows has changed since run {known.run}: it was left as it is."
        )
        return known.publication.model_copy(
            update={
                "run": self._release.run,
                "seconds": 0.0,
                "views": None,
                "data_notes": (*known.publication.data_notes, since),
                "unchanged_since": known.run,
            }
        )

    def remember(self, card: Card, publication: Publication) -> None:
        """Take down what a dashboard was published with just now; `finish` writes it."""
        plain = not (publication.notes or publication.asked or publication.error or card.live)
        if not plain or len(card.summaries) != len(card.datasets):
            return
        newest = tuple(each.newest for each in card.summaries)
        shown = self._describe(card.dashboard, newest, card.ends)
        around = _describe_around(card.gate, card.ticket_url, card.feedback)
        self._found[card.dashboard.name] = LastPublication(
            dashboard=card.dashboard.name,
            site=self._place,
            shown=hash_value(shown, around),
            mark="",
            run=self._release.run,
            publication=publication,
            newest=newest,
            at=now(),
        )

    def confirm(self) -> None:
        """Have the site say of what was left alone that it holds for this run, too."""
        gates = {name: self._gates[name] for name, each in self._found.items() if each.mark}
        if gates:
            self._site.confirm(gates)

    def finish(self) -> None:
        """Write what is known now, once the site has everything. A fault of it only means more work next time."""
        try:
            marks = self._site.read_marks(tuple(self._found)) if self._found else {}
            entries = [
                each.model_copy(update={"mark": marks[name]})
                for name, each in self._found.items()
                if name in marks and marks[name] != each.mark
            ]
            write_last_publications(self._warehouse, entries)
        except PlatformError as error:
            get_run_logger().warning("what was published is not remembered: %s", error)

    def _read_mark(self, name: str) -> str | None:
        """Of what the site has of a dashboard now; all are asked for at once."""
        if self._marks is None:
            self._marks = self._site.read_marks(tuple(self._known))
        return self._marks.get(name)

    def _read(self) -> dict[str, LastPublication]:
        try:
            return read_last_publications(self._warehouse, self._place)
        except PlatformError as error:
            get_run_logger().warning("what was published last is not known: %s", error)
            return {}

    def _describe(
        self, dashboard: Dashboard, newest: Sequence[str | None], ends: Sequence[date | None] | None
    ) -> str:
        """A hash of a dashboard's plan, relations and time. ends: of its data; None: they are found."""
        datasets = self._catalogue.datasets(dashboard.metrics, dashboard.dimensions)
        datasets = apply_targets(datasets, dashboard.wishes.targets)
        marts = sorted({mart for dataset in datasets for mart in dataset.marts} | {*dashboard.marts})
        tables = {mart: [repr(each) for each in self._catalogue.tables_beneath(mart)] for mart in marts}
        ends = self._find_ends(datasets, newest) if ends is None else ends
        return hash_value(
            hash_code(),
            repr(dashboard.model_copy(update={"fingerprint": ""})),
            [repr(dataset) for dataset in datasets],
            {mart: self._release.marts.get(mart, "") for mart in marts},
            tables,
            self._catalogue.owner_of(dashboard.name),
            self._guides.point_at(dashboard.marts),
            newest,
            ends,
            self._find_day(datasets, newest, ends),
        )

    def _find_ends(self, datasets: Sequence[Dataset], newest: Sequence[str | None]) -> list[date | None]:
        found = []
        with self._warehouse.session() as session:
            for dataset, last in zip(datasets, newest, strict=True):
                tables = self._catalogue.tables_beneath(dataset.mart) if last else ()
                day = date.fromisoformat(last[:10]) if last else None
                built = self._built.get(dataset.mart)
                found.append(find_data_end(self._warehouse, session, tables, built, day))
        return found

    def _find_day(
        self, datasets: Sequence[Dataset], newest: Sequence[str | None], ends: Sequence[date | None]
    ) -> str:
        """Today, where what is shown depends on it; else nothing."""
        today = datetime.now(ZoneInfo(datasets[0].time_zone)).date() if datasets else now().date()
        timed = [pair for pair in zip(newest, ends, strict=True) if pair[0]]
        open_ended = any(end is None or str(last)[:10] > str(today) for last, end in timed)
        return str(today) if open_ended or not self._site.confirms else ""


def _describe_around(gate: GateReport | None, ticket_url: str | None, comments: Sequence[Comment]) -> str:
    """A hash of what stands beside the data. Checks that passed are a number, which a site can put right."""
    told = [each for each in (gate.checks if gate else ()) if each.warned or not each.passed]
    checks = sorted((each.scope, each.name, each.statement, each.observed, *each.evidence) for each in told)
    passed = gate.passed if gate else None
    return hash_value(passed, checks, ticket_url, [repr(each) for each in comments])


@cache
def hash_code() -> str:
    """A hash of the code that cards and pages are made by."""
    root = Path(blocks.__file__).parent.parent
    files = sorted(
        path for room in ("blocks", "tasks") for path in (root / room).rglob("*") if path.suffix in CODE
    )
    return hash_text("\n".join(f"{path.relative_to(root)} {hash_text(path.read_text())}" for path in files))
