"""A Snowflake account on this machine: fakesnow's HTTP server, and a shim for what fakesnow can't do.

fakesnow runs the SQL on DuckDB; the real connector talks to it over HTTP. It does not know, and this shim
emulates, as Snowflake's documentation describes them:

- ALTER SCHEMA ... RENAME TO, and SWAP WITH (docs.snowflake.com/en/sql-reference/sql/alter-schema), for schemas of
  views: both schemas' views and grants are exchanged in one DuckDB transaction;
- GRANT, SHOW GRANTS, SHOW FUTURE GRANTS (.../sql/show-grants): remembered and shown, enforced by nobody;
- INFORMATION_SCHEMA.POLICY_REFERENCES (.../sql-reference/functions/policy_references): says what a test put there, and
  for a tag that a test gave a policy, where the tag is; no policy is in force;
- SECURE, comments of views and of their columns, tags (.../sql/create-view, .../sql/alter-view,
  .../functions/tag_references): kept with a view until it is replaced or dropped, and exchanged by a swap;
- dynamic tables (.../sql/create-dynamic-table): stored once, computed again by ALTER ... REFRESH only;
- roles and virtual warehouses at login and SYSTEM$WAIT, SYSTEM$CANCEL_ALL_QUERIES, statement time-outs;
- exact sums of NUMBER columns, which fakesnow makes floating;
- error codes of logins and queries, as the connector's source and Snowflake's documentation name them.

What passes here has passed here: access control, costs, concurrency of the product itself are not in it.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gzip
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any
from uuid import uuid4

from tests.conftest import ROOT

OK = "select 'Statement executed successfully.' as \"status\""
NOTHING = re.compile(
    r"(create\s+(or\s+replace\s+)?(role|warehouse|user)|alter\s+(session|warehouse)|remove\s+@|use\s+role"
    r"|comment\s+on\s+column|use\s+secondary|revoke|grant\s+(role|database\s+role|ownership))\b",
    re.I,
)
NAME = r'((?:"[^"]+"|\w+)(?:\.(?:"[^"]+"|\w+))*)'
SWAP = re.compile(rf"alter\s+schema\s+{NAME}\s+swap\s+with\s+{NAME}", re.I)
RENAME = re.compile(rf"alter\s+schema\s+{NAME}\s+rename\s+to\s+{NAME}", re.I)
GRANT = re.compile(
    rf"grant\s+([\w, ]+?)\s+on\s+(all\s+views\s+in\s+schema|future\s+views\s+in\s+schema|\w+)\s+{NAME}"
    rf"\s+to\s+(?:role\s+)?{NAME}",
    re.I,
)
SHOW_GRANTS = re.compile(rf"show\s+(future\s+)?grants\s+(?:on|in)\s+(schema|view)\s+{NAME}", re.I)
VIEW = re.compile(
    rf"create\s+(?:or\s+replace\s+)?(secure\s+)?view\s+{NAME}\s*(\(.*?\))?\s*(?:copy\s+grants)?"
    r"\s*(?:comment\s*=\s*'((?:[^'\\]|''|\\.)*)')?\s*as\b",
    re.I | re.S,
)
TEXT = r"'((?:[^'\\]|''|\\.)*)'"
COLUMN_COMMENT = re.compile(rf"{NAME}\s+comment\s+{TEXT}", re.I)
ALTERED = re.compile(
    rf"alter\s+(view|schema)\s+{NAME}\s+(?:(?:modify|alter)\s+(?:column\s+)?{NAME}\s+)?"
    rf"(set|unset)?\s*(tag|comment|secure)\s*(?:{NAME}\s*)?(?:=?\s*{TEXT})?\s*\Z",
    re.I,
)
TAGS = re.compile(r"(tag_references(?:_all_columns)?)\('([^']+)', '(\w+)'\)", re.I)
DYNAMIC = re.compile(rf"create\s+(or\s+replace\s+)?(transient\s+)?dynamic\s+table\s+{NAME}", re.I)
REFRESH = re.compile(rf"alter\s+dynamic\s+table\s+{NAME}\s+refresh", re.I)
WAIT = re.compile(r"system\$wait\((\d+)\)", re.I)
CANCEL = re.compile(r"select\s+system\$cancel_all_queries\((\d+)\)", re.I)


@dataclass
class Login:
    """A session as the account knows it."""

    number: int
    database: str
    user: str
    role: str
    parameters: dict[str, Any]
    cancelled: threading.Event = field(default_factory=threading.Event)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """A connection of DuckDB's serves one thread at a time; two at once crash the process."""


