"""Databases: whole tables and changes by cursor, from a real SQLite file."""

from __future__ import annotations

import errno
import socket
import time
from importlib import import_module

import pyarrow as pa
import pytest

from blocks.errors import ContractBroken, Misconfigured, NotFound, TimedOut, Unavailable
from blocks.loader.dlt.sql.connections import translate_error
from tests.blocks.loader.origins import ACCOUNTS, DEALS, SECRET, Desk

ROWS = (
    (1, "won", 10.5, "2011-01-01 10:00:00"),
    (2, "open", 7, "2011-01-02 10:00:00"),
    (3, "open", None, "2011-01-02 10:00:00"),
)
RAW = "select opportunity_id, stage, amount::varchar from raw_crm.opportunities order by 1"
INSERT = "insert into opportunities values (?, ?, ?, ?)"


@pytest.fixture
def crm(desk: Desk) -> Desk:
    """A CRM with two tables."""
    desk.sql("create table accounts (account_id integer, segment text)")
    desk.sql("insert into accounts values (?, ?)", (12346, "retail"), (12347, None))
    desk.sql(
        "create table opportunities"
        " (opportunity_id integer primary key, stage text, amount numeric, updated_at timestamp)"
    )
    desk.sql(INSERT, *ROWS)
    return desk


def test_two_tables_of_one_source(crm: Desk) -> None:
    """One load brings both; again brings nothing."""
    accounts, deals = crm.load(ACCOUNTS, DEALS)
    assert (accounts.rows, accounts.watermark) == (2, None)
    assert (deals.rows, deals.watermark) == (3, "2011-01-02 10:00:00")
    assert crm.rows(RAW) == [(1, "won", "10.50"), (2, "open", "7.00"), (3, "open", None)]
    assert crm.rows("select account_id, segment, _item from raw_crm.accounts order by 1") == [
        (12346, "retail", "all"),
        (12347, None, "all"),
    ]
    accounts, deals = crm.load(ACCOUNTS, DEALS)
    assert (accounts.rows, deals.rows, deals.watermark) == (0, 0, "2011-01-02 10:00:00")


def test_changes_by_cursor_are_merged(crm: Desk) -> None:
    """New and changed rows come, the rest is not read again; the window is the item."""
    crm.load(DEALS)
    crm.sql(
        "update opportunities set stage = 'lost', updated_at = '2011-01-03 09:00:00' where opportunity_id = 1"
    )
    crm.sql(INSERT, (4, "open", 1, "2011-01-03 08:00:00"))
    crm.sql("update opportunities set stage = 'unseen' where opportunity_id = 2")  # without a new updated_at
    report = crm.load(DEALS)
    assert report.watermark == "2011-01-03 09:00:00"
    assert crm.rows(RAW)[0] == (1, "lost", "10.50")
    assert crm.rows("select count(*), count(distinct opportunity_id) from raw_crm.opportunities") == [(4, 4)]
    assert crm.rows("select _item from raw_crm.opportunities where opportunity_id = 4") == [
        ("2011-01-03 09:00:00",)
    ]


def test_late_row_at_the_watermark_is_not_missed(crm: Desk) -> None:
    """Another row of the same second comes in the next load, and only once."""
    crm.load(DEALS)
    crm.sql(INSERT, (5, "late", 1, "2011-01-02 10:00:00"))
    assert crm.load(DEALS).rows == 3  # with those of the same second
    assert crm.rows("select count(*), count(distinct opportunity_id) from raw_crm.opportunities") == [(4, 4)]
    assert crm.load(DEALS).rows == 0


def test_a_row_without_a_cursors_value_comes_all_the_same(crm: Desk) -> None:
    """Until its first change a row has no time of it."""
    columns = tuple(
        each.model_copy(update={"required": each.required and each.name != "updated_at"})
        for each in DEALS.columns
    )
    crm.sql(INSERT, (6, "new", 1, None))
    crm.load(DEALS.model_copy(update={"columns": columns}))
    assert crm.rows("select stage, updated_at from raw_crm.opportunities where opportunity_id = 6") == [
        ("new", None)
    ]


