"""What Stitch's answers mean: can a source replicate, did a job end well, what is selected. No requests are made."""

from __future__ import annotations

import json
import re
from typing import Any

from blocks.errors import Misconfigured, Rejected, Unavailable
from blocks.records import SourceTable

PHASES = ("discovery", "tap", "target")


def check_source(asked: str, source: Any, last: Any) -> None:
    """Raise Misconfigured, with the reason, for a source that can't replicate."""
    step = (source.get("report_card") or {}).get("current_step_type", "fully_configured")
    problem = ""
    if source.get("deleted_at"):
        problem = "the source was deleted"
    elif source.get("paused_at") or source.get("system_paused_at"):
        problem = f"the source is paused by {'a user' if source.get('paused_at') else 'Stitch'}"
    elif step != "fully_configured":
        problem = (
            f"its setup is incomplete ({step if re.fullmatch(r'[a-z_]{1,40}', str(step)) else 'unknown'})"
        )
    elif last.get("status") == "failed" or last.get("error"):
        problem = "its last connection check failed"
    if problem:
        raise Misconfigured(asked, problem, "Put it right in Stitch, then run again.")


def check_exit(asked: str, ended: Any) -> None:
    """Raise unless all phases of an extraction ended with 0. Their descriptions may hold anything: never shown.

    None: terminated, by a person or by Stitch's time limit, which may pass (Unavailable); so may a target that
    failed, since it is Stitch's own. Discovery and tap fail by the source's settings or credentials (Rejected).
    """
    remedy = f"Read the log of job {ended['job_name']} in Stitch."
    for phase in PHASES:
        status = ended.get(f"{phase}_exit_status")
        if status is None:
            raise Unavailable(asked, f"the job was terminated during {phase}", remedy)
        if status != 0:
            kind = Unavailable if phase == "target" else Rejected
            raise kind(asked, f"{phase} failed (exit status {int(status)})", remedy)


def gone_columns(table: SourceTable, shape: Any) -> list[str]:
    """The declared columns that a stream's shape does not replicate."""
    known = _replicated(shape)
    return [column.name for column in table.columns if known and _plain(column.origin) not in known]


def _replicated(shape: Any) -> set[str]:
    """The plain names of the columns that are replicated; empty if the shape does not say."""
    try:
        properties = json.loads(shape["schema"]).get("properties", {})
    except (TypeError, ValueError, AttributeError):
        return set()
    left = {
        one["breadcrumb"][1]
        for one in shape.get("metadata", [])
        if len(one.get("breadcrumb", [])) == 2
        and one["metadata"].get("inclusion") != "automatic"
        and one["metadata"].get("selected") is False
    }
    return {_plain(name) for name in properties if name not in left}


def _plain(name: str) -> str:
    """A column's name as it is told apart: Stitch changes case and special characters."""
    return re.sub(r"[\W_]", "", name).lower()
