"""The one time zone in which points in time become days: the project's, whatever a machine's or a session's is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from blocks.errors import Misconfigured

UTC_ZONE = "UTC"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+/-]{0,63}")


def read_time_zone(settings: Mapping[str, object]) -> str:
    """The zone of a dbt_project.yml, `vars: {ticket_to_dashboard: {time_zone: Europe/Berlin}}`; default: UTC.

    Raises Misconfigured for a name that is no zone.
    """
    variables = settings.get("vars")
    ours = variables.get("ticket_to_dashboard") if isinstance(variables, Mapping) else None
    name = ours.get("time_zone", UTC_ZONE) if isinstance(ours, Mapping) else UTC_ZONE
    if not isinstance(name, str) or not _NAME.fullmatch(name) or not _is_known(name):
        raise Misconfigured(
            "read dbt_project.yml",
            f"time_zone of vars.ticket_to_dashboard is {str(name)[:60]!r}, no time zone",
            "Use a name of the IANA database, such as Europe/Berlin.",
        )
    return name


def _is_known(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, ZoneInfoNotFoundError, OSError):
        return False
    return True
