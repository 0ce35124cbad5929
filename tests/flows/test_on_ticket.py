"""A ticket that is ready starts a delivery: what docs/jira.md has to paste works against a real Prefect server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from jinja2 import Environment

from blocks.prefect.ticket_events import make_ready_event
from flows import poll as poll_module
from tests.blocks.tracker.desks import JiraDesk, jira_desk
from tests.conftest import ROOT
from tests.flows.receiver import SECRET, serve_receiver

PASTED = ROOT / "docs" / "jira"
JAVA = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S", "SSS": "123", "'": ""}


def as_jira_sends(name: str, key: str = "") -> Any:
    """A file of docs/jira with Jira's smart values filled in, as its automation documents them."""

    def formatted(found: re.Match[str]) -> str:
        pattern = re.sub("yyyy|MM|dd|HH|mm|SSS|ss|'", lambda part: JAVA[part[0]], found[1])
        return f"{datetime.now(UTC):{pattern}}"

    text = (PASTED / name).read_text().replace("{{issue.key}}", key)
    text = re.sub(r'\{\{now\.format\("([^"]*)"\)\}\}', formatted, text)
    assert "{{" not in text
    return json.loads(text)


@dataclass
class Server:
    """A Prefect server with deployments that are not the flows' own, so that a worker is not needed.

    look: the id of the one that looks at the tracker; delivery: of the one that it starts.
    """

    api: str
    look: str
    delivery: str

    def call(self, method: str, path: str, body: Any = None) -> requests.Response:
        # The server waits for its database's lock for up to a minute.
        return requests.request(method, f"{self.api}{path}", json=body, timeout=120)

    def runs(self, deployment: str) -> list[dict[str, Any]]:
        body = {"deployments": {"id": {"any_": [deployment]}}}
        found: list[dict[str, Any]] = self.call("POST", "/flow_runs/filter", body).json()
        return found


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JiraDesk]:
    with jira_desk(tmp_path_factory.mktemp("jira"), cloud=True, version="3", project="BK") as found:
        for number in (1, 7):
            found.file(f"BK-{number}", metrics=["rides"])
        yield found


@pytest.fixture
def server(prefect_server: str, desk: JiraDesk) -> Iterator[Server]:
    from prefect.client.orchestration import get_client
    from prefect.utilities.callables import parameter_schema

    from flows.deliver import deliver
    from flows.poll import poll

    desk.tracker.save("on-ticket", overwrite=True)
    tracker = {"$ref": {"block_document_slug": f"{desk.tracker._block_type_slug}/on-ticket"}}
    name = f"on-ticket-{uuid4().hex[:6]}"
    with get_client(sync_client=True) as client:
        delivery = client.create_deployment(client.create_flow(deliver), name)
        look = client.create_deployment(
            client.create_flow(poll),
            name,
            entrypoint="flows/poll.py:poll",
            pull_steps=[  # as `prefect deploy` writes it; a path alone would copy the whole folder for each run
                {"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}
            ],
            parameters={"tracker": tracker, "deployment": f"deliver/{name}"},
            parameter_openapi_schema=parameter_schema(poll).model_dump_for_openapi(),
            enforce_parameter_schema=True,
        )
        yield Server(prefect_server.rstrip("/"), str(look), str(delivery))
        client.delete_deployment(look)
        client.delete_deployment(delivery)


def tell(receiver: str, body: Any) -> None:
    """Send what Jira's automation sends to our receiver."""
    answer = requests.post(
        f"{receiver}/ticket", json=body, headers={"Authorization": f"Bearer {SECRET}"}, timeout=120
    )
    assert answer.status_code == 202, answer.text


def wait_for_run(server: Server, receiver: str) -> dict[str, Any]:
    """The run that an event starts; sent again while the server has not yet taken up a new automation."""
    for _ in range(10):
        tell(receiver, {**as_jira_sends("ticket.json", "BK-7"), "summary": "what a sender claims"})
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if found := server.runs(server.look):
                return found[0]
            time.sleep(0.2)
    raise AssertionError("no run was started")


def test_a_flood_of_events_starts_one_look_and_that_one_delivery_of_what_is_new(
    server: Server, desk: JiraDesk
) -> None:
    automation = json.loads((PASTED / "automation.json").read_text().replace("DEPLOYMENT_ID", server.look))
    made = server.call("POST", "/automations/", automation)
    assert made.status_code == 201, made.text
    try:
        with serve_receiver("BK") as receiver:
            run = wait_for_run(server, receiver)
            for number in range(1, 21):  # of keys that there are and that there are not
                tell(receiver, as_jira_sends("ticket.json", f"BK-{number}"))
            time.sleep(3)
        assert len(server.runs(server.look)) == 1
    finally:
        server.call("DELETE", f"/automations/{made.json()['id']}")
    assert run["created_by"]["type"] == "AUTOMATION"
    assert "what a sender claims" not in json.dumps(run)
    done = subprocess.run(
        [Path(sys.executable).with_name("prefect"), "flow-run", "execute", run["id"]],
        cwd=ROOT,
        env={**os.environ, "PREFECT_API_URL": server.api},
        capture_output=True,
        text=True,
        timeout=300,
    )
    ended = server.call("GET", f"/flow_runs/{run['id']}").json()
    assert ended["state_type"] == "COMPLETED", done.stdout + done.stderr
    (delivery,) = server.runs(server.delivery)
    assert delivery["parameters"]["tickets"] == ["BK-1", "BK-7"]
    assert any(call.path.endswith("/search/jql") for call in desk.site.traffic)


ISSUE = {"issue": {"key": "BK-7", "fields": {"summary": 'a "b" {{ c }}'}}}


@pytest.mark.parametrize("body", [as_jira_sends("ticket.json", "BK-7"), ISSUE])
def test_the_webhook_of_prefect_cloud_makes_the_same_event(body: dict[str, Any]) -> None:
    template = Environment(autoescape=False).from_string((PASTED / "prefect-cloud-webhook.jinja").read_text())
    event = json.loads(template.render(body=body))
    sent = make_ready_event("BK-7")
    assert event == {name: sent[name] for name in ("event", "resource", "payload")}


def test_one_look_is_created_a_minute_whatever_the_ticket(server: Server) -> None:
    path, body = (
        f"/deployments/{server.look}/create_flow_run",
        as_jira_sends("create-flow-run.json"),
    )
    first, again = server.call("POST", path, body), server.call("POST", path, body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert "BK-7" not in json.dumps(body)
    later = {**body, "idempotency_key": f"{body['idempotency_key']}-later"}
    assert server.call("POST", path, later).json()["id"] != first.json()["id"]
    assert server.call("POST", path, {"parameters": {"deployment": 7}}).status_code in (409, 422)


@pytest.mark.parametrize(("waited", "waits"), [(0, 65), (20, 45), (500, 0), (-500, 65)])
def test_a_look_that_stood_in_a_queue_does_not_wait_again(
    waited: int, waits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    monkeypatch.setattr(poll_module.time, "sleep", asked.append)
    begun = datetime.now(UTC) - timedelta(seconds=waited)
    monkeypatch.setitem(poll_module.runtime.flow_run.FIELDS, "scheduled_start_time", lambda: begun)
    poll_module._wait_since_event(65)
    assert asked == [pytest.approx(waits, abs=1)]
