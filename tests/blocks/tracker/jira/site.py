"""A stand-in for Jira: a stateful server over real HTTP that answers as Atlassian documents it.

Modes: Cloud with API v2 and v3 (https://developer.atlassian.com/cloud/jira/platform/rest/v3/), Data Center with v2
(https://docs.atlassian.com/software/jira/docs/api/REST/9.17.0/). What it does not know is a 404. Rich text is kept
as it was written: wiki text by v2, ADF by v3, refused otherwise.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.blocks.tracker.jira.jql import BOUNDED, Query, Refused
from tests.blocks.tracker.rich_text.adf_rules import adf_fault

Raw = dict[str, Any]
TOKEN, EMAIL = "s3cr3t-t0ken-0815", "bot@example.com"
PAGE, COMMENTS_IN_SEARCH, LONGEST_TEXT = 100, 20, 32_767
CATEGORIES = {"new": (2, "To Do"), "indeterminate": (4, "In Progress"), "done": (3, "Done")}
STATUSES = {
    "To Do": "new",
    "In Progress": "indeterminate",
    "Needs Information": "indeterminate",
    "Accepted": "indeterminate",
    "Changes Requested": "indeterminate",
    "Failed": "indeterminate",
    "Done": "done",
    "Open": "new",
    "Closed": "done",
}
WORKFLOWS: dict[str, dict[str, list[str]]] = {
    "Analytics Request": {
        name: [other for other in list(STATUSES)[:7] if other != name] for name in list(STATUSES)[:7]
    },
    "Bug": {"Open": ["In Progress"], "In Progress": ["Closed"], "Closed": ["Open"]},
}
SYSTEM = {
    "summary": "string",
    "status": "status",
    "description": "string",
    "priority": "priority",
    "reporter": "user",
    "assignee": "user",
    "labels": "array",
    "comment": "comments-page",
    "updated": "datetime",
    "duedate": "date",
    "issuetype": "issuetype",
    "project": "project",
    "attachment": "array",
    "issuelinks": "array",
}
CUSTOM = {
    "Analysis Type": "option",
    "Required Metrics": "string",
    "Slice By": "array",
    "Data Sources": "string",
    "Shown Release": "string",
    "Data Up To": "date",
    "Twice": "string",
    "twice": "string",
}


def now() -> str:
    """The time as Jira writes it."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "+0000"


class Problem(Exception):
    """An answer other than good."""

    def __init__(self, status: int, *message: str, **errors: str) -> None:
        self.status, self.body = status, {"errorMessages": list(message), "errors": errors}


