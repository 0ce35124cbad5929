"""A release against its mart's history: a cut day is held back and said, what is usual is not, people can teach it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from prefect.utilities.collections import visit_collection

from blocks.catalogue import Dataset
from blocks.metrics import Measure, Metric
from blocks.quality.history.record import Sight
from blocks.quality.history.rules import Lesson, read_rules
from blocks.records import (
    Analysis,
    BuildReport,
    Check,
    Dashboard,
    GateReport,
    LedgerEntry,
    Movement,
    Mover,
    Outcome,
    Plan,
    Release,
    SourceTable,
    State,
)
from blocks.semantic_models import SelectedColumn
from blocks.tracker.files.tracker import FilesTracker
from blocks.warehouse import control
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tasks.history import Look, keep_history, look_at_history
from tasks.incidents import update_incidents
from tasks.lessons import read_lessons
from tasks.movement_text import describe_movement

FIRST, DAYS = date(2026, 1, 5), 120
LAST = FIRST + timedelta(days=DAYS - 1)
TODAY = LAST + timedelta(days=1)


class Project:
    """One mart of days and countries with one metric, fed by one source."""

    exposures = ()
    time_zone = "UTC"

    def __init__(
        self, meta: Mapping[str, Any] | None = None, holidays: tuple[str, ...] = (), has_hours: bool = False
    ) -> None:
        self.meta, self.holidays, self.has_hours = dict(meta or {}), holidays, has_hours

    def metric_names(self) -> tuple[str, ...]:
        return ("amount",)

    def marts_of(self, metrics: Iterable[str], _dimensions: Iterable[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(map(self.mart_of, metrics)))

    def mart_of(self, metric: str) -> str:
        return "sales"

    source_of = mart_of

    def categories_of(self, source: str) -> tuple[str, ...]:
        return ("country",)

    def hour_of(self, source: str) -> SelectedColumn | None:
        if not self.has_hours:
            return None
        return SelectedColumn(name="d__hour", sql="extract(hour from cast(d as timestamp))", grouped=True)

    def sources_of(self, mart: str) -> tuple[str, ...]:
        return ("shop",)

    def source_tables(self, source: str) -> tuple[SourceTable, ...]:
        return (
            SourceTable(
                source="shop", name="lines", schema_name="raw", identifier="lines", loader="dlt", meta={}
            ),
        )

    def metric_meta(self, name: str) -> dict[str, Any]:
        return self.meta

    def datasets(self, metrics: tuple[str, ...], dimensions: tuple[str, ...]) -> tuple[Dataset, ...]:
        amount = Measure(name="amount", function="sum")
        metric = Metric(
            name="amount",
            label="",
            description="",
            mart="sales",
            source="sales",
            measures=(amount,),
            formula=amount,
        )
        columns = (
            SelectedColumn(name="d", sql="cast(d as date)", grouped=True),
            *(SelectedColumn(name=name, sql=name, grouped=True) for name in dimensions),
            SelectedColumn(name="amount", sql="sum(amount)", grouped=False),
        )
        return (
            Dataset(
                mart="sales",
                source="sales",
                time="d",
                dimensions=dimensions,
                labels={},
                metrics=(metric,),
                measures=(amount,),
                columns=columns,
            ),
        )


@pytest.fixture
def house(tmp_path: Any) -> DuckDBWarehouse:
    """Readers see all days but the last three of a mart; each day's file is in the ledger."""
    found = DuckDBWarehouse(database=str(tmp_path / "w.duckdb"))
    build(found, "live", f"where d <= date '{LAST - timedelta(days=3)}'")
    found.flip(Release(run="live", marts={"sales": "rel_live.sales"}, published_at=control.now()))
    days = [FIRST + timedelta(days=number) for number in range(DAYS)]
    found.write_ledger_lines(
        [
            LedgerEntry(
                source="shop",
                table="lines",
                item=f"{day}.csv",
                fingerprint="f",
                rows=15 if run == "live" else 14,
                run=run,
            )
            for day in days
            for run in ("live" if day <= LAST - timedelta(days=3) else "next",)
        ]
    )
    return found


