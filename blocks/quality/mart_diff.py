"""Candidate against live, in portable SQL: rows, keys added, removed and changed, metric totals.

What can't be compared is said, never left out. Not here: what a difference may be (tasks/gate.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from blocks.catalogue import Dataset, Mart
from blocks.errors import Rejected
from blocks.metrics import evaluate, totals_sql
from blocks.quality.type_expectations import family
from blocks.records import MartDiff
from blocks.warehouse.base import Session, Warehouse
from blocks.warehouse.reads import count_rows

NUMBERS = {"integer", "decimal", "float"}
TOLERANCE, SMALLEST, LARGEST = "1e-9", "1e-12", "1e300"
"""Floats that differ by less than TOLERANCE of themselves, or by SMALLEST, are the same; NaN and infinity are
greater than LARGEST and only equal to themselves."""
Counts = tuple[int | None, int | None, int | None]


def compare(
    warehouse: Warehouse, mart: Mart, live: str | None, candidate: str, datasets: Sequence[Dataset]
) -> MartDiff:
    """Compare two relations (`schema.table`) of a mart; live None: its first release.

    By the columns both sides have: key by key where both have the declared primary key; otherwise rows are
    counted as added and removed, without telling a changed one from these.
    """
    with warehouse.session() as session:
        after = count_rows(warehouse, session, candidate)
        new = warehouse.columns(session, *candidate.rsplit(".", 1))
        old = warehouse.columns(session, *live.rsplit(".", 1)) if live else {}
        if not live or not old:
            totals, broken = _metrics(warehouse, session, None, candidate, datasets)
            return MartDiff(
                mart=mart.name,
                rows_before=0,
                rows_after=after,
                added=after,
                metrics=totals,
                broken_metrics=broken,
                first=True,
            )
        comparison = _Comparison(warehouse, session, live, candidate, old, new)
        keyed = bool(mart.primary_key) and set(mart.primary_key) <= set(comparison.shared)
        counts, not_compared = comparison.compare(mart.primary_key if keyed else ())
        totals, broken = _metrics(warehouse, session, live, candidate, datasets)
        return MartDiff(
            mart=mart.name,
            rows_before=count_rows(warehouse, session, live),
            rows_after=after,
            added=counts[0],
            removed=counts[1],
            changed=counts[2],
            columns=_column_changes(old, new),
            metrics=totals,
            broken_metrics=broken,
            keyed=keyed,
            not_compared=not_compared,
        )


def _column_changes(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    """`+new`, `-gone`, `retyped (from → to)`."""
    added = [f"+{name}" for name in new if name not in old]
    gone = [f"-{name}" for name in old if name not in new]
    retyped = [f"{name} ({old[name]} → {new[name]})" for name in new if old.get(name, new[name]) != new[name]]
    return tuple(added + gone + retyped)


class _Comparison:
    """The two sides of a mart, and how each column of both is compared."""

    def __init__(
        self,
        warehouse: Warehouse,
        session: Session,
        live: str,
        candidate: str,
        old: Mapping[str, str],
        new: Mapping[str, str],
    ) -> None:
        self._warehouse, self._session = warehouse, session
        self._live, self._candidate = warehouse.relation(live), warehouse.relation(candidate)
        self.shared = [name for name in new if name in old]
        self._families = {name: (family(old[name]), family(new[name])) for name in self.shared}
        self._text = warehouse.type_of("varchar")
        present = "present"
        while present in {*old, *new}:
            present += "_"
        self._present = warehouse.quote(present)

    def compare(self, key: Sequence[str]) -> tuple[Counts, tuple[str, ...]]:
        """Added, removed, changed; and the columns that the warehouse can't compare."""
        names = list(self.shared)
        try:
            return self._count(key, names), ()
        except Rejected:
            bad = [name for name in names if not self._can_compare(name)]
        good = [name for name in names if name not in bad]
        if set(key) & set(bad) or not good:
            return (None, None, None), tuple(bad)
        try:
            return self._count(key, good), tuple(bad)
        except Rejected:  # nothing that one column alone shows
            return (None, None, None), tuple(names)

    def _count(self, key: Sequence[str], names: Sequence[str]) -> Counts:
        return self._count_keys(key, names) if key else self._count_rows(names)

    def _can_compare(self, name: str) -> bool:
        """False if the warehouse refuses to compare this column alone."""
        try:
            self._count_keys((), [name])
            self._count_rows([name])
        except Rejected:
            return False
        return True

    def _count_keys(self, key: Sequence[str], names: Sequence[str]) -> Counts:
        """Keys only in the candidate, only in live, and in both with another value somewhere."""
        columns = ", ".join(self._warehouse.quote(name) for name in names)
        sides = [
            f"(select {columns}, 1 as {self._present} from {relation})"
            for relation in (self._candidate, self._live)
        ]
        same = " and ".join(self._joins(name) for name in key) or "1 = 0"
        differs = " or ".join(self._differs(name) for name in names if name not in key) or "1 = 0"
        c, l = f"c.{self._present}", f"l.{self._present}"  # noqa: E741
        row = self._session.rows(
            f"select sum(case when {l} is null then 1 else 0 end),"
            f" sum(case when {c} is null then 1 else 0 end),"
            f" sum(case when {c} = 1 and {l} = 1 and ({differs}) then 1 else 0 end)"
            f" from {sides[0]} c full outer join {sides[1]} l on {same}"
        )[0]
        return int(row[0] or 0), int(row[1] or 0), int(row[2] or 0)

    def _count_rows(self, names: Sequence[str]) -> Counts:
        """Rows more often in the candidate, more often in live; a changed row is one of each."""
        values = ", ".join(f"{self._plain(name)} as v{at}" for at, name in enumerate(names))
        groups = ", ".join(f"v{at}" for at in range(len(names)))
        row = self._session.rows(
            "select sum(case when n > 0 then n else 0 end), sum(case when n < 0 then -n else 0 end) from"
            f" (select {groups}, sum(side_) as n from"
            f" (select {values}, 1 as side_ from {self._candidate}"
            f" union all select {values}, -1 as side_ from {self._live}) as both_sides"
            f" group by {groups}) as counted"
        )[0]
        return int(row[0] or 0), int(row[1] or 0), None

    def _is_comparable(self, name: str) -> bool:
        old, new = self._families[name]
        return old == new or {old, new} <= NUMBERS

    def _plain(self, name: str, side: str = "") -> str:
        """A column as both sides can have it: as text where it was retyped."""
        column = side + self._warehouse.quote(name)
        return column if self._is_comparable(name) else f"cast({column} as {self._text})"

    def _joins(self, name: str) -> str:
        """Equality of a key's column, in which NULL is equal to NULL, in a form that every hash join takes."""
        c, l = self._plain(name, "c."), self._plain(name, "l.")  # noqa: E741
        if not self._has_null(name):
            return f"{c} = {l}"
        texts = [f"coalesce(cast({side} as {self._text}), '')" for side in (c, l)]
        nulls = [f"case when {side} is null then 1 else 0 end" for side in (c, l)]
        return f"{texts[0]} = {texts[1]} and {nulls[0]} = {nulls[1]}"

    def _has_null(self, name: str) -> bool:
        column = self._warehouse.quote(name)
        counts = [
            self._session.rows(f"select count(*) from {relation} where {column} is null")[0][0]
            for relation in (self._live, self._candidate)
        ]
        return any(counts)

    def _differs(self, name: str) -> str:
        c, l = self._plain(name, "c."), self._plain(name, "l.")  # noqa: E741
        differs = f"{c} is distinct from {l}"
        if "float" not in self._families[name] or not self._is_comparable(name):
            return differs
        close = (
            f"abs({c} - {l}) <= {TOLERANCE} * abs({l}) + {SMALLEST}"
            f" and abs({c}) < {LARGEST} and abs({l}) < {LARGEST}"
        )
        return f"({differs} and not coalesce({close}, false))"


