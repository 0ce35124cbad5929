"""What Prefect's pages show of a run, and that the tickets of one that was killed hear of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from prefect import flow, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.states import Cancelled, Crashed, State

from blocks.records import Outcome, Plan, Publication
from blocks.tracker.files.tracker import FilesTracker
from flows.deliver import deliver
from flows.run_end import answer_end
from flows.run_names import ANSWERED, add_tags, clear_answered, name_delivery, name_stage, summarize_delivery
from tests.conftest import TINY


@flow(name="deliver", flow_run_name=name_delivery)
def named(tickets: list[str] | None = None, run: str | None = None) -> FlowRun:
    from prefect.runtime import flow_run

    add_tags(["ticket:BK-1"])
    add_tags(["ticket:BK-1", ANSWERED])
    stage(Plan(run="run_7"))
    with get_client(sync_client=True) as client:
        return client.read_flow_run(flow_run.id)


stages: list[str] = []


@flow(name="validate", flow_run_name=name_stage)
def stage(plan: Plan) -> None:
    from prefect.runtime import flow_run

    stages.append(flow_run.name)


def test_a_run_is_called_after_what_it_delivers(prefect_server: str) -> None:
    shown = named(["BK-1", "BK-2", "BK-3", "BK-4"], "run_7")
    assert shown.name == "run_7 · BK-1, BK-2, BK-3 and 1 more · command line"
    assert sorted(shown.tags) == [ANSWERED, "ticket:BK-1"]
    assert named().name.endswith(" · open tickets and schedules · command line")
    assert stages == ["validate of run_7"] * 2


def test_it_ends_with_a_sentence() -> None:
    out = Publication(dashboard="rides", run="run_7", url="file:///rides", rows=3, seconds=1.0, ticket="BK-1")
    failed = out.model_copy(update={"error": "no room", "dashboard": "other"})
    assert (
        summarize_delivery(
            Outcome(run="run_7", published=True, plan=Plan(run="run_7"), publications=(out, failed))
        )
        == "1 dashboard published"
    )
    assert (
        summarize_delivery(Outcome(run="run_7", published=False, plan=Plan(run="run_7")))
        == "nothing to build"
    )


@pytest.fixture
def tracker(tmp_path: Path, prefect_server: str) -> FilesTracker:
    shutil.copytree(TINY / "tickets", tmp_path / "tickets")
    made = FilesTracker(folder=tmp_path / "tickets", project="BK")
    made.save("ended", overwrite=True)
    return made


def dead_run(*tags: str) -> FlowRun:
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(
            deliver, parameters={}, tags=["delivery", *tags], name="run_9 · BK-1 · deliver/ad-hoc"
        )
    given = {"tracker": {"$ref": {"block_document_slug": "files-tracker/ended"}}}
    return run.model_copy(update={"parameters": given})


@pytest.mark.parametrize(
    ("state", "why"), [(Crashed(), "its process ended"), (Cancelled(), "it was cancelled")]
)
def test_a_run_that_was_killed_answers_its_tickets_once(
    tracker: FilesTracker, state: State[object], why: str
) -> None:
    assert answer_end in deliver.on_crashed_hooks
    assert answer_end in deliver.on_cancellation_hooks
    run = dead_run("ticket:BK-1", "ticket:BK-404")  # one that is gone does not keep the other from its answer
    for _ in range(2):
        answer_end(deliver, run, state)
    text = (tracker.folder / "BK-1.yaml").read_text()
    assert text.count("Not delivered this time") == 1
    assert why in text
    assert "run_9" in text


@pytest.mark.parametrize("tags", [(ANSWERED, "ticket:BK-1"), ("incomplete:BK-1",), ()])
def test_a_run_that_answered_or_had_no_ticket_says_nothing_more(
    tracker: FilesTracker, tags: tuple[str, ...]
) -> None:
    before = (tracker.folder / "BK-1.yaml").read_text()
    answer_end(deliver, dead_run(*tags), Crashed())
    assert (tracker.folder / "BK-1.yaml").read_text() == before


@flow(name="deliver", retries=1)
def retried() -> tuple[list[str], list[str]]:
    from prefect.runtime import flow_run

    def read_tags() -> list[str]:
        with get_client(sync_client=True) as client:
            return client.read_flow_run(flow_run.id).tags

    before = read_tags()
    clear_answered()
    if flow_run.run_count < 2:
        add_tags(["ticket:BK-1", ANSWERED])
        raise RuntimeError
    return before, read_tags()


def test_a_second_attempt_of_a_run_has_not_answered_yet(prefect_server: str) -> None:
    before, after = retried()
    assert ANSWERED in before
    assert after == ["ticket:BK-1"]
