"""The real invoices day by day against the gate's history: false alarms, and which seeded faults are seen in one run.

At the level of the history, not by whole runs: each day is judged as the run of the next morning would, against what
readers saw the evening before. A fault is seeded into every fourth day, one at a time, and has to be seen that morning.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from blocks.catalogue import Dataset
from blocks.metrics import Formula, Measure, Metric, Operation
from blocks.quality.history.calendar import read_holidays
from blocks.quality.history.expectation import Usual
from blocks.quality.history.findings import Past
from blocks.quality.history.judge import (
    ROWS_METRIC,
    judge_agreement,
    judge_freshness,
    judge_metric,
    make_gauge,
)
from blocks.quality.history.members import choose_weight, judge_members, judge_visits
from blocks.quality.history.record import RUNS_READ, Sight
from blocks.quality.history.repeats import MOST_ITEMS, judge_repeats
from blocks.quality.history.rules import Rules
from blocks.quality.history.series import ROWS, Points, Series
from blocks.records import Check
from tests.conftest import REAL_ERP

SALE = "invoice not like 'C%' and invoice not like 'A%' and quantity > 0 and price <> 0"
SUMS = {
    "gross_revenue": f"sum(case when {SALE} then amount else 0 end)",
    "refunds": "sum(case when invoice like 'C%' then -amount else 0 end)",
    "orders": f"count(distinct case when {SALE} then invoice end)",
    "units_sold": f"sum(case when {SALE} then quantity else 0 end)",
    "sale_lines": f"sum(case when {SALE} then 1 else 0 end)",
    "refund_lines": "sum(case when invoice like 'C%' then 1 else 0 end)",
    ROWS: "count(*)",
}
WHOLES = {
    "customers": f"count(distinct case when {SALE} then CustomerID end)",
    "products": f"count(distinct case when {SALE} then StockCode end)",
    "largest_line": f"max(case when {SALE} then amount end)",
}
"""In all alone: no seeded fault changes them, and they have to raise no alarms of their own."""
EXTREME = Rules(block="never")
EVERY, FIRST_DAYS = 4, 2.5
WEEK = (1, 1, 1, 1.1, 1.2, 0.6, 0.5)
Totals = dict[str, float]


def make_metrics() -> tuple[Metric, ...]:
    """The demo's metrics of revenue."""
    part = {name: Measure(name=name, function="sum") for name in SUMS if name != ROWS}
    formulas: dict[str, Formula] = {
        **part,
        "net_revenue": Operation(sign="-", left=part["gross_revenue"], right=part["refunds"]),
        "average_order_value": Operation(sign="/", left=part["gross_revenue"], right=part["orders"]),
        "refund_rate": Operation(sign="/", left=part["refunds"], right=part["gross_revenue"]),
    }
    return _name_metrics(formulas)


def make_wholes() -> tuple[Metric, ...]:
    """Distinct counts and an extreme."""
    return _name_metrics(
        {
            name: Measure(name=name, function="max" if sql.startswith("max") else "count_distinct")
            for name, sql in WHOLES.items()
        }
    )


def _name_metrics(formulas: dict[str, Formula]) -> tuple[Metric, ...]:
    return tuple(
        Metric(name=name, label="", description="", mart="m", source="m", measures=(), formula=formula)
        for name, formula in formulas.items()
    )


def read_lines(folder: Path) -> tuple[Points, dict[str | None, Points]]:
    """The measures by day, in all and by country."""
    import duckdb

    lines = duckdb.sql(
        "select distinct InvoiceNo as invoice, Country as country, cast(Quantity as integer) as quantity,"
        " cast(UnitPrice as double) as price, cast(Quantity as integer) * cast(UnitPrice as double) as amount,"
        " cast(left(InvoiceDate, 10) as date) as day, * exclude (Country)"
        f" from read_csv('{folder}/*.csv', all_varchar=true)"
    )
    sums = ", ".join(SUMS.values())
    total: Points = {}
    countries: dict[str | None, Points] = {}
    for day, *values in lines.aggregate(f"day, {sums}, {', '.join(WHOLES.values())}").fetchall():
        total[day] = dict(zip((*SUMS, *WHOLES), map(float, values), strict=True))
    for country, day, *values in lines.aggregate(f"country, day, {sums}").fetchall():
        countries.setdefault(country, {})[day] = dict(zip(SUMS, map(float, values), strict=True))
    return total, countries


