"""PostgreSQL and MySQL go the same way as SQLite, by their URLs: real servers holding a CRM."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest

from blocks.errors import ContractBroken, Misconfigured, TimedOut, Unauthorized
from blocks.load_range import LoadRange
from blocks.records import SourceTable
from tests.blocks.loader.dlt.servers import statements
from tests.blocks.loader.origins import ACCOUNTS, DEALS, SECRET, Desk, columns, source_table

CREATE = (
    "create table opportunities (opportunity_id int primary key, stage text, amount numeric(20,5), updated_at"
)
RAW = (
    "select opportunity_id, stage, amount::varchar, updated_at::varchar from raw_crm.opportunities order by 1"
)
ODD = [
    "plain",
    "",
    None,
    "\\N",
    'say "hi", twice',
    "two\nlines\r\nand a tab\t",
    "Zoë 🚲 œ",
    "x" * 3_000_000,
    "null",
]


def with_rounding(table: SourceTable) -> SourceTable:
    """A table whose amounts may be rounded."""
    rounded = [
        c.model_copy(update={"meta": {"round": True}}) if c.name == "amount" else c for c in table.columns
    ]
    return table.model_copy(update={"columns": tuple(rounded)})


class Crm:
    """A CRM on a server: statements to change it, and a desk whose loader reads it."""

    def __init__(self, desk: Desk, url: str, run: Callable[[str], Any]) -> None:
        self.desk, self.run = desk, run
        self.url = url.replace(f":{SECRET}", "")
        self.use()

    def use(self, password: str = SECRET, **changes: Any) -> None:
        """Let the desk load with these settings."""
        credentials = {"crm": {"password": password}}
        self.desk.loader = self.desk.loader_with(
            locations={"crm": self.url}, credentials=credentials, **changes
        )

    def insert(self, *values: str) -> None:
        self.run(f"insert into opportunities values {', '.join(values)}")


@pytest.fixture(params=["postgresql", "mariadb"])
def crm(request: pytest.FixtureRequest, desk: Desk) -> Iterator[Crm]:
    """Each server with an empty CRM."""
    url = request.getfixturevalue(request.param)
    with statements(url) as run:
        for table in ("opportunities", "accounts", "texts"):
            run(f"drop table if exists {table}")
        run(f"{CREATE} {'timestamp' if request.param == 'postgresql' else 'datetime'})")
        yield Crm(desk, url, run)


def test_increments_come_by_cursor(crm: Crm) -> None:
    """Decimals to the declared scale; again is the same as once; check says where it is, without the password."""
    table = with_rounding(DEALS)
    crm.insert("(1, 'a', 1.005, '2011-01-01 10:00:00')", "(2, 'b', null, '2011-01-02 10:00:00')")
    first = crm.desk.load(table)
    assert (first.rows, first.watermark) == (2, "2011-01-02 10:00:00")
    assert crm.desk.rows(RAW) == [
        (1, "a", "1.01", "2011-01-01 10:00:00"),
        (2, "b", None, "2011-01-02 10:00:00"),
    ]
    assert crm.desk.load(table).rows == 0
    crm.run("update opportunities set stage = 'c', updated_at = '2011-01-03' where opportunity_id = 1")
    crm.insert("(3, 'd', 7, '2011-01-01 00:00:00')")  # late, and there is no lookback
    assert crm.desk.load(table).rows == 1
    line = crm.desk.loader.check()
    assert "1 tables in" in line
    assert SECRET not in line + crm.desk.loader.model_dump_json()


def test_late_gone_and_corrected_rows(crm: Crm) -> None:
    """Lookback, compared keys, days again, and everything again."""
    table = DEALS.model_copy(update={"meta": {**DEALS.meta, "lookback": 2, "compare_keys": True}})
    crm.insert(*(f"({n}, 'a', 1, '2011-01-{n:02} 10:00:00')" for n in range(1, 21)))
    assert crm.desk.load(table).rows == 20
    crm.insert("(30, 'late', 1, '2011-01-19 10:00:00')", "(31, 'too late', 1, '2011-01-17 10:00:00')")
    crm.run("delete from opportunities where opportunity_id in (4, 20)")
    report = crm.desk.load(table)
    assert report.deleted == 2
    assert crm.desk.rows("select count(*), max(opportunity_id) from raw_crm.opportunities") == [(19, 30)]
    crm.run("update opportunities set stage = 'corrected'")
    days = LoadRange(since=date(2011, 1, 5), until=date(2011, 1, 6))
    crm.desk.loader.load_source([table], crm.desk.warehouse, "again", days)
    assert crm.desk.rows(
        "select opportunity_id from raw_crm.opportunities where stage = 'corrected' order by 1"
    ) == [
        (5,),
        (6,),
        (18,),
        (19,),
        (30,),
    ]
    (full,) = crm.desk.loader.load_source([table], crm.desk.warehouse, "full", LoadRange(full=True))
    assert full.rows == 20


def test_texts_arrive_as_they_are(crm: Crm) -> None:
    """Nothing and the empty text are two things; quotes, line ends, long ones."""
    import sqlalchemy as sa

    crm.run(f"create table texts (n int, words {'text' if crm.url.startswith('postgres') else 'longtext'})")
    engine = sa.create_engine(crm.url, connect_args={"password": SECRET})
    with engine.begin() as connection:
        rows = [{"n": n, "words": words} for n, words in enumerate(ODD)]
        connection.execute(sa.text("insert into texts values (:n, :words)"), rows)
    engine.dispose()
    declared = columns(("n", "integer", "n", True), ("words", "varchar", "words", False))
    table = source_table("crm", "texts", declared, kind="sql", table="texts")
    assert crm.desk.load(table).rows == len(ODD)
    assert [row[0] for row in crm.desk.rows("select words from raw_crm.texts order by n")] == ODD


def test_what_goes_wrong_is_said_without_the_password(crm: Crm) -> None:
    """A wrong password, a lost table, the deadline in the middle of a query."""
    crm.use("wrong-password")
    with pytest.raises(Unauthorized) as caught:
        crm.desk.load(DEALS)
    assert "wrong-password" not in str(caught.value)
    crm.use()
    with pytest.raises(ContractBroken, match="there is no such table"):
        crm.desk.load(ACCOUNTS)
    slow = "pg_sleep(30)::text" if crm.url.startswith("postgres") else "sleep(30)"
    crm.run(f"create or replace view slow as select 1 as account_id, {slow} as segment")
    crm.use(deadline_seconds=2)
    with pytest.raises(TimedOut):
        crm.desk.load(ACCOUNTS.model_copy(update={"meta": {**ACCOUNTS.meta, "table": "slow"}}))


def test_postgresqls_own_types(desk: Desk, postgresql: str) -> None:
    """Zoned times become UTC; JSON, arrays, bytes and truth arrive as texts where no type is declared."""
    with statements(postgresql) as run:
        run("create schema odd")
        run(
            "create table odd.opportunities (opportunity_id int, stage text, amount numeric, updated_at timestamptz,"
            " more jsonb, ok bool, many int[], raw bytea, day date)"
        )
        run(
            "insert into odd.opportunities values"
            " (1, 'a', 1.005, '2011-01-01 10:00+02', '{\"a\": \"é\"}', true, '{1,2}', '\\x6162', '2011-01-01'),"
            " (2, 'b', 'NaN', '2011-01-02 10:00Z', null, null, null, null, 'infinity')"
        )
        crm = Crm(desk, postgresql, run)
        report = crm.desk.load(
            with_rounding(DEALS.model_copy(update={"meta": {**DEALS.meta, "table": "odd.opportunities"}}))
        )
        run("drop schema odd cascade")
    assert (report.rows, report.quarantined, report.watermark) == (1, 1, "2011-01-02 10:00:00+00")
    assert desk.rows("select updated_at::varchar, more, ok, many, raw, day from raw_crm.opportunities") == [
        ("2011-01-01 08:00:00", '{"a": "é"}', "true", "[1,2]", "6162", "2011-01-01")
    ]
    assert desk.rows("select _reason from raw_crm.opportunities__quarantine") == [("amount: not a number",)]


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
def test_postgresqls_texts_of_one_column_and_digits_of_any_role_come(
    desk: Desk, postgresql: str, driver: str
) -> None:
    """A table of empty texts alone has its rows; a role's own settings round no double; a domain is what is in it."""
    texts = source_table("crm", "one", columns(("v", "varchar", "v", False)), kind="sql", table="one.dot")
    kinds = columns(*((name, "varchar", name, False) for name in ("double", "single", "span", "yes", "many")))
    digits = source_table("crm", "digits", kinds, kind="sql", table="digits")
    with statements(postgresql) as run:
        run('drop table if exists "one.dot"; drop table if exists digits; drop domain if exists flag, list')
        run('create table "one.dot" (v text)')
        run("insert into \"one.dot\" values (''), (null), ('a'), ('')")
        run("create domain flag as bool; create domain list as int[]")
        run("create table digits (double float8, single real, span interval, yes flag, many list)")
        run("insert into digits values (0.1::float8 + 0.2, 16777215, '1 day', true, '{1,2}')")
        run("alter role reader set extra_float_digits = -5; alter role reader set intervalstyle = 'iso_8601'")
        crm = Crm(desk, postgresql.replace("psycopg2", driver), run)
        crm.desk.load(texts, digits)
        run("alter role reader reset all; drop table digits; drop domain flag, list")
    assert desk.rows("select v, count(*) from raw_crm.one group by 1 order by 1") == [
        ("", 2),
        ("a", 1),
        (None, 1),
    ]
    assert desk.rows("select double, single, span, yes, many from raw_crm.digits") == [
        ("0.30000000000000004", "1.6777215e+07", "1 day", "true", "[1,2]")
    ]


