"""Stitch: a source is checked, replicated or adopted, its loads waited for, against a stateful stand-in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from blocks.errors import (
    BadAnswer,
    ContractBroken,
    Misconfigured,
    NotFound,
    PlatformError,
    Rejected,
    TimedOut,
    Transient,
    Unavailable,
)
from blocks.load_range import LoadRange
from blocks.warehouse.control import read_ledger
from tests.blocks.loader.faults import FAULTS, refused
from tests.blocks.loader.managed_loaders import managed_table, stitch_loader, stitch_standin
from tests.blocks.loader.origins import SECRET, Desk
from tests.blocks.loader.stitch.standin import CLIENT, Source, Stitch

DEALS = managed_table("stitch", source_id=7)
FIRST = [(1, "open", 1.5), (2, "won", 20.0)]
Crm = tuple[Stitch, Source]


@pytest.fixture
def crm(desk: Desk) -> Iterator[Crm]:
    """A source with two deals waiting, and the desk's loader over it."""
    server, source = stitch_standin(desk.warehouse)
    source.landings[0].waiting += FIRST
    desk.loader = stitch_loader(server)  # type: ignore[assignment]
    yield server, source
    server.close()


def test_a_job_is_started_and_its_extraction_and_loads_waited_for(desk: Desk, crm: Crm) -> None:
    """Loads arrive after the extraction has ended; what is counted is what is newer than the last load."""
    server, source = crm
    source.looks, source.lag = 3, 3
    first = desk.load(DEALS)
    assert (first.rows, first.deleted, first.items, first.loader) == (2, 0, 1, "stitch")
    assert first.bytes == len("1open1.5") + len("2won20.0")
    assert server.calls("POST", "/sync") == 1
    source.landings[0].waiting += [(2, "lost", 20.0), (3, "open", 7.0)]
    source.landings[0].gone += [1]
    second = desk.load(DEALS)
    assert (second.rows, second.deleted) == (2, 1)
    assert second.watermark > first.watermark
    assert [(entry.rows, entry.run) for entry in read_ledger(desk.warehouse, "crm")] == [
        (2, "run1"),
        (2, "run2"),
    ]


def test_a_stream_without_new_rows_is_waited_for_until_it_is_quiet(desk: Desk, crm: Crm) -> None:
    """No batch comes for it, and nothing says so."""
    desk.load(DEALS)
    started = time.monotonic()
    assert desk.load(DEALS).rows == 0
    assert 0.25 <= time.monotonic() - started < 3


def test_pages_that_repeat_end_the_reading(desk: Desk, crm: Crm) -> None:
    server, _ = crm
    server.repeats = True
    with pytest.raises(BadAnswer, match="repeats a page"):
        desk.load(DEALS)


def test_a_running_job_is_adopted_though_the_answer_is_a_200(desk: Desk, crm: Crm) -> None:
    """Also after an earlier job, whose record is still listed."""
    server, source = crm
    desk.load(DEALS)
    source.landings[0].waiting += [(3, "open", 1.0)]
    source.looks = 4
    source.start()
    report = desk.load(DEALS)
    assert (report.rows, server.calls("POST", "/sync")) == (1, 2)
    assert report.notes == ("a job ran already and was waited for",)


def test_a_younger_jobs_record_counts_when_ours_was_overwritten(desk: Desk, crm: Crm) -> None:
    """The API keeps one record a source."""
    _, source = crm
    desk.load(DEALS)
    source.landings[0].waiting += [(3, "open", 1.0)]
    source.looks = 6
    look = source.look

    def renamed() -> None:
        job = source.job
        look()
        if job and source.record and source.record["job_name"] == job:
            source.record["job_name"] = "a-younger-job"

    source.look = renamed  # type: ignore[method-assign]
    assert desk.load(DEALS).rows == 1


@pytest.mark.parametrize(
    ("statuses", "kind", "message", "again"),
    [
        ((1, None, None), Rejected, r"discovery failed \(exit status 1\)", False),
        ((0, 1, 0), Rejected, r"tap failed \(exit status 1\)", False),
        ((0, 0, 2), Unavailable, r"target failed \(exit status 2\)", True),
        ((None, None, None), Unavailable, "terminated during discovery", True),
        ((0, None, None), Unavailable, "terminated during tap", True),
    ],
)
def test_exit_statuses_are_told_apart(
    desk: Desk, crm: Crm, statuses: Any, kind: type[PlatformError], message: str, again: bool
) -> None:
    """0 is well, null is terminated, all else is failed; descriptions hold anything and are not repeated."""
    _, source = crm
    source.ends = [statuses]
    with pytest.raises(kind, match=message or None) as caught:
        desk.load(DEALS)
    assert isinstance(caught.value, Transient) is again
    assert SECRET not in str(caught.value)
    assert f"{CLIENT}.7.sync." in caught.value.remedy
    assert desk.load(DEALS).rows == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"paused": True}, "paused by a user"),
        ({"system_paused": True}, "paused by Stitch"),
        ({"step": "discover_schema"}, r"incomplete \(discover_schema\)"),
        ({"check_failed": True}, "connection check failed"),
    ],
)
def test_what_cannot_replicate_fails_early_with_the_reason(
    desk: Desk, crm: Crm, change: dict[str, object], message: str
) -> None:
    server, source = crm
    for name, value in change.items():
        setattr(source, name, value)
    with pytest.raises(Misconfigured, match=message):
        desk.load(DEALS)
    assert server.calls("POST", "/sync") == 0


