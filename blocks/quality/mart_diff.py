"""Candidate against live, in portable SQL: rows, keys added, removed and changed, metric totals."""

from __future__ import annotations

from collections.abc import Sequence

from blocks.catalogue import Dataset, Mart
from blocks.metrics import evaluate, totals_sql
from blocks.records import MartDiff
from blocks.warehouse.base import Session, Warehouse
from blocks.warehouse.reads import count_rows


def compare(
    warehouse: Warehouse, mart: Mart, live: str | None, candidate: str, datasets: Sequence[Dataset]
) -> MartDiff:
    """Compare two relations (`schema.table`) of a mart; live None: its first release.

    Keys are compared where the mart declares a primary key, by the columns both sides have.
    """
    with warehouse.session() as session:
        after = count_rows(warehouse, session, candidate)
        new = warehouse.columns(session, *candidate.rsplit(".", 1))
        old = warehouse.columns(session, *live.rsplit(".", 1)) if live else {}
        if not live or not old:
            return MartDiff(mart=mart.name, rows_before=0, rows_after=after, added=after)
        changes = tuple(
            [f"+{name}" for name in new if name not in old] + [f"-{name}" for name in old if name not in new]
        )
        shared = [name for name in new if name in old]
        keyed = bool(mart.primary_key) and set(mart.primary_key) <= set(shared)
        added, removed, changed = (
            _keys(warehouse, session, mart.primary_key, shared, live, candidate) if keyed else (None,) * 3
        )
        return MartDiff(
            mart=mart.name,
            rows_before=count_rows(warehouse, session, live),
            rows_after=after,
            added=added,
            removed=removed,
            changed=changed,
            columns=changes,
            metrics=_metrics(warehouse, session, live, candidate, datasets),
        )


def _keys(
    warehouse: Warehouse,
    session: Session,
    key: Sequence[str],
    shared: Sequence[str],
    live: str,
    candidate: str,
) -> tuple[int, int, int]:
    """Keys only in the candidate, only in live, and in both with another value somewhere."""
    same = " and ".join(f"c.{warehouse.quote(name)} = l.{warehouse.quote(name)}" for name in key)
    others = [warehouse.quote(name) for name in shared if name not in key]
    differs = " or ".join(f"c.{name} is distinct from l.{name}" for name in others) or "1 = 0"
    first = warehouse.quote(key[0])
    row = session.rows(
        f"select sum(case when l.{first} is null then 1 else 0 end),"
        f" sum(case when c.{first} is null then 1 else 0 end),"
        f" sum(case when c.{first} is not null and l.{first} is not null and ({differs}) then 1 else 0 end)"
        f" from {warehouse.relation(candidate)} c"
        f" full outer join {warehouse.relation(live)} l on {same}"
    )[0]
    return int(row[0] or 0), int(row[1] or 0), int(row[2] or 0)


def _metrics(
    warehouse: Warehouse,
    session: Session,
    live: str,
    candidate: str,
    datasets: Sequence[Dataset],
) -> dict[str, tuple[float | None, float | None]]:
    """Each metric's grand total, live and candidate; live None where its columns did not exist yet."""
    totals: dict[str, tuple[float | None, float | None]] = {}
    for dataset in datasets:
        sides = []
        for relation in (live, candidate):
            quoted = warehouse.relation(relation)
            try:
                row = session.rows(totals_sql(dataset.measures, dataset.sql(quoted)))[0]
            except Exception:
                if relation == candidate:
                    raise
                row = (None,) * len(dataset.measures)
            names = [measure.name for measure in dataset.measures]
            sides.append(dict(zip(names, row, strict=True)))
        for metric in dataset.metrics:
            totals[metric.name] = (evaluate(metric.formula, sides[0]), evaluate(metric.formula, sides[1]))
    return totals
