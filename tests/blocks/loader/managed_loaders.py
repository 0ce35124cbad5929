"""The vendors' stand-ins and our loaders over them, ready to use: one source, a table of deals."""

from __future__ import annotations

from typing import Any

from blocks.loader.fivetran.loader import FivetranLoader
from blocks.loader.stitch.loader import StitchLoader
from blocks.records import SourceTable
from blocks.warehouse.base import Warehouse
from tests.blocks.loader.fivetran.standin import KEY, Connection, Fivetran
from tests.blocks.loader.origins import SECRET, columns, source_table
from tests.blocks.loader.standin import Landing, moment
from tests.blocks.loader.stitch.standin import CLIENT, Source, Stitch

DEAL_COLUMNS = {"deal_id": "integer", "stage": "varchar", "amount": "double"}
FIVETRAN_STAMPS: Any = {
    "_fivetran_deleted": ("boolean", lambda: "false"),
    "_fivetran_synced": ("timestamptz", moment),
}
STITCH_STAMPS: Any = {
    "_sdc_deleted_at": ("timestamptz", lambda: "null"),
    "_sdc_batched_at": ("timestamptz", moment),
}


def managed_table(loader: str, **meta: Any) -> SourceTable:
    """The deals of the CRM, brought by a vendor."""
    declared = columns(*((name, kind, name, False) for name, kind in DEAL_COLUMNS.items()))
    return source_table("crm", "deals", declared, **meta).model_copy(update={"loader": loader})


def deals(warehouse: Warehouse, stamps: Any) -> Landing:
    """Where they land."""
    return Landing(warehouse, "raw_crm", "deals", DEAL_COLUMNS, stamps)


def fivetran_standin(warehouse: Warehouse) -> tuple[Fivetran, Connection]:
    """A server with the CRM's connection among others."""
    connection = Connection("con_crm", "raw_crm", [deals(warehouse, FIVETRAN_STAMPS)])
    others = [Connection(f"con_{n}", f"other_{n}", []) for n in range(2)]
    return Fivetran(*others, connection), connection


def fivetran_loader(server: Fivetran, **changes: Any) -> FivetranLoader:
    """Our loader over it; it looks often."""
    settings = {"api_key": KEY, "api_secret": SECRET, "address": server.url, "deadline_seconds": 20}
    return FivetranLoader(**{**settings, "poll_seconds": 0.02, **changes})


def stitch_standin(warehouse: Warehouse) -> tuple[Stitch, Source]:
    """A server with the CRM's source among others."""
    source = Source(7, "raw_crm", [deals(warehouse, STITCH_STAMPS)])
    return Stitch(Source(3, "other", []), source), source


def stitch_loader(server: Stitch, **changes: Any) -> StitchLoader:
    """Our loader over it; it looks often and is patient for a moment."""
    settings = {"client_id": CLIENT, "token": SECRET, "address": server.url, "deadline_seconds": 20}
    return StitchLoader(**{**settings, "poll_seconds": 0.02, "quiet_seconds": 0.25, **changes})
