"""REST: pages of records from a real HTTP server, and every way it can fail."""

from __future__ import annotations

import json
import logging
import socket
import time
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

import pytest

from blocks.errors import (
    BadAnswer,
    Busy,
    ContractBroken,
    Forbidden,
    Misconfigured,
    NotFound,
    PlatformError,
    RateLimited,
    TimedOut,
    Unauthorized,
    Unavailable,
)
from blocks.records import Column, SourceTable
from tests.blocks.loader.origins import RATES, SECRET, Api, Desk, rate

RAW = "select rate_date::varchar, currency, rate from raw_fx.rates order by all"


def test_all_pages_arrive_and_the_next_load_asks_since(online: Desk, api: Api) -> None:
    """The cursor goes into the request; days already known are not loaded again."""
    api.records = [rate(f"2011-01-{day:02}", currency) for day in range(1, 6) for currency in ("EUR", "USD")]
    report = online.load(RATES)
    assert (report.rows, report.watermark, len(api.seen)) == (10, "2011-01-05", 4)
    assert online.load(RATES).rows == 0
    assert api.seen[-1][0] == "/rates?since=2011-01-05"
    api.records.append(rate("2011-01-06", value=2))
    report = online.load(RATES)
    assert (report.rows, report.watermark) == (1, "2011-01-06")
    assert online.rows("select count(*), max(rate) from raw_fx.rates") == [(11, 2.0)]
    assert {auth for _, auth in api.seen} == {f"Bearer {SECRET}"}


@pytest.mark.parametrize(
    ("meta", "requests"),
    [
        ({"paginator": "page_number", "first_page": 0}, 4),
        ({"paginator": "offset", "page_size": 3}, 5),  # one to see that it counts records
        ({"paginator": "cursor", "page_param": "page"}, 3),
        ({"paginator": "header_link"}, 3),
    ],
)
def test_other_ways_of_paging(online: Desk, api: Api, meta: dict[str, object], requests: int) -> None:
    """By number and offset until a page is empty, by cursor or link until there is none; from the watermark on."""
    api.records = [rate(f"2011-01-{day:02}") for day in range(1, 9)]
    api.next_is_a_cursor = True
    table = RATES.model_copy(update={"meta": {**RATES.meta, **meta}})
    assert online.load(table).rows == 8
    assert len(api.seen) == requests
    api.records.append(rate("2011-01-09"))
    assert online.load(table).rows == 1
    assert all("since=2011-01-08" in path for path, _ in api.seen[requests:])


