"""A JSON API read page by page: dlt's REST client over the product's bounded HTTP session."""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import requests
import simplejson  # type: ignore[import-untyped]

from blocks.deadline import Deadline
from blocks.errors import BadAnswer, NotFound, PlatformError, Rejected, TimedOut
from blocks.http.errors import Refusal, Refusals
from blocks.http.session import HttpLimits, HttpSession, describe_content
from blocks.loader.dlt.files.encodings import has_single_bytes
from blocks.loader.dlt.rest.page_signs import has_only_page_signs, read_page_signs
from blocks.loader.dlt.rest.pages import PageWatch

if TYPE_CHECKING:
    from dlt.sources.helpers.rest_client.client import PageData
    from dlt.sources.helpers.rest_client.paginators import BasePaginator


NO_CONTENT = 204


class ExactAnswer(requests.Response):
    """An answer whose numbers keep all their digits, and which is parsed once."""

    _parsed: object = None

    def json(self, **options: object) -> object:
        """Return the JSON value, numbers with decimals and an object with a name twice as they came.

        An answer without content has nothing in it. Raises UnicodeDecodeError, or another ValueError for no JSON.
        """
        if self.status_code == NO_CONTENT:
            return {}
        if self._parsed is None:
            exact = {"parse_float": simplejson.RawJSON, "object_pairs_hook": _keep_repeated, **options}
            try:
                self._parsed = simplejson.loads(self.decode(), allow_nan=True, **exact)
            except RecursionError:
                raise ValueError("nested too deeply") from None
        return self._parsed

    def decode(self) -> str:
        """Return the text, in the charset that the server names, else UTF-8, UTF-16 or UTF-32; never by a guess.

        UTF-8 is UTF-8 where a charset of single bytes is named, as servers do by default: no other text looks like it.
        """
        named = "charset=" in self.headers.get("Content-Type", "").lower()
        try:
            encoding = codecs.lookup(str(self.encoding)).name if named else ""
        except LookupError:
            encoding = ""
        if encoding and has_single_bytes(encoding):
            with suppress(UnicodeDecodeError):
                return self.content.decode().removeprefix("\ufeff")
        return self.content.decode(encoding or json.detect_encoding(self.content)).removeprefix("\ufeff")


def _keep_repeated(pairs: list[tuple[str, object]]) -> object:
    """Return an object; its text, if it has a name twice, of which a dict would keep the last in silence."""
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    texts = (f"{write_json(name)}: {write_json(value)}" for name, value in pairs)
    return simplejson.RawJSON("{" + ", ".join(texts) + "}")


def _is_nothing(response: requests.Response, records: str) -> bool:
    """True where something empty stands for the list of records."""
    from dlt.common import jsonpath

    found = jsonpath.find_values(records, response.json())
    return len(found) == 1 and (found[0] in ({}, "") or found[0] is False)


def write_json(value: object) -> str:
    """Write JSON with all the digits of its numbers."""
    return str(simplejson.dumps(value, allow_nan=True))


class RepeatedAddressError(BadAnswer):
    """A page whose address was read already. is_own: it is the address of the page that names it."""

    def __init__(self, asked: str, is_own: bool) -> None:
        super().__init__(asked, "it points to a page that was read already", "Its paging is broken.")
        self.is_own = is_own


class FirstPage(NamedTuple):
    """The first page: what was asked for, beside the parameters of its place, its records and their keys as JSON."""

    url: str
    params: Mapping[str, str | int]
    records: list[str]
    keys: list[str]


