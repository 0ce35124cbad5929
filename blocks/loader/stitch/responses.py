"""Stitch's answers: sources, streams, extractions, loads. Fields as stitchdata.com/docs/developers/stitch-connect."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field, JsonValue

from blocks.loader.answers import Answer, OptionalTime, UtcTime


class ReportCard(Answer):
    """How far a source's setup is."""

    current_step_type: str | None = "fully_configured"


class Source(Answer):
    """A source: one connection to a data source of the customer's."""

    name: str
    deleted_at: OptionalTime = None
    paused_at: OptionalTime = None
    system_paused_at: OptionalTime = None
    report_card: ReportCard | None = None

    @property
    def is_paused(self) -> bool:
        """True if a user or Stitch has paused it."""
        return bool(self.paused_at or self.system_paused_at)


class ConnectionCheck(Answer):
    """The last check of a source's connection; all empty if there was none."""

    status: str | None = None
    error: JsonValue = None


class StartError(Answer):
    """Why no job was started."""

    type: str = ""


class StartedJob(Answer):
    """The answer to a start: a job's name, or an error inside a 200."""

    job_name: str | None = None
    error: StartError | str | None = None


class Extraction(Answer):
    """A job's extraction that has ended. Exit statuses: None if that phase was terminated."""

    job_name: str
    completion_time: UtcTime
    discovery_exit_status: int | None = None
    tap_exit_status: int | None = None
    target_exit_status: int | None = None


class StreamLoad(Answer):
    """The loading of a stream into the warehouse."""

    source_name: str | None = None
    stream_name: str | None = None
    last_batch_loaded_at: OptionalTime = None
    error_state: JsonValue = None


class Stream(Answer):
    """A stream: a table of a source."""

    stream_id: int
    stream_name: str
    selected: bool | None = None


class FieldSelection(Answer):
    """Whether a field is replicated: if its inclusion is automatic, or it is not deselected."""

    inclusion: str | None = None
    selected: bool | None = None


class FieldMetadata(Answer):
    """A field's selection. breadcrumb: `properties` and its name; other lengths are other things."""

    breadcrumb: Sequence[str] = ()
    metadata: FieldSelection = FieldSelection()


class StreamSchema(Answer):
    """A stream's fields. json_schema: JSON text of a JSON schema."""

    json_schema: str | None = Field(alias="schema")
    metadata: Sequence[FieldMetadata] = ()


class Links(Answer):
    """Where the next page is."""

    next: str | None = None


class Page(Answer):
    """A page of records."""

    data: list[dict[str, JsonValue]]
    links: Links | None = None
