"""Files into a stage of Snowflake and from there into a table. Nothing of tables' shapes here.

Every batch has folders of its own in the stage, so that none of its files is taken for one that was loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from blocks.errors import PlatformError
from blocks.warehouse.settings import Session, WarehouseSettings

STAGE = "loads_stage"
LARGEST = 250_000_000  # bytes; Snowflake advises files of 100 to 250 MB, so that several load side by side
OPTIONS = (
    "file_format = (type = parquet use_logical_type = true) match_by_column_name = case_insensitive"
    " on_error = abort_statement"
)


@contextmanager
def stage_groups(
    settings: WarehouseSettings, session: Session, files: Mapping[str, Sequence[Path]]
) -> Iterator[dict[str, str]]:
    """Upload each group of files; group → its folder in the stage, for groups that have any."""
    session.rows(f"create stage if not exists {settings.quote(settings.control, STAGE)}")
    place = f"@{settings.control}.{STAGE}/{uuid4().hex}"
    try:
        with TemporaryDirectory() as scratch:
            for group, paths in files.items():
                for path in (part for whole in paths for part in split(whole, Path(scratch))):
                    source = settings.literal(f"file://{path.resolve()}")
                    session.rows(f"put {source} {place}/{group}/ auto_compress = false overwrite = true")
        yield {group: f"{place}/{group}/" for group, paths in files.items() if paths}
    finally:
        with suppress(PlatformError):  # a leftover costs storage, no more
            session.rows(f"remove {place}/")


def copy_sql(settings: WarehouseSettings, table: str, folder: str) -> str:
    """The statement that loads a folder into a table (`schema.table`), by columns' names."""
    return f"copy into {settings.relation(table)} from {folder} {OPTIONS}"


def split(file: Path, scratch: Path, largest: int = LARGEST) -> list[Path]:
    """A file as it is, or cut between row groups into parts of the advised size."""
    import pyarrow.parquet as pq

    if file.stat().st_size <= largest:
        return [file]
    paths: list[Path] = []
    whole, writer, size = pq.ParquetFile(file), None, 0
    for group in range(whole.num_row_groups):
        layout = whole.metadata.row_group(group)
        packed = sum(layout.column(at).total_compressed_size for at in range(layout.num_columns))
        if writer is None or size + packed > largest:
            if writer:
                writer.close()
            paths.append(scratch / f"{file.stem}-{len(paths)}.parquet")
            writer, size = pq.ParquetWriter(paths[-1], whole.schema_arrow, compression="zstd"), 0
        writer.write_table(whole.read_row_group(group))
        size += packed
    if writer:
        writer.close()
    return paths