@dataclass
class Statement:
    """What was asked, by which session."""

    login: Login
    sql: str

    @property
    def tag(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.login.parameters.get("QUERY_TAG") or "{}")
        return found


class Refused(Exception):
    """An error answer: code and message of Snowflake."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message


class Dropped(Exception):
    """The connection breaks before (or after) the statement has run."""


@dataclass
class Fault:
    """What goes wrong in a database with statements that match; act gets the statement, `after` it has run."""

    database: str
    pattern: str
    act: Callable[[Statement], None]
    after: bool = False
    times: int = 1


class Account:
    """The server. One a session; every test has a database of its own in it."""

    def __init__(self) -> None:
        self.roles = {"LOADER", "PUBLIC", "ACCOUNTADMIN"}
        self.statements: list[Statement] = []
        self.faults: list[Fault] = []
        self.grants: dict[tuple[str, str], set[tuple[str, str]]] = {}
        self.policies: dict[str, tuple[str, str, str]] = {}
        self.notes: dict[str, dict[tuple[str, str, str], str]] = {}  # object → (kind, column, name) → value
        self.tag_policies: dict[str, str] = {}  # tag → its masking policy
        self.dynamic: dict[str, str] = {}
        self.logins: dict[str, Login] = {}
        self.port = 0
        self.aborted = 0

    def asked(self, database: str) -> list[str]:
        """Statements of a database, in order."""
        return [each.sql for each in self.statements if each.login.database == database.upper()]

    def lose(self, login: Login) -> None:
        """End a session as the account does when its client is gone: what it left open is rolled back."""
        fake = import_module("fakesnow.server")  # the package has a function of that name
        for token, other in list(self.logins.items()):
            if other is login:
                fake.sessions[token]._duck_conn.execute("rollback")

    def bill(self, queries: list[tuple[str, str, int, float | None]], credits: float) -> None:
        """ACCOUNT_USAGE as of now: (query, tag, milliseconds, credits) and what the warehouse was billed."""
        duck = import_module("fakesnow.server").shared_fs.duck_conn.cursor()
        duck.execute("attach if not exists ':memory:' as SNOWFLAKE")
        duck.execute("create schema if not exists SNOWFLAKE.ACCOUNT_USAGE")
        for name, columns in (
            (
                "QUERY_HISTORY",
                "QUERY_ID varchar, QUERY_TAG varchar, WAREHOUSE_NAME varchar, START_TIME timestamptz,"
                " TOTAL_ELAPSED_TIME bigint",
            ),
            (
                "QUERY_ATTRIBUTION_HISTORY",
                "QUERY_ID varchar, CREDITS_ATTRIBUTED_COMPUTE double, CREDITS_USED_QUERY_ACCELERATION double",
            ),
            (
                "WAREHOUSE_METERING_HISTORY",
                "WAREHOUSE_NAME varchar, START_TIME timestamptz, CREDITS_USED double",
            ),
        ):
            duck.execute(f"create or replace table SNOWFLAKE.ACCOUNT_USAGE.{name} ({columns})")
        usage = "insert into SNOWFLAKE.ACCOUNT_USAGE."
        for query, tag, milliseconds, part in queries:
            duck.execute(
                f"{usage}QUERY_HISTORY values (?, ?, 'LOADING', now(), ?)", [query, tag, milliseconds]
            )
            if part is not None:
                duck.execute(f"{usage}QUERY_ATTRIBUTION_HISTORY values (?, ?, null)", [query, part])
        duck.execute(f"{usage}WAREHOUSE_METERING_HISTORY values ('LOADING', now(), ?)", [credits])

    # what a statement becomes before fakesnow sees it

    def translated(self, login: Login, sql: str) -> str:
        text = re.sub(r"\A(\s|/\*.*?\*/|--[^\n]*\n)+", "", sql, flags=re.S)
        if NOTHING.match(text):
            return OK
        if match := WAIT.search(text):
            text = WAIT.sub(self._wait(login, int(match[1])), text)
        if match := CANCEL.match(text):
            for other in list(self.logins.values()):
                if other.number == int(match[1]):
                    other.cancelled.set()
            return "select '1 query cancelled.' as \"status\""
        if match := GRANT.match(text):
            return self._grant(login, match)
        if "policy_references(" in text.lower():
            return self._show_policies(login, re.findall(r"ref_entity_name => '([^']+)'", text))
        if TAGS.search(text):
            return self._show_tags(login, text)
        if match := re.search(r"table_schema = '(\w+)' and comment is not null", text):
            return self._show_column_comments(f"{login.database}.{match[1]}")
        if match := re.match(rf"show\s+views\s+in\s+schema\s+{NAME}", text, re.I):
            return self._show_views(_full(login, match[1]))
        if match := ALTERED.match(text):
            return self._alter(login, *match.groups())
        if match := re.match(rf"drop\s+view\s+(?:if\s+exists\s+)?{NAME}", text, re.I):
            self.notes.pop(_full(login, match[1]), None)
        if match := VIEW.match(text):
            self.notes[_full(login, match[2])] = _notes_of(match[1], match[3], match[4])
            text = f"create or replace view {match[2]} as {text[match.end() :]}"
        if match := SHOW_GRANTS.match(text):
            return self._show_grants(login, match)
        if match := re.match(rf"show\s+dynamic\s+tables\s+in\s+schema\s+{NAME}", text, re.I):
            return self._show_dynamic(_full(login, match[1]))
        if re.match(r"show\s+(dynamic\s+tables|materialized\s+views)", text, re.I):
            return 'select null as "name", null as "text" where false'
        if match := DYNAMIC.match(text):
            self.dynamic[_full(login, match[3])] = re.sub(
                r"create\s+(or\s+replace\s+)?", "create or replace ", text, count=1, flags=re.I
            )
        if match := REFRESH.match(text):
            return self.dynamic[_full(login, match[1])]
        text = re.sub(
            rf"\A(create\s+or\s+replace) transient (table\s+{NAME}) (clone|like) {NAME}",
            lambda m: f"{m[1]} {m[2]} as select * from {m[5]}" + (" where 1 = 0" if m[4] == "like" else ""),
            text,
            flags=re.I,
        )  # fakesnow takes the kind of copy, but not "or replace"
        text = re.sub(r"\Adrop\s+dynamic\s+table", "drop table", text, flags=re.I)
        text = re.sub(r"\Adrop\s+materialized\s+view", "drop view", text, flags=re.I)
        return re.sub(r"\A(create\s+(or\s+replace\s+)?)temp(orary)?\s+", r"\1", text, flags=re.I)

    def _wait(self, login: Login, seconds: int) -> str:
        limit = int(login.parameters.get("STATEMENT_TIMEOUT_IN_SECONDS") or 172800)
        if login.cancelled.wait(min(seconds, limit)):
            login.cancelled.clear()
            raise Refused("000604", "SQL execution canceled")
        if seconds >= limit:
            raise Refused(
                "000630",
                f"Statement reached its statement or warehouse timeout of {limit} second(s) and "
                "was canceled.",
            )
        return f"'waited {seconds} seconds'"

    def _grant(self, login: Login, match: re.Match[str]) -> str:
        kind, name, role = re.sub(r"\s+", " ", match[2].lower()), _full(login, match[3]), match[4].upper()
        for privilege in (each.strip().upper() for each in match[1].split(",")):
            if kind != "all views in schema":
                self.grants.setdefault((kind, name), set()).add((privilege, role))
        return OK

    def _show_policies(self, login: Login, views: list[str]) -> str:
        """policies: view with database and schema → column, kind and name of the one on it."""
        found: list[tuple[str | None, ...]] = []
        for view in (_full(login, each) for each in views):
            bare = view.rsplit(".", 1)[1]
            if view in self.policies:
                found.append((bare, *self.policies[view], None))
            for kind, column, name in self.notes.get(view, {}):
                if kind == "tag" and name in self.tag_policies:
                    found.append((bare, column, "MASKING_POLICY", self.tag_policies[name], name))
        return _rows(found, "ref_entity_name, ref_column_name, policy_kind, policy_name, tag_name")

    def _show_tags(self, login: Login, text: str) -> str:
        found: list[tuple[str | None, ...]] = []
        schema = False
        for function, name, domain in TAGS.findall(text):
            full, own = _full(login, name), function.lower() == "tag_references"
            schema = domain.lower() == "schema"
            above = [] if schema or not own else [(full.rsplit(".", 1)[0], "SCHEMA")]
            for place, level in ((full, domain.upper()), *above):
                for (kind, column, tag), value in self.notes.get(place, {}).items():
                    if kind == "tag" and bool(column) is not own:
                        at = (None,) if schema else (full.rsplit(".", 1)[1], column or None)
                        found.append((*at, *tag.split("."), value, "COLUMN" if column else level))
        names = "object_name, column_name, tag_database, tag_schema, tag_name, tag_value, level"
        if schema:
            return _rows([row[1:] for row in found], names.split(", ", 2)[2])
        return _rows(found, names)

    def _show_column_comments(self, schema: str) -> str:
        return _rows(
            [
                (view.rsplit(".", 1)[1], column, value)
                for view, notes in self.notes.items()
                for (kind, column, _), value in notes.items()
                if view.rsplit(".", 1)[0] == schema and kind == "comment" and column and value
            ],
            "table_name, column_name, comment",
        )

    def _show_views(self, schema: str) -> str:
        """What fakesnow shows, with what was put on each."""
        database, name = schema.split(".")
        secure, comments = (
            {
                view.rsplit(".", 1)[1]: value
                for view, notes in self.notes.items()
                for (kind, column, _), value in notes.items()
                if view.rsplit(".", 1)[0] == schema and kind == wanted and not column
            }
            for wanted in ("secure", "comment")
        )
        marks = " ".join(f"when '{view}' then true" for view in secure)
        texts = " ".join(f"when '{view}' then {_literal(text)}" for view, text in comments.items())
        return (
            f'select table_name as "name", view_definition as "text",'
            f' {f"case table_name {marks} else false end" if marks else "false"} as "is_secure",'
            f' {f"case table_name {texts} end" if texts else repr("")} as "comment"'
            f" from {database}.information_schema.views where table_schema = '{name}'"
        )

    def _alter(
        self,
        login: Login,
        kind: str,
        name: str,
        column: str | None,
        verb: str | None,
        what: str,
        tag: str | None,
        value: str | None,
    ) -> str:
        """ALTER VIEW or SCHEMA of a tag, a comment, SECURE."""
        notes = self.notes.setdefault(_full(login, name), {})
        key = (what.lower(), _stored(column or ""), _full(login, tag) if tag else "")
        if (verb or "set").lower() == "unset":
            notes.pop(key, None)
        else:
            notes[key] = _text(value or "")
        return OK

    def _show_grants(self, login: Login, match: re.Match[str]) -> str:
        kind = "future views in schema" if match[1] else match[2].lower()
        rows = sorted(self.grants.get((kind, _full(login, match[3])), ()))
        on, to = ("grant_on", "grant_to") if match[1] else ("granted_on", "granted_to")
        what = "VIEW" if match[1] else match[2].upper()
        shown = [
            f"select '{p}' as \"privilege\", '{what}' as \"{on}\", 'ROLE' as \"{to}\", '{r}' as \"grantee_name\""
            for p, r in rows
        ]
        empty = (
            f'select null as "privilege", null as "{on}", null as "{to}", null as "grantee_name" where false'
        )
        return " union all ".join(shown) or empty

    def _show_dynamic(self, schema: str) -> str:
        shown = []
        for name, sql in self.dynamic.items():
            if name.startswith(f"{schema}."):
                lag = re.search(r"target_lag\s*=\s*'([^']*)'", sql, re.I)
                lags = f"'{lag[1]}'" if lag else "null"
                shown.append(f'select \'{name.split(".")[-1]}\' as "name", {lags} as "target_lag"')
        return " union all ".join(shown) or 'select null as "name", null as "target_lag" where false'

    def swap(self, connection: Any, login: Login, one: str, two: str) -> None:
        """Exchange the views of two schemas in one transaction, and their grants with them."""
        duck = connection._duck_conn
        first, second = _full(login, one), _full(login, two)
        for schema in (first, second):
            _require(duck, schema)
        duck.execute("begin")
        try:
            pairs = [(first, _views(duck, second)), (second, _views(duck, first))]
            for schema in (first, second):
                for name in _views(duck, schema):
                    duck.execute(f'drop view {_quoted(schema)}."{name}"')
            for schema, views in pairs:
                for name, body in views.items():
                    duck.execute(f'create view {_quoted(schema)}."{name}" as {body}')
            duck.execute("commit")
        except BaseException:
            duck.execute("rollback")
            raise
        there = {first: second, second: first}
        self.grants = {(kind, _moved(name, there)): rows for (kind, name), rows in self.grants.items()}
        self.notes = {_moved(name, there): notes for name, notes in self.notes.items()}

    def rename(self, connection: Any, login: Login, one: str, two: str) -> None:
        """Give a schema of views another name, with its grants."""
        duck = connection._duck_conn
        old, new = _full(login, one), _full(login, two)
        _require(duck, old)
        duck.execute("begin")
        try:
            duck.execute(f"create schema {_quoted(new)}")
            for name, body in _views(duck, old).items():
                duck.execute(f'create view {_quoted(new)}."{name}" as {body}')
            duck.execute(f"drop schema {_quoted(old)} cascade")
            duck.execute("commit")
        except BaseException:
            duck.execute("rollback")
            raise
        self.grants = {(kind, _moved(name, {old: new})): rows for (kind, name), rows in self.grants.items()}
        self.notes = {_moved(name, {old: new}): notes for name, notes in self.notes.items()}

    # the HTTP side

    async def login(self, request: Any) -> Any:
        fake = import_module("fakesnow.server")  # the package has a function of that name
        from starlette.responses import JSONResponse

        data = json.loads(await _body(request))["data"]
        role = request.query_params.get("roleName", "PUBLIC").upper()
        token = data.get("TOKEN") or data.get("PASSWORD") or ""
        refusal = None
        if role not in self.roles:
            refusal = (
                "390189",
                f"Role '{role}' specified in the connect string does not exist or not authorized.",
            )
        elif token.startswith("expired"):
            refusal = ("390318", "OAuth access token expired. [01b2c3d4]")
        elif token.startswith("wrong"):
            refusal = ("390100", "Incorrect username or password was specified.")
        if refusal:
            answer = {"data": None, "code": refusal[0], "message": refusal[1], "success": False}
            return JSONResponse(answer)
        answer = json.loads((await fake.login_request(_with_body(request, json.dumps({"data": data})))).body)
        number = int(time.monotonic_ns() % 10**15)
        login = Login(
            number,
            (request.query_params.get("databaseName") or "").upper(),
            data.get("LOGIN_NAME") or "",
            role,
            data["SESSION_PARAMETERS"],
        )
        self.logins[answer["data"]["token"]] = login
        answer["data"]["sessionId"] = number
        answer["data"]["masterToken"] = (
            f"master of {number}"  # without one the connector never ends a session
        )
        return JSONResponse(answer)

    async def query(self, request: Any) -> Any:
        fake = import_module("fakesnow.server")  # the package has a function of that name

        body = json.loads(await _body(request))
        login = self.logins[fake.to_token(request)]
        statement = Statement(login, body["sqlText"])
        self.statements.append(statement)
        async with login.turn:
            return await self._answer(request, statement, body)

    async def _answer(self, request: Any, statement: Statement, body: dict[str, Any]) -> Any:
        fake = import_module("fakesnow.server")
        from starlette.concurrency import run_in_threadpool
        from starlette.responses import JSONResponse

        token, login = fake.to_token(request), statement.login
        try:
            await run_in_threadpool(self._fail, statement, False)
            if match := SWAP.match(statement.sql.strip()):
                await run_in_threadpool(self.swap, fake.sessions[token], login, match[1], match[2])
                body["sqlText"] = OK
            elif match := RENAME.match(statement.sql.strip()):
                await run_in_threadpool(self.rename, fake.sessions[token], login, match[1], match[2])
                body["sqlText"] = OK
            else:
                body["sqlText"] = await run_in_threadpool(self.translated, login, statement.sql)
            answer = await fake.query_request(_with_body(request, json.dumps(body)))
            await run_in_threadpool(self._fail, statement, True)
        except Refused as refused:
            return JSONResponse(
                {
                    "data": {"errorCode": refused.code, "sqlState": "57014"},
                    "code": refused.code,
                    "message": refused.message,
                    "success": False,
                }
            )
        except Dropped:
            return _Broken()
        return answer

    async def end_session(self, request: Any) -> Any:
        """What a client says at its end: its query ends, and the transaction that it left open is rolled back."""
        from starlette.concurrency import run_in_threadpool

        fake = import_module("fakesnow.server")
        token = fake.to_token(request)
        own = fake.sessions.get(token)
        if own is not None and request.query_params.get("delete"):
            self.logins[token].cancelled.set()
            async with self.logins[token].turn:  # a query that goes on ends first
                await run_in_threadpool(_roll_back, own._duck_conn)
        return await fake.session(request)

    async def abort(self, request: Any) -> Any:
        """What the connector sends when it is interrupted: the session's query ends."""
        from starlette.responses import JSONResponse

        self.aborted += 1
        self.logins[import_module("fakesnow.server").to_token(request)].cancelled.set()
        return JSONResponse({"data": None, "code": None, "message": None, "success": True})

    def _fail(self, statement: Statement, after: bool) -> None:
        for fault in list(self.faults):
            meant = fault.after is after and fault.database.upper() == statement.login.database
            if meant and fault.times > 0 and re.search(fault.pattern, statement.sql, re.I | re.S):
                fault.times -= 1
                fault.act(statement)

    def app(self) -> Any:
        fake = import_module("fakesnow.server")  # the package has a function of that name
        from starlette.applications import Starlette
        from starlette.responses import JSONResponse
        from starlette.routing import Route

        async def renewal(_: Any) -> Any:
            return JSONResponse(
                {
                    "success": False,
                    "code": "390114",
                    "message": "Authentication token has expired.  The user must authenticate again.",
                    "data": None,
                }
            )

        own = [
            Route("/session/v1/login-request", self.login, methods=["POST"]),
            Route("/queries/v1/query-request", self.query, methods=["POST"]),
            Route("/session/token-request", renewal, methods=["POST"]),
            Route("/queries/v1/abort-request", self.abort, methods=["POST"]),
            Route("/session", self.end_session, methods=["POST"]),
        ]
        replaced = {route.path for route in own}
        return Starlette(routes=own + [route for route in fake.routes if route.path not in replaced])


