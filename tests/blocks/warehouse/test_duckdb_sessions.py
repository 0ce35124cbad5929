"""A DuckDB file is opened once for sessions that follow one another, where that is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse


def test_a_file_stays_open_and_is_closed_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house, opened = DuckDBWarehouse(database=str(tmp_path / "w.duckdb")), list[Any]()
    connect = duckdb.connect

    def note(*arguments: Any, **named: Any) -> duckdb.DuckDBPyConnection:
        opened.append(connect(*arguments, **named))
        return opened[-1]

    monkeypatch.setattr(duckdb, "connect", note)
    with house.stay_open():
        for _ in range(2):
            with house.session() as session:
                session.rows("select 1")
    assert len(opened) == 1
    with pytest.raises(duckdb.ConnectionException):
        opened[0].execute("select 1")
