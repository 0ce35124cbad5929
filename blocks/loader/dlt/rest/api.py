"""A JSON API read page by page: dlt's REST client over the product's bounded HTTP session."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar

import requests
import simplejson  # type: ignore[import-untyped]
from pydantic import JsonValue

from blocks.deadline import Deadline
from blocks.errors import BadAnswer, NotFound
from blocks.http.errors import Refusal, Refusals
from blocks.http.session import HttpLimits, HttpSession, describe_content

if TYPE_CHECKING:
    from dlt.sources.helpers.rest_client.paginators import BasePaginator


class ExactAnswer(requests.Response):
    """An answer whose numbers keep all their digits, and which is parsed once."""

    _parsed: object = None

    def json(self, **options: object) -> object:
        """Return the JSON value, numbers with decimals as Decimal, an object with a name twice as it came."""
        if self._parsed is None:
            exact = {"parse_float": Decimal, "object_pairs_hook": _keep_repeated, **options}
            try:
                self._parsed = super().json(**exact)  # type: ignore[arg-type]
            except RecursionError:
                raise ValueError("nested too deeply") from None
        return self._parsed


def _keep_repeated(pairs: list[tuple[str, object]]) -> object:
    """Return an object; its text, if it has a name twice, of which a dict would keep the last in silence."""
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    texts = (f"{write_json(name)}: {write_json(value)}" for name, value in pairs)
    return simplejson.RawJSON("{" + ", ".join(texts) + "}")


def write_json(value: object) -> str:
    """Write JSON with all the digits of its numbers."""
    return str(simplejson.dumps(value, use_decimal=True, allow_nan=True))


class RestApi(HttpSession):
    """A session that never reads a page twice. records: JSONPath of what an answer must hold."""

    limits = HttpLimits(rate_limit_seconds=math.inf)  # as long as the load's deadline allows
    refusals: ClassVar[Refusals] = {
        401: Refusal("Check the loader's credentials: wrong or expired."),
        404: Refusal("Correct the endpoint in the dbt source, or the loader's location."),
    }

    def __init__(
        self,
        asked: str,
        location: str,
        credential: Mapping[str, object],
        deadline: Deadline,
        records: str = "$",
    ) -> None:
        super().__init__(location, asked, deadline=deadline)
        self.location, self.records, self.seen = location, records, set[str]()
        if credential.get("token"):
            self.headers["Authorization"] = f"Bearer {credential['token']}"
        if credential.get("key"):
            self.headers[str(credential.get("header", "X-API-Key"))] = str(credential["key"])

    def iterate_pages(
        self, endpoint: str, params: Mapping[str, str], paginator: BasePaginator
    ) -> Iterator[list[JsonValue]]:
        """Yield the records of each page, up to the one that says it is the last.

        Raises BadAnswer for a page that came already, and for a next page that no paginator asks for.
        """
        from dlt.sources.helpers.rest_client import RESTClient
        from dlt.sources.helpers.rest_client.paginators import SinglePagePaginator

        client = RESTClient(self.location, session=self, paginator=paginator)
        own = {"response": list[object]()}  # send raises; dlt's own handler would show the URL and the answer
        before: list[JsonValue] = []
        for page in client.paginate(endpoint, params=dict(params), data_selector=self.records, hooks=own):
            records = list(page)
            if records and records == before:
                raise BadAnswer(self.asked, "it gave the same page twice", "Declare how it pages.")
            before, more = records, _find_more(page.response.json())
            if more and isinstance(paginator, SinglePagePaginator):
                raise BadAnswer(
                    self.asked, "its answer has a next page", "Declare `paginator` in the dbt source."
                )
            yield records
            if more is False:
                return

    def check(self) -> str:
        """Ask for the location itself and return a one-line status; any answer but a refused credential is good."""
        with suppress(NotFound, BadAnswer):
            self.get(self.location)
        return f"{self.host} answers"

    def send(self, request: requests.PreparedRequest, **options: object) -> requests.Response:
        """Send a request for a page that was not read yet."""
        url = str(request.url)
        if url in self.seen:
            raise BadAnswer(self.asked, "it points to a page that was read already", "Its paging is broken.")
        self.seen.add(url)
        exact, exact.__dict__ = ExactAnswer(), vars(super().send(request, **options))
        return exact

    def check_response(self, response: requests.Response, asked: str) -> None:
        """Raise for any answer that is not JSON with records."""
        from dlt.common import jsonpath

        super().check_response(response, asked)
        problem = f"the answer has no `{self.records}`"
        try:
            if jsonpath.find_values(self.records, response.json()):
                return
        except ValueError:
            problem = describe_content(response)
        raise BadAnswer(asked, problem, "Check the loader's location, and `records` in the dbt source.")


def _find_more(answer: object) -> bool | None:
    """Return whether an answer says that more pages follow; None if it does not say."""
    if not isinstance(answer, dict):
        return None
    if isinstance(answer.get("has_more"), bool):
        return bool(answer["has_more"])
    return True if answer.get("next") else None
