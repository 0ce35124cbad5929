"""How a batch's files get into Dremio: to the landing folder, then COPY INTO, and the rows are counted.

There is no transaction over statements, so the template's order carries a load. The ledger forgets the batch's items
first and learns them last; in between their rows are deleted, and rows of items that the ledger does not know: those
a killed load left. Counted before the ledger learns: a statement whose answer was lost may have run twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

from blocks.errors import Unavailable
from blocks.warehouse.batch import Batch, LoadTarget
from blocks.warehouse.dremio.settings import DremioSettings
from blocks.warehouse.dremio.staging import land_files
from blocks.warehouse.settings import Session

Files = Mapping[str, Sequence[Path]]


@contextmanager
def stage_groups(
    settings: DremioSettings,
    session: Session,
    target: LoadTarget,
    groups: Files,
    tables: Mapping[str, Mapping[str, str]],
) -> Iterator[dict[str, str]]:
    """Land each group's files in a folder of its own: group → the folder, or a table of the files (quoted).

    tables: group that SQL has to read → columns of its table, name → type. They are dropped before the ledger
    learns; what a failed load left is dropped by the next. Groups without files are left out.
    """
    staged: dict[str, str] = {}
    with ExitStack() as stack:
        for group, files in groups.items():
            if not files:
                continue
            place = stack.enter_context(land_files(settings, files, f"{target.relation}/{uuid4().hex}"))
            staged[group] = place
            if group in tables:
                table = settings.relation(f"{target.relation}__{group}")
                body = ", ".join(f"{settings.quote(name)} {kind}" for name, kind in tables[group].items())
                session.rows(f"drop table if exists {table}")
                session.rows(f"create table {table} ({body})")
                copy_files(settings, session, table, place, files)
                staged[group] = table
        yield staged


def copy_files(
    settings: DremioSettings, session: Session, table: str, place: str, files: Sequence[Path]
) -> None:
    """Copy landing files into a table (quoted). Raises Unavailable if other than all of their rows came."""
    before = _count_rows(session, table)
    session.rows(f"copy into {table} from {settings.literal(place)} file_format 'parquet'")
    came, expected = _count_rows(session, table) - before, _count_file_rows(files)
    if came != expected:
        raise Unavailable(f"load {table}", f"{came} rows came of {expected}", "The load is repeated.")


def find_orphans(settings: DremioSettings, session: Session, batch: Batch, target: LoadTarget) -> list[str]:
    """Items with rows in the table and no line in the ledger: of loads that were killed."""
    ledger, table = settings.quote(settings.control, "loads"), batch.table
    rows = session.rows(
        f'select distinct d."_item" from {settings.relation(target.relation)} as d left join {ledger} as l'
        ' on l.item = d."_item" and l.source_name = ? and l.table_name = ? where l.item is null',
        (table.source, table.name),
    )
    return [row[0] for row in rows if row[0] is not None]


def _count_rows(session: Session, table: str) -> int:
    return int(session.rows(f"select count(*) from {table}")[0][0])


def _count_file_rows(files: Sequence[Path]) -> int:
    from pyarrow import parquet

    return sum(int(parquet.ParquetFile(file).metadata.num_rows) for file in files)
