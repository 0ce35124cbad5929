"""The whole main job on a real PostgreSQL, by a saved block: as on DuckDB, mart by mart."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from blocks.records import State
from blocks.warehouse.control import read_journal
from tests.blocks.loader.dlt.servers import postgresql
from tests.blocks.loader.origins import SECRET
from tests.flows.conftest import SCALE, Place

if TYPE_CHECKING:
    from tests.blocks.warehouse.postgres_server import Server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    pytest.importorskip("psycopg", reason="extra `postgres` is not installed")
    from tests.blocks.warehouse.postgres_server import Server

    with postgresql() as url:
        yield Server(url)


def test_the_main_job_runs_on_it_as_on_duckdb(
    server: Server, delivered: Place, command_line: Any, tmp_path: Path
) -> None:
    prod = server.warehouse(role="builder", readers="bi")
    prod.save("prod", overwrite=True)
    flags = ("--warehouse", "postgres-warehouse/prod", "--state", tmp_path / "s")
    setup = command_line("setup", "--apply", *flags)
    assert setup.returncode == 0, setup.stdout + setup.stderr
    assert 'create schema if not exists "serving" authorization "builder";' in " ".join(setup.stdout.split())
    done = command_line(*flags, "--scale", SCALE, timeout=900)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    served, local = prod.read_served(), delivered.warehouse.read_served()
    assert served is not None
    assert local is not None
    assert set(served.marts) == set(local.marts)
    for mart in served.marts:
        with prod.session() as theirs, delivered.warehouse.session() as ours:
            columns = delivered.warehouse.columns(ours, "serving", mart)
            assert list(prod.columns(theirs, "serving", mart)) == list(columns)
            names = ", ".join(columns)
            sql = f"select {names} from serving.{mart}"
            found, expected = (sorted(map(plain, each.rows(sql)), key=str) for each in (theirs, ours))
            assert len(found) > 0
            assert found == expected, mart
    assert {entry.run: entry.state for entry in read_journal(prod)}[served.run] is State.published
    reader = {**server.arguments, "user": "bi"}
    assert reader
    server.run("alter role bi login password 'bi-not-real'")
    looks = prod.model_copy(update={"user": "bi", "role": "", "password": type(prod.password)("bi-not-real")})
    with looks.session() as session:
        assert session.rows("select count(*) from serving._release")[0][0] == len(served.marts)
    everything = output + "".join(
        path.read_text(errors="ignore")
        for path in (tmp_path / "s").rglob("*")
        if path.is_file() and path.suffix in {".json", ".yml", ".log", ".html", ".yaml", ".txt"}
    )
    assert SECRET not in everything


def plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Numbers as numbers, whatever a driver gives them as."""
    return tuple(round(float(v), 6) if isinstance(v, int | float | Decimal) else v for v in row)