def build(house: DuckDBWarehouse, run: str, where: str = "", amount: str = "amount") -> BuildReport:
    """A release of the mart. amount: SQL of what each row has of it, of d, n and amount."""
    with house.session() as session:
        house.make_schema(session, f"rel_{run}")
        session.rows(
            f"create or replace table rel_{run}.sales as select d, country, {amount} as amount from ("
            f" select d, country, n, case when weekday(d) = 0 then 10 else 100 end * (1 + 0.1 * sin(n * 12.9898))"
            " * case country when 'GB' then 8 when 'DE' then 2 else 1 end as amount"
            f" from (select date '{FIRST}' + cast(n as integer) as d, n from range({DAYS}) r(n)) as days,"
            f" (values ('GB'), ('DE'), ('FR')) c(country)) as rows_ {where}"
        )
    return BuildReport(run=run, marts={"sales": f"rel_{run}.sales"}, models=1, tests=0, seconds=0)


def look(
    house: DuckDBWarehouse,
    built: BuildReport,
    meta: Mapping[str, Any] | None = None,
    lessons: tuple[Lesson, ...] = (),
    holidays: tuple[str, ...] = (),
    today: date = TODAY,
) -> tuple[dict[str, Check], Look]:
    found = look_at_history.fn(house, Project(meta, holidays), built, (), lessons, today)  # type: ignore[arg-type]
    return {check.name: check for check in found.checks}, found


CUT = f"case when d > date '{LAST - timedelta(days=3)}' then 0.15 else 1 end * amount"
AMOUNT, PAST = "amount is as usual", "amount: past days are as readers saw them"
NO_FR = f"case when d <> date '{LAST}' or country <> 'FR' then amount end"
MADE_UP = "country is made up as usual"
GONE, NULLS = "country has the members that readers see", "values are there as usual"


def test_prefect_walks_through_no_series(house: DuckDBWarehouse) -> None:
    _, seen = look(house, build(house, "next"))
    assert seen.series["sales"].total
    met: list[object] = []
    visit_collection(seen, met.append, return_data=False)
    assert met == [seen]


def test_usual_days_pass_and_say_what_was_looked_at(house: DuckDBWarehouse) -> None:
    checks, _ = look(house, build(house, "next"))
    assert {name: check.status for name, check in checks.items()} == {
        "rows is as usual": "passed",
        AMOUNT: "passed",
        "country is made up as usual": "passed",
        "country is spread as usual": "passed",
        GONE: "passed",
        "country members come as usual": "passed",
        NULLS: "passed",
        PAST: "passed",
        "loads are as large as usual": "passed",
    }
    assert str(LAST) in checks[AMOUNT].observed


def test_three_cut_days_are_held_back_and_say_how_much_against_what_is_usual(house: DuckDBWarehouse) -> None:
    check = look(house, build(house, "next", amount=CUT))[0][AMOUNT]
    assert check.status == "failed"
    assert check.days == tuple(LAST - timedelta(days=back) for back in (2, 1, 0))
    figures = dict(check.figures)
    assert figures["observed"] < figures["low"] < figures["expected"] < figures["high"]
    assert 900 < figures["expected"] < 1300
    assert "where" in check.observed
    assert "is usual (" in check.observed
    assert "2 more" in check.observed
    assert len(check.evidence) == 3


def test_a_day_that_readers_saw_is_judged_when_it_changes(house: DuckDBWarehouse) -> None:
    day = LAST - timedelta(days=10)
    built = build(house, "next", amount=f"case when d = date '{day}' then 0.1 else 1 end * amount")
    checks, _ = look(house, built)
    assert (checks[AMOUNT].status, checks[AMOUNT].days) == ("failed", (day,))
    assert checks[PAST].status == "passed"  # 0.9 of one day of 117 is within 1 %
    tight, _ = look(house, built, {"expect": {"restated": 0.001}})
    assert tight[PAST].status == "warned"
    assert str(day) in tight[PAST].evidence[0]
    assert "loaded shop.lines" in tight[PAST].evidence[-1]


