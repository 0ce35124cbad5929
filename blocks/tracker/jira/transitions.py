"""Moving an issue: label and facts first, then to a status by whatever transition leads there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from blocks.errors import BadInput, Misconfigured
from blocks.tracker.jira.client import JiraConnection
from blocks.tracker.jira.issue_reader import WRITTEN, Raw
from blocks.tracker.jira.settings import JiraSettings

MOST_STEPS = 3


def move_issue(
    settings: JiraSettings, connection: JiraConnection, key: str, status: str | None, facts: Mapping[str, str]
) -> None:
    """One request to look, one to write if something differs, one to go if it is elsewhere."""
    if status is not None and status not in settings.statuses:
        raise BadInput(f"move {key}", "no such status", f"Known: {', '.join(settings.statuses)}.")
    fields = {
        ours: connection.fields[ours] for ours in WRITTEN if ours in connection.fields and ours in facts
    }
    if status is None and not fields:
        return
    asked = ",".join(["status", "labels", *(field["id"] for field in fields.values())])
    ask = connection.edition.session.ask
    for step in range(MOST_STEPS):
        raw = ask(f"look at {key}", "GET", f"issue/{key}", fields=asked, expand="transitions")
        wanted = {field["id"]: _value(field, facts[ours]) for ours, field in fields.items()}
        if step == 0 and (body := _edit(raw["fields"], wanted, settings.labels, status)):
            ask(f"edit {key}", "PUT", f"issue/{key}", body)
        transition = _transition(settings, key, raw, status) if status else None
        if status is None or transition is None:
            return
        body = {"transition": {"id": str(transition["id"])}}
        ask(f"move {key} by {transition['name']}", "POST", f"issue/{key}/transitions", body)
        if _leads_to(transition["to"], settings.statuses[status], status):
            return


def _edit(raw: Raw, wanted: Mapping[str, Any], labels: Mapping[str, str], status: str | None) -> Raw:
    """What has to be written, if anything: fields, and the label of the status instead of the others'."""
    fields = {name: value for name, value in wanted.items() if raw.get(name) != value}
    there, labels = raw.get("labels") or (), labels if status else {}
    steps = [{"remove": label} for word, label in labels.items() if word != status and label in there]
    steps += [{"add": label} for word, label in labels.items() if word == status and label not in there]
    return {**({"fields": fields} if fields else {}), **({"update": {"labels": steps}} if steps else {})}


def _value(field: Raw, text: str) -> Any:
    """A fact as the field takes it: a date, a list of one, or text."""
    kind = (field.get("schema") or {}).get("type")
    if kind == "date":
        return text[:10]
    return [text.replace(" ", "_")] if kind == "array" else text


def _transition(settings: JiraSettings, key: str, raw: Raw, status: str) -> Raw | None:
    """The transition to take next; None if it is there already, or stays where it is."""
    target, now = settings.statuses[status], raw["fields"]["status"]
    if not target or _leads_to(now, target, status):
        return None
    open_: list[Raw] = raw.get("transitions") or []
    direct = [each for each in open_ if each["to"]["name"].casefold() == target.casefold()]
    direct = direct or [each for each in open_ if _leads_to(each["to"], target, status)]
    via = [each for each in open_ if _leads_to(each["to"], settings.statuses["in_progress"], "in_progress")]
    if direct or (via and not _leads_to(now, settings.statuses["in_progress"], "in_progress")):
        return (direct or via)[0]
    ways = ", ".join(f"{each['name']} (to {each['to']['name']})" for each in open_) or "none"
    raise Misconfigured(
        f"move {key} to {target}",
        f"no transition leads there from {now['name']}; open are: {ways}",
        "Map the block's statuses to what the workflow has, or let the account use the transition.",
    )


def _leads_to(status: Raw, target: str, ours: str) -> bool:
    """True for the mapped status; for `done`, any that Jira counts as done, as an incident has its own workflow."""
    if status["name"].casefold() == target.casefold():
        return True
    return ours == "done" and (status.get("statusCategory") or {}).get("key") == "done"
