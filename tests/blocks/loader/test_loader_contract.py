"""What every loader promises, whatever the vendor. A new loader joins by a rig in RIGS."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from blocks.errors import ContractBroken, NotFound, PlatformError, Transient
from blocks.records import LoadReport, SourceTable
from blocks.warehouse.control import read_ledger
from tests.blocks.loader.managed_loaders import (
    fivetran_loader,
    fivetran_standin,
    managed_table,
    stitch_loader,
    stitch_standin,
)
from tests.blocks.loader.origins import DEALS, HEADER, LINES, RATES, SECRET, Api, Desk, rate


class Rig:
    """A loader with a source that can change. Here: files; the others override."""

    table: SourceTable = LINES
    stamps = ("_item", "_loaded_at")  # the columns beside the declared ones
    filled = 2  # how many of them, from the last, every row has

    def __init__(self, folder: Path) -> None:
        self.desk = Desk(folder)
        self.total = 0

    def add(self, rows: int) -> None:
        """Let the source have more rows."""
        numbers = range(self.total, self.total + rows)
        self.desk.day(f"{self.total:04}.csv", *[f"{n},{n},2011-01-01 08:00:00,1,UK" for n in numbers])
        self.total += rows

    def lose_column(self) -> None:
        """Let the source lose a declared column, together with new rows."""
        self.desk.day("9999.csv", "1,2011-01-01 08:00:00,1,UK", header=HEADER.replace("Quantity,", ""))

    def go_away(self) -> None:
        """Let the source be gone."""
        shutil.rmtree(self.desk.erp)

    def close(self) -> None:
        """Give back what the rig holds."""

    def keep_one(self) -> None:
        """Let the loader know this source only."""
        known = self.desk.loader.locations
        self.desk.loader = self.desk.loader.model_copy(
            update={"locations": {self.table.source: known[self.table.source]}}
        )

    def load(self, tables: Sequence[SourceTable] = ()) -> LoadReport:
        """Load the table in a run of its own."""
        report: LoadReport = self.desk.load(*(tables or [self.table]))
        return report

    def raw(self) -> list[tuple[Any, ...]]:
        """What is in RAW."""
        return self.desk.rows(f"select * from {self.table.schema_name}.{self.table.identifier} order by all")


class SqlRig(Rig):
    """A database table, merged by key and cursor."""

    table = DEALS

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.desk.sql(
            "create table opportunities (opportunity_id integer, stage text, amount real, updated_at text)"
        )

    def add(self, rows: int) -> None:
        numbers = range(self.total, self.total + rows)
        self.desk.sql(
            "insert into opportunities values (?, ?, ?, ?)",
            *[(n, "open", 1.5, f"2011-01-01 10:{n // 60:02}:{n % 60:02}") for n in numbers],
        )
        self.total += rows

    def lose_column(self) -> None:
        self.add(1)
        self.desk.sql("alter table opportunities drop column amount")

    def go_away(self) -> None:
        self.desk.crm.unlink()


class RestRig(Rig):
    """An API's records, merged by key and cursor."""

    table = RATES

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.api = Api()
        self.desk.api = self.api
        self.desk.loader = self.desk.loader_with(
            locations={"fx": self.api.url}, credentials={"fx": {"header": "X-Key", "key": SECRET}}
        )

    def add(self, rows: int) -> None:
        self.api.records += [rate(f"20{n:02}-01-01") for n in range(self.total, self.total + rows)]
        self.total += rows

    def lose_column(self) -> None:
        self.add(1)
        for record in self.api.records:
            record.pop("rate")

    def go_away(self) -> None:
        self.api.close()

    def close(self) -> None:
        self.api.close()


class FivetranRig(Rig):
    """A connection that writes into the warehouse itself."""

    table = managed_table("fivetran", connection="con_crm")
    stamps = ("_fivetran_deleted", "_fivetran_synced")
    filled = 1

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.server, self.connection = fivetran_standin(self.desk.warehouse)
        self.desk.loader = fivetran_loader(self.server)

    def add(self, rows: int) -> None:
        numbers = range(self.total, self.total + rows)
        self.connection.landings[0].waiting += [(n, "open", 1.5) for n in numbers]
        self.total += rows

    def lose_column(self) -> None:
        self.add(1)
        self.connection.blocked.add("amount")

    def go_away(self) -> None:
        self.server.close()

    def keep_one(self) -> None:
        """It has but one."""

    def close(self) -> None:
        self.server.close()


