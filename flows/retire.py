"""Marts that the project does not have any more leave what readers see, by one declared step."""

from __future__ import annotations

from prefect import flow, get_run_logger

from blocks.prefect.block_types import import_types
from blocks.query_tags import tag_queries
from blocks.records import Release
from blocks.warehouse.base import Warehouse
from flows.form import put_first
from tasks.promotion import recover, retain, retire_marts
from tasks.reports import show_release
from tasks.run_lock import run_lock

import_types()  # a deployment names its blocks, of any type


@flow(name="retire")
def retire(warehouse: Warehouse, marts: list[str], timeout: int = 0) -> Release:
    """Take these marts out of what readers see; the rest stays as it is.

    A rollback to an earlier release shows them again.

    Args:
        warehouse: whose readers see them.
        marts: the marts' names.
        timeout: seconds to wait for another run to end, before giving up as Busy.

    Raises NotFound for a mart that readers do not see.
    """
    tag_queries("retire")
    with run_lock(warehouse, timeout):
        recover(warehouse, "")
        release = retire_marts(warehouse, marts)
        retain(warehouse)
    show_release(release)
    get_run_logger().info("readers no longer see %s", ", ".join(marts))
    return release


put_first(retire, "marts", "timeout")
