"""How often new rows arrive for a mart: measured by the ledger of loads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from blocks.records import SourceTable
from blocks.warehouse.base import Session, Warehouse

LOOKED_AT = 11  # loads, the newest; ten times between them
FEWEST = 3


def measure_arrivals(warehouse: Warehouse, session: Session, tables: Sequence[SourceTable]) -> float | None:
    """The days between two loads that bring rows of these tables, as the median of the last ones has them.

    None before there were three such loads. A load that is made again counts where it was made last.
    """
    if not tables or not warehouse.columns(session, warehouse.control, "loads"):
        return None
    ledger = warehouse.quote(warehouse.control, "loads")
    names = ", ".join(sorted({warehouse.literal(table.name) for table in tables}))
    rows = session.rows(
        f"select source_name, table_name, run_id, max(loaded_at) from {ledger}"
        f" where row_count > 0 and table_name in ({names}) group by source_name, table_name, run_id"
    )
    wanted, runs = {(table.source, table.name) for table in tables}, dict[str, datetime]()
    for source, table, run, loaded in rows:
        if (source, table) in wanted:
            runs[run] = max(runs.get(run, loaded), loaded)
    times = sorted(runs.values())[-LOOKED_AT:]
    if len(times) < FEWEST:
        return None
    return median((later - earlier) / timedelta(days=1) for earlier, later in pairwise(times))