@pytest.mark.parametrize(
    ("meta", "status"),
    [
        ({"expect": {"block": "never"}}, "warned"),
        ({"expect": {"block": False}}, "warned"),
        ({"expect": {"block": "what"}}, "failed"),  # unreadable: the default, and `check` says so
        ({"expect": {"min_history": 300}}, None),
        ({"events": [{"name": "Sale", "from": str(LAST - timedelta(days=2)), "to": str(LAST)}]}, None),
    ],
)
def test_a_metric_says_how_it_is_judged(
    house: DuckDBWarehouse, meta: dict[str, Any], status: str | None
) -> None:
    check = look(house, build(house, "next", amount=CUT), meta)[0].get(AMOUNT)
    assert (check.status if check else None) == status


def test_what_is_unusual_but_not_gross_warns_until_enough_runs_are_known(house: DuckDBWarehouse) -> None:
    built = build(house, "next", amount=CUT.replace("0.15", "0.6"))
    assert look(house, built)[0][AMOUNT].status == "warned"
    meta = {"expect": {"block": True}}
    assert look(house, built, meta)[0][AMOUNT].status == "warned"
    _, seen = look(house, built)
    for run in range(30):
        keep_history.fn(house, f"run{run}", seen, True)
    assert look(house, built, meta)[0][AMOUNT].status == "failed"
    assert look(house, built)[0][AMOUNT].status == "warned"


def test_people_teach_what_is_expected(house: DuckDBWarehouse) -> None:
    built = build(house, "next", amount=CUT)
    days = tuple(LAST - timedelta(days=back) for back in (2, 1, 0))

    def status(**wish: Any) -> str:
        lesson = Lesson(**{"scope": "sales", "origin": "said on AN-9", **wish})
        return look(house, built, lessons=(lesson,))[0][AMOUNT].status

    assert status(check=AMOUNT, days=days) == "warned"
    assert status(check="", days=days) == "warned"
    assert status(until=LAST) == "warned"
    assert status(days=days[:2]) == "failed"
    assert status(until=days[1]) == "failed"
    assert status(check="another", days=days) == "failed"
    assert status(scope="another", days=days) == "failed"
    lesson = Lesson(scope="sales", days=days, origin="said on AN-9")
    assert look(house, built, lessons=(lesson,))[0][AMOUNT].evidence[-1] == "expected: said on AN-9"


@pytest.mark.parametrize(
    ("where", "amount", "name", "status"),
    [
        (f"where country <> 'GB' or d <= date '{LAST - timedelta(days=1)}'", "amount", AMOUNT, "failed"),
        (f"where country <> 'FR' or d < date '{LAST}'", "amount", "country is made up as usual", "failed"),
        ("", f"case when d = date '{LAST}' then 100 else 1 end * amount", AMOUNT, "failed"),
        ("", f"case when d < date '{LAST}' then amount end", AMOUNT, "failed"),
        (f"where d <> date '{LAST - timedelta(days=1)}'", "amount", "rows is as usual", "warned"),
        (f"where d <> date '{LAST - timedelta(days=9)}'", "amount", "rows is as usual", "failed"),
        ("", "100 * amount", AMOUNT, "failed"),  # all of the past with it
    ],
)
def test_each_kind_of_fault_is_seen(
    house: DuckDBWarehouse, where: str, amount: str, name: str, status: str
) -> None:
    assert look(house, build(house, "next", where, amount))[0][name].status == status


def test_countries_without_a_name_are_seen(house: DuckDBWarehouse) -> None:
    built = build(house, "next")
    with house.session() as session:
        session.rows(f"update rel_next.sales set country = null where d = date '{LAST}'")
    check = look(house, built)[0]["country is made up as usual"]
    assert check.status == "failed"
    assert "country without a value" in " ".join(check.evidence)