def answer_with(api: Api, make: Callable[[dict[str, str]], object]) -> None:
    """Let the API answer with what `make` makes of a request's parameters."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(handler.path).query).items()}
        api.send(handler, 200, json.dumps(make(query)).encode())

    api.answer = answer  # type: ignore[method-assign]


def paged(**meta: object) -> SourceTable:
    return RATES.model_copy(update={"meta": {**RATES.meta, **meta}})


def test_a_server_that_gives_fewer_than_were_asked_for_loses_no_row(online: Desk, api: Api) -> None:
    days = [rate(f"2011-01-{day:02}") for day in range(1, 11)]
    answer_with(api, lambda query: {"data": days[int(query.get("offset", 0)) :][:3]})
    assert online.load(paged(paginator="offset", page_size=100)).rows == 10


@pytest.mark.parametrize("more", [{"next": "/rates?page=2"}, {"has_more": True}])
def test_an_answer_that_goes_on_is_refused_where_no_paging_is_declared(
    online: Desk, api: Api, more: dict[str, object]
) -> None:
    answer_with(api, lambda query: {"data": [rate("2011-01-01")], **more})
    with pytest.raises(BadAnswer, match="Declare `paginator`"):
        online.load(paged(paginator="single_page"))
    with online.warehouse.session() as session:
        assert not online.warehouse.columns(session, "raw_fx", "rates")


@pytest.mark.parametrize("last", [{"next": ""}, {"next": False}, {"next": None}, {"has_more": False}, {}])
def test_an_answer_that_ends_needs_no_paging(online: Desk, api: Api, last: dict[str, object]) -> None:
    answer_with(api, lambda query: {"data": [rate("2011-01-01")], **last})
    assert online.load(paged(paginator="single_page")).rows == 1


DAYS = [rate(f"2011-01-{day:02}") for day in range(1, 11)]
GOES_ON: dict[str, dict[str, object]] = {  # what an answer may say about a next page → its members
    "a link": {"links": {"next": "/rates?page=2"}},
    "a link of HAL": {"_links": {"next": {"href": "/rates?page=2"}}},
    "a link of OData": {"@odata.nextLink": "/rates?page=2"},
    "a number": {"next_page": 2},
    "a cursor": {"response_metadata": {"next_cursor": "x"}},
    "a token": {"nextPageToken": "x"},
    "an object": {"paging": {"next": {"after": "3"}}},
    "a flag": {"hasMore": True},
    "a flag of GraphQL": {"pageInfo": {"hasNextPage": True}},
    "a flag of Spring": {"last": False},
    "a flag of Salesforce": {"done": False},
    "a flag in words": {"meta": {"has_more": "true"}},
    "a flag as yes": {"has_more": "Yes"},
    "a flag as a number": {"has_more": 1},
}
COUNTS: dict[str, dict[str, object]] = {
    "records": {"total": 10},
    "records beside": {"meta": {"pagination": {"totalCount": 10}}},
    "records by count": {"count": 10},
    "records of Solr": {"response": {"numFound": 10}},
    "records of Elasticsearch": {"hits": {"total": {"value": 10, "relation": "eq"}}},
    "pages": {"page": 1, "total_pages": 4},
}


def undeclared(**meta: object) -> SourceTable:
    kept = {name: value for name, value in RATES.meta.items() if name != "paginator"}
    return RATES.model_copy(update={"meta": {**kept, **meta}})


@pytest.mark.parametrize("message", [*GOES_ON, *COUNTS])
def test_whatever_says_that_rows_are_missing_is_refused_where_no_paging_is_declared(
    online: Desk, api: Api, message: str
) -> None:
    answer_with(api, lambda query: {"data": DAYS[:3], **{**GOES_ON, **COUNTS}[message]})
    with pytest.raises(BadAnswer, match="Declare `paginator`"):
        online.load(undeclared())


@pytest.mark.parametrize(
    "headers", [{"Link": '</rates?page=2>; rel="last next"'}, {"X_Next_Page": "2"}, {"X_Total_Count": "10"}]
)
def test_headers_that_say_it_are_read_too(online: Desk, api: Api, headers: dict[str, str]) -> None:
    api.answer = lambda handler: api.send(handler, 200, json.dumps({"data": DAYS[:3]}).encode(), **headers)  # type: ignore[method-assign]
    with pytest.raises(BadAnswer, match="Declare `paginator`"):
        online.load(undeclared())


def test_signs_beside_records_that_lie_deeper(online: Desk, api: Api) -> None:
    answer_with(api, lambda query: {"answer": {"items": DAYS[:3], "next": "x"}})
    with pytest.raises(BadAnswer, match="has a next page"):
        online.load(undeclared(records="answer.items"))


def test_one_page_that_is_declared_may_have_a_larger_total(online: Desk, api: Api) -> None:
    """It may count something else; the report says so. A record that is the answer has numbers of its own."""
    answer_with(api, lambda query: {"data": DAYS[:3], "total": 10})
    report = online.load(paged(paginator="single_page"))
    assert (report.rows, report.notes) == (3, ("it says that there are 10 records, and 3 came",))
    answer_with(api, lambda query: {**DAYS[3], "total": 10})
    assert online.load(undeclared(records="$")).rows == 1


@pytest.mark.parametrize("last", ["", " ", False, None, 0, {}])
@pytest.mark.parametrize(("paginator", "second"), [("next_url", "/rates?cursor=5"), ("cursor", 5)])
def test_a_next_page_that_is_none_ends_the_paging(
    online: Desk, api: Api, last: object, paginator: str, second: object
) -> None:
    def make(query: dict[str, str]) -> object:
        at = int(query.get("cursor", 0))
        return {"data": DAYS[at : at + 5], "next": last if at else second}

    answer_with(api, make)
    assert online.load(paged(paginator=paginator)).rows == 10
    assert len(api.seen) == 2


def test_where_the_next_page_is_has_to_be_right(online: Desk, api: Api) -> None:
    """A wrong path, or a link where a cursor is, ends after the first page; that is no end."""
    answer_with(api, lambda query: {"data": DAYS[:3], "links": {"next": "/rates?page=2"}})
    for paginator in ("next_url", "header_link", "cursor"):
        with pytest.raises(BadAnswer, match="and where `next` is"):
            online.load(paged(paginator=paginator))
    answer_with(api, lambda query: {"data": DAYS[:3], "next": 2})
    with pytest.raises(BadAnswer, match="`next` is no address"):
        online.load(paged(paginator="next_url"))


def test_an_empty_page_is_no_end_if_the_server_says_so(online: Desk, api: Api) -> None:
    """A server that filters what is on a page may leave nothing of it; the cursor, or a flag, leads on."""

    def by_cursor(query: dict[str, str]) -> object:
        at = int(query.get("cursor", 0))
        return {"data": [] if at == 4 else DAYS[at : at + 4], "next": str(at + 4) if at < 8 else None}

    def by_number(query: dict[str, str]) -> object:
        at = int(query["page"]) * 4 - 4
        return {"data": [] if at == 4 else DAYS[at : at + 4], "has_more": at < 8}

    for paginator, make in (("cursor", by_cursor), ("page_number", by_number)):
        answer_with(api, make)
        online.load(paged(paginator=paginator, first_page=1, load="replace", cursor=None))
        assert online.rows("select count(*) from raw_fx.rates") == [(6,)]
        assert len(api.seen) == 3
        api.seen.clear()


def test_empty_pages_end_sooner_or_later(online: Desk, api: Api) -> None:
    answer_with(api, lambda query: {"data": [] if query else DAYS, "next": f"{len(api.seen)}"})
    report = online.load(paged(paginator="cursor"))
    assert (report.rows, len(api.seen)) == (10, 11)
    assert report.notes == ("10 empty pages in a row were taken for the end",)


def test_a_cursor_that_names_its_own_page_is_the_end(online: Desk, api: Api) -> None:
    def make(query: dict[str, str]) -> object:
        at = int(query.get("cursor", 0))
        return {"data": DAYS[at : at + 5], "next": "5"}

    answer_with(api, make)
    report = online.load(paged(paginator="cursor"))
    assert (report.rows, len(api.seen)) == (10, 2)
    assert "named itself" in report.notes[0]


@pytest.mark.parametrize("order", [1, -1])
def test_a_page_that_comes_again_later_is_refused(online: Desk, api: Api, order: int) -> None:
    """Numbers that go around in a circle, and the same records in another order."""
    pages = {"1": DAYS[:3], "2": DAYS[3:6], "3": DAYS[:3][::order]}
    answer_with(api, lambda query: {"data": pages[query["page"]]})
    with pytest.raises(BadAnswer, match="same page twice"):
        online.load(paged(paginator="page_number", first_page=1))
    assert len(api.seen) == 3


@pytest.mark.parametrize("total", [{"total": 10}, {"meta": {"total_pages": 3}}])
def test_a_last_page_that_comes_for_every_higher_number_is_the_last(
    online: Desk, api: Api, total: dict[str, object]
) -> None:
    def make(query: dict[str, str]) -> object:
        at = min(int(query["page"]), 3) * 4 - 4
        return {"data": DAYS[at : at + 4], **total}

    answer_with(api, make)
    report = online.load(paged(paginator="page_number", first_page=1))
    assert (report.rows, report.notes) == (10, ())


def test_a_page_behind_the_last_may_be_missing(online: Desk, api: Api) -> None:
    """Only if the last one said that it was the last."""
    ending: list[object] = [None]

    def answer(handler: BaseHTTPRequestHandler) -> None:
        number = int(parse_qs(urlsplit(handler.path).query)["page"][0])
        more = "x" if number < 3 else ending[0]
        body = {"data": DAYS[number * 4 - 4 : number * 4], "next": more}
        api.send(handler, 404 if number > 3 else 200, json.dumps(body).encode())

    api.answer = answer  # type: ignore[method-assign]
    assert online.load(paged(paginator="page_number", first_page=1)).rows == 10
    ending[0] = "x"
    with pytest.raises(NotFound):
        online.load(paged(paginator="page_number", load="replace", cursor=None))


def test_records_may_be_named_one_by_one(online: Desk, api: Api) -> None:
    """An empty page has none; they may lie in several lists."""
    answer_with(api, lambda query: {"data": [] if int(query["page"]) > 2 else DAYS[: 3 * int(query["page"])]})
    assert online.load(paged(paginator="page_number", records="$.data[*]")).rows == 6
    answer_with(api, lambda query: {"data": [{"of": DAYS[:1]}, {"of": DAYS[1:3]}]})
    online.load(undeclared(records="data[*].of[*]", load="replace", cursor=None))
    assert online.rows("select count(*) from raw_fx.rates") == [(3,)]


def test_records_without_any_declared_column_are_somewhere_else(online: Desk, api: Api) -> None:
    answer_with(api, lambda query: {"data": {"a": DAYS[0], "b": DAYS[1]}})
    table = undeclared(load="replace", cursor=None)
    loose = tuple(column.model_copy(update={"required": False}) for column in table.columns)
    with pytest.raises(ContractBroken, match="its columns are a, b"):
        online.load(table.model_copy(update={"columns": loose, "meta": {**table.meta, "key": []}}))


def test_a_last_page_that_still_has_a_cursor_is_the_last(online: Desk, api: Api) -> None:
    days = [rate(f"2011-01-{day:02}") for day in range(1, 11)]

    def make(query: dict[str, str]) -> object:
        at = int(query.get("cursor", 0))
        end = min(at + 4, 10)
        return {"data": days[at:end], "after": str(end), "has_more": end < 10}

    answer_with(api, make)
    assert online.load(paged(paginator="cursor", next="after")).rows == 10
    assert len(api.seen) == 3


def test_a_key_that_no_record_has_is_null(online: Desk, api: Api) -> None:
    table = RATES.model_copy(update={"columns": (*RATES.columns, Column(name="note", origin="note"))})
    api.records = [rate("2011-01-01")]
    assert online.load(table).rows == 1
    assert online.rows("select note from raw_fx.rates") == [(None,)]


def test_corrected_record_replaces_and_the_last_of_a_batch_stays(online: Desk, api: Api) -> None:
    """A correction at the watermark is merged; of two records of a key one stays."""
    api.records = [rate("2011-01-01"), rate("2011-01-01", value=7)]
    assert online.load(RATES).rows == 1
    api.records = [rate("2011-01-01", value=9)]
    online.load(RATES)
    assert online.rows(RAW) == [("2011-01-01", "EUR", 9.0)]


def test_bad_records_are_set_aside_and_new_names_evolve(online: Desk, api: Api) -> None:
    """Whatever a record is, the others load."""
    api.records = [rate(f"2011-01-0{n}", provider={"name": "ECB"}) for n in range(1, 5)]
    api.records += [
        rate("2011-01-05", value="n/a"),
        "nonsense",
        rate("2011-01-07", currency="\ud800"),
        rate("2011-13-01"),
    ]
    report = online.load(RATES)
    assert (report.rows, report.quarantined) == (4, 4)
    assert report.schema_changes == ("new column provider (varchar) since endpoint rates",)
    assert online.rows("select distinct provider from raw_fx.rates") == [('{"name":"ECB"}',)]
    api.records = [{"rate_date": "2012-01-01", "currency": "EUR", "value": 1}]
    with pytest.raises(ContractBroken, match=r"fx\.rates from endpoint rates: column rate is missing"):
        online.load(RATES)


def test_no_records_still_make_the_table(online: Desk) -> None:
    """An empty answer is an answer."""
    assert online.load(RATES).rows == 0
    assert online.rows(RAW) == []


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        ("unauthorized", Unauthorized, "401"),
        ("forbidden", Forbidden, "403"),
        ("missing", NotFound, "404"),
        ("crash", Unavailable, "500"),
        ("moved", BadAnswer, "moved"),
        ("html", BadAnswer, "HTML"),
        ("broken", BadAnswer, "instead of JSON"),
        ("renamed", BadAnswer, "no `data`"),
        ("drop", Unavailable, "dropped"),
        ("half", Unavailable, "dropped"),
        ("loop", BadAnswer, "read already"),
        ("stranger", BadAnswer, "another host"),
    ],
)
def test_faults_say_what_happened_and_never_the_credential(
    online: Desk,
    api: Api,
    fault: str,
    kind: type[PlatformError],
    message: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """On the first page or a later one, nothing of the load is visible, and the next load is complete."""
    caplog.set_level(logging.DEBUG)
    api.records = [rate(f"2011-01-{day:02}") for day in range(1, 6)]
    api.page = 5 if fault == "loop" else 3
    api.fail(fault)
    with pytest.raises(kind, match=message) as caught:
        online.load(RATES)
    told = "".join(traceback.format_exception(caught.value)) + caplog.text + "".join(capfd.readouterr())
    assert SECRET not in told + repr(caught.value) + repr(caught.value.__context__)
    assert caught.value.remedy
    assert not list((online.folder / "work").glob("*/"))
    api.fail("")
    assert online.load(RATES).rows == 5


def test_fault_on_a_later_page_loads_nothing(online: Desk, api: Api) -> None:
    """Half of the pages is no load."""
    api.records = [rate(f"2011-01-{day:02}") for day in range(1, 9)]
    answer = api.answer
    api.answer = lambda handler: api._crash(handler) if "page=2" in handler.path else answer(handler)  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        online.load(RATES)
    assert online.rows("select 1 from information_schema.tables where table_schema = 'raw_fx'") == []


@pytest.mark.parametrize(("fault", "times", "least"), [("limit", 2, 2), ("limit_date", 1, 1)])
def test_pause_is_kept_and_then_all_is_loaded(
    online: Desk, api: Api, fault: str, times: int, least: float
) -> None:
    """429 with Retry-After in seconds, twice; or with a date, which is to the second."""
    api.records = [rate("2011-01-01")]
    api.fail(fault, times=times)
    started = time.monotonic()
    assert online.load(RATES).rows == 1
    assert time.monotonic() - started >= least
    assert len(api.seen) == times + 1


def test_pause_beyond_the_deadline_is_left_to_the_caller(online: Desk, api: Api) -> None:
    """The error says how long to wait."""
    api.fail("limit_long")
    with pytest.raises(RateLimited) as caught:
        online.load(RATES)
    assert caught.value.retry_after == 3600


@pytest.mark.parametrize("fault", ["slow", "drip"])
def test_slow_answer_ends_at_the_deadline(online: Desk, api: Api, fault: str) -> None:
    """Silent, or byte by byte."""
    online.loader = online.loader_with(deadline_seconds=2)
    api.fail(fault)
    started = time.monotonic()
    with pytest.raises(TimedOut):
        online.load(RATES)
    assert time.monotonic() - started < 6


def test_dead_host_and_wrong_settings(online: Desk) -> None:
    """Refused connections are Transient, settings are not."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
    online.loader = online.loader_with(locations={"fx": url})
    with pytest.raises(Unavailable):
        online.load(RATES)
    with pytest.raises(Misconfigured, match="next_url"):
        online.load(RATES.model_copy(update={"meta": {**RATES.meta, "paginator": "magic"}}))


