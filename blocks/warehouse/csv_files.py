"""Between Parquet files and the CSV of a server's COPY: a NULL is an empty field, an empty text is quoted."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_ONCE = 50_000


def write_csv(file: Path, columns: Sequence[str]) -> Iterator[bytes]:
    """These columns of a Parquet file as CSV, in chunks."""
    import pyarrow as pa
    from pyarrow import csv
    from pyarrow import parquet as pq

    for batch in pq.ParquetFile(file).iter_batches(ROWS_AT_ONCE, columns=list(columns)):
        chunk = io.BytesIO()
        texts = {name: _write_column(batch.column(name)) for name in columns}
        csv.write_csv(pa.table(texts), chunk, csv.WriteOptions(include_header=False))
        yield chunk.getvalue()


def read_csv(source: BinaryIO, schema: pa.Schema, path: Path) -> int:
    """Write CSV without a header to a Parquet file, in constant memory; return its rows. Booleans are `t` and `f`."""
    import pyarrow as pa
    from pyarrow import csv
    from pyarrow import parquet as pq

    rows, first = 0, source.read(1)
    source.seek(0)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        if not first:  # Arrow takes an empty file for an error
            return 0
        reader = csv.open_csv(
            source,
            csv.ReadOptions(column_names=schema.names),
            csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            csv.ConvertOptions(
                column_types=schema,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                true_values=["t"],
                false_values=["f"],
            ),
        )
        for batch in reader:
            writer.write_table(pa.Table.from_batches([batch]))
            rows += batch.num_rows
    return rows


def _write_column(column: pa.Array) -> pa.Array:
    """Values that CSV has no form for as text: nested ones as JSON, bytes in hexadecimal."""
    import pyarrow as pa
    from pyarrow import types

    write: Callable[[object], str]
    if types.is_nested(column.type):
        write = _write_json
    elif types.is_binary(column.type) or types.is_large_binary(column.type):
        write = _write_bytes
    else:
        return column
    return pa.array([None if value is None else write(value) for value in column.to_pylist()], pa.string())


def _write_json(value: object) -> str:
    return json.dumps(value, default=str)


def _write_bytes(value: object) -> str:
    return f"\\x{bytes(value).hex()}" if isinstance(value, bytes) else str(value)
