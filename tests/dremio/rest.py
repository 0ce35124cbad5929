"""The REST face, after docs.dremio.com/current/reference/api: login, sql, job, catalog, reflection.

Software's paths; Cloud's (`/v0/projects/<id>/...`) are the same tails.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import re
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pyarrow as pa

from tests.dremio.engine import Engine, Job

USERS, PATS = {"dremio": "dremio123"}, {"pat-1": "dremio"}
Answer = tuple[int, Any]
ROUTES: list[tuple[str, str, Callable[..., Answer]]] = []


def route(method: str, path: str) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
    """Register a handler for a method and a path pattern."""

    def register(handler: Callable[..., Answer]) -> Callable[..., Answer]:
        ROUTES.append((method, path, handler))
        return handler

    return register


class Face(BaseHTTPRequestHandler):
    """One request. The server carries engine and tokens."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes: 40 ms of waiting each
    server: Server

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_PUT(self) -> None:
        self._serve("PUT")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def _serve(self, method: str) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length) or b"null")
        url = urlsplit(self.path)
        path = re.sub(r"^/v0/projects/[\w-]+", "/api/v3", url.path)
        engine = self.server.engine
        fault = engine.fault(f"{method} {path}")
        if isinstance(fault, int):
            return self._answer(fault, {"errorMessage": "Service unavailable"}, {"retry-after": "0"})
        for known, pattern, handler in ROUTES:
            if known == method and (match := re.fullmatch(pattern, path)):
                if path != "/apiv2/login" and not self._user():
                    return self._answer(401, {"errorMessage": "HTTP 401 Unauthorized"})
                query = {key: values[0] for key, values in parse_qs(url.query).items()}
                parts = [unquote(part) for part in match.groups()]
                with engine.lock:
                    status, answer = handler(self, body, query, *parts)
                if isinstance(body, dict) and engine.fault(str(body.get("sql", "")), {"lost"}):
                    self.close_connection = True
                    return None
                return self._answer(status, answer)
        return self._answer(404, {"errorMessage": f"no {method} {path}"})

    def _user(self) -> str | None:
        header = self.headers.get("authorization", "")
        if header.startswith("_dremio"):
            return self.server.tokens.get(header.removeprefix("_dremio"))
        return PATS.get(header[7:]) if header.lower().startswith("bearer ") else None

    def _answer(self, status: int, answer: Any, headers: dict[str, str] | None = None) -> None:
        content = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class Server(ThreadingHTTPServer):
    """The listening socket. polls: how often a reflection is looked at before it is there."""

    daemon_threads = True

    def __init__(self, engine: Engine) -> None:
        super().__init__(("127.0.0.1", 0), Face)
        self.engine, self.tokens = engine, dict[str, str]()
        self.building, self.outcome = 1, "CAN_ACCELERATE"


def error(status: int, message: str) -> Answer:
    """An error as the server words it."""
    return status, {"errorMessage": message, "moreInfo": ""}


@route("POST", "/apiv2/login")
def login(face: Face, body: Any, query: Any) -> Answer:
    """A token for a user and password."""
    if USERS.get(body["userName"]) != body["password"]:
        return error(401, "Login failed: Invalid username or password")
    token = uuid.uuid4().hex
    face.server.tokens[token] = body["userName"]
    return 200, {"token": token, "userName": body["userName"], "expires": 9999999999999, "version": "26.0.0"}


@route("POST", "/api/v3/sql")
def submit(face: Face, body: Any, query: Any) -> Answer:
    """A job for a statement; references: Nessie source → branch."""
    references = {name: each["value"] for name, each in (body.get("references") or {}).items()}
    return 200, {"id": face.server.engine.submit(body["sql"], references).id}


@route("GET", "/api/v3/job/([^/]+)")
def job(face: Face, body: Any, query: Any, identifier: str) -> Answer:
    """A job's state."""
    found = face.server.engine.jobs.get(identifier)
    if found is None:
        return error(404, f"Job [{identifier}] not found")
    found.polls += 1
    if found.stuck or found.polls < found.ends:
        return 200, {"jobState": "RUNNING", "queryType": "REST"}
    answer: dict[str, Any] = {"jobState": found.state, "queryType": "REST"}
    if found.state == "COMPLETED":
        answer["rowCount"] = found.rows
    if found.state == "CANCELED":
        answer["cancellationReason"] = found.error
    return 200, {**answer, "errorMessage": found.error}