def test_check_tells_a_good_credential_from_a_bad_one(online: Desk, api: Api) -> None:
    """One line; never the credential."""
    online.sql("create table accounts (account_id integer)")
    line = online.loader.check()
    assert "fx: 127.0.0.1" in line
    assert SECRET not in line
    api.fail("unauthorized")
    with pytest.raises(Unauthorized):
        online.loader.check()


def test_a_page_that_comes_again_ends_the_load(online: Desk, api: Api) -> None:
    """A server that ignores the page's number is refused at its second answer."""
    api.records = [rate("2011-01-01")]
    table = RATES.model_copy(
        update={"meta": {**RATES.meta, "paginator": "page_number", "page_param": "unknown", "first_page": 1}}
    )
    with pytest.raises(BadAnswer, match="same page twice"):
        online.load(table)
    assert len(api.seen) == 2


@pytest.mark.parametrize(
    "message",
    [
        {"remaining": 7},
        {"size": 10},
        {"endCursor": "x"},
        {"meta": {"scroll_id": "x"}},
        {"limit": 3, "offset": 0},
        {"paging": {"per_page": "3"}},
    ],
)
def test_what_may_say_that_rows_are_missing_is_asked_about(
    online: Desk, api: Api, message: dict[str, object]
) -> None:
    """Only where nothing is declared: such words mean other things as well."""
    answer_with(api, lambda query: {"data": DAYS[:3], **message})
    with pytest.raises(BadAnswer, match="`single_page` if this is all"):
        online.load(undeclared())
    assert online.load(paged(paginator="single_page")).rows == 3


