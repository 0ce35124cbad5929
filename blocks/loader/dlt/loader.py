"""dlt: the embedded loader, for files, SQL databases and REST APIs, Arrow and Parquet throughout.

Not here: how each kind is read (files, sql, rest), and what a good row is (contract).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from prefect.blocks.fields import SecretDict
from pydantic import Field, model_validator

from blocks.deadline import Deadline
from blocks.errors import Misconfigured, PlatformError
from blocks.load_range import LoadRange
from blocks.loader.base import Loader, name_table
from blocks.loader.dlt.batches import PreparedBatch
from blocks.loader.dlt.deletions import compares_keys, export_keys
from blocks.loader.dlt.extract import import_dlt
from blocks.loader.dlt.files.listing import check_files
from blocks.loader.dlt.files.load import load_files
from blocks.loader.dlt.load_context import LoadContext
from blocks.loader.dlt.locations import split_location
from blocks.loader.dlt.rest.load import check_rest, load_rest
from blocks.loader.dlt.sql.connections import check_database, is_database
from blocks.loader.dlt.sql.load import load_databases
from blocks.loader.dlt.table_check import find_table_faults, require_kind
from blocks.loader.dlt.table_config import check_settings
from blocks.loader.work_dir import open_work_dir
from blocks.records import LoadReport, SourceTable
from blocks.warehouse.base import Warehouse
from blocks.warehouse.control import now, read_ledger

LoadKind = Callable[[LoadContext, Sequence[SourceTable]], Iterator[PreparedBatch | None]]
KINDS: dict[str, LoadKind] = {"files": load_files, "sql": load_databases, "rest": load_rest}


class DltLoader(Loader):
    """Loads the sources whose dbt `loader:` is `dlt`; their meta `kind` is files, sql or rest."""

    _block_type_name = "dlt Loader"
    _block_type_slug = "dlt-loader"
    kind = "dlt"

    locations: dict[str, str] = Field(
        description="data source → folder, fsspec URL, SQLAlchemy URL or API's URL"
    )
    credentials: SecretDict = Field(
        SecretDict({}),
        description="data source → its secrets: sql {username, password}; rest {token} or {header, key};"
        " files: fsspec options",
    )
    workdir: Path = Field(description="folder for the loads' working files, emptied after each")

    @model_validator(mode="before")
    @classmethod
    def _move_passwords(cls, values: object) -> object:
        """Move user and password of a location into `credentials`: a flow run's parameters show locations in clear."""
        if not isinstance(values, dict) or not isinstance(locations := values.get("locations"), dict):
            return values
        given = values.get("credentials") or {}
        credentials = dict(given.get_secret_value() if isinstance(given, SecretDict) else given)
        bare = {}
        for source, location in locations.items():
            bare[source], login = (
                split_location(source, location) if isinstance(location, str) else (location, {})
            )
            if login:
                credentials[source] = {**login, **(credentials.get(source) or {})}
        return {**values, "locations": bare, "credentials": credentials}

    def warm(self) -> None:
        """Import dlt, which takes a second, before it is needed."""
        import_dlt()

    def check(self) -> str:
        """Connect to every location and return a one-line status."""
        import_dlt()
        return "; ".join(f"{source}: {self._check_location(source)}" for source in sorted(self.locations))

    def find_faults(self, table: SourceTable) -> list[PlatformError]:
        """Settings that are missing, that don't go together or with the location, and types that are not known."""
        return find_table_faults(table, self.locations.get(table.source))

    def find_location_fault(self, source: str) -> PlatformError | None:
        """The error that a load would raise for the source's location, as where `locations` lacks it; None for none."""
        try:
            self._get_location(source)
        except PlatformError as fault:
            return fault
        return None

    def load_tables(
        self, tables: Sequence[SourceTable], warehouse: Warehouse, run: str, load_range: LoadRange
    ) -> list[LoadReport]:
        """Read and check all tables of one source, then ingest them. The ledger makes it repeatable."""
        import_dlt()
        source, kind = tables[0].source, require_kind(tables[0])
        for table in tables:
            with name_table(table):
                check_settings(table)
        with open_work_dir(self.workdir, source) as folder:
            context = self._build_context(source, tables, warehouse, run, folder, load_range)
            prepared: list[tuple[SourceTable, PreparedBatch | None, float]] = []
            started = time.monotonic()
            for table, batch in zip(tables, KINDS[kind](context, tables), strict=True):
                prepared.append((table, batch, time.monotonic() - started))
                started = time.monotonic()
            with warehouse.stay_open():
                return [self._ingest(context, warehouse, *part) for part in prepared]

    def _ingest(
        self,
        context: LoadContext,
        warehouse: Warehouse,
        table: SourceTable,
        staged: PreparedBatch | None,
        seconds: float,
    ) -> LoadReport:
        if staged is None:
            return LoadReport(
                source=table.source,
                table=table.name,
                loader=self.kind,
                seconds=seconds,
                watermark=context.get_watermark(table),
            )
        context.deadline.check()
        started = time.monotonic()
        with name_table(table):
            report = warehouse.ingest(staged.batch)
        seconds += time.monotonic() - started
        changes = {"schema_changes": staged.changes, "notes": staged.notes}
        return report.model_copy(update={"seconds": seconds, **changes})

    def _build_context(
        self,
        source: str,
        tables: Sequence[SourceTable],
        warehouse: Warehouse,
        run: str,
        folder: Path,
        load_range: LoadRange,
    ) -> LoadContext:
        deadline = Deadline(f"load {source}", self.deadline_seconds)
        with warehouse.session() as session:
            raw = {t.name: warehouse.columns(session, t.schema_name, t.identifier) for t in tables}
            for table in tables:
                if raw[table.name] and compares_keys(table):
                    with name_table(table):
                        export_keys(warehouse, session, table, raw[table.name], folder)
            ledger = tuple(read_ledger(warehouse, source))
        location, credential = self._get_location(source), self._get_credential(source)
        return LoadContext(
            source, location, credential, folder, run, now(), deadline, ledger, raw, load_range
        )

    def _get_location(self, source: str) -> str:
        if source not in self.locations:
            raise Misconfigured(
                f"load {source}",
                "the loader has no location for it",
                f"Give it with the run, --source {source}=LOCATION, or in `locations` of the loader's block.",
            )
        return self.locations[source]

    def _get_credential(self, source: str) -> dict[str, object]:
        found = self.credentials.get_secret_value().get(source) or {}
        if not isinstance(found, dict):
            raise Misconfigured(f"load {source}", "its credentials are no mapping", "Correct `credentials`.")
        return found

    def _check_location(self, source: str) -> str:
        location, credential = self._get_location(source), self._get_credential(source)
        if location.startswith(("http://", "https://")):
            return check_rest(location, credential)
        return (check_database if is_database(location) else check_files)(location, credential)
