"""Fivetran: a connection is checked, synced or adopted, waited for and counted, against a stateful stand-in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date

import pytest

from blocks.errors import (
    BadAnswer,
    ContractBroken,
    Misconfigured,
    NotFound,
    PlatformError,
    RateLimited,
    TimedOut,
    Transient,
    Unavailable,
)
from blocks.load_range import LoadRange
from blocks.warehouse.control import read_ledger
from tests.blocks.loader.faults import FAULTS, refused
from tests.blocks.loader.fivetran.standin import Connection, Fivetran
from tests.blocks.loader.managed_loaders import fivetran_loader, fivetran_standin, managed_table
from tests.blocks.loader.origins import SECRET, Desk

DEALS = managed_table("fivetran", connection="con_crm")
FIRST = [(1, "open", 1.5), (2, "won", 20.0)]
RAW = "select deal_id, stage from raw_crm.deals order by 1"


@pytest.fixture
def crm(desk: Desk) -> Iterator[tuple[Fivetran, Connection]]:
    """A connection with two deals waiting, and the desk's loader over it."""
    server, connection = fivetran_standin(desk.warehouse)
    connection.landings[0].waiting += FIRST
    desk.loader = fivetran_loader(server)  # type: ignore[assignment]
    yield server, connection
    server.close()


Crm = tuple[Fivetran, Connection]


def test_a_sync_is_started_waited_for_and_counted(desk: Desk, crm: Crm) -> None:
    """Rows, size, watermark; the next one counts only what is newer; a row that is gone is deleted."""
    server, connection = crm
    connection.looks = 3
    first = desk.load(DEALS)
    assert (first.rows, first.deleted, first.items, first.loader) == (2, 0, 1, "fivetran")
    assert first.bytes == len("1open1.5") + len("2won20.0")
    assert server.calls("POST", "/sync") == 1
    assert server.calls("GET", "/con_crm") == 5  # once before, and until it was done
    connection.landings[0].waiting += [(2, "lost", 20.0), (3, "open", 7.0)]
    connection.landings[0].gone += [1]
    second = desk.load(DEALS)
    assert (second.rows, second.deleted) == (2, 1)
    assert second.watermark > first.watermark
    assert [(entry.rows, entry.run) for entry in read_ledger(desk.warehouse, "crm")] == [
        (2, "run1"),
        (2, "run2"),
    ]


def test_rows_of_syncs_between_two_loads_are_counted(desk: Desk, crm: Crm) -> None:
    """Fivetran has a schedule of its own."""
    _, connection = crm
    desk.load(DEALS)
    connection.landings[0].waiting += [(3, "open", 1.0)]
    connection.landings[0].land()  # nobody asked
    connection.landings[0].waiting += [(4, "open", 1.0)]
    assert desk.load(DEALS).rows == 2


def test_a_running_sync_is_adopted(desk: Desk, crm: Crm) -> None:
    """Not stopped, not started again: also after a load that was killed while it waited."""
    server, connection = crm
    connection.looks = 2
    connection.start()
    report = desk.load(DEALS)
    assert (report.rows, server.calls("POST", "/sync")) == (2, 0)
    assert report.notes == ("a sync ran already and was waited for",)


def test_old_stamps_are_no_success(desk: Desk, crm: Crm) -> None:
    """What counts is a stamp later than before, not that there is one."""
    _, connection = crm
    desk.load(DEALS)
    connection.looks = 4
    connection.landings[0].waiting += [(3, "open", 1.0)]
    assert desk.load(DEALS).rows == 1
    connection.ends = ["fail"]
    with pytest.raises(Unavailable, match="the sync failed at"):
        desk.load(DEALS)
    assert desk.load(DEALS).rows == 0  # the failure is before this sync


def test_a_failed_sync_with_a_task_for_people_is_not_tried_again(desk: Desk, crm: Crm) -> None:
    """Its code says which; its text stays where it is."""
    _, connection = crm
    connection.ends, connection.tasks = ["fail"], ["reconnect"]
    with pytest.raises(Misconfigured, match="the sync failed: reconnect") as caught:
        desk.load(DEALS)
    assert SECRET not in str(caught.value)
    assert not isinstance(caught.value, Transient)
    assert desk.rows("select 1 from information_schema.tables where table_name = 'deals'") == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"paused": True}, "paused"),
        ({"setup": "incomplete", "tests": [("Validate Login", "FAILED")]}, r"incomplete \(Validate Login\)"),
        ({"setup": "broken", "tasks": ["reconnect"]}, r"broken \(reconnect\)"),
    ],
)
def test_what_cannot_sync_fails_early_with_the_reason(
    desk: Desk, crm: Crm, change: dict[str, object], message: str
) -> None:
    """Nothing is started."""
    server, connection = crm
    for name, value in change.items():
        setattr(connection, name, value)
    with pytest.raises(Misconfigured, match=message) as caught:
        desk.load(DEALS)
    assert SECRET not in str(caught.value)
    assert server.calls("POST", "/sync") == 0


