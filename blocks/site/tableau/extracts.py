"""A card's extracts onto the site: whole, or, of a large one, the days that changed since it was last published."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from shutil import copyfile
from uuid import NAMESPACE_OID, uuid5
from zoneinfo import ZoneInfo

from blocks.catalogue import Dataset
from blocks.errors import Rejected
from blocks.site.hyper import write_hyper
from blocks.site.periods import FARTHEST
from blocks.site.tableau.changed_days import (
    ExtractState,
    ExtractStates,
    find_reason_for_all,
    list_actions,
    read_state,
    write_change,
)
from blocks.site.tableau.client import content
from blocks.site.tableau.client.items import ContentItem
from blocks.site.tableau.client.session import TableauSession
from blocks.site.tableau.client.versions import OPTIONAL, REPLACE_DAYS
from blocks.site.text import one_line
from blocks.sql import quote_identifier

MB = 1 << 20


@dataclass
class Extract:
    """One dataset's rows. path: a Parquet file of them; name: of its data source; rows: known once it is on its way.

    file: the .hyper file with all of it, where one was written; reason: what was sent, and why.
    """

    dataset: Dataset
    path: Path
    name: str
    rows: int = 0
    file: Path | None = None
    reason: str = ""
    state: ExtractState | None = None


def count_open_dates(path: Path, dataset: Dataset) -> int:
    """Rows of an extract (a Parquet file) whose date stands for "open", which pages leave out."""
    import duckdb

    if not dataset.time:
        return 0
    latest = datetime.now(ZoneInfo(dataset.time_zone)).date() + FARTHEST
    query = f"SELECT count(*) FROM extract WHERE {quote_identifier(dataset.time)}::DATE > ?"
    with duckdb.connect() as connection:
        connection.read_parquet(str(path)).create_view("extract")
        row = connection.execute(query, [latest]).fetchone()
    return int(row[0]) if row else 0


class ExtractSender:
    """Sends extracts. work: a folder that is gone afterwards; kept: one that stays; large: in MB, sent by days."""

    def __init__(
        self, session: TableauSession, project: str, job_seconds: float, large: float, work: Path, kept: Path
    ) -> None:
        self._session, self._project, self._seconds = session, project, job_seconds
        self._large, self._work, self._kept = large * MB, work, kept
        self._states = ExtractStates(kept)
        self.sent: list[Extract] = []

    def write(self, extract: Extract) -> Path:
        """Write all of an extract as a .hyper file, and keep a copy."""
        path = self._work / f"{extract.name}.hyper"
        zone = extract.dataset.time_zone
        extract.rows = write_hyper({"Extract": extract.path}, path, time_zone=zone)["Extract"]
        extract.file = self._kept / path.name
        copyfile(path, extract.file)
        return path

    def send(self, extract: Extract, item: ContentItem | None) -> ContentItem | None:
        """Send an extract over the site's copy of it (None: there is none yet): its days that changed, or all of it.

        Returned is what was published now; None if the copy that was there has it now.
        """
        self.sent.append(extract)
        size = extract.path.stat().st_size
        if size < self._large:
            why = f"{size / MB:.1f} MB are sent as a whole at once"
        else:
            extract.state = read_state(extract.path, extract.dataset)
            why = self._find_reason(extract, item)
        if not why and item is not None:
            why = self._send_days(extract, item)
        if not why:
            return None
        self._states.write(extract.name, None)
        extract.reason = f"an extract, all of it: {why}"
        published = content.publish_source(self._session, self._project, self.write(extract), self._seconds)
        return published

    def remember(self) -> None:
        """Write down what the site has, once all of it was read back."""
        for extract in self.sent:
            if extract.state is not None:
                stamp = content.stamp_source(self._session, extract.name, self._project)
                self._states.write(extract.name, extract.state.model_copy(update={"stamp": stamp}))

    def _find_reason(self, extract: Extract, item: ContentItem | None) -> str:
        if item is None:
            return "the site has none of it yet"
        if self._session.version < OPTIONAL[REPLACE_DAYS]:
            return "the server can't take in parts of one"
        stamp = f"{item.id} {item.updated_at.isoformat()}" if item.updated_at else "?"
        return find_reason_for_all(self._states.read(extract.name), extract.state, stamp)

    def _send_days(self, extract: Extract, item: ContentItem) -> str:
        """Send the days that changed. Returned is why it could not be; empty if the site has them now."""
        old, new = self._states.read(extract.name), extract.state
        if old is None or new is None:
            return "it is not known which days the site has"
        days = old.list_changed(new)
        extract.rows = new.rows
        if not days:
            extract.reason = "an extract, nothing sent: none of its days has changed"
            return ""
        change = write_change(
            extract.path, extract.dataset, old, new, self._work / f"{extract.name}.days.hyper"
        )
        if change is None:
            return "the days that changed are of other types alone"
        request = str(uuid5(NAMESPACE_OID, f"{old.model_dump_json()} {new.model_dump_json()}"))
        actions = list_actions(extract.dataset)
        self._states.write(extract.name, None)  # what the site has is not known until the job is done
        try:
            content.change_data(self._session, item, change.path, actions, request, self._seconds)
        except Rejected as error:
            return f"the site did not take the days that changed ({one_line(str(error.answer), 120)})"
        (self._kept / f"{extract.name}.hyper").unlink(missing_ok=True)  # it has the rows of before
        span = days[0] if len(days) == 1 else f"{len(days)} days, {days[0]} to {days[-1]}"
        extract.reason = (
            f"an extract, of which what changed was sent: {span}, {change.added:,} of {new.rows:,} rows"
        )
        return ""
