"""A stand-in for Tableau's REST API: XML with namespace and pages over HTTP, state, jobs, and a fault script.

It answers as Tableau's REST API reference says (help.tableau.com, REST API: methods for publishing, workbooks and
views, data sources, projects, jobs, users and groups; "Publishing Resources" for multipart and chunks; "Filtering and
Sorting"; "Handling Errors" for the shape of errors). Error codes are those that the reference has
for the method. It opens what is published: an extract that is broken, or a workbook that names a data source
the site does not have, makes the publishing job fail; a view's data is computed from the rows.
"""

from __future__ import annotations

import base64
import email
import hashlib
import hmac
import json
import re
import socket
import struct
import threading
import time
import urllib.parse
import uuid
import zlib
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from lxml import etree

from tests.blocks.site.tableau import files
from tests.blocks.site.tableau.files import Refused

VERSION = "3.25"
TOKEN = ("bot", "s3cr3t-of-the-token")
APP = {
    "client": "client-1",
    "secret_id": "key-1",
    "secret": "s3cr3t-of-the-app-0123456789abcdef",
    "user": "bot",
}
SITE, USER = str(uuid.uuid4()), str(uuid.uuid4())
PAGE = 2  # the server's own limit: whoever reads only the first page misses things
STORED = {"hyper", "sqlproxy"}


def split_domain(name: str) -> tuple[str, str]:
    """The domain before a group's name, if any, and the name."""
    domain, _, rest = name.partition("\\")
    return (domain, rest) if rest else ("", name)


@dataclass
class Fault:
    """What happens instead to the next requests that match: a code, or `drop`, `lose`, `swallow`, `end session`."""

    request: str
    answer: str
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Item:
    """A workbook or data source of the site."""

    id: str
    name: str
    project: str
    kind: str
    data: bytes
    url: str
    description: str = ""
    tags: set[str] = field(default_factory=set)
    views: dict[str, dict[str, Any]] = field(default_factory=dict)
    login: tuple[str, str] | None = None
    rules: dict[str, dict[str, str]] = field(default_factory=dict)
    saved_by: list[str] = field(default_factory=lambda: [USER])
    refreshed: int = 0
    owner: str = USER
    tabs: bool = False
    changed: int = 0
    certified: bool = False
    note: str = ""
    warnings: list[dict[str, str]] = field(default_factory=list)

    @property
    def rights(self) -> list[str]:
        """The groups that have View on it."""
        return [group for group, modes in self.rules.items() if modes.get("Read") == "Allow"]


@dataclass
class Hanger:
    """What a person hung on a view or workbook: a subscription, an alert, a custom view of their own."""

    id: str
    name: str
    workbook: str
    view: str
    owner: str = "maria"


class Answer(Exception):
    """An answer that ends a request's handling."""

    def __init__(self, status: int, body: bytes = b"", kind: str = "application/xml", **headers: str) -> None:
        super().__init__(status)
        self.status, self.body, self.kind, self.headers = status, body, kind, headers


def answer(body: str, status: int = 200) -> Answer:
    text = f'<?xml version="1.0" encoding="UTF-8"?><tsResponse xmlns="http://tableau.com/api">{body}</tsResponse>'
    return Answer(status, text.encode())


def error(code: str, detail: str = "as the test asked") -> Answer:
    return answer(
        f'<error code="{code}"><summary>Refused</summary><detail>{detail}</detail></error>', int(code[:3])
    )