def test_integer_cursor_is_no_text(desk: Desk) -> None:
    """9 comes before 10."""
    desk.sql(
        "create table opportunities (opportunity_id integer, stage text, amount numeric, updated_at integer)"
    )
    desk.sql(INSERT, (1, "a", 1, 9), (2, "b", 1, 10))
    kinds = {"updated_at": "bigint"}
    columns = tuple(c.model_copy(update={"data_type": kinds.get(c.name, c.data_type)}) for c in DEALS.columns)
    table = DEALS.model_copy(update={"columns": columns})
    assert desk.load(table).watermark == "10"
    desk.sql(INSERT, (3, "c", 1, 100))
    report = desk.load(table)
    assert (report.rows, report.watermark) == (1, "100")


def test_wrong_type_in_a_weakly_typed_column_is_a_bad_row(crm: Desk) -> None:
    """SQLite holds any value in any column; a row without key or cursor is bad too, once."""
    crm.sql(INSERT, (6, "x", "much", "2011-01-01 11:00:00"), (7, "x", 1, None), (8, "x", 2, "soon"))
    report = crm.load(DEALS)
    assert (report.rows, report.quarantined) == (3, 3)
    waste = "select _reason from raw_crm.opportunities__quarantine order by 1"
    assert crm.rows(waste) == [
        ("amount: not a number",),
        ("updated_at: missing",),
        ("updated_at: not a timestamp",),
    ]
    assert crm.load(DEALS).quarantined == 0
    assert len(crm.rows(waste)) == 3


def test_floats_lose_nothing(crm: Desk) -> None:
    """A double arrives bit by bit; a whole number that it would round is a bad row."""
    crm.sql("create table facts (n)")
    crm.sql("insert into facts values (?)", (0.1 + 0.2,), (1e-300,), (12345678901234567.0,), (2**53 + 1,))
    column = ACCOUNTS.columns[0].model_copy(update={"name": "n", "origin": "n", "data_type": "double"})
    table = ACCOUNTS.model_copy(
        update={
            "name": "facts",
            "identifier": "facts",
            "columns": (column,),
            "meta": {**ACCOUNTS.meta, "table": "facts"},
        }
    )
    assert crm.load(table).quarantined == 1
    assert crm.rows("select n from raw_crm.facts order by 1") == [
        (1e-300,),
        (0.1 + 0.2,),
        (12345678901234567.0,),
    ]


def test_schema_changes(crm: Desk) -> None:
    """A new column evolves; a lost one, a lost table or a changed type is refused and nothing is visible."""
    crm.load(ACCOUNTS)
    crm.sql("alter table accounts add column VATNumber text")
    crm.sql("update accounts set VATNumber = 'GB1'")
    assert crm.load(ACCOUNTS).schema_changes == ("new column vatnumber (varchar) since table accounts",)
    before = crm.rows("select * exclude (_loaded_at) from raw_crm.accounts order by 1")
    assert before[0] == (12346, "retail", "all", "GB1")
    crm.sql("update accounts set account_id = 'A' || account_id")
    with pytest.raises(ContractBroken, match=r"table accounts: in most rows account_id: not an integer"):
        crm.load(ACCOUNTS)
    crm.sql("alter table accounts rename column account_id to id")
    with pytest.raises(
        ContractBroken, match=r"crm\.accounts from table accounts: column account_id is missing"
    ):
        crm.load(ACCOUNTS, DEALS)
    crm.sql("drop table accounts")
    with pytest.raises(ContractBroken, match="there is no such table"):
        crm.load(ACCOUNTS)
    assert crm.rows("select * exclude (_loaded_at) from raw_crm.accounts order by 1") == before
    assert crm.rows("select 1 from information_schema.tables where table_name = 'opportunities'") == []


def test_replace_takes_deleted_rows_away(crm: Desk) -> None:
    """Also the last one."""
    crm.load(ACCOUNTS)
    crm.sql("delete from accounts where account_id = 12346")
    assert crm.load(ACCOUNTS).rows == 1
    crm.sql("delete from accounts")
    crm.load(ACCOUNTS)
    assert crm.rows("select count(*) from raw_crm.accounts") == [(0,)]


