"""OpenLineage: how each thing was made of others, sent where OPENLINEAGE_URL says. Otherwise nothing.

The variables are those of OpenLineage's own clients: OPENLINEAGE_URL, OPENLINEAGE_ENDPOINT, OPENLINEAGE_API_KEY,
OPENLINEAGE_NAMESPACE. Events follow its specification 2-0-2, RunEvent; names only, no data.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TypeAlias
from uuid import NAMESPACE_URL, uuid5

from blocks.errors import PlatformError

PRODUCER = "urn:ticket-to-dashboard"
SPEC = "https://openlineage.io/spec"
TIMEOUT_SECONDS, PAUSE_SECONDS = 5, 60
_paused = [0.0]
_log = logging.getLogger(__name__)


Columns: TypeAlias = Mapping[str, Sequence[tuple[str, str]]]
"""Column of what was made → (key, column) of each that it is made of."""


def is_wanted() -> bool:
    """True where there is a server to send lineage to."""
    return bool(os.environ.get("OPENLINEAGE_URL"))


def send_lineage(  # one event
    job: str,
    run: str,
    inputs: Sequence[str],
    output: str,
    rows: int | None = None,
    good: bool = True,
    columns: Columns = MappingProxyType({}),
) -> None:
    """Send how one thing was made; keys are `scheme://authority/rest`.

    A server that fails is logged, and left alone for a minute: lineage is never in a run's way.
    """
    url = os.environ.get("OPENLINEAGE_URL")
    if not url or time.monotonic() < _paused[0]:
        return
    from blocks.http.session import HttpLimits, HttpSession

    limits = HttpLimits(TIMEOUT_SECONDS, TIMEOUT_SECONDS, TIMEOUT_SECONDS)
    path = "/" + os.environ.get("OPENLINEAGE_ENDPOINT", "api/v1/lineage").lstrip("/")
    try:
        with HttpSession(url, f"send lineage of {job}", limits=limits) as session:
            if key := os.environ.get("OPENLINEAGE_API_KEY"):
                session.headers["Authorization"] = f"Bearer {key}"
            for kind in ("START", "COMPLETE" if good else "FAIL"):
                event = build_event(kind, job, run, inputs, output, rows, columns)
                session.post(session.base_url + path, json=event)
    except PlatformError as error:
        _paused[0] = time.monotonic() + PAUSE_SECONDS
        _log.warning("the OpenLineage server did not take %s: %s", job, error.answer)


def build_event(  # one event
    kind: str,
    job: str,
    run: str,
    inputs: Sequence[str],
    output: str,
    rows: int | None,
    columns: Columns = MappingProxyType({}),
) -> dict[str, object]:
    """Build a RunEvent. The same job of the same run has the same id, so a repetition is no second run."""
    namespace = os.environ.get("OPENLINEAGE_NAMESPACE", "ticket-to-dashboard")
    made = _make_dataset(output)
    if rows is not None:
        facet = {"rowCount": rows, **_make_facet("facets/1-0-2/OutputStatisticsOutputDatasetFacet")}
        made["outputFacets"] = {"outputStatistics": facet}
    if columns:
        made["facets"] = {"columnLineage": _describe_columns(columns)}
    parent = {
        "run": {"runId": _make_run_id(run, "deliver")},
        "job": {"namespace": namespace, "name": "deliver"},
    }
    return {
        "eventType": kind,
        "eventTime": datetime.now(UTC).isoformat(),
        "producer": PRODUCER,
        "schemaURL": f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {
            "runId": _make_run_id(run, job),
            "facets": {"parent": {**parent, **_make_facet("facets/1-0-1/ParentRunFacet")}},
        },
        "job": {"namespace": namespace, "name": job},
        "inputs": [_make_dataset(key) for key in inputs],
        "outputs": [made],
    }


def _describe_columns(columns: Columns) -> dict[str, object]:
    fields = {
        name: {"inputFields": [{**_make_dataset(key), "field": field} for key, field in parts]}
        for name, parts in columns.items()
    }
    return {"fields": fields, **_make_facet("facets/1-1-0/ColumnLineageDatasetFacet")}


def _make_run_id(run: str, job: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"{PRODUCER}:{run}:{job}"))


def _make_dataset(key: str) -> dict[str, object]:
    scheme, _, rest = key.partition("://")
    authority, _, name = rest.partition("/")
    return {"namespace": f"{scheme}://{authority}", "name": name.replace("/", ".")}


def _make_facet(path: str) -> dict[str, str]:
    return {"_producer": PRODUCER, "_schemaURL": f"{SPEC}/{path}.json#/$defs/{path.rsplit('/', 1)[1]}"}
