"""Prism between our client and the stand-in sees nothing that Atlassian's description of the API does not allow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.blocks.tracker.desks import JiraDesk, jira_desk
from tests.blocks.tracker.jira.test_api_description import SPEC, repaired, use_everything
from tests.peers.prism import needs_prism, run_prism


@needs_prism
@pytest.mark.skipif(not SPEC.exists(), reason="the description of the API is not here")
def test_no_request_and_no_answer_violates_the_description(tmp_path: Path) -> None:
    with jira_desk(tmp_path, cloud=True, version="3") as desk:
        description = repaired(json.loads(SPEC.read_bytes()))
        with run_prism(description, desk.site.base, tmp_path) as prism:
            proxied = JiraDesk(desk.site, "3", server=prism.url)
            use_everything(proxied, tmp_path)
            violations = prism.violations()
    # Atlassian describes an attached file as a list of parts, which no form with a file in it is
    assert violations == ["request.body Request body must be array [post /rest/api/3/issue/AN-1/attachments]"]


@needs_prism
@pytest.mark.skipif(not SPEC.exists(), reason="the description of the API is not here")
def test_a_violation_is_seen(tmp_path: Path) -> None:
    description = repaired(json.loads(SPEC.read_bytes()))
    with (
        jira_desk(tmp_path, cloud=True, version="3") as desk,
        run_prism(description, desk.site.base, tmp_path) as prism,
    ):
        session = JiraDesk(desk.site, "3", server=prism.url).tracker._connect().api.session
        session.send("search", "POST", "search/jql", {"jql": "project = AN", "reconcileIssues": "AN-1"})
        (violation,) = prism.violations()
    assert "reconcileIssues" in violation
