"""Reflections of a release: made by name on every mart, awaited until they can accelerate, before readers see it.

They stand on the release's own datasets, not on readers' views: a reflection of a view is lost when the view is
replaced. A release does not change, so one build is all they need.
"""

from __future__ import annotations

import logging

from blocks.deadline import Deadline
from blocks.errors import PlatformError, Rejected
from blocks.http.polling import Pauses, Pending, poll_until
from blocks.records import Release
from blocks.warehouse.dremio.responses import Reflections, ReflectionState
from blocks.warehouse.dremio.rest import DremioRest
from blocks.warehouse.dremio.session import DremioSession
from blocks.warehouse.dremio.settings import DremioSettings

NAME = "ticket_to_dashboard"
PAUSES = Pauses(first=0.05, longest=5.0)
READY = {"CAN_ACCELERATE", "CAN_ACCELERATE_WITH_FAILURES"}
BROKEN = {"FAILED", "INVALID", "DISABLED", "EXPIRED"}


def build_reflections(
    settings: DremioSettings, session: DremioSession, columns: dict[str, dict[str, str]], release: Release
) -> None:
    """Make and await the reflections, as the block says. Raises Rejected, TimedOut where they are required."""
    if settings.reflections == "none":
        return
    try:
        made = {
            mart: _make(settings, session.rest, relation, list(columns[mart]))
            for mart, relation in release.marts.items()
        }
        deadline = Deadline(f"reflect {release.run}", settings.deadline_seconds)  # for all of them
        for mart, reflection in made.items():
            _wait(session.rest, mart, reflection, deadline.seconds_left)
    except PlatformError as error:
        if settings.reflections == "required":
            raise
        logging.getLogger(__name__).warning("published without acceleration: %s", error)


def _make(settings: DremioSettings, rest: DremioRest, relation: str, columns: list[str]) -> str:
    """The reflection's id; made where it is missing."""
    asked = f"reflect {relation}"
    dataset = rest.find_entity(settings.names.split_relation(relation))
    if dataset is None:
        raise Rejected(asked, "Dremio's catalogue does not list it", "Refresh the source's metadata.")
    listed = rest.read(Reflections, f"/dataset/{dataset.id}/reflection", asked)
    for reflection in listed.data:
        if reflection.name == NAME:
            return reflection.id
    body = {
        "entityType": "reflection",
        "type": "RAW",
        "name": NAME,
        "datasetId": dataset.id,
        "enabled": True,
        "displayFields": [{"name": name} for name in columns],
    }
    return rest.create("/reflection", body, asked)


def _wait(rest: DremioRest, mart: str, reflection: str, seconds: float) -> None:
    asked = f"reflect {mart}"

    def look() -> bool | Pending:
        status = rest.read(ReflectionState, f"/reflection/{reflection}", asked).status
        state = status.combined_status
        if state in BROKEN or status.refresh == "GIVEN_UP":
            raise Rejected(asked, f"its reflection is {state.lower()}", "See its refresh job in Dremio.")
        return state in READY or Pending(f"its reflection is still {state.lower()}")

    poll_until(look, Deadline(asked, seconds), PAUSES)
