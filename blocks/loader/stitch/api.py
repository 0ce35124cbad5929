"""Stitch's Connect API: authentication, paging, the few requests of the loader. Not here: what answers mean."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import ClassVar, NamedTuple, TypeVar

from pydantic import JsonValue

from blocks.deadline import Deadline
from blocks.errors import BadAnswer, ContractBroken, NotFound, Rejected
from blocks.http.errors import Refusal, Refusals
from blocks.http.paging import PageGuard
from blocks.http.session import HttpLimits, HttpSession
from blocks.loader.answers import Answer, read_answer
from blocks.loader.base import name_table
from blocks.loader.stitch.health import find_missing_columns
from blocks.loader.stitch.responses import (
    ConnectionCheck,
    Extraction,
    Page,
    Source,
    StartedJob,
    StartError,
    Stream,
    StreamLoad,
    StreamSchema,
)
from blocks.records import SourceTable

Model = TypeVar("Model", bound=Answer)


class LoadState(NamedTuple):
    """When a stream's last batch was loaded (None: never), and whether its loading fails now."""

    loaded_at: datetime | None = None
    failed: bool = False


class StitchApi(HttpSession):
    """Version 4. client: the account's number."""

    service = "Stitch"
    limits = HttpLimits(rate_limit_seconds=math.inf)  # as long as the load's deadline allows
    refusals: ClassVar[Refusals] = {
        401: Refusal("Check the loader's `token`: wrong or expired."),
        404: Refusal("Correct `source_id` in the dbt source, or the loader's address."),
        409: Refusal("Wait for what runs to end."),
    }

    def __init__(self, asked: str, address: str, deadline: Deadline, client: int, token: str) -> None:
        super().__init__(address, asked, deadline=deadline)
        self.client = client
        self.headers["Authorization"] = f"Bearer {token}"

    def list_sources(self) -> list[Source]:
        """List all sources of the account."""
        return self._read_list(Source, "/v4/sources")

    def get_source(self, number: str) -> Source:
        """Read a source."""
        return self._read(Source, "GET", f"/v4/sources/{number}")

    def get_last_check(self, number: str) -> ConnectionCheck:
        """Read the last check of a source's connection; empty if there was none."""
        try:
            return self._read(ConnectionCheck, "GET", f"/v4/sources/{number}/last-connection-check")
        except NotFound:
            return ConnectionCheck()

    def start_job(self, number: str) -> str | None:
        """Start a job and return its name; None if one runs already, which a status of 200 may carry."""
        answer = self._read(StartedJob, "POST", f"/v4/sources/{number}/sync", body={})
        kind = answer.error.type if isinstance(answer.error, StartError) else ""
        if kind == "already_running":
            return None
        if answer.error or answer.job_name is None:
            named = kind if re.fullmatch(r"\w{1,60}", kind) else "no job"
            raise Rejected(self.asked, f"Stitch started nothing ({named})", "Look at the source in Stitch.")
        return answer.job_name

    def get_last_extraction(self, number: str) -> Extraction | None:
        """Return the source's last completed extraction."""
        for record in self._iterate_pages("extractions"):
            if str(record.get("source_id")) == number:
                return read_answer(Extraction, record, self.asked, self.service)
        return None

    def get_load_states(self, name: str, streams: Sequence[str]) -> dict[str, LoadState]:
        """Return stream → the state of its loading."""
        found: dict[str | None, LoadState] = {}
        for record in self._iterate_pages("loads"):
            load = read_answer(StreamLoad, record, self.asked, self.service)
            if load.source_name == name:
                found[load.stream_name] = LoadState(load.last_batch_loaded_at, bool(load.error_state))
        return {stream: found.get(stream, LoadState()) for stream in streams}

    def check_streams(self, number: str, tables: Sequence[SourceTable]) -> None:
        """Raise ContractBroken for a declared table or column that is not selected for replication."""
        path = f"/v4/sources/{number}/streams"
        streams = {stream.stream_name: stream for stream in self._read_list(Stream, path)}
        for table in tables:
            with name_table(table):
                label = f"load {table.full_name} from stream {table.identifier}"
                stream = streams.get(table.identifier)
                if not stream or not stream.selected:
                    raise ContractBroken(label, "the stream is not selected in Stitch", "Select it there.")
                schema = self._read(StreamSchema, "GET", f"{path}/{stream.stream_id}")
                missing = find_missing_columns(table, schema)
                if missing:
                    raise ContractBroken(
                        label,
                        f"column {', '.join(missing)} is missing: Stitch does not replicate it",
                        "Select it there, or take it out of the dbt source and of what reads it.",
                        table.full_name,
                        missing,
                    )

    def _iterate_pages(self, what: str) -> Iterator[dict[str, JsonValue]]:
        """Yield the records of all pages. Raises BadAnswer for a page that comes twice."""
        path: str | None = f"/v4/{self.client}/{what}"
        guard = PageGuard(self.asked, f"the list of {what}")
        while path:
            guard.check(path)
            page = self._read(Page, "GET", path)
            yield from page.data
            path = page.links.next if page.links else None

    def _read(self, model: type[Model], method: str, path: str, body: JsonValue = None) -> Model:
        return read_answer(model, self.call(method, path, json=body), self.asked, self.service)

    def _read_list(self, model: type[Model], path: str) -> list[Model]:
        answer = self.call("GET", path)
        if not isinstance(answer, list):
            raise BadAnswer(
                self.asked, "the answer is not what Stitch documents (no list)", "Check the loader's address."
            )
        return [read_answer(model, one, self.asked, self.service) for one in answer]
