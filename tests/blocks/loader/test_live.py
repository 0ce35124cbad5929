"""Fivetran and Stitch themselves, where their environment variables are set. docs/ says how to run it.

It syncs the named connection or source. What lands is the vendor's destination's business: it is not counted.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest

from blocks.deadline import Deadline
from blocks.load_range import NEW_ROWS
from blocks.loader.fivetran.loader import FivetranLoader
from blocks.loader.managed import ManagedLoader
from blocks.loader.stitch.loader import StitchLoader
from blocks.records import SourceTable

HOUR = 3600


def settings(*names: str) -> list[str]:
    """Environment variables; skips where one is missing."""
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        pytest.skip(f"{', '.join(missing)} not set")
    return [os.environ[name] for name in names]


def sync(loader: ManagedLoader, tables: Sequence[SourceTable]) -> None:
    print(loader.sync(tables, NEW_ROWS, Deadline("try it", HOUR)))


def table(loader: str, schema: str, **meta: str) -> SourceTable:
    return SourceTable(source="live", name="t", schema_name=schema, identifier="t", loader=loader, meta=meta)


@pytest.mark.live
def test_fivetran() -> None:
    """List; check, sync and wait."""
    key, secret = settings("FIVETRAN_API_KEY", "FIVETRAN_API_SECRET")
    loader = FivetranLoader(api_key=key, api_secret=secret, deadline_seconds=HOUR)
    assert "connections" in loader.check()
    (connection,) = settings("FIVETRAN_CONNECTION")
    sync(loader, [table("fivetran", "any", connection=connection)])


@pytest.mark.live
def test_stitch() -> None:
    """List; check, replicate and wait for the streams that are named, if any."""
    client, token = settings("STITCH_CLIENT_ID", "STITCH_TOKEN")
    loader = StitchLoader(client_id=int(client), token=token, deadline_seconds=HOUR)
    assert "sources" in loader.check()
    (number,) = settings("STITCH_SOURCE_ID")
    streams = [name for name in os.environ.get("STITCH_STREAMS", "").split(",") if name]
    tables = [table("stitch", "any", source_id=number).model_copy(update={"identifier": s}) for s in streams]
    if not tables:
        pytest.skip("STITCH_STREAMS not set: which streams to wait for")
    sync(loader, tables)
