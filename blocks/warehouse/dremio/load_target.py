"""A table that a load works on: what is checked, taken out and brought in. The order is dremio_load's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from blocks.errors import ContractBroken, Unavailable
from blocks.warehouse.base import WASTE, Batch
from blocks.warehouse.control import LINES_AT_ONCE
from blocks.warehouse.dremio.landing import landed
from blocks.warehouse.dremio.session import DremioSession, literal
from blocks.warehouse.dremio.types import of_arrow

if TYPE_CHECKING:
    from blocks.warehouse.dremio.warehouse import DremioWarehouse


class Target:
    """A table of a load, and the files for it."""

    def __init__(
        self,
        warehouse: DremioWarehouse,
        batch: Batch,
        name: str,
        columns: dict[str, str],
        files: Sequence[Path],
    ) -> None:
        self.warehouse, self.batch, self.name, self.columns, self.files = (
            warehouse,
            batch,
            name,
            columns,
            files,
        )
        self.schema = batch.table.schema_name
        self.path = warehouse.quote(self.schema, name)
        self.fresh: dict[str, str] = {}
        self.merged = batch.mode == "merge" and columns is not WASTE

    def check(self, session: DremioSession) -> dict[str, str]:
        """Compare the files with the table, before anything is written; return new columns with their type."""
        known = self.warehouse.columns(session, self.schema, self.name)
        there = known or {name: kind.upper() for name, kind in self.columns.items()}
        found = _found(self.files)
        for name, kind in found.items():
            if there.get(name, kind) != kind:
                where = f"{self.schema}.{self.name}"
                raise ContractBroken(
                    f"load {where}",
                    f"column {name} comes as {kind}, the table has {there[name]}",
                    f"Declare {name} as {there[name].lower()}, or drop {where} to load it anew.",
                )
        self.fresh = {name: kind for name, kind in found.items() if name not in there}
        return self.fresh

    def widen(self, session: DremioSession) -> None:
        """Create the table where it is missing; add the new columns."""
        body = ", ".join(f"{self.warehouse.quote(name)} {kind}" for name, kind in self.columns.items())
        session.rows(f"create table if not exists {self.path} ({body})")
        if self.fresh:
            added = ", ".join(f"{self.warehouse.quote(name)} {kind}" for name, kind in self.fresh.items())
            session.rows(f"alter table {self.path} add columns ({added})")

    def take_out(self, session: DremioSession) -> None:
        """Remove what the batch brings anew, and what a killed load left."""
        if self.batch.mode == "replace":
            session.rows(f"delete from {self.path}")
        elif not self.merged:
            items = [*(entry.item for entry in self.batch.entries), *self._orphans(session)]
            for part in (items[at : at + LINES_AT_ONCE] for at in range(0, len(items), LINES_AT_ONCE)):
                session.rows(f'delete from {self.path} where "_item" in ({", ".join("?" * len(part))})', part)

    def bring(self, session: DremioSession) -> None:
        """Copy the files in; merged rows by way of a table of their own."""
        if not self.files:
            return
        if not self.merged:
            self._copy(session, self.path, self.files)
            return
        with self._beside(
            session, self.files
        ) as beside:  # a kill in between is repaired by the same load again
            session.rows(self._delete(beside))
            names = ", ".join(self.warehouse.quote(name) for name in _found(self.files))
            session.rows(f"insert into {self.path} ({names}) select {names} from {beside}")

    def let_go(self, session: DremioSession) -> None:
        """Take out the rows whose keys are gone at the source."""
        if self.batch.gone:
            with self._beside(session, self.batch.gone) as beside:
                session.rows(self._delete(beside))

    def _delete(self, beside: str) -> str:
        keys = [self.warehouse.quote(key) for key in self.batch.key]
        same = " and ".join(f"n.{key} = t.{key}" for key in keys)
        return f"delete from {self.path} as t where exists (select 1 from {beside} as n where {same})"

    def _copy(self, session: DremioSession, path: str, files: Sequence[Path]) -> None:
        before = _count(session, path)
        with landed(self.warehouse, files, f"{self.schema}.{self.name}/{uuid4().hex}") as place:
            session.rows(f"copy into {path} from {literal(place)} file_format 'parquet'")
        if (count := _count(session, path) - before) != (expected := _rows(files)):
            raise Unavailable(
                f"load {self.schema}.{self.name}", f"{count} rows came of {expected}", "The load is repeated."
            )

    @contextmanager
    def _beside(self, session: DremioSession, files: Sequence[Path]) -> Iterator[str]:
        """Files as a table of their own, for the time of the merge."""
        beside = self.warehouse.quote(self.schema, f"{self.name}__load")
        body = ", ".join(f"{self.warehouse.quote(name)} {kind}" for name, kind in _found(files).items())
        session.rows(f"drop table if exists {beside}")
        session.rows(f"create table {beside} ({body})")
        self._copy(session, beside, files)
        yield beside
        session.rows(f"drop table if exists {beside}")

    def _orphans(self, session: DremioSession) -> list[str]:
        """Items with rows in the table and no line in the ledger."""
        ledger, table = self.warehouse.quote(self.warehouse.control, "loads"), self.batch.table
        rows = session.rows(
            f'select distinct d."_item" from {self.path} as d left join {ledger} as l'
            ' on l.item = d."_item" and l.source_name = ? and l.table_name = ? where l.item is null',
            (table.source, table.name),
        )
        return [row[0] for row in rows if row[0] is not None]


def _found(files: Sequence[Path]) -> dict[str, str]:
    """Columns of the files with their type in Dremio."""
    from pyarrow import parquet

    fields = [field for file in files for field in parquet.read_schema(file)]
    return {field.name: of_arrow(field.type) for field in fields if str(field.type) != "null"}


def _count(session: DremioSession, path: str) -> int:
    return int(session.rows(f"select count(*) from {path}")[0][0])


def _rows(files: Sequence[Path]) -> int:
    from pyarrow import parquet

    return sum(int(parquet.ParquetFile(file).metadata.num_rows) for file in files)