@pytest.mark.parametrize(
    "message",
    [
        {"size": 10, "totalElements": 3},
        {"size": 3},
        {"cursor": None},
        {"limit": 100},
        {"limit": 3, "total": 3},
        {"limit": 3, "next": None},
        {"more": 0, "limit": 3},
    ],
)
def test_what_only_looks_like_more_is_the_end(online: Desk, api: Api, message: dict[str, object]) -> None:
    answer_with(api, lambda query: {"data": DAYS[:3], **message})
    assert online.load(undeclared()).rows == 3


def test_a_part_of_all_is_asked_about(online: Desk, api: Api) -> None:
    api.answer = lambda handler: api.send(handler, 206, json.dumps({"data": DAYS[:3]}).encode())  # type: ignore[method-assign]
    with pytest.raises(BadAnswer, match="206"):
        online.load(undeclared())


@pytest.mark.parametrize(
    "message", [{"errors": [{"message": "x"}]}, {"error": "late"}, {"success": False}, {"status": "error"}]
)
def test_an_error_with_status_200_is_no_end(online: Desk, api: Api, message: dict[str, object]) -> None:
    def make(query: dict[str, str]) -> object:
        first = query["page"] == "1"
        return {"data": DAYS[:3]} if first else {"data": [], **message}

    answer_with(api, make)
    with pytest.raises(BadAnswer, match="speaks of an error"):
        online.load(paged(paginator="page_number"))


