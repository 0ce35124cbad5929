"""What is particular to Snowflake: promotion by swap, faults, cancelling, tags, costs, set-up. On the stand-in."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from blocks.errors import (
    BadAnswer,
    Busy,
    Forbidden,
    Misconfigured,
    NotFound,
    Rejected,
    TimedOut,
    Unauthorized,
    Unavailable,
)
from blocks.query_tags import tag_queries
from blocks.warehouse import control
from tests.blocks.warehouse.snowflake_account import (
    Account,
    Dropped,
    Fault,
    Refused,
    Statement,
    child,
    house_of,
)
from tests.blocks.warehouse.test_warehouse_contract import RIDES, batch, make_release, read

SECRET = "not-a-real-one"


@pytest.fixture
def account(snowflake_account: Account) -> Account:
    snowflake_account.faults.clear()
    return snowflake_account


@pytest.fixture
def house(account: Account) -> Any:
    return house_of(account)


def drop(_: Statement) -> None:
    raise Dropped


def refuse(code: str, message: str) -> Callable[[Statement], None]:
    def act(_: Statement) -> None:
        raise Refused(code, message)

    return act


# promotion


def test_a_concurrent_reader_sees_all_old_or_all_new(account: Account, house: Any) -> None:
    first, second = make_release(house, "a", 1), make_release(house, "b", 2)
    house.flip(first)
    seen: set[tuple[object, ...]] = set()
    troubles: list[Exception] = []
    stop = threading.Event()

    def look() -> None:
        sql = "select (select run_no from serving.sales), (select run_no from serving.people)"
        with house.session() as session:
            while not stop.is_set():
                try:
                    seen.update(session.rows(sql))
                except Exception as error:
                    troubles.append(error)

    # a state between two statements lasts long enough to be seen
    account.faults.append(
        Fault(house.database, "^(create|alter|drop)", lambda _: time.sleep(0.15), after=True, times=10**6)
    )
    reader = threading.Thread(target=look)
    reader.start()
    for release in (second, first):
        house.flip(release)
    time.sleep(0.2)
    stop.set()
    reader.join()
    assert seen == {(1, 1), (2, 2)}
    assert not troubles


def test_one_statement_changes_what_readers_see_and_a_repetition_sends_none(
    account: Account, house: Any
) -> None:
    house.flip(make_release(house, "a", 1))
    second = make_release(house, "b", 2)
    before = len(account.asked(house.database))
    house.flip(second)
    sent = account.asked(house.database)[before:]
    assert sum("swap with" in sql for sql in sent) == 1
    assert not [s for s in sent if s.startswith(("create", "drop", "alter")) and '"SERVING".' in s]
    before = len(account.asked(house.database))
    house.flip(second)
    assert all(
        sql.startswith(("select", "describe", "show")) for sql in account.asked(house.database)[before:]
    )


def test_a_promotion_that_breaks_off_at_any_statement_is_finished_by_the_next(
    account: Account, house: Any
) -> None:
    """A flip ends at its n-th writing statement, for every n; then it is tried again, and readers never mix."""
    releases = [make_release(house, f"r{n}", n, ["sales"]) for n in (1, 2)]
    house.flip(releases[0])
    for step in range(1, 20):
        old, new = releases[(step + 1) % 2], releases[step % 2]
        passed: list[Statement] = []

        def end(each: Statement, step: int = step, passed: list[Statement] = passed) -> None:
            passed.append(each)
            if len(passed) >= step:
                raise Refused("000625", "Statement aborted because another one has locked the object.")

        account.faults[:] = [Fault(house.database, "^(create|alter|drop)", end, times=10**6)]
        done = False
        with suppress(Busy):
            house.flip(new)
            done = True
        account.faults.clear()
        assert house.read_served() == (new if done else old)
        shown = read(house, "select run, 'r' || run_no from serving.sales cross join serving._release")
        assert shown in ([("r1", "r1")], [("r2", "r2")])
        house.flip(new)
        assert house.read_served() == new
        if done:
            break
    assert step >= 5


def test_a_swap_whose_answer_is_lost_is_not_sent_again(account: Account) -> None:
    house = house_of(account, connection={"network_timeout": 1})
    house.flip(make_release(house, "a", 1))
    second = make_release(house, "b", 2)
    account.faults.append(Fault(house.database, "swap with", drop, after=True, times=1))
    account.faults.append(Fault(house.database, "swap with", drop, times=0))

    def only_once(_: Statement) -> None:
        account.faults[1].times = 10**6  # the connector's own repetition meets a dead network

    account.faults.insert(0, Fault(house.database, "swap with", only_once, after=True))
    house.flip(second)
    assert house.read_served() == second
    assert read(house, "select run_no from serving.sales") == [(2,)]


def test_a_killed_promotion_is_finished_by_the_next_run(account: Account, house: Any) -> None:
    """kill -9 when the swap has run and nobody has heard of it; then recover() reads what readers see."""
    from tasks.promotion import recover

    house.flip(make_release(house, "a", 1))
    second = make_release(house, "b", 2)
    control.write_journal(house, "b", control.State.publishing, second.model_dump_json())
    running: list[subprocess.Popen[str]] = []

    def kill(_: Statement) -> None:
        running[0].kill()
        running[0].wait()

    account.faults.append(Fault(house.database, "swap with", kill, after=True))
    running.append(child(house, f"house.flip(Release.model_validate_json({second.model_dump_json()!r}))"))
    with running[0]:
        assert running[0].wait(300) == -signal.SIGKILL
    swaps = sum("swap with" in sql for sql in account.asked(house.database))
    assert "published now" in recover.fn(house, "c")[0]
    assert house.read_served() == second
    assert sum("swap with" in sql for sql in account.asked(house.database)) == swaps


def test_rights_of_readers_are_compared_before_the_swap(account: Account, house: Any) -> None:
    first, second = make_release(house, "a", 1), make_release(house, "b", 2)
    house.flip(first)
    with house.session() as session:
        session.rows("grant usage on schema serving to role bi")
        session.rows("grant select on future views in schema serving to role bi")
    with pytest.raises(
        Misconfigured, match=r"grant USAGE on schema db_\w+\.serving_next to ROLE BI"
    ) as caught:
        house.flip(second)
    assert "grant SELECT on future VIEWs in schema" in str(caught.value)
    assert house.read_served() == first
    with house.session() as session:
        session.rows("grant usage on schema serving_next to role bi")
        session.rows("grant select on future views in schema serving_next to role bi")
    house.flip(second)
    assert house.read_served() == second
    with house.session() as session:
        session.rows("grant select on view serving.sales to role finance")
    with pytest.raises(Misconfigured, match=r"serving_next\.sales to ROLE FINANCE"):
        house.flip(first)


def test_a_policy_on_a_view_of_serving_refuses_before_anything_is_changed(
    account: Account, house: Any
) -> None:
    """The new view would have none: readers would see what it hides."""
    first, second = make_release(house, "a", 1), make_release(house, "b", 2)
    house.flip(first)
    house.check_flip(second)
    view = f"{house.database.upper()}.SERVING.PEOPLE"
    account.policies[view] = ("RUN_NO", "MASKING_POLICY", "HIDE")
    for act in (house.check_flip, house.flip):
        before = len(account.asked(house.database))
        with pytest.raises(Misconfigured, match=r"MASKING_POLICY HIDE on people\.run_no"):
            act(second)
        assert not any("create or replace" in sql for sql in account.asked(house.database)[before:])
    assert house.read_served() == first
    del account.policies[view]
    house.flip(second)
    assert house.read_served() == second


def test_a_view_stays_secure_and_keeps_its_comments_and_tags(account: Account, house: Any) -> None:
    """The new views have them before readers see any of them; a policy that hangs on a tag comes with it."""
    house.flip(make_release(house, "a", 1))
    tag = f"{house.database}.control.pii"
    account.tag_policies[tag.upper()] = "HIDE"
    with house.session() as session:
        for what in ("set secure", "set comment = 'all sales'", f"set tag {tag} = 'it''s'"):
            session.rows(f"alter view serving.sales {what}")
        session.rows("alter view serving.sales alter column day comment 'when \\'it\\' was'")
        session.rows(f"alter view serving.people modify column run_no set tag {tag} = 'name'")
        before = house.read_view_settings(session, "serving")
    second = make_release(house, "b", 2)
    house.check_flip(second)
    house.flip(second)
    made = [sql for sql in account.asked(house.database) if "copy grants" in sql and "REL_B" in sql]
    sales, people = (next(sql for sql in made if f'"{name}"' in sql) for name in ("SALES", "PEOPLE"))
    assert sales.startswith("create or replace secure view")
    assert """ ("RUN_NO", "DAY" comment 'when \\'it\\' was') copy grants comment = 'all sales' as""" in sales
    assert people.startswith("create or replace view")
    assert "comment" not in people
    assert house.read_served() == second
    with house.session() as session:
        assert house.read_view_settings(session, "serving") == before
    assert {(view, each.kind, each.column, each.value) for view in before for each in before[view]} == {
        ("sales", "secure", "", ""),
        ("sales", "comment", "", "all sales"),
        ("sales", "comment", "day", "when 'it' was"),
        ("sales", "tag", "", "it's"),
        ("sales", "policy by tag", "", "HIDE"),
        ("people", "tag", "run_no", "name"),
        ("people", "policy by tag", "run_no", "HIDE"),
    }


def test_a_tag_that_cannot_be_put_on_the_new_view_refuses_the_swap(account: Account, house: Any) -> None:
    """The role may lack the right to apply it, or Snowflake may not keep it: readers keep what they have."""
    first = make_release(house, "a", 1)
    house.flip(first)
    tag = f"{house.database}.control.pii"
    with house.session() as session:
        session.rows(f"alter view serving.people modify column run_no set tag {tag} = 'name'")

    def refuse(statement: Statement) -> None:
        raise Refused("003001", "SQL access control error: Insufficient privileges to operate on tag 'PII'")

    account.faults.append(Fault(house.database, "set tag", refuse))
    with pytest.raises(Forbidden, match="PII"):
        house.flip(make_release(house, "b", 2))

    def forget(statement: Statement) -> None:
        for view, notes in account.notes.items():
            if ".SERVING_NEXT" in view:
                notes.clear()

    account.faults.append(Fault(house.database, "set tag", forget, after=True, times=9))
    with pytest.raises(BadAnswer, match="people run_no tag"):
        house.flip(make_release(house, "c", 3))
    assert house.read_served() == first


def test_a_tag_of_the_schema_has_to_be_on_both(house: Any) -> None:
    house.flip(make_release(house, "a", 1))
    tag = f"{house.database}.control.zone"
    with house.session() as session:
        session.rows(f"alter schema serving set tag {tag} = 'gold'")
    second = make_release(house, "b", 2)
    with pytest.raises(Misconfigured, match=r"alter schema db_\w+\.serving_next set tag .*ZONE.* = 'gold'"):
        house.check_flip(second)
    with house.session() as session:
        session.rows(f"alter schema serving_next set tag {tag} = 'gold'")
    house.check_flip(second)
    house.flip(second)
    assert house.read_served() == second


def test_a_foreign_view_in_the_upcoming_schema_is_no_part_of_the_release(
    account: Account, house: Any
) -> None:
    first, second = make_release(house, "a", 1), make_release(house, "b", 2)
    house.flip(first)
    with house.session() as session:
        session.rows("create view serving_next.stranger as select 1 as x")

    def meddle(_: Statement) -> None:
        with house.session() as session:
            session.rows("create view serving_next.late as select 1 as x")

    account.faults.append(Fault(house.database, r"create or replace view .*_RELEASE", meddle, after=True))
    with pytest.raises(BadAnswer, match="serving_next"):
        house.flip(second)
    assert house.read_served() == first
    house.flip(second)
    with house.session() as session:
        assert not house.columns(session, "serving", "stranger")
        assert not house.columns(session, "serving", "late")


def test_rollback_and_retention(account: Account, house: Any) -> None:
    from tasks.promotion import retain, roll_back

    for n, run in enumerate("abcd"):
        release = make_release(house, run, n)
        house.flip(release)
        control.write_journal(house, run, control.State.published, release.model_dump_json())
    assert retain.fn(house) == ["rel_a"]
    assert house.list_releases() == ["rel_b", "rel_c", "rel_d"]
    assert roll_back.fn(house, None).run == "c"
    assert read(house, "select s.run_no, p.run_no from serving.sales s, serving.people p") == [(2, 2)]
    assert roll_back.fn(house, "b").run == "b"
    with pytest.raises(NotFound, match="not kept"):
        roll_back.fn(house, "a")
    assert retain.fn(house) == []


# one writer


def test_only_one_run_writes_and_a_dead_ones_lease_is_free_at_once(account: Account, house: Any) -> None:
    with house.exclusive(), house.exclusive():
        pass
    free = child(house, "with house.exclusive(): print('got it', flush=True); time.sleep(60)")
    assert free.stdout is not None
    assert free.stdout.readline().strip() == "got it"
    with pytest.raises(Busy, match="another run does"), house.exclusive():
        pass
    free.kill()
    free.communicate()
    with house.exclusive():
        pass


def test_a_lease_of_another_machine_runs_out(account: Account) -> None:
    house = house_of(account, lease_seconds=5)
    with house.exclusive():
        pass
    with house.session() as session:
        session.rows(
            "update control.lease set owner = 'elsewhere:1:x', until = dateadd(second, 5, sysdate())"
        )
    with pytest.raises(Busy, match=r"elsewhere.*until \d\d:\d\d:\d\d UTC"), house.exclusive():
        pass
    time.sleep(5.2)
    with house.exclusive():
        time.sleep(6)  # renewed meanwhile
        with house.session() as session:
            ((left,),) = session.rows("select until > sysdate() from control.lease")
        assert left


# faults


def test_a_role_the_user_lacks(account: Account) -> None:
    with pytest.raises(Forbidden, match=r"NOBODY.*[Gg]rant it to the user"):
        house_of(account, role="nobody").check()


def test_a_wrong_password_and_an_expired_token(account: Account) -> None:
    from prefect_snowflake import SnowflakeCredentials

    wrong = SnowflakeCredentials(account="local", user="u", password="wrong-hunter2")
    with pytest.raises(Unauthorized, match="Renew the credential") as caught:
        house_of(account, credentials=wrong).check()
    assert "hunter2" not in shown(caught.value)
    expired = SnowflakeCredentials(account="local", user="u", authenticator="oauth", token="expired-abc123")
    with pytest.raises(Unauthorized, match="expired") as caught:
        house_of(account, credentials=expired).check()
    assert "abc123" not in shown(caught.value)


def test_a_session_that_expires_under_way(account: Account, house: Any) -> None:
    account.faults.append(
        Fault(house.database, "current_version", refuse("390112", "Your session has expired."), times=5)
    )
    with pytest.raises(Unauthorized, match="Renew the credential"):
        house.check()


def test_a_key_that_is_no_key_and_none_of_it_shown(account: Account) -> None:
    from prefect_snowflake import SnowflakeCredentials

    broken = SnowflakeCredentials(account="local", user="u", private_key=b"hunter2 is no PEM")
    with pytest.raises(Misconfigured, match="private key") as caught:
        house_of(account, credentials=broken).check()
    assert "hunter2" not in shown(caught.value)


def test_a_suspended_warehouse(account: Account, house: Any) -> None:
    message = "No active warehouse selected in the current session.  Select an active warehouse with the 'use"
    account.faults.append(Fault(house.database, "current_version", refuse("000606", message)))
    with pytest.raises(Misconfigured, match="Resume it"):
        house.check()


def test_a_missing_right(account: Account, house: Any) -> None:
    message = "SQL access control error:\nInsufficient privileges to operate on schema 'SERVING'"
    account.faults.append(Fault(house.database, "create schema", refuse("003001", message)))
    with pytest.raises(Forbidden, match=r"schema 'SERVING'.*main.py setup"), house.session() as session:
        house.make_schema(session, "serving")


def test_an_account_nobody_answers_for(account: Account) -> None:
    with pytest.raises(Unavailable, match="account's name and the network"):
        house_of(account, connection={"port": 9, "login_timeout": 1}).check()


def test_a_network_drop_in_mid_copy_loses_nothing(account: Account, tmp_path: Path) -> None:
    house = house_of(account, connection={"network_timeout": 1})
    house.ingest(batch(tmp_path, [{"ride_id": 1, "station": "North"}]))
    news = batch(tmp_path, [{"ride_id": 2, "station": "South"}], item="b.csv", bad=["?"])

    def lose(statement: Statement) -> None:
        account.lose(statement.login)  # the server rolls back what a lost session left open
        raise Dropped

    account.faults.append(Fault(house.database, "^copy into", lose, after=True))
    with pytest.raises(Unavailable) as caught:
        house.ingest(news)
    assert SECRET not in shown(caught.value)
    assert read(house, "select ride_id from raw_bikes.rides") == [(1,)]
    assert [entry.item for entry in control.read_ledger(house)] == ["a.csv"]
    house.ingest(news)
    assert read(house, "select ride_id from raw_bikes.rides order by 1") == [(1,), (2,)]
    assert read(house, "select count(*) from raw_bikes.rides__quarantine") == [(1,)]


def test_a_statement_that_takes_too_long(account: Account) -> None:
    house = house_of(account, statement_seconds=1)
    with pytest.raises(TimedOut, match=r"timeout of 1 second.*statement_seconds"):
        read(house, "select system$wait(30)")


def test_a_statement_may_take_longer_than_the_connector_tries_to_reach_the_account(account: Account) -> None:
    house = house_of(account, connection={"network_timeout": 1})
    assert read(house, "select system$wait(3)") == [("waited 3 seconds",)]
    url, arguments = house.make_gx_connection()
    engine = create_engine(url, **arguments)
    try:
        with engine.connect() as connection:
            assert connection.exec_driver_sql("select system$wait(3)").fetchall() == [("waited 3 seconds",)]
    finally:
        engine.dispose()


def test_somebody_cancels_the_query_in_snowflake(account: Account, house: Any) -> None:
    account.faults.append(Fault(house.database, "select 1", refuse("000604", "SQL execution canceled")))
    with pytest.raises(Rejected, match="cancelled the query"):
        read(house, "select 1")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["interrupt", "terminate"])
def test_a_run_that_is_cancelled_cancels_its_query_in_snowflake(
    account: Account, house: Any, sent: signal.Signals
) -> None:
    waiting = threading.Event()
    account.faults.append(Fault(house.database, r"system\$wait", lambda _: waiting.set()))
    run = child(
        house,
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        "with house.session() as session: session.rows('select system$wait(60)')",
    )
    assert waiting.wait(60)
    time.sleep(0.5)
    begun = time.monotonic()
    run.send_signal(sent)
    run.communicate(timeout=120)
    assert time.monotonic() - begun < 20
    assert any("cancel_all_queries" in sql for sql in account.asked(house.database)) or account.aborted


def test_nothing_of_a_failed_query_is_in_the_error(account: Account, house: Any) -> None:
    with pytest.raises(NotFound) as caught:
        read(house, "select secret_value_17 from serving.nowhere where x = 'topsecret'")
    assert "topsecret" not in shown(caught.value)
    with pytest.raises(Rejected) as other:
        read(house, "select cast('topsecret' as date)")
    assert "topsecret" not in shown(other.value)


def test_the_block_shows_no_secret(house: Any) -> None:
    assert SECRET not in repr(house)
    assert SECRET not in house.model_dump_json()
    url, _ = house.make_gx_connection()
    assert SECRET not in url
    profile, secrets = house.make_dbt_target("rel_x")
    assert SECRET not in json.dumps(profile)
    assert SECRET in secrets.values()


# tags, costs, set-up


def test_every_connection_carries_run_stage_and_tickets(account: Account, house: Any) -> None:
    def ask() -> None:
        tag_queries("validate", "r9", ["AN-1", "AN-2"])
        read(house, "select 17")

    copy_context().run(ask)
    (asked,) = [each for each in account.statements if each.sql == "select 17"]
    assert asked.tag == {"run": "r9", "stage": "validate", "tickets": ["AN-1", "AN-2"]}


def test_costs_come_from_snowflakes_own_account(account: Account, house: Any) -> None:
    tag = '{"run":"r1","stage":"transform","tickets":["AN-1","AN-2"]}'
    account.bill(
        [
            ("q1", tag, 4000, 1.5),
            ("q2", tag, 1000, 0.5),
            ("q3", "someone's", 1000, 1.0),
            ("q4", tag, 20, None),
        ],
        credits=5.0,
    )
    costs = house.read_costs(30)
    assert costs.unit == "credits"
    assert [(line.tag.run, line.queries, line.seconds, line.amount) for line in costs.lines] == [
        ("r1", 3, 5.02, 2.0)
    ]
    assert costs.by_ticket() == {"AN-1": 1.0, "AN-2": 1.0}
    assert costs.rest == 3.0


def test_setup_prints_least_privilege_and_apply_makes_it_work(account: Account) -> None:
    house = house_of(account, readers="bi", role="loader")
    lines = house.setup()
    text = "\n".join(lines)
    assert f"grant usage, create schema on database {house.database} to role loader;" in lines
    for right in ("all privileges", "to role public", "manage grants", "accountadmin to"):
        assert right not in text.lower()
    for schema in ("serving", "serving_next"):
        assert f"grant select on future views in schema {house.database}.{schema} to role bi;" in lines
    assert not [line for line in lines if "rel_" in line and "bi" in line]
    house.setup(apply=True)
    house.setup(apply=True)
    house.flip(make_release(house, "a", 1))
    house.flip(make_release(house, "b", 2))
    assert read(house, "select run_no from serving.sales") == [(2,)]


def test_big_files_are_cut_to_the_size_snowflake_advises(
    account: Account, house: Any, tmp_path: Path
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from blocks.warehouse.snowflake import staging

    path = tmp_path / "big.parquet"
    pq.write_table(pa.table({"x": list(range(10_000))}), path, row_group_size=1000)
    parts = staging.split(path, tmp_path, largest=path.stat().st_size // 3)
    assert 3 <= len(parts) <= 6
    assert sorted(x for part in parts for x in pq.read_table(part)["x"].to_pylist()) == list(range(10_000))
    assert staging.split(path, tmp_path) == [path]


def test_loads_come_by_copy_and_leave_nothing_in_the_stage(
    account: Account, house: Any, tmp_path: Path
) -> None:
    house.ingest(batch(tmp_path, [{"ride_id": 1, "station": "N"}], bad=["?"]))
    asked = account.asked(house.database)
    assert sum(sql.startswith("copy into") for sql in asked) == 2
    assert all("match_by_column_name" in sql for sql in asked if sql.startswith("copy into"))
    assert not [sql for sql in asked if sql.startswith("insert into") and RIDES.identifier in sql.lower()]
    assert sum(sql.startswith("remove @") for sql in asked) == 1


def shown(error: BaseException) -> str:
    """All that a log or a database could show of an error."""
    import pickle

    assert error.__context__ is None
    assert error.__cause__ is None
    return str(error) + repr(pickle.dumps(error))


def test_weeks_begin_on_monday_whatever_the_account_has(house: Any) -> None:
    assert house.build_connection_arguments()["session_parameters"]["WEEK_START"] == 1
