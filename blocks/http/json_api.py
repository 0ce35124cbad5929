"""A session to one JSON API: pages of records by dlt's REST client, over our bounded HTTP session."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import requests

from blocks.errors import BadAnswer, NotFound
from blocks.http.session import Http
from blocks.loader.deadline import Deadline


class Api(Http):
    """A session that never reads a page twice. records: JSONPath of what an answer must hold."""

    def __init__(
        self, asked: str, location: str, credential: Mapping[str, Any], deadline: Deadline, records: str = "$"
    ) -> None:
        super().__init__(asked, location, deadline)
        self.records, self.seen = records, set[str]()
        if credential.get("token"):
            self.headers["Authorization"] = f"Bearer {credential['token']}"
        if credential.get("key"):
            self.headers[str(credential.get("header", "X-API-Key"))] = str(credential["key"])

    def pages(self, endpoint: str, params: Mapping[str, str], paginator: Any) -> Iterator[list[Any]]:
        """The records of each page, by dlt's REST client."""
        from dlt.sources.helpers.rest_client import RESTClient

        client = RESTClient(self.location, session=self, paginator=paginator)
        own = {"response": list[Any]()}  # send raises; dlt's own handler would show the URL and the answer
        yield from client.paginate(endpoint, params=dict(params), data_selector=self.records, hooks=own)

    def look(self) -> str:
        """Ask for the location itself; any answer but a refused credential is a sign of life."""
        with suppress(NotFound, BadAnswer):
            self.get(self.location)
        return f"{urlsplit(self.location).netloc.rpartition('@')[2]} answers"

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """One request for a page that was not read yet."""
        url = str(request.url)
        if url in self.seen:
            raise BadAnswer(self.asked, "it points to a page that was read already", "Its paging is broken.")
        self.seen.add(url)
        return super().send(request, **options)

    def _judge(self, response: requests.Response) -> None:
        """Raise for any answer that is not JSON with records."""
        from dlt.common import jsonpath

        super()._judge(response)
        problem = f"the answer has no `{self.records}`"
        try:
            if jsonpath.find_values(self.records, response.json()):
                return
        except ValueError:
            problem = self._oddity(response)
        raise BadAnswer(self.asked, problem, "Check the loader's location, and `records` in the dbt source.")
