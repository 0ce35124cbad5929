"""What readers see, as pandas frames, for a notebook or a script. No Prefect server is needed, and nothing is written.

    from flows.notebook import Between, read_mart, read_metric

The functions read what `python flows/main.py` made on this machine; `open_notebook` has the same of any warehouse,
state folder or dbt project.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from blocks.catalogue import Catalogue
from blocks.dbt.project import DbtProject
from blocks.errors import Misconfigured, NotFound
from blocks.findings import suggest_name
from blocks.notebook import workbook
from blocks.notebook.frames import make_records_frame
from blocks.notebook.metric_query import Between
from blocks.notebook.reader import ServedReader, describe_frame
from blocks.prefect.block_types import load_block
from blocks.records import Check, Record
from blocks.release_names import release_schema
from blocks.warehouse.base import Warehouse
from blocks.warehouse.control import read_journal as journal_of
from blocks.warehouse.control import read_ledger as ledger_of
from flows.flags import ROOT
from tasks.shown_checks import find_gate, read_gates

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Between",
    "Notebook",
    "open_notebook",
    "read_checks",
    "read_journal",
    "read_ledger",
    "read_mart",
    "read_metric",
    "read_profile",
    "write_workbook",
]
STATE = ROOT / ".local"
JOURNAL = (("run", "string"), ("seq", "int64"), ("state", "string"), ("at", "utc"))
LEDGER = (
    ("source", "string"),
    ("table", "string"),
    ("item", "string"),
    ("fingerprint", "string"),
    ("rows", "int64"),
    ("quarantined", "int64"),
    ("bytes", "int64"),
    ("watermark", "string"),
    ("run", "string"),
)
CHECKS = (
    ("scope", "string"),
    ("name", "string"),
    ("kind", "string"),
    ("status", "string"),
    ("observed", "string"),
    ("evidence", "string"),
)


class Notebook:
    """What readers see of one warehouse. project: whose metrics are read; it is parsed when they are asked for."""

    def __init__(self, warehouse: Warehouse, project: DbtProject) -> None:
        self.warehouse, self._project = warehouse, project
        self._parsed: Catalogue | None = None

    @property
    def catalogue(self) -> Catalogue:
        """Metrics, dimensions and marts: as the last run parsed them, otherwise parsed by dbt now, apart from runs."""
        found = self._project.read_parsed(self.warehouse) or self._parsed
        if found is None:
            found = self._parsed = self._parse()
        return found

    def _parse(self) -> Catalogue:
        with TemporaryDirectory() as folder:
            project = DbtProject(folder=self._project.folder, state=Path(folder))
            run = project.open(self.warehouse, release_schema("notebook"))
            try:
                return run.catalogue
            finally:
                run.close()

    def read_mart(self, name: str) -> pd.DataFrame:
        """All rows of a mart, with `release` and `freshness` in `attrs`. Raises NotFound."""
        return ServedReader(self.warehouse, self.catalogue).read_mart(name)

    def read_profile(self, mart: str) -> pd.DataFrame:
        """What a mart's rows say of each column: type, nulls, distinct values, smallest, largest. Raises NotFound."""
        return ServedReader(self.warehouse, self.catalogue).read_profile(mart)

    def read_metric(
        self,
        name: str,
        by: str | Sequence[str] = (),
        grain: str | None = None,
        where: Mapping[str, object] | None = None,
    ) -> pd.DataFrame:
        """A metric's values, as pages compute them: a row a group, with `release` and `freshness` in `attrs`.

        by: dimensions; grain: day, week, month, quarter or year of the metric's time; where: dimension → a value,
        a list of values (None: no value), or Between(first, last), both included. Raises NotFound, Misconfigured.
        """
        chosen = [by] if isinstance(by, str) else list(by)
        return ServedReader(self.warehouse, self.catalogue).read_metric(name, chosen, grain, where or {})

    def read_checks(self, mart: str) -> pd.DataFrame:
        """The checks behind what readers see of a mart: of all it is made of, by the run that built it."""
        release = self.warehouse.read_served()
        if release is None or mart not in release.marts:
            near = suggest_name(mart, release.marts) if release else ""
            raise NotFound(f"read checks of {mart}", f"readers see no such mart{near}")
        gate = find_gate(self.catalogue, read_gates(self.warehouse, release), release, [mart])
        if gate is None:
            kept = "Run `python flows/main.py` to have it checked again."
            raise NotFound(f"read checks of {mart}", "the journal does not keep its checks any more", kept)
        rows = [_CheckRow.from_check(check) for check in gate.checks]
        return describe_frame(make_records_frame(rows, CHECKS), release, None)

    def read_journal(self) -> pd.DataFrame:
        """The states that runs reached, in order; `at` is in UTC."""
        return make_records_frame(journal_of(self.warehouse, details=False), JOURNAL)

    def read_ledger(self, source: str | None = None) -> pd.DataFrame:
        """What was loaded, oldest first, of one source or of all."""
        return make_records_frame(ledger_of(self.warehouse, source), LEDGER)


