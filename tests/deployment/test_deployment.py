"""The project deployed: a real server, a process pool, a worker; in the order in which an administrator would go."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL, temporary_settings

from tests.conftest import ROOT, TINY
from tests.deployment.conftest import BIN, TOKEN, Stack, wait_for
from tests.deployment.engine import Engine

NAMES = {"deliver/morning", "deliver/ad-hoc", "rollback/rollback", "poll/hourly", "poll/on-ticket"}


@pytest.fixture(scope="module")
def client(stack: Stack) -> Iterator[SyncPrefectClient]:
    with (
        temporary_settings({PREFECT_API_URL: stack.environment["PREFECT_API_URL"]}),
        get_client(sync_client=True) as c,
    ):
        yield c


def deploy(stack: Stack, where: str, **environment: str) -> None:
    """prefect.yaml with its one word changed, deployed as its first line says."""
    text = (ROOT / "prefect.yaml").read_text()
    assert "    <<: *docker\n" in text
    file = stack.state.parent / f"{where}.yaml"
    text = text.replace("settle_seconds: 65", "settle_seconds: 1")
    file.write_text(text.replace("    <<: *docker\n", f"    <<: *{where}\n"))
    stack.environment.update(environment)
    stack.run(BIN / "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", file)


def runs(client: SyncPrefectClient, name: str) -> list[Any]:
    deployment = client.read_deployment_by_name(name)
    found = client.read_flow_runs(flow_run_filter=FlowRunFilter(deployment_id={"any_": [deployment.id]}))
    return sorted((run for run in found if run.state_name != "Scheduled"), key=lambda run: run.created)


def state(client: SyncPrefectClient, run: Any) -> str:
    return str(client.read_flow_run(run.id).state_name)


def start(client: SyncPrefectClient, name: str, **parameters: Any) -> Any:
    return client.create_flow_run_from_deployment(
        client.read_deployment_by_name(name).id, parameters=parameters
    )


def test_blocks_are_applied_once_and_no_secret_is_shown(stack: Stack) -> None:
    file = stack.state.parent / "blocks.yaml"
    first = stack.admin("blocks", "--apply", "--file", file)
    assert first.count("created") == 8
    again = stack.admin("blocks", "--apply", "--file", file)
    assert again.count("unchanged") == 8
    stack.environment["SUITES"] = str(stack.state / "suites")
    (stack.state / "suites").mkdir()
    changed = stack.admin("blocks", "--apply", "--file", file)
    assert (changed.count("updated"), changed.count("unchanged")) == (1, 7)
    for name in ("station_days.json",):
        (stack.state / "suites" / name).write_text((ROOT / "tests/tiny/expectations" / name).read_text())
    assert TOKEN not in first + again + changed
    del stack.environment["BIKES_TOKEN_FILE"]
    assert "BIKES_TOKEN" in stack.admin("blocks", "--apply", "--file", file, expect=1)
    stack.environment["BIKES_TOKEN"] = TOKEN


def test_check_says_which_system_is_wrong_and_what_to_do(stack: Stack) -> None:
    file = stack.state.parent / "blocks.yaml"
    shown = stack.admin("blocks", "--file", file)
    assert shown.count("ok ") == 8
    hidden = stack.state.parent / "hidden"
    (stack.state / "tickets").rename(hidden)
    shown = stack.admin("blocks", "--file", file, expect=1)
    hidden.rename(stack.state / "tickets")
    assert shown.count("ok ") == 7
    assert "✗" in next(line for line in shown.splitlines() if "files-tracker/main" in line)


def test_the_image_and_the_parameters_are_stored(stack: Stack, client: SyncPrefectClient) -> None:
    """A build step whose id hides its output would leave the image out, and the deploy would still succeed."""
    for pool in ("docker", "process", "kubernetes"):
        client.create_work_pool(
            WorkPoolCreate(name=pool, type=pool, base_job_template=template(client, pool))
        )
    with Engine() as engine:
        deploy(stack, "docker", DOCKER_HOST=engine.host)
    assert engine.tags == ["ticket-to-dashboard:latest"]  # one build for all of them
    (context,) = engine.contexts
    assert {
        "Dockerfile",
        "flows/main.py",
        "blocks/prefect/block_types.py",
        "dbt/dbt_project.yml",
        "requirements.lock",
    } <= context
    assert not [
        name
        for name in context
        if name.startswith(("tests", ".git", "docs", ".local")) or name.endswith(".pyc")
    ]
    for name in NAMES:
        deployment = client.read_deployment_by_name(name)
        assert deployment.job_variables["image"] == "ticket-to-dashboard:latest"
        assert deployment.work_pool_name == "docker"
        assert deployment.pull_steps == [
            {"prefect.deployments.steps.set_working_directory": {"directory": "/app"}}
        ]
        assert deployment.enforce_parameter_schema
        assert deployment.parameters["tracker"] == {"$ref": {"block_document_slug": "files-tracker/main"}}
        fields = deployment.parameter_openapi_schema["properties"]
        order = sorted(fields, key=lambda field: fields[field]["position"])
        blocks = [field for field in order if "$ref" in str(fields[field])]
        assert order[len(order) - len(blocks) :] == blocks
        assert all(fields[field].get("description") for field in order), name


def template(client: SyncPrefectClient, pool: str) -> dict[str, Any]:
    """The pool type's own template, as `prefect work-pool create` takes it; ours for Kubernetes."""
    if pool == "kubernetes":
        return yaml.safe_load((ROOT / "deploy" / "kubernetes-job-template.json").read_text())  # type: ignore[no-any-return]
    known = client.request("GET", "/collections/views/aggregate-worker-metadata").json()
    return next(kinds[pool]["default_base_job_configuration"] for kinds in known.values() if pool in kinds)


