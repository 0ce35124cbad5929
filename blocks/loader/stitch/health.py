"""What Stitch's answers mean: can a source replicate, did a job end well, what is selected. No requests are made."""

from __future__ import annotations

import json
import re

from blocks.errors import Misconfigured, Rejected, Unavailable
from blocks.loader.stitch.responses import ConnectionCheck, Extraction, Source, StreamSchema
from blocks.records import SourceTable


def check_source(asked: str, source: Source, last: ConnectionCheck) -> None:
    """Raise Misconfigured, with the reason, for a source that can't replicate."""
    step = source.report_card.current_step_type if source.report_card else "fully_configured"
    problem = ""
    if source.deleted_at:
        problem = "the source was deleted"
    elif source.is_paused:
        problem = f"the source is paused by {'a user' if source.paused_at else 'Stitch'}"
    elif step != "fully_configured":
        known = step if re.fullmatch(r"[a-z_]{1,40}", step or "") else "unknown"
        problem = f"its setup is incomplete ({known})"
    elif last.status == "failed" or last.error:
        problem = "its last connection check failed"
    if problem:
        raise Misconfigured(asked, problem, "Put it right in Stitch, then run again.")


def check_exit(asked: str, ended: Extraction) -> None:
    """Raise unless all phases of an extraction ended with 0. Their descriptions may hold anything: never shown.

    A phase that was terminated, by a person or by Stitch's time limit, may pass (Unavailable); so may a target
    that failed, since it is Stitch's own. Discovery and tap fail by the source's settings or credentials (Rejected).
    """
    remedy = f"Read the log of job {ended.job_name} in Stitch."
    phases = {
        "discovery": ended.discovery_exit_status,
        "tap": ended.tap_exit_status,
        "target": ended.target_exit_status,
    }
    for phase, status in phases.items():
        if status is None:
            raise Unavailable(asked, f"the job was terminated during {phase}", remedy)
        if status != 0:
            kind = Unavailable if phase == "target" else Rejected
            raise kind(asked, f"{phase} failed (exit status {status})", remedy)


def find_missing_columns(table: SourceTable, schema: StreamSchema) -> list[str]:
    """Return the declared columns that a stream does not replicate; none if its schema can't be read."""
    replicated = _list_replicated(schema)
    return [
        column.name
        for column in table.columns
        if replicated and _simplify_name(column.origin) not in replicated
    ]


def _list_replicated(schema: StreamSchema) -> set[str]:
    """Return the simplified names of the fields that are replicated; none if the schema does not say."""
    try:
        properties = json.loads(schema.json_schema or "").get("properties", {})
    except (TypeError, ValueError, AttributeError):
        return set()
    left = {
        field.breadcrumb[1]
        for field in schema.metadata
        if len(field.breadcrumb) == 2
        and field.metadata.inclusion != "automatic"
        and field.metadata.selected is False
    }
    return {_simplify_name(name) for name in properties if name not in left}


def _simplify_name(name: str) -> str:
    """Reduce a column's name to what Stitch keeps of it: it changes case and special characters."""
    return re.sub(r"[\W_]", "", name).lower()