class TableauServer:
    """The stand-in. address: where it is served; faults: the script, each line used up by what it matches.

    dies_after: so many requests, the last of them done and not answered; then all is dropped (None: never).
    forgets: an overwrite drops tags, owner and a data source's certification and warnings; renews: it gives views new
    ids, and what hung on them is gone; rewrites: publishing writes the file again; restless: a download too.
    plans: how the next jobs end: `done` (also when empty), `slow`, `failed`, `cancelled`, `odd`, `never`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults: list[Fault] = []
        self.plans: list[str] = []
        self.requests: list[str] = []
        self.projects: dict[str, tuple[str, str | None]] = {}
        self.items: dict[str, dict[str, Item]] = {"workbooks": {}, "datasources": {}}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.uploads: dict[str, bytes] = {}
        self.locks: dict[str, str] = {}
        self.defaults: dict[tuple[str, str], dict[str, dict[str, str]]] = {}
        self.groups = {
            "All Users": str(uuid.uuid4()),
            "Everyone": str(uuid.uuid4()),
            "Sales": str(uuid.uuid4()),
            "Sales 2": str(uuid.uuid4()),
        }
        self.queued: dict[str, int] = {}
        self.tokens: dict[str, str] = {}
        self.sign_ins = 0
        self.live: Path | None = None
        self.rewrites = self.restless = self.forgets = self.renews = False
        self.version, self.product = VERSION, "2025.1"
        self.dies_after: int | None = None
        self.counts = True
        self.stale: list[str] = []
        self.patched: dict[str, str] = {}
        self.hangers: dict[str, list[Hanger]] = {"subscriptions": [], "dataAlerts": [], "customviews": []}
        self.extracts = files.extracts()
        self.lock = threading.RLock()
        for name in ("default", "Delivered", "Archive"):  # others' projects, some with our names
            self.add_project(name, None)
        for name in (
            "Somebody else's",
            "Sales",
            "Finance",
            "Old",
        ):  # more than a page of projects with our name
            self.add_project("dashboards", self.add_project(name, None))
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"tableau": self}))
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        self.address = f"http://127.0.0.1:{self._http.server_address[1]}"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    # what people do and see

    def add_project(self, name: str, parent: str | None) -> str:
        made = str(uuid.uuid4())
        self.projects[made] = (name, parent)
        return made

    def path(self, project: str) -> str:
        name, parent = self.projects[project]
        return f"{self.path(parent)}/{name}" if parent else name

    def workbooks(self, path: str = "Team/dashboards") -> dict[str, Item]:
        found = self.items["workbooks"].values()
        return {each.name: each for each in found if self.path(each.project) == path}

    def sources(self, path: str = "Team/dashboards") -> dict[str, Item]:
        found = self.items["datasources"].values()
        return {each.name: each for each in found if self.path(each.project) == path}

    def can_view(self, group: str, name: str, path: str = "Team/dashboards") -> bool:
        """Whether a group's people see a workbook's data: View on it, View and Connect on each published source."""
        item = self.workbooks(path)[name]
        used = {each.get("dbname") for each in files.workbook_of(item.data)[0].iter("connection")}
        sources = [each for each in self.items["datasources"].values() if each.url in used]
        needed = [("workbooks", item, "Read")]
        needed += [("datasources", each, word) for each in sources for word in ("Read", "Connect")]
        return all(self.mode(kind, each, group, word) == "Allow" for kind, each, word in needed)

    def mode(self, kind: str, item: Item, group: str, word: str) -> str | None:
        lock = self.lock_of(item.project)
        rules = self.defaults.get((lock, kind), {}) if lock else item.rules
        rights = {rules.get(self.groups[each], {}).get(word) for each in (group, "All Users")}
        return "Deny" if "Deny" in rights else "Allow" if "Allow" in rights else None

    def lock_of(self, project: str) -> str | None:
        """The project whose permissions decide for what is in a project; None where content has its own."""
        parent = self.projects[project][1]
        while parent:
            if self.locks.get(parent) == "LockedToProject":
                return self.lock_of(parent) or parent
            parent = self.projects[parent][1]
        return project if project in self.locks else None

    def edit(self, name: str) -> None:
        """A person renames a sheet's title in the browser and saves."""
        item = self.workbooks()[name]
        root, others = files.workbook_of(item.data)
        next(root.iter("run")).text = "Edited by a person"
        item.data = files.packed(root, others)
        item.changed += 1
        item.saved_by.append("a-person")

    def open(self, name: str, times: int) -> None:
        """People open a workbook's dashboard."""
        view = next(iter(self.workbooks()[name].views.values()))
        view["opened"] += times

    def twb(self, name: str) -> Any:
        return files.workbook_of(self.workbooks()[name].data)[0]

    def extract(self, data: bytes, name: str = "opened") -> Path:
        path = self.folder / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}.hyper"
        if not path.exists():
            path.write_bytes(data)
        return path

    def value(self, item: Item, sheet: str) -> tuple[str, Any]:
        """Caption and value of a sheet's text, computed from the rows its data source has now."""
        root, others = files.workbook_of(item.data)
        caption, formula, name = files.sheet_formula(root, sheet)
        source = next(each for each in root.findall("datasources/datasource") if each.get("name") == name)
        return caption, self.ask(source, others, files.as_sql(formula))

    def ask(self, source: Any, others: dict[str, bytes], sql: str) -> Any:
        connection = source.find("connection")
        if connection.get("class") == "sqlproxy":
            item = next(i for i in self.items["datasources"].values() if i.url == connection.get("dbname"))
            if item.kind == "hyper":
                return self.extracts.ask(self.extract(item.data), sql)
            if item.login is None:
                raise error("401001", "no credentials are embedded")
            assert self.live
            return files.ask_live(self.live, files.live_query(etree.fromstring(item.data))[1], sql)
        inner = connection.find("named-connections/named-connection/connection")
        return self.extracts.ask(self.extract(others[inner.get("dbname")]), sql)


