"""Real database servers of our own, started in a temporary folder on a free port, if they are installed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.blocks.loader.origins import SECRET

MARIADB = Path("/usr/sbin/mariadbd")


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL whose only user is `reader`. It refuses to run as root: then it is `postgres`."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("PostgreSQL is not installed")
    # not by `user=`: Python would fork, which a process that has mapped much memory may not
    who = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
    data = Path(subprocess.check_output([*who, "mktemp", "-d"], text=True).strip())
    port = free_port()
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": data}
    secret = data / "password"
    subprocess.run([*who, "tee", secret], input=SECRET.encode(), check=True, **quiet)
    access: list[Any] = ["-U", "reader", "-A", "scram-sha-256", "--pwfile", secret]
    subprocess.run([*who, found[-1], "-D", data / "db", *access, "--no-sync"], check=True, **quiet)
    options: list[Any] = ["-p", str(port), "-k", data, "-c", "fsync=off"]
    server = subprocess.Popen([*who, found[-1].with_name("postgres"), "-D", data / "db", *options], **quiet)
    with _running(server, signal.SIGINT, data):  # SIGINT: without waiting for clients
        yield _ready(f"postgresql+psycopg2://reader:{SECRET}@127.0.0.1:{port}/postgres")


@contextmanager
def mariadb() -> Iterator[str]:
    """The URL of a MariaDB whose user is `reader`."""
    if not MARIADB.exists() or not shutil.which("my_print_defaults"):
        pytest.skip("MariaDB is not installed")
    data, port = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip()), free_port()
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": data}
    user = ["--user=root"] if os.geteuid() == 0 else []
    where = ["--no-defaults", f"--datadir={data / 'db'}", *user]
    install = ["mariadb-install-db", *where, "--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run(install, check=True, **quiet)
    (data / "users.sql").write_text(  # a statement a line
        f"create user reader@'%' identified by '{SECRET}';\n"
        "grant all on *.* to reader@'%';\ncreate database crm character set utf8mb4;\n"
    )
    options = [
        f"--port={port}",
        f"--socket={data / 's'}",
        "--bind-address=127.0.0.1",
        "--skip-name-resolve",
        f"--init-file={data / 'users.sql'}",
        "--innodb-flush-log-at-trx-commit=0",
    ]
    server = subprocess.Popen([MARIADB, *where, *options], **quiet)
    with _running(server, signal.SIGTERM, data):
        yield _ready(f"mysql+pymysql://reader:{SECRET}@127.0.0.1:{port}/crm?charset=utf8mb4")


@contextmanager
def _running(server: subprocess.Popen[bytes], stop: signal.Signals, data: Path) -> Iterator[None]:
    try:
        yield
    finally:
        server.send_signal(stop)
        server.wait(60)
        shutil.rmtree(data, ignore_errors=True)


def _ready(url: str) -> str:
    import sqlalchemy as sa

    engine = sa.create_engine(url)
    for _ in range(600):
        try:
            engine.connect().close()
            engine.dispose()
            return url
        except sa.exc.OperationalError:
            time.sleep(0.1)
    raise TimeoutError("the server did not start within a minute")


@contextmanager
def statements(url: str) -> Iterator[Callable[[str], Any]]:
    """Run statements on a database, each at once."""
    import sqlalchemy as sa

    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield lambda statement: connection.exec_driver_sql(statement.replace("%", "%%"))
    engine.dispose()
