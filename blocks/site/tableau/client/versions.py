"""Which version of Tableau's REST API each call needs, as its reference and the client say. A new call goes here.

Asked once, at sign-in. Tableau Cloud is always new enough.
"""

from __future__ import annotations

from blocks.errors import Misconfigured

CALLS: dict[str, tuple[int, int]] = {
    "serverInfo": (2, 4),
    "auth/signin with a personal access token": (3, 6),
    "auth/signin with a connected app": (3, 17),
    "auth/signout": (2, 0),
    "projects: list, make": (2, 0),
    "projects: parentProjectId, nested": (2, 7),
    "projects: default permissions": (2, 0),
    "groups: list": (2, 0),
    "workbooks and datasources: list, publish in parts": (2, 0),
    "workbooks and datasources: publish as a job": (3, 0),
    "jobs: ask": (2, 6),
    "workbooks: download without extract": (2, 5),
    "workbooks: revisions": (2, 3),
    "workbooks and datasources: owner, tabs, tags": (2, 0),
    "workbooks and datasources: connections": (2, 3),
    "workbooks and datasources: refresh": (2, 8),
    "workbooks and datasources: permissions": (2, 0),
    "datasources: how many workbooks read one": (2, 0),
    "datasources: delete": (2, 0),
    "views: list with usage": (2, 0),
    "views: tags": (2, 0),
    "views: image": (2, 5),
    "views: data, no older than a minute": (2, 7),
}
"""What is asked of the server → the oldest version of the API that has it."""
REPLACE_DAYS = "datasources: change the data of an extract"
OPTIONAL: dict[str, tuple[int, int]] = {
    "workbooks: description, changed alone": (3, 21),
    REPLACE_DAYS: (3, 13),
    "datasources: warnings of quality": (3, 5),
    "subscriptions: list": (2, 3),
    "data_alerts: list": (3, 2),
    "custom_views: list": (3, 18),
}
"""The same of what is left out on an older server."""
TABLEAU: dict[tuple[int, int], str] = {
    (3, 6): "2019.4",
    (3, 17): "2022.3",
    (3, 21): "2023.3",
    (3, 25): "2025.1",
}
"""Version of the API → the Tableau Server that came with it."""
APP = "auth/signin with a connected app"
OLDEST = max(version for call, version in CALLS.items() if call != APP)


def check_version(asked: str, version: tuple[int, int], needed: tuple[int, int], why: str) -> None:
    """Raise Misconfigured for a server that is too old; why: what needs it."""
    if version < needed:
        had = ".".join(map(str, version))
        raise Misconfigured(
            asked,
            f"the server's REST API is {had}, and {why} needs {'.'.join(map(str, needed))}",
            f"Use Tableau Server {TABLEAU[needed]} or later, or Tableau Cloud.",
        )
