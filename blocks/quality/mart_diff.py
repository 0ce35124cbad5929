"""Candidate against live, in portable SQL: rows, keys added, removed and changed, metric totals.

What can't be compared is reported, never left out. Not here: what a difference may be (tasks/gate.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from blocks.catalogue import Dataset, Mart
from blocks.errors import NotFound, Rejected
from blocks.metrics import evaluate, totals_sql
from blocks.quality.type_expectations import find_family
from blocks.records import MartDiff
from blocks.warehouse.base import Session, Warehouse
from blocks.warehouse.reads import count_rows

NUMBERS, MOMENTS = {"integer", "decimal", "float"}, {"date", "timestamp"}
DIGITS, SINGLE_DIGITS, SMALLEST, LARGEST = 9, 6, "1e-12", "1e300"
"""Floats that are the same in so many digits (fewer where a side has single precision), below a thousandth in so many
and three more decimals, are the same; NaN and infinity are greater than LARGEST and only equal to themselves."""
Counts = tuple[int | None, int | None, int | None]


def compare(
    warehouse: Warehouse,
    mart: Mart,
    live: str | None,
    candidate: str,
    datasets: Sequence[Dataset],
    joined: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {}),
) -> MartDiff:
    """Compare two relations (`schema.table`) of a mart; live None: its first release.

    joined: the relations of all marts, live and as the candidate would be read, by name: metrics may join them.

    By the columns both sides have: key by key where both have the declared primary key; otherwise rows are
    counted as added and removed, without telling a changed one from these. A key that is not unique counts once,
    as changed if its rows differ in any way.
    """
    formats = {metric.name: metric.form for dataset in datasets for metric in dataset.metrics}
    with warehouse.session() as session:
        after = count_rows(warehouse, session, candidate)
        new = warehouse.columns(session, *candidate.rsplit(".", 1))
        old = warehouse.columns(session, *live.rsplit(".", 1)) if live else {}
        if not live or not old:
            totals, broken = _compare_metrics(warehouse, session, None, candidate, datasets, joined)
            return MartDiff(
                mart=mart.name,
                rows_before=0,
                rows_after=after,
                added=after,
                metrics=totals,
                broken_metrics=broken,
                formats=formats,
                first=True,
            )
        if warehouse.folds_names:
            old = _spell_as(old, new)
        comparison = _Comparison(warehouse, session, live, candidate, old, new)
        keyed = bool(mart.primary_key) and set(mart.primary_key) <= set(comparison.shared)
        counts, not_compared = comparison.compare(mart.primary_key if keyed else ())
        totals, broken = _compare_metrics(warehouse, session, live, candidate, datasets, joined)
        return MartDiff(
            mart=mart.name,
            rows_before=count_rows(warehouse, session, live),
            rows_after=after,
            added=counts[0],
            removed=counts[1],
            changed=counts[2],
            columns=_list_column_changes(old, new),
            metrics=totals,
            broken_metrics=broken,
            formats=formats,
            keyed=keyed,
            not_compared=not_compared,
        )


def compare_same(warehouse: Warehouse, mart: Mart, relation: str, known: MartDiff) -> MartDiff:
    """What `compare` finds where the candidate is the very relation that readers see, without a look at its rows.

    known: an earlier comparison in which it was the candidate, with its rows and its metrics' totals.
    """
    with warehouse.session() as session:
        columns = warehouse.columns(session, *relation.rsplit(".", 1))
        comparison = _Comparison(warehouse, session, relation, relation, columns, columns)
        keyed = bool(mart.primary_key) and set(mart.primary_key) <= set(comparison.shared)
        counts, not_compared = comparison.compare_without_rows(mart.primary_key if keyed else ())
    return known.model_copy(
        update={
            "rows_before": known.rows_after,
            "added": counts[0],
            "removed": counts[1],
            "changed": counts[2],
            "metrics": {name: (after, after) for name, (_, after) in known.metrics.items()},
            "columns": (),
            "first": False,
            "keyed": keyed,
            "not_compared": not_compared,
        }
    )


def _spell_as(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Live's columns by the candidate's spelling: one that only its capitals tell apart is the same to readers."""
    spelled = {name.casefold(): name for name in new}
    return {spelled.get(name.casefold(), name): data_type for name, data_type in old.items()}