def test_every_key_of_prefect_yaml_is_one_that_prefect_reads() -> None:
    """Prefect drops a mistyped key without a word."""
    from prefect.cli.deploy._models import ConcurrencyLimitSpec, DeploymentConfig, WorkPoolConfig

    for deployment in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]:
        assert set(deployment) <= set(DeploymentConfig.model_fields)
        assert set(deployment["concurrency_limit"]) <= set(ConcurrencyLimitSpec.model_fields)
        assert set(deployment["work_pool"]) <= set(WorkPoolConfig.model_fields)


def test_without_containers_the_same_deployments_run_in_processes(
    stack: Stack, client: SyncPrefectClient
) -> None:
    deploy(stack, "process")
    for name in NAMES:
        assert client.read_deployment_by_name(name).work_pool_name == "process"
    (schedule,) = client.read_deployment_by_name("deliver/morning").schedules
    assert (schedule.schedule.cron, schedule.schedule.timezone) == ("0 5 * * 1-5", "Europe/London")  # type: ignore[union-attr]
    limits = {name: client.read_deployment_by_name(name) for name in NAMES}
    assert all(each.global_concurrency_limit.limit == 1 for each in limits.values())  # type: ignore[union-attr]
    assert limits["deliver/ad-hoc"].concurrency_options.collision_strategy.value == "ENQUEUE"  # type: ignore[union-attr]


def test_automations_are_applied_once(stack: Stack) -> None:
    file = stack.state.parent / "automations.yaml"
    text = (ROOT / "deploy" / "automations.yaml").read_text()
    file.write_text(text.replace("slack-webhook/alerts", "custom-webhook/alerts"))
    count = text.count("  - name: ")
    assert stack.admin("automations", "--file", file).count("created") == count
    assert stack.admin("automations", "--apply", "--file", file).count("created") == count
    assert stack.admin("automations", "--apply", "--file", file).count("unchanged") == count


def test_a_run_that_is_alive_is_not_taken_for_dead() -> None:
    from prefect.settings.models.flows import FlowsSettings

    declared = yaml.safe_load((ROOT / "deploy" / "automations.yaml").read_text())["automations"]
    (watch,) = [each for each in declared if each["name"] == "a delivery lost its heartbeat"]
    assert watch["trigger"]["within"] > 3 * FlowsSettings.model_fields["heartbeat_frequency"].default


def test_a_wrong_parameter_is_refused(client: SyncPrefectClient) -> None:
    for wrong in ({"tickets": 5}, {"dry_run": "perhaps"}, {"sources": [1]}):
        with pytest.raises(PrefectHTTPStatusError, match=r"409|422"):
            start(client, "deliver/ad-hoc", **wrong)


def test_a_scheduled_look_starts_the_delivery_of_what_waits(stack: Stack, client: SyncPrefectClient) -> None:
    stack.slow()
    stack.worker()
    due = datetime.now(UTC) + timedelta(seconds=4)
    soon = IntervalSchedule(interval=timedelta(days=1), anchor_date=due)
    client.create_deployment_schedules(client.read_deployment_by_name("poll/hourly").id, [(soon, True)])
    (delivery,) = wait_for("delivery", lambda: runs(client, "deliver/ad-hoc"))
    assert delivery.parameters["tickets"] == ["BK-1"]
    (poll,) = runs(client, "poll/hourly")
    assert poll.auto_scheduled
    wait_for("end of the look", lambda: state(client, poll) == "Completed")


