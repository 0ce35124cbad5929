"""Jira as people set it up: fields by name, statuses by name, templates, many tickets; few requests."""

from __future__ import annotations

import copy
import json
import pickle
import re
import traceback
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from blocks.errors import BadAnswer, Misconfigured, NotFound, Unauthorized
from blocks.records import Incomplete, Requirement
from blocks.tracker.jira.responses import SearchPage
from blocks.tracker.jira.session import parse
from blocks.tracker.jira.tracker import JiraTracker
from tasks.markdown import line
from tasks.requirements import answer_gaps, check_ticket, knows_gaps
from tests.blocks.tracker.desks import FIELDS, JiraDesk, jira_desk
from tests.blocks.tracker.jira.site import EMAIL, TOKEN
from tests.tasks.test_requirements import HOSTILE, Shop


@pytest.fixture(params=[("cloud", "3"), ("cloud", "2"), ("data-center", "2")], ids="-".join)
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[JiraDesk]:
    edition, version = request.param
    with jira_desk(tmp_path, edition == "cloud", version) as found:
        yield found


def with_settings(desk: JiraDesk, **settings: Any) -> JiraTracker:
    return JiraTracker.model_validate({**desk.settings, **settings})


def asked(desk: JiraDesk) -> Counter[str]:
    """Requests since last time, by kind."""
    found = Counter(f"{call.method} {call.path.split('/', 4)[-1]}" for call in desk.site.traffic)
    desk.site.traffic.clear()
    return found


def test_a_ticket_with_fields_is_a_requirement(desk: JiraDesk) -> None:
    desk.file("AN-1", dimensions=["country", "segment"], labels=["board"], priority="Blocker")
    desk.site.issues["AN-1"]["fields"]["assignee"] = desk.site.user("Piotr")
    (ticket,) = desk.tracker.list_open_tickets()
    found = check_ticket(ticket, Shop())
    assert isinstance(found, Requirement)
    assert (found.metrics, found.dimensions, found.sources) == (
        ("net_revenue",),
        ("country", "segment"),
        ("erp",),
    )
    assert (found.requester, found.assignee, found.priority.name) == ("Dana Whitfield", "Piotr", "highest")
    assert str(found.deadline) == "2027-02-26"
    assert ticket.fields["labels"] == ["board"]


TEMPLATE = {
    "wiki": "h3. Request\n* *Analysis:* trend\n* *Metrics:* net\\_revenue\n* *Data sources:* erp\n\nPlease *soon*.",
    "adf": [
        {"type": "heading", "attrs": {"level": 3}, "content": [{"type": "text", "text": "Metrics"}]},
        {
            "type": "bulletList",
            "content": [
                {
                    "type": "listItem",
                    "content": [
                        {
                            "type": "paragraph",
                            "content": [{"type": "text", "text": "net_revenue", "marks": [{"type": "code"}]}],
                        }
                    ],
                }
            ],
        },
        {
            "type": "paragraph",
            "content": [
                {"type": "text", "text": "Analysis:", "marks": [{"type": "strong"}]},
                {"type": "text", "text": " trend"},
            ],
        },
        {"type": "paragraph", "content": [{"type": "text", "text": "Data sources: erp"}]},
    ],
}


def test_cascading_options_and_times_are_read(desk: JiraDesk) -> None:
    desk.file("AN-1")
    fields, deadline = desk.site.issues["AN-1"]["fields"], desk.field("Twice")
    next(each for each in desk.site.fields if each["id"] == deadline)["schema"]["type"] = "datetime"
    fields[deadline] = "2027-03-01T23:30:00.000+0100"
    fields[desk.field("Analysis Type")] = {"value": "Over time", "child": {"id": "7", "value": "trend"}}
    (ticket,) = with_settings(desk, fields={**FIELDS, "deadline": deadline}).list_open_tickets()
    assert (ticket.fields["deadline"], ticket.fields["analysis"]) == ("2027-03-01", "trend")


def test_an_answer_of_another_shape_names_its_members_and_no_values() -> None:
    with pytest.raises(BadAnswer, match="not as Jira documents it: issues") as caught:
        parse(SearchPage, "search for tickets", {"issues": TOKEN})
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None


def test_a_project_without_fields_uses_the_template(desk: JiraDesk) -> None:
    desk.file("AN-1")
    values = desk.site.issues["AN-1"]["fields"]
    adf = {"type": "doc", "version": 1, "content": TEMPLATE["adf"]}
    values["description"] = adf if desk.version == "3" else TEMPLATE["wiki"]
    found = check_ticket(with_settings(desk, fields={}).list_open_tickets()[0], Shop())
    assert isinstance(found, Requirement)
    assert (found.metrics, found.analysis.value, found.sources) == (("net_revenue",), "trend", ("erp",))
    values[desk.field("Required Metrics")] = "orders"  # a field that is filled in wins
    (ticket,) = desk.tracker.list_open_tickets()
    assert ticket.fields["metrics"] == "orders"


