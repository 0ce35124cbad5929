"""Loading generated CSV rows into DuckDB: our loader against a plain CREATE TABLE AS over the same file.

Run as `python -m tests.benchmarks.bench_load [--rows N] [--rounds N]`. Each is a process of its own; the
best of the rounds counts. Imports, most of them lazy, and the load of a one-row file that brings them in are
measured apart as the start: a run of the platform pays it once.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def generate(path: Path, rows: int) -> None:
    """Invoice lines in the shape of the ERP's."""
    import duckdb

    target = str(path).replace("'", "''")
    duckdb.connect().execute(
        "copy (select 536365 + i // 20 as InvoiceNo, 'SKU' || (i % 3000) as StockCode,"
        " 'WHITE HANGING HEART ' || (i % 3000) as Description, (i * 7) % 50 - 2 as Quantity,"
        " timestamp '2011-01-01 08:00:00' + to_seconds(i * 3) as InvoiceDate,"
        " ((i * 37) % 1000) / 100.0 as UnitPrice,"
        f" (12346 + i % 5941) || '.0' as CustomerID, 'United Kingdom' as Country from range({rows}) t(i))"
        f" to '{target}' (header)"
    )


def plain(folder: Path) -> dict[str, float]:
    """DuckDB alone: types sniffed, no checks, no ledger."""
    started = time.perf_counter()
    import duckdb

    def load(name: str) -> None:
        source = str(folder / name / "lines.csv").replace("'", "''")
        config: dict[str, str | bool | int | float | list[str]] = {"memory_limit": "1GB", "threads": 2}
        with duckdb.connect(str(folder / "plain.duckdb"), config=config) as connection:
            connection.execute(f"create table {name}_lines as select * from read_csv('{source}')")

    load("one")
    ready = time.perf_counter()
    load("all")
    return {"start": ready - started, "seconds": time.perf_counter() - ready}


def ours(folder: Path) -> dict[str, float]:
    """The dlt loader with the whole contract: types, required values, quarantine, ledger."""
    started = time.perf_counter()
    from blocks.loader.dlt import DltLoader
    from blocks.records import Column, SourceTable
    from blocks.warehouse.duckdb import DuckDBWarehouse

    declared = {
        "InvoiceNo": "varchar", "StockCode": "varchar", "Description": "varchar", "Quantity": "integer",
        "InvoiceDate": "timestamp", "UnitPrice": "decimal(18,4)",
        "CustomerID": "double", "Country": "varchar",
    }  # fmt: skip
    columns = tuple(Column(name=n.lower(), data_type=t, origin=n) for n, t in declared.items())
    warehouse = DuckDBWarehouse(database=str(folder / "ours.duckdb"))
    locations = {name: str(folder / name) for name in ("one", "all")}
    loader = DltLoader(locations=locations, deadline_seconds=3600, workdir=folder / "work")

    def load(name: str) -> int:
        table = SourceTable(
            source=name, name="lines", schema_name=name, identifier="lines", loader="dlt",
            meta={"kind": "files", "path": "*.csv", "final_newline": True}, columns=columns,
        )  # fmt: skip
        return loader.load_source([table], warehouse, "bench")[0].rows

    load("one")
    ready = time.perf_counter()
    rows = load("all")
    return {"start": ready - started, "seconds": time.perf_counter() - ready, "rows": rows}


def measured(name: str, folder: Path) -> dict[str, float]:
    """One measurement in a process of its own."""
    for left in folder.glob(f"{name}.duckdb*"):
        left.unlink()
    answer = subprocess.check_output(
        [sys.executable, "-m", "tests.benchmarks.bench_load", "--only", name, str(folder)]
    )
    found: dict[str, float] = json.loads(answer)
    return found


def main() -> None:
    """Generate, measure, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs=2, metavar=("NAME", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only:
        found = {"plain": plain, "ours": ours}[given.only[0]](Path(given.only[1]))
        print(json.dumps({**found, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
        return
    with tempfile.TemporaryDirectory() as base:
        folder = Path(base)
        for name, rows in (("one", 1), ("all", given.rows)):
            (folder / name).mkdir()
            generate(folder / name / "lines.csv", rows)
        best: dict[str, dict[str, float]] = {}
        for _ in range(given.rounds):
            for way in ("plain", "ours"):
                found = measured(way, folder)
                best[way] = min(best.get(way, found), found, key=lambda one: one["seconds"])
        size = (folder / "all" / "lines.csv").stat().st_size / 1e6
    print(f"{given.rows:,} rows, {size:.0f} MB of CSV; best of {given.rounds}")
    for way, found in best.items():
        print(
            f"{way:6} {found['seconds']:6.2f} s   peak {found['mb']:5.0f} MB   (start {found['start']:.2f} s)"
        )
    print(f"ratio  {best['ours']['seconds'] / best['plain']['seconds']:6.2f}")


if __name__ == "__main__":
    main()