def _roll_back(connection: Any) -> None:
    import duckdb

    with suppress(duckdb.TransactionException):  # none is open
        connection.execute("rollback")


class _Broken:
    """An answer that ends before its length: the connection breaks."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"1000"), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": False})


async def _body(request: Any) -> bytes:
    body = await request.body()
    return gzip.decompress(body) if request.headers.get("Content-Encoding") == "gzip" else body


def _with_body(request: Any, text: str) -> Any:
    from starlette.requests import Request

    headers = [pair for pair in request.scope["headers"] if pair[0].lower() not in (b"content-encoding",)]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": text.encode(), "more_body": False}

    return Request({**request.scope, "headers": headers}, receive)


def _full(login: Login, name: str) -> str:
    """DATABASE.SCHEMA[.OBJECT] of a name that may lack its database."""
    parts = [p.strip('"') if p.startswith('"') else p.upper() for p in re.findall(r'"[^"]+"|\w+', name)]
    if parts[0] != login.database and login.database:
        parts = [login.database, *parts]
    return ".".join(parts)


def _moved(name: str, schemas: dict[str, str]) -> str:
    """A schema's or its object's name, once schemas have others."""
    for old, new in schemas.items():
        if name == old or name.startswith(f"{old}."):
            return new + name[len(old) :]
    return name


def _stored(name: str) -> str:
    """A column's name as it is kept."""
    return name.strip('"') if name.startswith('"') else name.upper()


