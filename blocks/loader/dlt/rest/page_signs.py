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
    "hits response links meta metadata pagination paging pageinfo page paginationinfo responsemetadata info "
    "pages pager paginator paginginfo pagingmetadata paginationmetadata pagecontext pagedetails cursors "
    "resultinfo resultset listinfo listmeta searchmetadata additionaldata"
)
_NEXT = re.compile(
    "(?:odata|iot)?next(?:page|records|results|set|batch|continuation|partition|row)?"
    "(?:link|url|uri|href|path|token|cursor(?:mark)?|marker|key|offset|start|skip|query|results|batch)?"
    "|nextpage(?:id|number)|continue|continuation(?:token)?|(?:pagination|resumption)token|lastevaluatedkey"
)
_HEADER_START = re.compile("^x?(?:ms)?(?:pagination|paging|continuation(?=next))?")
_MORE = re.compile(
    "(?:has|is)?(?:more|truncated)(?:page|item|result|record|row|data)?s?(?:available|incollection)?"
    "|hasnext(?:page)?"
)
LAST = _split("islast islastpage last lastpage endofstream endofrecords endofresults end exhausted done")
TOTAL = _split(
    "total totalcount totalresults totalrecords totalelements totalitems totalsize totalrows "
    "totalhits totalfound totalentries totaldocs totalobjects totalmatches totalresultcount totalresultscount "
    "totalrecordcount totalitemcount totalnumber totalnumberofrecords totalnumberofresults "
    "recordstotal resultstotal itemstotal numfound numberfound numbermatched hitcount odatacount "
    "xtotalcount xtotal xwptotal "
    "xpaginationtotalcount"
)
COUNT = _split(
    "count recordcount resultcount resultscount itemcount numresults nbhits found matches matched"
)  # of all records, or of those on the page
PAGES = _split(
    "totalpages pagecount numpages lastpage pages totalpagecount xtotalpages xwptotalpages "
    "xpaginationpagecount maxpage maxpages nbpages pagestotal numberofpages"
)
LEFT = _split("remaining remainingcount remainingrecords remainingitems remainingrows remainingresults")
SIZE = _split("size")  # of the page, or of all
LIMIT = _split(
    "limit pagelimit pagesize perpage maxresults maxpagesize maxrecords resultsperpage itemsperpage"
)
CURSOR = _split(  # stands on a last page, too
    "cursor endcursor aftercursor scroll scrollid bookmark marker pagetoken continuationid"
)
ERROR = _split("error errors errormessage errormessages errormsg exception fault")
FAILED = frozenset(("error", "fail", "failed", "failure"))  # as a `status`
STATUS = _split("status statuscode httpstatus httpstatuscode httpcode")  # of HTTP, said in a body
ERROR_NUMBER = _split("errcode errorcode errno errornumber")  # 0 is none
INCOMPLETE = _split(
    "timedout incompleteresults incomplete partial ispartial partialresults"
)  # flags of a part
NOTHING = ("", "0", "null", "none", "false", "undefined")
FLAGS = {"true": True, "yes": True, "y": True, "false": False, "no": False, "n": False}
# of the header `Link`: an address in angles or, as some write it, bare; its parameters
_LINK = re.compile(r"""(?:<([^>]*)>|([^\s<>,;"]+))((?:\s*;\s*[\w*-]+(?:\s*=\s*(?:"[^"]*"|[^\s",;]+))?)*)""")
_LINK_PARAMETER = re.compile(r""";\s*([\w*-]+)\s*=\s*(?:"([^"]*)"|([^\s",;]+))""")
PARTIAL = 206  # the HTTP status of a part
DEEPEST = 3


class PageSigns(NamedTuple):
    """What one answer says. next: it names a next page. more: whether others follow, None if no flag says so.

    ended: it has a member for the next page, which is empty. total, pages: how many records and pages there are;
    counted: the same as total, or how many are on this page. limit: how many a page may have. hint: what may mean that
    others follow, in words. failed: it speaks of an error, whatever its status.
    """

    next: bool = False
    more: bool | None = None
    ended: bool = False
    total: int | None = None
    counted: int | None = None
    pages: int | None = None
    size: int | None = None
    limit: int | None = None
    hint: str = ""
    failed: bool = False

    @property
    def goes_on(self) -> bool:
        """True if another page follows."""
        return self.next if self.more is None else self.more


