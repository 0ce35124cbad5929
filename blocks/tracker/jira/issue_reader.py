"""A Jira issue as a Ticket: fields by their names in this Jira, or a template in the description. It asks nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from blocks.errors import Misconfigured
from blocks.records import Comment, Ticket
from blocks.tracker.description_template import read_template

Raw = dict[str, Any]
LONGEST_TEXT = 32_767
BASE = (
    "summary",
    "status",
    "description",
    "priority",
    "reporter",
    "assignee",
    "labels",
    "comment",
    "updated",
)
READ = ("analysis", "metrics", "dimensions", "data_sources", "deadline", "requester")
WRITTEN = ("release", "freshness")


def find_fields(mapping: Mapping[str, str], known: Sequence[Raw], where: str) -> dict[str, Raw]:
    """Each mapped field as Jira describes it, by name or id. Raises Misconfigured naming all that are missing."""
    found, problems = {}, []
    for ours, name in mapping.items():
        matches = [each for each in known if name in (each["id"], each["name"])]
        matches = matches or [each for each in known if each["name"].casefold() == name.casefold()]
        if len(matches) == 1:
            found[ours] = matches[0]
        elif matches:
            problems.append(
                f"{len(matches)} are named '{name}' ({', '.join(each['id'] for each in matches)})"
            )
        else:
            problems.append(f"no field is named '{name}' (for {ours})")
    if problems:
        custom = ", ".join(sorted(each["name"] for each in known if each.get("custom"))) or "none"
        raise Misconfigured(
            f"find the mapped fields in {where}",
            "; ".join(problems),
            f"Correct the block's fields, or give an id. Custom fields that the account sees: {custom}.",
        )
    return found


class Reader:
    """Reads issues. fields: ours → Jira's; statuses: ours → Jira's name; read: rich text to plain text."""

    def __init__(
        self,
        fields: Mapping[str, Raw],
        statuses: Mapping[str, str],
        priorities: Mapping[str, str],
        labels: Mapping[str, str],
        read: Callable[[Any], str],
    ) -> None:
        self._fields = {ours: field["id"] for ours, field in fields.items() if ours in READ}
        self._statuses = {name.casefold(): ours for ours, name in reversed(list(statuses.items())) if name}
        self._priorities = {theirs.casefold(): ours for theirs, ours in priorities.items()}
        self._labels, self._read = labels, read

    @property
    def asked(self) -> list[str]:
        """Ids of the fields to ask for."""
        return list(dict.fromkeys((*BASE, *self._fields.values())))

    def ticket(self, issue: Raw, comments: Sequence[Raw], marks: Mapping[str, Raw]) -> Ticket:
        """A ticket. comments: all of its own; marks: of ours, by comment id. An odd one is unreadable."""
        try:
            return self._ticket(issue, comments, marks)
        except (AttributeError, KeyError, TypeError, ValueError):
            reason = "Jira's answer has another shape than it should"
            return Ticket(key=str(issue["key"]), title="", status="open", fields={"unreadable": reason})

    def _ticket(self, issue: Raw, comments: Sequence[Raw], marks: Mapping[str, Raw]) -> Ticket:
        raw = issue["fields"]
        description = self._read(raw.get("description"))[:LONGEST_TEXT]
        mapped = {ours: self._value(raw.get(name)) for ours, name in self._fields.items()}
        fields = {
            "requester": _name(raw.get("reporter")),
            "assignee": _name(raw.get("assignee")),
            "priority": self._priority(_name(raw.get("priority"))),
            "description": description,
            "labels": list(raw.get("labels") or ()),
            **read_template(description),
            **{ours: value for ours, value in mapped.items() if value},
        }
        ours = [(marks[each["id"]], _time(each["updated"])) for each in comments if each["id"] in marks]
        answered = [when for mark, when in ours if mark.get("topic") != "requirements"]
        return Ticket(
            key=issue["key"],
            title=str(raw.get("summary") or ""),
            status=self.status(raw),
            fields={ours: value for ours, value in fields.items() if value},
            comments=tuple(self._comment(each) for each in comments if each["id"] not in marks),
            updated=_time(raw["updated"]),
            answered=max(answered, default=None),
            told={str(mark.get("topic")): str(mark.get("fingerprint")) for mark, _ in ours},
        )

    def status(self, raw: Raw) -> str:
        """Our word for an issue's status: as mapped, else by category; where work waits, a label says more."""
        status = raw["status"]
        category = (status.get("statusCategory") or {}).get("key")
        other = {"done": "done", "indeterminate": "in_progress"}.get(str(category), "open")
        ours = self._statuses.get(status["name"].casefold(), other)
        labelled = [word for word, label in self._labels.items() if label in (raw.get("labels") or ())]
        return labelled[0] if labelled and ours in ("open", "in_progress") else ours

    def _comment(self, raw: Raw) -> Comment:
        body = self._read(raw.get("body"))[:LONGEST_TEXT]
        return Comment(author=_name(raw.get("author")) or "", created=_time(raw["created"]), body=body)

    def _priority(self, name: str | None) -> str | None:
        return self._priorities.get(name.casefold(), name) if name else None

    def _value(self, value: Any) -> str | list[str] | None:
        """A custom field's value as text: options, people and versions by name, rich text read."""
        if isinstance(value, list):
            return [text for each in value if isinstance(text := self._value(each), str)]
        if isinstance(value, dict) and value.get("type") != "doc":
            return _name(value)
        return self._read(value) or None if value is not None else None


def _name(value: Any) -> str | None:
    """What people call a user, a priority or an option."""
    value = value or {}
    return next((str(value[each]) for each in ("displayName", "value", "name") if value.get(each)), None)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
