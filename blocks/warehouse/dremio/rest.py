"""Dremio's REST API: statements as jobs with a deadline, the catalogue's spaces and folders, reflections.

After docs.dremio.com/current/reference/api; Cloud's paths are the same below its project. Every call has a
time-out. A statement is sent once: where the answer is lost, the caller must not assume that it did not run.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from blocks.errors import (
    BadAnswer,
    Misconfigured,
    NotFound,
    PlatformError,
    TimedOut,
    Transient,
    Unavailable,
)
from blocks.warehouse.dremio.errors import TRY_AGAIN, make_job_error, make_status_error

if TYPE_CHECKING:
    import requests

TIMEOUTS = (10, 60)  # seconds to connect, to answer
ENDED = {"COMPLETED", "FAILED", "CANCELED", "CANCELLED"}  # both spellings occur
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 2.0  # seconds between two looks at a job


class Answer(BaseModel):
    """What Dremio answers, in its camelCase; what is not asked for is left out."""

    model_config = ConfigDict(alias_generator=to_camel)


class Login(Answer):
    """The answer to a login."""

    token: str


class Created(Answer):
    """The id of what a call made: a job, an entity, a reflection."""

    id: str


class Job(Answer):
    """A job's state; error_message or cancellation_reason where it ended without success."""

    job_state: str
    error_message: str | None = None
    cancellation_reason: str | None = None


class Child(Answer):
    """An entity in a folder."""

    path: list[str]


class Entity(Answer):
    """An entity of the catalogue: a source, space, folder, table or view. children: a folder's or space's."""

    id: str
    children: list[Child] = []


class Reflection(Answer):
    """A reflection of a dataset."""

    id: str
    name: str


class Reflections(Answer):
    """A dataset's reflections."""

    data: list[Reflection] = []


class ReflectionStatus(Answer):
    """combined_status: whether it can accelerate; refresh: GIVEN_UP where Dremio will not try again."""

    combined_status: str = ""
    refresh: str = ""


class ReflectionState(Answer):
    """A reflection with its status."""

    status: ReflectionStatus


class Problem(Answer):
    """What Dremio says of a call that failed."""

    error_message: str = ""


A = TypeVar("A", bound=Answer)


class DremioRest:
    """An API to talk to. verify: a TLS certificate check, or the path of an authority's certificate."""

    def __init__(self, base: str, project: str | None, verify: bool | str) -> None:
        import requests

        self.base, self.api = base, f"/v0/projects/{project}" if project else "/api/v3"
        self.http, self.verify = requests.Session(), verify

    def login(self, user: str, password: str) -> None:
        """Get a token for a user and password (Software only)."""
        answer = self.call("POST", "/apiv2/login", Login, {"userName": user, "password": password}, "log in")
        self.http.headers["Authorization"] = f"_dremio{answer.token}"

    def use_token(self, token: str) -> None:
        """Log in by a personal access token."""
        self.http.headers["Authorization"] = f"Bearer {token}"

    def close(self) -> None:
        """End the connection."""
        self.http.close()

    def call(
        self,
        method: str,
        path: str,
        answer: type[A],
        body: Mapping[str, object] | None = None,
        asked: str = "",
    ) -> A:
        """One call and its answer. Raises a PlatformError."""
        content = self.send(method, path, body, asked)
        try:
            return answer.model_validate_json(content)
        except ValidationError:
            pass  # raised below: the error holds the answer
        raise BadAnswer(
            asked or f"{method} {path}", "the answer is not as documented", "Check host and port."
        )

    def send(
        self, method: str, path: str, body: Mapping[str, object] | None = None, asked: str = ""
    ) -> bytes:
        """One call and the bytes of its answer. Raises a PlatformError."""
        import requests

        url, asked = (
            self.base + (path if path.startswith("/apiv2") else self.api + path),
            asked or f"{method} {path}",
        )
        problem: PlatformError | None = None
        try:
            # verify with the call: on the session, an environment variable would win
            answer = self.http.request(
                method, url, json=body, timeout=TIMEOUTS, verify=self.verify, allow_redirects=False
            )
        except requests.Timeout:
            problem = TimedOut(asked, f"no answer in {TIMEOUTS[1]} s", TRY_AGAIN)
        except requests.exceptions.SSLError:
            problem = Misconfigured(asked, "its certificate is not trusted", "Set `authority` in the block.")
        except requests.RequestException as error:  # its text may name credentials of a proxy
            problem = Unavailable(asked, type(error).__name__, TRY_AGAIN)
        if problem:
            raise problem
        if answer.status_code >= 300:
            after = answer.headers.get("retry-after")
            raise make_status_error(asked, answer.status_code, _read_message(answer), after)
        return answer.content

    def run(self, sql: str, asked: str, seconds: float, branches: Mapping[str, str] | None = None) -> str:
        """Run a statement to its end and return its job; whatever ends the wait cancels the job.

        branches: Nessie source → the branch it is worked on at.
        """
        body: dict[str, object] = {"sql": sql}
        if branches:
            body["references"] = {name: {"type": "BRANCH", "value": at} for name, at in branches.items()}
        job = self.call("POST", "/sql", Created, body, asked).id
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
            self.send("POST", f"/job/{job}/cancel")
        except PlatformError:
            return

    def _wait(self, job: str, asked: str, deadline: float) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                answer = self.call("GET", f"/job/{job}", Job, asked=asked)
            except Transient:  # one bad look says nothing of the job
                answer = Job(jobState="UNKNOWN")
            state = answer.job_state
            if state == "COMPLETED":
                return
            if state in ENDED:
                raise make_job_error(asked, state, answer.error_message or answer.cancellation_reason or "")
            if time.monotonic() > deadline:
                raise TimedOut(asked, f"the job is still {state.lower()}", "It was cancelled.")
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)

    def find_entity(self, path: tuple[str, ...]) -> Entity | None:
        """A catalogue entity by its path; None if there is none."""
        at = "/".join(quote(part, safe="") for part in path)
        try:
            return self.call("GET", f"/catalog/by-path/{at}", Entity, asked=f"look up {'.'.join(path)}")
        except NotFound:
            return None

    def make_folder(self, path: tuple[str, ...]) -> None:
        """Create a folder and what is missing above it; a first part that is missing becomes a space."""
        if self.find_entity(path):
            return
        body: dict[str, object] = {"entityType": "space", "name": path[0]}
        if len(path) > 1:
            self.make_folder(path[:-1])
            body = {"entityType": "folder", "path": list(path)}
        try:
            self.send("POST", "/catalog", body, f"create {'.'.join(path)}")
        except PlatformError:
            if not self.find_entity(path):  # another process may have been faster
                raise

    def delete_folder(self, path: tuple[str, ...]) -> None:
        """Delete a folder with all it holds; absent: no error."""
        if entity := self.find_entity(path):
            at = quote(entity.id, safe="")
            try:
                self.send("DELETE", f"/catalog/{at}", asked=f"delete {'.'.join(path)}")
            except NotFound:
                return


def _read_message(answer: requests.Response) -> str:
    try:
        return Problem.model_validate_json(answer.content).error_message
    except ValidationError:
        return str(answer.reason)
