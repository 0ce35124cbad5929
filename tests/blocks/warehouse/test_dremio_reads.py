"""Reading Dremio: Great Expectations over our dialect, literals, exports, deadlines, and errors for people."""

from __future__ import annotations

import json
import threading
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from blocks.errors import (
    Busy,
    Misconfigured,
    PlatformError,
    RateLimited,
    Rejected,
    TimedOut,
    Unauthorized,
    Unavailable,
)
from blocks.quality.suites import Suites
from blocks.warehouse import control
from blocks.warehouse.dremio.flight import DremioFlight
from blocks.warehouse.dremio.session import bind_parameters
from blocks.warehouse.dremio.warehouse import DremioWarehouse
from tests.dremio.refused import refusals
from tests.dremio.standin import StandIn, stand_in

EXPECTATIONS = [
    ("expect_column_to_exist", {"column": "amount"}, True),
    ("expect_table_columns_to_match_set", {"column_set": ["id", "name", "amount", "day", "moment"]}, True),
    ("expect_column_values_to_not_be_null", {"column": "id"}, True),
    ("expect_column_values_to_be_unique", {"column": "id"}, True),
    ("expect_compound_columns_to_be_unique", {"column_list": ["id", "name"]}, True),
    ("expect_table_row_count_to_be_between", {"min_value": 3, "max_value": 3}, True),
    ("expect_column_values_to_be_between", {"column": "amount", "min_value": 0}, False),
    ("expect_column_values_to_be_in_set", {"column": "name", "value_set": ["ann", "bob", "it's"]}, True),
    ("expect_column_values_to_match_regex", {"column": "name", "regex": "^[a-z']+$"}, True),
    ("expect_column_value_lengths_to_be_between", {"column": "name", "min_value": 3, "max_value": 4}, True),
    ("expect_column_mean_to_be_between", {"column": "amount", "min_value": 0, "max_value": 10}, True),
    ("expect_column_median_to_be_between", {"column": "amount", "min_value": 0, "max_value": 10}, True),
    ("expect_column_max_to_be_between", {"column": "moment", "min_value": "2026-01-01"}, True),
    ("expect_column_values_to_be_of_type", {"column": "id", "type_": "BIGINT"}, True),
    (
        "unexpected_rows_expectation",
        {"unexpected_rows_query": "select * from {batch} where amount < -100"},
        True,
    ),
]


@pytest.fixture
def warehouse(dremio_server: StandIn) -> DremioWarehouse:
    house = dremio_server.warehouse()
    with house.session() as session:
        house.make_schema(session, "rel_1")
        table = house.relation("rel_1.sales")
        session.rows(
            f"create table {table} (id bigint, name varchar, amount decimal(12,2), day date, moment timestamp)"
        )
        rows = [(1, "ann", Decimal("1.50")), (2, "bob", Decimal("-2.00")), (3, "it's", Decimal("7.25"))]
        for row in rows:
            session.rows(
                f"insert into {table} values (?, ?, ?, ?, ?)",
                (*row, date(2026, 1, 2), datetime(2026, 1, 2, 3, 4, 5)),
            )
        view = house.relation("rel_1.~seen")
        session.rows(f"create view {view} as select * from {table}")
    return house


@pytest.mark.parametrize("relation", ["rel_1.sales", "rel_1.~seen"])
def test_a_suite_is_evaluated_on_a_table_and_on_a_view(
    warehouse: DremioWarehouse, tmp_path: Path, relation: str
) -> None:
    suite = {
        "name": "m",
        "expectations": [{"type": kind, "kwargs": kwargs} for kind, kwargs, _ in EXPECTATIONS],
    }
    (tmp_path / "m.json").write_text(json.dumps(suite))
    checks = Suites(folder=tmp_path, docs=tmp_path / "docs").audit(warehouse, {"m": relation})
    message = {check.name.partition("(")[0]: check for check in checks}
    assert {name: message[name].passed for name, _, _ in EXPECTATIONS} == {
        n: passed for n, _, passed in EXPECTATIONS
    }
    assert message["expect_column_values_to_be_between"].evidence == ("-2.00",)
    assert "dremio123" not in repr(checks)