class RestApi(HttpSession):
    """A session that never reads a page twice.

    records: JSONPath of what an answer must hold; key: the members by which a record is the only one of its kind.
    """

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
        key: Sequence[str] = (),
    ) -> None:
        super().__init__(location, asked, deadline=deadline)
        self.key, self._deadline = tuple(key), deadline
        if records.count("[*]") == 1:  # the list itself, which an empty page has too
            records = records.removesuffix("[*]") or "$"
        self.location, self.records, self.seen, self.last = location, records, set[str](), ""
        self._first: FirstPage | None = None
        if credential.get("token"):
            self.headers["Authorization"] = f"Bearer {credential['token']}"
        if credential.get("key"):
            self.headers[str(credential.get("header", "X-API-Key"))] = str(credential["key"])

    def iterate_pages(
        self, endpoint: str, params: Mapping[str, str], paginator: BasePaginator, watch: PageWatch
    ) -> Iterator[list[str]]:
        """Yield the records of each page as JSON, up to the last one.

        Raises BadAnswer for a page that came already, for a next page that no paginator asks for, and for an offset
        that counts pages.
        """
        yield from self._read_pages(endpoint, params, paginator, watch)
        if watch.doubts_offset():
            self._check_offset(str(getattr(paginator, "param_name", "")), watch)

    def _read_pages(
        self, endpoint: str, params: Mapping[str, str], paginator: BasePaginator, watch: PageWatch
    ) -> Iterator[list[str]]:
        from dlt.sources.helpers.rest_client import RESTClient

        class Client(RESTClient):  # type: ignore[misc]
            """Takes an empty object, an empty text or false in the place of a list for no records."""

            def extract_response(self, response: requests.Response, data_selector: str) -> list[object]:
                found: list[object] = super().extract_response(response, data_selector)
                return [] if _is_nothing(response, data_selector) else found

        client = Client(self.location, session=self, paginator=paginator)
        own = {"response": list[object]()}  # send raises; dlt's own handler would show the URL and the answer
        pages = self._say_progress(
            client.paginate(endpoint, params=dict(params), data_selector=self.records, hooks=own), watch
        )
        while True:
            try:
                page = next(pages, None)
            except RepeatedAddressError as error:
                if not watch.may_end_at(error.is_own):
                    raise
                return
            except Rejected as error:  # as servers refuse a page behind the last one
                if type(error) not in (NotFound, Rejected):
                    raise
                watch.end_at_refusal(error)
                return
            if page is None:
                watch.check_end()
                return
            records = [write_json(record) for record in page]
            keys = self._read_keys(page)
            params = {**(page.request.params or {})}  # the next page is asked for by the same object
            self._begin(FirstPage(str(page.request.url), params, records, keys), paginator, watch)
            signs = read_page_signs(page.response, page.response.json(), self.records)
            if not watch.take(records, signs, keys):
                return
            yield records
            if watch.is_last():
                return

    def _say_progress(
        self, pages: Iterator[PageData[object]], watch: PageWatch
    ) -> Iterator[PageData[object]]:
        """The pages; where the time is up, the error says how many came."""
        try:
            yield from pages
        except TimedOut:
            raise self._deadline.build_error(watch.describe_progress()) from None

    def _read_keys(self, page: Sequence[object]) -> list[str]:
        """The keys of a page's records; none if no key is declared, or a record lacks it."""
        found = [[record.get(name) for name in self.key] for record in page if isinstance(record, dict)]
        if not self.key or len(found) < len(page) or any(None in values for values in found):
            return []
        return [write_json(values) for values in found]

    def _begin(self, page: FirstPage, paginator: BasePaginator, watch: PageWatch) -> None:
        """Take note of a page if it is the first one, and see that there is none before it."""
        self._first = self._first or page
        if watch.doubts_first_page():
            zero, _ = self._read_first_page({str(getattr(paginator, "param_name", "page")): 0})
            watch.check_page_zero(page.records, zero)

    def _check_offset(self, parameter: str, watch: PageWatch) -> None:
        """See that the parameter counts records: its value 1 gives those from the second one on.

        A server that rounds it down gives the first page again; records that are stamped anew would differ anyway.
        """
        if self._first is None:
            return
        self.seen.clear()  # pages that are asked for again are no fault of its paging
        which = 1 if self._first.keys else 0  # of records and keys
        first = (self._first.records, self._first.keys)[which]
        second = self._read_first_page({parameter: 1})[which]
        if second and second[0] not in first[:2] and self._read_first_page({parameter: 0})[which] == first:
            raise watch.build_offset_error(counts_pages=not {*first} & {*second})

    def _read_first_page(self, params: Mapping[str, str | int]) -> tuple[list[str], list[str]]:
        """The records and keys of the first page with other parameters; none where the server has no such page."""
        from dlt.common import jsonpath

        first = self._first
        if first is None:
            return [], []
        try:
            answer = self.get(first.url, params={**first.params, **params})
        except PlatformError:
            return [], []
        found = jsonpath.find_values(self.records, answer.json())
        rows = found[0] if len(found) == 1 and isinstance(found[0], list) else found
        return [write_json(record) for record in rows], self._read_keys(rows)

    def check(self) -> str:
        """Ask for the location itself and return a one-line status; any answer but a refused credential is good."""
        with suppress(NotFound, BadAnswer):
            self.get(self.location)
        return f"{self.host} answers"

    def send(self, request: requests.PreparedRequest, **options: object) -> requests.Response:
        """Send a request for a page that was not read yet."""
        url = str(request.url)
        if url in self.seen:
            raise RepeatedAddressError(self.asked, is_own=url == self.last)
        self.seen.add(url)
        self.last = url
        return super().send(request, **options)

    def _is_empty_page(self, answer: object) -> bool:
        """True for an answer that leaves its records out because there are none: it has no other members, either.

        Of a first page a number of records has to say so, too, if there is one.
        """
        return has_only_page_signs(answer, counts_any=self._first is not None)

    def check_response(self, response: requests.Response, asked: str) -> None:
        """Raise for any answer that is not JSON with records."""
        from dlt.common import jsonpath

        response.__class__ = ExactAnswer  # before anything of it is read
        super().check_response(response, asked)
        if response.status_code == NO_CONTENT:
            return
        problem = f"the answer has no `{self.records}`"
        try:
            answer = response.json()
            if self.records != "$" and isinstance(answer, simplejson.RawJSON):
                problem = "the answer has a name twice outside of its records"
            elif jsonpath.find_values(self.records, answer) or self._is_empty_page(answer):
                return
        except UnicodeDecodeError as error:
            problem = f"the answer is not {error.encoding}, and names no other charset"
        except ValueError:
            problem = describe_content(response)
        raise BadAnswer(asked, problem, "Check the loader's location, and `records` in the dbt source.")
