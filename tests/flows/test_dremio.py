"""The main job on Dremio, as a user starts it, against the stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from blocks.warehouse import control
from tests.dremio.refused import refusals
from tests.dremio.standin import StandIn, stand_in
from tests.flows.conftest import SCALE, Place, Run
from tests.flows.test_adopting import adopt_files, write_files


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with stand_in(tmp_path_factory.mktemp("dremio") / "lake") as running:
        yield running


@pytest.fixture(scope="module")
def on_dremio(server: StandIn, command_line: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    server.warehouse(publish="slot", reflections="required").save("prod", overwrite=True)
    state: Path = tmp_path_factory.mktemp("state") / "state"
    done = command_line(
        "--state", state, "--scale", SCALE, "--warehouse", "dremio-warehouse/prod", timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return state


def test_readers_see_the_run_and_its_dashboards(server: StandIn, on_dremio: Path) -> None:
    warehouse = server.warehouse()
    release = warehouse.read_served()
    assert release is not None
    assert [entry.state.value for entry in control.read_journal(warehouse)][-1] == "published"
    with warehouse.session() as session:
        for mart in release.marts:
            assert session.rows(f"select count(*) from {warehouse.quote('serving', mart)}")[0][0] > 0
    pages = list((on_dremio / "site" / "dashboards").glob("*/index.html"))
    assert len(pages) >= len(release.marts)


def test_its_marts_hold_the_figures_that_duckdb_computes(
    server: StandIn, on_dremio: Path, delivered: Place
) -> None:
    here = server.warehouse()
    release = here.read_served()
    assert release is not None
    for mart in release.marts:
        with here.session() as session:
            kinds = here.columns(session, "serving", mart)
        numbers = [
            name
            for name, kind in kinds.items()
            if kind.startswith(("DECIMAL", "BIGINT", "INTEGER", "DOUBLE"))
        ]
        assert numbers
        totals = ", ".join(["count(*)", *(f'cast(sum("{name}") as double)' for name in numbers)])
        found = []
        for warehouse in (here, delivered.warehouse):
            with warehouse.session() as session:
                found += session.rows(f"select {totals} from {warehouse.quote('serving', mart)}")
        assert found[0] == pytest.approx(found[1]), mart


def test_every_compiled_model_is_sql_that_dremio_takes(on_dremio: Path) -> None:
    compiled = sorted((on_dremio / "dbt" / "target" / "compiled").rglob("*.sql"))
    assert len(compiled) > 20
    refused = {path.name: found for path in compiled if (found := refusals(path.read_text()))}
    assert refused == {}


@pytest.mark.soak
def test_from_a_folder_of_files_to_a_dashboard_on_it(
    server: StandIn, command_line: Run, tmp_path: Path
) -> None:
    folder = write_files(tmp_path / "exports")
    house = server.warehouse(publish="slot", reflections="required")
    house.save("files", overwrite=True)
    adopt_files(folder, command_line, "--warehouse", "dremio-warehouse/files", "--state", tmp_path / "state")
    with house.session() as session:
        sql = f"select count(*), sum(pieces), min(post_code) from {house.quote('serving', 'sales')}"
        assert session.rows(sql) == [(60, 90, "01000")]
