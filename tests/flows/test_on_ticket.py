"""A ticket starts a delivery: what docs/jira.md has to paste works against a real Prefect server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from jinja2 import Environment

from blocks.dbt.project import DbtProject
from blocks.loader.dlt.loader import DltLoader
from blocks.quality.suites import Suites
from blocks.site.html.site import FolderSite
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.blocks.tracker.desks import JiraDesk, jira_desk
from tests.conftest import ROOT, TINY

PASTED = ROOT / "docs" / "jira"
JAVA = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S", "SSS": "123", "'": ""}


def as_jira_sends(name: str, key: str, id_: str) -> Any:
    """A file of docs/jira with Jira's smart values filled in, as its automation documents them."""

    def formatted(found: re.Match[str]) -> str:
        pattern = re.sub("yyyy|MM|dd|HH|mm|SSS|ss|'", lambda part: JAVA[part[0]], found[1])
        return f"{datetime.now(UTC):{pattern}}"

    text = (PASTED / name).read_text().replace("{{issue.key}}", key)
    text = text.replace('{{issue.id.leftPad(12, "0")}}', id_.rjust(12, "0"))
    text = re.sub(r'\{\{(?:now|issue\.updated)\.format\("([^"]*)"\)\}\}', formatted, text)
    assert "{{" not in text
    return json.loads(text)


@dataclass
class Server:
    """A Prefect server with a deployment that is not `deliver`'s own, so that a worker is not needed."""

    api: str
    deployment: str

    def call(self, method: str, path: str, body: Any = None) -> requests.Response:
        return requests.request(method, f"{self.api}{path}", json=body, timeout=30)

    def runs(self) -> list[dict[str, Any]]:
        body = {"deployments": {"id": {"any_": [self.deployment]}}}
        found: list[dict[str, Any]] = self.call("POST", "/flow_runs/filter", body).json()
        return found


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JiraDesk]:
    with jira_desk(tmp_path_factory.mktemp("jira"), cloud=True, version="3", project="BK") as found:
        asked: dict[str, Any] = {
            "dimensions": ["station"],
            "data_sources": ["bikes"],
            "analysis": "comparison",
        }
        for number in (1, 7):
            found.file(f"BK-{number}", metrics=["rides"], **asked)
        yield found


@pytest.fixture
def server(prefect_server: str, desk: JiraDesk, tmp_path: Path) -> Iterator[Server]:
    from prefect.client.orchestration import get_client
    from prefect.utilities.callables import parameter_schema

    from flows.deliver import deliver

    blocks = {
        "tracker": desk.tracker,
        "warehouse": DuckDBWarehouse(database=str(tmp_path / "warehouse.duckdb")),
        "site": FolderSite(folder=tmp_path / "site", project="dashboards"),
        "project": DbtProject(folder=TINY / "dbt", state=tmp_path / "dbt"),
        "suites": Suites(folder=TINY / "expectations", docs=tmp_path / "data_docs"),
        "loaders": DltLoader(
            locations={"bikes": str(TINY / "rides")}, workdir=tmp_path / "loads", deadline_seconds=60
        ),
    }
    for block in blocks.values():
        block.save("on-ticket", overwrite=True)
    named = {
        name: {"$ref": {"block_document_slug": f"{block._block_type_slug}/on-ticket"}}
        for name, block in blocks.items()
    }
    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(
            client.create_flow(deliver),
            f"on-ticket-{uuid4().hex[:6]}",
            entrypoint="flows/deliver.py:deliver",
            path=str(ROOT),
            parameters={**named, "loaders": [named["loaders"]], "dry_run": True},
            parameter_openapi_schema=parameter_schema(deliver).model_dump_for_openapi(),
            enforce_parameter_schema=True,
        )
        yield Server(prefect_server.rstrip("/"), str(deployment))
        client.delete_deployment(deployment)


def wait_for_run(server: Server) -> dict[str, Any]:
    """The run that an event starts; sent again while the server has not yet taken up a new automation."""
    for attempt in range(10):
        event = as_jira_sends("event.json", "BK-7", f"1004{attempt}")
        event[0]["payload"]["summary"] = "what a sender claims"
        assert server.call("POST", "/events", event).status_code == 204
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if found := server.runs():
                return found[0]
            time.sleep(0.2)
    raise AssertionError("no run was started")


def test_an_event_starts_a_run_that_reads_the_ticket_again(server: Server, desk: JiraDesk) -> None:
    automation = json.loads(
        (PASTED / "automation.json").read_text().replace("DEPLOYMENT_ID", server.deployment)
    )
    made = server.call("POST", "/automations/", automation)
    assert made.status_code == 201, made.text
    try:
        run = wait_for_run(server)
        for number in range(20):  # a flood
            server.call("POST", "/events", as_jira_sends("event.json", "BK-7", f"2004{number}"))
        time.sleep(3)
        assert len(server.runs()) == 1
    finally:
        server.call("DELETE", f"/automations/{made.json()['id']}")
    assert run["parameters"]["tickets"] == ["BK-7"]
    assert run["created_by"]["type"] == "AUTOMATION"
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
    bodies = [json.loads(call.body) for call in desk.site.traffic if call.path.endswith("/bulkfetch")]
    assert [body["issueIdsOrKeys"] for body in bodies] == [["BK-7"]]


ISSUE = {"issue": {"key": "BK-7", "fields": {"summary": 'a "b" {{ c }}'}}}


@pytest.mark.parametrize("body", [{"ticket": "BK-7"}, ISSUE])
def test_the_webhook_of_prefect_cloud_makes_the_same_event(body: dict[str, Any]) -> None:
    template = Environment(autoescape=False).from_string((PASTED / "prefect-cloud-webhook.jinja").read_text())
    event = json.loads(template.render(body=body))
    sent = as_jira_sends("event.json", "BK-7", "10042")[0]
    assert event == {name: sent[name] for name in ("event", "resource", "payload")}


def test_a_run_is_created_once_for_each_version_of_a_ticket(server: Server) -> None:
    path, body = (
        f"/deployments/{server.deployment}/create_flow_run",
        as_jira_sends("create-flow-run.json", "BK-7", "10042"),
    )
    first, again = server.call("POST", path, body), server.call("POST", path, body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert first.json()["parameters"]["tickets"] == ["BK-7"]
    later = {**body, "idempotency_key": f"{body['idempotency_key']}-later"}
    assert server.call("POST", path, later).json()["id"] != first.json()["id"]
    assert server.call("POST", path, {"parameters": {"tickets": 7}}).status_code in (409, 422)
