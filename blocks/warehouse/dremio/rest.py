"""Dremio's REST API: statements as jobs with a deadline, the catalogue's spaces and folders, reflections.

After docs.dremio.com/current/reference/api; Cloud's paths are the same below its project. Every call has a
time-out. A statement is sent once: where the answer is lost, the caller must not assume that it did not run.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from blocks.deadline import Deadline
from blocks.errors import BadAnswer, NotFound, PlatformError, Rejected, Transient
from blocks.http.errors import Refusal, Refusals
from blocks.http.polling import Pauses, Pending, poll_until
from blocks.http.session import HttpLimits, HttpSession
from blocks.warehouse.dremio.errors import (
    ASK_FOR_RIGHTS,
    CHECK_LOGIN,
    TRY_AGAIN,
    clip_first_line,
    make_job_error,
)
from blocks.warehouse.dremio.responses import (
    ENDED,
    Answer,
    Created,
    Entity,
    Job,
    Labels,
    Login,
    Problem,
    Wiki,
)

if TYPE_CHECKING:
    import requests

LOGIN = "log in to Dremio"
JOB_PAUSES = Pauses(first=0.02, longest=2.0)

A = TypeVar("A", bound=Answer)


class DremioRest(HttpSession):
    """The API of one server, or of one project of Cloud. api: the path that calls are below."""

    service = "Dremio"
    limits = HttpLimits(connect_seconds=10, read_seconds=60, total_seconds=120)
    refusals: ClassVar[Refusals] = {
        401: Refusal(CHECK_LOGIN),
        403: Refusal(ASK_FOR_RIGHTS),
        404: Refusal(""),
        408: Refusal(TRY_AGAIN),
        409: Refusal("", Rejected),
        425: Refusal(TRY_AGAIN),
        429: Refusal(TRY_AGAIN),
        502: Refusal(TRY_AGAIN),
        503: Refusal(TRY_AGAIN),
    }

    def __init__(self, base_url: str, project: str | None, verify: bool | str) -> None:
        super().__init__(base_url, verify=verify)
        self.api = f"/v0/projects/{project}" if project else "/api/v3"

    def log_in(self, user: str, password: str) -> None:
        """Get a token for a user and password (Software only)."""
        body = {"userName": user, "password": password}
        login = read_answer(Login, LOGIN, self.call("POST", "/apiv2/login", asked=LOGIN, json=body))
        self.headers["Authorization"] = f"_dremio{login.token}"

    def use_token(self, token: str) -> None:
        """Log in by a personal access token."""
        self.headers["Authorization"] = f"Bearer {token}"

    def read(self, answer: type[A], path: str, asked: str) -> A:
        """What a path below the API answers. Raises a PlatformError."""
        return read_answer(answer, asked, self.call("GET", self.api + path, asked=asked))

    def create(self, path: str, body: Mapping[str, object], asked: str) -> str:
        """Create a job or a reflection; return its id. Raises a PlatformError."""
        return read_answer(Created, asked, self.call("POST", self.api + path, asked=asked, json=body)).id

    def read_if_there(self, answer: type[A], path: str, asked: str) -> A | None:
        """What a path below the API answers; None if there is nothing."""
        try:
            return self.read(answer, path, asked)
        except NotFound:
            return None

    def write(self, path: str, body: Mapping[str, object], known: type[Wiki | Labels], asked: str) -> None:
        """Write a wiki or labels, in place of the version that is there. Raises Rejected if another was faster."""
        there = self.read_if_there(known, path, asked)
        version = {} if there is None or there.version is None else {"version": there.version}
        self.call("POST", self.api + path, asked=asked, json={**body, **version})

    def replace(self, path: str, body: Mapping[str, object], asked: str) -> None:
        """Write what a path holds."""
        self.call("PUT", self.api + path, asked=asked, json=body)

    def describe_refusal(self, response: requests.Response) -> str:
        """The first line of Dremio's message, without what may be data."""
        try:
            return clip_first_line(Problem.model_validate_json(response.content).error_message)
        except ValidationError:
            return clip_first_line(str(response.reason))

    def run(self, sql: str, asked: str, seconds: float, branches: Mapping[str, str] | None = None) -> str:
        """Run a statement to its end and return its job; whatever ends the wait cancels the job.

        branches: Nessie source → the branch it is worked on at.
        """
        body: dict[str, object] = {"sql": sql}
        if branches:
            body["references"] = {name: {"type": "BRANCH", "value": at} for name, at in branches.items()}
        job = self.create("/sql", body, asked)
        try:
            self._wait(job, Deadline(asked, seconds, "It was cancelled."))
        except BaseException as error:
            if not isinstance(error, PlatformError) or isinstance(error, Transient):
                self.cancel(job)
            raise
        return job

    def cancel(self, job: str) -> None:
        """End a job if it still runs; no error if that can't be done."""
        with suppress(PlatformError):
            self.call("POST", f"{self.api}/job/{job}/cancel", asked=f"cancel job {job}")

    def _wait(self, job: str, deadline: Deadline) -> None:
        """Look at a job until it has ended; one look that fails says nothing of it."""

        def look() -> Job | Pending:
            found = self.read(Job, f"/job/{job}", deadline.asked)
            state = found.job_state
            return found if state in ENDED else Pending(f"the job is still {state.lower()}")

        ended = poll_until(look, deadline, JOB_PAUSES, retry_on=(Transient,))
        if ended.job_state != "COMPLETED":
            reason = ended.error_message or ended.cancellation_reason or ""
            raise make_job_error(deadline.asked, ended.job_state, reason)

    def find_entity(self, path: tuple[str, ...]) -> Entity | None:
        """A catalogue entity by its path; None if there is none."""
        at = "/".join(quote(part, safe="") for part in path)
        try:
            return self.read(Entity, f"/catalog/by-path/{at}", f"look up {'.'.join(path)}")
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
            self.call("POST", f"{self.api}/catalog", asked=f"create {'.'.join(path)}", json=body)
        except PlatformError:
            if not self.find_entity(path):  # another process may have been faster
                raise

    def delete_folder(self, path: tuple[str, ...]) -> None:
        """Delete a folder with all it holds; absent: no error."""
        if entity := self.find_entity(path):
            at = quote(entity.id, safe="")
            with suppress(NotFound):
                self.call("DELETE", f"{self.api}/catalog/{at}", asked=f"delete {'.'.join(path)}")


def read_answer(model: type[A], asked: str, answer: object) -> A:
    """Read an answer's JSON as a model. Raises BadAnswer if it has another shape."""
    try:
        return model.model_validate(answer)
    except ValidationError:
        pass  # raised below: the error holds the answer
    raise BadAnswer(asked, "Dremio's answer is not as documented", "Check host and port.")