def test_a_stream_that_is_not_selected_is_refused(desk: Desk, crm: Crm) -> None:
    server, source = crm
    source.deselected.add("deals")
    with pytest.raises(ContractBroken, match=r"crm\.deals from stream deals: the stream is not selected"):
        desk.load(DEALS)
    assert server.calls("POST", "/sync") == 0


def test_a_warehouse_that_stitch_cannot_load_is_said(desk: Desk, crm: Crm) -> None:
    """Its error holds the warehouse's words, which stay where they are."""
    _, source = crm
    source.unloadable = True
    with pytest.raises(Unavailable, match="can't load deals into the warehouse") as caught:
        desk.load(DEALS)
    assert SECRET not in str(caught.value)


def test_rows_that_stitch_rejected_are_counted_once(desk: Desk, crm: Crm) -> None:
    """It keeps them in a table of its own."""
    desk.rows("create schema raw_crm")
    desk.rows(
        "create table raw_crm._sdc_rejected"
        " (record varchar, reason varchar, table_name varchar, _sdc_rejected_at timestamptz)"
    )
    insert = "insert into raw_crm._sdc_rejected select '{}', 'too long', ?, now()"
    desk.rows(insert, "deals")
    desk.rows(insert, "others")
    report = desk.load(DEALS)
    assert (report.rows, report.quarantined) == (2, 1)
    assert desk.load(DEALS).quarantined == 0
    desk.rows(insert, "deals")
    assert desk.load(DEALS).quarantined == 1
    assert desk.load(DEALS).quarantined == 0


def test_a_job_that_never_ends_ends_at_the_deadline(desk: Desk, crm: Crm) -> None:
    """And is adopted by the next load."""
    server, source = crm
    source.ends = ["never"]
    desk.loader = stitch_loader(server, deadline_seconds=1)  # type: ignore[assignment]
    with pytest.raises(TimedOut, match="deadline_seconds"):
        desk.load(DEALS)
    source.ends = []
    desk.loader = stitch_loader(server)  # type: ignore[assignment]
    report = desk.load(DEALS)
    assert report.rows == 2
    assert report.notes


def test_what_stitch_cannot_do_is_refused_before_anything_starts(desk: Desk, crm: Crm) -> None:
    """A reset, a range of days; a source that is not named."""
    server, _ = crm
    for load_range, message in (
        (LoadRange(full=True), "can't reset"),
        (LoadRange(since=date(2026, 1, 1)), "range of days"),
    ):
        with pytest.raises(Misconfigured, match=message):
            desk.loader.load_source([DEALS], desk.warehouse, "r", load_range)
    with pytest.raises(Misconfigured, match="`source_id` is no number"):
        desk.load(managed_table("stitch"))
    assert server.exchanges == []
    with pytest.raises(NotFound):
        desk.load(managed_table("stitch", source_id=99))


def test_check_lists_the_sources(desk: Desk, crm: Crm) -> None:
    _, source = crm
    source.paused = True
    assert desk.loader.check() == "2 sources: other (running), raw_crm (paused)"


@pytest.mark.parametrize(("fault", "kind", "message"), FAULTS, ids=[fault for fault, *_ in FAULTS])
@pytest.mark.parametrize("at", ["GET /v4/sources/7", f"GET /v4/{CLIENT}/loads"])
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
    """At the first look, and at the last; the next load is complete."""
    server, _ = crm
    desk.loader = stitch_loader(server, deadline_seconds=2 if fault in ("slow", "drip") else 20)  # type: ignore[assignment]
    server.fail(fault, at=at)
    refused(lambda: desk.load(DEALS), kind, message, caplog, capfd)
    server.fail("")
    desk.loader = stitch_loader(server)  # type: ignore[assignment]
    assert desk.load(DEALS).rows == 2


def test_a_wrong_token_and_an_answer_of_another_shape(
    desk: Desk, crm: Crm, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    server, _ = crm
    desk.loader = stitch_loader(server, token=f"{SECRET}-old")  # type: ignore[assignment]
    refused(lambda: desk.load(DEALS), PlatformError, "401", caplog, capfd)
    desk.loader = stitch_loader(server)  # type: ignore[assignment]
    server.fail("renamed")
    refused(lambda: desk.load(DEALS), PlatformError, "not what Stitch documents", caplog, capfd)
