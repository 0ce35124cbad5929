"""Fivetran: its connections are synced through its REST API (v1, /connections), and write into the warehouse.

Endpoints, states and limits: fivetran.com/docs/rest-api. What the API does not tell (rows) is counted in the
warehouse. Not here: the requests (api), what is healthy or selected (health).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import Field, SecretStr

from blocks.deadline import Deadline
from blocks.errors import RateLimited
from blocks.http.address import Address
from blocks.http.polling import Pauses, Pending, poll_until
from blocks.load_range import LoadRange
from blocks.loader.fivetran.api import FivetranApi
from blocks.loader.fivetran.health import check_end, check_selected, check_state
from blocks.loader.fivetran.responses import Connection
from blocks.loader.managed import ManagedLoader
from blocks.loader.new_rows import VendorColumns
from blocks.records import SourceTable

CHECK_SECONDS = 60


class FivetranLoader(ManagedLoader):
    """Syncs the sources whose dbt `loader:` is `fivetran`; meta `connection` is the connection's id."""

    _block_type_name = "Fivetran Loader"
    _block_type_slug = "fivetran-loader"
    kind = "fivetran"
    vendor_columns = VendorColumns("_fivetran_", "_fivetran_synced", "_fivetran_deleted", "_fivetran_deleted")

    api_key: str = Field(description="API key, scoped to the connections it may sync")
    api_secret: SecretStr = Field(description="the key's secret")
    address: Address = Field("https://api.fivetran.com", description="the API's address")
    reload_schema: bool = Field(False, description="have Fivetran read the source's schema before each sync")

    def check(self) -> str:
        """List all connections and return a one-line status."""
        api = self._create_api("list connections", Deadline("list connections", CHECK_SECONDS))
        found = [f"{one.schema_name} ({_describe_state(one)})" for one in api.list_connections()]
        return f"{len(found)} connections: {', '.join(sorted(found)[:20])}"

    def sync(self, tables: Sequence[SourceTable], load_range: LoadRange, deadline: Deadline) -> list[str]:
        """Check the connection, refresh its schema if asked to, sync and wait."""
        api = self._create_api(f"sync {tables[0].source}", deadline)
        connection = api.get_connection(api.find_connection(tables))
        if connection.status.setup_state == "broken":  # perhaps no longer
            connection = api.test_connection(connection.id)
        check_state(api.asked, connection)
        check_selected(tables, api.get_selection(connection.id, self.reload_schema or load_range.full))
        return self._sync_connection(api, deadline, connection, load_range.full)

    def _sync_connection(
        self, api: FivetranApi, deadline: Deadline, before: Connection, full: bool
    ) -> list[str]:
        """Start a sync, or wait for the one that runs, until one has ended after `before`; return notes."""
        notes, warned = list[str](), set[str]()
        status = before.status
        if status.sync_state == "syncing" and (status.is_historical_sync or not full):
            notes.append("a sync ran already and was waited for")
        elif full:
            api.start_resync(before.id)
        elif status.sync_state != "rescheduled":
            api.start_sync(before.id)
        if status.sync_state == "rescheduled":
            notes += self._handle_reschedule(api, deadline, before, warned)

        def look() -> Connection | Pending:
            now = api.get_connection(before.id)
            if now.ended_at > before.ended_at and not (full and now.status.is_historical_sync):
                return now
            check_state(api.asked, now)
            if now.status.sync_state == "rescheduled":
                notes.extend(self._handle_reschedule(api, deadline, now, warned))
            return Pending(f"the connection is {now.status.sync_state}")

        time.sleep(min(self.poll_seconds, deadline.check()))  # a sync that has just started is not done
        ended = poll_until(look, deadline, Pauses(self.poll_seconds, self.poll_seconds))
        return notes + check_end(api.asked, ended)

    def _handle_reschedule(
        self, api: FivetranApi, deadline: Deadline, connection: Connection, warned: set[str]
    ) -> list[str]:
        """Note once that the source's quota is used up; under a manual schedule, start again when it is time."""
        at = connection.status.rescheduled_for
        until = at.isoformat() if at else "later"
        pause = (at - datetime.now(UTC)).total_seconds() if at else 0.0
        message = f"Fivetran rescheduled the sync to {until}: the source allows no more calls now"
        if pause > deadline.check():
            raise RateLimited(api.asked, message, "Run again after that time.", pause)
        if pause <= 0 and connection.schedule_type == "manual" and f"again {until}" not in warned:
            warned.add(f"again {until}")
            api.start_sync(connection.id)
        if until in warned:
            return []
        warned.add(until)
        self.log_warning(f"{api.asked}: {message}")
        return [message]

    def _create_api(self, asked: str, deadline: Deadline) -> FivetranApi:
        return FivetranApi(asked, self.address, deadline, self.api_key, self.api_secret.get_secret_value())


def _describe_state(connection: Connection) -> str:
    status = connection.status
    return "paused" if connection.paused else f"{status.setup_state}, {status.sync_state}"