def test_a_broken_connection_that_was_repaired_is_synced(desk: Desk, crm: Crm) -> None:
    """Its setup tests are run again before it is given up."""
    server, connection = crm
    connection.setup, connection.repaired = "broken", True
    assert desk.load(DEALS).rows == 2
    assert server.calls("POST", "/test") == 1


def test_paused_while_it_syncs(desk: Desk, crm: Crm) -> None:
    """Nobody waits for the deadline."""
    _, connection = crm
    connection.ends = ["pause"]
    with pytest.raises(Misconfigured, match="paused"):
        desk.load(DEALS)


def test_rescheduled_under_a_manual_schedule_is_started_again(
    desk: Desk, crm: Crm, caplog: pytest.LogCaptureFixture
) -> None:
    """When its time has come, once; said at once and in the report."""
    server, connection = crm
    connection.schedule, connection.ends = "manual", ["reschedule:0.5"]
    started = time.monotonic()
    report = desk.load(DEALS)
    assert time.monotonic() - started > 0.5
    assert (report.rows, server.calls("POST", "/sync")) == (2, 2)
    assert [note for note in report.notes if "rescheduled the sync to" in note]
    assert "rescheduled the sync" in caplog.text


def test_rescheduled_under_an_automatic_schedule_is_waited_for(desk: Desk, crm: Crm) -> None:
    """Fivetran starts it; we don't."""
    server, connection = crm
    connection.ends = ["reschedule:0.1"]
    look = connection.look

    def itself() -> None:
        if connection.state == "rescheduled" and server.calls("GET", "/con_crm") > 8:
            connection.start()
        look()

    connection.look = itself  # type: ignore[method-assign]
    assert desk.load(DEALS).rows == 2
    assert server.calls("POST", "/sync") == 1


def test_rescheduled_beyond_the_deadline_ends_at_once(desk: Desk, crm: Crm) -> None:
    """With the pause it takes."""
    _, connection = crm
    connection.ends = ["reschedule:3600"]
    with pytest.raises(RateLimited, match="rescheduled the sync to 20") as caught:
        desk.load(DEALS)
    assert 3500 < (caught.value.retry_after or 0) <= 3600


def test_a_sync_that_never_ends_ends_at_the_deadline(desk: Desk, crm: Crm) -> None:
    """And is adopted by the next load."""
    server, connection = crm
    connection.ends = ["never"]
    desk.loader = fivetran_loader(server, deadline_seconds=1)  # type: ignore[assignment]
    with pytest.raises(TimedOut, match="deadline_seconds"):
        desk.load(DEALS)
    connection.ends, connection.left = [], 2
    assert desk.load(DEALS).rows == 2
    assert server.calls("POST", "/sync") == 1


def test_full_refresh_is_a_historical_sync_over_a_schema_read_anew(desk: Desk, crm: Crm) -> None:
    """It is waited for until the history is through; a range of days is refused before anything starts."""
    server, connection = crm
    desk.loader.load_source([DEALS], desk.warehouse, "r", LoadRange(full=True))
    assert (server.calls("POST", "/resync"), server.calls("POST", "/schemas/reload")) == (1, 1)
    assert not connection.historical
    connection.historical = True
    connection.start()  # a load that was killed had asked for it
    connection.landings[0].waiting += FIRST
    desk.loader.load_source([DEALS], desk.warehouse, "r2", LoadRange(full=True))
    assert server.calls("POST", "/resync") == 1
    before = len(server.exchanges)
    with pytest.raises(Misconfigured, match="range of days"):
        desk.loader.load_source([DEALS], desk.warehouse, "r3", LoadRange(since=date(2026, 1, 1)))
    assert len(server.exchanges) == before


def test_full_refresh_waits_for_the_history_behind_a_sync_that_runs(desk: Desk, crm: Crm) -> None:
    """Fivetran completes the one before the other."""
    server, connection = crm
    connection.looks = 3
    connection.start()
    desk.loader.load_source([DEALS], desk.warehouse, "r", LoadRange(full=True))
    assert server.calls("POST", "/resync") == 1
    assert (connection.historical, connection.state) == (False, "scheduled")


