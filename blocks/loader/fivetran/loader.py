"""Fivetran: its connections are synced through its REST API (v1, /connections), and land in the warehouse.

Endpoints, states and limits: fivetran.com/docs/rest-api. What the API does not tell (rows) is counted in the
warehouse. Not here: the requests (fivetran_api), what is healthy or selected (fivetran_health).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import Field, SecretStr

from blocks.deadline import Deadline
from blocks.errors import Misconfigured, RateLimited, Unavailable
from blocks.http.polling import Pauses, Pending, poll_until
from blocks.load_range import Reload
from blocks.loader.fivetran.api import FivetranApi
from blocks.loader.fivetran.health import check_selected, check_state, codes
from blocks.loader.managed import ManagedLoader
from blocks.loader.new_rows import Arrival
from blocks.records import SourceTable

CHECK_SECONDS = 60


class FivetranLoader(ManagedLoader):
    """Syncs the sources whose dbt `loader:` is `fivetran`; meta `connection` is the connection's id."""

    _block_type_name = "Fivetran Loader"
    _block_type_slug = "fivetran-loader"
    kind = "fivetran"
    marks = Arrival("_fivetran_", "_fivetran_synced", "_fivetran_deleted", "_fivetran_deleted")

    api_key: str = Field(description="API key, scoped to the connections it may sync")
    api_secret: SecretStr = Field(description="the key's secret")
    address: str = Field("https://api.fivetran.com", description="the API's address")
    reload_schema: bool = Field(False, description="have Fivetran read the source's schema before each sync")

    def check(self) -> str:
        """List all connections; one line of their states."""
        api = self._api("list connections", Deadline("list connections", CHECK_SECONDS))
        found = [f"{one['schema']} ({_state(one)})" for one in api.connections()]
        return f"{len(found)} connections: {', '.join(sorted(found)[:20])}"

    def bring(self, tables: Sequence[SourceTable], reload: Reload, deadline: Deadline) -> list[str]:
        """Check the connection, reload its schema if asked to, sync and wait."""
        api = self._api(f"sync {tables[0].source}", deadline)
        path = f"/v1/connections/{api.identifier(tables)}"
        details = api.connection("GET", path)
        if details["status"]["setup_state"] == "broken":  # perhaps no longer
            details = api.connection("POST", f"{path}/test", json={})
        check_state(api.asked, details)
        check_selected(tables, api.schemas(path, self.reload_schema or reload.full))
        return self._sync(api, deadline, path, details, reload.full)

    def _sync(self, api: FivetranApi, deadline: Deadline, path: str, details: Any, full: bool) -> list[str]:
        """Start a sync, or adopt the one that runs; wait until it has ended, compared with what was before."""
        notes, before, status = [], _latest(details), details["status"]
        if status["sync_state"] == "syncing" and (status["is_historical_sync"] or not full):
            notes.append("a sync ran already and was waited for")
        elif full:
            api.call("POST", f"{path}/resync", json={})
        elif status["sync_state"] != "rescheduled":
            api.call("POST", f"{path}/sync", json={"force": False})
        seen: set[str | None] = set()
        if status["sync_state"] == "rescheduled":
            notes += self._rescheduled(api, deadline, path, details, seen)

        def look() -> Any | Pending:
            details = api.connection("GET", path)
            status = details["status"]
            if _latest(details) > before and not (full and status["is_historical_sync"]):
                return details
            check_state(api.asked, details)
            if status["sync_state"] == "rescheduled":
                notes.extend(self._rescheduled(api, deadline, path, details, seen))
            return Pending(f"the connection is {status['sync_state']}")

        time.sleep(min(self.poll_seconds, deadline.check()))  # the sync that was just started is not done
        ended = poll_until(look, deadline, Pauses(self.poll_seconds, self.poll_seconds))
        return notes + _ended(api.asked, ended)

    def _rescheduled(
        self, api: FivetranApi, deadline: Deadline, path: str, details: Any, seen: set[str | None]
    ) -> list[str]:
        """Say once that the source's quota is used up; under a manual schedule, start again when it is time."""
        until = details["status"].get("rescheduled_for")
        pause = (_time(until) - datetime.now(UTC)).total_seconds() if until else 0.0
        said = f"Fivetran rescheduled the sync to {until or 'later'}: the source allows no more calls now"
        if pause > deadline.check():
            raise RateLimited(api.asked, said, "Run again after that time.", pause)
        if pause <= 0 and details["schedule_type"] == "manual" and f"again {until}" not in seen:
            seen.add(f"again {until}")
            api.call("POST", f"{path}/sync", json={"force": False})
        if until in seen:
            return []
        seen.add(until)
        self.say(f"{api.asked}: {said}")
        return [said]

    def _api(self, asked: str, deadline: Deadline) -> FivetranApi:
        return FivetranApi(asked, self.address, deadline, self.api_key, self.api_secret.get_secret_value())


def _ended(asked: str, details: Any) -> list[str]:
    """Notes of a sync that succeeded; raises if it failed."""
    succeeded, failed = details.get("succeeded_at"), details.get("failed_at")
    if failed and (not succeeded or _time(failed) > _time(succeeded)):
        tasks = codes(details, "tasks")
        if tasks:
            raise Misconfigured(asked, f"the sync failed: {tasks}", "Do what Fivetran's dashboard asks for.")
        raise Unavailable(asked, f"the sync failed at {failed}", "Read its log in Fivetran's dashboard.")
    warnings = codes(details, "warnings")
    return [f"Fivetran warns: {warnings}"] if warnings else []


def _latest(details: Any) -> datetime:
    """When the last sync ended, well or not."""
    stamps = [_time(details[name]) for name in ("succeeded_at", "failed_at") if details.get(name)]
    return max(stamps, default=datetime.min.replace(tzinfo=UTC))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _state(details: Any) -> str:
    status = details["status"]
    return "paused" if details["paused"] else f"{status['setup_state']}, {status['sync_state']}"