def _text(literal: str) -> str:
    """What is between a literal's quotes."""
    return re.sub(
        r"\\(.)|''", lambda found: {"n": "\n"}.get(found[1], found[1]) if found[1] else "'", literal
    )


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n") + "'"


def _rows(rows: Sequence[tuple[str | None, ...]], names: str) -> str:
    """A query that gives these rows."""
    selects = [
        "select " + ", ".join("null" if value is None else _literal(value) for value in row) for row in rows
    ]
    return " union all ".join(selects) or f"select {', '.join('null' for _ in names.split(', '))} where false"


def _notes_of(
    secure: str | None, columns: str | None, comment: str | None
) -> dict[tuple[str, str, str], str]:
    """What CREATE VIEW puts on a view."""
    notes = {("secure", "", ""): "true"} if secure else {}
    notes |= {("comment", "", ""): _text(comment)} if comment else {}
    found = COLUMN_COMMENT.findall(columns or "")
    return notes | {("comment", _stored(column), ""): _text(text) for column, text in found}


def _require(duck: Any, schema: str) -> None:
    database, name = schema.split(".")
    found = duck.execute(
        "select 1 from information_schema.schemata where catalog_name = ? and schema_name = ?",
        [database, name],
    ).fetchall()
    if not found:
        raise Refused("002043", f"SQL compilation error: Schema '{schema}' does not exist or not authorized.")