def test_schema_is_read_anew_by_flag_or_where_there_is_none(desk: Desk, crm: Crm) -> None:
    server, _ = crm
    server.known_schema = False
    desk.load(DEALS)
    assert server.calls("POST", "/schemas/reload") == 1
    server.known_schema = True
    desk.load(DEALS)
    assert server.calls("POST", "/schemas/reload") == 1
    desk.loader = fivetran_loader(server, reload_schema=True)  # type: ignore[assignment]
    desk.load(DEALS)
    assert server.calls("POST", "/schemas/reload") == 2


def test_a_table_that_is_not_selected_is_refused(desk: Desk, crm: Crm) -> None:
    server, connection = crm
    connection.deselected.add("deals")
    with pytest.raises(ContractBroken, match=r"raw_crm\.deals: the table is not selected"):
        desk.load(DEALS)
    assert server.calls("POST", "/sync") == 0


def test_columns_that_come_go_or_change_are_said(desk: Desk, crm: Crm) -> None:
    """A declared one that is gone from the warehouse is refused by name."""
    desk.load(DEALS)
    desk.rows("alter table raw_crm.deals add column owner varchar")
    assert desk.load(DEALS).schema_changes == ("new column owner (varchar)",)
    desk.rows("alter table raw_crm.deals alter owner type integer")
    assert desk.load(DEALS).schema_changes == ("column owner: varchar became integer",)
    desk.rows("alter table raw_crm.deals drop column owner")
    assert desk.load(DEALS).schema_changes == ("column owner is gone",)
    assert desk.load(DEALS).schema_changes == ()
    desk.rows("alter table raw_crm.deals drop column amount")
    with pytest.raises(ContractBroken, match="column amount is missing"):
        desk.load(DEALS)


def test_the_connection_is_found_by_the_schema_it_writes_into(desk: Desk, crm: Crm) -> None:
    assert desk.load(managed_table("fivetran")).rows == 2
    lost = managed_table("fivetran").model_copy(update={"schema_name": "raw_none"})
    with pytest.raises(NotFound, match="no connections write into schema raw_none"):
        desk.load(lost)
    with pytest.raises(Misconfigured, match="no connection's id"):
        desk.load(managed_table("fivetran", connection="../groups"))
    with pytest.raises(NotFound, match=r"404 \(NotFound_Connection\)"):
        desk.load(managed_table("fivetran", connection="con_gone"))


def test_check_lists_all_pages(desk: Desk, crm: Crm) -> None:
    server, _ = crm
    line = desk.loader.check()
    assert "3 connections" in line
    assert "raw_crm (connected, scheduled)" in line
    assert server.calls("GET", "/v1/connections") == 2


def test_cursors_that_go_in_a_circle_end_the_reading(desk: Desk, crm: Crm) -> None:
    server, _ = crm
    server.loop = ["a", "b"]
    with pytest.raises(BadAnswer, match="repeats a page"):
        desk.loader.check()
    assert server.calls("GET", "/v1/connections") == 3


@pytest.mark.parametrize(("fault", "kind", "message"), FAULTS, ids=[fault for fault, *_ in FAULTS])
@pytest.mark.parametrize("at", ["GET /v1/connections/con_crm", "POST /v1/connections/con_crm/sync"])
def test_faults_become_errors_without_the_secret(
    desk: Desk,
    crm: Crm,
    fault: str,
    kind: type[PlatformError],
    message: str,
    at: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """At the first look, and when the sync is started; the next load is complete."""
    server, _ = crm
    desk.loader = fivetran_loader(server, deadline_seconds=1 if fault in ("slow", "drip") else 20)  # type: ignore[assignment]
    server.fail(fault, at=at)
    refused(lambda: desk.load(DEALS), kind, message, caplog, capfd)
    server.fail("")
    desk.loader = fivetran_loader(server)  # type: ignore[assignment]
    assert desk.load(DEALS).rows == 2


def test_a_pause_that_is_asked_for_is_kept(desk: Desk, crm: Crm) -> None:
    server, _ = crm
    server.fail("limit", times=1, at="/sync")
    started = time.monotonic()
    assert desk.load(DEALS).rows == 2
    assert time.monotonic() - started >= 1


def test_a_wrong_secret_and_an_answer_of_another_shape(
    desk: Desk, crm: Crm, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    server, _ = crm
    desk.loader = fivetran_loader(server, api_key="other")  # type: ignore[assignment]
    refused(lambda: desk.load(DEALS), PlatformError, r"401 \(AuthFailed\)", caplog, capfd)
    server.fail("renamed")
    refused(lambda: desk.load(DEALS), BadAnswer, "no `data`", caplog, capfd)
