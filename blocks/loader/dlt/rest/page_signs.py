"""What an answer says about its paging, whatever paging is declared: a next page, a flag, a number of records or pages.

Add what another API calls these to the names below. Not here: what follows from it (pages), how the next page is
asked for (paginators).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import requests


def _split(names: str) -> frozenset[str]:
    return frozenset(names.split())


# where an answer speaks of its pages, beside its own members; names are compared without signs and case
PLACES = _split(
    "hits response links meta metadata pagination paging pageinfo page paginationinfo responsemetadata info"
)
NEXT = _split(
    "next nextpage nextcursor nextpagetoken nexttoken nextlink odatanextlink nexturl nextpageurl "
    "nextrecordsurl nexthref nexturi nextoffset nextstart nextmarker nextkey nextcontinuationtoken "
    "continuation continuationtoken"
)
MORE = _split(
    "hasmore hasnext hasnextpage hasmoreitems hasmoreresults hasmorepages hasmorerecords hasmoredata "
    "more moreresults moreavailable istruncated truncated"
)
LAST = _split("islast islastpage last lastpage endofstream done")
TOTAL = _split(
    "total totalcount totalresults totalrecords totalelements totalitems totalsize totalrows "
    "totalhits totalfound totalentries totaldocs totalobjects totalmatches totalresultcount totalresultscount "
    "recordstotal resultstotal itemstotal numfound numberfound odatacount xtotalcount xtotal xwptotal "
    "xpaginationtotalcount"
)
COUNT = _split(
    "count recordcount resultcount resultscount itemcount numresults nbhits"
)  # of all records, or of those on the page
PAGES = _split(
    "totalpages pagecount numpages lastpage pages totalpagecount xtotalpages xwptotalpages "
    "xpaginationpagecount maxpage maxpages nbpages pagestotal numberofpages"
)
DEEPEST = 3


class PageSigns(NamedTuple):
    """What one answer says. next: it names a next page. more: whether others follow, None if no flag says so.

    ended: it has a member for the next page, which is empty. total, pages: how many records and pages there are;
    counted: the same as total, or how many are on this page.
    """

    next: bool = False
    more: bool | None = None
    ended: bool = False
    total: int | None = None
    counted: int | None = None
    pages: int | None = None

    @property
    def goes_on(self) -> bool:
        """True if another page follows."""
        return self.next if self.more is None else self.more


def read_page_signs(response: requests.Response, answer: object, records: str) -> PageSigns:
    """Read an answer's members and headers. records: the JSONPath of its records, beside which signs stand, too."""
    path = [name for name in records.removeprefix("$").removesuffix("[*]").split(".") if name]
    found = [pair for place in _iterate_places(answer, path[:-1]) for pair in place]
    headers = [(_simplify_name(name), value) for name, value in response.headers.items()]
    nexts = [value for name, value in found if name in NEXT]
    nexts += [value for name, value in headers if name == "xnextpage"]
    flags = [flag for name, value in found if name in MORE and (flag := _read_flag(value)) is not None]
    named = any(map(_names_page, nexts)) or find_next_link(response.headers) is not None
    if not path and isinstance(answer, dict):  # the answer is the record: its numbers are data
        return PageSigns(named, any(flags) if flags else None, bool(nexts) and not named)
    flags += [not flag for name, value in found if name in LAST and (flag := _read_flag(value)) is not None]
    return PageSigns(
        named,
        any(flags) if flags else None,
        bool(nexts) and not named,
        _find_count([*found, *headers, *_read_content_range(headers)], TOTAL),
        _find_count(found, COUNT),
        _find_count([*found, *headers], PAGES),
    )


def find_next_link(headers: Mapping[str, str]) -> str | None:
    """Return the address of the `Link` header whose relations have `next`, however it is written."""
    for link in requests.utils.parse_header_links(headers.get("Link", "")):
        relations = next((value for name, value in link.items() if name.strip().lower() == "rel"), "")
        if "next" in relations.lower().split():
            return str(link["url"])
    return None


def _iterate_places(
    answer: object, path: Sequence[str], depth: int = 0
) -> Iterator[list[tuple[str, object]]]:
    """Yield the members of an answer, of what leads to its records, and of what speaks of pages; never a record's."""
    if not isinstance(answer, dict):
        return
    yield [(_simplify_name(name), value) for name, value in answer.items()]
    for name, value in answer.items():
        if path and name == path[0]:
            yield from _iterate_places(value, path[1:], depth)
        elif _simplify_name(name) in PLACES and depth < DEEPEST:
            yield from _iterate_places(value, (), depth + 1)


def _read_content_range(headers: Iterable[tuple[str, str]]) -> list[tuple[str, object]]:
    """Return the total of a header such as `Content-Range: items 0-24/319`."""
    ranges = (re.fullmatch(r".*/(\d+)", value) for name, value in headers if name == "contentrange")
    return [("total", found[1]) for found in ranges if found]


def _simplify_name(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def _names_page(value: object) -> bool:
    """True for what names a page: no empty text, no `null` or `false`, no link without an address."""
    if isinstance(value, dict):
        return any(_names_page(each) for each in value.values())
    return not (value is None or str(value).strip().lower() in ("", "0", "null", "none", "false"))


def _read_flag(value: object) -> bool | None:
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None


def _find_count(members: Iterable[tuple[str, object]], names: Collection[str]) -> int | None:
    """Return the largest number that goes by one of the names; it may be the `value` of an object."""
    found = [value for name, value in members if name in names]
    plain = [value.get("value") if isinstance(value, dict) else value for value in found]
    counts = [
        int(str(value))
        for value in plain
        if not isinstance(value, bool) and re.fullmatch(r"\d{1,15}", str(value))
    ]
    return max(counts, default=None)
