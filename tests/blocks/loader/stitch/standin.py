"""A stand-in for Stitch's Connect API v4, by stitchdata.com/docs/developers/stitch-connect: stateful.

A job is listed only once its extraction is complete, one record a source; loads belong to no job.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from tests.blocks.loader.origins import SECRET
from tests.blocks.loader.standin import Landing, StandIn

CLIENT = 116078
OK = (0, 0, 0)


@dataclass
class Source:
    """A source's state. ends: exit statuses of the next jobs (discovery, tap, target), or `never`."""

    id: int
    name: str
    landings: list[Landing]
    paused: bool = False
    system_paused: bool = False
    step: str = "fully_configured"
    check_failed: bool = False
    ends: list[Any] = field(default_factory=list)
    deselected: set[str] = field(default_factory=set)
    left_out: set[str] = field(default_factory=set)
    job: str | None = None
    record: dict[str, Any] | None = None
    loads: dict[str, str] = field(default_factory=dict)
    unloadable: bool = False
    looks: int = 1
    left: int = 0
    lag: int = 1
    to_load: int = -1

    def start(self) -> str:
        """A job begins."""
        self.job, self.left = f"{CLIENT}.{self.id}.sync.{uuid4()}", self.looks
        return self.job

    def look(self) -> None:
        """Time goes by with every look at the extractions."""
        if self.job is None or self.ends[:1] == ["never"]:
            return
        if self.left > 0:
            self.left -= 1
            return
        statuses = self.ends.pop(0) if self.ends else OK
        names = ("discovery", "tap", "target")
        self.record = {
            "job_name": self.job,
            "source_id": self.id,
            "stitch_client_id": CLIENT,
            "source_type": "tap-x",
            "start_time": _now(),
            "completion_time": _now(),
            **{f"{name}_exit_status": status for name, status in zip(names, statuses, strict=True)},
            **{
                f"{name}_description": None if s == 0 else SECRET
                for name, s in zip(names, statuses, strict=True)
            },
        }
        self.job, self.to_load = None, self.lag if statuses == OK else -1

    def load(self) -> None:
        """Time goes by with every look at the loads: batches arrive some looks after the extraction."""
        if self.to_load < 0:
            return
        self.to_load -= 1
        if self.to_load < 0 and not self.unloadable:
            for landing in self.landings:
                if landing.land():
                    self.loads[landing.table] = _now()


class Stitch(StandIn):
    """The API over some sources, one record a page."""

    def __init__(self, *sources: Source) -> None:
        super().__init__()
        self.sources = {source.id: source for source in sources}
        self.repeats = False  # every page says that the first one comes next

    def respond(
        self, method: str, path: str, query: dict[str, list[str]], headers: Any, body: bytes
    ) -> tuple[int, Any]:
        if headers.get("Authorization") != f"Bearer {SECRET}":
            return 401, {"error": {"type": "unauthorized", "message": headers.get("Authorization")}}
        if path == "/v4/sources":
            return 200, [self._source(source) for source in self.sources.values()]
        if path == f"/v4/{CLIENT}/extractions":
            return 200, self._page(path, query, self._extractions())
        if path == f"/v4/{CLIENT}/loads":
            return 200, self._page(path, query, self._loads())
        found = re.fullmatch(r"/v4/sources/(\d+)((?:/[\w-]+)*)", path)
        if not found or int(found[1]) not in self.sources:
            return 404, {"error": {"type": "not_found", "message": "no such source"}}
        return self._about(self.sources[int(found[1])], f"{method} {found[2]}")

    def _about(self, source: Source, what: str) -> tuple[int, Any]:
        if what == "GET ":
            return 200, self._source(source)
        if what == "GET /last-connection-check":
            return 200, {
                "status": "failed" if source.check_failed else "succeeded",
                "error": source.check_failed,
            }
        if what == "GET /streams":
            return 200, [
                {
                    "stream_id": at,
                    "stream_name": landing.table,
                    "selected": landing.table not in source.deselected,
                }
                for at, landing in enumerate(source.landings)
            ]
        if what.startswith("GET /streams/"):
            landing = source.landings[int(what.rpartition("/")[2])]
            return 200, self._shape(source, landing)
        if what == "POST /sync":
            if source.job:
                message = f"Did not create job for connection-id: {source.id} because one already exists"
                return 200, {"error": {"type": "already_running", "message": message}}
            return 200, {"job_name": source.start()}
        return 404, {"error": {"type": "not_found", "message": what}}

    def _source(self, source: Source) -> dict[str, Any]:
        return {
            "id": source.id,
            "name": source.name,
            "type": "platform.postgres",
            "stitch_client_id": CLIENT,
            "paused_at": _now() if source.paused else None,
            "deleted_at": None,
            "system_paused_at": _now() if source.system_paused else None,
            "report_card": {"current_step": 4, "current_step_type": source.step},
        }

    def _shape(self, source: Source, landing: Landing) -> dict[str, Any]:
        columns = list(landing.columns)
        return {
            "schema": json.dumps(
                {"type": "object", "properties": {name: {"type": "string"} for name in columns}}
            ),
            "metadata": [
                {"breadcrumb": [], "metadata": {"selected": True}},
                *(
                    {
                        "breadcrumb": ["properties", name],
                        "metadata": {
                            "inclusion": "available" if at else "automatic",
                            "selected": bool(at) and name not in source.left_out,
                        },
                    }
                    for at, name in enumerate(columns)
                ),
            ],
        }

    def _extractions(self) -> list[Any]:
        for source in self.sources.values():
            source.look()
        other = {"source_id": 1, "job_name": "other", "completion_time": _now()}
        return [other, *(source.record for source in self.sources.values() if source.record)]

    def _loads(self) -> list[Any]:
        for source in self.sources.values():
            source.load()
        error = {"notification_data": {"error": "LOADER_WAREHOUSE_ERROR", "warehouse_message": SECRET}}
        return [
            {
                "source_name": source.name,
                "stream_name": landing.table,
                "stitch_client_id": CLIENT,
                "last_batch_loaded_at": source.loads.get(landing.table),
                "error_state": error if source.unloadable else None,
            }
            for source in self.sources.values()
            for landing in source.landings
        ]

    def _page(self, path: str, query: dict[str, list[str]], records: list[Any]) -> dict[str, Any]:
        page = int(query.get("page", ["1"])[0])
        links = {"next": f"{path}?page={page + 1}"} if len(records) > page else {}
        if self.repeats:
            links = {"next": f"{path}?page=1"}
        return {"data": records[page - 1 : page], "page": page, "total": len(records), "links": links}


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