class Handler(BaseHTTPRequestHandler):
    tableau: TableauServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes: together with delayed ACKs 40 ms an answer
    wbufsize = -1

    def log_message(self, *_: Any) -> None: ...

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        server = self.tableau
        with server.lock:
            shown = re.sub(rf"/api/[\d.]+|/sites/{SITE}", "", url.path)
            server.requests.append(f"{self.command} {shown}")
            fault = next((f for f in server.faults if re.search(f.request, f"{self.command} {shown}")), None)
            if fault:
                fault.times -= 1
                server.faults = [f for f in server.faults if f.times > 0]
            if server.dies_after is not None:
                server.dies_after -= 1
                if server.dies_after <= 0:
                    fault = Fault("", "drop" if server.dies_after < 0 else "lose")
            reply = self.reply(fault, url.path, query, body)
        if reply is None:  # the connection breaks off
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in {
            "Content-Type": reply.kind,
            **reply.headers,
            **(fault.headers if fault else {}),
        }.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)
        self.wfile.flush()

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any

    def reply(self, fault: Fault | None, path: str, query: dict[str, str], body: bytes) -> Answer | None:
        broken = fault.answer if fault else ""
        if broken == "drop":
            return None
        if broken == "end session":
            self.tableau.tokens.clear()
        elif broken.startswith("html"):  # a proxy's page, with its status
            return Answer(int(broken[4:] or 200), b"<html>Please log in, s3cr3t", "text/html")
        elif broken and broken not in ("lose", "swallow"):
            return error(broken) if broken[0] != "5" else Answer(int(broken[:3]), b"it broke", "text/plain")
        try:
            Request(self.tableau, self.command, path, query, body, self.headers, broken == "swallow").route()
        except Answer as found:
            return None if broken == "lose" else found
        except Refused as why:
            return error("400011", str(why))
        return error("404000", f"{self.command} {path}")