def test_empty_table_still_makes_its_raw_table(crm: Desk) -> None:
    """What reads it can be built before the first row."""
    crm.sql("delete from opportunities")
    assert crm.load(DEALS).rows == 0
    assert crm.rows(RAW) == []
    crm.sql(INSERT, ROWS[0])
    assert crm.load(DEALS).rows == 1


def test_hostile_names_and_values(crm: Desk) -> None:
    """They are data."""
    crm.sql('alter table accounts add column "a""; drop table x; --" text')
    crm.sql("update accounts set segment = '''); drop schema raw_crm; --'")
    crm.load(ACCOUNTS)
    assert crm.rows("select distinct segment from raw_crm.accounts") == [("'); drop schema raw_crm; --",)]


def test_unusable_files(desk: Desk) -> None:
    """Absent, no database, locked: each in words; the absent one is not created."""
    with pytest.raises(NotFound, match="no such file"):
        desk.load(ACCOUNTS)
    assert not desk.crm.exists()
    desk.crm.write_bytes(b"not a database, whatever it says" * 100)
    with pytest.raises(ContractBroken, match="damaged"):
        desk.load(ACCOUNTS)
    desk.crm.unlink()
    desk.sql("create table accounts (account_id integer, segment text)")
    desk.sql("insert into accounts values (?, cast(x'ff61' as text))", (1,))
    with pytest.raises(ContractBroken, match="not UTF-8"):
        desk.load(ACCOUNTS)


def test_deadline_interrupts_a_long_query(crm: Desk) -> None:
    """The database is stopped, and nothing is visible."""
    crm.sql(
        "create view slow as"
        " with recursive n(i) as (select 1 union all select i + 1 from n where i < 400000000)"
        " select max(i) as account_id, '' as segment from n"
    )
    crm.loader = crm.loader_with(deadline_seconds=2)
    started = time.monotonic()
    with pytest.raises(TimedOut, match="deadline_seconds") as caught:
        crm.load(ACCOUNTS.model_copy(update={"meta": {**ACCOUNTS.meta, "table": "slow"}}))
    assert time.monotonic() - started < 10
    assert caught.value.__cause__ is caught.value.__context__ is None  # what was cut off may hold anything
    assert not list((crm.folder / "work").glob("*/"))


def test_dead_host_is_unavailable_without_its_password(desk: Desk) -> None:
    """The error says so, and nothing of the URL's secret."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    desk.loader = desk.loader_with(
        locations={"crm": f"postgresql+psycopg2://reader@127.0.0.1:{port}/crm"},
        credentials={"crm": {"password": SECRET}},
    )
    with pytest.raises(Unavailable) as caught:
        desk.load(ACCOUNTS)
    assert SECRET not in f"{caught.value!r}{desk.loader!r}"


@pytest.mark.parametrize(
    ("fault", "remedy"),
    [
        (pa.ArrowMemoryError("malloc of size 64 failed"), "more memory"),
        (OSError(errno.ENOSPC, "No space left on device"), "space"),
    ],
    ids=["memory", "disk"],
)
def test_a_fault_of_the_machine_is_not_blamed_on_the_data(
    crm: Desk, monkeypatch: pytest.MonkeyPatch, fault: Exception, remedy: str
) -> None:
    """However deep in dlt's own error it is."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a step of the pipeline failed") from fault

    monkeypatch.setattr(import_module("dlt.pipeline.pipeline").Pipeline, "extract", fail)
    with pytest.raises(Misconfigured, match=remedy):
        crm.load(DEALS)


def test_a_materialized_view_without_data_is_no_server_that_is_away() -> None:
    """PostgreSQL's driver reports it as it reports a lost connection."""
    import sqlalchemy as sa

    told = Exception('materialized view "mv" has not been populated')
    error = translate_error("extract crm", sa.exc.OperationalError("", None, told))
    assert isinstance(error, ContractBroken)
    assert "holds no data yet" in str(error)