def test_check_lists_all_that_is_missing_and_what_there_is(desk: JiraDesk) -> None:
    wrong = {**FIELDS, "analysis": "Kind of analysis", "metrics": "Twice"}
    with pytest.raises(Misconfigured) as caught:
        with_settings(desk, fields=wrong).check()
    assert "no field is named 'Kind of analysis' (for analysis)" in str(caught.value)
    assert "Analysis Type" in str(caught.value)
    words = {"incomplete": "Waiting", "done": "Finished"}
    with pytest.raises(Misconfigured) as caught:
        with_settings(desk, statuses=words, incident_type="Incident", link_type="Blocks").list_open_tickets()
    for message in (
        "no status Finished, Waiting; it has",
        "Needs Information",
        "no issue type Incident",
        "no link type Blocks",
    ):
        assert message in str(caught.value)


def test_a_field_name_that_is_there_twice_needs_an_id(desk: JiraDesk) -> None:
    twice = desk.field("Twice")
    with pytest.raises(Misconfigured, match="2 are named 'TWICE'"):
        with_settings(desk, fields={"metrics": "TWICE"}).check()
    with_settings(desk, fields={"metrics": twice}).check()
    elsewhere = {"type": "PROJECT", "project": {"id": "10001"}}  # as a team-managed project's own fields are
    next(each for each in desk.site.fields if each["name"] == "twice")["scope"] = elsewhere
    with_settings(desk, fields={"metrics": "TWICE"}).check()
    with_settings(desk, fields={"metrics": "analysis type"}).check()  # capitals don't matter


def test_the_wrong_edition_and_the_wrong_token_are_said(desk: JiraDesk) -> None:
    other = {"email": None, "api_version": "2"} if desk.site.cloud else {"email": EMAIL, "api_version": None}
    with pytest.raises(Misconfigured, match="Data Center"):
        with_settings(desk, **other).check()
    with pytest.raises(Unauthorized):
        with_settings(desk, token="wrong").list_open_tickets()
    with pytest.raises(NotFound, match="read project XY"):
        with_settings(desk, project="XY").check()


@pytest.mark.parametrize(
    "settings",
    [
        {"fields": {"metrik": "x"}},
        {"statuses": {"closed": "x"}},
        {"server": "ftp://x"},
        {"project": "AN OR 1=1"},
        {"jql": "status = Open ORDER BY key"},
    ],
)
def test_wrong_settings_are_refused_when_they_are_made(settings: dict[str, Any]) -> None:
    good = {"project": "AN", "server": "https://jira.example", "token": "x"}
    JiraTracker.model_validate(good)
    with pytest.raises(ValidationError):
        JiraTracker.model_validate({**good, **settings})


def test_a_login_in_the_address_is_refused_and_not_shown() -> None:
    given = {"project": "AN", "server": "https://bot:pw-planted@jira.example", "token": "x"}
    with pytest.raises(Misconfigured, match="it holds a user or a password") as refused:
        JiraTracker.model_validate(given)
    assert "planted" not in str(refused.value)


def test_the_previous_release_s_name_of_a_setting_still_works() -> None:
    good = {"project": "AN", "server": "https://jira.example", "token": "x"}
    with pytest.warns(DeprecationWarning, match="rate_limit_timeout_seconds"):
        tracker = JiraTracker.model_validate({**good, "patience_seconds": 7})
    assert tracker.rate_limit_timeout_seconds == 7


def test_what_waits_for_work_can_be_said_in_jql(desk: JiraDesk) -> None:
    desk.file("AN-1", labels=["analytics"])
    desk.file("AN-2")
    tracker = with_settings(desk, jql='labels = "analytics" OR labels in ("other")')
    assert [ticket.key for ticket in tracker.list_open_tickets()] == ["AN-1"]


def test_without_a_status_of_their_own_incomplete_and_failed_tickets_have_a_label(desk: JiraDesk) -> None:
    desk.file("AN-1", labels=["board"])
    tracker = with_settings(desk, statuses={})
    tracker.move("AN-1", "incomplete")
    fields = desk.site.issues["AN-1"]["fields"]
    assert (fields["labels"], fields["status"]["name"]) == (["board", "incomplete-request"], "To Do")
    assert tracker.list_open_tickets()[0].status == "incomplete"
    tracker.move("AN-1", "failed")
    assert (fields["labels"], fields["status"]["name"]) == (["board", "failed-request"], "To Do")
    assert tracker.list_open_tickets()[0].status == "failed"
    fields["status"] = desk.site.status("Changes Requested")
    again = with_settings(desk, statuses={"changes_requested": "Changes Requested"})
    assert again.list_open_tickets()[0].status == "changes_requested"  # a person's word counts more
    tracker.move("AN-1", "done")
    assert (fields["labels"], fields["status"]["name"]) == (["board"], "Done")


