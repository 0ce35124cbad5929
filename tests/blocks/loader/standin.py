"""What the vendors' stand-ins share: a stateful JSON API over real HTTP, with the fault script of `Api`.

A sync ends after some looks at it, and lands its rows in the warehouse, as the vendors do.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from blocks.warehouse.base import Warehouse
from tests.blocks.loader.origins import Api


@dataclass
class Exchange:
    """A request and its answer, as they went over the wire."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    status: int
    answer: Any


class StandIn(Api):
    """Routes requests to `respond`, which a vendor's stand-in writes."""

    def __init__(self) -> None:
        super().__init__()
        self.exchanges: list[Exchange] = []

    def post(self, handler: BaseHTTPRequestHandler) -> None:
        handler.do_GET()  # type: ignore[attr-defined]

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        query = parse_qs(parts.query)
        status, content = self.respond(handler.command, parts.path, query, handler.headers, body)
        self.exchanges.append(
            Exchange(handler.command, parts.path, query, dict(handler.headers), body, status, content)
        )
        self.send(handler, status, json.dumps(content).encode(), Content_Type="application/json")

    def respond(
        self, method: str, path: str, query: dict[str, list[str]], headers: Any, body: bytes
    ) -> tuple[int, Any]:
        """Status and content."""
        raise NotImplementedError

    def calls(self, method: str, ending: str) -> int:
        """How often something was asked for."""
        return sum(one.method == method and one.path.endswith(ending) for one in self.exchanges)


@dataclass
class Landing:
    """A table the vendor keeps in the warehouse: rows that wait at the source arrive with the next sync.

    columns: name → type, the key first. stamp: the vendor's columns of a landed row, as SQL values.
    """

    warehouse: Warehouse
    schema: str
    table: str
    columns: dict[str, str]
    stamps: dict[str, tuple[str, Callable[[], str]]]
    waiting: list[tuple[Any, ...]] = field(default_factory=list)
    gone: list[Any] = field(default_factory=list)

    def land(self) -> int:
        """Write what waits; rows of a known key are replaced, those that are gone are marked."""
        rows, self.waiting = self.waiting, []
        gone, self.gone = self.gone, []
        types = [*self.columns.items(), *((name, kind) for name, (kind, _) in self.stamps.items())]
        target = f"{self.schema}.{self.table}"
        key = next(iter(self.columns))
        with self.warehouse.session() as session:
            session.rows(f"create schema if not exists {self.schema}")
            session.rows(
                f"create table if not exists {target} ({', '.join(f'{name} {kind}' for name, kind in types)})"
            )
            values = ", ".join([*("?" * len(self.columns)), *(now() for _, now in self.stamps.values())])
            for row in rows:
                session.rows(f"delete from {target} where {key} = ?", [row[0]])
                names = ", ".join(name for name, _ in types)
                session.rows(f"insert into {target} ({names}) values ({values})", row)
            for one in gone:
                session.rows(f"update {target} set {self.mark()} where {key} = ?", [one])
        return len(rows)

    def mark(self) -> str:
        """SQL that marks a row as gone at the source."""
        stamp = next(name for name in self.stamps if name in ("_fivetran_synced", "_sdc_batched_at"))
        if stamp == "_fivetran_synced":
            return f"_fivetran_deleted = true, _fivetran_synced = {moment()}"
        return f"_sdc_deleted_at = {moment()}, _sdc_batched_at = {moment()}"


def moment() -> str:
    """The time, as SQL."""
    return f"timestamptz '{datetime.now(UTC).isoformat(' ')}'"
