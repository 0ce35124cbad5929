"""Fivetran's REST API: authentication, version, envelope, paging, and the few requests of the loader."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from blocks.deadline import Deadline
from blocks.errors import BadAnswer, Misconfigured, NotFound
from blocks.http.errors import Refusal, Refusals
from blocks.http.session import HttpLimits, HttpSession
from blocks.loader.managed import setting
from blocks.records import SourceTable

NEEDED = {"id", "paused", "schedule_type", "schema", "status"}
STATES = {"setup_state", "sync_state", "is_historical_sync"}


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

    def data(self, method: str, path: str, **options: Any) -> Any:
        """The envelope's content. Raises BadAnswer if there is none."""
        answer = self.call(method, path, **options)
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), dict):
            raise BadAnswer(self.asked, "the answer has no `data`", "Check the loader's address.")
        return answer["data"]

    def connection(self, method: str, path: str, **options: Any) -> Any:
        """A connection's details. Raises BadAnswer for an answer that is no connection."""
        details = self.data(method, path, **options)
        if not set(details) >= NEEDED or not set(details["status"] or ()) >= STATES:
            raise BadAnswer(self.asked, "the answer is no connection", "Check the loader's address.")
        return details

    def connections(self, **where: str) -> Iterator[Any]:
        """All connections, page by page."""
        params: dict[str, str] = {"limit": "100", **where}
        while True:
            page = self.data("GET", "/v1/connections", params=params)
            yield from page.get("items", [])
            if not page.get("next_cursor"):
                return
            params["cursor"] = page["next_cursor"]

    def identifier(self, tables: Sequence[SourceTable]) -> str:
        """The connection's id, from meta `connection`, or the only connection of the dbt source's schema."""
        named = setting(tables, "connection")
        if named:
            if not re.fullmatch(r"[\w-]{1,64}", named):
                raise Misconfigured(self.asked, "its meta `connection` is no connection's id", "Correct it.")
            return named
        schema = tables[0].schema_name
        found = [str(one["id"]) for one in self.connections(schema=schema)]
        if len(found) != 1:
            raise NotFound(
                self.asked,
                f"{len(found) or 'no'} connections write into schema {schema}",
                "Name one by `connection` in the meta of the dbt source.",
            )
        return found[0]

    def schemas(self, path: str, anew: bool) -> Any:
        """What is selected for sync; read from the source anew if asked to, or if there is nothing yet."""
        if not anew:
            try:
                return self.data("GET", f"{path}/schemas")
            except NotFound:
                pass
        return self.data("POST", f"{path}/schemas/reload", json={"exclude_mode": "PRESERVE"})
