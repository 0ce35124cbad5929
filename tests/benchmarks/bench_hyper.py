"""Five million rows out of DuckDB into a .hyper file, as a dashboard's extract is made, against COPY TO Parquet alone.

Run as `python -m tests.benchmarks.bench_hyper [--rows N] [--rounds N]`. Each is a process of its own over the same
DuckDB file; the best of the rounds counts. Ours is both steps of a publication: the warehouse's export to Parquet,
and that file into Hyper. Memory is the peak of the process with hyperd, its child; imports are not counted. CPU seconds
are told beside those of the clock, since they say the same on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

COLUMNS = """i AS id, 'SKU' || (i % 3000) AS stock_code,
    CASE WHEN i % 7 > 0 THEN 'Customer ' || (i % 50000) END AS customer,
    i % 17 = 0 AS returned, (i % 1000) / 7.0 AS weight, ((i * 37) % 1000000 / 100.0)::DECIMAL(18,2) AS amount,
    (i % 1000)::HUGEINT AS quantity, DATE '2020-01-01' + (i % 1800)::INT AS day,
    TIMESTAMP '2020-01-01' + to_seconds(i) AS at, TIMESTAMPTZ '2020-01-01 00:00:00+00' + to_seconds(i) AS at_zone"""
QUERY = "select * from lines"


def plain(folder: Path) -> dict[str, float]:
    """COPY TO Parquet alone."""
    import duckdb

    used, started = cpu(), time.perf_counter()
    with duckdb.connect(str(folder / "rows.duckdb"), read_only=True) as connection:
        connection.execute(f"COPY ({QUERY}) TO '{folder}/plain.parquet' (FORMAT parquet, COMPRESSION zstd)")
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "cpu": cpu() - used, "bytes": (folder / "plain.parquet").stat().st_size}


def ours(folder: Path) -> dict[str, float]:
    """The extract of a dashboard."""
    import duckdb  # noqa: F401
    import tableauhyperapi  # noqa: F401

    from blocks.site.hyper import write_hyper
    from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse

    warehouse = DuckDBWarehouse(database=str(folder / "rows.duckdb"))
    used, started = cpu(), time.perf_counter()
    with warehouse.session() as session:
        session.export(QUERY, folder / "ours.parquet")
    exported = time.perf_counter()
    write_hyper({"Extract": folder / "ours.parquet"}, folder / "ours.hyper")
    ended = time.perf_counter()
    size = (folder / "ours.hyper").stat().st_size
    told = {"seconds": ended - started, "cpu": cpu() - used, "bytes": size}
    return told | {"export": exported - started, "hyper": ended - exported}


class Peak(threading.Thread):
    """The most memory that this process and its children had together, sampled 50 times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.bytes, self._ended = 0, threading.Event()

    def run(self) -> None:
        me = psutil.Process()
        while not self._ended.wait(0.02):
            total = 0
            for process in (me, *me.children(recursive=True)):
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.bytes = max(self.bytes, total)

    def end(self) -> float:
        self._ended.set()
        self.join()
        return self.bytes / 1e6


def cpu() -> float:
    """CPU seconds so far, of this process and its ended children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def measured(name: str, folder: Path) -> dict[str, float]:
    """One measurement in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_hyper", "--only", name, str(folder)]
    found: dict[str, float] = json.loads(subprocess.check_output(command))
    for left in folder.glob(f"{name}.*"):
        left.unlink()
    return found


def main(rows: int = 5_000_000, rounds: int = 3) -> None:
    """Generate, measure, compare."""
    import duckdb

    with tempfile.TemporaryDirectory() as base:
        folder = Path(base)
        with duckdb.connect(str(folder / "rows.duckdb")) as connection:
            connection.execute(f"CREATE TABLE lines AS SELECT {COLUMNS} FROM range({rows}) r(i)")
        best: dict[str, dict[str, float]] = {}
        for _ in range(rounds):
            for way in ("plain", "ours"):
                found = measured(way, folder)
                best[way] = min(best.get(way, found), found, key=lambda one: one["seconds"])
    print(f"{rows:,} rows, 10 columns; best of {rounds}")
    for way, found in best.items():
        steps = (
            f" (export {found['export']:.2f} s, hyper {found['hyper']:.2f} s)" if "export" in found else ""
        )
        spent = f"{found['seconds']:6.2f} s  CPU {found['cpu']:6.2f} s  peak {found['mb']:5.0f} MB"
        print(f"{way:6} {spent}  {found['bytes'] / 1e6:4.0f} MB{steps}")
    ratio, busy = (best["ours"][what] / best["plain"][what] for what in ("seconds", "cpu"))
    print(f"ratio  {ratio:6.2f}    CPU {busy:6.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs=2, metavar=("NAME", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only:
        peak = Peak()
        peak.start()
        told = {"plain": plain, "ours": ours}[given.only[0]](Path(given.only[1]))
        print(json.dumps({**told, "mb": peak.end()}))
    else:
        main(given.rows, given.rounds)
