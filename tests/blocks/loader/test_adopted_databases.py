"""`init` on a server's database: tables, types, keys and references come from there, and no password goes anywhere."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml

from flows.flags import Flags
from flows.init import write_end
from tasks.adoption import Adopter, Adoption
from tests.blocks.loader.origins import SECRET

STATEMENTS = [
    "drop table if exists orders",
    "drop table if exists customers",
    "create table customers (customer_id integer primary key, name varchar(40) not null, region varchar(10))",
    "create table orders (order_id integer primary key, customer_id integer references customers (customer_id),"
    " ordered_at timestamp not null, updated_at timestamp not null, amount numeric(10,2), paid boolean)",
    "insert into customers values (1, 'Ada', 'north'), (2, 'Bob', 'south'), (3, 'Cid', 'north')",
]


@pytest.mark.parametrize("server", ["postgresql", "mariadb"])
def test_a_database_of_a_server_becomes_a_project_that_builds(
    server: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(server)
    alone = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with alone.connect() as connection:  # other tests have tables in the server's first database
        connection.execute(sa.text("create database adopted"))
    alone.dispose()
    url = (
        url.replace("/postgres", "/adopted") if server == "postgresql" else url.replace("/crm?", "/adopted?")
    )
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in STATEMENTS:
            connection.execute(sa.text(statement))
        for number in range(1, 41):
            day = f"2026-03-{number % 28 + 1:02} 09:00:00"
            connection.execute(
                sa.text(
                    f"insert into orders values ({number}, {number % 3 + 1}, '{day}', '{day}', {number}.5,"
                    f" {'true' if number % 2 else 'false'})"
                )
            )
    engine.dispose()
    root = tmp_path / "shop"
    root.mkdir()
    found = Adoption(root / "dbt", root / "expectations", root / "tickets")
    Adopter(found, tmp_path / "scratch", "SH-1", date(2026, 4, 1)).adopt(root, {"shop": url})
    files = {str(path.relative_to(root)): text for path, text in found.files.items()}
    assert not [note for note in found.notes if "could not" in note or "still to mend" in note], found.notes
    assert not [name for name, text in files.items() if SECRET in text]
    message = write_end(found, len(files), Flags(action="init", project=root))
    assert SECRET not in message
    assert f"--source shop={url.split('://')[0]}://" in message.replace("'", "")
    tables = {
        each["name"]: each
        for each in yaml.safe_load(files["dbt/models/staging/shop/_shop__sources.yml"])["sources"][0][
            "tables"
        ]
    }
    columns = {each["name"]: each["data_type"] for each in tables["orders"]["columns"]}
    assert set(tables) == {"customers", "orders"}
    assert columns["order_id"] == "integer"
    assert columns["ordered_at"] == "timestamp"
    assert columns["amount"] == "decimal(10,2)"  # as the database says
    assert tables["orders"]["config"]["meta"]["key"] in ("order_id", ["order_id"])
    assert "left join customers" in files["dbt/models/marts/orders.sql"]
    assert "expectations/orders.json" in files
    assert "tickets/SH-1.yaml" in files
