"""The table of docs/loading.md of what comes out of databases' types, held to what does come out of real ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from blocks.records import Column
from tests.blocks.loader.dlt.servers import statements
from tests.blocks.loader.origins import SECRET, Desk, source_table

pytestmark = pytest.mark.filterwarnings("ignore:Did not recognize type")
DOCS = Path(__file__).parents[4] / "docs" / "loading.md"
Types = Mapping[str, tuple[str, str]]  # type → a value in SQL, the data_type to declare

POSTGRESQL: Types = {
    "smallint": ("-7", "smallint"),
    "integer": ("2147483647", "integer"),
    "bigint": ("9223372036854775807", "bigint"),
    "numeric(20,5)": ("1.00500", "decimal(20,5)"),
    "numeric": ("12345678901234567890.125", "decimal(38,3)"),
    "real": ("0.1", "double"),
    "double precision": ("0.30000000000000004", "double"),
    "money": ("12.50", "varchar"),
    "boolean": ("true", "boolean"),
    "char(5)": ("'ab'", "varchar"),
    "text": ("'é'", "varchar"),
    "date": ("'2026-01-31'", "date"),
    "timestamp": ("'2026-01-31 10:05:07.123456'", "timestamp"),
    "timestamptz": ("'2026-01-31 10:00:00+02'", "timestamp"),
    "time": ("'10:05:07'", "varchar"),
    "interval": ("'1 day 02:00'", "varchar"),
    "uuid": ("'6d7c9c9e-2b58-4b3a-8e0b-0e5b3a1c7f01'", "varchar"),
    "bytea": ("'\\x6162'", "varchar"),
    "json": ("'{\"a\": 1.50}'", "varchar"),
    "jsonb": ("'{\"a\": 1.50}'", "varchar"),
    "integer[]": ("'{1,2}'", "varchar"),
    "text[]": ("'{a,NULL}'", "varchar"),
    "inet": ("'10.0.0.1'", "varchar"),
    "int4range": ("'[1,5)'", "varchar"),
    "bit(3)": ("B'101'", "varchar"),
    "xml": ("'<a/>'", "varchar"),
}
MARIADB: Types = {
    "tinyint": ("-7", "smallint"),
    "tinyint(1)": ("1", "boolean"),
    "int unsigned": ("4294967295", "bigint"),
    "bigint": ("9223372036854775807", "bigint"),
    "bigint unsigned": ("18446744073709551615", "decimal(20,0)"),
    "decimal(20,5)": ("1.00500", "decimal(20,5)"),
    "float": ("0.1", "double"),
    "double": ("0.30000000000000004", "double"),
    "bit(1)": ("b'1'", "boolean"),
    "bit(9)": ("b'100000001'", "integer"),
    "char(5)": ("'ab'", "varchar"),
    "longtext": ("'é'", "varchar"),
    "date": ("'2026-01-31'", "date"),
    "datetime(6)": ("'2026-01-31 10:05:07.123456'", "timestamp"),
    "timestamp": ("'2026-01-31 10:00:00'", "timestamp"),
    "time": ("'-30:15:00'", "varchar"),
    "year": ("2026", "integer"),
    "json": ("'{\"a\": 1.50}'", "varchar"),
    "enum('a','b')": ("'b'", "varchar"),
    "set('a','b')": ("'a,b'", "varchar"),
    "varbinary(9)": ("'ab'", "varchar"),
    "uuid": ("'6d7c9c9e-2b58-4b3a-8e0b-0e5b3a1c7f01'", "varchar"),
}
SQLITE: Types = {
    "integer": ("9223372036854775807", "bigint"),
    "real": ("0.30000000000000004", "double"),
    "numeric": ("1.5", "decimal(18,2)"),
    "text": ("'2026-01-31 10:00:00'", "timestamp"),
    "blob": ("x'6162'", "varchar"),
    "boolean": ("1", "boolean"),
    "date": ("'2026-01-31'", "date"),
    "datetime": ("'2026-01-31 10:05:07.123456'", "timestamp"),
}


def write_lines(desk: Desk, url: str, types: Types, title: str) -> list[str]:
    """Load a value of each type, without a declared type and with one, and write the table's lines."""
    body = ", ".join(f"c{at} {kind}" for at, kind in enumerate(types))
    with statements(url) as run:
        run("drop table if exists kinds")
        run(f"create table kinds ({body})")
        run(f"insert into kinds values ({', '.join(value for value, _ in types.values())})")
    bare = url.replace(f":{SECRET}", "")
    credentials = {"crm": {"password": SECRET}} if SECRET in url else {}
    desk.loader = desk.loader_with(locations={"crm": bare}, credentials=credentials)
    found = []
    for name, declared in (("plain", False), ("typed", True)):
        columns = [
            Column(name=f"v{at}", data_type=kind if declared else "varchar", origin=f"c{at}")
            for at, (_, kind) in enumerate(types.values())
        ]
        table = source_table("crm", name, columns, kind="sql", table="kinds")
        report = desk.load(table)
        assert (report.rows, report.quarantined) == (1, 0)
        values = ", ".join(f"v{at}::varchar" for at in range(len(types)))
        (row,) = desk.rows(f"select {values} from raw_crm.{name}")
        found.append(row)
    return [
        f"| {title} | `{kind}` | `{text}` | {f'{kept}: `{value}`' if value != text else kept} |"
        for (kind, (_, kept)), text, value in zip(types.items(), *found, strict=True)
    ]


def check(lines: list[str]) -> None:
    documented = DOCS.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line not in documented] == []


def test_postgresqls_types(desk: Desk, postgresql: str) -> None:
    check(write_lines(desk, postgresql, POSTGRESQL, "PostgreSQL"))


def test_mariadbs_types(desk: Desk, mariadb: str) -> None:
    check(write_lines(desk, mariadb, MARIADB, "MariaDB"))


def test_sqlites_types(desk: Desk) -> None:
    check(write_lines(desk, f"sqlite:///{desk.folder / 'kinds.sqlite'}", SQLITE, "SQLite"))
