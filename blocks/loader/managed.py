"""Loaders whose vendor writes into the warehouse itself: check, sync, then count the new rows.

Not here: the vendors (fivetran, stitch), and how rows are counted (new_rows).
"""

from __future__ import annotations

import logging
import time
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from prefect.exceptions import MissingContextError
from prefect.logging import get_run_logger
from pydantic import Field

from blocks.deadline import Deadline
from blocks.errors import Misconfigured, Rejected
from blocks.load_range import LoadRange
from blocks.loader.base import Loader, name_table, report_fault
from blocks.loader.new_rows import VendorColumns, count_new_rows
from blocks.records import LedgerEntry, LoadReport, SourceTable
from blocks.warehouse.base import Warehouse
from blocks.warehouse.control import read_ledger


class ManagedLoader(Loader):
    """Has a vendor sync, waits for the end of it, and counts the new rows in the warehouse."""

    vendor_columns: ClassVar[VendorColumns]
    poll_seconds: float = Field(15, gt=0, description="seconds between two looks at a running sync")

    @abstractmethod
    def sync(self, tables: Sequence[SourceTable], load_range: LoadRange, deadline: Deadline) -> list[str]:
        """Have the vendor bring the tables up to date; return notes. Raises before it starts what can't work."""

    def load_tables(
        self, tables: Sequence[SourceTable], warehouse: Warehouse, run: str, load_range: LoadRange
    ) -> list[LoadReport]:
        """Sync one source and report what arrived since the last load, by the vendor's own time stamps.

        A table's rows become visible as the vendor writes them; ContractBroken means that what reads them
        is not built.
        """
        source, started = tables[0].source, time.monotonic()
        if load_range.since:
            raise Misconfigured(
                f"load {source}",
                f"{self.kind} can't load a range of days again",
                "Leave it out by --only-sources, or ask for a full refresh.",
            )
        notes = self.sync(tables, load_range, Deadline(f"load {source}", self.deadline_seconds))
        ledger = read_ledger(warehouse, source)
        found: list[tuple[LedgerEntry | None, LoadReport]] = []
        for table in tables:
            known = [entry for entry in ledger if entry.table == table.name]
            try:
                with name_table(table):
                    found.append(count_new_rows(warehouse, table, self.vendor_columns, known, run))
            except Rejected as fault:
                if not fault.table or len(tables) == 1:
                    raise
                found.append((None, report_fault(table, self.kind, fault)))
        warehouse.write_ledger_lines([entry for entry, _ in found if entry])
        seconds = time.monotonic() - started
        return [
            report.model_copy(update={"seconds": seconds, "notes": tuple(notes), "loader": self.kind})
            for _, report in found
        ]

    def log_warning(self, text: str) -> None:
        """Log a warning in the run's log, or in the process's where there is no run."""
        try:
            get_run_logger().warning(text)
        except MissingContextError:
            logging.getLogger(__name__).warning(text)


def get_source_setting(tables: Sequence[SourceTable], name: str) -> str | None:
    """Return a setting that holds for all tables of a source. Raises Misconfigured if they differ."""
    found = {str(table.meta[name]) for table in tables if table.meta.get(name) is not None}
    if len(found) > 1:
        raise Misconfigured(
            f"load {tables[0].source}",
            f"its tables have more than one meta `{name}`",
            f"Write `{name}` on the source, once.",
        )
    return next(iter(found), None)
