"""Guards around dbt-dremio, put in place in dbt's own process before it starts. For exactly the version below.

Faults of it, each with a test in tests/blocks/vendor_patches/test_dbt_dremio.py:
- it waits for `CANCELLED`, Dremio says `CANCELED`: a cancelled job hangs dbt for ever;
- no call but the login has a time-out, and one 503 while it polls fails the model;
- an interrupted dbt does not cancel its jobs: it calls a method on a method, and on Cloud a wrong address;
- sources without a database are looked for among the views, not among the tables;
- a unit test of a model that reads a source does not compile.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from blocks.deadline import Deadline
from blocks.errors import TimedOut
from blocks.http.polling import Pauses, Pending, poll_until
from blocks.sql import split_path
from blocks.vendor_patches.versions import require_version

if TYPE_CHECKING:
    import requests
    from dbt.adapters.contracts.connection import Connection
    from dbt.contracts.graph.nodes import Macro

SEEN = "1.11.0"
TIMEOUTS = (10, 120)  # seconds to connect, to answer
PAUSES = Pauses(0.02, 2.0)
ENDED = {"COMPLETED", "FAILED", "CANCELED", "CANCELLED"}


class Job(BaseModel):
    """What Dremio answers of a job. row_count: -1 where it does not say."""

    model_config = ConfigDict(alias_generator=to_camel)

    job_state: str
    error_message: str | None = None
    cancellation_reason: str | None = None
    row_count: int | None = -1


def install() -> None:
    """Put every guard in place. Raises Misconfigured for another version than the guards were written for."""
    require_version("dbt-dremio", SEEN)
    _guard_calls()
    _guard_jobs()
    _guard_sources()
    _guard_unit_tests()


def _guard_calls() -> None:
    """Time-outs on every call; GETs again after 429 and 5xx. A POST could run a statement twice."""
    from dbt.adapters.dremio.api.rest import utils
    from requests.adapters import HTTPAdapter
    from urllib3.util.retry import Retry

    class Patient(HTTPAdapter):
        def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
            options["timeout"] = options.get("timeout") or TIMEOUTS
            return super().send(request, **options)

    again = Retry(
        total=6,
        backoff_factor=0.2,
        status_forcelist=(429, 502, 503, 504),
        allowed_methods={"GET"},
        respect_retry_after_header=True,
    )
    for scheme in ("http://", "https://"):
        utils.session.mount(scheme, Patient(max_retries=again))


def _guard_jobs() -> None:
    """Jobs end by every word for it and by a deadline, and are cancelled when dbt is."""
    from dbt.adapters.dremio.api.cursor import DremioCursor
    from dbt.adapters.dremio.api.rest.url_builder import UrlBuilder
    from dbt.adapters.dremio.connections import DremioConnectionManager

    def wait(self: Any) -> None:
        limit = float(os.environ.get("DREMIO_JOB_DEADLINE_SECONDS", "3600"))

        def look() -> Job | Pending:
            found = Job.model_validate(self._rest_client.job_status(self._job_id))
            return found if found.job_state in ENDED else Pending(found.job_state.lower())

        try:
            job = poll_until(look, Deadline("run Dremio's job", limit), PAUSES)
        except TimedOut as error:
            self.job_cancel()
            raise RuntimeError(f"{error.asked}: {error.answer}; cancelled") from None
        if job.job_state != "COMPLETED":
            message = job.error_message or job.cancellation_reason or ""
            raise RuntimeError(f"Dremio's job is {job.job_state.lower()}: {message}")
        self._rowcount = job.row_count

    def cancel(self: object, connection: Connection) -> None:
        cursor = getattr(connection.handle, "_cursor", None)
        if cursor is not None and cursor._job_id:
            cursor.job_cancel()

    status = UrlBuilder.job_status_url
    UrlBuilder.job_cancel_url = classmethod(lambda cls, parameters, job: f"{status(parameters, job)}/cancel")
    DremioCursor._populate_rowcount = wait
    DremioConnectionManager.cancel = cancel


def _guard_sources() -> None:
    """What is in our space but not in the release is a dbt source: it lies with the tables."""
    from dbt.adapters.dremio.relation import DremioRelation

    plain = DremioRelation.create_from.__func__
    tables, (space, *release) = (
        split_path(os.environ["DREMIO_TABLES"]),
        split_path(os.environ["DREMIO_RELEASE"]),
    )

    def create_from(cls: Any, *positional: Any, **named: Any) -> Any:
        made = plain(cls, *positional, **named)
        schema = made.schema or ""
        if made.database != space or f"{schema}.".startswith(".".join([*release, ""])):
            return made
        return made.incorporate(path={"database": tables[0], "schema": ".".join((*tables[1:], schema))})

    DremioRelation.create_from = classmethod(create_from)


def _guard_unit_tests() -> None:
    """Its `source` macro asks the graph, which a unit test has not; its `ref` macro looks first."""
    from dbt.parser.macros import MacroParser

    plain = MacroParser.parse_macro

    def parse_macro(self: object, block: object, base_node: object, name: str) -> Macro:
        macro = plain(self, block, base_node, name)
        if name == "source" and macro.package_name == "dbt_dremio":
            macro.macro_sql = macro.macro_sql.replace("if execute -%}", "if execute and graph -%}")
        return macro

    MacroParser.parse_macro = parse_macro
