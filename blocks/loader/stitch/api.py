"""Stitch's Connect API: authentication, paging, the few requests of the loader. Not here: what answers mean."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from blocks.deadline import Deadline
from blocks.errors import BadAnswer, ContractBroken, NotFound, Rejected
from blocks.http.errors import Refusal, Refusals
from blocks.http.session import HttpLimits, HttpSession
from blocks.loader.stitch.health import gone_columns
from blocks.records import SourceTable


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

    def sources(self) -> list[Any]:
        """All sources of the account."""
        found: list[Any] = self._shaped(self.call("GET", "/v4/sources"), list)
        return found

    def source(self, number: str) -> Any:
        """A source."""
        return self._shaped(self.call("GET", f"/v4/sources/{number}"), dict, "name")

    def last_check(self, number: str) -> Any:
        """The last check of a source's connection; empty if there was none."""
        try:
            return self._shaped(self.call("GET", f"/v4/sources/{number}/last-connection-check"), dict)
        except NotFound:
            return {}

    def start(self, number: str) -> str | None:
        """Start a job and return its name; None if one runs already, which is said inside a 200."""
        answer = self._shaped(self.call("POST", f"/v4/sources/{number}/sync", json={}), dict)
        error = answer.get("error")
        kind = error.get("type") if isinstance(error, dict) else None
        if kind == "already_running":
            return None
        if error or not isinstance(answer.get("job_name"), str):
            named = kind if isinstance(kind, str) and re.fullmatch(r"\w{1,60}", kind) else "no job"
            raise Rejected(self.asked, f"Stitch started nothing ({named})", "Look at the source in Stitch.")
        return str(answer["job_name"])

    def extraction(self, number: str) -> Any | None:
        """The record of a source's last completed extraction."""
        for record in self._pages("extractions"):
            if str(record.get("source_id")) == number:
                return self._shaped(record, dict, "job_name", "completion_time")
        return None

    def loads(self, name: str, streams: Sequence[str]) -> dict[str, tuple[str, bool]]:
        """stream → when its last batch was loaded (empty: never), and whether its loading fails now."""
        found = {
            str(one.get("stream_name")): (
                str(one.get("last_batch_loaded_at") or ""),
                bool(one.get("error_state")),
            )
            for one in self._pages("loads")
            if one.get("source_name") == name
        }
        return {stream: found.get(stream, ("", False)) for stream in streams}

    def check_streams(self, number: str, tables: Sequence[SourceTable]) -> None:
        """Raise ContractBroken for a declared table or column that is not selected for replication."""
        listed = self._shaped(self.call("GET", f"/v4/sources/{number}/streams"), list)
        streams = {str(one.get("stream_name")): one for one in listed}
        for table in tables:
            label = f"load {table.full_name} from stream {table.identifier}"
            stream = streams.get(table.identifier)
            if not stream or not stream.get("selected"):
                raise ContractBroken(label, "the stream is not selected in Stitch", "Select it there.")
            shape = self.call("GET", f"/v4/sources/{number}/streams/{int(stream['stream_id'])}")
            gone = gone_columns(table, self._shaped(shape, dict, "schema"))
            if gone:
                raise ContractBroken(
                    label,
                    f"column {', '.join(gone)} is missing: Stitch does not replicate it",
                    "Select it there, or take it out of the dbt source and of what reads it.",
                )

    def _pages(self, what: str) -> Iterator[Any]:
        path: str | None = f"/v4/{self.client}/{what}"
        while path:
            page = self._shaped(self.call("GET", path), dict, "data")
            yield from page["data"]
            path = (page.get("links") or {}).get("next")

    def _shaped(self, answer: Any, kind: Any, *names: str) -> Any:
        if not isinstance(answer, kind) or any(name not in answer for name in names):
            raise BadAnswer(
                self.asked, "the answer is not what Stitch documents", "Check the loader's address."
            )
        return answer
