"""The whole main job on a real PostgreSQL, by a saved block: as on DuckDB, mart by mart."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from blocks.adoption.workbench import open_workbench
from blocks.records import State
from blocks.warehouse.control import read_journal
from flows.flags import read_flags
from flows.init import write_end
from tasks.adoption import Adoption
from tests.blocks.loader.dlt.servers import postgresql
from tests.blocks.loader.origins import SECRET
from tests.flows.conftest import SCALE, Place
from tests.flows.test_adopting import adopt_files, write_files

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


PROJECT = {
    "dbt_project.yml": "name: till\nversion: '1.0'\nprofile: till\nmodels: {till: {+materialized: table}}\n",
    "profiles.yml": (
        "till:\n  target: dev\n  outputs:\n    dev: {type: postgres, host: db, user: me, password: x, port: 5432,"
        " dbname: till, schema: dev}\n"
    ),
    "models/sources.yml": (
        "sources:\n  - name: till  # filled by Airbyte\n    schema: raw_till\n    tables: [{name: receipts}]\n"
        "  - name: town  # files that nobody loads yet\n    schema: raw_town\n    tables: [{name: stands}]\n"
    ),
    "models/sales.sql": (
        "select receipts.id as sale_id, sold_at::date as sold_on, product, amount, amount * pieces as turnover,\n"
        "  pieces, coalesce(details ->> 'till', 'none') as till, details, gift,\n"
        "  stands.district from {{ source('till', 'receipts') }} as receipts\n"
        "left join {{ source('town', 'stands') }} as stands on stands.id = receipts.id % 3 + 1\n"
        "where sold_at > '2020-01-01'::timestamptz\n"
    ),
}
ROWS = """insert into raw_till.receipts
select n, timestamptz '2026-03-01 09:00' + n * interval '7 hours', (array['tea', 'cake', 'ice'])[n % 3 + 1],
  (n % 7 + 0.5)::numeric(9, 2), n % 4, jsonb_build_object('till', 't' || n % 2), n % 5 = 0, array[n], md5(n::text)::uuid
from generate_series(1, 90) as n"""


def test_a_project_in_its_sql_is_adopted_where_its_rows_are(
    server: Server, command_line: Any, tmp_path: Path
) -> None:
    """What Airbyte filled and what `init` loads of files is profiled there; its next commands make a dashboard."""
    house = server.warehouse()
    house.save("till", overwrite=True)
    with house.session() as session:
        session.rows("create schema raw_till")
        session.rows(
            "create table raw_till.receipts (id bigint, sold_at timestamptz, product text, amount numeric(9, 2),"
            " pieces int, details jsonb, gift boolean, marks int[], code uuid)"
        )
        session.rows(ROWS)
    folder = tmp_path / "till"
    for name, text in PROJECT.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    flags = ("--warehouse", "postgres-warehouse/till", "--state", tmp_path / "state")
    files = ("--source", f"town={write_files(tmp_path / 'town')}")
    begun = command_line("init", "--project", folder, "--ticket", "TI-1", "--apply", *files, *flags)
    assert begun.returncode == 0, begun.stdout + begun.stderr
    assert "still to mend" not in begun.stdout
    assert house.list_releases() == []
    suite = (folder / "expectations" / "sales.json").read_text()
    assert '"tea"' in suite
    command = shlex.split(begun.stdout.strip().splitlines()[-1])[2:]
    assert "postgres-warehouse/till" in command
    checked = command_line("check", *command, *flags[2:])
    assert checked.returncode == 0, checked.stdout + checked.stderr
    done = command_line(*command, *flags[2:])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "status: done" in (folder / "tickets" / "TI-1.yaml").read_text()
    with house.session() as session:
        assert session.rows("select count(*), sum(turnover) from serving.sales") == session.rows(
            "select count(*), sum(amount * pieces) from raw_till.receipts"
        )
        assert session.rows("select district, count(*) from serving.sales group by 1 order by 1") == [
            ("north", 60),
            ("south", 30),
        ]
    assert Place(tmp_path / "state", command_line).page("sales_overview").is_file()


def test_from_a_folder_of_files_to_a_dashboard_on_it(
    server: Server, command_line: Any, tmp_path: Path
) -> None:
    """What this workflow loads into it itself: the two commands, and what they print, without an edit."""
    house = server.warehouse()
    house.save("files", overwrite=True)
    folder = write_files(tmp_path / "exports")
    adopt_files(
        folder, command_line, "--warehouse", "postgres-warehouse/files", "--state", tmp_path / "state"
    )
    with house.session() as session:
        assert session.rows("select count(*), sum(pieces), min(post_code) from serving.sales") == [
            (60, 90, "01000")
        ]


def test_a_bare_database_is_read_with_its_catalogues_types_in_all_its_schemas(server: Server) -> None:
    house = server.warehouse()
    with house.session() as session:
        for statement in (
            'create table customers (id serial primary key, "VIP" boolean)',
            'insert into customers ("VIP") select n % 2 = 0 from generate_series(1, 20) as n',
            "create schema sales",
            "create table sales.customers (id int)",
            "create table sales.orders (order_id bigint primary key, customer_id int, at timestamptz,"
            " price numeric(12, 3), details jsonb, document bytea)",
            "insert into sales.orders select n, n % 20 + 1, now(), n, '{}', '' from generate_series(1, 40) as n",
        ):
            session.rows(statement)
    url = server.url.set(drivername="postgres", database=house.database).render_as_string(hide_password=False)
    with open_workbench(keep_names=False) as bench:
        bench.add("shop", url)
        references = bench.find_references()
    tables = {each.name: each for each in bench.tables}
    assert {name: each.meta["table"] for name, each in tables.items()} == {
        "customers": "customers",
        "sales_customers": "sales.customers",
        "orders": "sales.orders",
    }
    assert {each.name: each.data_type for each in tables["orders"].columns} == {
        "order_id": "bigint",
        "customer_id": "integer",
        "at": "timestamp",
        "price": "decimal(12,3)",
        "details": "varchar",
    }
    assert [each.data_type for each in tables["sales_customers"].columns] == [
        "integer"
    ]  # though it has no rows
    assert references == {("orders", "customer_id"): ("customers", "id")}
    shown = write_end(
        Adoption(Path("shop"), Path("s"), Path("t"), locations={"shop": url}), 1, read_flags(["init"])
    )
    assert SECRET not in shown
    assert f"{server.url.username}:PASSWORD@" in shown