class Request:
    """One request on its way to an answer, which is raised."""

    def __init__(
        self,
        server: TableauServer,
        method: str,
        path: str,
        query: dict[str, str],
        body: bytes,
        headers: Any,
        swallow: bool,
    ) -> None:
        self.server, self.method, self.path, self.query, self.headers = server, method, path, query, headers
        self.swallow = swallow
        kind = headers.get("Content-Type") or ""
        self.parts = parts_of(kind, body) if kind.startswith("multipart/mixed") else {}
        text = self.parts.get("request_payload", b"") if self.parts else body
        self.xml = etree.fromstring(text) if text.strip().startswith(b"<") else None
        self.body = body

    def route(self) -> None:
        match = re.fullmatch(r"/api/([\d.]+)(/.*)", self.path)
        if not match:
            return
        rest = match[2]
        if rest == "/serverInfo":
            raise answer(
                f'<serverInfo><productVersion build="1">{self.server.product}</productVersion>'
                f"<restApiVersion>{self.server.version}</restApiVersion></serverInfo>"
            )
        if rest == "/auth/signin":
            self.sign_in()
        if self.headers.get("X-Tableau-Auth") not in self.server.tokens:
            raise error("401002", "Invalid authentication credentials were provided.")
        if rest == "/auth/signout":
            self.server.tokens.pop(self.headers["X-Tableau-Auth"])
            raise Answer(204)
        if match[1] != self.server.version or not rest.startswith(f"/sites/{SITE}/"):
            return
        words = [urllib.parse.unquote(word) for word in rest.removeprefix(f"/sites/{SITE}/").split("/")]
        handler = getattr(self, f"{self.method}_{words[0]}".lower(), None)
        if handler:
            handler(*words[1:])

    def sign_in(self) -> None:
        asked = self.xml.find("credentials")
        name = asked.get("personalAccessTokenName")
        who = f"token {name}" if (name, asked.get("personalAccessTokenSecret")) == TOKEN else ""
        if asked.get("jwt") and valid_jwt(asked.get("jwt")):
            who = f"app {uuid.uuid4()}"
        if not who or asked.find("site").get("contentUrl") != "acme":
            raise error("401001", "The personal access token you provided is invalid.")
        server = self.server
        server.tokens = {
            token: of for token, of in server.tokens.items() if of != who
        }  # one session per token
        token = uuid.uuid4().hex
        server.tokens[token] = who
        server.sign_ins += 1
        raise answer(
            f'<credentials token="{token}"><site id="{SITE}" contentUrl="acme"/><user id="{USER}"/></credentials>'
        )

    # lists

    def page(self, tag: str, rows: list[str]) -> Answer:
        if int(self.query.get("pageSize", 100)) > 1000:
            raise error("400007", "The page size is too large")
        number = int(self.query.get("pageNumber", 1))
        shown = rows[(number - 1) * PAGE : number * PAGE]
        pages = f'<pagination pageNumber="{number}" pageSize="{PAGE}" totalAvailable="{len(rows)}"/>'
        return answer(f"{pages}<{tag}>{''.join(shown)}</{tag}>")

    def wanted(self, name: str) -> bool:
        if re.search(r"[\[\]&]|,(?![a-zA-Z]+:)", self.query.get("filter", "")):
            raise error("400065", "The filter can't be read")
        tests = [each.split(":", 2) for each in self.query.get("filter", "").split(",") if each]
        return all(value == name for key, _, value in tests if key == "name")

    def get_groups(self) -> None:
        rows = [
            f"<group id={quoteattr(i)} name={quoteattr(name)}>"
            f"<domain name={quoteattr(domain or 'local')}/></group>"
            for domain, name, i in ((*split_domain(n), i) for n, i in self.server.groups.items())
            if self.wanted(name)
        ]
        raise self.page("groups", rows)

    def get_projects(self, *words: str) -> None:
        if words and words[1] == "default-permissions":
            rules = self.server.defaults.get((words[0], words[2]), {})
            raise answer(f'<permissions><project id="{words[0]}" name="x"/>{rules_xml(rules)}</permissions>')
        raise self.page(
            "projects",
            [
                project_xml(i, n, p, self.server.locks.get(i, "ManagedByOwner"))
                for i, (n, p) in self.server.projects.items()
                if self.wanted(n)
            ],
        )

    def post_projects(self) -> None:
        asked = self.xml.find("project")
        name, parent = asked.get("name"), asked.get("parentProjectId")
        if (name, parent) in self.server.projects.values():
            raise error("409006", "A project of that name exists")
        raise answer(project_xml(self.server.add_project(name, parent), name, parent), 201)

    def delete_projects(self, identity: str) -> None:
        self.server.projects.pop(identity)
        for kind, items in self.server.items.items():
            kept = {key: each for key, each in items.items() if each.project != identity}
            self.server.items[kind] = kept
        raise Answer(204)

    # uploads and publishing

    def post_fileuploads(self) -> None:
        made = f"7720:{uuid.uuid4().hex}-1:0"
        self.server.uploads[made] = b""
        raise answer(f'<fileUpload uploadSessionId="{made}" fileSize="0"/>', 201)

    def put_fileuploads(self, session: str) -> None:
        if not self.swallow:
            self.server.uploads[session] += self.parts["tableau_file"]
        size = len(self.server.uploads[session]) >> 20
        raise answer(f'<fileUpload uploadSessionId="{session}" fileSize="{size}"/>')

    def get_datasources(self, *words: str) -> None:
        self.get_content("datasources", *words)

    def post_datasources(self, *words: str) -> None:
        self.post_content("datasources", *words)

    def get_workbooks(self, *words: str) -> None:
        self.get_content("workbooks", *words)

    def post_workbooks(self, *words: str) -> None:
        self.post_content("workbooks", *words)

    def post_content(self, kind: str, *words: str) -> None:
        if len(words) == 2 and words[1] == "refresh":
            self.refresh(kind, words[0])
        tag = kind[:-1]
        asked = self.xml.find(tag)
        if "uploadSessionId" in self.query:
            data = self.server.uploads.pop(self.query["uploadSessionId"])
        else:
            data = self.parts[f"tableau_{tag}"]
        project = asked.find("project").get("id")
        if project not in self.server.projects:
            raise error("404005", "There is no such project")
        same = self.same(kind, asked.get("name"), project)
        if same and self.query.get("overwrite") != "true":
            raise error("403130", "A workbook of that name exists")
        file_kind = self.query[f"{tag if tag == 'workbook' else 'datasource'}Type"]
        self.job(f"Publish{tag.capitalize()}", lambda: self.store(kind, file_kind, asked, data, project))

    def same(self, kind: str, name: str, project: str) -> Item | None:
        found = self.server.items[kind].values()
        return next((each for each in found if (each.name, each.project) == (name, project)), None)

    def store(self, kind: str, file_kind: str, asked: Any, data: bytes, project: str) -> None:
        """What a publishing job does. Raises Refused for a file that can't be used."""
        server, name = self.server, asked.get("name")
        old = self.same(kind, name, project)
        url = old.url if old else re.sub(r"\W", "", name)
        item = old or Item(str(uuid.uuid4()), name, project, file_kind, data, url)
        login = asked.find("connectionCredentials")
        item.login = (
            (login.get("name"), login.get("password"))
            if login is not None and login.get("embed") == "true"
            else None
        )
        if kind == "workbooks":
            root, others = files.workbook_of(data)
            self.check_workbook(root, others)
            if server.rewrites:  # as a server may: other attributes, same meaning
                for sheet in root.iter("worksheet"):
                    sheet.set("rewritten", "by-the-server")
                data = files.packed(root, others)
            hidden = {each.get("name") for each in asked.iter("view") if each.get("hidden") == "true"}
            names = [
                each.get("name")
                for each in (*root.iter("dashboard"), *root.iter("worksheet"))
                if each.get("name")
            ]
            item.views = {
                n: item.views.get(n, {"id": str(uuid.uuid4()), "opened": 0, "tags": set()})
                for n in names
                if n not in hidden
            }
        elif file_kind == "hyper":
            server.extracts.check(server.extract(data))
        else:
            files.live_query(etree.fromstring(data))
        item.data, item.kind, item.description = data, file_kind, asked.get("description") or ""
        item.tabs = asked.get("showTabs") == "true"
        if server.renews and kind == "workbooks":
            gone = {view["id"] for view in item.views.values()}
            item.views = {n: {**view, "id": str(uuid.uuid4())} for n, view in item.views.items()}
            server.hangers = {
                name: [each for each in hangers if each.view not in gone]
                for name, hangers in server.hangers.items()
            }
        if server.forgets:
            item.owner = USER
            item.certified, item.note, item.warnings = False, "", []
            item.tags.clear()
            for view in item.views.values():
                view["tags"].clear()
        item.saved_by += [USER] if old else []
        item.changed += 1
        server.items[kind][item.id] = item

    def check_workbook(self, root: Any, others: dict[str, bytes]) -> None:
        known = {each.url for each in self.server.items["datasources"].values()}
        for source in root.findall("datasources/datasource[connection]"):
            connection = source.find("connection")
            if connection.get("class") == "sqlproxy" and connection.get("dbname") not in known:
                raise Refused(f"data source {connection.get('dbname')} is not on the site")
            for inner in connection.iterfind("named-connections/named-connection/connection[@class='hyper']"):
                if inner.get("dbname") not in others:
                    raise Refused(f"{inner.get('dbname')} is not in the package")
                self.server.extracts.check(self.server.extract(others[inner.get("dbname")]))

    def patch_datasources(self, identity: str, what: str) -> None:
        """Update Data in Hyper Data Source: a batch of actions on what was uploaded, in one job, once a request."""
        assert what == "data"
        request = self.headers["RequestID"]
        if request in self.server.patched:
            raise self.tell_job(self.server.patched[request])
        item = self.server.items["datasources"].get(identity)
        if item is None:
            raise error("404004", "It is not there")
        if item.kind != "hyper":
            raise error("400011", "It is no live-to-Hyper data source")
        payload = self.server.uploads.pop(self.query["uploadSessionId"])
        actions = json.loads(self.body)["actions"]

        def act() -> None:
            changed = self.server.extracts.change(item.data, payload, actions, self.server.folder)
            item.data, item.changed = changed, item.changed + 1

        try:
            self.job("UpdateUploadedFile", act)
        finally:
            self.server.patched[request] = list(self.server.jobs)[-1]

    def tell_job(self, identity: str) -> Answer:
        kind = self.server.jobs[identity]["kind"]
        told = f'<job id="{identity}" mode="Asynchronous" type="{kind}" progress="0" createdAt="{NOW}"/>'
        return answer(told, 202)

    def put_jobs(self, identity: str) -> None:
        self.server.jobs[identity]["plan"] = "cancelled"
        raise Answer(200)

    # jobs

    def job(self, kind: str, act: Any) -> None:
        plan = self.server.plans.pop(0) if self.server.plans else "done"
        job = {
            "id": str(uuid.uuid4()),
            "kind": kind,
            "plan": plan,
            "polls": 2 if plan == "slow" else 0,
            "notes": "",
        }
        if plan in ("done", "slow"):
            try:
                act()
            except Refused as why:
                job |= {"plan": "failed", "notes": str(why)}
        self.server.jobs[job["id"]] = job
        raise self.tell_job(job["id"])

    def get_jobs(self, identity: str) -> None:
        job = self.server.jobs[identity]
        start = f'<job id="{identity}" mode="Asynchronous" type="{job["kind"]}" createdAt="{NOW}" startedAt="{NOW}"'
        job["polls"] -= 1
        if job["plan"] == "never" or job["polls"] > 0:
            raise answer(f'{start} progress="50"/>')
        code = {"failed": 1, "cancelled": 2, "odd": 77}.get(job["plan"], 0)
        notes = job["notes"] or ("The data could not be read." if code else "Finished.")
        raise answer(
            f'{start} progress="100" completedAt="{NOW}" finishCode="{code}"><extractRefreshJob>'
            f"<notes>{notes}</notes></extractRefreshJob></job>"
        )

    def refresh(self, kind: str, identity: str) -> None:
        if self.server.queued.get(identity, 0) > 0:
            self.server.queued[identity] -= 1
            raise error("409093", "A refresh of it is already queued")
        item = self.server.items[kind][identity]

        def act() -> None:
            item.refreshed += 1

        self.job("RefreshExtract", act)

    # reading

    def get_content(self, kind: str, *words: str) -> None:
        found = self.server.items[kind]
        if not words:
            raise self.page(
                kind, [self.item_xml(kind, each) for each in found.values() if self.wanted(each.name)]
            )
        if words[0] not in found:
            raise error("404006" if kind == "workbooks" else "404004", "It is not there")
        item = found[words[0]]
        match words[1:]:
            case ():
                raise answer(self.item_xml(kind, item))
            case ("views",):
                raise answer(f"<views>{''.join(self.view_xml(item, name) for name in item.views)}</views>")
            case ("permissions",):
                raise self.permissions(kind, item)
            case ("connections",):
                raise answer(f"<connections>{''.join(self.connections(kind, item))}</connections>")
            case ("revisions",):
                last = len(item.saved_by)
                rows = (revision_xml(n, who, n == last) for n, who in enumerate(item.saved_by, 1))
                raise answer(f"<revisions>{''.join(rows)}</revisions>")
            case ("content",):
                root, others = files.workbook_of(item.data)
                if self.server.restless:  # every download is another file
                    root.find("worksheets/worksheet").set("read", uuid.uuid4().hex)
                kept = {} if self.query.get("includeExtract", "").lower() == "false" else others
                raise Answer(
                    200,
                    files.packed(root, kept),
                    "application/octet-stream",
                    Content_Disposition=f'name="tableau_workbook"; filename="{item.name}.twbx"',
                )

    def get_dataqualitywarnings(self, kind: str, identity: str) -> None:
        assert kind == "datasource"
        found = self.server.items["datasources"][identity].warnings
        raise answer("".join(f"<dataQualityWarning {attributes(each)}/>" for each in found) or "<x/>")

    def post_dataqualitywarnings(self, kind: str, identity: str) -> None:
        asked = dict(self.xml.find("dataQualityWarning").attrib)
        self.server.items["datasources"][identity].warnings.append({"id": uuid.uuid4().hex, **asked})
        raise answer(f"<dataQualityWarning {attributes(asked)}/>")

    def get_subscriptions(self) -> None:
        found = self.server.hangers["subscriptions"]
        rows = [
            f"<subscription {attributes({'id': each.id, 'subject': each.name})}>"
            f'<content id="{each.view}" type="View" sendIfViewEmpty="true"/><schedule id="1" name="Weekly"/>'
            f'<user id="{each.owner}" name="{each.owner}"/></subscription>'
            for each in found
        ]
        raise self.page("subscriptions", rows)

    def get_dataalerts(self) -> None:
        rows = [
            f"<dataAlert {attributes({'id': each.id, 'subject': each.name, 'creatorId': '1', 'createdAt': NOW})} "
            f'updatedAt="{NOW}" frequency="once" public="false"><owner id="1" name="{each.owner}"/>'
            f'<view id="{each.view}" name="x"><workbook id="{each.workbook}" name="x"/><project id="1" name="x"/>'
            "</view></dataAlert>"
            for each in self.server.hangers["dataAlerts"]
        ]
        raise self.page("dataAlerts", rows)

    def get_customviews(self) -> None:
        rows = [
            f"<customView {attributes({'id': each.id, 'name': each.name, 'createdAt': NOW, 'updatedAt': NOW})} "
            f'shared="false"><view id="{each.view}" name="x"/><workbook id="{each.workbook}" name="x"/>'
            f'<owner id="1" name="{each.owner}"/></customView>'
            for each in self.server.hangers["customviews"]
        ]
        raise self.page("customViews", rows)

    def get_views(self, identity: str, what: str) -> None:
        for item in self.server.items["workbooks"].values():
            for name, view in item.views.items():
                if view["id"] == identity:
                    raise Answer(200, png(), "image/png") if what == "image" else self.data_of(item, name)

    def data_of(self, item: Item, sheet: str) -> Answer:
        caption, value = self.server.value(item, sheet)
        if self.server.stale:
            value = self.server.stale.pop(0)
        text = f"{caption}\r\n" + ("" if value is None else f'"{value}"\r\n')
        return Answer(200, text.encode(), "text/csv")

    def item_xml(self, kind: str, item: Item) -> str:
        tag, name = kind[:-1], self.server.projects[item.project][0]
        tags = "".join(f"<tag label={quoteattr(each)}/>" for each in sorted(item.tags))
        extracts = item.kind == "hyper" or b"<extract" in item.data
        told = {
            "id": item.id,
            "name": item.name,
            "contentUrl": item.url,
            "description": item.description,
            "webpageUrl": f"{self.server.address}/#/site/acme/{kind}/1",
            "createdAt": NOW,
            "updatedAt": f"2026-01-01T{item.changed // 60 % 24:02}:{item.changed % 60:02}:00Z",
            "hasExtracts": str(extracts).lower(),
            "type": item.kind,
            "showTabs": str(item.tabs).lower(),
            "isCertified": str(item.certified).lower(),
            "certificationNote": item.note,
            **self.count_readers(kind, item),
        }
        project = f'<project id="{item.project}" name={quoteattr(name)}/>'
        return f'<{tag} {attributes(told)}>{project}<owner id="{item.owner}"/><tags>{tags}</tags></{tag}>'

    def count_readers(self, kind: str, item: Item) -> dict[str, str]:
        """How many workbooks read a data source, where that is asked for."""
        if kind == "workbooks" or "connectedWorkbooksCount" not in self.query.get("fields", ""):
            return {}
        books = [files.workbook_of(each.data)[0] for each in self.server.items["workbooks"].values()]
        used = [each for each in books if item.url in {c.get("dbname") for c in each.iter("connection")}]
        return {"connectedWorkbooksCount": str(len(used))} if self.server.counts else {}

    def view_xml(self, item: Item, name: str) -> str:
        view, url = item.views[name], item.url + "/sheets/" + re.sub(r"\W", "", name)
        asked = self.query.get("includeUsageStatistics") == "true"
        usage = f'<usage totalViewCount="{view["opened"]}"/>' if asked else ""
        told = f'id="{view["id"]}" name={quoteattr(name)} contentUrl="{url}"'
        tags = "".join(f"<tag label={quoteattr(each)}/>" for each in sorted(view["tags"]))
        return f'<view {told}><workbook id="{item.id}"/>{usage}<tags>{tags}</tags></view>'

    def connections(self, kind: str, item: Item) -> list[str]:
        if kind == "datasources":
            driver = "hyper" if item.kind == "hyper" else files.live_query(etree.fromstring(item.data))[0]
            user = item.login[0] if item.login else ""
            return [
                f'<connection id="{uuid.uuid5(uuid.NAMESPACE_URL, item.id)}" type="{driver}" userName="{user}"/>'
            ]
        made = []
        for source in files.workbook_of(item.data)[0].findall("datasources/datasource[connection]"):
            connection = source.find("connection")
            identity = uuid.uuid5(uuid.NAMESPACE_URL, item.id + source.get("name"))
            inner = connection.find("named-connections/named-connection/connection")
            driver = connection.get("class") if inner is None else inner.get("class")
            found = [
                i for i in self.server.items["datasources"].values() if i.url == connection.get("dbname")
            ]
            of = found[0] if found else Item(str(identity), source.get("caption"), "", "", b"", "")
            made.append(
                f'<connection id="{identity}" type="{driver}" serverAddress="x" userName="">'
                f'<datasource id="{of.id}" name={quoteattr(of.name)}/></connection>'
            )
        return made

    # changing

    def permissions(self, kind: str, item: Item) -> Answer:
        if self.method == "PUT":
            if self.server.lock_of(item.project):
                raise error("403039", "The permissions of the project are locked")
            for each in self.xml.iter("granteeCapabilities"):
                modes = item.rules.setdefault(each.find("group").get("id"), {})
                for one in each.iter("capability"):  # what was granted or denied before stays
                    modes.setdefault(one.get("name"), one.get("mode"))
        of = f"<{kind[:-1]} id={quoteattr(item.id)} name={quoteattr(item.name)}/>"
        return answer(f"<permissions>{of}{rules_xml(item.rules)}</permissions>")

    def put_datasources(self, identity: str, *words: str) -> None:
        self.put_content("datasources", identity, *words)

    def put_views(self, identity: str, what: str) -> None:
        views = [each for item in self.server.items["workbooks"].values() for each in item.views.values()]
        view = next(each for each in views if each["id"] == identity)
        assert what == "tags"
        raise self.add_tags(view["tags"])

    def add_tags(self, tags: set[str]) -> Answer:
        for each in self.xml.iter("tag"):  # without quotes, a blank or a comma ends a tag
            quoted = re.fullmatch(r'"(.*)"', each.get("label"))
            tags |= {quoted[1]} if quoted else {one for one in re.split(r"[ ,]+", each.get("label")) if one}
        return answer("<tags>" + "".join(f"<tag label={quoteattr(t)}/>" for t in sorted(tags)) + "</tags>")

    def put_content(self, kind: str, identity: str, what: str = "", *words: str) -> None:
        item = self.server.items[kind][identity]
        if what == "tags":
            raise self.add_tags(item.tags)
        if what == "permissions":
            raise self.permissions(kind, item)
        if not what:
            asked = self.xml.find(kind[:-1])
            item.description = asked.get("description", item.description)
            item.tabs = asked.get("showTabs", str(item.tabs).lower()) == "true"
            item.certified = asked.get("isCertified", str(item.certified).lower()) == "true"
            item.note = asked.get("certificationNote", item.note)
            if asked.find("project") is not None:
                item.project = asked.find("project").get("id")
            item.owner = asked.find("owner").get("id") if asked.find("owner") is not None else item.owner
            raise answer(self.item_xml(kind, item))

    def put_workbooks(self, identity: str, what: str = "", *words: str) -> None:
        self.put_content("workbooks", identity, what, *words)
        item = self.server.items["workbooks"][identity]
        if what == "connections":
            asked = self.xml.find("connection")
            assert asked.get("embedPassword") == "true"
            item.login = (asked.get("userName"), asked.get("password"))
            raise answer(
                f'<connection id="{words[0]}" type="x" userName={quoteattr(asked.get("userName"))}/>'
            )

    def delete_permission(self, kind: str, identity: str, group: str, name: str, mode: str) -> None:
        item = self.server.items[kind][identity]
        if item.rules.get(group, {}).get(name) == mode:
            del item.rules[group][name]
        raise Answer(204)

    def delete_datasources(self, identity: str, what: str = "", tag: str = "", *rule: str) -> None:
        if what == "permissions":
            raise self.delete_permission("datasources", identity, *rule)
        if what:
            self.server.items["datasources"][identity].tags.discard(tag)
        elif not self.server.items["datasources"].pop(identity, None):
            raise error("404004", "It is not there")
        raise Answer(204)

    def delete_workbooks(self, identity: str, what: str = "", tag: str = "", *rule: str) -> None:
        if what == "permissions":
            raise self.delete_permission("workbooks", identity, *rule)
        if what:
            self.server.items["workbooks"][identity].tags.discard(tag)
        elif not self.server.items["workbooks"].pop(identity, None):
            raise error("404006", "It is not there")
        raise Answer(204)