@route("POST", "/api/v3/job/([^/]+)/cancel")
def cancel(face: Face, body: Any, query: Any, identifier: str) -> Answer:
    """End a job that runs."""
    found = face.server.engine.jobs.get(identifier)
    if found is None:
        return error(404, f"Job [{identifier}] not found")
    face.server.engine.cancelled.append(found.sql)
    if found.stuck:
        found.stuck, found.state, found.error = False, "CANCELED", "Query cancelled by user 'dremio'"
    return 204, None


@route("GET", "/api/v3/job/([^/]+)/results")
def results(face: Face, body: Any, query: Any, identifier: str) -> Answer:
    """A page of a job's rows, at most 500."""
    found: Job = face.server.engine.jobs[identifier]
    offset, limit = int(query.get("offset", 0)), int(query.get("limit", 100))
    if found.state != "COMPLETED" or found.table is None:
        return error(400, f"Can not fetch results for a job that is in [{found.state}] state.")
    if limit > 500:
        return error(400, "limit can not exceed 500 rows")
    rows = [
        {name: _plain(value) for name, value in row.items()}
        for row in found.table.slice(offset, limit).to_pylist()
    ]
    schema = [{"name": each.name, "type": {"name": _type(each.type)}} for each in found.table.schema]
    return 200, {"rowCount": found.table.num_rows, "schema": schema, "rows": rows}


@route("GET", "/api/v3/catalog/by-path/(.+)")
def by_path(face: Face, body: Any, query: Any, path: str) -> Answer:
    """An entity by its path."""
    engine, parts = face.server.engine, tuple(path.split("/"))
    found = engine.find(parts)
    if found is None:
        return error(404, f"Could not find entity with path [{list(parts)}]")
    prefix = tuple(part.lower() for part in parts)
    children = [
        each for key, each in engine.entities.items() if key[:-1] == prefix and each["entityType"] == "folder"
    ]
    listed = [{"id": each["id"], "path": each["path"], "type": "CONTAINER"} for each in children]
    return 200, {**found, "children": listed}


@route("POST", "/api/v3/catalog")
def create(face: Face, body: Any, query: Any) -> Answer:
    """A new space or folder."""
    engine = face.server.engine
    path = (body["name"],) if body["entityType"] == "space" else tuple(body["path"])
    if engine.find(path):
        return error(409, "An object already exists with that name")
    if body["entityType"] == "folder":
        if path[0] in engine.folders:
            return error(400, "Can not create a folder inside a [SOURCE]")
        if not engine.find(path[:-1]):
            return error(400, f"Could not find parent {list(path[:-1])}")
    return 200, engine.add(path, body["entityType"])


@route("DELETE", "/api/v3/catalog/([^/]+)")
def delete(face: Face, body: Any, query: Any, identifier: str) -> Answer:
    """Remove an entity."""
    return (204, None) if face.server.engine.remove(identifier) else error(404, "not found")


@route("GET", "/api/v3/catalog/([^/]+)/collaboration/(wiki|tag)")
def notes(face: Face, body: Any, query: Any, identifier: str, kind: str) -> Answer:
    """Wiki or tags of an entity."""
    found = face.server.engine.notes.get(identifier, {}).get(kind)
    return (
        (200, found) if found else error(404, f"Could not find {kind} for catalog item with id {identifier}")
    )


@route("POST", "/api/v3/catalog/([^/]+)/collaboration/(wiki|tag)")
def note(face: Face, body: Any, query: Any, identifier: str, kind: str) -> Answer:
    """A new version of a wiki or of tags, which must name the one before."""
    engine = face.server.engine
    if all(each["id"] != identifier for each in engine.entities.values()):
        return error(404, "not found")
    held = engine.notes.setdefault(identifier, {})
    before = held.get(kind, {}).get("version")
    if body.get("version") != before:
        return error(409, "A newer version already exists")
    held[kind] = {**body, "version": (before or 0) + 1}
    return 200, held[kind]


