"""Stitch: replication jobs of its sources, started and watched through the Connect API (v4).

Endpoints: stitchdata.com/docs/developers/stitch-connect. Extractions and loads are listed in beta endpoints;
a load belongs to no job, so that the last part of the wait is for quiet. Rows are counted in the warehouse.
Not here: the requests (stitch_api), and what an answer means (stitch_health).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import Field, SecretStr

from blocks.deadline import Deadline
from blocks.errors import Misconfigured, Unavailable
from blocks.http.polling import Pauses, Pending, poll_until
from blocks.load_range import Reload
from blocks.loader.managed import ManagedLoader, setting
from blocks.loader.new_rows import Arrival
from blocks.loader.stitch.api import StitchApi
from blocks.loader.stitch.health import check_exit, check_source
from blocks.records import SourceTable

CHECK_SECONDS = 60


class StitchLoader(ManagedLoader):
    """Replicates the sources whose dbt `loader:` is `stitch`; meta `source_id` is the source's number."""

    _block_type_name = "Stitch Loader"
    _block_type_slug = "stitch-loader"
    kind = "stitch"
    marks = Arrival(
        "_sdc_",
        "_sdc_batched_at",
        "_sdc_deleted_at is not null",
        "_sdc_deleted_at",
        ("_sdc_rejected", "table_name"),
    )

    client_id: int = Field(description="the Stitch account's number")
    token: SecretStr = Field(description="Connect API access token of the account")
    address: str = Field("https://api.stitchdata.com", description="the API's address")
    quiet_seconds: float = Field(
        120,
        gt=0,
        description="after the extraction: seconds without a new batch until loading counts as done",
    )

    def check(self) -> str:
        """List all sources; one line of their states."""
        api = self._api("list sources", Deadline("list sources", CHECK_SECONDS))
        live = [one for one in api.sources() if not one.get("deleted_at")]
        found = [f"{one['name']} ({'paused' if _paused(one) else 'running'})" for one in live]
        return f"{len(found)} sources: {', '.join(sorted(found)[:20])}"

    def bring(self, tables: Sequence[SourceTable], reload: Reload, deadline: Deadline) -> list[str]:
        """Check the source and its streams, start a job or adopt the one that runs, wait for its loads."""
        api = self._api(f"replicate {tables[0].source}", deadline)
        if reload.full:
            raise Misconfigured(
                api.asked,
                "Stitch's API can't reset a source",
                "Reset its tables in Stitch, or leave it out by --only-sources.",
            )
        number = setting(tables, "source_id")
        if not number or not number.isdecimal():
            raise Misconfigured(api.asked, "its meta `source_id` is no number", "Add it to the dbt source.")
        source = api.source(number)
        check_source(api.asked, source, api.last_check(number))
        api.check_streams(number, tables)
        notes, ended = self._extract(api, deadline, number)
        check_exit(api.asked, ended)
        self._load_batches(api, deadline, str(source["name"]), tables, str(ended["completion_time"]))
        return notes

    def _extract(self, api: StitchApi, deadline: Deadline, number: str) -> tuple[list[str], Any]:
        """Notes, and the record of the job's extraction once it has ended. The API keeps one record a source."""
        notes, before = [], api.extraction(number)
        job = api.start(number)
        if job is None:
            notes.append("a job ran already and was waited for")
        else:  # whatever ends after this record is ours or younger: a source has one job at a time
            before = api.extraction(number)

        def look() -> Any | Pending:
            latest = before if before and before["job_name"] == job else api.extraction(number)
            if latest and latest["job_name"] in (job, _other(latest, before)):
                return latest
            return Pending("the extraction has not ended")

        return notes, poll_until(look, deadline, Pauses(self.poll_seconds, self.poll_seconds))

    def _load_batches(
        self, api: StitchApi, deadline: Deadline, name: str, tables: Sequence[SourceTable], completed: str
    ) -> None:
        """Wait until every stream's batch is later than the extraction, or no batch comes any more.

        A stream without new rows gets no batch, and nothing says so: hence the quiet time.
        """
        streams = [table.identifier for table in tables]
        latest: dict[str, tuple[str, bool]] = {}
        changed = time.monotonic()

        def look() -> dict[str, tuple[str, bool]] | Pending:
            nonlocal latest, changed
            now = api.loads(name, streams)
            if now != latest:
                latest, changed = now, time.monotonic()
            loaded = all(at and _time(at) >= _time(completed) for at, _ in latest.values())
            quiet = time.monotonic() - changed >= self.quiet_seconds
            return latest if loaded or quiet else Pending("batches are still being loaded")

        pause = min(self.poll_seconds, self.quiet_seconds)
        latest = poll_until(look, deadline, Pauses(pause, pause))
        failed = sorted(stream for stream, (_, error) in latest.items() if error)
        if failed:
            raise Unavailable(
                api.asked,
                f"Stitch can't load {', '.join(failed)} into the warehouse",
                "See the loading reports in Stitch.",
            )

    def _api(self, asked: str, deadline: Deadline) -> StitchApi:
        return StitchApi(asked, self.address, deadline, self.client_id, self.token.get_secret_value())


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _paused(source: Any) -> bool:
    return bool(source.get("paused_at") or source.get("system_paused_at"))


def _other(latest: Any, before: Any) -> str | None:
    """The latest job's name if it is not the one before."""
    name: str = latest["job_name"]
    return None if before and before["job_name"] == name else name
