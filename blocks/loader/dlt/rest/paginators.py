"""How the next page of an API is asked for: dlt's paginators, for what a dbt source names.

Pages by number or offset end with an empty one; an empty page is not the end where the answer says that others follow.
Add another paginator to `_PAGINATORS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    chosen = str(table.meta.get("paginator", SINGLE_PAGE))
    if chosen not in _PAGINATORS:
        raise Misconfigured(
            f"load {table.full_name}", f"paginator `{chosen}` is unknown", f"Use {', '.join(_PAGINATORS)}."
        )
    return _PAGINATORS[chosen](table)


def _create_single_page(table: SourceTable) -> BasePaginator:
    """Create the paginator of an answer that has everything."""
    from dlt.sources.helpers.rest_client import paginators

    paginator: BasePaginator = paginators.SinglePagePaginator()
    return paginator


def _create_next_url(table: SourceTable) -> BasePaginator:
    """Create the paginator of an address in the answer."""
    from dlt.sources.helpers.rest_client import paginators

    asked, following = f"load {table.full_name}", get_next(table)

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

    paginator: BasePaginator = LinkPaginator(following)
    return paginator


def _create_header_link(table: SourceTable) -> BasePaginator:
    """Create the paginator of an address in the header `Link`."""
    from dlt.sources.helpers.rest_client import paginators

    class HeaderPaginator(paginators.HeaderLinkPaginator):  # type: ignore[misc]
        """Reads a link with several relations, too."""

        def update_state(self, response: requests.Response, data: list[object] | None = None) -> None:
            self._next_reference = find_next_link(response.headers)

    paginator: BasePaginator = HeaderPaginator()
    return paginator


def _create_header_cursor(table: SourceTable) -> BasePaginator:
    """Create the paginator of a cursor that a header has; an empty one is the end."""
    from dlt.sources.helpers.rest_client import paginators

    header = get_next(table)

    class HeaderCursorPaginator(paginators.HeaderCursorPaginator):  # type: ignore[misc]
        _next_reference: str | None

        def update_state(self, response: requests.Response, data: list[object] | None = None) -> None:
            cursor = response.headers.get(header, "").strip()
            self._next_reference = None if cursor.lower() in NO_PAGE else cursor

    paginator: BasePaginator = HeaderCursorPaginator(header, _get_parameter(table, "cursor"))
    return paginator


def _create_page_number(table: SourceTable) -> BasePaginator:
    """Create the paginator of pages that are numbered."""
    from dlt.sources.helpers.rest_client import paginators

    meta = table.meta

    class NumberPaginator(paginators.PageNumberPaginator):  # type: ignore[misc]
        """Goes on behind an empty page if the answer says so: a server may filter what is on a page."""

        pages = records = 0

        def update_state(self, response: requests.Response, data: list[object] | None = None) -> None:
            signs = read_page_signs(response, response.json(), str(meta.get("records", "$")))
            self.pages, self.records = self.pages + 1, self.records + len(data or [])
            missing = (signs.pages or 0) > self.pages or (signs.total or 0) > self.records
            # a first page that is empty may be one that does not count, as page 0 of pages that count from 1
            goes_on = missing or self.pages == 1 if signs.more is None else signs.more
            super().update_state(response, data or ([None] if goes_on else []))

    paginator: BasePaginator = NumberPaginator(
        base_page=_get_number(table, "first_page", 1),
        page_param=_get_parameter(table, "page"),
        total_path=None,
    )
    return paginator


def _create_offset(table: SourceTable) -> BasePaginator:
    """Create the paginator of pages that begin behind so many records."""
    from dlt.sources.helpers.rest_client import paginators

    class RecordOffsetPaginator(paginators.OffsetPaginator):  # type: ignore[misc]
        """Goes on after the records that came: a server may give fewer than were asked for."""

        def update_state(self, response: requests.Response, data: list[object] | None = None) -> None:
            self.value_step = len(data or [])
            super().update_state(response, data)

    paginator: BasePaginator = RecordOffsetPaginator(
        limit=_get_number(table, "page_size", 100),
        offset_param=_get_parameter(table, "offset"),
        total_path=None,
    )
    return paginator


def _create_cursor(table: SourceTable) -> BasePaginator:
    """Create the paginator of a cursor in the answer."""
    from dlt.sources.helpers.rest_client import paginators

    asked, following = f"load {table.full_name}", get_next(table)

    class CursorPaginator(paginators.JSONResponseCursorPaginator):  # type: ignore[misc]
        """Ends at a cursor of blanks, too, and at a word for none."""

        _next_reference: str | None

        def update_state(self, response: requests.Response, data: list[object] | None = None) -> None:
            super().update_state(response, data)
            cursor = self._next_reference
            if isinstance(cursor, dict | list):  # which requests would send as its names
                raise BadAnswer(
                    asked,
                    f"its `{following}` is no cursor",
                    "Write where in it the cursor is, as `next.after`.",
                )
            if isinstance(cursor, str) and cursor.strip().lower() in NO_PAGE:
                self._next_reference = None

    paginator: BasePaginator = CursorPaginator(following, _get_parameter(table, "cursor"))
    return paginator


def get_next(table: SourceTable) -> str:
    """Return where the next page is. OData's name for it has signs of JSONPath in it, and is taken as it is."""
    following = str(table.meta.get("next", "next"))
    return f"'{following}'" if following.startswith("@") else following


def _get_parameter(table: SourceTable, usual: str) -> str:
    """Return the parameter that takes which page is wanted."""
    return str(table.meta.get("page_param") or usual)


def _get_number(table: SourceTable, name: str, usual: int) -> int:
    """Return a whole number of the table's meta. Raises Misconfigured for what is no number."""
    value = table.meta.get(name, usual)
    if not isinstance(value, int | float | str):
        raise Misconfigured(f"load {table.full_name}", f"its {name} is no number", "Correct its meta.")
    return int(value)


_PAGINATORS: Mapping[str, Callable[[SourceTable], BasePaginator]] = {
    "next_url": _create_next_url,
    "header_link": _create_header_link,
    "header_cursor": _create_header_cursor,
    SINGLE_PAGE: _create_single_page,
    "page_number": _create_page_number,
    "offset": _create_offset,
    "cursor": _create_cursor,
}
"""`paginator` of a table's meta → what creates it."""