def test_a_cursor_in_a_header_is_followed(online: Desk, api: Api) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        at = int(parse_qs(urlsplit(handler.path).query).get("after", ["0"])[0])
        more = {"X_Next_Cursor": str(at + 4)} if at < 8 else {}
        api.send(handler, 200, json.dumps({"data": DAYS[at : at + 4]}).encode(), **more)

    api.answer = answer  # type: ignore[method-assign]
    with pytest.raises(BadAnswer, match="has a next page"):
        online.load(undeclared())
    table = paged(paginator="header_cursor", next="X-Next-Cursor", page_param="after")
    assert online.load(table).rows == 10


def test_pages_that_overlap_double_no_row(online: Desk, api: Api) -> None:
    """A row that is written while pages are read moves the others on; with `merge` the key keeps one of each."""
    pages = {"1": DAYS[:4], "2": DAYS[3:7], "3": []}
    answer_with(api, lambda query: {"data": pages[query["page"]]})
    assert online.load(paged(paginator="page_number")).rows == 7
    whole = {"paginator": "page_number", "load": "replace", "cursor": None}
    with pytest.raises(BadAnswer, match="1 of its records came on two pages"):
        online.load(paged(**whole))
    assert online.load(paged(**whole, repeated_records="accept")).rows == 8


def test_a_page_zero_with_records_of_its_own_is_not_left_out_in_silence(online: Desk, api: Api) -> None:
    answer_with(api, lambda query: {"data": DAYS[int(query["page"]) * 4 :][:4]})
    with pytest.raises(BadAnswer, match=r"page 0.*Declare `first_page`: 0"):
        online.load(paged(paginator="page_number"))
    assert online.load(paged(paginator="page_number", first_page=0)).rows == 10


@pytest.mark.parametrize("zero", [None, [], DAYS[:4]], ids=["refused", "empty", "page 1 again"])
def test_pages_that_count_from_one_are_read_as_before(
    online: Desk, api: Api, zero: list[dict[str, object]] | None
) -> None:
    def answer(query: dict[str, str]) -> object:
        page = int(query["page"])
        if page == 0 and zero is None:
            return {"message": "no such page"}
        return {"data": zero if page == 0 else DAYS[(page - 1) * 4 :][:4]}

    answer_with(api, answer)
    assert online.load(paged(paginator="page_number")).rows == 10


