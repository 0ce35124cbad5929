"""What each address of the stand-in does."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.blocks.tracker.jira.site import WORKFLOWS, Asked, JiraSite, Problem, Raw, now

ROUTES: list[tuple[str, re.Pattern[str], Callable[..., Any]]] = []
KEY = r"([A-Z][A-Z0-9_]+-\d+|\d+)"


def route(method: str, path: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def register(act: Callable[..., Any]) -> Callable[..., Any]:
        ROUTES.append((method, re.compile(path), act))
        return act

    return register


@route("GET", "serverInfo")
def server_info(site: JiraSite, asked: Asked) -> Raw:
    numbers = [1001, 0, 0] if site.cloud else [9, 17, 1]
    return {
        "baseUrl": site.pages or site.base,
        "version": ".".join(map(str, numbers)),
        "versionNumbers": numbers,
        "buildNumber": 100,
        "deploymentType": "Cloud" if site.cloud else "Server",
        "serverTitle": "Jira",
    }


@route("GET", "myself")
def myself(site: JiraSite, asked: Asked) -> Raw:
    return site.me


@route("GET", "field")
def fields(site: JiraSite, asked: Asked) -> list[Raw]:
    return site.fields


@route("GET", "issueLinkType")
def link_types(site: JiraSite, asked: Asked) -> Raw:
    return {
        "issueLinkTypes": [{"id": "1", "name": "Relates", "inward": "relates to", "outward": "relates to"}]
    }


@route("GET", r"project/(\w+)")
def project(site: JiraSite, asked: Asked, key: str) -> Raw:
    if key != site.project:
        raise Problem(404, f"No project could be found with key '{key}'.")
    return {"self": site.base, "id": "10000", "key": key, "name": "Analytics", "projectTypeKey": site.kind}


@route("GET", r"project/(\w+)/statuses")
def statuses(site: JiraSite, asked: Asked, key: str) -> list[Raw]:
    project(site, asked, key)
    return [
        {
            "self": site.base,
            "id": str(n),
            "name": kind,
            "subtask": False,
            "statuses": [site.status(s) for s in flow],
        }
        for n, (kind, flow) in enumerate(WORKFLOWS.items())
    ]


@route("POST", "search/jql")
def search_cloud(site: JiraSite, asked: Asked) -> Raw:
    if not site.cloud:
        raise Problem(404, "null for uri")
    body = asked.json
    found, start = site.query(body["jql"]), site.start(body.get("nextPageToken"))
    size = min(site.page, body.get("maxResults", 50))
    page: Raw = {"issues": [site.shown(issue, body.get("fields")) for issue in found[start : start + size]]}
    last = start + size >= len(found)
    return {**page, "isLast": last, **({} if last else {"nextPageToken": str(start + size)})}


@route("POST", "search")
def search_data_center(site: JiraSite, asked: Asked) -> Raw:
    if site.cloud:
        raise Problem(
            410, "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API."
        )
    body = asked.json
    found = site.query(body["jql"], body.get("validateQuery", True))
    start, size = site.start(body.get("startAt")), min(site.page, body.get("maxResults", 50))
    issues = [site.shown(issue, body.get("fields")) for issue in found[start : start + size]]
    return {"startAt": start, "maxResults": size, "total": len(found), "issues": issues}


@route("POST", "issue/bulkfetch")
def bulk_fetch(site: JiraSite, asked: Asked) -> Raw:
    if not site.cloud:
        raise Problem(404, "null for uri")
    body = asked.json
    if not 1 <= len(body["issueIdsOrKeys"]) <= 100:
        raise Problem(400, "Between 1 and 100 issues can be fetched.")
    found = [site.issues[key] for key in body["issueIdsOrKeys"] if key in site.issues]
    return {"issues": [site.shown(issue, body.get("fields")) for issue in found], "issueErrors": []}


@route("POST", "comment/list")
def comment_list(site: JiraSite, asked: Asked) -> Raw:
    ids = asked.json["ids"]
    if not site.cloud or not 1 <= len(ids) <= 1000:
        raise Problem(404 if not site.cloud else 400, "1 to 1000 ids")
    shown = "properties" in asked.query("expand")
    values = [
        site.comment(each, shown)
        for kept in site.comments.values()
        for each in kept
        if int(each["id"]) in ids
    ]
    return {"startAt": 0, "maxResults": 1000, "total": len(values), "isLast": True, "values": values}


@route("GET", f"issue/{KEY}")
def read_issue(site: JiraSite, asked: Asked, key: str) -> Raw:
    issue = site.find(key)
    wanted = asked.query("fields")
    shown = site.shown(issue, wanted.split(",") if wanted else None)
    if "transitions" in asked.query("expand"):
        shown["transitions"] = _transitions(site, issue)
    if "changelog" in asked.query("expand"):
        kept = site.histories.get(issue["key"], [])
        shown["changelog"] = {"startAt": 0, "maxResults": len(kept), "total": len(kept), "histories": kept}
    if names := asked.query("properties"):
        kept = site.properties.get(issue["key"], {})
        shown["properties"] = {name: kept[name] for name in names.split(",") if name in kept}
    return shown


def _transitions(site: JiraSite, issue: Raw) -> list[Raw]:
    flow = WORKFLOWS[issue["fields"]["issuetype"]["name"]]
    return [
        {
            "id": str(11 + list(flow).index(target)),
            "name": f"Go to {target.lower()}",
            "to": site.status(target),
            "hasScreen": False,
            "isGlobal": False,
            "isInitial": False,
            "isConditional": False,
            "isAvailable": True,
        }
        for target in flow[issue["fields"]["status"]["name"]]
    ]


def _check_fields(site: JiraSite, asked: Asked, values: Raw) -> None:
    known = {each["id"]: each for each in site.fields}
    for name, value in values.items():
        if name not in known:
            raise Problem(
                400, **{name: f"Field '{name}' cannot be set. It is not on the appropriate screen."}
            )
        kind = known[name]["schema"]["type"]
        if kind == "date" and value is not None and not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            raise Problem(400, **{name: "Error parsing date string"})
        if name == "description" and value is not None:
            site.check_text(asked.version, value, name)
        if name == "summary" and ("\n" in value or not 1 <= len(value) <= 255):
            raise Problem(400, summary="The summary is invalid because it contains newline characters.")
        if name == "labels" and any(re.search(r"\s", label) or len(label) > 255 for label in value):
            raise Problem(400, labels="The label contains spaces which is invalid.")


@route("POST", "issue")
def create_issue(site: JiraSite, asked: Asked) -> Any:
    values = asked.json["fields"]
    if values["issuetype"]["name"] not in WORKFLOWS or values["project"]["key"] != site.project:
        raise Problem(400, issuetype="Specify a valid issue type")
    _check_fields(site, asked, values)
    last = max((int(key.split("-")[1]) for key in site.issues), default=0)
    issue = site.create(f"{site.project}-{last + 1}", values)
    return 201, {"id": issue["id"], "key": issue["key"], "self": issue["self"]}


@route("PUT", f"issue/{KEY}")
def edit_issue(site: JiraSite, asked: Asked, key: str) -> None:
    body, values = asked.json, site.find(key)["fields"]
    if set(body.get("fields", {})) & set(body.get("update", {})):
        raise Problem(400, "a field is in fields and in update")
    _check_fields(site, asked, body.get("fields", {}))
    for name, steps in body.get("update", {}).items():
        for step in steps:
            ((verb, value),) = step.items()
            kept = [each for each in values[name] if each != value]
            values[name] = [*kept, value] if verb == "add" else kept
    values.update(body.get("fields", {}), updated=now())


@route("GET", "user/assignable/search")
def assignable(site: JiraSite, asked: Asked) -> list[Raw]:
    site.find(asked.query("issueKey"))
    word = asked.query("query" if site.cloud else "username").casefold()
    if not word:
        raise Problem(400, "The username or the query is needed.")
    known = (site.user(name) for name in site.people)
    return [each for each in known if each["displayName"].casefold().startswith(word)]


@route("PUT", f"issue/{KEY}/assignee")
def assign(site: JiraSite, asked: Asked, key: str) -> None:
    member = "accountId" if site.cloud else "name"
    found = [each for each in map(site.user, site.people) if each[member] == asked.json[member]]
    if not found:
        raise Problem(400, assignee="User does not exist.")
    site.find(key)["fields"]["assignee"] = found[0]


@route("POST", f"issue/{KEY}/transitions")
def transition(site: JiraSite, asked: Asked, key: str) -> None:
    issue, wanted = site.find(key), asked.json["transition"]["id"]
    found = [each for each in _transitions(site, issue) if each["id"] == wanted]
    if not found:
        raise Problem(400, f"Transition id '{wanted}' is not valid for this issue.")
    site.move(issue["key"], site.me, found[0]["to"], now())


@route("POST", "issueLink")
def link_issues(site: JiraSite, asked: Asked) -> Any:
    body = asked.json
    ends = {end: site.find(body[end]["key"])["key"] for end in ("inwardIssue", "outwardIssue")}
    if body["type"]["name"] != "Relates":
        raise Problem(404, f"No issue link type with name '{body['type']['name']}' found.")
    kept = site.links.setdefault("", [])
    if not any({**each, "id": ""} == {"id": "", "type": body["type"], **ends} for each in kept):
        kept.append({"id": site.number(), "type": body["type"], **ends})
    return 201, None


@route("GET", f"issue/{KEY}/comment")
def read_comments(site: JiraSite, asked: Asked, key: str) -> Raw:
    kept = list(site.comments.get(site.find(key)["key"], []))
    if asked.query("orderBy") == "-created":
        kept.sort(key=lambda each: (each["created"], int(each["id"])), reverse=True)
    start, size = site.start(asked.query("startAt")), min(site.page, int(asked.query("maxResults", "50")))
    shown = (
        "properties" in asked.query("expand") and not site.cloud
    )  # Cloud documents it for comment/list only
    page = [site.comment(each, shown) for each in kept[start : start + size]]
    return {"startAt": start, "maxResults": size, "total": len(kept), "comments": page}


@route("POST", f"issue/{KEY}/comment")
def add_comment(site: JiraSite, asked: Asked, key: str) -> Any:
    body, issue = asked.json, site.find(key)
    site.check_text(asked.version, body["body"], "comment")
    made = site.add_comment(issue["key"], site.me, body["body"], now(), body.get("properties", []))
    issue["fields"]["updated"] = now()
    return 201, site.comment(made, False)


def _comment(site: JiraSite, name: str) -> Raw:
    for kept in site.comments.values():
        for comment in kept:
            if comment["id"] == name:
                return comment
    raise Problem(404, f"Can not find a comment for the id: {name}.")


@route("PUT", rf"issue/{KEY}/comment/(\d+)")
def edit_comment(site: JiraSite, asked: Asked, key: str, name: str) -> Raw:
    body, comment = asked.json, _comment(site, name)
    site.check_text(asked.version, body["body"], "comment")
    comment.update(body=body["body"], updated=now())
    if site.cloud:  # Data Center does not document that it takes properties here
        comment["properties"] = body.get("properties", comment["properties"])
    return site.comment(comment, False)


@route("PUT", r"comment/(\d+)/properties/([\w.]+)")
def set_comment_property(site: JiraSite, asked: Asked, name: str, key: str) -> Any:
    comment = _comment(site, name)
    kept = [each for each in comment["properties"] if each["key"] != key]
    comment["properties"] = [*kept, {"key": key, "value": asked.json}]
    return 200 if len(kept) < len(comment["properties"]) else 201, None


@route("PUT", rf"issue/{KEY}/properties/([\w.]+)")
def set_property(site: JiraSite, asked: Asked, key: str, name: str) -> Any:
    kept = site.properties.setdefault(site.find(key)["key"], {})
    new = name not in kept
    kept[name] = asked.json
    return 201 if new else 200, None


@route("POST", f"issue/{KEY}/attachments")
def attach(site: JiraSite, asked: Asked, key: str) -> list[Raw]:
    if asked.call.headers.get("x-atlassian-token") != "no-check":
        raise Problem(403, "XSRF check failed")
    part = re.search(
        rb'name="file"; filename="([^"]*)"\r\nContent-Type: ([^\r]*)\r\n\r\n(.*)\r\n--', asked.call.body, re.S
    )
    if not part:
        raise Problem(400, "no part named file")
    id_ = site.number()
    made = {
        "self": f"{site.base}/a/{id_}",
        "id": id_,
        "filename": part[1].decode(),
        "author": site.me,
        "created": now(),
        "size": len(part[3]),
        "mimeType": part[2].decode(),
        "content": f"{site.base}/content/{id_}",
    }
    site.content[id_] = part[3]
    issue = site.find(key)
    issue["fields"]["attachment"] = [*issue["fields"]["attachment"], made]
    return [made]


@route("DELETE", r"attachment/(\d+)")
def delete_attachment(site: JiraSite, asked: Asked, name: str) -> None:
    if site.content.pop(name, None) is None:
        raise Problem(404, "The attachment with id does not exist")
    for issue in site.issues.values():
        issue["fields"]["attachment"] = [each for each in issue["fields"]["attachment"] if each["id"] != name]


@route("POST", f"issue/{KEY}/remotelink")
def remote_link(site: JiraSite, asked: Asked, key: str) -> Any:
    body, kept = asked.json, site.links.setdefault(site.find(key)["key"], [])
    if len(body["object"]["title"]) > 255 or not re.match(r"[a-z]+://", body["object"]["url"]):
        raise Problem(400, title="The title is too long, or the address is none.")
    old = next((each for each in kept if each.get("globalId") == body["globalId"]), None)
    if old:
        old.update(body)
    else:
        kept.append({"id": int(site.number()), **body})
    id_ = (old or kept[-1])["id"]
    return 200 if old else 201, {"id": id_, "self": f"{site.base}/l/{id_}"}


@route("GET", f"issue/{KEY}/remotelink")
def remote_links(site: JiraSite, asked: Asked, key: str) -> list[Raw]:
    return site.links.get(site.find(key)["key"], [])


@route("DELETE", f"issue/{KEY}")
def delete_issue(site: JiraSite, asked: Asked, key: str) -> None:
    del site.issues[site.find(key)["key"]]