def test_a_table_of_another_schema_is_not_taken_for_one_of_that_name(crm: Crm) -> None:
    """By dlt, too, which has to be told where the table is."""
    crm.run("create table accounts (account_id int, segment text)")
    crm.run("insert into accounts values (1, 'of here')")
    crm.run("create schema other")
    crm.run("create table other.accounts (account_id int, segment text)")
    crm.run("insert into other.accounts values (2, 'of there')")
    crm.desk.load(ACCOUNTS.model_copy(update={"meta": {**ACCOUNTS.meta, "table": "other.accounts"}}))
    crm.run("drop table other.accounts")
    crm.run("drop schema other")
    assert crm.desk.rows("select account_id, segment from raw_crm.accounts") == [(2, "of there")]


def test_numbers_of_a_database_are_not_read_as_texts(crm: Crm) -> None:
    """1.234 would become 1234."""
    spelled = tuple(
        each.model_copy(update={"meta": {"decimal": ",", "thousands": "."}})
        if each.name == "amount"
        else each
        for each in DEALS.columns
    )
    with pytest.raises(Misconfigured, match="the database keeps numbers there"):
        crm.desk.load(DEALS.model_copy(update={"columns": spelled}))


def test_mariadbs_moments_come_in_utc(desk: Desk, mariadb: str) -> None:
    """Whatever the server's zone: the value, and no row is lost when its summer time ends."""
    with statements(mariadb) as run:
        run("drop table if exists moments")
        run("create table moments (n int, stage text, amount int, u timestamp null)")
        run("set time_zone = '+00:00'")
        run("set global time_zone = '+02:00'")
        run("insert into moments values (1, 'a', 1, '2026-10-25 00:59:00')")
        table = SUMMER.model_copy(update={"meta": {**SUMMER.meta, "table": "moments"}})
        crm = Crm(desk, mariadb, run)
        first = crm.desk.load(table)
        run("set global time_zone = '+01:00'")
        run("insert into moments values (2, 'b', 1, '2026-10-25 01:10:00')")
        second = crm.desk.load(table)
        run("set global time_zone = 'SYSTEM'")
        run("drop table moments")
    assert (first.rows, second.rows) == (1, 1)
    assert desk.rows("select u::varchar from raw_crm.moments order by n") == [
        ("2026-10-25 00:59:00",),
        ("2026-10-25 01:10:00",),
    ]


