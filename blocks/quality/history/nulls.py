"""How many values are missing, by bucket: rows without a time, and measures that are null, against the most before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from blocks.quality.history.expectation import Expectation
from blocks.quality.history.findings import KIND, Finding, Past, list_judged, report, write_share
from blocks.quality.history.rules import Rules
from blocks.quality.history.series import GIVEN, ROWS, Series
from blocks.records import Check

NULLS = "values are there as usual"
LEAST_BUCKETS, BOUND, GROSS = 8, 0.02, 0.2  # shares of a bucket's rows, beyond the most there ever were


def judge_undated(before: Series, candidate: Series) -> Check | None:
    """Rows without a time against the share of them that readers' mart has; None where there never were any."""
    if not candidate.undated and not before.undated:
        return None
    old, new = (each.undated / max(each.rows, 1) for each in (before, candidate))
    return Check(
        scope=candidate.dataset.mart,
        name=f"{candidate.dataset.time} is there as usual",
        kind=KIND,
        passed=True,
        warned=new > old + 0.01,
        observed=f"{new:.1%} of its rows have none, where {old:.1%} had",
        figures=(("observed", new), ("expected", old)),
    )


def judge_nulls(rules: Mapping[str, Rules], live: Series, candidate: Series, past: Past) -> Check | None:
    """The rows of new and changed buckets in which a measure is null, as a share of all; None without such a measure.

    rules: of metrics, by name; a measure that has none of its name is judged by the rules of all.
    """
    findings: list[Finding] = []
    for name in sorted({name for totals in candidate.given.values() for name in totals}):
        measure = name.removesuffix(GIVEN)
        old, new = (_read_shares(series, name) for series in (live, candidate))
        known = {day: share for day, share in old.items() if past.complete(day)}
        own = rules.get(measure, Rules())
        if len(known) >= LEAST_BUCKETS and own.block != "never":
            days = [day for day in list_judged(old, new, candidate, past) if day in new]
            most = max(known.values())
            expected = Expectation(0, 0, 1.5 * most + BOUND, 0, 2 * most + GROSS, len(known))
            findings += [
                Finding(day, new[day], expected, expected.judge(new[day]), f"{measure} is null", write_share)
                for day in days
                if not own.find_event(day)
            ]
    return report(candidate.dataset.mart, NULLS, findings, Rules(), past) if findings else None


def _read_shares(series: Series, name: str) -> dict[date, float]:
    """The share of a bucket's rows in which a measure is null."""
    found = {}
    for day, totals in series.given.items():
        rows = float(series.total[day].get(ROWS) or 0)
        if rows > 0:
            found[day] = 1 - float(totals.get(name) or 0) / rows
    return found
