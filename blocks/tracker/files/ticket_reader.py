"""The YAML text of one ticket, read. No files are opened, no text is changed here.

Values are text, lists and mappings of these, never another type: `deadline: tomorrow` or `metrics: 7` reach
the requirement check, which says what is wrong with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from blocks.errors import replace_vendor_errors
from blocks.records import Comment, Ticket
from blocks.tracker.base import NO_ANSWERS, accept_by_status, compute_fingerprint
from blocks.tracker.files.yaml_events import (
    ALIAS,
    BAD_NAME,
    DEPTH,
    NO_MAPPING,
    NODES,
    TOO_LARGE,
    UnreadableError,
    read_events,
)
from blocks.tracker.request_names import find_field, find_near_field
from blocks.wishes import FIELDS as WISHES

if TYPE_CHECKING:
    from ruamel.yaml.nodes import MappingNode

BOT = "analytics-bot"
OPEN = {"open", "in_progress", "incomplete", "accepted", "changes_requested", "failed"}
FIELDS = (
    "requester",
    "assignee",
    "priority",
    "deadline",
    "analysis",
    "metrics",
    "dimensions",
    "data_sources",
    "description",
    "labels",
    "incident",
    *WISHES,
)
RESTRICTED = {"restricted", "internal", "security", "visibility"}
OTHERS = {
    *RESTRICTED,
    *("key", "title", "status", "comments", "links", "release", "freshness", "requests", "public", "created"),
    "accepted_by",
}
"""Names in a ticket's file that are no field of its request."""
LONGEST_TEXT = 32_767
START = datetime(1970, 1, 1, tzinfo=UTC)
_UNPRINTABLE = re.compile("[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def drop_unprintable(text: str) -> str:
    """What of a text YAML can hold and give back: no control characters, no blanks at line ends."""
    return "\n".join(_UNPRINTABLE.sub(" ", line).rstrip() for line in text.splitlines()).rstrip()


def read(text: str) -> dict[str, object]:
    """A ticket as text, lists and mappings; no value has another type, no tag is obeyed."""
    result: dict[str, object] = read_events(text) or to_plain_value(compose(text))
    return result


def read_ticket(key: str, text: str, updated: datetime) -> Ticket:
    """A ticket from its file's text. A missing status means open."""
    data = read(text)
    if data.get("key") != key:
        raise UnreadableError("its `key` is not its file's name")
    status = re.sub(r"[\s-]+", "_", _read_text(data.get("status") or "open").lower())
    if status not in OPEN | {"done"}:
        raise UnreadableError(f"its status is none of {', '.join(sorted(OPEN))}, done")
    fields = _read_fields(data)
    if isinstance(description := fields.get("description"), str):
        fields["description"] = description[:LONGEST_TEXT]
    return Ticket(
        key=key,
        title=_read_text(data.get("title")),
        status=status,
        fields=fields,
        updated=updated,
        created=_parse_time(_read_text(data.get("created"))),
        comments=tuple(_read_comments(data.get("comments"))),
        restricted=_is_restricted(data),
        answered=_find_answer_time(data.get("comments")),
        requester_account=_name_account(_read_text(fields.get("requester"))),
        accepted=_read_acceptance(data) if status == "accepted" else None,
        comment_fingerprints={
            _read_text(each.get("topic")): compute_fingerprint(_read_text(each.get("body")))
            for each in _list_own_comments(data.get("comments"))
        },
    )


def _read_fields(data: Mapping[str, object]) -> dict[str, object]:
    """The fields that are filled in, under whatever name; those with no known one come as `unplaced`."""
    fields: dict[str, object] = {name: data[name] for name in FIELDS if data.get(name) is not None}
    unplaced = []
    for name, value in data.items():
        if name in FIELDS or name in OTHERS or value is None:
            continue
        field = find_field(name)
        if field and field not in fields:
            fields[field] = value
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list | dict) else str(value)
            reason = "twice" if field else "unknown"
            near = field or find_near_field(name)
            unplaced.append({"field": near, "name": name, "text": text, "reason": reason})
    return {**fields, "unplaced": unplaced} if unplaced else fields


