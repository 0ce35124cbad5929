"""The Warehouse interface: sessions, loads, releases. Vendors override; nobody asks which one it is.

Schemas: RAW as each dbt source names it; `rel_<run>` for releases; `serving` for readers;
`control` for the ledger and the journal (see control.py, which works on any warehouse's session).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

from prefect.blocks.core import Block

from blocks.hashing import hash_value
from blocks.hidden_input import HIDDEN_INPUT
from blocks.records import LedgerEntry, LoadReport, Release
from blocks.time_zone import UTC_ZONE
from blocks.warehouse.batch import Batch
from blocks.warehouse.bi_connection import LiveSource
from blocks.warehouse.control import prepare_control, write_ledger
from blocks.warehouse.costs import Costs
from blocks.warehouse.lease import check_lease, fence, fence_writes, lease_number
from blocks.warehouse.release_history import check_unpublished
from blocks.warehouse.release_marker import read_marker
from blocks.warehouse.settings import Session, WarehouseConnection

__all__ = ["Batch", "Session", "Warehouse"]


class Warehouse(WarehouseConnection, Block, ABC):
    """Where data is loaded, built, audited and read."""

    model_config = HIDDEN_INPUT

    @abstractmethod
    def check(self) -> str:
        """Connect and return a one-line status. Raises a PlatformError that says what to do."""

    @abstractmethod
    def exclusive(self) -> AbstractContextManager[None]:
        """Hold the right to write releases. Raises Busy if another run has it."""

    def lease_number(self) -> int | None:
        """The fencing number that `exclusive` got, new with each holder; None where it is not held, or has none."""
        return lease_number(self)

    def check_lease(self, ask: bool = False) -> None:
        """Raise LeaseLost if this process had the right to write and has lost it. ask: the warehouse, not memory."""
        check_lease(self)
        if ask and lease_number(self) is not None:
            with self.session() as session:
                fence(self, session)

    @abstractmethod
    def make_dbt_target(
        self, schema: str, time_zone: str = UTC_ZONE
    ) -> tuple[dict[str, object], dict[str, str]]:
        """dbt's profile output for a schema, and the environment variables its secrets come from.

        time_zone: that of dbt's sessions, where the adapter can be told.
        """

    @abstractmethod
    def use_time_zone(self, session: Session, time_zone: str) -> None:
        """Let points in time become days of this zone for the rest of a session, which begins in UTC."""

    @abstractmethod
    def make_gx_connection(self) -> tuple[str, dict[str, object]]:
        """SQLAlchemy URL and engine arguments for Great Expectations."""

    @abstractmethod
    def ingest(self, batch: Batch) -> LoadReport:
        """Load a batch and write its ledger lines, all or nothing. Evolves new columns.

        Mode `replace` forgets the table's ledger lines before it, as it does the rows they stand for.
        """

    def write_ledger_lines(self, entries: Sequence[LedgerEntry]) -> None:
        """Write ledger lines of rows that another system loaded into this warehouse."""
        with self.session() as session:
            prepare_control(self, session)
            with fence_writes(self, session):
                write_ledger(self, session, entries)

    def read_served(self) -> Release | None:
        """What readers see now, read from serving's `_release`; None before the first publication."""
        return read_marker(self, self.serving)

    def open_readers(self) -> AbstractContextManager[Session]:
        """A session that reads what readers see, where it holds up no run; relations are named as in `session`."""
        return self.session()

    @abstractmethod
    def is_shown(self, release: Release) -> bool:
        """True if readers see a release, all of it and nothing else, by every view's definition."""

    @abstractmethod
    def check_flip(self, release: Release) -> None:
        """Raise Rejected, and why, if readers could not be led to a release; nothing is changed."""

    @abstractmethod
    def flip(self, release: Release) -> None:
        """Point every serving view at the release, all or nothing; safe to repeat."""

    def mend_readers(self) -> list[str]:
        """Make what readers open agree with `served`, where that is a copy that a killed run left behind.

        Returns what was done, line by line; nothing where readers see serving itself.
        """
        return []

    def describe_readers(self) -> list[str]:
        """Where readers look, and what is wrong there, line by line; nothing where they see serving itself."""
        return []

    @abstractmethod
    def list_releases(self) -> list[str]:
        """Every release schema there is."""

    @abstractmethod
    def drop_releases(self, schemas: Sequence[str]) -> None:
        """Drop release schemas with all they hold; absent ones are no error."""

    def describe_live_source(self) -> LiveSource | None:
        """How a BI server reads serving itself; None where it can't be reached from one, as a local file."""
        return None

    def open_release(self, schema: str) -> None:
        """Make a release's schema for an attempt to build into.

        Raises Rejected for one that serving or a kept release shows: what passed its checks stays as it is.
        """
        check_unpublished(self, schema)
        with self.session() as session:
            self.make_schema(session, schema)

    def clone_table(self, source: str, target: str) -> None:
        """Make `target` a copy of the table `source` (both `schema.table`), in place of what is there.

        Raises Rejected for a target in a schema that serving or a kept release shows.
        """
        self.open_release(target.rsplit(".", 1)[0])
        self.copy_table(source, target)

    @abstractmethod
    def copy_table(self, source: str, target: str) -> None:
        """What `clone` does once the target's schema is there."""

    @abstractmethod
    def setup(self, apply: bool = False) -> list[str]:
        """What an administrator runs once, line by line, safe to repeat; apply: run it now. Empty: nothing."""

    def read_costs(self, days: int) -> Costs | None:
        """What runs of the last days cost, by their query tags (query_tags.py); None: it records no cost."""
        return None

    def read_change_mark(self, session: Session, schema: str, table: str) -> str:
        """A text that is another after each change of a table's rows, whoever made it; empty: it keeps none.

        It costs no look at the rows.
        """
        return ""

    def mark_rows(self, session: Session, schema: str, table: str) -> str:
        """A text that is another where a table's columns or rows are, as far as one query sees; empty for no table.

        It goes through the rows once at most, and sends none of them.
        """
        columns = self.columns(session, schema, table)
        if not columns:
            return ""
        marks = self.write_row_marks(session, schema, table, columns)
        (row,) = session.rows(f"select {marks} from {self.quote(schema, table)}")
        return hash_value(columns, [str(value) for value in row])

    def write_row_marks(self, session: Session, schema: str, table: str, columns: Mapping[str, str]) -> str:
        """What `mark_rows` asks of a table, as SQL: here, how many rows it has."""
        return "count(*)"

    def locate_model(self, schema: str, alias: str, materialized: str) -> str:
        """A built model as `schema.table`, from dbt's own names of its schema and materialization."""
        return f"{schema}.{alias}"