def test_a_first_page_that_was_not_read_is_missed(online: Desk, api: Api) -> None:
    answer_with(api, lambda query: {"data": DAYS[int(query["page"]) * 4 :][:4], "total": 10})
    with pytest.raises(BadAnswer, match="Declare `first_page`: 0"):
        online.load(paged(paginator="page_number"))
    assert online.load(paged(paginator="page_number", first_page=0)).rows == 10


@pytest.mark.parametrize(
    ("body", "kind", "stage"),
    [
        ('{"data": [{"id": 1, "v": "é😀"}]}'.encode(), "text/plain", "é😀"),
        (b'\xef\xbb\xbf{"data": [{"id": 1, "v": "a"}]}', "application/json; charset=utf-8", "a"),
        ('{"data": [{"id": 1, "v": "é"}]}'.encode("latin-1"), "application/json; charset=iso-8859-1", "é"),
        (b'{"data": [{"id": 1, "v": NaN}]}', "application/json", "NaN"),
    ],
)
def test_an_answers_text_is_never_guessed(online: Desk, api: Api, body: bytes, kind: str, stage: str) -> None:
    """JSON is UTF-8 unless the server names another charset; requests takes a plain text for Latin-1."""
    api.answer = lambda handler: api.send(handler, 200, body, Content_Type=kind)  # type: ignore[method-assign]
    assert online.load(plain()).rows == 1
    assert online.rows("select v from raw_fx.rates") == [(stage,)]


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ('{"data": [{"id": 1, "v": "é"}]}'.encode("latin-1"), "not utf-8, and names no other charset"),
        (b'{"data": [{"id": 1}], "data": [{"id": 2}]}', "a name twice outside of its records"),
    ],
)
def test_an_answer_that_can_be_read_in_two_ways_is_refused(
    online: Desk, api: Api, body: bytes, answer: str
) -> None:
    api.answer = lambda handler: api.send(handler, 200, body)  # type: ignore[method-assign]
    with pytest.raises(BadAnswer, match=answer) as caught:
        online.load(plain())
    assert caught.value.__cause__ is caught.value.__context__ is None  # which would hold the answer


def plain(**meta: object) -> SourceTable:
    """A table of `id` and `v`, read as a whole."""
    declared = (Column(name="id", data_type="integer", origin="id"), Column(name="v", origin="v"))
    given = {"kind": "rest", "endpoint": "rates", "records": "data", **meta}
    return RATES.model_copy(update={"columns": declared, "meta": given})


ROWS = [{"id": at, "v": "x"} for at in range(10)]


