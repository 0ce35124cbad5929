"""Stitch: replication jobs of its sources, started and watched through the Connect API (v4).

Endpoints: stitchdata.com/docs/developers/stitch-connect. Extractions and loads are listed in beta endpoints; a load
belongs to no job, so that the last part of the wait is for quiet. Rows are counted in the warehouse. Not here: the
requests (api), and what an answer means (health).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

from pydantic import Field, SecretStr

from blocks.deadline import Deadline
from blocks.errors import Misconfigured, Unavailable
from blocks.http.address import Address
from blocks.http.polling import Pauses, Pending, poll_until
from blocks.load_range import LoadRange
from blocks.loader.managed import ManagedLoader, get_source_setting
from blocks.loader.new_rows import VendorColumns
from blocks.loader.stitch.api import LoadState, StitchApi
from blocks.loader.stitch.health import check_exit, check_source
from blocks.loader.stitch.responses import Extraction
from blocks.records import SourceTable

CHECK_SECONDS = 60


class StitchLoader(ManagedLoader):
    """Replicates the sources whose dbt `loader:` is `stitch`; meta `source_id` is the source's number."""

    _block_type_name = "Stitch Loader"
    _block_type_slug = "stitch-loader"
    kind = "stitch"
    vendor_columns = VendorColumns(
        "_sdc_",
        "_sdc_batched_at",
        "_sdc_deleted_at is not null",
        "_sdc_deleted_at",
        ("_sdc_rejected", "table_name"),
    )

    client_id: int = Field(description="the Stitch account's number")
    token: SecretStr = Field(description="Connect API access token of the account")
    address: Address = Field("https://api.stitchdata.com", description="the API's address")
    quiet_seconds: float = Field(
        120,
        gt=0,
        description="after the extraction: seconds without a new batch until loading counts as done",
    )

    def check(self) -> str:
        """List all sources and return a one-line status."""
        api = self._create_api("list sources", Deadline("list sources", CHECK_SECONDS))
        sources = [source for source in api.list_sources() if not source.deleted_at]
        found = [f"{source.name} ({'paused' if source.is_paused else 'running'})" for source in sources]
        return f"{len(found)} sources: {', '.join(sorted(found)[:20])}"

    def sync(self, tables: Sequence[SourceTable], load_range: LoadRange, deadline: Deadline) -> list[str]:
        """Check the source and its streams, start a job or wait for the one that runs, then for its loads."""
        api = self._create_api(f"replicate {tables[0].source}", deadline)
        if load_range.full:
            raise Misconfigured(
                api.asked,
                "Stitch's API can't reset a source",
                "Reset its tables in Stitch, or leave it out by --only-sources.",
            )
        number = get_source_setting(tables, "source_id")
        if not number or not number.isdecimal():
            raise Misconfigured(api.asked, "its meta `source_id` is no number", "Add it to the dbt source.")
        source = api.get_source(number)
        check_source(api.asked, source, api.get_last_check(number))
        api.check_streams(number, tables)
        notes, ended = self._extract(api, deadline, number)
        check_exit(api.asked, ended)
        self._wait_for_loads(api, deadline, source.name, tables, ended.completion_time)
        return notes

    def _extract(self, api: StitchApi, deadline: Deadline, number: str) -> tuple[list[str], Extraction]:
        """Return notes, and the job's extraction once it has ended. The API keeps one extraction a source."""
        notes, before = list[str](), api.get_last_extraction(number)
        job = api.start_job(number)
        if job is None:
            notes.append("a job ran already and was waited for")
        else:  # whatever ends after this extraction is ours or younger: a source has one job at a time
            before = api.get_last_extraction(number)

        def look() -> Extraction | Pending:
            latest = before if before and before.job_name == job else api.get_last_extraction(number)
            if latest and (latest.job_name == job or not before or latest.job_name != before.job_name):
                return latest
            return Pending("the extraction has not ended")

        return notes, poll_until(look, deadline, Pauses(self.poll_seconds, self.poll_seconds))

    def _wait_for_loads(
        self,
        api: StitchApi,
        deadline: Deadline,
        name: str,
        tables: Sequence[SourceTable],
        completed: datetime,
    ) -> None:
        """Wait until every stream's last batch is later than the extraction, or no batch comes any more.

        A stream without new rows gets no batch, and nothing says so: hence the quiet time. Raises Unavailable if
        Stitch can't load a stream.
        """
        streams = [table.identifier for table in tables]
        latest: dict[str, LoadState] = {}
        changed = time.monotonic()

        def look() -> dict[str, LoadState] | Pending:
            nonlocal latest, changed
            now = api.get_load_states(name, streams)
            if now != latest:
                latest, changed = now, time.monotonic()
            loaded = all(state.loaded_at and state.loaded_at >= completed for state in latest.values())
            quiet = time.monotonic() - changed >= self.quiet_seconds
            return latest if loaded or quiet else Pending("batches are still being loaded")

        pause = min(self.poll_seconds, self.quiet_seconds)
        states = poll_until(look, deadline, Pauses(pause, pause))
        failed = sorted(stream for stream, state in states.items() if state.failed)
        if failed:
            raise Unavailable(
                api.asked,
                f"Stitch can't load {', '.join(failed)} into the warehouse",
                "See the loading reports in Stitch.",
            )

    def _create_api(self, asked: str, deadline: Deadline) -> StitchApi:
        return StitchApi(asked, self.address, deadline, self.client_id, self.token.get_secret_value())