SUMMER = source_table(
    "crm",
    "moments",
    columns(("n", "integer", "n", True), ("u", "timestamp", "u", True)),
    kind="sql",
    table="moments",
    load="merge",
    key="n",
    cursor="u",
)


def test_mariadbs_own_types(desk: Desk, mariadb: str) -> None:
    """bit(1) is true or false, or a number where one is declared; zero dates are nothing where that is said.

    Columns may have a backtick in their name.
    """
    with statements(mariadb) as run:
        run("drop table if exists odd")
        run("set sql_mode = ''")
        run(
            "create table odd (n int, a bit(1), b bit(1), c bit(9), d date, t datetime(6), h time(3), j json,"
            " u int unsigned, f float, `s``s` decimal(20,10))"
        )
        run(
            "insert into odd values (1, b'1', b'1', b'100000001', '0000-00-00', '0000-00-00', '-30:15:00.5', '{}',"
            " 4294967295, 16777216, 0.0000000001)"
        )
        run(
            "insert into odd values (2, b'0', b'0', b'0', '2026-01-05', '2026-01-05 10:00:00.000', '10:00',"
            " '[1.50]', 0, 0.1, 0)"
        )
        declared = columns(
            ("n", "integer", "n", True),
            ("a", "boolean", "a", False),
            ("b", "integer", "b", False),
            ("c", "integer", "c", False),
            ("d", "date", "d", False),
            ("t", "timestamp", "t", False),
        )
        table = source_table("crm", "odd", declared, kind="sql", table="odd")
        crm = Crm(desk, mariadb, run)
        assert crm.desk.load(table).quarantined == 1
        assert crm.desk.rows("select _reason from raw_crm.odd__quarantine") == [
            ("d: not a date; t: not a timestamp",)
        ]
        report = crm.desk.load(table.model_copy(update={"meta": {**table.meta, "null_values": "0000-00-00"}}))
        run("drop table odd")
    assert (report.rows, report.quarantined) == (2, 0)
    assert desk.rows(
        "select a, b, c, d::varchar, t::varchar, h, j, u, f, s_s from raw_crm.odd order by n"
    ) == [
        (True, 1, 257, None, None, "-30:15:00.500000", "{}", "4294967295", "16777216.0", "0.0000000001"),
        (False, 0, 0, "2026-01-05", "2026-01-05 10:00:00", "10:00:00", "[1.50]", "0", "0.1", "0.0000000000"),
    ]