class StitchRig(FivetranRig):
    """A source whose jobs write into the warehouse."""

    table = managed_table("stitch", source_id=7)
    stamps = ("_sdc_deleted_at", "_sdc_batched_at")

    def __init__(self, folder: Path) -> None:
        Rig.__init__(self, folder)
        self.server, self.connection = stitch_standin(self.desk.warehouse)
        self.desk.loader = stitch_loader(self.server)

    def lose_column(self) -> None:
        self.add(1)
        self.connection.left_out.add("amount")


RIGS: dict[str, type[Rig]] = {
    "dlt-files": Rig,
    "dlt-sql": SqlRig,
    "dlt-rest": RestRig,
    "fivetran": FivetranRig,
    "stitch": StitchRig,
}


@pytest.fixture(params=RIGS)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    """Each loader with its source, of 4 rows."""
    made = RIGS[request.param](tmp_path)
    made.add(4)
    yield made
    made.close()


def test_load_reports_what_it_made_visible(rig: Rig) -> None:
    """Rows, items, time; and in RAW each row with its item and its time."""
    report = rig.load()
    assert (report.source, report.table, report.loader) == (
        rig.table.source,
        rig.table.name,
        rig.desk.loader.kind,
    )
    assert (report.rows, report.items, report.quarantined, report.error) == (4, 1, 0, None)
    assert report.seconds > 0
    assert report.bytes > 0
    names = rig.desk.rows(f"describe {rig.table.schema_name}.{rig.table.identifier}")
    assert [name for name, *_ in names] == [
        *(column.name for column in rig.table.columns),
        *rig.stamps,
    ]
    assert len(rig.raw()) == 4
    assert all(stamp for row in rig.raw() for stamp in row[-rig.filled :])


def test_ledger_tells_what_the_report_tells(rig: Rig) -> None:
    """The ledger is what the next load, and the gate, go by."""
    report = rig.load()
    (entry,) = read_ledger(rig.desk.warehouse, rig.table.source)
    assert (entry.table, entry.rows, entry.watermark, entry.run) == (
        rig.table.name,
        4,
        report.watermark,
        "run1",
    )


def test_nothing_new_is_no_rows_and_the_old_watermark(rig: Rig) -> None:
    """Again is the same as once."""
    first, before = rig.load(), rig.raw()
    again = rig.load()
    assert (again.rows, again.items, again.quarantined, again.watermark) == (0, 0, 0, first.watermark)
    assert rig.raw() == before


def test_only_what_is_new_comes(rig: Rig) -> None:
    """Rows loaded before stay as they were, none is doubled."""
    rig.load()
    before = rig.raw()
    rig.add(2)
    report = rig.load()
    assert report.rows == 2
    after = rig.raw()
    assert len(after) == 6
    assert len({row[0] for row in after}) == 6
    assert set(before) < set(after)


def test_lost_column_is_refused_by_name_and_nothing_is_visible(rig: Rig) -> None:
    """Readers of RAW see what they saw."""
    rig.load()
    before = rig.raw()
    rig.lose_column()
    with pytest.raises(ContractBroken, match=f"{rig.table.full_name}.* is missing") as caught:
        rig.load()
    assert caught.value.remedy
    assert rig.raw() == before


def test_gone_source_is_an_error_of_ours(rig: Rig) -> None:
    """With what to do; RAW stays."""
    rig.load()
    before = rig.raw()
    rig.go_away()
    with pytest.raises(PlatformError) as caught:
        rig.load()
    assert isinstance(caught.value, Transient | NotFound)
    assert caught.value.remedy
    assert rig.raw() == before


def test_quarantine_tables_are_not_loaded(rig: Rig) -> None:
    """dbt may declare them beside the tables they belong to."""
    waste = rig.table.model_copy(
        update={"name": "w", "identifier": "w", "meta": {"quarantine_of": rig.table.name}}
    )
    assert rig.load([rig.table, waste]).rows == 4


def test_block_shows_no_credential(rig: Rig) -> None:
    """Neither printed nor dumped; check is one line."""
    loader = rig.desk.loader
    assert SECRET not in f"{loader!r} {loader} {loader.model_dump_json()} {loader.model_dump()}"
    rig.keep_one()
    line = rig.desk.loader.check()
    assert rig.table.source in line
    assert "\n" not in line
    assert SECRET not in line