def test_a_day_that_is_not_over_is_not_judged(house: DuckDBWarehouse) -> None:
    amount = f"case when d = date '{LAST}' then 0.1 else 1 end * amount"
    built = build(house, "next", amount=amount)
    assert look(house, built)[0][AMOUNT].status == "failed"
    assert look(house, built, today=LAST)[0][AMOUNT].status == "passed"


RIPENS = f"(1 - 0.06 * greatest(0, 15 - (date '{LAST}' - d))) * amount"
"""What is final two weeks later: it was less than usual before the newest days, too."""
FEW = f"where d <= date '{LAST - timedelta(days=3)}' or country = 'FR' and n % 2 = 0"


@pytest.mark.parametrize(
    ("where", "amount", "failed"),
    [
        ("", "amount", set()),
        ("", CUT, {AMOUNT}),
        ("", RIPENS, set()),
        ("", f"case when d = date '{LAST}' then 99 else 1 end * amount", set()),
        (FEW, "amount", {"rows is as usual", AMOUNT, MADE_UP, "country is spread as usual"}),
    ],
)
def test_at_first_the_last_days_are_held_to_those_before_and_all_is_kept(
    house: DuckDBWarehouse, where: str, amount: str, failed: set[str]
) -> None:
    """A day may be far off with reason, and is a warning; days that follow one another hold back."""
    built = build(house, "next", where, amount)
    with house.session() as session:
        session.rows("drop table rel_live.sales")  # readers' relation is not one that can be read
    checks, seen = look(house, built)
    assert {name for name, check in checks.items() if check.status == "failed"} == failed
    warned = {name for name, check in checks.items() if check.status == "warned"}
    assert warned == ({AMOUNT} if "= date" in amount else set())
    assert checks.keys() - {"loads are as large as usual"} == failed | warned  # nothing of the past
    assert seen.movements == []
    keep_history.fn(house, "next", seen, True)
    (entry,) = control.read_history(house, 5)
    assert (entry.run, entry.dataset) == ("next", "sales")
    assert entry.detail.count("2026-") > DAYS


@pytest.mark.parametrize(
    ("where", "amount", "name", "text"),
    [
        ("where country <> 'FR'", "amount", GONE, "gone, with this share of readers' rows: FR: 33.3%"),
        ("where country = 'GB'", "amount", GONE, "DE: 33.3%"),  # one is left: a dimension all the same
        (
            "",
            f"case when d <> date '{LAST}' or country <> 'FR' then amount end",
            NULLS,
            f"amount is null: {LAST}: 33.3%",
        ),
        ("", "0.7 * amount", PAST, "30.00% of it moved, in 116 of them"),
    ],
)
def test_what_is_gone_null_or_restated_is_held_back(
    house: DuckDBWarehouse, where: str, amount: str, name: str, text: str
) -> None:
    check = look(house, build(house, "next", where, amount))[0][name]
    assert check.status == "failed"
    assert text in check.observed
    lesson = Lesson(scope="sales", check=name, days=check.days, origin="said on AN-9")
    again = look(house, build(house, "next", where, amount), lessons=(lesson,))[0][name]
    assert again.status == "warned"


def test_restated_days_are_told_with_their_members_and_loads(house: DuckDBWarehouse) -> None:
    amount = f"case when country = 'GB' and d > date '{LAST - timedelta(days=40)}' then 0.9 * amount else amount end"
    check = look(house, build(house, "next", amount=amount))[0][PAST]
    assert check.status == "warned"
    assert any(line.startswith("country GB: -") for line in check.evidence)
    assert any(line.startswith("loaded shop.lines") for line in check.evidence)


