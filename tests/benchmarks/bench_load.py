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
from collections.abc import Callable, Sequence
from pathlib import Path

DECLARED = {
    "InvoiceNo": "varchar",
    "StockCode": "varchar",
    "Description": "varchar",
    "Quantity": "integer",
    "InvoiceDate": "timestamp",
    "UnitPrice": "decimal(18,4)",
    "CustomerID": "double",
    "Country": "varchar",
}


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
    files = {"kind": "files", "path": "*.csv", "final_newline": True}
    return by_loader(folder, {name: (str(folder / name), files) for name in ("one", "all")})


def by_loader(folder: Path, sources: dict[str, tuple[str, dict[str, object]]]) -> dict[str, float]:
    """Load sources `one`, which brings all imports in, and `all`: name → location and the table's meta."""
    started = time.perf_counter()
    from blocks.loader.dlt.loader import DltLoader
    from blocks.records import Column, SourceTable
    from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse

    columns = tuple(Column(name=n.lower(), data_type=t, origin=n) for n, t in DECLARED.items())
    warehouse = DuckDBWarehouse(database=str(folder / "ours.duckdb"))
    locations = {name: location for name, (location, _) in sources.items()}
    loader = DltLoader(locations=locations, deadline_seconds=3600, workdir=folder / "work")

    def load(name: str) -> int:
        table = SourceTable(
            source=name,
            name="lines",
            schema_name=name,
            identifier="lines",
            loader="dlt",
            meta=sources[name][1],
            columns=columns,
        )
        return loader.load_source([table], warehouse, "bench")[0].rows

    load("one")
    ready = time.perf_counter()
    rows = load("all")
    return {"start": ready - started, "seconds": time.perf_counter() - ready, "rows": rows}


def measured(module: str, name: str, folder: Path) -> dict[str, float]:
    """One measurement in a process of its own."""
    for left in folder.glob(f"{name}.duckdb*"):
        left.unlink()
    answer = subprocess.check_output([sys.executable, "-m", module, "--only", name, str(folder)])
    found: dict[str, float] = json.loads(answer)
    return found


def only(way: Callable[[Path], dict[str, float]], folder: Path) -> None:
    """Measure here, and print it for `measured`."""
    print(json.dumps({**way(folder), "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def compare(module: str, folder: Path, ways: Sequence[str], rounds: int) -> None:
    """Print the best of the rounds for each way, and how ours compares with the fastest other."""
    best: dict[str, dict[str, float]] = {}
    for _ in range(rounds):
        for way in ways:
            found = measured(module, way, folder)
            best[way] = min(best.get(way, found), found, key=lambda one: one["seconds"])
    for way, found in best.items():
        print(
            f"{way:10} {found['seconds']:6.2f} s   peak {found['mb']:5.0f} MB   (start {found['start']:.2f} s)"
        )
    fastest = min(found["seconds"] for way, found in best.items() if way != "ours")
    print(f"ratio      {best['ours']['seconds'] / fastest:6.2f}")


def arguments(about: str | None) -> argparse.Namespace:
    """The flags of a comparison."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs=2, metavar=("NAME", "FOLDER"), help=argparse.SUPPRESS)
    return parser.parse_args()


def main(rows: int = 1_000_000, rounds: int = 3) -> None:
    """Generate, measure, compare."""
    with tempfile.TemporaryDirectory() as base:
        folder = Path(base)
        for name, count in (("one", 1), ("all", rows)):
            (folder / name).mkdir()
            generate(folder / name / "lines.csv", count)
        size = (folder / "all" / "lines.csv").stat().st_size / 1e6
        print(f"{rows:,} rows, {size:.0f} MB of CSV; best of {rounds}")
        compare("tests.benchmarks.bench_load", folder, ("plain", "ours"), rounds)


if __name__ == "__main__":
    given = arguments(__doc__)
    if given.only:
        only({"plain": plain, "ours": ours}[given.only[0]], Path(given.only[1]))
    else:
        main(given.rows, given.rounds)