def test_a_killed_run_is_taken_up_again_and_another_waits_for_it(
    stack: Stack, client: SyncPrefectClient
) -> None:
    (delivery,) = runs(client, "deliver/ad-hoc")
    wait_for("dbt at work", stack.in_query)
    stack.kill(stack.processes[-1])  # the worker, the run and dbt: the machine is gone
    assert state(client, delivery) == "Running"  # as far as the server knows
    wait_for("end of dbt", lambda: not stack.dbt() and stack.free())
    assert stack.warehouse.read_served() is None
    before = len(stack.journal())
    stack.slow(0)
    stack.worker()
    crash(client, delivery)
    ready(stack)  # while the crashed run is taken up again by an automation
    morning = start(client, "deliver/morning", tickets=["BK-1"])
    (look,) = wait_for("look by event", lambda: runs(client, "poll/on-ticket"))
    for run in (delivery, morning, look):
        wait_for(f"end of {run.name}", lambda run=run: state(client, run) == "Completed")  # type: ignore[misc]
    assert client.read_flow_run(delivery.id).run_count == 2
    assert stack.status() == "done"
    assert "taken up again" in stack.alerts.texts()
    steps = [
        step for step in stack.journal()[before:] if step[1] != "abandoned"
    ]  # the dead run's, by the next
    assert one_after_the_other(steps)
    assert len({run for run, reached in steps if reached == "published"}) == 2
    assert len(list((stack.state / "outbox").glob("*.eml"))) == 1  # two runs, the same figures
    assert len(runs(client, "deliver/ad-hoc")) == 1  # what the event was about is being delivered already


def test_lineage_runs_from_source_to_dashboard(stack: Stack, client: SyncPrefectClient) -> None:
    raw, view = "duckdb://warehouse/raw_bikes/rides", "duckdb://warehouse/serving/station_days"
    chain = ["dlt://bikes/rides", raw, view, "folder://dashboards/stations"]
    wait_for("lineage", lambda: set(pairwise(chain)) <= edges(client), seconds=60)
    released = {upper for upper, lower in edges(client) if lower == view and "/rel_" in upper}
    wait_for("dbt's own, in between", lambda: {(raw, each) for each in released} & edges(client), seconds=60)
    sent = [json.loads(body) for path, _, body in stack.alerts.received if path == "/api/v1/lineage"]
    assert {(each["eventType"], each["job"]["name"]) for each in sent} == {
        (kind, job)
        for kind in ("START", "COMPLETE")
        for job in ("load.bikes.rides", "promote.station_days", "publish.stations")
    }
    (dashboard,) = {each["outputs"][0]["name"] for each in sent if each["job"]["name"] == "publish.stations"}
    assert dashboard == "stations"


def edges(client: SyncPrefectClient) -> set[tuple[str, str]]:
    """What was made of what, by asset keys."""
    return {
        (each["prefect.resource.id"], event["resource"]["prefect.resource.id"])
        for event in events(client, "prefect.asset.materialization.succeeded")
        for each in event["related"]
        if each["prefect.resource.role"] == "asset"
    }


def test_a_tickets_deadline_is_a_signal(stack: Stack, client: SyncPrefectClient) -> None:
    (event, *_) = events(client, "ticket.overdue")
    assert (event["payload"]["ticket"], event["payload"]["deadline"]) == ("BK-1", "2026-02-01")
    assert "Which stations" not in json.dumps(event)
    assert "ticket.BK-1: ticket.overdue" in stack.alerts.texts()


def events(client: SyncPrefectClient, name: str) -> list[dict[str, Any]]:
    """The server's events of a name, once there are any."""

    def found() -> list[dict[str, Any]]:
        asked = {"filter": {"event": {"name": [name]}}, "limit": 50}
        answer = client.request("POST", "/events/filter", json=asked).json()
        return answer["events"]  # type: ignore[no-any-return]

    return wait_for(name, found, seconds=30)  # type: ignore[no-any-return]