def test_a_load_that_is_smaller_than_usual_is_said(house: DuckDBWarehouse) -> None:
    house.write_ledger_lines(
        [LedgerEntry(source="shop", table="lines", item=f"{LAST}.csv", fingerprint="g", rows=1, run="next")]
    )
    check = look(house, build(house, "next"))[0]["loads are as large as usual"]
    assert check.status == "warned"
    assert check.observed.startswith(f"{LAST}: 1 rows where ")


@pytest.mark.parametrize(
    ("built", "columns", "status", "reason"),
    [
        (True, "name, first_day, last_day", None, ""),
        (True, "name, first_day, null::date as last_day", "failed", ""),  # one day of the three
        (True, "name, first_day as day", "failed", "it has not the columns name, first_day and last_day"),
        (False, "name, first_day, last_day", "failed", "this run built no seed fairs"),
    ],
)
def test_events_are_read_from_a_seed_of_the_release(
    house: DuckDBWarehouse, built: bool, columns: str, status: str | None, reason: str
) -> None:
    report = build(house, "next", amount=CUT)
    first = LAST - timedelta(days=2)
    with house.session() as session:
        session.rows(
            f"create table rel_next.fairs as select {columns} from"
            f" (values ('Fair', date '{first}', date '{LAST}')) as t(name, first_day, last_day)"
        )
    if built:
        report = report.model_copy(update={"relations": {"seed.shop.fairs": "rel_next.fairs"}})
    checks = look(house, report, {"events": [{"seed": "fairs"}]})[0]
    assert (checks[AMOUNT].status if AMOUNT in checks else None) == status
    if AMOUNT in checks:
        assert len(checks[AMOUNT].days) == (3 if reason else 2)
    read = checks.get("events of fairs are read")
    assert bool(read) is bool(reason)
    if read:
        assert (read.status, reason in read.observed) == ("warned", True)


def test_a_day_that_came_twice_is_said(house: DuckDBWarehouse) -> None:
    """Two of the hundred rows of each file are equal, as they may be; the last one brings nine of its day again."""
    items = f"cast(date '{FIRST}' + cast(n as integer) as varchar) || '.csv'"
    with house.session() as session:
        house.make_schema(session, "raw")
        session.rows(
            f"create table raw.lines as select {items} as _item, n, greatest(line, 1) as line, null as note"
            f" from range({DAYS}) d(n), range(100) l(line)"
        )

    def judge() -> Check:
        return look(house, build(house, "next"))[0]["rows are there once as usual"]

    check = judge()
    assert (check.scope, check.status, check.observed) == ("shop.lines", "passed", "3 loads")
    with house.session() as session:
        session.rows(
            f"insert into raw.lines select * from raw.lines where _item = '{LAST}.csv' and line > 90"
        )
    check = judge()
    assert check.status == "warned"
    assert check.observed == f"{LAST}.csv: 18.3% of 109 rows are there twice; up to 2.0% is usual"
    with house.session() as session:
        before = LAST - timedelta(days=7)
        session.rows(
            f"insert into raw.lines select '{LAST - timedelta(days=1)}.csv', n, line, note from raw.lines"
            f" where _item = '{before}.csv'"
        )
    check = judge()
    assert check.status == "warned"
    assert check.observed.startswith(f"{LAST - timedelta(days=1)}.csv: 51.0% of 200 rows")


def build_by_hour(house: DuckDBWarehouse, run: str, where: str = "") -> BuildReport:
    """A release whose rows are of 24 hours a day, of which those after six in the evening are busy on Saturdays."""
    built = build(house, run)
    with house.session() as session:
        session.rows(
            f"create or replace table rel_{run}.sales as"
            " select cast(d as timestamp) + h * interval 1 hour as d, country,"
            " amount * (1 + 0.1 * sin(h * 7.3 + epoch(d) / 86400)) * case when h > 18 and weekday(d) = 6 then 6"
            f" when h < 6 then 0.2 else 1 end as amount from rel_{run}.sales, range(24) r(h)"
        )
        session.rows(f"create or replace table rel_{run}.sales as select * from rel_{run}.sales {where}")
    return built