def _quoted(name: str) -> str:
    return ".".join(f'"{part}"' for part in name.split("."))


def _views(duck: Any, name: str) -> dict[str, str]:
    database, schema = name.split(".")
    rows = duck.execute(
        "select view_name, sql from duckdb_views() where database_name = ? and schema_name = ? and not internal",
        [database, schema],
    ).fetchall()
    start = r"\A\s*CREATE VIEW .*? AS (?=\(?\s*(SELECT|WITH|\())"
    return {
        view: re.sub(start, "", sql, count=1, flags=re.I | re.S).rstrip().rstrip(";") for view, sql in rows
    }


class _InPlace:
    """A statement's tree that is changed where it is: fakesnow copies it for each of its seventy changes."""

    def __init__(self, tree: Any) -> None:
        self.tree = tree

    def transform(self, change: Callable[..., Any], **known: Any) -> _InPlace:
        self.tree = self.tree.transform(change, copy=False, **known)
        if self.tree.parent is not None:  # a part of it took its place
            self.tree = self.tree.copy()
        return self


def quicken() -> None:
    """Take fakesnow's statements through its own steps in a fifth of the time."""
    cursor: Any = import_module("fakesnow.cursor").FakeSnowflakeCursor
    if (plain := cursor._transform).__module__ == __name__:
        return

    def transform(self: Any, expression: Any, params: Any) -> Any:
        return plain(self, _InPlace(expression.copy()), params).tree

    def describe(self: Any) -> list[Any]:  # without parsing what was just written
        found = self._duck_conn.execute(f"DESCRIBE {self._last_sql}", self._last_params)
        return list(found.fetchall())

    cursor._transform, cursor._describe_last_sql = transform, describe


