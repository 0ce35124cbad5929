"""Ctrl-C in the midst of DuckDB's work: the file can be opened again at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from blocks.warehouse.duckdb import session
from tests.conftest import ROOT

INTERRUPT_OFTEN = """
import os, random, signal, sys, threading, time
from pathlib import Path
from blocks.warehouse.duckdb import session

path, settings = Path(sys.argv[1]), {"threads": 2}

def interrupt(*_):
    raise KeyboardInterrupt

def work():
    for _ in range(40):
        with session.open_session(path, settings) as own:
            own.rows("select k, count(*), sum(i) from t group by k")
            own.rows("create or replace table u as select * from t where k = 3")
    time.sleep(1)

signal.signal(signal.SIGINT, interrupt)
with session.open_session(path, settings) as own:
    own.rows("create table t as select i, i % 7 as k from range(300000) t(i)")
for seed in range(30):
    random.seed(seed)
    try:
        threading.Timer(random.uniform(0.005, 0.04), lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        work()
    except (KeyboardInterrupt, RuntimeError) as error:
        kept = error  # as a run keeps it, while it answers its tickets
        with session.open_session(path, settings) as own:
            assert own.rows("select count(*) from t") == [(300000,)]
print("done")
"""


def test_an_interrupt_at_any_moment_leaves_the_file_to_whoever_opens_it_next(tmp_path: Path) -> None:
    """Opening it waited for ever, with a busy processor, for a query that had been left."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPT_OFTEN, str(tmp_path / "w.duckdb")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout == "done\n", done.stderr


def test_what_is_interrupted_as_it_opens_stays_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = MagicMock()
    root.cursor().execute.side_effect = KeyboardInterrupt
    monkeypatch.setattr(session, "_connect", lambda *_: root)
    with pytest.raises(KeyboardInterrupt), session.open_session(tmp_path / "w.duckdb", {}):
        pass
    root.cursor().close.assert_called_once()
    root.close.assert_called_once()
    assert tmp_path / "w.duckdb" not in session._open
