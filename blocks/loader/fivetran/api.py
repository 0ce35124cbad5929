"""Fivetran's REST API: authentication, version, envelope, paging, and the few requests of the loader."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import ClassVar, TypeVar

from pydantic import JsonValue

from blocks.deadline import Deadline
from blocks.errors import BadAnswer, Misconfigured, NotFound
from blocks.http.errors import Refusal, Refusals
from blocks.http.paging import PageGuard
from blocks.http.session import HttpLimits, HttpSession
from blocks.loader.answers import Answer, read_answer
from blocks.loader.fivetran.responses import Connection, ConnectionPage, Selection
from blocks.loader.managed import get_source_setting
from blocks.records import SourceTable

Model = TypeVar("Model", bound=Answer)


class FivetranApi(HttpSession):
    """Version 2 answers of the v1 endpoints: {code, message, data}."""

    service = "Fivetran"
    limits = HttpLimits(rate_limit_seconds=math.inf)  # as long as the load's deadline allows
    refusals: ClassVar[Refusals] = {
        401: Refusal("Check the loader's `api_key` and `api_secret`: wrong or expired."),
        403: Refusal("Give the API key access to the connection."),
        404: Refusal("Correct `connection` in the dbt source, or the loader's address."),
        409: Refusal("Wait for what runs to end."),
    }

    def __init__(self, asked: str, address: str, deadline: Deadline, key: str, secret: str) -> None:
        super().__init__(address, asked, deadline=deadline)
        self.auth = (key, secret)
        self.headers["Accept"] = "application/json;version=2"

    def get_connection(self, connection: str) -> Connection:
        """Read a connection's state."""
        return self._ask(Connection, "GET", f"/v1/connections/{connection}")

    def test_connection(self, connection: str) -> Connection:
        """Run a connection's setup tests; return its state afterwards."""
        return self._ask(Connection, "POST", f"/v1/connections/{connection}/test", body={})

    def start_sync(self, connection: str) -> None:
        """Start a sync, unless one is running."""
        self.call("POST", f"/v1/connections/{connection}/sync", json={"force": False})

    def start_resync(self, connection: str) -> None:
        """Start a sync of everything from the beginning."""
        self.call("POST", f"/v1/connections/{connection}/resync", json={})

    def list_connections(self, **where: str) -> Iterator[Connection]:
        """Yield all connections, page by page."""
        params: dict[str, str] = {"limit": "100", **where}
        guard = PageGuard(self.asked, "the list of connections")
        while True:
            page = self._ask(ConnectionPage, "GET", "/v1/connections", params=params)
            yield from page.items
            if not page.next_cursor:
                return
            guard.check(page.next_cursor)
            params["cursor"] = page.next_cursor

    def find_connection(self, tables: Sequence[SourceTable]) -> str:
        """Return the connection's id: meta `connection`, or the only connection of the dbt source's schema."""
        named = get_source_setting(tables, "connection")
        if named:
            if not re.fullmatch(r"[\w-]{1,64}", named):
                raise Misconfigured(self.asked, "its meta `connection` is no connection's id", "Correct it.")
            return named
        schema = tables[0].schema_name
        found = [one.id for one in self.list_connections(schema=schema)]
        if len(found) != 1:
            raise NotFound(
                self.asked,
                f"{len(found) or 'no'} connections write into schema {schema}",
                "Name one by `connection` in the meta of the dbt source.",
            )
        return found[0]

    def get_selection(self, connection: str, refresh: bool) -> Selection:
        """Read what is selected for sync. refresh: have Fivetran read the source's schema before, as it must once."""
        if not refresh:
            try:
                return self._ask(Selection, "GET", f"/v1/connections/{connection}/schemas")
            except NotFound:
                pass
        path = f"/v1/connections/{connection}/schemas/reload"
        return self._ask(Selection, "POST", path, body={"exclude_mode": "PRESERVE"})

    def _ask(
        self,
        model: type[Model],
        method: str,
        path: str,
        body: JsonValue = None,
        params: dict[str, str] | None = None,
    ) -> Model:
        """Send a request and read the envelope's content."""
        answer = self.call(method, path, json=body, params=params)
        content = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(content, dict):
            raise BadAnswer(self.asked, "the answer has no `data`", "Check the loader's address.")
        return read_answer(model, content, self.asked, self.service)