@dataclass
class Fault:
    """What goes wrong on requests that match `METHOD path`.

    kind: a status, drop, drop-after, hang, html, endless, trickle.
    """

    match: str
    kind: str | int
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Exchange:
    """One request and its answer, as recorded."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes
    status: int = 0
    answer: bytes = b""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class JiraSite:
    """All that this Jira stores. cloud: which edition it is; project: the key of its only one."""

    def __init__(self, cloud: bool, project: str = "AN") -> None:
        self.cloud, self.project, self.base = cloud, project, ""
        self.page, self.repeats_pages = PAGE, False  # entries a page; whether it knows the first one alone
        self.kind, self.pages = "software", ""  # of the project; where browsers go, if not to base
        self.people = ["Piotr Zielinski", "Piotr Zielinski-Nowak", "Dana Whitfield"]  # who may have an issue
        self.issues: dict[str, Raw] = {}
        self.comments: dict[str, list[Raw]] = {}
        self.links: dict[str, list[Raw]] = {}
        self.content: dict[str, bytes] = {}
        self.histories: dict[str, list[Raw]] = {}
        self.properties: dict[str, Raw] = {}
        self.faults: list[Fault] = []
        self.released = threading.Event()  # ends what hangs
        self.traffic: list[Exchange] = []
        self.lock, self._last = threading.RLock(), 10_000
        self.fields = [self._field(name, name.capitalize(), kind) for name, kind in SYSTEM.items()] + [
            self._field(f"customfield_{10_100 + n}", name, kind)
            for n, (name, kind) in enumerate(CUSTOM.items())
        ]

    def start(self, asked: str | int | None) -> int:
        """The place of a page's first entry."""
        return 0 if self.repeats_pages else int(asked or 0)

    def number(self) -> str:
        """The next id."""
        self._last += 1
        return str(self._last)

    @staticmethod
    def _field(id_: str, name: str, kind: str) -> Raw:
        custom = id_.startswith("customfield_")
        return {
            "id": id_,
            "key": id_,
            "name": {"Duedate": "Due date"}.get(name, name),
            "custom": custom,
            "orderable": True,
            "navigable": True,
            "searchable": True,
            "clauseNames": [name],
            "schema": {"type": kind, **({"customId": int(id_[12:])} if custom else {"system": id_})},
        }

    def user(self, name: str) -> Raw:
        """A person or the bot as this edition describes them."""
        known = {"displayName": name, "active": True, "timeZone": "UTC"}
        word = re.sub(r"\W", "", name).lower()
        if self.cloud:
            return {**known, "accountId": f"5b10:{word}", "accountType": "atlassian"}
        return {**known, "name": word, "key": f"JIRAUSER{word}", "emailAddress": f"{word}@example.com"}

    @property
    def me(self) -> Raw:
        """The account of the token."""
        return self.user("Analytics Bot")

    def status(self, name: str) -> Raw:
        """A status with its category."""
        key = STATUSES[name]
        number, title = CATEGORIES[key]
        category = {
            "self": f"{self.base}/c/{number}",
            "id": number,
            "key": key,
            "colorName": "blue-gray",
            "name": title,
        }
        return {
            "self": f"{self.base}/s",
            "id": str(list(STATUSES).index(name)),
            "name": name,
            "statusCategory": category,
        }

    def create(self, key: str, fields: Raw) -> Raw:
        """Store a new issue."""
        kind = fields.get("issuetype", {"name": "Analytics Request"})["name"]
        first = next(iter(WORKFLOWS[kind]))
        id_ = self.number()
        issue = {
            "id": id_,
            "key": key,
            "self": f"{self.base}/rest/api/2/issue/{id_}",
            "fields": {
                "labels": [],
                "description": None,
                "priority": {"id": "3", "name": "Medium"},
                "assignee": None,
                "reporter": self.me,
                "created": now(),
                "updated": now(),
                "attachment": [],
                "duedate": None,
                **{each["id"]: None for each in self.fields if each["custom"]},
                **fields,
                "status": self.status(first),
                "project": {"key": key.split("-")[0]},
                "issuetype": {"id": str(list(WORKFLOWS).index(kind)), "name": kind, "subtask": False},
            },
        }
        self.issues[key] = issue
        return issue

    def find(self, key: str) -> Raw:
        """An issue by key or id."""
        for issue in self.issues.values():
            if key in (issue["key"], issue["id"]):
                return issue
        raise Problem(404, "Issue does not exist or you do not have permission to see it.")

    def move(self, key: str, author: Raw, status: Raw, created: str) -> None:
        """Bring an issue to a status, and remember who did."""
        fields = self.find(key)["fields"]
        item = {
            "field": "status",
            "fieldtype": "jira",
            "from": fields["status"]["id"],
            "fromString": fields["status"]["name"],
            "to": status["id"],
            "toString": status["name"],
        }
        entry = {"id": self.number(), "author": author, "created": created, "items": [item]}
        self.histories.setdefault(key, []).insert(0, entry)
        fields.update(status=status, updated=now())

    def add_comment(self, key: str, author: Raw, body: Any, created: str, properties: list[Raw]) -> Raw:
        """Store a comment."""
        comment = {
            "id": self.number(),
            "self": f"{self.base}/x",
            "author": author,
            "updateAuthor": author,
            "body": body,
            "created": created,
            "updated": created,
            "properties": properties,
        }
        self.comments.setdefault(key, []).append(comment)
        return comment

    def query(self, jql: str, strict: bool = True) -> list[Raw]:
        """The issues that match, oldest first."""
        known = {
            "project": {key.split("-")[0].casefold() for key in self.issues} | {self.project.casefold()},
            "key": {key.casefold() for key in self.issues},
            "issuetype": {name.casefold() for name in WORKFLOWS},
            "status": {name.casefold() for name in STATUSES},
            "statuscategory": {title.casefold() for _, title in CATEGORIES.values()},
        }
        try:
            query = Query(jql, known, strict)
        except Refused as refusal:
            raise Problem(400, str(refusal)) from None
        if self.cloud and not query.fields & BOUNDED:
            raise Problem(400, "Unbounded JQL queries are not allowed here.")
        found = [issue for issue in self.issues.values() if query.matches(issue)]
        return sorted(found, key=lambda issue: int(issue["key"].split("-")[1]))

    def shown(self, issue: Raw, fields: list[str] | None) -> Raw:
        """An issue with the fields asked for; comments and links as they come inside an issue."""
        key, every = issue["key"], dict(issue["fields"])
        comments = [self.comment(each, False) for each in self.comments.get(key, [])]
        every["comment"] = {
            "comments": comments[:COMMENTS_IN_SEARCH],
            "startAt": 0,
            "total": len(comments),
            "maxResults": COMMENTS_IN_SEARCH,
        }
        every["issuelinks"] = [
            {"id": link["id"], "type": link["type"], side: {"key": other}}
            for link in self.links.get("", [])
            for side, here, other in (
                ("outwardIssue", link["inwardIssue"], link["outwardIssue"]),
                ("inwardIssue", link["outwardIssue"], link["inwardIssue"]),
            )
            if here == key
        ]
        kept = (
            every
            if not fields or "*all" in fields
            else {name: every[name] for name in fields if name in every}
        )
        return {"expand": "", "id": issue["id"], "self": issue["self"], "key": key, "fields": kept}

    @staticmethod
    def comment(comment: Raw, properties: bool) -> Raw:
        """A comment, with its properties if they were asked for."""
        return {name: value for name, value in comment.items() if properties or name != "properties"}

    def check_text(self, version: str, text: Any, name: str) -> None:
        """Refuse rich text of the wrong kind, as Jira does."""
        if version == "3":
            if fault := adf_fault(text):
                raise Problem(400, **{name: f"INVALID_INPUT: {fault}"})
        elif not isinstance(text, str):
            raise Problem(400, "Can not deserialize instance of java.lang.String out of START_OBJECT token")
        elif len(text) > LONGEST_TEXT:
            raise Problem(
                400,
                **{name: f"The entered text is too long. It exceeds the allowed limit of {LONGEST_TEXT:,}."},
            )

    def state(self) -> str:
        """All of it, as text to compare."""
        with self.lock:
            parts = (
                self.issues,
                self.comments,
                self.links,
                self.properties,
                {k: len(v) for k, v in self.content.items()},
            )
            return json.dumps(parts, sort_keys=True)