def commit_during_copy(run: Callable[[str], Any]) -> None:
    """Insert an order and its line together once the orders are being copied."""
    copying = (
        "select count(*) from pg_stat_activity where query like 'copy%slow_orders%' and state = 'active'"
    )
    for _ in range(600):
        if run(copying).scalar():
            break
        time.sleep(0.02)
    time.sleep(0.3)
    run("with o as (insert into orders values (99)) insert into lines values (99)")


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
def test_postgresqls_tables_come_from_one_snapshot(desk: Desk, postgresql: str, driver: str) -> None:
    """An order and its line that are committed while the orders are copied come both, or neither."""
    declared = columns(("n", "integer", "n", True))
    with statements(postgresql) as run:
        for name in ("orders", "lines"):
            run(f"drop table if exists {name}")
            run(f"create table {name} (n int)")
        run("insert into orders select generate_series(1, 20)")
        # each order takes a tenth of a second to read
        run(
            "create or replace view slow_orders as select n + (pg_sleep(0.1)::text || '0')::int as n from orders"
        )
        tables = [
            source_table("crm", "orders", declared, kind="sql", table="slow_orders"),
            source_table("crm", "lines", declared, kind="sql", table="lines"),
        ]
        crm = Crm(desk, postgresql.replace("psycopg2", driver), run)
        late = threading.Thread(target=commit_during_copy, args=(run,))
        late.start()
        orders, lines = crm.desk.load(*tables)
        late.join()
        run("drop view slow_orders")
    assert (orders.rows, lines.rows) == (20, 0)


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
def test_a_text_of_any_size_comes(desk: Desk, postgresql: str, driver: str) -> None:
    """And beside it nothing, the empty text and what looks like nothing stay three things."""
    declared = columns(("n", "integer", "n", True), ("words", "varchar", "words", False))
    with statements(postgresql) as run:
        run("drop table if exists texts")
        run("create table texts (n int, words text)")
        run("insert into texts values (1, repeat('ü\n\"', 10000000)), (2, null), (3, ''), (4, '\\N')")
        crm = Crm(desk, postgresql.replace("psycopg2", driver), run)
        assert crm.desk.load(source_table("crm", "texts", declared, kind="sql", table="texts")).rows == 4
    assert desk.rows("select n, length(words), left(words, 3) from raw_crm.texts order by n") == [
        (1, 30_000_000, 'ü\n"'),
        (2, None, None),
        (3, 0, ""),
        (4, 2, "\\N"),
    ]
