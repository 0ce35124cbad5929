"""Reflections of a release: made by name on every mart, awaited until they can accelerate, before readers see it.

They stand on the release's own datasets, not on readers' views: a reflection of a view is lost when the view is
replaced. A release does not change, so one build is all they need.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from blocks.errors import PlatformError, Rejected, TimedOut
from blocks.records import Release
from blocks.warehouse.dremio.session import DremioSession

if TYPE_CHECKING:
    from blocks.warehouse.dremio.warehouse import DremioWarehouse

NAME = "ticket_to_dashboard"
PAUSES = (0.05, 5.0)  # seconds between two looks, at first and at most
READY, BROKEN = (
    {"CAN_ACCELERATE", "CAN_ACCELERATE_WITH_FAILURES"},
    {"FAILED", "INVALID", "DISABLED", "EXPIRED"},
)


def accelerate(
    warehouse: DremioWarehouse, session: DremioSession, columns: dict[str, dict[str, str]], release: Release
) -> None:
    """Make and await the reflections, as the block says. Raises Rejected, TimedOut where they are required."""
    if warehouse.reflections == "none":
        return
    try:
        made = {
            mart: _make(warehouse, session, relation, list(columns[mart]))
            for mart, relation in release.marts.items()
        }
        deadline = time.monotonic() + warehouse.deadline_seconds
        for mart, reflection in made.items():
            _wait(session, mart, reflection, deadline)
    except PlatformError as error:
        if warehouse.reflections == "required":
            raise
        logging.getLogger(__name__).warning("published without acceleration: %s", error)


def _make(warehouse: DremioWarehouse, session: DremioSession, relation: str, columns: list[str]) -> str:
    """The reflection's id; made where it is missing."""
    path = warehouse.names.path(*relation.rsplit(".", 1))
    dataset = session.rest.entity(path)
    if dataset is None:
        raise Rejected(
            f"reflect {relation}", "Dremio's catalogue does not list it", "Refresh the source's metadata."
        )
    listed = session.rest.call("GET", f"/dataset/{dataset['id']}/reflection", asked=f"reflect {relation}")
    for held in listed.get("data", ()):
        if held["name"] == NAME:
            return str(held["id"])
    body: dict[str, Any] = {
        "entityType": "reflection",
        "type": "RAW",
        "name": NAME,
        "datasetId": dataset["id"],
        "enabled": True,
        "displayFields": [{"name": name} for name in columns],
    }
    return str(session.rest.call("POST", "/reflection", body, f"reflect {relation}")["id"])


def _wait(session: DremioSession, mart: str, reflection: str, deadline: float) -> None:
    pause = PAUSES[0]
    while True:
        status = session.rest.call("GET", f"/reflection/{reflection}", asked=f"reflect {mart}")["status"]
        combined = str(status.get("combinedStatus", ""))
        if combined in READY:
            return
        if combined in BROKEN or status.get("refresh") == "GIVEN_UP":
            raise Rejected(
                f"reflect {mart}",
                f"its reflection is {combined.lower()}",
                "See its refresh job in Dremio.",
            )
        if time.monotonic() > deadline:
            raise TimedOut(f"reflect {mart}", f"its reflection is still {combined.lower()}")
        time.sleep(pause)
        pause = min(pause * 1.5, PAUSES[1])
