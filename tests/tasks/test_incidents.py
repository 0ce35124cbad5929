"""A failed gate opens one bug per mart and expectation; the run that passes again closes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from blocks.records import BuildReport, Check, GateReport, Outcome
from blocks.tracker.files.tracker import FilesTracker
from tasks.gate import HAS_MARTS, HAS_SUITE, METRIC_CHECK
from tasks.incidents import MOST_OPENED, find_requests, name_incident, update_incidents
from tests.tasks.reading import count, texts
from tests.tasks.test_answers import DIFFS, EVIL, PASSED, PLAN, failing, refused, success, write_ticket


@pytest.fixture
def tracker(tmp_path: Path) -> FilesTracker:
    for key in ("AN-1", "AN-2"):
        write_ticket(tmp_path, key)
    return FilesTracker(folder=tmp_path, project="AN")


def keep(tracker: FilesTracker, outcome: Outcome) -> tuple[int, int]:
    return update_incidents.fn(tracker, outcome)


def judged(run: str, *checks: Check) -> Outcome:
    passed = all(check.passed for check in checks)
    return success(run=run, published=passed, gate=GateReport(run=run, passed=passed, checks=checks))


def test_one_bug_per_mart_and_expectation_linked_to_the_tickets_that_need_it(tracker: FilesTracker) -> None:
    outcome = refused(failing("daily", "-5.00"), failing("pipeline", "7"))
    assert keep(tracker, outcome) == (2, 0)
    (daily, pipeline) = sorted(tracker.list_incidents().values())
    text = (tracker.folder / f"{daily}.yaml").read_text()
    assert "title: 'daily: not met: values are positive'" in text
    assert "`-5.00`" in text
    assert "requests:\n- AN-1\n" in text
    assert "requests:\n- AN-2\n" in (tracker.folder / f"{pipeline}.yaml").read_text()
    assert f"Incident {daily}" in (tracker.folder / "AN-1.yaml").read_text()
    assert f"Incident {daily}" not in (tracker.folder / "AN-2.yaml").read_text()


def test_no_second_bug_while_the_first_is_open_nor_any_change(tracker: FilesTracker) -> None:
    assert keep(tracker, refused(failing("daily"))) == (1, 0)
    before = {path: path.read_bytes() for path in tracker.folder.glob("*.yaml")}
    assert keep(tracker, refused(failing("daily", "another value")).model_copy(update={"run": "run_3"})) == (
        0,
        0,
    )
    assert {path: path.read_bytes() for path in tracker.folder.glob("*.yaml")} == before


def test_the_run_that_passes_again_says_so_and_closes_it(tracker: FilesTracker) -> None:
    keep(tracker, refused(failing("daily"), failing("pipeline")))
    bugs = tracker.list_incidents()
    daily = bugs[name_incident(failing("daily"))]
    good = failing("daily").model_copy(update={"passed": True})
    outcome = judged("run_3", good)  # the other mart was not built, so nobody knows of it
    assert keep(tracker, outcome) == (0, 1)
    assert keep(tracker, outcome) == (0, 0)
    text = (tracker.folder / f"{daily}.yaml").read_text()
    assert text.count("Passed again in run `run_3`") == 1
    assert "status: done" in text
    assert set(tracker.list_incidents()) == set(bugs) - {name_incident(good)}
    assert keep(tracker, judged("run_4", failing("daily"))) == (1, 0)
    assert tracker.list_incidents()[name_incident(good)] != daily


def test_a_check_that_failed_anywhere_is_not_passed(tracker: FilesTracker) -> None:
    twice = (failing("daily"), failing("daily").model_copy(update={"passed": True}))
    assert keep(tracker, judged("run_2", *twice)) == (1, 0)
    assert keep(tracker, judged("run_3", *twice)) == (0, 0)
    assert len(tracker.list_incidents()) == 1


def test_a_run_that_died_before_its_gate_opens_and_closes_nothing(tracker: FilesTracker) -> None:
    keep(tracker, refused(failing("daily")))
    build = BuildReport(run="run_3", marts={}, models=0, tests=0, seconds=0)
    assert keep(tracker, success(published=False, gate=None, build=build)) == (0, 0)
    assert len(tracker.list_incidents()) == 1


def test_a_source_hurts_those_who_read_it_and_a_model_in_between_everybody() -> None:
    outcome = success()
    assert find_requests(failing("erp.invoice_lines"), outcome) == ["AN-1"]
    assert find_requests(failing("stg_lines"), outcome) == ["AN-1", "AN-2"]
    assert find_requests(failing("daily"), success(plan=None)) == []
    scheduled = PLAN.model_copy(update={"requirements": ()})
    assert find_requests(failing("pipeline"), success(plan=scheduled)) == ["AN-2"]


def test_hostile_values_stay_in_their_quotes(tracker: FilesTracker) -> None:
    check = Check(scope=EVIL, name=EVIL, passed=False, kind="suite", observed=EVIL, evidence=(EVIL,) * 99)
    keep(tracker, judged("run_2", check))
    (bug,) = tracker.read_tickets(list(tracker.list_incidents().values()))
    text = str(bug.fields["description"])
    assert count(text, "heading_open") == 1
    assert (count(text, "link_open"), count(text, "html_block"), count(text, "html_inline")) == (0, 0, 0)
    assert "Approved" not in texts(text)
    assert len(bug.title) <= 200
    assert "\n" not in bug.title


def test_what_was_not_evaluated_because_of_a_failed_check_is_told_in_its_incident(
    tracker: FilesTracker,
) -> None:
    root = failing("stg_lines", "7")
    held_up = {"passed": False, "because_of": (root.full_name,)}
    skipped = [
        failing("daily").model_copy(update={"name": f"check {n}", "not_run": True, **held_up})
        for n in range(30)
    ]
    skipped.append(failing("release").model_copy(update={"name": HAS_MARTS, **held_up}))
    assert keep(tracker, judged("run_2", root, *skipped)) == (1, 0)
    (bug,) = tracker.list_incidents().values()
    text = (tracker.folder / f"{bug}.yaml").read_text()
    assert "title: 'stg_lines: not met: values are positive'" in text
    assert "Not evaluated because of it:** `daily: check 0`, `daily: check 1`" in text
    assert "and 11 more" in text
    assert (
        "requests:\n- AN-1\n" in text
    )  # of the mart that was held up, though the model in between is everybody's
    assert keep(tracker, judged("run_3", root, *skipped)) == (0, 0)


def test_a_check_that_was_not_evaluated_closes_nothing(tracker: FilesTracker) -> None:
    keep(tracker, refused(failing("daily")))
    for found in ({"because_of": ("s: c",)}, {"not_run": True, "passed": True}, {"not_run": True}):
        keep(tracker, judged("run_3", failing("daily").model_copy(update=found)))
        assert len(tracker.list_incidents()) == 1
    assert keep(tracker, judged("run_4", failing("daily").model_copy(update={"passed": True}))) == (0, 1)


def test_what_is_only_checked_while_it_fails_is_closed_by_a_gate_that_passed(tracker: FilesTracker) -> None:
    metric = METRIC_CHECK.format("orders")
    names = [("daily", HAS_SUITE), ("daily", metric), ("release", HAS_MARTS), ("other", HAS_SUITE)]
    failed = [Check(scope=scope, name=name, passed=False, kind="k") for scope, name in names]
    assert keep(tracker, judged("run_2", *failed)) == (4, 0)
    other = failing("pipeline").model_copy(update={"passed": True})
    assert keep(tracker, judged("run_3", other, failing("daily"))) == (1, 0)
    gate = GateReport(run="run_4", passed=True, checks=(other, *PASSED), diffs=DIFFS)
    assert keep(tracker, success(run="run_4", gate=gate)) == (0, 3)
    assert set(tracker.list_incidents()) == {name_incident(failed[-1]), name_incident(failing("daily"))}


def test_a_flood_is_bounded(tracker: FilesTracker, prefect_server: str) -> None:
    checks = [failing("daily").model_copy(update={"name": f"check {n}"}) for n in range(MOST_OPENED + 5)]
    assert update_incidents(tracker, judged("run_2", *checks)) == (MOST_OPENED, 0)
    assert update_incidents(tracker, judged("run_3", *checks)) == (5, 0)