class Replay:
    """One morning after the other."""

    def __init__(self, total: Points, countries: dict[str | None, Points]) -> None:
        self.total, self.countries = total, countries
        self.days = sorted(total)
        self.metrics, self.wholes = make_metrics(), make_wholes()
        self.dataset = Dataset(
            mart="m",
            time="d",
            dimensions=("country",),
            labels={},
            metrics=self.metrics,
            measures=(),
            columns=(),
        )
        self.holidays = read_holidays(["GB"], [2010, 2011])
        self.sights: list[Sight] = []

    def series(self, last: date, instead: dict[str | None, Totals] | None = None) -> Series:
        """What the mart holds up to a day. instead: the last day's measures by country."""
        members = {
            country: {day: totals for day, totals in points.items() if day <= last}
            for country, points in self.countries.items()
        }
        total = {day: totals for day, totals in self.total.items() if day <= last}
        if instead is not None:
            sums = {name: sum(totals[name] for totals in instead.values()) for name in SUMS}
            total[last] = {**total[last], **sums}
            for country in {*members, *instead}:
                points = members.setdefault(country, {})
                points.pop(last, None)
                if country in instead:
                    points[last] = instead[country]
        return Series(self.dataset, total, {"country": members}, 0, len(total))

    def judge(self, live: Series, candidate: Series, today: date) -> list[Check]:
        """The gate's checks of history, as tasks/history.py puts them together."""
        past = Past(complete=lambda day: day < today, holidays=self.holidays, runs=len(self.sights))
        gauges = [
            make_gauge(metric, EXTREME if metric.name == "largest_line" else Rules(), live, candidate, past)
            for metric in (ROWS_METRIC, *self.metrics, *self.wholes)
        ]
        found = [judge_metric(gauge, live, candidate, past) for gauge in gauges]
        found.append(judge_agreement(gauges, "m", past))
        if weight := choose_weight(self.metrics, live):
            found += judge_members("country", weight, Rules(), live, candidate, past)
        found.append(judge_visits("country", candidate, past))
        found.append(judge_freshness(candidate, today, self.sights[-RUNS_READ:], self.holidays))
        return [check for check in found if check]

    def see(self, series: Series, today: date) -> None:
        """Keep what a morning's run saw, as far as the freshness is judged by it."""
        at = datetime(today.year, today.month, today.day, 6)
        self.sights.append(
            Sight(at=at, passed=True, rows=1, newest=series.newest, measures=(), total={}, members={})
        )


def scale(by: float, *names: str) -> Callable[[str | None, Totals], Totals | None]:
    """Each country's measures times a factor: of all, or of some."""

    def change(country: str | None, totals: Totals) -> Totals | None:
        return {name: value * (by if name in names or not names else 1) for name, value in totals.items()}

    return change


MONEY = ("gross_revenue", "refunds")


def leave_out(name: str) -> Callable[[str | None, Totals], Totals | None]:
    """All but one country."""
    return lambda country, totals: None if country == name else totals


FAULTS: dict[str, tuple[bool, Callable[[str | None, Totals], Totals | None]]] = {
    "cut to 15 %": (True, scale(0.15)),
    "cut to 50 %": (False, scale(0.5)),
    "cut to 80 %": (False, scale(0.8)),
    "doubled": (False, scale(2)),
    "each line twice, orders once": (False, scale(2, *(name for name in SUMS if name != "orders"))),
    "United Kingdom gone": (True, leave_out("United Kingdom")),
    "Germany gone": (False, leave_out("Germany")),
    "prices × 100": (True, scale(100, *MONEY)),
    "another currency (× 1.17)": (False, scale(1.17, *MONEY)),
    "another currency (× 150)": (True, scale(150, *MONEY)),
    "zeros": (True, scale(0, *(name for name in SUMS if name != ROWS))),
    "amounts are null": (True, scale(0, *MONEY)),
}
"""By name: whether it is a gross one, and what it does to a day's measures of a country."""


def main() -> None:
    """Print the figures."""
    if not REAL_ERP.is_dir():
        print("real lines: ../shared/data is not here")
        return
    total, countries = read_lines(REAL_ERP)
    play(Replay(total, countries), True)
    print("  the same with the sales of each month's first day times 2.5:")
    play(raise_first_days(total, countries), False)
    try_month_days()
    try_repeats(REAL_ERP)


def raise_first_days(total: Points, countries: dict[str | None, Points]) -> Replay:
    """The real lines, with the sales (not the refunds) of the first day of trade of each month as 2.5 times as much."""
    days = sorted(total)
    firsts = {day for before, day in pairwise(days) if before.month != day.month}

    def change(points: Points) -> Points:
        return {
            day: {**each, "gross_revenue": FIRST_DAYS * float(each["gross_revenue"] or 0)}
            if day in firsts
            else each
            for day, each in points.items()
        }

    return Replay(change(total), {name: change(points) for name, points in countries.items()})


def play(replay: Replay, has_faults: bool) -> None:
    """Judge each morning, and print what was said."""
    alarms: dict[str, list[int]] = {}
    seen: dict[str, list[tuple[bool, bool]]] = {}
    judged, mornings = 0, 0
    for at, day in enumerate(replay.days[1:], 1):
        live, candidate = replay.series(replay.days[at - 1]), replay.series(day)
        today = day + timedelta(days=1)
        checks = replay.judge(live, candidate, today)
        speaks = any(check.name == "orders is as usual" for check in checks)
        judged += speaks
        for check in checks:
            counts = alarms.setdefault(check.name, [0, 0])
            counts[0] += check.warned
            counts[1] += not check.passed
        mornings += not all(check.passed for check in checks)
        if has_faults and speaks and at % EVERY == 0:
            try_faults(replay, live, day, seen)
        replay.see(candidate, today)
    report(replay, judged, alarms, seen)
    print(f"  held back on {mornings} mornings")