def send_pages(api: Api, refusal: int, parts: list[list[dict[str, object]]], **more: object) -> None:
    """Answer with pages by their number, and behind the last one with a refusal."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        page = int(parse_qs(urlsplit(handler.path).query).get("page", ["1"])[0])
        if not 0 < page <= len(parts):
            api.send(handler, refusal, b"{}" if refusal != 204 else b"")
        else:
            api.send(handler, 200, json.dumps({"data": parts[page - 1], **more}).encode())

    api.answer = answer  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("refusal", "more"), [(400, {"total": 10}), (416, {"pages": 3}), (204, {}), (404, {"total": 10})]
)
def test_a_page_behind_the_last_one_may_be_refused(
    online: Desk, api: Api, refusal: int, more: dict[str, object]
) -> None:
    """If all came that there is; else it is a fault."""
    send_pages(api, refusal, [ROWS[:4], ROWS[4:8], ROWS[8:]], **more)
    assert online.load(plain(paginator="page_number")).rows == 10
    if refusal != 204:
        send_pages(api, refusal, [ROWS[:4], ROWS[4:8]], **(more if "pages" in more else {}))
        with pytest.raises(PlatformError, match=f"answered {refusal}"):
            online.load(plain(paginator="page_number"))


@pytest.mark.parametrize("more", [{"total": 10}, {"total_pages": 4}])
def test_an_empty_page_before_the_total_is_not_the_end(
    online: Desk, api: Api, more: dict[str, object]
) -> None:
    send_pages(api, 404, [ROWS[:4], [], ROWS[4:8], ROWS[8:]], **more)
    assert online.load(plain(paginator="page_number", first_page=1)).rows == 10


def test_rows_that_go_while_pages_are_read_are_not_passed_over(online: Desk, api: Api) -> None:
    """The rows behind them move up, one of them to a page that was read; a later try has them all."""
    rows = list(ROWS)

    def make(query: dict[str, str]) -> object:
        begin = int(query["offset"])
        found = {"data": rows[begin : begin + 4], "total": len(rows)}
        if len(rows) == 10:
            del rows[2]
        return found

    answer_with(api, make)
    table = plain(paginator="offset", page_size=4)
    with pytest.raises(Busy, match="its total fell from 10 to 9"):
        online.load(table)
    assert online.load(table).rows == 9


@pytest.mark.parametrize("kind", ["left", "page"])
def test_a_number_that_falls_with_each_page_is_no_total(online: Desk, api: Api, kind: str) -> None:
    """Of the records that are left, or of those on the page."""

    def make(query: dict[str, str]) -> object:
        begin = int(query["offset"])
        page = ROWS[begin : begin + 4]
        return {"data": page, "total": len(page) if kind == "page" else len(ROWS) - begin}

    answer_with(api, make)
    assert online.load(plain(paginator="offset", page_size=4)).rows == 10


@pytest.mark.parametrize("end", ["null", "None", " "])
def test_a_word_for_no_cursor_is_the_end(online: Desk, api: Api, end: str) -> None:
    pages = {"": (ROWS[:4], "2"), "2": (ROWS[4:], end)}
    answer_with(api, lambda query: dict(zip(("data", "next"), pages[query.get("cursor", "")], strict=True)))
    assert online.load(plain(paginator="cursor")).rows == 10


def test_odatas_next_link_needs_no_quotes(online: Desk, api: Api) -> None:
    def make(query: dict[str, str]) -> object:
        link = {} if query else {"@odata.nextLink": f"{api.url}rates?page=2"}
        return {"data": ROWS[5:] if query else ROWS[:5], **link}

    answer_with(api, make)
    assert online.load(plain(paginator="next_url", next="@odata.nextLink")).rows == 10


def test_a_row_that_changes_while_pages_are_read_does_not_come_twice(online: Desk, api: Api) -> None:
    """It moves to a page that is still to come, and another one to a page that was read."""
    send_pages(api, 404, [ROWS[:4], [{**ROWS[3], "v": "changed"}, *ROWS[5:8]], ROWS[8:]], total=10)
    table = plain(paginator="page_number", first_page=1, key="id")
    with pytest.raises(BadAnswer, match="1 of its keys came on two pages"):
        online.load(table)
    accepted = {**table.meta, "repeated_records": "accept"}
    assert online.load(table.model_copy(update={"meta": accepted})).rows == 10


@pytest.mark.parametrize(("meta", "most"), [({}, 3), ({"load": "merge"}, 13)])
def test_a_page_whose_records_are_stamped_anew_is_known_by_its_keys(
    online: Desk, api: Api, meta: dict[str, object], most: int
) -> None:
    """With `merge` a few pages may bring other versions of the same rows."""
    answer_with(api, lambda query: {"data": [{**row, "v": f"{len(api.seen)}"} for row in ROWS[:4]]})
    table = plain(paginator="offset", page_size=4, key="id", **meta)
    with pytest.raises(BadAnswer, match="same page twice"):
        online.load(table)
    assert len(api.seen) < most


def test_an_offset_behind_which_a_page_begins_loses_no_row(online: Desk, api: Api) -> None:
    """It leaves out one record a page; only the first page has it."""
    answer_with(api, lambda query: {"data": ROWS[(n := int(query["offset"])) + (n > 0) :][:4]})
    with pytest.raises(BadAnswer, match="does not begin at the second one"):
        online.load(plain(paginator="offset", page_size=4))


def test_an_offset_that_is_rounded_down_is_right_where_pages_are_whole(online: Desk, api: Api) -> None:
    answer_with(api, lambda query: {"data": ROWS[int(query["offset"]) // 5 * 5 :][:5]})
    assert online.load(plain(paginator="offset", page_size=5)).rows == 10


def test_an_offset_that_counts_pages_loses_no_row(online: Desk, api: Api) -> None:
    answer_with(api, lambda query: {"data": ROWS[int(query["offset"]) * 2 :][:2]})
    with pytest.raises(BadAnswer, match=r"counts pages.*`paginator: page_number` with `page_param`"):
        online.load(plain(paginator="offset", page_size=2))
    right = plain(paginator="page_number", page_param="offset", first_page=0)
    assert online.load(right).rows == 10


def test_records_that_are_stamped_anew_say_nothing_of_what_an_offset_counts(online: Desk, api: Api) -> None:
    answer_with(
        api,
        lambda query: {
            "data": [{**row, "v": str(len(api.seen))} for row in ROWS[int(query["offset"]) :][:4]]
        },
    )
    assert online.load(plain(paginator="offset", page_size=4)).rows == 10


def test_paging_without_an_end_says_how_much_had_come(online: Desk, api: Api) -> None:
    online.loader = online.loader_with(deadline_seconds=2)
    answer_with(api, lambda query: {"data": [{"id": len(api.seen), "v": "x"}]})
    with pytest.raises(TimedOut, match=r"not done after 2 s: \d+ pages with \d+ records had come"):
        online.load(plain(paginator="offset", page_size=4))


@pytest.mark.parametrize(
    "message",
    [
        {"code": 40101, "data": None},
        {"statusCode": 500, "data": []},
        {"errcode": "7", "data": []},
        {"status": 503, "data": []},
    ],
)
def test_an_answer_of_200_that_speaks_of_an_error_by_a_number_is_refused(
    online: Desk, api: Api, message: dict[str, object]
) -> None:
    answer_with(api, lambda query: message)
    with pytest.raises(BadAnswer, match="speaks of an error"):
        online.load(plain())


@pytest.mark.parametrize(
    "message", [{"code": 0}, {"code": 200}, {"status": 200, "errcode": 0}, {"code": 20000}]
)
def test_a_number_of_a_success_is_no_error(online: Desk, api: Api, message: dict[str, object]) -> None:
    answer_with(api, lambda query: {**message, "data": ROWS[:2]})
    assert online.load(plain()).rows == 2


@pytest.mark.parametrize(
    ("status", "answer", "records"),
    [(204, b"", "$"), (200, b"{}", "$"), (200, b"{}", "data"), (200, b'{"total": 0}', "data")]
    + [(200, f'{{"data": {empty}}}'.encode(), "data") for empty in ("{}", '""', "false", "null", "[]")],
)
def test_nothing_is_no_row_of_nothing(
    online: Desk, api: Api, status: int, answer: bytes, records: str
) -> None:
    """Something empty stands for a list, or nothing at all."""
    api.answer = lambda handler: api.send(handler, status, answer)  # type: ignore[method-assign]
    report = online.load(plain(records=records))
    assert (report.rows, report.quarantined) == (0, 0)


@pytest.mark.parametrize("end", [b"{}", b'{"next": null}', b'{"data": {}}', b'{"data": ""}'])
def test_the_page_behind_the_last_one_may_have_no_list(online: Desk, api: Api, end: bytes) -> None:
    pages = {str(at + 1): {"data": part} for at, part in enumerate((ROWS[:4], ROWS[4:8], ROWS[8:]))}

    def answer(handler: BaseHTTPRequestHandler) -> None:
        number = parse_qs(urlsplit(handler.path).query)["page"][0]
        api.send(handler, 200, json.dumps(pages[number]).encode() if number in pages else end)

    api.answer = answer  # type: ignore[method-assign]
    assert online.load(plain(paginator="page_number", first_page=1)).rows == 10


def test_a_first_page_that_is_empty_is_not_the_end(online: Desk, api: Api) -> None:
    """As page 0 of a server that counts from 1."""
    answer_with(
        api, lambda query: {"data": [ROWS[:6], ROWS[6:], []][at - 1] if (at := int(query["page"])) else []}
    )
    assert online.load(plain(paginator="page_number", first_page=0)).rows == 10


@pytest.mark.parametrize("refusal", [400, 404, 416, 422])
def test_a_page_that_is_refused_behind_a_short_one_is_the_end_with_a_note(
    online: Desk, api: Api, refusal: int
) -> None:
    """Behind a full one it may be a bound of the server's: the error says how much had come."""
    send_pages(api, refusal, [ROWS[:4], ROWS[4:8], ROWS[8:]])
    report = online.load(plain(paginator="page_number"))
    assert (report.rows, report.notes) == (
        10,
        ("the page after 10 records was refused, which was taken for the end",),
    )
    send_pages(api, refusal, [ROWS[:4], ROWS[4:8]])
    with pytest.raises(PlatformError, match="2 pages with 8 records had come"):
        online.load(plain(paginator="page_number"))


