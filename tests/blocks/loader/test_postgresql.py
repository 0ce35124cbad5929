"""PostgreSQL goes the same way as SQLite, by its URL: a real server of our own, where it is installed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from blocks.errors import TimedOut, Unauthorized
from tests.blocks.loader.origins import ACCOUNTS, DEALS, SECRET, Desk

RAW = "select opportunity_id, amount::varchar, updated_at::varchar, more, ok from raw_crm.opportunities"


@pytest.fixture
def port() -> Iterator[int]:
    """A server's port. It refuses to run as root, hence the user `postgres` there."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("PostgreSQL is not installed")
    who: dict[str, Any] = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    data = Path(subprocess.check_output(["mktemp", "-d"], text=True, **who).strip())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        chosen = free.getsockname()[1]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": data, **who}
    secret = data / "password"
    subprocess.run(["tee", secret], input=SECRET.encode(), check=True, **quiet)
    access: list[Any] = ["-U", "reader", "-A", "scram-sha-256", "--pwfile", secret]
    subprocess.run([found[-1], "-D", data / "db", *access, "--no-sync"], check=True, **quiet)
    options: list[Any] = ["-p", str(chosen), "-k", data, "-c", "fsync=off"]
    server = subprocess.Popen([found[-1].with_name("postgres"), "-D", data / "db", *options], **quiet)
    try:
        yield chosen
    finally:
        server.send_signal(signal.SIGINT)  # without waiting for clients
        server.wait(30)
        shutil.rmtree(data, ignore_errors=True)


@pytest.fixture
def crm(port: int) -> Iterator[Any]:
    """A connection to the server, as soon as it is up."""
    import sqlalchemy as sa

    url = f"postgresql+psycopg2://reader:{SECRET}@127.0.0.1:{port}/postgres"
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    for _ in range(200):
        try:
            engine.connect().close()
            break
        except sa.exc.OperationalError:
            time.sleep(0.1)
    with engine.connect() as connection:
        yield lambda statement: connection.exec_driver_sql(statement)
    engine.dispose()


def test_postgresql_goes_the_same_way(desk: Desk, port: int, crm: Any) -> None:
    """Zoned times, decimals, JSON; increments by cursor; a wrong password; the deadline."""
    crm(
        "create table opportunities (opportunity_id int, stage text, amount numeric(20,5),"
        " updated_at timestamptz, more jsonb, ok bool)"
    )
    crm("insert into opportunities values (1, 'a', 1.005, '2011-01-01 10:00+02', '{\"a\": 1}', true)")
    crm("insert into opportunities values (2, 'b', null, '2011-01-02 10:00Z', null, null)")
    crm("create view slow as select 1 as account_id, pg_sleep(30)::text as segment")
    settings: dict[str, Any] = {
        "locations": {"crm": f"postgresql+psycopg2://reader@127.0.0.1:{port}/postgres"},
        "credentials": {"crm": {"password": SECRET}},
    }
    desk.loader = desk.loader_with(**settings)
    first = desk.load(DEALS)
    assert (first.rows, first.watermark) == (2, "2011-01-02 10:00:00+00:00")
    assert desk.rows(f"{RAW} order by 1") == [
        (1, "1.01", "2011-01-01 08:00:00", '{"a": 1}', "true"),
        (2, None, "2011-01-02 10:00:00", None, None),
    ]
    assert desk.load(DEALS).rows == 0
    crm("update opportunities set stage = 'c', updated_at = '2011-01-03' where opportunity_id = 1")
    assert desk.load(DEALS).rows == 1
    assert SECRET not in desk.loader_with(**settings, workdir=desk.folder / "other").model_dump_json()
    desk.loader = desk.loader_with(**settings, deadline_seconds=3)
    with pytest.raises(TimedOut):
        desk.load(ACCOUNTS.model_copy(update={"meta": {**ACCOUNTS.meta, "table": "public.slow"}}))
    desk.loader = desk.loader_with(**{**settings, "credentials": {"crm": {"password": "wrong"}}})
    with pytest.raises(Unauthorized) as caught:
        desk.load(DEALS)
    assert "wrong" not in str(caught.value)