def test_a_ticket_sent_back_is_taken_up_again(desk: JiraDesk) -> None:
    desk.file("AN-1")
    desk.tracker.comment("AN-1", "run_1", "built")
    desk.tracker.move("AN-1", "done")
    assert desk.tracker.list_open_tickets() == []
    desk.say("AN-1", "Dana", f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}.999+0000", "By week, please.")
    desk.site.issues["AN-1"]["fields"]["status"] = desk.site.status("Changes Requested")
    (ticket,) = desk.tracker.list_open_tickets()
    assert ticket.status == "changes_requested"
    found = check_ticket(ticket, Shop())
    assert isinstance(found, Requirement)
    assert [comment.body for comment in found.feedback] == ["By week, please."]


def test_a_status_that_nothing_leads_to_is_said_with_what_does(desk: JiraDesk) -> None:
    desk.file("AN-1")
    key = desk.tracker.open_incident("a:1", "t", "b", [])
    with pytest.raises(
        Misconfigured, match=r"no transition leads there from In Progress; .*Go to closed \(to Closed\)"
    ):
        desk.tracker.move(key, "failed")
    desk.tracker.move(key, "done")  # by way of In Progress, to what Jira counts as done
    assert desk.site.issues[key]["fields"]["status"]["name"] == "Closed"


def test_what_others_wrote_with_our_account_is_theirs(desk: JiraDesk) -> None:
    desk.file("AN-1")
    desk.tracker.comment("AN-1", "run_1", "built")
    desk.site.add_comment(
        "AN-1", desk.site.me, desk.rich("typed by hand"), "2026-11-02T09:30:00.000+0000", []
    )
    mark = [{"key": "analytics.answer", "value": {"topic": "run_2", "fingerprint": "0"}}]
    desk.site.add_comment(
        "AN-1", desk.site.user("Eve"), desk.rich("not ours"), "2026-11-02T09:31:00.000+0000", mark
    )
    (ticket,) = desk.tracker.list_open_tickets()
    assert [comment.body for comment in ticket.comments] == ["typed by hand", "not ours"]
    assert set(ticket.comment_fingerprints) == {"run_1"}


def test_comments_for_some_readers_only_are_not_read(desk: JiraDesk) -> None:
    desk.site.kind = "service_desk"
    desk.file("AN-1")

    def say(body: str, properties: list[Any]) -> Any:
        when = "2026-11-02T09:30:00.000+0000"
        return desk.site.add_comment("AN-1", desk.site.user("Lead"), desk.rich(body), when, properties)

    say("by week", [{"key": "sd.public.comment", "value": {"internal": False}}])["jsdPublic"] = True
    say("for administrators only", [])["visibility"] = {"type": "role", "value": "Administrators"}
    note = say("internal note", [{"key": "sd.public.comment", "value": {"internal": True}}])
    if desk.site.cloud:
        note["jsdPublic"] = False
    for (ticket,) in (desk.tracker.list_open_tickets(), desk.tracker.read_tickets(["AN-1"])):
        assert [comment.body for comment in ticket.comments] == ["by week"]


