"""Processes that read a DuckDB warehouse's readers' file in a loop, while releases flip."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from blocks.records import Release
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse

MARTS = ("people", "sales")
READER = """
import sys, time, duckdb

path, reads, refused, mixed, older, last = sys.argv[1], 0, 0, 0, 0, -1
print("ready", flush=True)
while True:
    time.sleep(0.05)  # so that the flips get their share of the processors
    try:
        with duckdb.connect(path, read_only=True) as file:
            # two queries: between them a release must not change for who has the file open
            first = file.execute("select s.value, p.value from serving.sales s cross join serving.people p").fetchall()
            runs = file.execute("select distinct run from serving._release").fetchall()
    except duckdb.Error as error:
        refused += 1
        print(error, file=sys.stderr)
        continue
    reads += 1
    values = {*first[0], *(int(run) for (run,) in runs)}
    mixed += len(first) != 1 or len(values) != 1
    older += min(values) < last
    last = max(values)
    if last == int(sys.argv[2]):
        break
print(reads, refused, mixed, older)
"""


@dataclass
class Readings:
    """What readers counted: whole reads, refusals, mixtures of releases, releases older than one seen before."""

    reads: int
    refused: int
    mixed: int
    older: int


def flip_under_readers(warehouse: DuckDBWarehouse, flips: int, readers: int = 4) -> Readings:
    """Flip so many releases while so many processes read; each reads until it has seen the last one."""
    _flip(warehouse, 0)
    command = [sys.executable, "-c", READER, str(warehouse.readers.path), str(flips)]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(readers)
    ]
    try:
        for process in processes:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        with warehouse.stay_open():  # opened once: readers never have this file
            for value in range(1, flips + 1):
                _flip(warehouse, value)
        ends = [process.communicate(timeout=60) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    counts = [[int(count) for count in out.split()] for out, _ in ends]
    return Readings(*(sum(column) for column in zip(*counts, strict=True)))


def _flip(warehouse: DuckDBWarehouse, value: int) -> None:
    """Build a release whose every mart holds one row, the value, and let readers see it."""
    with warehouse.session() as session:
        for schema in [f"rel_{value - 3}"] if value > 2 else []:
            session.rows(f"drop schema {schema} cascade")
        session.rows(f"create schema rel_{value}")
        for mart in MARTS:
            session.rows(f"create table rel_{value}.{mart} as select {value} as value")
        marts = {mart: f"rel_{value}.{mart}" for mart in MARTS}
        at = datetime(2026, 1, 1) + timedelta(seconds=value)
        warehouse.flip(Release(run=str(value), marts=marts, published_at=at))


def read_file(path: Path, sql: str) -> list[tuple[object, ...]]:
    """What a reader gets who opens the file."""
    import duckdb

    with duckdb.connect(str(path), read_only=True) as file:
        return file.execute(sql).fetchall()