def crash(client: SyncPrefectClient, run: Any) -> None:
    """What the heartbeat's automation does after nine minutes and a half."""
    from prefect.states import Crashed

    client.set_flow_run_state(run.id, Crashed(message="no heartbeat"), force=True)


def ready(stack: Stack) -> None:
    stack.run(
        BIN / "python",
        "-c",
        "from prefect.events import emit_event; import time;"
        "emit_event('ticket.ready', resource={'prefect.resource.id': 'ticket.BK-1'}, payload={'ticket': 'BK-1'});"
        "time.sleep(1)",
    )


def one_after_the_other(journal: list[tuple[str, str]]) -> bool:
    """True if no run's steps lie between another's."""
    order = [run for n, (run, _) in enumerate(journal) if n == 0 or journal[n - 1][0] != run]
    return len(order) == len(set(order))


def test_a_dry_run_by_parameter_shows_the_plan_and_changes_nothing(
    stack: Stack, client: SyncPrefectClient
) -> None:
    before = stack.journal(), stack.status()
    run = start(client, "deliver/ad-hoc", tickets=["BK-1"], dry_run=True)
    wait_for("plan", lambda: state(client, run) == "Completed")
    assert (stack.journal(), stack.status()) == before
    artifacts = client._client.post(
        "/artifacts/filter", json={"artifacts": {"key": {"any_": ["plan"]}}}
    ).json()
    assert any("BK-1" in each["data"] for each in artifacts)


def test_cancelling_stops_dbt_and_its_query(stack: Stack, client: SyncPrefectClient) -> None:
    stack.slow()
    served = stack.warehouse.read_served()
    run = start(client, "deliver/ad-hoc", tickets=["BK-1"])
    wait_for("dbt at work", stack.in_query)
    stack.run(BIN / "prefect", "flow-run", "cancel", run.id)
    wait_for("end of dbt", lambda: not stack.dbt() and stack.free(), seconds=60)
    wait_for("cancelled", lambda: state(client, run) == "Cancelled", seconds=60)
    assert stack.warehouse.read_served() == served  # and the file is free


LOOKS = """
import json, sys
from pathlib import Path
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.states import Cancelled
from blocks.tracker.files.tracker import FilesTracker
from flows.poll import poll

tracker = FilesTracker(folder=sys.argv[1], project="BK")
path, found = Path(sys.argv[1], "BK-2.yaml"), [poll(tracker), poll(tracker)]
tracker.move("BK-2", "incomplete")
tracker.comment("BK-2", "requirements", "something is missing")
found.append(poll(tracker))
path.write_text(path.read_text().replace("priority: High", "priority: Low"))
found.append(poll(tracker))  # while the first delivery waits
with get_client(sync_client=True) as client:
    waiting = FlowRunFilter(tags={"all_": ["polled"]}, state={"type": {"any_": ["SCHEDULED"]}})
    for run in client.read_flow_runs(flow_run_filter=waiting):
        client.set_flow_run_state(run.id, Cancelled(), force=True)
found.append(poll(tracker))
path.write_text(path.read_text().replace("priority: Low", "priority: Highest"))
tracker.move("BK-2", "failed")
print(json.dumps([*found, poll(tracker)]))
"""


def test_a_look_starts_what_is_new_or_edited_once_and_no_failed_ticket(stack: Stack) -> None:
    """A process of its own: what Prefect still has to send at its end finds the server there."""
    for worker in stack.processes[1:]:  # nothing that is started here has to run
        if worker.poll() is None:
            stack.kill(worker)
    first = stack.state / "tickets" / "BK-1.yaml"
    first.write_text(re.sub("status: .*", "status: done", first.read_text(), count=1))
    ticket = (TINY / "tickets" / "BK-1.yaml").read_text().replace("BK-1", "BK-2")
    (stack.state / "tickets" / "BK-2.yaml").write_text(ticket)
    shown = stack.run(BIN / "python", "-c", LOOKS, stack.state / "tickets")
    found = json.loads(next(line for line in shown.splitlines() if line.startswith("[[")))
    new, again, told, waiting, edited, failed = found
    assert (new, edited) == (["BK-2"], ["BK-2"])
    assert again == told == waiting == failed == []


def test_no_secret_is_in_what_prefect_keeps(stack: Stack) -> None:
    kept = b"".join(path.read_bytes() for path in (stack.state.parent / "prefect").rglob("*.db*"))
    assert b"files-tracker" in kept
    assert TOKEN.encode() not in kept
    assert TOKEN not in stack.log.read_text(errors="replace")
