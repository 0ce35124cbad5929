"""What is sent to Jira, and what the stand-in answers, agree with Atlassian's own description of the API."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from tests.blocks.tracker.desks import JiraDesk, jira_desk
from tests.blocks.tracker.jira.site import Exchange
from tests.conftest import ROOT

SPEC = ROOT.parent / "shared" / "specs" / "jira-cloud-v3.json"
HOST = "https://your-domain.atlassian.net"


def use_everything(desk: JiraDesk, tmp_path: Path) -> None:
    """Every verb, in each of its ways."""
    tracker, image = desk.tracker, tmp_path / "revenue.png"
    image.write_bytes(b"\x89PNG first")
    for number in range(1, 4):
        desk.file(f"AN-{number}", labels=["board"], description="Every Monday")
    desk.say("AN-1", "Dana", "2026-11-02T09:30:00.000+0000", "by week")
    tracker.check()
    for body in ("### Missing\n\n- `deadline`\n- **x** [y](https://z.example/)", "| a |\n| --- |\n| 1 |"):
        tracker.comment("AN-1", "requirements", body)
        tracker.attach("AN-1", image)
        tracker.link("AN-1", "https://bi.example/revenue", "Revenue")
        image.write_bytes(b"\x89PNG second")
    tracker.move("AN-1", "incomplete")
    tracker.move("AN-1", "done", {"release": "run_1", "freshness": "2026-10-31"})
    key = tracker.open_incident("daily:1f2e", "daily: negative", "text", ["AN-1", "AN-2"])
    tracker.comment(key, "run_2", "passed")
    tracker.move(key, "done")
    tracker.list_incidents()
    tracker.read_tickets(["AN-1", "AN-2"])
    tracker.list_open_tickets()


def repaired(spec: Any) -> Any:
    """The description without what no answer of Jira's agrees with: dates with +0000, bodies where there are none."""
    if isinstance(spec, dict):
        media = (
            spec.get("content", {}).get("application/json", {})
            if isinstance(spec.get("content"), dict)
            else {}
        )
        if "schema" in media and not media["schema"] and "required" not in spec:
            spec.pop("content")
        if spec.get("format") in ("date-time", "uri"):
            spec.pop("format")
        if isinstance(spec.get("example"), str):
            spec.pop("example")
        for value in spec.values():
            repaired(value)
    elif isinstance(spec, list):
        for value in spec:
            repaired(value)
    return spec


@pytest.mark.skipif(not SPEC.exists(), reason="the description of the API is not here")
def test_the_traffic_agrees_with_atlassians_description(tmp_path: Path) -> None:
    from openapi_core import Config, OpenAPI
    from openapi_core.testing import MockRequest, MockResponse

    logging.getLogger("openapi_core").setLevel(logging.ERROR)
    with jira_desk(tmp_path, cloud=True, version="3") as desk:
        use_everything(desk, tmp_path)
        traffic = desk.site.traffic
    api = OpenAPI.from_dict(repaired(json.loads(SPEC.read_bytes())), config=Config(spec_validator_cls=None))

    def faults(call: Exchange) -> list[str]:
        kind = call.headers.get("content-type", "").split(";")[0]
        if kind == "multipart/form-data":  # which the description calls a list
            return []
        request = MockRequest(
            HOST,
            call.method.lower(),
            call.path,
            data=call.body or None,
            args=dict(call.query),
            content_type=kind,
            headers={"Authorization": "Basic x"},
        )
        response = MockResponse(call.answer, status_code=call.status, content_type="application/json")
        found = []
        for check in (
            lambda: api.validate_request(request),
            lambda: api.validate_response(request, response),
        ):
            try:
                check()
            except Exception as error:
                found.append(
                    f"{call}: {type(error).__name__}: {error} {getattr(error.__cause__, 'schema_errors', '')}"
                )
        return found

    wrong = Exchange(
        "POST", "/rest/api/3/search/jql", [], {"content-type": "application/json"}, b'{"jql": 7}', 200, b"{}"
    )
    assert len(faults(wrong)) == 1, "the check finds nothing"
    problems = [fault for call in traffic for fault in faults(call)]
    assert not problems, "\n".join(sorted(set(problems)))
    assert {call.method for call in traffic} == {"GET", "POST", "PUT", "DELETE"}
    assert len({(call.method, call.path.rsplit("/", 1)[-1]) for call in traffic}) > 15