def _read_text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _read_comments(entries: object) -> Iterator[Comment]:
    """People's comments. One without a time has that of the comment before it, ours included."""
    last = START
    for entry in entries if isinstance(entries, list) else []:
        entry = entry if isinstance(entry, dict) else {"body": entry}
        last = _parse_time(_read_text(entry.get("created"))) or last
        if (
            (body := _read_text(entry.get("body")))
            and entry.get("author") != BOT
            and not _is_restricted(entry)
        ):
            author = _read_text(entry.get("author"))
            account = _name_account(author)
            yield Comment(author=author, created=last, body=body[:LONGEST_TEXT], account=account)


def _name_account(name: str) -> str:
    """What a person's name is compared by: files know no other account."""
    return " ".join(name.split()).casefold()


def _read_acceptance(data: Mapping[str, object]) -> Comment:
    """Who set the status, by `accepted_by:`; a file does not know when."""
    author = _read_text(data.get("accepted_by"))
    return accept_by_status(author, _name_account(author), START)


def _is_restricted(entry: Mapping[str, object]) -> bool:
    """True for what not everybody may read: `internal: true`, `public: false`, a `visibility` or a `security` level."""
    marks = {name: _read_text(entry.get(name)).casefold() for name in (*RESTRICTED, "public")}
    internal = {marks["internal"], marks["restricted"]} - {"", "false", "no"}
    hidden = {marks["visibility"], marks["security"]} - {"", "public", "all", "none"}
    structured = any(isinstance(entry.get(name), dict | list) for name in RESTRICTED)
    return bool(internal or hidden or structured) or marks["public"] in ("false", "no")


def _find_answer_time(entries: object) -> datetime | None:
    """When our last answer of a run was written; those about gaps and scheduled refreshes are none."""
    times = (
        _parse_time(_read_text(entry.get("updated"))) or _parse_time(_read_text(entry.get("created")))
        for entry in _list_own_comments(entries)
        if _read_text(entry.get("topic")) not in NO_ANSWERS
    )
    return max((time for time in times if time), default=None)


def _list_own_comments(entries: object) -> list[dict[str, object]]:
    entries = entries if isinstance(entries, list) else []
    return [entry for entry in entries if isinstance(entry, dict) and entry.get("author") == BOT]


def _parse_time(text: str) -> datetime | None:
    """A time in UTC; a bare date counts until its last second."""
    try:
        time = datetime.fromisoformat(text)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
        return time + timedelta(hours=23, minutes=59, seconds=59) if len(text) == 10 else time
    except (ValueError, OverflowError):
        return None


def compose(text: str) -> MappingNode:
    """The node tree, with every value's place; refused before it can grow large."""
    from ruamel.yaml import YAML, composer, events
    from ruamel.yaml.error import YAMLError

    class BoundedComposer(composer.Composer):
        """Builds the tree in one pass over the text, and stops where it gets too large."""

        count = depth = 0

        def compose_node(self, parent: object, index: object) -> object:
            self.count += 1
            self.depth += 1
            if self.count > NODES or self.depth > DEPTH:
                raise UnreadableError(TOO_LARGE)
            if self.parser.check_event(events.AliasEvent):
                line = self.parser.peek_event().start_mark.line + 1
                raise UnreadableError(f"line {line}: {ALIAS}")
            node: object = super().compose_node(parent, index)
            self.depth -= 1
            return node

    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = BoundedComposer

    def translate(error: BaseException) -> UnreadableError:
        mark = getattr(error, "problem_mark", None)
        return UnreadableError(f"line {mark.line + 1}: not valid YAML" if mark else "not valid YAML")

    with replace_vendor_errors(YAMLError, translate):  # which hold the text
        root: MappingNode = yaml.compose(text)
    if getattr(root, "id", "") != "mapping":
        raise UnreadableError(NO_MAPPING)
    return root


def to_plain_value(node: Any) -> Any:
    """A node's text, list or mapping."""
    if node.id == "scalar":
        return None if node.tag.endswith(":null") else node.value.rstrip()
    if node.id == "sequence":
        return [to_plain_value(each) for each in node.value]
    result: dict[str, object] = {}
    for name, value in node.value:
        if name.id != "scalar" or name.value in result:
            raise UnreadableError(f"line {name.start_mark.line + 1}: {BAD_NAME}")
        result[name.value] = to_plain_value(value)
    return result