def test_the_dialect_names_tables_and_gives_nulls_and_empty_answers(warehouse: DremioWarehouse) -> None:
    address, arguments = warehouse.make_gx_connection()
    assert "dremio123" not in address
    engine = sa.create_engine(address, **arguments)
    inspector = sa.inspect(engine)
    assert inspector.get_table_names("rel_1") == ["sales"]
    assert inspector.get_view_names("rel_1") == ["seen"]
    assert inspector.get_schema_names() == ["rel_1"]
    assert inspector.has_table("sales", "rel_1")
    assert not inspector.has_table("none", "rel_1")
    sales = sa.Table("sales", sa.MetaData(), autoload_with=engine, schema="rel_1")
    with engine.connect() as connection:
        assert connection.execute(sa.select(sales.c.id).where(sales.c.name == "it's")).fetchall() == [(3,)]
        assert connection.execute(sa.select(sales).where(sales.c.id > 9)).fetchall() == []
        assert connection.execute(sa.text("select cast(null as integer), 1")).fetchone() == (None, 1)
    engine.dispose()


def test_parameters_are_literals_and_quotes_stay_closed() -> None:
    hostile = "x' or '1'='1"
    sql = bind_parameters(
        "select '?', \"a?\" from t where a = ? and b = ? and c = ?", (hostile, None, datetime(2026, 1, 2))
    )
    assert sql == (
        "select '?', \"a?\" from t where a = 'x'' or ''1''=''1' and b = null"
        " and c = timestamp '2026-01-02 00:00:00.000'"
    )


def test_wrong_credentials_are_unauthorized_on_both_roads(dremio_server: StandIn) -> None:
    for settings in ({"password": "wrong"}, {"password": None, "token": "wrong"}):
        with (
            pytest.raises(Unauthorized, match="expire") as caught,
            dremio_server.warehouse(**settings).session() as s,
        ):
            s.rows("select 1")
        assert "wrong" not in repr(caught.value)
        assert caught.value.__context__ is None


