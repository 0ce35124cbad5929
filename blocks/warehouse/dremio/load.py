"""How a batch gets into Dremio: files to the landing folder, then COPY INTO, with our own ledger.

There is no transaction over statements, so the order carries it. The ledger forgets the batch's items first and
learns them last; a load first takes out their rows, and rows of items that the ledger does not know: those a
killed load left. Counted before the ledger learns: a statement whose answer was lost may have run twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from blocks.errors import ContractBroken, Unavailable
from blocks.warehouse.batch import LOAD_COLUMNS, QUARANTINE_COLUMNS, Batch
from blocks.warehouse.dremio.landing import land_files
from blocks.warehouse.dremio.session import DremioSession, format_literal, read_columns
from blocks.warehouse.dremio.settings import DremioSettings
from blocks.warehouse.dremio.types import map_arrow_type

ITEMS_AT_ONCE = 100  # in one statement


class BatchLoad:
    """The load of a batch into its table and its quarantine. The ledger's lines are the caller's."""

    def __init__(self, settings: DremioSettings, session: DremioSession, batch: Batch) -> None:
        table = batch.table
        declared = {column.name: settings.type_of(column.data_type) for column in table.columns}
        self.good = TableLoad(settings, session, batch, table.identifier, declared | LOAD_COLUMNS, batch.data)
        self.bad = TableLoad(
            settings, session, batch, f"{table.identifier}__quarantine", QUARANTINE_COLUMNS, batch.quarantine
        )

    def check(self) -> tuple[str, ...]:
        """Compare the files with the tables, before anything is written; return the columns that are new.

        Raises ContractBroken where a column has another type than the table's.
        """
        new = {**self.good.check(), **self.bad.check()}
        return tuple(f"new column {name} ({kind.lower()})" for name, kind in new.items())

    def write(self) -> None:
        """Widen, delete and insert; to be done while the ledger does not know the batch's items."""
        for load in (self.good, self.bad):
            load.widen()
            load.delete_replaced()
            load.insert()
        self.good.delete_gone()


class TableLoad:
    """The load of files into one table. columns: those it is created with; new: those it is widened by."""

    def __init__(
        self,
        settings: DremioSettings,
        session: DremioSession,
        batch: Batch,
        name: str,
        columns: dict[str, str],
        files: Sequence[Path],
    ) -> None:
        self.settings, self.session, self.batch = settings, session, batch
        self.schema, self.name, self.columns, self.files = batch.table.schema_name, name, columns, files
        self.path = settings.quote(self.schema, name)
        self.new: dict[str, str] = {}
        self.merges = batch.mode == "merge" and columns is not QUARANTINE_COLUMNS

    def check(self) -> dict[str, str]:
        """The files' columns that the table lacks, with their type. Raises ContractBroken."""
        created = {name: kind.upper() for name, kind in self.columns.items()}
        present = read_columns(self.session, self.settings.names.path(self.schema, self.name)) or created
        found = _read_file_columns(self.files)
        for name, kind in found.items():
            if present.get(name, kind) != kind:
                where = f"{self.schema}.{self.name}"
                raise ContractBroken(
                    f"load {where}",
                    f"column {name} comes as {kind}, the table has {present[name]}",
                    f"Declare {name} as {present[name].lower()}, or drop {where} to load it anew.",
                )
        self.new = {name: kind for name, kind in found.items() if name not in present}
        return self.new

    def widen(self) -> None:
        """Create the table where it is missing; add the new columns."""
        self.session.rows(f"create table if not exists {self.path} ({self._define(self.columns)})")
        if self.new:
            self.session.rows(f"alter table {self.path} add columns ({self._define(self.new)})")

    def delete_replaced(self) -> None:
        """Delete the rows that the batch brings again, and those that a killed load left."""
        if self.batch.mode == "replace":
            self.session.rows(f"delete from {self.path}")
        elif not self.merges:
            items = [*(entry.item for entry in self.batch.entries), *self._find_orphans()]
            for part in (items[at : at + ITEMS_AT_ONCE] for at in range(0, len(items), ITEMS_AT_ONCE)):
                places = ", ".join("?" * len(part))
                self.session.rows(f'delete from {self.path} where "_item" in ({places})', part)

    def insert(self) -> None:
        """Copy the files in; merged rows by way of a table of their own."""
        if not self.files:
            return
        if not self.merges:
            self._copy(self.path, self.files)
            return
        with self._staged(self.files) as stage:  # a kill in between is repaired by the same load again
            self._delete_keys(stage)
            names = ", ".join(self.settings.quote(name) for name in _read_file_columns(self.files))
            self.session.rows(f"insert into {self.path} ({names}) select {names} from {stage}")

    def delete_gone(self) -> None:
        """Delete the rows whose keys are gone at the source."""
        if self.batch.gone:
            with self._staged(self.batch.gone) as stage:
                self._delete_keys(stage)

    def _delete_keys(self, stage: str) -> None:
        keys = [self.settings.quote(key) for key in self.batch.key]
        same = " and ".join(f"n.{key} = t.{key}" for key in keys)
        self.session.rows(
            f"delete from {self.path} as t where exists (select 1 from {stage} as n where {same})"
        )

    def _copy(self, path: str, files: Sequence[Path]) -> None:
        before = self._count(path)
        with land_files(self.settings, files, f"{self.schema}.{self.name}/{uuid4().hex}") as place:
            self.session.rows(f"copy into {path} from {format_literal(place)} file_format 'parquet'")
        if (count := self._count(path) - before) != (expected := _count_rows(files)):
            raise Unavailable(
                f"load {self.schema}.{self.name}", f"{count} rows came of {expected}", "The load is repeated."
            )

    @contextmanager
    def _staged(self, files: Sequence[Path]) -> Iterator[str]:
        """The files as a table of their own, for the time of a merge."""
        stage = self.settings.quote(self.schema, f"{self.name}__load")
        self.session.rows(f"drop table if exists {stage}")
        self.session.rows(f"create table {stage} ({self._define(_read_file_columns(files))})")
        self._copy(stage, files)
        yield stage
        self.session.rows(f"drop table if exists {stage}")

    def _find_orphans(self) -> list[str]:
        """Items with rows in the table and no line in the ledger."""
        ledger, table = self.settings.quote(self.settings.control, "loads"), self.batch.table
        rows = self.session.rows(
            f'select distinct d."_item" from {self.path} as d left join {ledger} as l'
            ' on l.item = d."_item" and l.source_name = ? and l.table_name = ? where l.item is null',
            (table.source, table.name),
        )
        return [row[0] for row in rows if row[0] is not None]

    def _define(self, columns: dict[str, str]) -> str:
        return ", ".join(f"{self.settings.quote(name)} {kind}" for name, kind in columns.items())

    def _count(self, path: str) -> int:
        return int(self.session.rows(f"select count(*) from {path}")[0][0])


def _read_file_columns(files: Sequence[Path]) -> dict[str, str]:
    """Columns of the files with their type in Dremio."""
    from pyarrow import parquet

    fields = [field for file in files for field in parquet.read_schema(file)]
    return {field.name: map_arrow_type(field.type) for field in fields if str(field.type) != "null"}


def _count_rows(files: Sequence[Path]) -> int:
    from pyarrow import parquet

    return sum(int(parquet.ParquetFile(file).metadata.num_rows) for file in files)
