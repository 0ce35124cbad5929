"""Moving an issue: label and facts first, then to a status by whatever transition leads there."""

from __future__ import annotations

from collections.abc import Mapping

from blocks.errors import BadInput, Misconfigured
from blocks.tracker.jira.client import JiraConnection
from blocks.tracker.jira.responses import Issue, IssueStatus, JiraField, Status, Transition
from blocks.tracker.jira.session import parse
from blocks.tracker.jira.settings import WRITTEN, JiraSettings

MOST_STEPS = 3


def move_issue(
    settings: JiraSettings, connection: JiraConnection, key: str, status: str | None, facts: Mapping[str, str]
) -> None:
    """Bring an issue to one of our statuses, and write facts about the release into the mapped fields.

    It takes one request to look, one to write if something differs, and one for each transition.
    """
    if status is not None and status not in settings.statuses:
        raise BadInput(f"move {key}", "no such status", f"Known: {', '.join(settings.statuses)}.")
    mapped = {
        name: connection.fields[name] for name in WRITTEN if name in connection.fields and name in facts
    }
    if status is None and not mapped:
        return
    wanted = {field.id: _convert_value(field, facts[name]) for name, field in mapped.items()}
    session = connection.api.session
    for step in range(MOST_STEPS):
        fields = ",".join(["status", "labels", *wanted])
        issue = session.read(
            Issue, f"look at {key}", "GET", f"issue/{key}", fields=fields, expand="transitions"
        )
        current = parse(IssueStatus, f"look at {key}", issue.fields)
        if step == 0 and (body := _build_edit(issue, current, wanted, settings.labels, status)):
            session.send(f"edit {key}", "PUT", f"issue/{key}", body)
        transition = _choose_transition(settings, issue, current.status, status)
        if status is None or transition is None:
            return
        body = {"transition": {"id": transition.id}}
        session.send(f"move {key} by {transition.name}", "POST", f"issue/{key}/transitions", body)
        if _is_status(settings, transition.to, status):
            return


def _build_edit(
    issue: Issue,
    current: IssueStatus,
    wanted: Mapping[str, object],
    labels: Mapping[str, str],
    status: str | None,
) -> dict[str, object]:
    """What has to be written, if anything: fields, and the label of the new status instead of the others'."""
    fields = {name: value for name, value in wanted.items() if issue.fields.get(name) != value}
    present, labels = current.labels or (), labels if status else {}
    steps = [{"remove": label} for word, label in labels.items() if word != status and label in present]
    steps += [{"add": label} for word, label in labels.items() if word == status and label not in present]
    return {**({"fields": fields} if fields else {}), **({"update": {"labels": steps}} if steps else {})}


def _convert_value(field: JiraField, text: str) -> str | list[str]:
    """A fact as the field takes it: a date, a list with one label, or text."""
    if field.type == "date":
        return text[:10]
    return [text.replace(" ", "_")] if field.type == "array" else text


def _choose_transition(
    settings: JiraSettings, issue: Issue, current: Status, status: str | None
) -> Transition | None:
    """The transition to take next; None if the issue is there already, or is to stay where it is.

    Raises Misconfigured if no transition leads to the status.
    """
    target = settings.statuses[status] if status else ""
    if not target or not status or _is_status(settings, current, status):
        return None
    available = issue.transitions or []
    by_name = [each for each in available if each.to.name.casefold() == target.casefold()]
    if direct := by_name or [each for each in available if _is_status(settings, each.to, status)]:
        return direct[0]
    detour = [each for each in available if _is_status(settings, each.to, "in_progress")]
    if detour and not _is_status(settings, current, "in_progress"):
        return detour[0]
    listed = ", ".join(f"{each.name} (to {each.to.name})" for each in available) or "none"
    raise Misconfigured(
        f"move {issue.key} to {target}",
        f"no transition leads there from {current.name}; available are: {listed}",
        "Map the block's statuses to what the workflow has, or let the account use the transition.",
    )


def _is_status(settings: JiraSettings, status: Status, word: str) -> bool:
    """True for the mapped status. `done` is any that Jira counts as done: incidents have a workflow of their own."""
    name = status.name.casefold()
    accepts = name == settings.statuses["accepted"].casefold()
    return name == settings.statuses[word].casefold() or (
        word == "done" and status.category == "done" and not accepts
    )