def test_a_token_works_for_software_and_for_cloud(dremio_server: StandIn) -> None:
    software = dremio_server.warehouse(user=None, password=None, token="pat-1")
    assert software.check().startswith("Dremio at 127.0.0.1")
    with pytest.raises(ValueError, match="token"):
        dremio_server.warehouse(project="p-1")


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for this machine that signs itself, and its key, as PEM files."""
    pytest.importorskip("cryptography", reason="it makes the certificate")
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lake")]),
    )
    now = datetime.now()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pkcs8 = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    files = folder / "certificate.pem", folder / "key.pem"
    for file, content in zip(files, (made.public_bytes(serialization.Encoding.PEM), pkcs8), strict=True):
        file.write_bytes(content)
    return files


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")  # one of the blocks is told not to verify
def test_both_roads_are_encrypted_and_the_server_is_verified(tmp_path: Path) -> None:
    files = certificate(tmp_path)
    with stand_in(tmp_path / "lake", files) as server:
        trusting = server.warehouse(tls=True, authority=files[0])
        assert trusting.check()
        assert trusting.make_dbt_target("rel_1")[1]["REQUESTS_CA_BUNDLE"] == str(files[0])
        assert server.warehouse(tls=True, verify=False).check()
        with pytest.raises(Misconfigured, match="authority"):
            server.warehouse(tls=True).check()
        session = trusting.connect()
        stranger = DremioFlight(f"grpc+tls://127.0.0.1:{server.flight_port}", True, 5)
        with pytest.raises(PlatformError):
            stranger.log_in("dremio", "dremio123")
        session.close()


def test_a_source_that_is_not_there_is_said(dremio_server: StandIn) -> None:
    with pytest.raises(Misconfigured, match="pond"):
        dremio_server.warehouse(source="pond").check()


def test_a_slow_answer_ends_at_the_deadline(dremio_server: StandIn) -> None:
    house = dremio_server.warehouse(deadline_seconds=1)
    dremio_server.fail("from sys.slow", "slow")
    with pytest.raises(TimedOut, match="no answer in time"), house.session() as session:
        session.rows("select 1 from sys.slow")


def test_a_statement_that_runs_too_long_is_cancelled_on_the_server(dremio_server: StandIn) -> None:
    house = dremio_server.warehouse(deadline_seconds=0.3)
    dremio_server.fail("create table", "stuck")
    with pytest.raises(TimedOut, match="still running"), house.session() as session:
        session.rows("create table lake.analytics.x.t (a integer)")
    assert len(dremio_server.engine.cancelled) == 1


def test_an_interrupt_cancels_the_job(dremio_server: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    dremio_server.fail("create table", "stuck")
    session = dremio_server.warehouse().connect()
    monkeypatch.setattr("time.sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        session.rows("create table lake.analytics.x.t (a integer)")
    assert len(dremio_server.engine.cancelled) == 1


def test_one_bad_look_at_a_job_does_not_lose_it(dremio_server: StandIn) -> None:
    with dremio_server.warehouse().session() as session:
        dremio_server.fail("GET /api/v3/job", 503, 3)
        session.rows("create table lake.analytics.x.t (a integer)")
        assert session.rows("select count(*) from lake.analytics.x.t") == [(0,)]


@pytest.mark.parametrize(
    ("what", "on", "error"),
    [
        ("cancelled", "create", Unavailable),
        ("failed", "create", Unavailable),
        (503, "POST /api/v3/sql", Unavailable),
        (429, "POST /api/v3/sql", RateLimited),
        ("lost", "create", Unavailable),
        ("down", "select", Unavailable),
    ],
)
def test_what_may_pass_is_transient(
    dremio_server: StandIn, what: str | int, on: str, error: type[Exception]
) -> None:
    with dremio_server.warehouse().session() as session:
        dremio_server.fail(on, what)
        with pytest.raises(error):
            session.rows("select 1 as a" if on == "select" else "create table lake.analytics.x.t (a integer)")


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("select a::int from t", "::"),
        ("select a, count(*) from t group by all", "GROUP BY ALL"),
        ("select strptime(a, 'x') from t", "strptime"),
        ("select [1, 2]", "list"),
        ("select a[1] from t", "list"),
        ("select * exclude (a) from t", "EXCLUDE"),
        ("select sum(a) filter (where b) from t", "FILTER"),
        ("select cast(a as hugeint) from t", "HUGEINT"),
        ("select string_agg(a, ',') from t", "string_agg"),
        ("select 1; select 2", "several"),
        ("select from where", "parse"),
    ],
)
def test_the_lint_finds_what_dremio_refuses_and_so_does_the_stand_in(
    dremio_server: StandIn, sql: str, why: str
) -> None:
    assert why in "; ".join(refusals(sql))
    with pytest.raises(Rejected, match="Failure parsing"), dremio_server.warehouse().session() as session:
        session.rows(sql)


def test_the_lint_lets_pass_what_dremio_takes() -> None:
    for sql in (
        "select cast(a as decimal(18, 2)), date_trunc('month', d), a || '::' || b from x.y.z.t",
        "select 1 from x.y.t where a is distinct from b",
        "select row_number() over (partition by a order by b desc) as n, count(distinct case when a then b end) from t",
        "with q as (select 1 as a) select q.a, coalesce(nullif(trim(b), ''), 'x -> y') from q cross join t",
    ):
        assert refusals(sql) == []


def test_one_run_at_a_time_holds_the_lease(dremio_server: StandIn) -> None:
    house = dremio_server.warehouse()
    table = house.quote("control", "lease")

    def somebody(minutes: int) -> None:
        with house.session() as session:
            until = control.now() + timedelta(minutes=minutes)
            session.rows(f'update {table} set "owner" = ?, "until" = ?', ("elsewhere:1:x", until))

    with house.exclusive(), house.exclusive():
        pass
    somebody(5)
    with pytest.raises(Busy, match="elsewhere"):
        house.exclusive().__enter__()
    somebody(-5)
    with house.exclusive(), house.session() as session:
        assert session.rows(f'select "owner" from {table}')[0][0] != "elsewhere:1:x"


def test_sessions_of_many_threads_do_not_meet(warehouse: DremioWarehouse) -> None:
    seen: list[object] = []

    def read(number: int) -> None:
        with warehouse.session() as session:
            seen.extend(session.rows(f"select {number} as n"))

    threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [(number,) for number in range(8)]  # type: ignore[type-var]