@route("GET", "/api/v3/catalog/([^/]+)/grants")
def grants(face: Face, body: Any, query: Any, identifier: str) -> Answer:
    """An entity's privileges."""
    held = face.server.engine.notes.get(identifier, {}).get("grants", [])
    return 200, {"id": identifier, "availablePrivileges": ["ALTER", "SELECT"], "grants": held}


@route("PUT", "/api/v3/catalog/([^/]+)/grants")
def grant(face: Face, body: Any, query: Any, identifier: str) -> Answer:
    """What these users and roles may do from now on."""
    held = face.server.engine.notes.setdefault(identifier, {})
    given = {each["id"]: {"name": f"name of {each['id']}", **each} for each in body["grants"]}
    others = [each for each in held.get("grants", []) if each["id"] not in given]
    held["grants"] = [*others, *(each for each in given.values() if each["privileges"])]
    return 200, {"id": identifier, "grants": held["grants"]}


@route("GET", "/api/v3/dataset/([^/]+)/reflection")
def of_dataset(face: Face, body: Any, query: Any, identifier: str) -> Answer:
    """A dataset's reflections."""
    held = face.server.engine.reflections.values()
    return 200, {"data": [each for each in held if each["datasetId"] == identifier]}


@route("POST", "/api/v3/reflection")
def reflect(face: Face, body: Any, query: Any) -> Answer:
    """A new reflection; it is built while it is looked at."""
    engine = face.server.engine
    dataset = next((each for each in engine.entities.values() if each["id"] == body["datasetId"]), None)
    if dataset is None:
        return error(400, "Reflection must be on an existing dataset")
    made = {**body, "id": str(uuid.uuid4()), "tag": str(uuid.uuid4()), "looks": 0, "path": dataset["path"]}
    engine.reflections[made["id"]] = made
    return 200, _seen(face, made)


@route("PUT", "/api/v3/reflection/([^/]+)")
def change(face: Face, body: Any, query: Any, identifier: str) -> Answer:
    """Change a reflection; its tag must be the newest."""
    held = face.server.engine.reflections[identifier]
    if body.get("tag") != held["tag"]:
        return error(409, "The tag is not the newest")
    held.update({**body, "tag": str(uuid.uuid4())})
    return 200, _seen(face, held)


@route("DELETE", "/api/v3/reflection/([^/]+)")
def forget(face: Face, body: Any, query: Any, identifier: str) -> Answer:
    """Remove a reflection."""
    return (204, None) if face.server.engine.reflections.pop(identifier, None) else error(404, "not found")


@route("GET", "/api/v3/reflection/([^/]+)")
def look(face: Face, body: Any, query: Any, identifier: str) -> Answer:
    """A reflection with its status."""
    held = face.server.engine.reflections.get(identifier)
    if held is None:
        return error(404, "not found")
    held["looks"] += 1
    return 200, _seen(face, held)


def _seen(face: Face, held: dict[str, Any]) -> dict[str, Any]:
    ready = held["looks"] >= face.server.building
    combined = face.server.outcome if ready else "CANNOT_ACCELERATE_SCHEDULED"
    good = combined == "CAN_ACCELERATE"
    status = {
        "config": "OK",
        "refresh": "GIVEN_UP" if ready and not good else "SCHEDULED" if ready else "RUNNING",
        "availability": "AVAILABLE" if good else "NONE",
        "combinedStatus": combined,
        "failureCount": 0 if good or not ready else 3,
    }
    return {**{key: value for key, value in held.items() if key not in {"looks", "path"}}, "status": status}


def _type(kind: pa.DataType) -> str:
    checks = (
        (pa.types.is_string, "VARCHAR"),
        (pa.types.is_int64, "BIGINT"),
        (pa.types.is_integer, "INTEGER"),
        (pa.types.is_float64, "DOUBLE"),
        (pa.types.is_float32, "FLOAT"),
        (pa.types.is_decimal, "DECIMAL"),
        (pa.types.is_date, "DATE"),
        (pa.types.is_timestamp, "TIMESTAMP"),
        (pa.types.is_boolean, "BOOLEAN"),
    )
    return next((name for test, name in checks if test(kind)), "ANY")


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.") + f"{value.microsecond // 1000:03d}"
    if isinstance(value, dt.date):
        return value.isoformat()
    return float(value) if isinstance(value, decimal.Decimal) else value