def _list_column_changes(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
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
        self._families = {
            name: (_find_type_family(old[name]), _find_type_family(new[name])) for name in self.shared
        }
        self._digits = {
            name: SINGLE_DIGITS
            if any(_is_single(each, warehouse.dialect) for each in (old[name], new[name]))
            else DIGITS
            for name in self.shared
        }
        self._text = warehouse.type_of("varchar")
        self._as_text = {name for name in self.shared if not _is_comparable(*self._families[name])}
        present = "present"
        while present in {*old, *new}:
            present += "_"
        self._present = warehouse.quote(present)

    def compare(self, key: Sequence[str]) -> tuple[Counts, tuple[str, ...]]:
        """Added, removed, changed; and the columns that the warehouse can't compare, not even as text."""
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

    def compare_without_rows(self, key: Sequence[str]) -> tuple[Counts, tuple[str, ...]]:
        """As `compare`, of two sides that are one: only which columns can be compared is asked."""
        names, none = list(self.shared), (0, 0, 0 if key else None)
        try:
            if key:
                self._join_keys((), names, "where 1 = 0")
            self._count_rows(names, "where 1 = 0")
        except Rejected:
            bad = [name for name in names if not self._can_compare(name)]
        else:
            return none, ()
        good = [name for name in names if name not in bad]
        return ((None, None, None) if set(key) & set(bad) or not good else none), tuple(bad)

    def _can_compare(self, name: str) -> bool:
        """False if the warehouse refuses to compare this column alone; from now on as text where only that works."""
        for as_text in ({name} & self._as_text, {name}):
            self._as_text |= as_text
            try:
                self._join_keys((), [name], "where 1 = 0")
                self._count_rows([name], "where 1 = 0")
            except Rejected:
                continue
            return True
        return False

    def _count(self, key: Sequence[str], names: Sequence[str]) -> Counts:
        if not key:
            return self._count_rows(names)
        if self._is_unique(key):
            return self._join_keys(key, names)
        return self._group_keys(key, names)

    def _is_unique(self, key: Sequence[str]) -> bool:
        """False if a key is there more than once: a join of the sides would multiply its rows."""
        columns = ", ".join(self._write_column(name) for name in key)
        repeated = [
            self._session.rows(
                f"select count(*) from (select count(*) as n from {relation} group by {columns}"
                " having count(*) > 1) as repeated"
            )[0][0]
            for relation in (self._live, self._candidate)
        ]
        return not any(repeated)

    def _join_keys(self, key: Sequence[str], names: Sequence[str], where: str = "") -> Counts:
        """Keys only in the candidate, only in live, and in both with another value somewhere."""
        columns = ", ".join(self._warehouse.quote(name) for name in names)
        sides = [
            f"(select {columns}, 1 as {self._present} from {relation} {where})"
            for relation in (self._candidate, self._live)
        ]
        same = " and ".join(self._write_join(name) for name in key) or "1 = 0"
        differs = " or ".join(self._write_difference(name) for name in names if name not in key) or "1 = 0"
        c, l = f"c.{self._present}", f"l.{self._present}"  # noqa: E741
        row = self._session.rows(
            f"select sum(case when {l} is null then 1 else 0 end),"
            f" sum(case when {c} is null then 1 else 0 end),"
            f" sum(case when {c} = 1 and {l} = 1 and ({differs}) then 1 else 0 end)"
            f" from {sides[0]} c full outer join {sides[1]} l on {same}"
        )[0]
        return int(row[0] or 0), int(row[1] or 0), int(row[2] or 0)

    def _group_keys(self, key: Sequence[str], names: Sequence[str]) -> Counts:
        """As `_join_keys`, for keys that are there more than once: changed where their rows are not the same."""
        order = [*key, *(name for name in names if name not in key)]
        keys = ", ".join(f"v{at}" for at in range(len(key)))
        row = self._session.rows(
            "select sum(case when before_ = 0 then 1 else 0 end), sum(case when after_ = 0 then 1 else 0 end),"
            " sum(case when before_ > 0 and after_ > 0 and differs_ > 0 then 1 else 0 end) from"
            f" (select {keys}, sum(after_) as after_, sum(before_) as before_,"
            " sum(case when after_ <> before_ then 1 else 0 end) as differs_"
            f" from {self._write_counted_rows(order)} as counted group by {keys}) as by_key"
        )[0]
        return int(row[0] or 0), int(row[1] or 0), int(row[2] or 0)

    def _count_rows(self, names: Sequence[str], where: str = "") -> Counts:
        """Rows more often in the candidate, more often in live; a changed row is one of each."""
        row = self._session.rows(
            "select sum(case when after_ > before_ then after_ - before_ else 0 end),"
            " sum(case when before_ > after_ then before_ - after_ else 0 end)"
            f" from {self._write_counted_rows(names, where)} as counted"
        )[0]
        return int(row[0] or 0), int(row[1] or 0), None

    def _write_counted_rows(self, names: Sequence[str], where: str = "") -> str:
        """Each different row as v0, v1, …, with how often it is in live (before_) and in the candidate (after_)."""
        values = ", ".join(f"{self._write_rounded(name)} as v{at}" for at, name in enumerate(names))
        groups = ", ".join(f"v{at}" for at in range(len(names)))
        return (
            f"(select {groups}, sum(after_) as after_, sum(before_) as before_ from"
            f" (select {values}, 1 as after_, 0 as before_ from {self._candidate} {where}"
            f" union all select {values}, 0 as after_, 1 as before_ from {self._live} {where}) as both_sides"
            f" group by {groups})"
        )

    def _write_column(self, name: str, side: str = "") -> str:
        """A column as both sides can have it: as text where it was retyped, or can't be compared itself."""
        column = side + self._warehouse.quote(name)
        return f"cast({column} as {self._text})" if name in self._as_text else column

    def _is_float(self, name: str) -> bool:
        return "float" in self._families[name] and name not in self._as_text

    def _write_rounded(self, name: str) -> str:
        """A column as rows are counted by: a float without the noise of its last digits."""
        column = self._write_column(name)
        if not self._is_float(name):
            return column
        column = f"cast({column} as {self._warehouse.type_of('double')})"
        power = f"power(10, floor(ln(abs({column})) / ln(10)))"
        digits = f"1e{self._digits[name]}"
        rounded = f"floor({column} / {power} * {digits} + 0.5) / {digits} * {power}"
        size = f"abs({column})"
        return f"case when {size} >= {SMALLEST} and {size} < {LARGEST} then {rounded} else {column} end"

    def _write_join(self, name: str) -> str:
        """Equality of a key's column, in which NULL is equal to NULL, in a form that every hash join takes."""
        c, l = self._write_column(name, "c."), self._write_column(name, "l.")  # noqa: E741
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

    def _write_difference(self, name: str) -> str:
        c, l = self._write_column(name, "c."), self._write_column(name, "l.")  # noqa: E741
        differs = f"{c} is distinct from {l}"
        if not self._is_float(name):
            return differs
        digits = self._digits[name]
        far = (
            f"case when not (abs({c}) < {LARGEST} and abs({l}) < {LARGEST}) then 1"
            f" when abs({l}) < 1e-3 then case when abs({c} - {l}) <= 1e-{digits + 3} then 0 else 1 end"
            f" when abs({c} - {l}) <= 1e-{digits} * abs({l}) then 0 else 1 end = 1"
        )
        return f"({differs} and {far})"


def _find_type_family(data_type: str) -> str:
    """The family of a type; a timestamp with a time zone is one of its own: where the session is would decide."""
    found, name = find_family(data_type), data_type.lower()
    zoned = "with time zone" in name or name.startswith(("timestamptz", "timestamp_tz", "timestamp_ltz"))
    return "timestamp with a zone" if found == "timestamp" and zoned else found


def _is_single(data_type: str, dialect: str) -> bool:
    """True for a float of 4 bytes, which has 6 to 9 digits; Snowflake's `FLOAT` has 8 bytes."""
    name = data_type.lower()
    return name in ("real", "float4") or (name == "float" and dialect != "snowflake")


def _is_comparable(old: str, new: str) -> bool:
    return old == new or any({old, new} <= alike for alike in (NUMBERS, MOMENTS))


def _compare_metrics(
    warehouse: Warehouse,
    session: Session,
    live: str | None,
    candidate: str,
    datasets: Sequence[Dataset],
    joined: tuple[Mapping[str, str], Mapping[str, str]],
) -> tuple[dict[str, tuple[float | None, float | None]], dict[str, str]]:
    """Each metric's grand total, live and candidate; and those the candidate can't give, with the reason.

    Live is None where its columns did not exist yet, or were of another type.
    """
    totals: dict[str, tuple[float | None, float | None]] = {}
    broken: dict[str, str] = {}
    old, new = ({name: warehouse.relation(each) for name, each in side.items()} for side in joined)
    for dataset in datasets:
        warehouse.use_time_zone(session, dataset.time_zone)
        before, _ = _read_totals(session, dataset, warehouse.relation(live), old) if live else ({}, {})
        after, reasons = _read_totals(session, dataset, warehouse.relation(candidate), new)
        for metric in dataset.metrics:
            if reason := next(
                (reasons[each.base.name] for each in metric.measures if each.base.name in reasons), ""
            ):
                broken[metric.name] = reason
            if not metric.has_total:
                continue
            totals[metric.name] = (evaluate(metric.formula, before), evaluate(metric.formula, after))
    return totals, broken


def _read_totals(
    session: Session, dataset: Dataset, relation: str, joined: Mapping[str, str]
) -> tuple[dict[str, float | None], dict[str, str]]:
    """A dataset's measures in one relation, quoted; and why the warehouse refuses to compute some of them.

    joined: the relations of other marts, quoted.
    """
    names = [measure.name for measure in dataset.measures]
    try:
        row = session.rows(totals_sql(dataset.measures, dataset.sql(relation, joined)))[0]
    except (Rejected, NotFound) as error:
        if len(names) == 1:
            return {}, {names[0]: error.answer}
    else:
        return _split_numbers(dict(zip(names, row, strict=True)))
    found: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for measure in dataset.measures:
        others = set(names) - {measure.name}
        columns = tuple(column for column in dataset.columns if column.name not in others)
        alone = dataset.model_copy(update={"measures": (measure,), "columns": columns})
        one, why = _read_totals(session, alone, relation, joined)
        found |= one
        reasons |= why
    return found, reasons


def _split_numbers(totals: Mapping[str, object]) -> tuple[dict[str, float | None], dict[str, str]]:
    """Totals that are numbers or NULL; and why the others are none, as the smallest of dates or texts."""
    found: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for name, value in totals.items():
        if value is None or isinstance(value, int | float | Decimal):
            found[name] = None if value is None else float(value)
        else:
            reasons[name] = f"it gives a {type(value).__name__}, not a number"
    return found, reasons
