"""A Jira issue as a Ticket: mapped fields, or a template in the description. Nothing is requested here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from blocks.errors import Misconfigured
from blocks.records import Comment, Ticket
from blocks.tracker.base import NO_ANSWERS
from blocks.tracker.description_template import Unplaced, read_request
from blocks.tracker.jira.responses import (
    AnswerMark,
    Issue,
    IssueComment,
    IssueFields,
    JiraField,
    Named,
    User,
    read_time,
)
from blocks.tracker.jira.settings import READ, JiraSettings

LONGEST_TEXT = 32_767
SYSTEM_FIELDS = (
    "summary",
    "status",
    "description",
    "priority",
    "reporter",
    "assignee",
    "labels",
    "comment",
    "updated",
    "created",
    "security",
)
CATEGORIES = {"done": "done", "indeterminate": "in_progress"}


def find_fields(mapping: Mapping[str, str], known: Sequence[JiraField], project: str) -> dict[str, JiraField]:
    """Our name → the field with the mapped name or id. Raises Misconfigured that names all that are missing."""
    found, problems = {}, []
    for word, name in mapping.items():
        matches = [field for field in known if name in (field.id, field.name)]
        matches = matches or [field for field in known if field.name.casefold() == name.casefold()]
        if len(matches) == 1:
            found[word] = matches[0]
        elif matches:
            ids = ", ".join(field.id for field in matches)
            problems.append(f"{len(matches)} are named '{name}' ({ids})")
        else:
            problems.append(f"no field is named '{name}' (for {word})")
    if problems:
        custom = ", ".join(sorted(field.name for field in known if field.custom)) or "none"
        raise Misconfigured(
            f"find the mapped fields in {project}",
            "; ".join(problems),
            f"Correct the block's fields, or give an id. Custom fields that the account sees: {custom}.",
        )
    return found


class IssueReader:
    """Reads issues. fields: our name → the mapped field; to_plain_text reads rich text."""

    def __init__(
        self,
        settings: JiraSettings,
        fields: Mapping[str, JiraField],
        to_plain_text: Callable[[object], str],
    ) -> None:
        statuses = reversed(list(settings.statuses.items()))
        self._statuses = {name.casefold(): word for word, name in statuses if name}
        self._priorities = {name.casefold(): word for name, word in settings.priorities.items()}
        self._labels = settings.labels
        read = {word: field for word, field in fields.items() if word in READ}
        self._ids = {word: field.id for word, field in read.items()}
        self._date_times = {word for word, field in read.items() if field.type == "datetime"}
        self._to_plain_text = to_plain_text

    @property
    def field_ids(self) -> list[str]:
        """Ids of the fields to ask for."""
        return list(dict.fromkeys((*SYSTEM_FIELDS, *self._ids.values())))

    def read_ticket(
        self, issue: Issue, comments: Sequence[IssueComment], marks: Mapping[str, AnswerMark]
    ) -> Ticket:
        """An issue as a ticket; one that is not as documented has only the field `unreadable`, with the reason.

        comments: all of the issue's; marks: of our own ones, by comment id.
        """
        try:
            return self._read_ticket(issue, comments, marks)
        except (AttributeError, KeyError, TypeError, ValueError):
            reason = "Jira's answer has another shape than it should"
            return Ticket(key=issue.key, title="", status="open", fields={"unreadable": reason})

    def _read_ticket(
        self, issue: Issue, comments: Sequence[IssueComment], marks: Mapping[str, AnswerMark]
    ) -> Ticket:
        system = issue.read_fields()
        ours = [(marks[each.id], read_time(each.updated)) for each in comments if each.id in marks]
        people = [each for each in comments if each.id not in marks]
        answered = [time for mark, time in ours if mark.topic not in NO_ANSWERS]
        return Ticket(
            key=issue.key,
            title=system.summary or "",
            status=self._read_status(system),
            fields=self._read_request(issue, system),
            comments=tuple(self._read_comment(each) for each in people if not each.is_restricted),
            restricted=bool(system.security),
            updated=read_time(system.updated),
            created=read_time(system.created) if system.created else None,
            answered=max(answered, default=None),
            comment_fingerprints={mark.topic: mark.fingerprint for mark, _ in ours},
            requester_account=find_account(system.reporter),
        )

    def _read_request(self, issue: Issue, system: IssueFields) -> dict[str, object]:
        """The parts of the request that are filled in; a mapped field wins over the description's template.

        `unplaced` lists what the description says of a part and could not be read; not of what a field says better.
        """
        description = self._to_plain_text(system.description)[:LONGEST_TEXT]
        reading = read_request(description)
        priority = _read_label(system.priority)
        found = {
            "requester": _read_label(system.reporter),
            "description": description,
            "labels": system.labels,
            **reading.fields,
        }
        own = {
            "assignee": _read_label(system.assignee),
            "priority": self._priorities.get(priority.casefold(), priority) if priority else None,
        }
        found |= {word: value for word, value in own.items() if value}
        mapped = {word: self._read_value(issue.fields.get(id_)) for word, id_ in self._ids.items()}
        days = {word: str(mapped[word])[:10] for word in self._date_times if mapped[word]}
        filled = {word: value for word, value in {**mapped, **days}.items() if value}
        unplaced = [asdict(each) for each in reading.unplaced if each.field not in filled]
        unplaced += [
            asdict(Unplaced(word, word, reading.fields[word], "field"))
            for word, value in own.items()
            if value and reading.fields.get(word, value).casefold() != value.casefold()
        ]
        unplaced += [asdict(Unplaced(None, "", line, "free")) for line in reading.free]
        everything: dict[str, object] = {**found, **filled, "unplaced": unplaced}
        return {word: value for word, value in everything.items() if value}

    def _read_status(self, system: IssueFields) -> str:
        """Our word for the status: as mapped, else by category; while work waits, a label says more."""
        if system.status is None:
            raise ValueError("no status")
        other = CATEGORIES.get(system.status.category or "", "open")
        word = self._statuses.get(system.status.name.casefold(), other)
        labelled = [each for each, label in self._labels.items() if label in (system.labels or ())]
        return labelled[0] if labelled and word in ("open", "in_progress") else word

    def _read_comment(self, comment: IssueComment) -> Comment:
        author = comment.author.display_name or comment.author.name if comment.author else None
        body = self._to_plain_text(comment.body)[:LONGEST_TEXT]
        account = find_account(comment.author)
        return Comment(author=author or "", created=read_time(comment.created), body=body, account=account)

    def _read_value(self, value: object) -> str | list[str] | None:
        """A custom field's value as text: options, people and versions by name, rich text as plain text."""
        if value is None:
            return None
        if isinstance(value, list):
            return [text for each in value if isinstance(text := self._read_value(each), str)]
        if isinstance(value, dict) and value.get("type") != "doc":
            return Named.model_validate(value).label
        return self._to_plain_text(value) or None


def _read_label(value: Named | None) -> str | None:
    return value.label if value else None


def find_account(user: User | Named | None) -> str:
    """What Jira knows an account by: an id in Cloud, a key or a name on Data Center, never what it is shown as."""
    return (user.account_id or user.key or user.name or "") if user else ""