@contextmanager
def serving_account() -> Iterator[Account]:
    """The account, on a free port of this machine."""
    import uvicorn

    account = Account()
    quicken()
    transforms: Any = import_module("fakesnow.transforms")
    transforms.numeric_agg_implicit_cast = lambda expression: expression
    # named as TCP: only then does asyncio send a short answer at once, and not 40 ms after its head
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)) as free:
        free.bind(("127.0.0.1", 0))
        free.listen(64)
        account.port = free.getsockname()[1]
        # kept open for long, as Snowflake does: five seconds are no time on a machine with much to do
        waits = {"timeout_keep_alive": 600, "timeout_graceful_shutdown": 1}
        config = uvicorn.Config(account.app(), log_level="critical", **waits)
        server = uvicorn.Server(config)
        alive = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(_serve(server, free, alive)), daemon=True)
        thread.start()
        while thread.is_alive() and not server.started:
            time.sleep(0.02)
        threading.Thread(target=_watch, args=(server, alive), daemon=True).start()
        yield account
        server.should_exit = True
        thread.join(10)


async def _serve(server: Any, at: socket.socket, alive: threading.Event) -> None:
    async def tick() -> None:
        while True:
            alive.set()
            await asyncio.sleep(1)

    ticking = asyncio.create_task(tick())
    await server.serve([at])
    ticking.cancel()


