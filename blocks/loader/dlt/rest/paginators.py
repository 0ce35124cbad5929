"""How the next page of an API is asked for: dlt's paginators, for what a dbt source names.

Pages by number or offset end with an empty one; an empty page is not the end where the answer says that others follow.
Add another paginator to `create_paginator`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from blocks.errors import BadAnswer, Misconfigured
from blocks.loader.dlt.rest.page_signs import find_next_link, read_page_signs
from blocks.records import SourceTable

if TYPE_CHECKING:
    import requests
    from dlt.sources.helpers.rest_client.paginators import BasePaginator

SINGLE_PAGE = "single_page"
NO_PAGE = ("", "null", "none", "nil", "false")  # texts that some servers write where there is no next page


def create_paginator(table: SourceTable) -> BasePaginator:
    """Create dlt's paginator that the dbt source names.

    `next` is where the next page's URL or cursor is in an answer, or the header that has it; `page_param`
    the parameter that takes the page's number, offset or cursor. Raises Misconfigured for a name that is not known.
    """
    from dlt.sources.helpers.rest_client import paginators

    asked, meta = f"load {table.full_name}", table.meta
    following, parameter = _get_next(table), meta.get("page_param")

    class RecordOffsetPaginator(paginators.OffsetPaginator):  # type: ignore[misc]
        """Goes on after the records that came: a server may give fewer than were asked for."""

        def update_state(self, response: requests.Response, data: list[object] | None = None) -> None:
            self.value_step = len(data or [])
            super().update_state(response, data)

    class NumberPaginator(paginators.PageNumberPaginator):  # type: ignore[misc]
        """Goes on behind an empty page if the answer says so: a server may filter what is on a page."""

        pages = records = 0

        def update_state(self, response: requests.Response, data: list[object] | None = None) -> None:
            signs = read_page_signs(response, response.json(), str(meta.get("records", "$")))
            self.pages, self.records = self.pages + 1, self.records + len(data or [])
            missing = (signs.pages or 0) > self.pages or (signs.total or 0) > self.records
            goes_on = missing if signs.more is None else signs.more
            super().update_state(response, data or ([None] if goes_on else []))

    class LinkPaginator(paginators.JSONLinkPaginator):  # type: ignore[misc]
        """Ends where there is no address: at an empty text, a false, an object without anything."""

        _next_reference: str | None

        def update_state(self, response: requests.Response, data: list[object] | None = None) -> None:
            super().update_state(response, data)
            link = self._next_reference
            if isinstance(link, str) and link.strip().lower() not in NO_PAGE:
                return
            if link and not isinstance(link, str):
                raise BadAnswer(
                    asked, f"its `{following}` is no address", "Is it a cursor? Then declare that."
                )
            self._next_reference = None

    class CursorPaginator(paginators.JSONResponseCursorPaginator):  # type: ignore[misc]
        """Ends at a cursor of blanks, too, and at a word for none."""

        _next_reference: str | None

        def update_state(self, response: requests.Response, data: list[object] | None = None) -> None:
            super().update_state(response, data)
            cursor = self._next_reference
            if isinstance(cursor, str) and cursor.strip().lower() in NO_PAGE:
                self._next_reference = None

    class HeaderPaginator(paginators.HeaderLinkPaginator):  # type: ignore[misc]
        """Reads a link with several relations, too."""

        def update_state(self, response: requests.Response, data: list[object] | None = None) -> None:
            self._next_reference = find_next_link(response.headers)

    known = {
        "next_url": lambda: LinkPaginator(following),
        "header_link": HeaderPaginator,
        "header_cursor": lambda: _create_header_cursor(following, str(parameter or "cursor")),
        SINGLE_PAGE: paginators.SinglePagePaginator,
        "page_number": lambda: NumberPaginator(
            base_page=int(meta.get("first_page", 1)), page_param=str(parameter or "page"), total_path=None
        ),
        "offset": lambda: RecordOffsetPaginator(
            limit=int(meta.get("page_size", 100)), offset_param=str(parameter or "offset"), total_path=None
        ),
        "cursor": lambda: CursorPaginator(following, str(parameter or "cursor")),
    }
    chosen = str(meta.get("paginator", SINGLE_PAGE))
    if chosen not in known:
        raise Misconfigured(asked, f"paginator `{chosen}` is unknown", f"Use {', '.join(known)}.")
    paginator: BasePaginator = known[chosen]()
    return paginator


def _get_next(table: SourceTable) -> str:
    """Return where the next page is. OData's name for it has signs of JSONPath in it, and is taken as it is."""
    following = str(table.meta.get("next", "next"))
    return f"'{following}'" if following.startswith("@") else following


def _create_header_cursor(header: str, parameter: str) -> BasePaginator:
    """Create the paginator of a cursor that a header has; an empty one is the end."""
    from dlt.sources.helpers.rest_client import paginators

    class HeaderCursorPaginator(paginators.HeaderCursorPaginator):  # type: ignore[misc]
        _next_reference: str | None

        def update_state(self, response: requests.Response, data: list[object] | None = None) -> None:
            self._next_reference = response.headers.get(header, "").strip() or None

    paginator: BasePaginator = HeaderCursorPaginator(header, parameter)
    return paginator
