"""The Loader interface: one dbt source in, one LoadReport a table out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import Field

from blocks.errors import (
    BadAnswer,
    BadInput,
    ContractBroken,
    Forbidden,
    Misconfigured,
    NotFound,
    PlatformError,
    Rejected,
)
from blocks.hidden_input import HIDDEN_INPUT
from blocks.load_range import NEW_ROWS, LoadRange
from blocks.records import LoadReport, SourceTable
from blocks.warehouse.base import Warehouse


class Loader(Block, ABC):
    """Loads the sources whose dbt `loader:` is its `kind` into RAW."""

    model_config = HIDDEN_INPUT

    kind: ClassVar[str]
    deadline_seconds: int = Field(description="how long one source may take before it is a TimedOut")

    @abstractmethod
    def check(self) -> str:
        """Connect and return a one-line status. Raises a PlatformError that says what to do."""

    def find_faults(self, table: SourceTable) -> list[PlatformError]:
        """What the declaration of one of its tables has that no load could go with. Asks no system."""
        return []

    def find_location_fault(self, source: str) -> PlatformError | None:
        """Why this loader does not know where a source is; None if it does, or needs no place. Asks no system."""
        return None

    def warm(self) -> None:
        """Do ahead what the first load of a process would wait for, such as slow imports."""
        return

    def load_source(
        self, tables: Sequence[SourceTable], warehouse: Warehouse, run: str, load_range: LoadRange = NEW_ROWS
    ) -> list[LoadReport]:
        """Load the new rows of one source's tables, and what load_range asks for; all of it or nothing.

        tables: all of one dbt source; a quarantine table among them is written, not loaded. Raises ContractBroken
        (missing column, changed type, unreadable file; names file and column), or a Transient error for what may
        pass; nothing is visible in RAW then. An error with `table` is that table's alone: the others can be loaded
        without it.
        """
        loaded = [table for table in tables if not table.meta.get("quarantine_of")]
        try:
            return self.load_tables(loaded, warehouse, run, load_range) if loaded else []
        except PlatformError as error:
            problem = error
        # the vendor's exceptions carry headers, URLs and rows: none of them leaves this block
        problem.__cause__ = problem.__context__ = None
        raise problem.with_traceback(None)

    @abstractmethod
    def load_tables(
        self, tables: Sequence[SourceTable], warehouse: Warehouse, run: str, load_range: LoadRange
    ) -> list[LoadReport]:
        """Do what load_source says, for one table or more."""


@contextmanager
def name_table(table: SourceTable) -> Iterator[None]:
    """Let an error say that it is about this table alone, if what its source has or declares is at fault."""
    try:
        yield
    except (BadAnswer, BadInput, Forbidden, Misconfigured, NotFound) as error:
        error.table = error.table or table.full_name
        raise


def report_fault(table: SourceTable, kind: str, error: Rejected) -> LoadReport:
    """The report of a table that was not loaded, by a loader of this kind."""
    report = LoadReport(source=table.source, table=table.name, loader=kind, error=str(error))
    if not isinstance(error, ContractBroken) or error.table != table.full_name:
        return report
    return report.model_copy(update={"broken": error.columns, "retyped": error.retyped})