def test_a_gateway_is_for_programs_so_links_lead_to_the_site(
    desk: JiraDesk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert desk.tracker.make_url("AN-7") == f"{desk.site.base}/browse/AN-7"
    monkeypatch.setattr("blocks.tracker.jira.tracker.GATEWAY", desk.site.base)
    desk.site.pages = "https://example.atlassian.net"
    assert desk.tracker.make_url("AN-7") == "https://example.atlassian.net/browse/AN-7"
    monkeypatch.setattr("blocks.tracker.jira.tracker.GATEWAY", "http://127.0.0.1:9/")
    assert with_settings(desk, server="http://127.0.0.1:9/ex/jira/1").make_url("AN-7") == ""
    assert "the address of AN-7 is not known" in caplog.text


def test_comments_without_end_are_all_read(desk: JiraDesk) -> None:
    desk.file("AN-1")
    desk.tracker.comment("AN-1", "run_1", "built")
    for number in range(250):
        desk.say(
            "AN-1", "Dana", f"2026-11-02T09:{number // 60:02}:{number % 60:02}.000+0000", f"comment {number}"
        )
    (ticket,) = desk.tracker.list_open_tickets()
    assert {comment.body for comment in ticket.comments} == {f"comment {number}" for number in range(250)}
    desk.tracker.comment("AN-1", "run_1", "built again")
    assert [body for body in desk.comments("AN-1") if body.startswith("built")] == ["built again"]


def test_an_answer_longer_than_jira_takes_is_cut_at_a_line(desk: JiraDesk) -> None:
    desk.file("AN-1")
    body = "### Not delivered\n\n" + "\n".join(f"- `value_{number}_{'_' * 40}`" for number in range(2_000))
    desk.tracker.comment("AN-1", "run_1", body)
    desk.tracker.comment("AN-1", "run_1", body)
    (text,) = desk.comments("AN-1")
    assert text.startswith("### Not delivered\n\n- value_0_")
    assert text.endswith("_\n\n…")


def test_an_odd_issue_is_in_nobody_elses_way(desk: JiraDesk) -> None:
    desk.file("AN-1")
    desk.file("AN-2")
    desk.site.issues["AN-1"]["fields"]["updated"] = "yesterday"
    broken, good = desk.tracker.list_open_tickets()
    assert (list(broken.fields), good.key) == (["unreadable"], "AN-2")


def test_hostile_tickets_are_only_text(desk: JiraDesk) -> None:
    for number, text in enumerate(HOSTILE, 1):
        desk.file(f"AN-{number}", title=line(text, 200), description=text, metrics=[text], requester=text)
        desk.say(f"AN-{number}", text, "2026-11-02T09:30:00.000+0000", text)
    tickets = desk.tracker.list_open_tickets()
    assert len(tickets) == len(HOSTILE)
    for ticket in tickets:
        found = check_ticket(ticket, Shop())
        assert isinstance(found, Incomplete)
        answer_gaps.fn(desk.tracker, found)
        (answer,) = (each for each in desk.site.comments[ticket.key] if each["author"] == desk.site.me)
        markup = '"(link|mention|media|inlineCard)"' if desk.version == "3" else r"(?<!\\)[\[!~]"
        assert not re.search(markup, json.dumps(answer["body"]).replace(r"\\", "\\"))
    state = desk.state()
    for ticket in desk.tracker.list_open_tickets():
        found = check_ticket(ticket, Shop())
        assert isinstance(found, Incomplete)
        assert knows_gaps(found)
    assert desk.state() == state


def test_a_copied_or_pickled_block_connects_anew(desk: JiraDesk) -> None:
    desk.file("AN-1")
    desk.tracker.list_open_tickets()
    for twin in (pickle.loads(pickle.dumps(desk.tracker)), copy.deepcopy(desk.tracker)):
        assert [ticket.key for ticket in twin.list_open_tickets()] == ["AN-1"]


def test_a_saved_block_comes_back_and_keeps_its_secret(desk: JiraDesk, prefect_server: str) -> None:
    import requests

    from blocks.prefect.block_types import load_block

    name = f"desk-{desk.version}-{'cloud' if desk.site.cloud else 'own'}"
    desk.file("AN-1")
    desk.tracker.save(name)
    loaded = load_block(f"jira-tracker/{name}")
    assert isinstance(loaded, JiraTracker)
    assert [ticket.key for ticket in loaded.list_open_tickets()] == ["AN-1"]
    told = requests.get(
        f"{prefect_server.rstrip('/')}/block_types/slug/jira-tracker/block_documents/name/{name}", timeout=120
    )
    assert told.json()["data"]["project"] == "AN"
    assert TOKEN not in told.text


def test_a_thousand_tickets_cost_a_request_a_hundred(desk: JiraDesk) -> None:
    for number in range(1, 1_001):
        desk.file(f"AN-{number}", metrics=["net_revenu"] if number % 100 == 0 else ["net_revenue"])
        desk.say(f"AN-{number}", "Dana", "2026-11-02T09:30:00.000+0000", "please")
    tickets = desk.tracker.list_open_tickets()
    search = "search/jql" if desk.site.cloud else "search"
    assert len(tickets) == 1_000
    start = ("serverInfo", "myself", "field", "project/AN", "project/AN/statuses", "issueLinkType")
    assert asked(desk) == {**{f"GET {each}": 1 for each in start}, f"POST {search}": 10}
    desk.tracker.read_tickets([ticket.key for ticket in tickets])
    assert asked(desk) == {"POST issue/bulkfetch" if desk.site.cloud else "POST search": 10}

    def gaps() -> list[Incomplete]:
        checked = [check_ticket(ticket, Shop()) for ticket in desk.tracker.list_open_tickets()]
        return [each for each in checked if isinstance(each, Incomplete) and not knows_gaps(each)]

    for each in gaps():
        answer_gaps.fn(desk.tracker, each)
    once = asked(desk)
    assert once[f"POST {search}"] == 10
    assert once.total() - 10 <= 10 * 5  # look for ours, comment, look, label, move
    assert "did you mean net_revenue?" in desk.comments("AN-100")[1]
    state = desk.state()
    assert gaps() == []
    assert asked(desk).total() == 10 + desk.site.cloud  # there, the marks of all our comments at once
    assert desk.state() == state