class _CheckRow(Record):
    """A check with its status and its evidence as text."""

    scope: str
    name: str
    kind: str
    status: str
    observed: str
    evidence: str

    @classmethod
    def from_check(cls, check: Check) -> _CheckRow:
        """The row of a check."""
        return cls(
            scope=check.scope,
            name=check.name,
            kind=check.kind,
            status=check.status,
            observed=check.observed,
            evidence="; ".join(check.evidence),
        )


def open_notebook(
    warehouse: Warehouse | str | None = None,
    project: str | Path | None = None,
    state: str | Path | None = None,
) -> Notebook:
    """What readers see of a warehouse.

    warehouse: a block, or a saved one as `snowflake-warehouse/prod`, which a Prefect server keeps; none: the
    local one. project: the dbt project's folder (default: the demo's). state: the folder that `--state` names.
    """
    from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse

    place = Path(state or STATE).expanduser().resolve()
    folder = Path(project or ROOT / "dbt").expanduser().resolve()
    found = load_block(warehouse) if isinstance(warehouse, str) else warehouse
    found = found or DuckDBWarehouse(database=str(place / "warehouse.duckdb"))
    if not isinstance(found, Warehouse):
        raise Misconfigured(f"open {warehouse}", "it is no warehouse", "As in snowflake-warehouse/prod.")
    return Notebook(found, DbtProject(folder=folder, state=place / "dbt"))


@cache
def _open_local() -> Notebook:
    return open_notebook()


def read_mart(name: str) -> pd.DataFrame:
    """A mart of the local warehouse: see `Notebook.read_mart`."""
    return _open_local().read_mart(name)


def read_metric(
    name: str,
    by: str | Sequence[str] = (),
    grain: str | None = None,
    where: Mapping[str, object] | None = None,
) -> pd.DataFrame:
    """A metric of the local warehouse: see `Notebook.read_metric`."""
    return _open_local().read_metric(name, by, grain, where)


def read_profile(mart: str) -> pd.DataFrame:
    """What the rows of a mart of the local warehouse say of its columns: see `Notebook.read_profile`."""
    return _open_local().read_profile(mart)


def read_checks(mart: str) -> pd.DataFrame:
    """The checks behind a mart of the local warehouse: see `Notebook.read_checks`."""
    return _open_local().read_checks(mart)


def read_journal() -> pd.DataFrame:
    """The journal of the local warehouse: see `Notebook.read_journal`."""
    return _open_local().read_journal()


def read_ledger(source: str | None = None) -> pd.DataFrame:
    """The ledger of the local warehouse: see `Notebook.read_ledger`."""
    return _open_local().read_ledger(source)


def write_workbook(path: str | Path, sheets: Mapping[str, pd.DataFrame]) -> None:
    """Write frames as sheets of an Excel workbook, with their releases. Raises Misconfigured, OSError."""
    workbook.write_workbook(Path(path), sheets)