@contextmanager
def serve(site: JiraSite) -> Iterator[str]:
    """Serve the site on a free port; its address."""
    from tests.blocks.tracker.jira.routes import ROUTES

    handler = type("Handler", (_Handler,), {"site": site, "routes": ROUTES})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    site.base = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield site.base
    finally:
        site.released.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits 40 ms for an acknowledgement
    wbufsize = -1
    site: JiraSite
    routes: list[tuple[str, re.Pattern[str], Callable[..., Any]]]

    def log_message(self, format: str, *args: Any) -> None:
        """Be silent."""

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        address = urlsplit(self.path)
        headers = {
            name.lower(): value for name, value in self.headers.items() if name.lower() != "authorization"
        }
        call = Exchange(
            self.command,
            address.path,
            parse_qsl(address.query, keep_blank_values=True),
            headers,
            self.rfile.read(length),
        )
        self.site.traffic.append(call)
        fault = self._fault(call)
        if fault and self._break(call, fault):
            return
        try:
            with self.site.lock:
                answer = self._answer(call)
            status, body = answer if isinstance(answer, tuple) else (204 if answer is None else 200, answer)
        except Problem as problem:
            status, body = problem.status, problem.body
        if fault and fault.kind == "drop-after":
            self.close_connection = True
            return
        self._send(call, status, body)

    do_GET = do_POST = do_PUT = do_DELETE = _handle

    def _fault(self, call: Exchange) -> Fault | None:
        for fault in self.site.faults:
            if fault.times > 0 and re.search(fault.match, str(call)):
                fault.times -= 1
                return fault
        return None

    def _send_without_end(self, part: bytes) -> None:
        """An answer of 1 GB, as fast as it is taken, or by a byte ten times a second."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(1 << 30))
        self.end_headers()
        with contextlib.suppress(OSError):  # who asked has left
            for _ in range(2000):
                self.wfile.write(part)
                self.wfile.flush()
                if len(part) == 1 and self.site.released.wait(0.1):
                    break

    def _break(self, call: Exchange, fault: Fault) -> bool:
        """Go wrong; False if it is answered first."""
        if fault.kind == "drop-after":
            return False
        if fault.kind == "hang":
            self.site.released.wait(20)
        if fault.kind in ("hang", "drop"):
            self.close_connection = True
        elif fault.kind in ("endless", "trickle"):
            self._send_without_end(b" " * (1 << 16 if fault.kind == "endless" else 1))
        elif fault.kind == "html":
            self._send(
                call, 200, b"<!DOCTYPE html><html><title>Log in</title></html>", {"Content-Type": "text/html"}
            )
        else:
            body = {"errorMessages": [f"fault {fault.kind}"], "errors": {}}
            self._send(call, int(fault.kind), body, fault.headers)
        return True

    def _answer(self, call: Exchange) -> Any:
        found = re.fullmatch(r"/rest/api/([23])/(.*)", call.path)
        if not found or (found[1] == "3" and not self.site.cloud):
            raise Problem(404, "dead link")
        version, rest = found[1], unquote(found[2])
        secret = base64.b64encode(f"{EMAIL}:{TOKEN}".encode()).decode()
        good = f"Basic {secret}" if self.site.cloud else f"Bearer {TOKEN}"
        if rest != "serverInfo" and self.headers.get("Authorization") != good:
            raise Problem(401, "Client must be authenticated to access this resource.")
        for method, pattern, act in self.routes:
            matched = pattern.fullmatch(rest)
            if method == call.method and matched:
                return act(self.site, Asked(version, call), *matched.groups())
        raise Problem(404, f"no such resource: {call}")

    def _send(self, call: Exchange, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        call.status, call.answer = status, content
        self.send_response(status)
        kind = {"Content-Type": "application/json;charset=UTF-8"} if content else {}
        for name, value in {**kind, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()


@dataclass
class Asked:
    """A request as a route sees it."""

    version: str
    call: Exchange

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.call.body)
        except ValueError:
            raise Problem(400, "Unexpected character: not JSON") from None

    def query(self, name: str, default: str = "") -> str:
        return dict(self.call.query).get(name, default)
