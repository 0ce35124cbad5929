"""What answers say about their paging, as APIs of many kinds write it."""

from __future__ import annotations

import pytest
import requests

from blocks.loader.dlt.rest.page_signs import PageSigns, find_next_link, has_only_page_signs, read_page_signs


def read(answer: object, records: str = "data", **headers: str) -> PageSigns:
    """What an answer with these headers says."""
    response = requests.Response()
    response.headers.update(headers)
    return read_page_signs(response, answer, records)


@pytest.mark.parametrize(
    "member",
    [
        {"pages": {"next": {"page": 2, "starting_after": "abc"}, "total_pages": 3}},  # Intercom
        {"additional_data": {"pagination": {"more_items_in_collection": True}}},  # Pipedrive
        {"page_context": {"page": 1, "has_more_page": True}},  # Zoho
        {"info": {"more_records": True}},
        {"list_info": {"has_more_rows": True}},
        {"@iot.nextLink": "http://api/Things?$skip=2"},
        {"LastEvaluatedKey": {"id": 1}},
        {"continue": {"apcontinue": "B"}},  # MediaWiki
        {"search_metadata": {"next_results": "?max_id=1"}},
        {"next_batch": "s1"},
        {"nextPageLink": "http://api/orders?page=2"},
        {"paginationToken": "x"},
        {"nextPageKey": "x"},
        {"nextCursorMark": "x"},  # Solr
        {"moreDataAvailable": True},
        {"endOfRecords": False},  # GBIF
        {"links": [{"rel": "self", "href": "/a"}, {"rel": "next", "href": "/a?offset=2"}]},  # OGC
        {"link": [{"relation": "next", "url": "http://fhir/a?page=2"}]},
        {"pager": {"has_more": True}},
        {"resumptionToken": "x"},
    ],
)
def test_an_answer_that_names_a_next_page_goes_on(member: dict[str, object]) -> None:
    assert read({"data": [{}], **member}).goes_on


@pytest.mark.parametrize(
    "member",
    [
        {"links": [{"rel": "self", "href": "/a"}, {"rel": "prev", "href": "/a?offset=2"}]},
        {"links": [{"rel": "next", "href": None}]},
        {"continue": {}},
        {"nextSyncToken": "x"},  # Google: of the next load, not of a page
        {"next_update": "2026-02-01"},
        {"pages": {"next": None}},
        {"nextPage": 0},
    ],
)
def test_an_answer_that_names_none_does_not(member: dict[str, object]) -> None:
    assert not read({"data": [{}], **member}).goes_on


@pytest.mark.parametrize(
    ("name", "goes_on"), [("X-Pagination-Next", True), ("x-ms-continuation", True), ("Next-Review", False)]
)
def test_a_header_that_names_a_next_page(name: str, goes_on: bool) -> None:
    assert read([], "$", **{name: "abc"}).goes_on == goes_on


@pytest.mark.parametrize(
    "member", [{"numberMatched": 10}, {"hitCount": 10}, {"result_info": {"total_count": 10}}]
)
def test_a_total_by_whatever_name(member: dict[str, object]) -> None:
    assert read({"data": [{}], **member}).total == 10


@pytest.mark.parametrize(
    "member",
    [
        {"timed_out": True},
        {"incomplete_results": True},
        {"partial": "true"},
        {"_shards": {"total": 5, "failed": 2}},
    ],
)
def test_an_answer_of_a_part_is_no_answer(member: dict[str, object]) -> None:
    assert read({"data": [{}], **member}).failed
    assert not read({"data": [{}], **dict.fromkeys(member, False)}).failed


@pytest.mark.parametrize(
    "link",
    [
        '<{}>; rel="next"',
        "<{}>;rel=next",
        "<{}>; rel='next'",
        '  <{}>  ;  REL = "last Next"',
        '</a?page=0>; rel="prev", <{}>; title="a, b; rel=last"; rel="next", </a?page=9>; rel="last"',
        '</a?page=1>; title="next"; rel="first",<{}>;rel="next"',
        '</a?b=c,d;e>; rel="first", <{}>; rel="next"',
        '{}; rel="next"',
    ],
)
def test_a_link_of_the_header_is_found_however_it_is_written(link: str) -> None:
    for address in ("/orders?page=2", "https://api.example.com/orders?ids=1,2;3&page=2"):
        if not link.startswith("{") or "," not in address:  # without angles a comma ends it
            assert find_next_link({"Link": link.format(address)}) == address


@pytest.mark.parametrize(
    "link", ["", '</a>; rel="prev"', '</a>; title="next"', "</a>", '</a>; rel="nextish"']
)
def test_a_header_without_such_a_link_has_none(link: str) -> None:
    assert find_next_link({"Link": link}) is None


def test_an_answer_that_leaves_its_records_out() -> None:
    """Because it has none, as protocol buffers write it; what says anything else is another answer."""
    for empty in ({}, {"nextPageToken": "x"}, {"total": 0}, {"meta": {"page": 4}}):
        assert has_only_page_signs(empty, counts_any=False)
    assert not has_only_page_signs({"total": 10}, counts_any=False)
    assert has_only_page_signs({"total": 10}, counts_any=True)
    for other in ({"message": "try later"}, {"orders": []}, [], None):
        assert not has_only_page_signs(other, counts_any=True)
