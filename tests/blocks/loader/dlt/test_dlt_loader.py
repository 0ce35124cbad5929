"""What holds for all kinds: a load can be killed and run again, keeps to its folder and its deadline."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from blocks.errors import Busy, Misconfigured, TimedOut, Unavailable
from tests.blocks.loader.origins import ACCOUNTS, DEALS, HEADER, LINES, RATES, Api, Desk, rate

ROOT = Path(__file__).resolve().parents[4]


def crm(desk: Desk) -> None:
    """A database with two tables."""
    desk.sql("create table accounts (account_id integer, segment text)")
    desk.sql("insert into accounts values (?, ?)", (1, "a"), (2, "b"))
    desk.sql("create table opportunities (opportunity_id integer, stage text, amount real, updated_at text)")
    desk.sql(
        "insert into opportunities values (?, ?, ?, ?)", (1, "x", 1, "2011-01-01"), (2, "y", 2, "2011-01-02")
    )


@pytest.mark.parametrize("step", ["first", "second"])
def test_killed_before_ingest_is_complete_and_not_doubled_next_time(desk: Desk, step: str) -> None:
    """SIGKILL when all is extracted, and between the ingestion of two tables."""
    crm(desk)
    program = f"""
        import os, signal, sys
        from pathlib import Path
        from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
        from tests.blocks.loader import origins
        desk = origins.Desk(Path({str(desk.folder)!r}))
        class Killed(DuckDBWarehouse):
            def ingest(self, batch):
                if {step!r} == "first" or batch.table.name == "opportunities":
                    assert batch.data[0].stat().st_size
                    os.kill(os.getpid(), signal.SIGKILL)
                return super().ingest(batch)
        desk.warehouse = Killed(database={desk.warehouse.database!r})
        desk.load(origins.ACCOUNTS, origins.DEALS)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT, timeout=120, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert list((desk.folder / "work" / "crm").iterdir())  # what the killed load left
    desk.load(ACCOUNTS, DEALS)
    assert not (desk.folder / "work" / "crm").exists()
    for table in ("accounts", "opportunities"):
        assert desk.rows(f"select count(*) from raw_crm.{table}") == [(2,)]
    assert desk.rows("select table_name, row_count from control.loads order by 1") == [
        ("accounts", 2),
        ("opportunities", 2),
    ]


def test_nothing_leaves_the_working_folder(online: Desk, api: Api, tmp_path: Path) -> None:
    """Not the home folder, not the current one, not to dlt's makers; the working folder is empty again."""
    crm(online)
    online.day("a.csv", "1,1,,,")
    api.records = [rate("2011-01-01")]
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    program = f"""
        from pathlib import Path
        from tests.blocks.loader import origins
        desk = origins.Desk(Path({str(online.folder)!r}), type("Api", (), {{"url": {api.url!r}}}))
        desk.load(origins.LINES), desk.load(origins.ACCOUNTS, origins.DEALS), desk.load(origins.RATES)
    """
    environment = {
        **os.environ,
        "HOME": str(home),
        "RUNTIME__DLTHUB_TELEMETRY_ENDPOINT": f"{api.url}telemetry",
        "PYTHONPATH": str(ROOT),
        "PREFECT_HOME": str(tmp_path / "prefect"),
    }
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=here,
        env=environment,
        timeout=120,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [path for path, _ in api.seen] == ["/rates"]
    assert list(home.rglob("*")) == []
    assert list(here.rglob("*")) == []
    assert {path.name for path in (online.folder / "work").rglob("*")} == {"erp.lock", "crm.lock", "fx.lock"}
    assert online.rows("select sum(row_count) from control.loads") == [(6,)]


def test_sources_load_side_by_side(online: Desk, api: Api) -> None:
    """In threads of one process, as the flow does."""
    crm(online)
    online.day("a.csv", "1,1,,,")
    api.records = [rate("2011-01-01")]
    jobs = [[LINES], [ACCOUNTS, DEALS], [RATES]] * 2
    for round_of in (jobs[:3], jobs[3:]):
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda tables: online.loader.load_source(tables, online.warehouse, "r"), round_of))
    assert online.rows("select count(*), sum(row_count) from control.loads") == [(4, 6)]


def _load_quietly(desk: Desk) -> None:
    with contextlib.suppress(Unavailable):
        desk.loader.load_source([RATES], desk.warehouse, "first")


def test_one_load_of_a_source_at_a_time(online: Desk, api: Api) -> None:
    """The second is told to come back."""
    api.records = [rate("2011-01-01")]
    api.fail("slow", times=1)
    first = threading.Thread(target=_load_quietly, args=(online,))
    first.start()
    while not api.seen:
        time.sleep(0.01)
    with pytest.raises(Busy, match="another run"):
        online.load(RATES)
    first.join()
    assert online.load(RATES).rows == 1


def test_deadline_interrupts_reading_of_files(desk: Desk) -> None:
    """A load that takes too long ends with nothing visible and nothing left."""
    line = "536365,6,2010-12-01 08:26:00,2.55,United Kingdom\n"
    (desk.erp / "a.csv").write_text(f"{HEADER}\n" + line * 400_000)
    desk.load(LINES.model_copy(update={"name": "warm", "identifier": "warm"}))  # imports done
    desk.loader = desk.loader_with(deadline_seconds=1)
    desk.loader.deadline_seconds = 0.15  # type: ignore[assignment]
    with pytest.raises(TimedOut, match="deadline_seconds"):
        desk.load(LINES)
    assert desk.rows("select 1 from information_schema.tables where table_name = 'invoice_lines'") == []
    assert not (desk.folder / "work" / "erp").exists()


def test_unknown_kind_and_odd_credentials(desk: Desk) -> None:
    """Settings that can't work are said."""
    with pytest.raises(Misconfigured, match="files, sql, rest"):
        desk.load(LINES.model_copy(update={"meta": {"kind": "ftp"}}))
    desk.loader = desk.loader_with(credentials={"erp": "secret"})
    with pytest.raises(Misconfigured, match="credentials"):
        desk.load(LINES)
    assert desk.loader.load_source([], desk.warehouse, "r") == []
