"""Dremio's REST API: statements as jobs with a deadline, the catalogue's spaces and folders, reflections.

After docs.dremio.com/current/reference/api; Cloud's paths are the same below its project. Every call has a
time-out. A statement is sent once: where the answer is lost, the caller must not assume that it did not run.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from blocks.errors import Misconfigured, NotFound, PlatformError, TimedOut, Transient, Unavailable
from blocks.warehouse.dremio.errors import AGAIN, of_job, of_status

TIMEOUTS = (10, 60)  # seconds to connect, to answer
ENDED = {"COMPLETED", "FAILED", "CANCELED", "CANCELLED"}  # both spellings occur
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 2.0  # seconds between two looks at a job


class Rest:
    """An API to talk to. verify: a TLS certificate check, or the path of an authority's certificate."""

    def __init__(self, base: str, project: str | None, verify: bool | str) -> None:
        import requests

        self.base, self.api = base, f"/v0/projects/{project}" if project else "/api/v3"
        self.http, self.verify = requests.Session(), verify

    def login(self, user: str, password: str) -> None:
        """Get a token for a user and password (Software only)."""
        answer = self.call("POST", "/apiv2/login", {"userName": user, "password": password}, "log in")
        self.http.headers["Authorization"] = f"_dremio{answer['token']}"

    def bear(self, token: str) -> None:
        """Use a personal access token."""
        self.http.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, body: Any = None, asked: str = "") -> Any:
        """One call; the answer's JSON. Raises a PlatformError."""
        import requests

        url = self.base + (path if path.startswith("/apiv2") else self.api + path)
        problem: PlatformError | None = None
        try:
            # verify with the call: on the session, an environment variable would win
            answer = self.http.request(
                method, url, json=body, timeout=TIMEOUTS, verify=self.verify, allow_redirects=False
            )
        except requests.Timeout:
            problem = TimedOut(asked or f"{method} {path}", f"no answer in {TIMEOUTS[1]} s", AGAIN)
        except requests.exceptions.SSLError:
            problem = Misconfigured(
                asked or url, "its certificate is not trusted", "Set `authority` in the block."
            )
        except requests.RequestException as error:  # its text may name credentials of a proxy
            problem = Unavailable(asked or f"{method} {path}", type(error).__name__, AGAIN)
        if problem:
            raise problem
        if answer.status_code >= 300:
            said = _message(answer)
            after = answer.headers.get("retry-after")
            raise of_status(asked or f"{method} {path}", answer.status_code, said, after)
        return answer.json() if answer.content else None

    def run(self, sql: str, asked: str, seconds: float, branches: Mapping[str, str] | None = None) -> str:
        """Run a statement to its end and return its job; whatever ends the wait cancels the job.

        branches: Nessie source → the branch it is worked on at.
        """
        body: dict[str, Any] = {"sql": sql}
        if branches:
            body["references"] = {name: {"type": "BRANCH", "value": at} for name, at in branches.items()}
        job = str(self.call("POST", "/sql", body, asked)["id"])
        try:
            self._wait(job, asked, time.monotonic() + seconds)
        except BaseException as error:
            if not isinstance(error, PlatformError) or isinstance(error, Transient):
                self.cancel(job)
            raise
        return job

    def cancel(self, job: str) -> None:
        """End a job if it still runs; no error if that can't be done."""
        try:
            self.call("POST", f"/job/{job}/cancel")
        except PlatformError:
            return

    def _wait(self, job: str, asked: str, deadline: float) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                answer = self.call("GET", f"/job/{job}", asked=asked)
            except Transient:  # one bad look says nothing of the job
                answer = {"jobState": "UNKNOWN"}
            state = answer["jobState"]
            if state == "COMPLETED":
                return
            if state in ENDED:
                raise of_job(
                    asked, state, answer.get("errorMessage") or answer.get("cancellationReason") or ""
                )
            if time.monotonic() > deadline:
                raise TimedOut(asked, f"the job is still {state.lower()}", "It was cancelled.")
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)

    def entity(self, path: tuple[str, ...]) -> dict[str, Any] | None:
        """A catalogue entity by its path; None if there is none."""
        try:
            found: dict[str, Any] = self.call(
                "GET",
                "/catalog/by-path/" + "/".join(quote(part, safe="") for part in path),
                asked=f"look up {'.'.join(path)}",
            )
        except NotFound:
            return None
        return found

    def make_folder(self, path: tuple[str, ...]) -> None:
        """Create a folder and what is missing above it; a first part that is missing becomes a space."""
        if self.entity(path):
            return
        body: dict[str, Any] = {"entityType": "space", "name": path[0]}
        if len(path) > 1:
            self.make_folder(path[:-1])
            body = {"entityType": "folder", "path": list(path)}
        try:
            self.call("POST", "/catalog", body, f"create {'.'.join(path)}")
        except PlatformError:
            if not self.entity(path):  # another process may have been faster
                raise

    def delete(self, path: tuple[str, ...]) -> None:
        """Delete a folder with all it holds; absent: no error."""
        if entity := self.entity(path):
            try:
                self.call(
                    "DELETE", f"/catalog/{quote(entity['id'], safe='')}", asked=f"delete {'.'.join(path)}"
                )
            except NotFound:
                return


def _message(answer: Any) -> str:
    try:
        return str(answer.json().get("errorMessage", ""))
    except (ValueError, AttributeError):
        return str(answer.reason)
