"""A stand-in for Fivetran's REST API, by its OpenAPI definition (fivetran.com/docs/rest-api), version 2.

Only what the loader uses, but stateful: a connection syncs, fails, is rescheduled, paused, broken.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.blocks.loader.origins import SECRET
from tests.blocks.loader.standin import Landing, StandIn

KEY = "key-of-the-loader"


@dataclass
class Connection:
    """A connection's state. ends: how the next syncs end, `ok` once the list is used up."""

    id: str
    schema: str
    landings: list[Landing]
    paused: bool = False
    setup: str = "connected"
    state: str = "scheduled"
    schedule: str = "auto"
    historical: bool = False
    succeeded: datetime | None = None
    failed: datetime | None = None
    rescheduled: datetime | None = None
    tasks: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    tests: list[tuple[str, str]] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    blocked: set[str] = field(default_factory=set)
    deselected: set[str] = field(default_factory=set)
    looks: int = 1
    left: int = 0
    queued: bool = False
    repaired: bool = False

    def start(self) -> None:
        """A sync begins."""
        self.state, self.left, self.rescheduled = "syncing", self.looks, None

    def look(self) -> None:
        """Time goes by with every look."""
        if self.state != "syncing":
            return
        if self.left > 0 or self.ends[:1] == ["never"]:
            self.left -= 1
            return
        end = self.ends.pop(0) if self.ends else "ok"
        self.state = "scheduled"
        if end == "ok":
            for landing in self.landings:
                landing.land()
            self.succeeded = datetime.now(UTC)
            if self.queued:  # the historical sync waited for this one
                self.queued = False
                self.start()
            else:
                self.historical = False
        elif end == "fail":
            self.failed = datetime.now(UTC)
        elif end.startswith("reschedule"):  # reschedule:SECONDS
            self.state = "rescheduled"
            self.rescheduled = datetime.now(UTC) + timedelta(seconds=float(end.partition(":")[2]))
        elif end == "pause":
            self.state, self.paused = "paused", True

    def details(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "id": self.id,
            "group_id": "group",
            "service": "postgres",
            "service_version": 1,
            "schema": self.schema,
            "paused": self.paused,
            "pause_after_trial": False,
            "sync_frequency": 360,
            "data_delay_sensitivity": "NORMAL",
            "schedule_type": self.schedule,
            "connected_by": "someone",
            "created_at": "2026-01-01T00:00:00Z",
            "succeeded_at": _text(self.succeeded),
            "failed_at": _text(self.failed),
            "config": {},
            "setup_tests": [{"title": t, "status": s, "message": SECRET} for t, s in self.tests],
            "status": {
                "setup_state": self.setup,
                "sync_state": self.state,
                "update_state": "on_schedule",
                "is_historical_sync": self.historical,
                "rescheduled_for": _text(self.rescheduled),
                "tasks": [{"code": code, "message": SECRET} for code in self.tasks],
                "warnings": [{"code": code, "message": SECRET} for code in self.warnings],
            },
        }

    def schemas(self) -> dict[str, Any]:
        """The schema config: a column is listed once its setting was changed."""
        tables = {
            landing.table.upper(): {
                "name_in_destination": landing.table,
                "enabled": landing.table not in self.deselected,
                "enabled_patch_settings": {"allowed": True},
                "supports_columns_config": True,
                "supports_history_mode": True,
                "columns": {
                    name.upper(): {
                        "name_in_destination": name,
                        "enabled": False,
                        "hashed": False,
                        "enabled_patch_settings": {"allowed": True},
                    }
                    for name in self.blocked
                },
            }
            for landing in self.landings
        }
        return {
            "enable_new_by_default": True,
            "schema_change_handling": "ALLOW_ALL",
            "schemas": {"CRM": {"name_in_destination": self.schema, "enabled": True, "tables": tables}},
        }


class Fivetran(StandIn):
    """The API over some connections, two a page."""

    def __init__(self, *connections: Connection) -> None:
        super().__init__()
        self.connections = {connection.id: connection for connection in connections}
        self.known_schema = True
        self.loop: list[str] = []  # next cursors in place of its own, for ever

    def respond(
        self, method: str, path: str, query: dict[str, list[str]], headers: Any, body: bytes
    ) -> tuple[int, Any]:
        wanted = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
        if headers.get("Authorization") != f"Basic {wanted}":
            return 401, {"code": "AuthFailed", "message": f"no such key: {headers.get('Authorization')}"}
        if headers.get("Accept") != "application/json;version=2":
            return 406, {"code": "NotAcceptable", "message": "version"}
        if path == "/v1/connections":
            return 200, {"code": "Success", "data": self._page(query)}
        found = re.fullmatch(r"/v1/connections/([\w-]+)((?:/\w+)*)", path)
        if not found or found[1] not in self.connections:
            return 404, {"code": "NotFound_Connection", "message": "Cannot find it"}
        given = json.loads(body) if body else {}
        return self._about(self.connections[found[1]], f"{method} {found[2]}", given)

    def _page(self, query: dict[str, list[str]]) -> dict[str, Any]:
        schema = query.get("schema", [None])[0]
        chosen = [c.details() for c in self.connections.values() if schema in (None, c.schema)]
        if self.loop:
            self.loop.append(self.loop.pop(0))
            return {"items": chosen[:1], "next_cursor": self.loop[-1]}
        start = int(query.get("cursor", ["0"])[0])
        page: dict[str, Any] = {"items": chosen[start : start + 2]}
        return page | ({"next_cursor": str(start + 2)} if len(chosen) > start + 2 else {})

    def _about(self, connection: Connection, what: str, given: Any) -> tuple[int, Any]:
        done = {"code": "Success", "message": f"Done for connection with id '{connection.id}'"}
        if what == "GET ":
            connection.look()
            return 200, {"code": "Success", "data": connection.details()}
        if what == "POST /test":
            if connection.repaired:
                connection.setup, connection.tests = "connected", []
            return 200, {**done, "data": connection.details()}
        if what == "GET /schemas" and not self.known_schema:
            return 404, {"code": "NotFound_SchemaConfig", "message": "not loaded yet"}
        if what in ("GET /schemas", "POST /schemas/reload"):
            return 200, {**done, "data": connection.schemas()}
        if what == "POST /sync":
            if given.get("force"):
                return 400, {"code": "InvalidInput", "message": "this would stop a running sync"}
            if connection.state != "syncing":
                connection.start()
            return 200, done
        if what == "POST /resync":
            connection.historical = True
            connection.queued = connection.state == "syncing"
            if not connection.queued:
                connection.start()
            return 200, done
        return 404, {"code": "NotFound", "message": what}


def _text(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at else None