def try_month_days() -> None:
    """Print how three generated years are judged whose first days of a month are 2.5 times as much."""
    for noise in (0.05, 0.15):
        chance, level, values = random.Random(1), 0.0, dict[date, float]()
        held = warned = 0
        shares: dict[tuple[float, bool], list[bool]] = {}
        for at in range(3 * 365):
            day = date(2023, 1, 2) + timedelta(days=at)
            level += chance.gauss(0, 0.005)
            value = 1000 * WEEK[day.weekday()] * math.exp(level + chance.gauss(0, noise))
            value *= FIRST_DAYS if day.day == 1 else 1
            expected = Usual(values, "day").expect(day, Rules().min_history) if at > 90 else None
            if expected:
                held += expected.judge(value) == "gross"
                warned += expected.judge(value) != "usual"
                for factor in (0.15, 0.5, 2.0) if day.day in (1, 10, 20) else ():
                    shares.setdefault((factor, day.day == 1), []).append(
                        expected.judge(factor * value) != "usual"
                    )
            values[day] = value
        print(
            f"  generated, firsts × 2.5, noise {noise:.0%}: {warned / 2.75:.1f} alarms, {held / 2.75:.1f} blocks a year"
        )
        for (factor, is_first), found in shares.items():
            about = "first days" if is_first else "other days"
            print(f"    {about} × {factor} ({len(found)} times): {sum(found) / len(found):.0%} seen")


def try_repeats(folder: Path) -> None:
    """Print how often each line of a day's file there twice is seen as such, and how often a file as it is."""
    import duckdb

    counts = duckdb.sql(
        "select day, sum(n), sum(case when n > 1 then n else 0 end) from (select *, left(InvoiceDate, 10) as day,"
        f" count(*) as n from read_csv('{folder}/*.csv', all_varchar=true) group by all) group by day order by day"
    ).fetchall()
    found = []
    for at in range(MOST_ITEMS // 2, len(counts)):
        known = {day: (int(rows), int(again)) for day, rows, again in counts[at - MOST_ITEMS // 2 : at + 1]}
        day = counts[at][0]
        rows = known[day][0]
        for case in (known, {**known, day: (2 * rows, 2 * rows)}):
            check = judge_repeats("erp.invoice_lines", case, [day])
            found.append(check is not None and check.warned)
    clean, doubled = found[::2], found[1::2]
    print(
        f"  lines there twice ({len(doubled)} files): {sum(doubled) / len(doubled):.0%} seen, {sum(clean)} false alarms"
    )


def try_faults(replay: Replay, live: Series, day: date, seen: dict[str, list[tuple[bool, bool]]]) -> None:
    """Seed each fault into a day, and note whether it was seen and held back."""
    own = {country: dict(points[day]) for country, points in replay.countries.items() if day in points}
    today = day + timedelta(days=1)
    clean = replay.judge(live, replay.series(day), today)
    before = (
        {check.name for check in clean if check.warned},
        {check.name for check in clean if not check.passed},
    )

    def note(name: str, candidate: Series) -> None:
        checks = replay.judge(live, candidate, today)
        warned = {check.name for check in checks if check.warned} - before[0]
        held = {check.name for check in checks if not check.passed} - before[1]
        seen.setdefault(name, []).append((bool(warned | held), bool(held)))

    for name, (_, change) in FAULTS.items():
        changed = {country: new for country, totals in own.items() if (new := change(country, totals))}
        note(name, replay.series(day, changed))
    nameless = {name: sum(totals[name] for totals in own.values()) for name in SUMS}
    note("countries are null", replay.series(day, {None: nameless}))
    note("the day is late", replace(live))


def report(
    replay: Replay, judged: int, alarms: dict[str, list[int]], seen: dict[str, list[tuple[bool, bool]]]
) -> None:
    """All figures, a line each."""
    years = (replay.days[-1] - replay.days[len(replay.days) - judged]).days / 365
    print(f"history: {judged} days judged of {len(replay.days)}, {years:.2f} years")
    for name, (warned, held) in sorted(alarms.items()):
        print(f"  {name}: {warned / years:.1f} alarms a year, {held / years:.1f} false blocks a year")
    held = sum(each[1] for each in alarms.values()) / years
    print(f"  all: {sum(each[0] for each in alarms.values()) / years:.1f} alarms, {held:.1f} blocks a year")
    for name, found in seen.items():
        noticed, blocked = (sum(each[at] for each in found) / len(found) for at in (0, 1))
        gross = "gross, " if FAULTS.get(name, (name == "countries are null",))[0] else ""
        print(f"  {name} ({gross}{len(found)} times): {noticed:.0%} seen, {blocked:.0%} held back")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