NOW = "2026-01-01T00:00:00Z"


def attributes(told: dict[str, str]) -> str:
    return " ".join(f"{key}={quoteattr(value)}" for key, value in told.items())


def rules_xml(rules: dict[str, dict[str, str]]) -> str:
    return "".join(
        f'<granteeCapabilities><group id="{group}"/><capabilities>'
        + "".join(f'<capability name="{name}" mode="{mode}"/>' for name, mode in modes.items())
        + "</capabilities></granteeCapabilities>"
        for group, modes in rules.items()
    )


def project_xml(identity: str, name: str, parent: str | None, lock: str = "ManagedByOwner") -> str:
    above = f' parentProjectId="{parent}"' if parent else ""
    return f'<project id="{identity}" name={quoteattr(name)}{above} contentPermissions="{lock}"/>'


def revision_xml(number: int, who: str, current: bool) -> str:
    told = f'revisionNumber="{number}" current="{str(current).lower()}" deleted="false" publishedAt="{NOW}"'
    return f'<revision {told}><publisher id="{who}" name="somebody"/></revision>'


def parts_of(kind: str, body: bytes) -> dict[str, bytes]:
    """The parts of a multipart/mixed body by name."""
    message = email.message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    found = {}
    for part in message.get_payload():
        name = re.search(r'name="?([^";]+)"?', part["Content-Disposition"])[1]
        found[name] = part.get_payload(decode=True)
    return found


def valid_jwt(token: str) -> bool:
    """A connected app's JWT: signed by its secret, for Tableau, for less than ten minutes, with scopes."""
    head, claims, signature = token.split(".")
    wanted = hmac.new(APP["secret"].encode(), f"{head}.{claims}".encode(), hashlib.sha256).digest()
    plain = [json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in (head, claims)]
    life = plain[1]["exp"] - time.time()
    return (
        base64.urlsafe_b64encode(wanted).rstrip(b"=").decode() == signature
        and plain[0] == {"alg": "HS256", "typ": "JWT", "kid": APP["secret_id"], "iss": APP["client"]}
        and (plain[1]["iss"], plain[1]["aud"], plain[1]["sub"]) == (APP["client"], "tableau", APP["user"])
        and 0 < life < 600
        and "tableau:workbooks:*" in " ".join(plain[1]["scp"])
        and bool(plain[1]["jti"])
    )


def png(width: int = 640, height: int = 360) -> bytes:
    """A white picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress((b"\x00" + b"\xff" * width) * height)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