def test_a_header_says_by_a_word_that_there_is_no_cursor(online: Desk, api: Api) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        first = "cursor=" not in handler.path
        body = json.dumps({"data": ROWS[:5] if first else ROWS[5:]}).encode()
        api.send(handler, 200, body, X_Next_Cursor="5" if first else "null")

    api.answer = answer  # type: ignore[method-assign]
    assert online.load(plain(paginator="header_cursor", next="X-Next-Cursor")).rows == 10
    assert len(api.seen) == 2


def test_a_cursor_that_is_an_object_is_refused_with_what_to_declare(online: Desk, api: Api) -> None:
    answer_with(api, lambda query: {"data": ROWS[:5], "next": {"after": "5"}})
    with pytest.raises(BadAnswer, match=r"`next` is no cursor.*as `next\.after`"):
        online.load(plain(paginator="cursor"))


@pytest.mark.parametrize("meta", [{"records": "$items"}, {"paginator": "cursor", "next": "$after"}])
def test_a_setting_that_is_no_jsonpath_is_refused(online: Desk, api: Api, meta: dict[str, object]) -> None:
    answer_with(api, lambda query: {"$items": ROWS})
    with pytest.raises(Misconfigured, match="is no JSONPath"):
        online.load(plain(**meta))


@pytest.mark.parametrize("charset", ["iso-8859-1", '"ISO-8859-1"', "windows-1252"])
def test_a_charset_of_single_bytes_that_is_named_for_utf_8_spoils_no_text(
    online: Desk, api: Api, charset: str
) -> None:
    """As servers name one that was never chosen; what is in it is read as such."""
    for at, encoding in enumerate(("utf-8", charset.strip('"'))):
        body = '{"data": [{"id": 1, "v": "Müller"}]}'.encode(encoding)
        api.answer = lambda handler, body=body: api.send(  # type: ignore[method-assign]
            handler, 200, body, Content_Type=f"application/json; charset={charset}"
        )
        online.load(plain())
        assert online.rows("select v from raw_fx.rates") == [("Müller",)], at