@pytest.mark.parametrize(
    ("where", "failed", "text"),
    [
        ("", set(), ""),
        # two hours of the last day were not loaded: 9 % of it, which no figure of a day shows
        (
            f"where d not between timestamp '{LAST} 13:00:00' and timestamp '{LAST} 14:59:59'",
            {"d__hour is made up as usual"},
            f"d__hour 1[34]: {LAST}: 0.0% where [456]\\.\\d% is usual",
        ),
    ],
)
def test_an_hour_is_held_to_the_same_hour_of_its_weekday(
    house: DuckDBWarehouse, where: str, failed: set[str], text: str
) -> None:
    """Saturday evenings are their own; what is seen of hours is kept as it is of countries."""
    build_by_hour(house, "live", f"where d < date '{LAST - timedelta(days=2)}'")
    built = build_by_hour(house, "next", where)
    seen = look_at_history.fn(house, Project(has_hours=True), built, (), (), TODAY)  # type: ignore[arg-type]
    held = {check.name: check for check in seen.checks if check.status == "failed"}
    assert held.keys() == failed
    assert all(re.search(text, check.observed) for check in held.values())
    assert {"d__hour is made up as usual", "country is made up as usual"} <= {c.name for c in seen.checks}
    for number in range(3):
        keep_history.fn(house, f"next{number}", seen, True)
    sights = [Sight.model_validate_json(each.detail) for each in control.read_history(house, 5)]
    assert [{member for member, _, _ in sight.members["d__hour"]} for sight in sights] == [
        {str(hour) for hour in range(24)}
    ] * 3


def test_what_stopped_coming_is_said(house: DuckDBWarehouse) -> None:
    _, seen = look(house, build(house, "next"))
    series = seen.series["sales"]
    for back in range(20, 0, -1):
        cut = {day: totals for day, totals in series.total.items() if day <= LAST - timedelta(days=back)}
        seen.series["sales"] = type(series)(series.dataset, cut, {}, 0, 1)
        at = control.now()
        keep_history.fn(house, f"r{99 - back}", seen, True)
        moment = TODAY - timedelta(days=back)
        with house.session() as session:
            session.rows(
                "update control.history set detail = replace(detail, ?, ?) where run_id = ?",
                (at.strftime("%Y-%m-%d"), str(moment), f"r{99 - back}"),
            )
    name = "sales is as fresh as usual"
    assert look(house, build(house, "next"))[0][name].status == "passed"
    assert look(house, build(house, "next"), today=TODAY + timedelta(days=9))[0][name].status == "warned"


def test_rules_are_read_key_by_key() -> None:
    found = read_rules({"expect": {"block": True, "sensitivity": "much", "min_history": 12, "other": 1}})
    assert (found.block, found.sensitivity, found.min_history) == ("unusual", 1.0, 12)
    events = read_rules({"events": [{"name": "a", "on": "2026-01-01"}, {"name": "b", "from": "x"}, 7]}).events
    assert [(each.name, each.first, each.last) for each in events] == [
        ("a", date(2026, 1, 1), date(2026, 1, 1))
    ]