def _metrics(
    warehouse: Warehouse,
    session: Session,
    live: str | None,
    candidate: str,
    datasets: Sequence[Dataset],
) -> tuple[dict[str, tuple[float | None, float | None]], dict[str, str]]:
    """Each metric's grand total, live and candidate; and those the candidate can't give, with the reason.

    Live is None where its columns did not exist yet, or were of another type.
    """
    totals: dict[str, tuple[float | None, float | None]] = {}
    broken: dict[str, str] = {}
    for dataset in datasets:
        before = _totals(session, dataset, warehouse.relation(live) if live else None, lambda error: None)
        reasons: list[str] = []
        after = _totals(session, dataset, warehouse.relation(candidate), reasons.append)
        for metric in dataset.metrics:
            if reasons:
                broken[metric.name] = reasons[0]
            totals[metric.name] = (evaluate(metric.formula, before), evaluate(metric.formula, after))
    return totals, broken


def _totals(
    session: Session, dataset: Dataset, relation: str | None, on_refusal: Callable[[str], None]
) -> dict[str, float | None]:
    """A dataset's measures in one relation, quoted; None where the warehouse refuses to compute them."""
    names = [measure.name for measure in dataset.measures]
    if relation is not None:
        try:
            return dict(
                zip(
                    names,
                    session.rows(totals_sql(dataset.measures, dataset.sql(relation)))[0],
                    strict=True,
                )
            )
        except Rejected as error:
            on_refusal(error.answer)
    return dict.fromkeys(names)