def read_page_signs(response: requests.Response, answer: object, records: str) -> PageSigns:
    """Read an answer's members and headers. records: the JSONPath of its records, beside which signs stand, too."""
    path = [name for name in records.removeprefix("$").removesuffix("[*]").split(".") if name]
    found = [pair for place in _iterate_places(answer, path[:-1]) for pair in place]
    headers = [(_simplify_name(name), value) for name, value in response.headers.items()]
    nexts = [value for name, value in found if _NEXT.fullmatch(name)]
    nexts += [value for name, value in headers if _NEXT.fullmatch(_HEADER_START.sub("", name))]
    flags = [_read_flag(value, True) for name, value in found if _MORE.fullmatch(name)]
    flags = [flag for flag in flags if flag is not None]
    named = any(map(_names_page, nexts)) or find_next_link(response.headers) is not None
    if not path and isinstance(answer, dict):  # the answer is the record: its numbers are data
        return PageSigns(named, any(flags) if flags else None, bool(nexts) and not named)
    flags += [not flag for name, value in found if name in LAST and (flag := _read_flag(value)) is not None]
    left = _find_count(found, LEFT)  # rows, or what may still be asked
    hints = [name for name, value in found if name in CURSOR and _names_page(value)]
    return PageSigns(
        named,
        any(flags) if flags else None,
        bool(nexts) and not named,
        _find_count([*found, *headers, *_read_content_range(headers)], TOTAL),
        _find_count(found, COUNT),
        _find_count([*found, *headers], PAGES),
        _find_count(found, SIZE),
        _find_count(found, LIMIT),
        _write_hint(response, bool(hints), left or 0),
        isinstance(answer, dict)
        and (any(_names_error(*member) for member in answer.items()) or _has_code_alone(answer, path)),
    )


def has_only_page_signs(answer: object, counts_any: bool) -> bool:
    """True for an object of nothing but what speaks of pages, as `{}`. counts_any: also if it counts records."""
    if not isinstance(answer, dict):
        return False
    names = {_simplify_name(name) for name in answer}
    known = TOTAL | COUNT | PAGES | LEFT | SIZE | LIMIT | LAST | CURSOR | PLACES | {"offset", "start"}
    counted = _find_count(
        [pair for place in _iterate_places(answer, ()) for pair in place], TOTAL | COUNT | PAGES
    )
    signs = (name in known or _NEXT.fullmatch(name) or _MORE.fullmatch(name) for name in names)
    return all(signs) and (counts_any or not counted)


def find_next_link(headers: Mapping[str, str]) -> str | None:
    """Return the address of the `Link` header whose relations have `next`, however it is written.

    A comma or semicolon inside of an address or of a text in quotes ends nothing.
    """
    for address, bare, parameters in _LINK.findall(headers.get("Link", "")):
        values = {
            name.lower(): quoted or plain for name, quoted, plain in _LINK_PARAMETER.findall(parameters)
        }
        if "next" in values.get("rel", "").strip("'").lower().split():
            return str(address or bare).strip()
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
        elif _simplify_name(name) in ("link", "links") and isinstance(value, list):
            yield [_read_relation(link) for link in value if isinstance(link, dict)]
        elif _simplify_name(name) in PLACES and depth < DEEPEST:
            yield from _iterate_places(value, (), depth + 1)


def _read_relation(link: Mapping[str, object]) -> tuple[str, object]:
    """Return what a link of a list stands for, as `{"rel": "next", "href": "/orders?page=2"}`, and its address."""
    relation = link.get("rel") or link.get("relation")
    return str(relation).lower(), link.get("href") or link.get("url") or link.get("uri")


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
    return not (value is None or str(value).strip().lower() in NOTHING)


def _write_hint(response: requests.Response, has_cursor: bool, left: int) -> str:
    if has_cursor:
        return "a cursor"
    if left:
        return f"a number of {left:,} that remain"
    return "the status 206, of a part" if response.status_code == PARTIAL else ""


def _names_error(name: str, value: object) -> bool:
    """True for a member that says that the answer failed, or in part, such as GraphQL's `errors` beside the rest."""
    name = _simplify_name(name)
    if name in ERROR:
        return value is True or (
            not isinstance(value, bool | int)
            and value not in ([], {})
            and str(value).strip().lower() not in NOTHING
        )
    if name in ("ok", "success"):
        return _read_flag(value, True) is False
    if name in INCOMPLETE:
        return _read_flag(value) is True
    if name == "shards" and isinstance(value, dict):  # of Elasticsearch
        return bool(_read_number(value.get("failed")))
    number = _read_number(value)
    if name in ERROR_NUMBER:
        return bool(number)
    return (name == "status" and str(value).lower() in FAILED) or (
        name in STATUS and number is not None and 400 <= number < 600
    )


def _has_code_alone(answer: Mapping[str, object], path: Sequence[str]) -> bool:
    """True for a `code` that is no success where null stands for the records, as for a token that has expired."""
    numbers = [_read_number(value) for name, value in answer.items() if _simplify_name(name) == "code"]
    inner: object = answer
    for name in path:
        inner = inner.get(name) if isinstance(inner, dict) else None
    return inner is None and any(number and not 200 <= number < 300 for number in numbers)


def _read_number(value: object) -> int | None:
    text = "" if isinstance(value, bool) else str(value)
    return int(text) if re.fullmatch(r"-?\d{1,9}", text) else None


def _read_flag(value: object, counts: bool = False) -> bool | None:
    """Return what a flag says, also as a word; counts: also as a number, such as how many are more."""
    if isinstance(value, str):
        value = FLAGS.get(value.strip().lower(), value)
    if counts and not isinstance(value, bool) and (number := _read_number(value)) is not None:
        return number > 0
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
