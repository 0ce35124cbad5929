"""Files on an S3-compatible server, by fsspec URL: a real HTTP server, s3fs as the client."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from blocks.errors import NotFound, Unavailable
from blocks.load_range import LoadRange
from blocks.records import SourceTable
from tests.blocks.loader.origins import HEADER, LINES, SECRET, Desk

LINE = "{n},{n},2011-01-01 08:00:00,1,UK"


class Bucket:
    """A bucket on a server of our own, and a desk whose loader reads it."""

    def __init__(self, desk: Desk, endpoint: str) -> None:
        import boto3

        self.desk, self.endpoint = desk, endpoint
        self.client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id="reader",
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
        )
        self.client.create_bucket(Bucket="erp")
        self.use("s3://erp/export")

    def use(self, location: str, endpoint: str | None = None) -> None:
        """Let the desk load from this location."""
        options: dict[str, Any] = {
            "key": "reader",
            "secret": SECRET,
            "client_kwargs": {"endpoint_url": endpoint or self.endpoint},
            "use_listings_cache": False,
            "skip_instance_cache": True,
            "config_kwargs": {"retries": {"max_attempts": 0}},
        }
        self.desk.loader = self.desk.loader_with(locations={"erp": location}, credentials={"erp": options})

    def put(self, name: str, body: bytes) -> None:
        self.client.put_object(Bucket="erp", Key=f"export/{name}", Body=body)


@pytest.fixture
def bucket(desk: Desk) -> Iterator[Bucket]:
    server_module = pytest.importorskip("moto.server", reason="moto is not installed")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield Bucket(desk, f"http://{host}:{port}")
    server.stop()


def lines(*numbers: int) -> bytes:
    return "\n".join([HEADER, *(LINE.format(n=n) for n in numbers), ""]).encode()


def as_format(form: str, path: str) -> SourceTable:
    meta = {**LINES.meta, "format": form, "path": path, "final_newline": False}
    return LINES.model_copy(update={"meta": meta})


def test_only_new_and_changed_objects_come(bucket: Bucket) -> None:
    """As from a folder: again is the same as once, a changed object replaces its rows."""
    bucket.put("2011-01-01.csv", lines(1, 2))
    bucket.put("deep/2011-01-02.csv", lines(3))
    table = as_format("csv", "**/*.csv")
    first = bucket.desk.load(table)
    assert (first.rows, first.items) == (3, 2)
    assert bucket.desk.load(table).rows == 0
    bucket.put("2011-01-01.csv", lines(1, 2, 4))
    assert bucket.desk.load(table).rows == 3
    assert bucket.desk.rows("select count(*), count(distinct invoice_no) from raw_erp.invoice_lines") == [
        (4, 4)
    ]
    again = bucket.desk.loader.load_source(
        [table], bucket.desk.warehouse, "again", LoadRange(since=date(2011, 1, 2), until=date(2011, 1, 2))
    )[0]
    assert (again.rows, again.items) == (1, 1)
    assert "entries in s3://erp/export" in bucket.desk.loader.check()


def test_json_lines_and_parquet_too(bucket: Bucket, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    row = {
        "InvoiceNo": "7",
        "Quantity": 7,
        "InvoiceDate": "2011-01-01 08:00:00",
        "UnitPrice": 1,
        "Country": "UK",
    }
    text = ", ".join(f'"{name}": {value!r}'.replace("'", '"') for name, value in row.items())
    bucket.put("a.jsonl", f"{{{text}}}\n".encode())
    assert bucket.desk.load(as_format("jsonl", "*.jsonl")).rows == 1
    pq.write_table(
        pa.Table.from_pylist([{**row, "InvoiceNo": str(n)} for n in range(3)]), tmp_path / "x.parquet"
    )
    bucket.put("b.parquet", (tmp_path / "x.parquet").read_bytes())
    assert bucket.desk.load(as_format("parquet", "*.parquet")).rows == 3
    assert bucket.desk.rows("select count(*), sum(quantity) from raw_erp.invoice_lines") == [(4, 28)]


def test_what_goes_wrong_is_said_without_the_key(bucket: Bucket, caplog: pytest.LogCaptureFixture) -> None:
    bucket.put("a.csv", lines(1))
    bucket.use("s3://nowhere/export")
    with pytest.raises(NotFound, match="there is no s3://nowhere"):
        bucket.desk.load(LINES)
    bucket.use("s3://erp/export", "http://127.0.0.1:9")
    with pytest.raises(Unavailable) as caught:
        bucket.desk.load(LINES)
    assert SECRET not in str(caught.value) + caplog.text + repr(bucket.desk.loader)