def test_a_comment_on_the_incident_or_the_ticket_lets_what_was_held_back_through(
    house: DuckDBWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The walk: cut days are held back, the incident says how much, `expected` lets them through, and no others."""
    tickets = tmp_path / "tickets"
    tickets.mkdir()
    (tickets / "AN-1.yaml").write_text(
        "key: AN-1\ntitle: Sales\nstatus: open\ncomments: []\n", encoding="utf-8"
    )
    tracker = FilesTracker(project="AN", folder=tickets)
    board = Dashboard(
        name="sales",
        analysis=Analysis.trend,
        metrics=("amount",),
        dimensions=(),
        marts=("sales",),
        ticket="AN-1",
    )
    plan, built = Plan(run="next", dashboards=(board,)), build(house, "next", amount=CUT)
    assert read_lessons.fn(tracker, house, plan) == []
    checks, _ = look(house, built)
    gate = GateReport(run="next", passed=False, checks=tuple(checks.values()))
    control.write_journal(house, "next", State.rejected, gate.model_dump_json())
    monkeypatch.setattr("tasks.incidents.get_run_logger", logging.getLogger)
    update_incidents.fn(tracker, Outcome(run="next", published=False, plan=plan, gate=gate))
    text = (tickets / "AN-2.yaml").read_text(encoding="utf-8")
    assert f"{LAST}: " in text
    assert "is usual (" in text
    assert "comment `expected` here" in text

    def say(key: str, body: str, when: str = "") -> list[Lesson]:
        ticket = tickets / f"{key}.yaml"
        was = ticket.read_text(encoding="utf-8")
        created = f"\n    created: {when}" if when else ""
        added = f"comments:\n  - author: kim\n    body: '{body}'{created}\n"
        ticket.write_text(was.replace("comments: []\n", "") + added, encoding="utf-8")
        try:
            return read_lessons.fn(tracker, house, plan)
        finally:
            ticket.write_text(was, encoding="utf-8")

    now = control.now() + timedelta(minutes=1)
    for lessons in (say("AN-2", "Expected"), say("AN-1", "expected", now.isoformat() + "Z")):
        again, _ = look(house, built, lessons=tuple(lessons))
        assert again[AMOUNT].status == "warned"
        assert again[AMOUNT].evidence[-1].startswith("expected: said on AN-")
        other = look(house, build(house, "worse", amount="0.1 * amount"), lessons=tuple(lessons))[0]
        assert other[AMOUNT].status == "failed"  # days that nobody spoke of
    (lesson,) = say("AN-2", "expected until 2027-01-31")
    assert lesson.until == date(2027, 1, 31)
    for no in ("expected until soon", "not expected", "as expected", "unexpected", "expected: yes"):
        assert say("AN-2", no) == []
    assert say("AN-1", "expected", "2020-01-01T00:00:00Z") == []  # before it was held back


def test_why_it_moved_is_told_with_the_members_that_did_it(house: DuckDBWarehouse) -> None:
    amount = f"case when d = date '{LAST - timedelta(days=10)}' and country = 'GB' then amount - 100 else amount end"
    _, found = look(house, build(house, "next", amount=amount))
    assert found.movements == []  # no dashboard shows it
    board = Dashboard(name="b", analysis=Analysis.trend, metrics=("amount",), dimensions=(), marts=("sales",))
    found = look_at_history.fn(house, Project(), build(house, "next", amount=amount), (board,), (), TODAY)  # type: ignore[arg-type]
    release, period = found.movements
    assert release.restated == pytest.approx(-100)
    assert sum(mover.change for mover in release.movers) == pytest.approx(release.after - release.before)
    assert period.days == tuple(LAST - timedelta(days=back) for back in (13, 7, 6, 0))
    text = describe_movement(release)
    assert "In days that readers had seen: -100.00; in new days: +" in text
    assert "By `country`: `GB` " in text
    assert f"from {LAST - timedelta(days=6)} to {LAST}, against" in describe_movement(period)


def test_what_is_shown_of_a_movement_adds_up_and_is_text() -> None:
    movers = tuple(Mover(dimension="c", member=name, change=0.003333) for name in ("a`b", "<i>", "c"))
    moved = Movement(metric="rate", about="release", before=0.5, after=0.51, movers=movers)
    text = describe_movement(moved)
    assert text.startswith("`rate` in all, against what readers saw: 0.5000 → 0.5100 (+0.0100).")
    amounts = [Decimal(part) for part in re.findall(r"[+-]0\.00\d+", text.partition("By")[2])]
    assert sum(amounts) == Decimal("0.0100")
    assert "<i>" not in text.replace("`<i>`", "")