def _watch(server: Any, alive: threading.Event) -> None:
    """Print where every thread stands when the server has answered nobody for long, once."""
    while not server.should_exit:
        alive.clear()
        if not alive.wait(20) and not server.should_exit:
            faulthandler.dump_traceback(sys.__stderr__, all_threads=True)
            return


def house_of(account: Account, **fields: Any) -> Any:
    """A warehouse block over the account, in a database of its own."""
    from prefect_snowflake import SnowflakeCredentials

    from blocks.warehouse.snowflake.warehouse import SnowflakeWarehouse

    credentials = fields.pop("credentials", None) or SnowflakeCredentials(
        account="local", user="LOADER_USER", password="not-a-real-one"
    )
    given = {"database": f"db_{uuid4().hex[:10]}", "warehouse": "loading", "role": "loader", "threads": 1}
    connection = {
        "host": "127.0.0.1",
        "port": account.port,
        "protocol": "http",
        "network_timeout": 300,  # a machine that stands still for a minute fails no test
        "session_parameters": {"CLIENT_TELEMETRY_ENABLED": False},
    }
    connection.update(fields.pop("connection", {}))
    return SnowflakeWarehouse(credentials=credentials, connection=connection, **{**given, **fields})


def child(house: Any, code: str) -> subprocess.Popen[str]:
    """A process of its own with the same block."""
    given = house.model_dump(mode="json", exclude={"credentials", "block_type_slug"})
    start = (
        "import json, signal, sys, time\n"
        "from prefect_snowflake import SnowflakeCredentials\n"
        "from blocks.records import Release\n"
        "from blocks.warehouse.snowflake.warehouse import SnowflakeWarehouse\n"
        "who = SnowflakeCredentials(account='local', user='LOADER_USER', password='not-a-real-one')\n"
        f"house = SnowflakeWarehouse(credentials=who, **json.loads({json.dumps(given)!r}))\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", start + code],
        cwd=ROOT,
        text=True,
        env={**os.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
