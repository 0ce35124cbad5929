"""The Loader interface: one dbt source in, one LoadReport a table out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import Field

from blocks.errors import PlatformError
from blocks.load_range import NEW_ROWS, Reload
from blocks.records import LoadReport, SourceTable
from blocks.warehouse.base import Warehouse


class Loader(Block, ABC):
    """Brings sources whose dbt `loader:` says its `kind` into RAW."""

    kind: ClassVar[str]
    deadline_seconds: int = Field(description="how long one source may take before it is a TimedOut")

    @abstractmethod
    def check(self) -> str:
        """Connect and return one line for a person. Raises a PlatformError that says what to do."""

    def warm(self) -> None:
        """Do what the first load of a process would wait for; nothing, unless it is worth it."""
        return

    def load_source(
        self, tables: Sequence[SourceTable], warehouse: Warehouse, run: str, reload: Reload = NEW_ROWS
    ) -> list[LoadReport]:
        """Load what is new of one source's tables, and what reload asks for; all of it or nothing of it.

        tables are all of one dbt source; a quarantine among them is written, not loaded. Raises ContractBroken
        (column gone, type changed, unreadable file: names file and column), Transient for what may pass;
        nothing is then visible in RAW.
        """
        brought = [table for table in tables if not table.meta.get("quarantine_of")]
        try:
            return self.load_tables(brought, warehouse, run, reload) if brought else []
        except PlatformError as error:
            problem = error
        # what vendors raised carries headers, URLs and rows: nothing of it leaves this block
        problem.__cause__ = problem.__context__ = None
        raise problem.with_traceback(None)

    @abstractmethod
    def load_tables(
        self, tables: Sequence[SourceTable], warehouse: Warehouse, run: str, reload: Reload
    ) -> list[LoadReport]:
        """What load_source does, for one table at least."""
