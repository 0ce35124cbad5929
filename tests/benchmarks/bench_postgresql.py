"""Loading generated rows from a real PostgreSQL into DuckDB: our loader against plain ways over the same table.

DuckDB's own postgres extension is downloaded when it is first used; where it can't be, two plain ways stand in
for it: PostgreSQL's COPY into a file and CREATE TABLE AS over it, and connectorx to Arrow and CREATE TABLE AS.
Run as `python -m tests.benchmarks.bench_postgresql [--rows N] [--rounds N]`.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from tests.benchmarks.bench_load import arguments, by_loader, compare, only
from tests.blocks.loader.dlt.servers import postgresql, statements

LINES = """
select 536365 + i / 20 || '' as "InvoiceNo", 'SKU' || (i % 3000) as "StockCode",
    'WHITE HANGING HEART ' || (i % 3000) as "Description", ((i * 7) % 50 - 2)::int as "Quantity",
    timestamp '2011-01-01 08:00:00' + i * 3 * interval '1 second' as "InvoiceDate",
    (((i * 37) % 1000) / 100.0)::numeric(18, 4) as "UnitPrice",
    (12346 + i % 5941)::float8 as "CustomerID", 'United Kingdom'::text as "Country"
from generate_series(0, {last}::bigint) i
"""


def url(folder: Path) -> str:
    """Where the server is."""
    return (folder / "url").read_text()


def copied(folder: Path) -> dict[str, float]:
    """COPY into a file, then CREATE TABLE AS: types sniffed, no checks, no ledger."""
    started = time.perf_counter()
    import duckdb
    import sqlalchemy as sa

    engine = sa.create_engine(url(folder))

    def load(name: str) -> None:
        file = folder / f"{name}.csv"
        with (
            engine.connect() as connection,
            connection.connection.cursor() as cursor,
            file.open("wb") as target,
        ):
            cursor.copy_expert(f"copy {name}_lines to stdout (format csv, header)", target, 1 << 20)
        with duckdb.connect(str(folder / "copied.duckdb"), config={"threads": 2}) as warehouse:
            warehouse.execute(f"create table {name}_lines as select * from read_csv('{file}')")

    return timed(started, load)


def connectorx(folder: Path) -> dict[str, float]:
    """connectorx to Arrow, then CREATE TABLE AS."""
    started = time.perf_counter()
    import connectorx as cx
    import duckdb

    where = url(folder).replace("+psycopg2", "")

    def load(name: str) -> None:
        came = cx.read_sql(where, f"select * from {name}_lines", return_type="arrow")
        with duckdb.connect(str(folder / "connectorx.duckdb"), config={"threads": 2}) as warehouse:
            warehouse.register("came", came)
            warehouse.execute(f"create table {name}_lines as select * from came")

    return timed(started, load)


def timed(started: float, load) -> dict[str, float]:  # type: ignore[no-untyped-def]
    """Seconds for the first row, which brings imports in, and for all rows."""
    load("one")
    ready = time.perf_counter()
    load("all")
    return {"start": ready - started, "seconds": time.perf_counter() - ready}


def ours(folder: Path) -> dict[str, float]:
    """The dlt loader with the whole contract: types, required values, quarantine, ledger."""
    names = ("one", "all")
    return by_loader(folder, {n: (url(folder), {"kind": "sql", "table": f"{n}_lines"}) for n in names})


def main(rows: int = 1_000_000, rounds: int = 3) -> None:
    """Start a server, fill it, measure, compare."""
    with tempfile.TemporaryDirectory() as base, postgresql() as where, statements(where) as run:
        (Path(base) / "url").write_text(where)
        for name, count in (("one", 1), ("all", rows)):
            run(f"create table {name}_lines as {LINES.format(last=count - 1)}")
        run("checkpoint")
        print(f"{rows:,} rows of PostgreSQL; best of {rounds}")
        compare("tests.benchmarks.bench_postgresql", Path(base), ("copied", "connectorx", "ours"), rounds)


if __name__ == "__main__":
    given = arguments(__doc__)
    if given.only:
        ways = {"copied": copied, "connectorx": connectorx, "ours": ours}
        only(ways[given.only[0]], Path(given.only[1]))
    else:
        main(given.rows, given.rounds)
