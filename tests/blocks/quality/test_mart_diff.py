"""The comparison of two relations of a mart: what it counts, copes with, and says that it can't compare."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from blocks.catalogue import Dataset, Mart
from blocks.errors import Rejected
from blocks.metrics import Measure, Metric
from blocks.quality.mart_checks import check_mart
from blocks.quality.mart_diff import compare, compare_same
from blocks.records import BuildReport, MartDiff, Release
from blocks.semantic_models import SelectedColumn
from blocks.warehouse.duckdb.session import DuckDBSession
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tasks.gate import check_diff_budgets, check_metrics, compare_with_live

KEY = ("k",)
ONE = "select 1 as k, 1 as v"


class Pair:
    """Two relations of mart `m`, each by its query."""

    def __init__(self, folder: Path) -> None:
        self.warehouse = DuckDBWarehouse(database=str(folder / "w.duckdb"))

    def diff(self, live: str, candidate: str, key: tuple[str, ...] = KEY) -> MartDiff:
        with self.warehouse.session() as session:
            for schema, query in (("live", live), ("rel", candidate)):
                session.rows(f"create schema if not exists {schema}")
                session.rows(f"create or replace table {schema}.m as {query}")
        return compare(self.warehouse, make_mart(key), "live.m", "rel.m", [])


def make_mart(key: tuple[str, ...]) -> Mart:
    return Mart(name="m", unique_id="m", schema_name="rel", alias="m", primary_key=key)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def values(rows: str, columns: str = "k, v") -> str:
    return f"select * from (values {rows}) as t({columns})"


@pytest.mark.parametrize(
    ("live", "candidate", "expected"),
    [
        pytest.param(values("(1, 1), (2, 2)"), values("(2, 5), (3, 3)"), (1, 1, 1), id="plain"),
        pytest.param(
            values("(1, 1), (1, 2), (2, 2), (2, 3), (4, 4), (4, 4)"),
            values("(1, 1), (1, 9), (3, 3), (3, 3), (4, 4), (4, 4)"),
            (1, 1, 1),
            id="keys that come several times",
        ),
        pytest.param(
            values("(1, 1), (1, 2), (2, 2), (3, 3)"),
            values("(1, 1), (1, 2)"),
            (0, 2, 0),
            id="only fewer of those",
        ),
        pytest.param(values("(1, 1), (2, 2), (3, 3)"), values("(1, 1)"), (0, 2, 0), id="only fewer"),
        pytest.param(
            values("(1, 1), (1, 2)"), values("(1, 2), (1, 1)"), (0, 0, 0), id="and are the same, all of them"
        ),
        pytest.param(
            values("(null, 1), (2, 2)"), values("(null, 1), (2, 2)"), (0, 0, 0), id="NULL in the key"
        ),
        pytest.param(
            values("(null, 1), (2, 2), (3, 3)"),
            values("(null, 1), (2, 2), (4, 4)"),
            (1, 1, 0),
            id="NULL among other keys",
        ),
        pytest.param(
            values("(1, 1, 1)", "k, present, present_"),
            values("(1, 1, 2)", "k, present, present_"),
            (0, 0, 1),
            id="a column of the name that says that a row is there",
        ),
        pytest.param(values("(null, 1)"), values("('', 1)"), (1, 1, 0), id="NULL is not an empty text"),
        pytest.param(values("(null, 1)"), values("(null, 2)"), (0, 0, 1), id="NULL as the only key"),
        pytest.param(f"{ONE} where k = 2", f"{ONE} where k = 2", (0, 0, 0), id="no rows"),
        pytest.param(values("(1, 1)"), values("(1, '1')"), (0, 0, 0), id="retyped, the same as text"),
        pytest.param(values("(1, 20)"), values("(1, '20 min')"), (0, 0, 1), id="retyped and changed"),
        pytest.param(values("(1, 1), (2, 2)"), values("('1', 1), ('2', 2)"), (0, 0, 0), id="key retyped"),
        pytest.param(values("(1, 2)"), values("(1, 2.00)"), (0, 0, 0), id="integer to decimal"),
        pytest.param(values("(1, 0.1::double)"), values("(1, 0.1::double + 1e-17)"), (0, 0, 0), id="noise"),
        pytest.param(
            values("(1, 0.1::double)"), values("(1, 0.1001::double)"), (0, 0, 1), id="more than noise"
        ),
        pytest.param(
            values("(1, 0.1::double)"), values("(1, 0.100000001::double)"), (0, 0, 1), id="a little more"
        ),
        pytest.param(values("(1, 0.1::float)"), values("(1, 0.1::double)"), (0, 0, 0), id="single to double"),
        pytest.param(values("(1, 0.0001::real)"), values("(1, 0.0001)"), (0, 0, 0), id="single to decimal"),
        pytest.param(
            values("(1, 0.22092781::real)"),
            values("(1, 0.22092783::real)"),
            (0, 0, 0),
            id="single, beyond seven digits",
        ),
        pytest.param(
            values("(1, 0.1::float)"), values("(1, 0.10001::double)"), (0, 0, 1), id="single to another"
        ),
        pytest.param(
            values("(1, 0.0001::double)"),
            values("(1, 0.0001001::double)"),
            (0, 0, 1),
            id="a little of little",
        ),
        pytest.param(
            values("(1, 0.0001::double)"),
            values("(1, 0.0001000000005::double)"),
            (0, 0, 0),
            id="noise of little",
        ),
        pytest.param(
            values("(1, timestamptz '2026-01-01 12:00:00+00')"),
            values("(1, timestamp '2026-01-01 12:00:00')"),
            (0, 0, 1),
            id="a zone that is gone",
        ),
        pytest.param(values("(1, 'nan'::double)"), values("(1, 'nan'::double)"), (0, 0, 0), id="NaN twice"),
        pytest.param(values("(1, 'nan'::double)"), values("(1, 5::double)"), (0, 0, 1), id="NaN no more"),
        pytest.param(
            values("(1, 'inf'::double)"), values("(1, 5::double)"), (0, 0, 1), id="infinity no more"
        ),
        pytest.param(values("(1, null::double)"), values("(1, 0::double)"), (0, 0, 1), id="NULL to zero"),
        pytest.param(values("(1, [1, 2])"), values("(1, [1, 3])"), (0, 0, 1), id="lists"),
        pytest.param(
            values("(1, 1, 1), (2, 2, 2), (3, 3, 3)", "k, v, w"),
            values("(1, 1, 9), (2, 9, 2), (3, 3, 3)", "k, v, w"),
            (0, 0, 2),
            id="one column of several",
        ),
        pytest.param(f"{ONE} where k = 2", f"{ONE} where k = 2", (0, 0, 0), id="no rows on either side"),
        pytest.param(values("(1, {'a': 1})"), values("(1, {'a': 1})"), (0, 0, 0), id="structs"),
        pytest.param(
            values("(1, {'a': 1})"), values("(1, {'a': 1, 'b': 2})"), (0, 0, 1), id="another struct"
        ),
    ],
)
def test_keys_are_counted(pair: Pair, live: str, candidate: str, expected: tuple[int, int, int]) -> None:
    diff = pair.diff(live, candidate)
    assert (diff.added, diff.removed, diff.changed) == expected
    assert diff.keyed
    assert not diff.not_compared


def test_without_a_key_rows_are_counted_as_often_as_they_are(pair: Pair) -> None:
    diff = pair.diff(values("(1, 1), (1, 1), (2, 2)"), values("(1, 1), (2, 2), (2, 2), (null, 3)"), ())
    assert (diff.added, diff.removed, diff.changed, diff.keyed) == (2, 1, None, False)
    none = pair.diff(f"{ONE} where k = 2", f"{ONE} where k = 2", ())
    assert (none.added, none.removed, none.changed, none.keyed) == (0, 0, None, False)


def test_metrics_go_by_days_of_the_projects_zone(pair: Pair) -> None:
    rows = "select 1 as k, timestamptz '2026-01-01 20:00:00+00' as moment"  # the day after in Auckland
    pair.diff(rows, rows)
    second = "sum(case when cast(moment as date) = date '2026-01-02' then 1 else 0 end)"
    measure = Measure(name="second", function="sum")
    dataset = Dataset(
        mart="m",
        time=None,
        dimensions=(),
        labels={},
        metrics=(
            Metric(name="second", label="", description="", mart="m", measures=(measure,), formula=measure),
        ),
        measures=(measure,),
        columns=(SelectedColumn(name="second", sql=second, grouped=False),),
        time_zone="Pacific/Auckland",
    )
    assert compare(pair.warehouse, make_mart(KEY), "live.m", "rel.m", [dataset]).metrics == {"second": (1, 1)}


def test_a_release_without_this_mart_is_as_none(pair: Pair) -> None:
    pair.diff(ONE, ONE)
    for live in (None, "live.gone"):
        diff = compare(pair.warehouse, make_mart(KEY), live, "rel.m", [])
        assert (diff.first, diff.rows_before, diff.rows_after, diff.added) == (True, 0, 1, 1)


def test_a_schemas_name_may_have_a_point(pair: Pair) -> None:
    """As a folder's of Dremio has."""
    with pair.warehouse.session() as session:
        for schema, value in (("live.a", 1), ("rel.a", 2)):
            session.rows(f'create schema "{schema}"')
            session.rows(f'create table "{schema}".m as select 1 as k, {value} as v')
    diff = compare(pair.warehouse, make_mart(KEY), "live.a.m", "rel.a.m", [])
    assert (diff.first, diff.keyed, diff.changed) == (False, True, 1)
    same = compare_same(pair.warehouse, make_mart(KEY), "rel.a.m", diff)
    assert (same.keyed, same.changed) == (True, 0)
    checks = check_mart(pair.warehouse, make_mart(KEY), "rel.a.m", 1)
    assert [check.passed for check in checks] == [True, True, True]


def test_columns_are_said_as_added_gone_and_retyped(pair: Pair) -> None:
    diff = pair.diff(values("(1, 1, 1)", "k, v, old"), values("(1, 'a', 1)", "k, v, new"))
    assert diff.columns == ("+new", "-old", "v (INTEGER → VARCHAR)")


def test_a_column_in_other_capitals_is_the_same_to_readers_and_is_compared(pair: Pair) -> None:
    diff = pair.diff(values("(1, 1), (2, 2)"), values("(1, 1), (2, 9)", "k, V"))
    assert (diff.columns, diff.changed) == ((), 1)


@pytest.mark.parametrize(
    ("names", "key", "expected"),
    [
        ("k, v, bad", KEY, (1, 1, 1)),
        ("k, bad, v", (), (2, 2, None)),
        ("k, bad, v", ("k", "bad"), (None, None, None)),
        ("bad, bad_too, bad_as_well", (), (None, None, None)),
    ],
)
def test_a_column_that_the_warehouse_cannot_compare_is_said_and_the_others_count(
    pair: Pair,
    names: str,
    key: tuple[str, ...],
    expected: tuple[int | None, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = DuckDBSession.rows

    def refuse(self: DuckDBSession, sql: str, *more: Any) -> Any:
        if '"bad' in sql:
            raise Rejected("compare", "no such operator")
        return rows(self, sql, *more)

    monkeypatch.setattr(DuckDBSession, "rows", refuse)
    bad = tuple(name for name in names.split(", ") if name.startswith("bad"))
    live, candidate = values("(1, 1, 1), (2, 2, 2)", names), values("(2, 5, 5), (3, 3, 3)", names)
    diff = pair.diff(live, candidate, key)
    assert (diff.added, diff.removed, diff.changed) == expected
    assert diff.not_compared == bad
    if expected[0]:  # the others are still compared as numbers, not as texts
        decimals = candidate.replace("5", "5.00").replace("3", "3.00")
        assert pair.diff(candidate, decimals, key).changed in (0, None)
        assert pair.diff(candidate, decimals, key).added == 0
    pair.diff(live, candidate, key)
    again = compare_same(pair.warehouse, make_mart(key), "rel.m", diff)
    none = (0, 0, 0 if key else None)
    assert (again.added, again.removed, again.changed) == (none if expected[0] is not None else expected)
    assert again.not_compared == bad


@pytest.mark.parametrize(("key", "bad"), [(KEY, ("bad",)), ((), ())])
def test_what_the_warehouse_groups_but_does_not_compare_counts_without_a_key(
    pair: Pair, key: tuple[str, ...], bad: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = DuckDBSession.rows

    def refuse(self: DuckDBSession, sql: str, *more: Any) -> Any:
        if '"bad" is distinct from' in sql or 'cast(c."bad"' in sql:
            raise Rejected("compare", "no such operator")
        return rows(self, sql, *more)

    monkeypatch.setattr(DuckDBSession, "rows", refuse)
    diff = pair.diff(values("(1, 1)", "k, bad"), values("(1, 2)", "k, bad"), key)
    assert diff.not_compared == bad
    assert compare_same(pair.warehouse, make_mart(key), "rel.m", diff).not_compared == bad


def test_the_same_relation_is_compared_without_a_look_at_its_rows(pair: Pair) -> None:
    known = pair.diff(values("(1, 1)"), values("(1, 2), (2, 2)")).model_copy(
        update={"metrics": {"m": (1.0, 2.0)}, "columns": ("+v",), "first": True}
    )
    for key, changed in ((KEY, 0), (("k", "v"), 0), ((), None), (("gone",), None)):
        same = compare_same(pair.warehouse, make_mart(key), "rel.m", known)
        assert (same.rows_before, same.rows_after, same.added, same.removed, same.changed) == (
            2,
            2,
            0,
            0,
            changed,
        )
        assert (same.metrics, same.columns, same.first) == ({"m": (2.0, 2.0)}, (), False)
        assert (same.keyed, same.not_compared) == (changed == 0, ())


def test_each_mart_is_compared_by_its_own_metrics_with_what_readers_see(pair: Pair) -> None:
    """The first has been seen, the second not."""
    pair.diff(values("(1, 1)"), values("(1, 2)"))
    release = Release(run="before", marts={"m": "live.m"})
    with pair.warehouse.session():
        pair.warehouse.flip(release)
    asked = []

    class Project:
        def metric_names(self) -> tuple[str, ...]:
            return "of_m", "of_n"

        def mart_of(self, metric: str) -> str:
            return metric[-1]

        def mart(self, name: str) -> Mart:
            return make_mart(KEY).model_copy(update={"name": name})

        def datasets(self, metrics: tuple[str, ...], dimensions: tuple[str, ...]) -> tuple[()]:
            asked.append(metrics)
            return ()

    build = BuildReport(run="r", marts={"m": "rel.m", "n": "rel.m"}, models=2, tests=0, seconds=0)
    diffs = compare_with_live.fn(pair.warehouse, Project(), build)  # type: ignore[arg-type]
    assert asked == [("of_m",), ("of_n",)]
    assert [(each.mart, each.first, each.changed) for each in diffs] == [("m", False, 1), ("n", True, None)]


def judge(pair: Pair, budget: object, key: tuple[str, ...], diff: MartDiff) -> tuple[bool, str]:
    class Project:
        def mart(self, name: str) -> Mart:
            return Mart(
                name=name, unique_id="m", schema_name="rel", alias="m", primary_key=key, budget=budget
            )

    (check,) = check_diff_budgets(Project(), [diff])  # type: ignore[arg-type]
    return check.passed, check.observed


@pytest.mark.parametrize(
    ("dashboards", "status"),
    [(None, "failed"), ([], "warned"), ([["asked"]], "failed"), ([["other"]], "warned")],
)
def test_a_metric_that_cannot_be_computed_fails_where_it_is_shown(
    dashboards: list[list[str]] | None, status: str
) -> None:
    diff = MartDiff(mart="m", rows_before=1, rows_after=1, broken_metrics={"asked": "no such column"})
    project = SimpleNamespace(exposures=[SimpleNamespace(metrics=("third",))])
    shown = None if dashboards is None else [SimpleNamespace(metrics=tuple(each)) for each in dashboards]
    (check,) = check_metrics(project, [diff], shown)  # type: ignore[arg-type]
    assert (check.status, check.name) == (status, "metric asked can be computed")
    assert check.observed == "no such column; columns: as before"
    wide = diff.model_copy(update={"columns": ("+new", *("-gone" for _ in range(99)))})
    (check,) = check_metrics(project, [wide], shown)  # type: ignore[arg-type]
    assert check.observed.startswith("no such column; columns: +new, -gone")
    assert len(check.observed) == 500
    third = diff.model_copy(update={"broken_metrics": {"third": "no such column"}})
    assert check_metrics(project, [third], shown)[0].status == "failed"  # type: ignore[arg-type]


def test_a_budget_that_cannot_be_judged_is_a_failed_check(pair: Pair) -> None:
    same = values("(1, 1)")
    assert judge(pair, {"removed": 0.5}, KEY, pair.diff(same, same)) == (True, "0 of 1 (0.0%)")
    assert judge(pair, {"removed": 0}, KEY, pair.diff(values("(1, 1), (2, 2)"), same))[0] is False
    one = pair.diff(values("(1, 1), (2, 2), (3, 3), (4, 4)"), values("(1, 1), (2, 2), (3, 3), (4, 5)"))
    for budget in (0.3, 0.25):
        assert judge(pair, {"changed": budget}, KEY, one) == (True, "1 of 4 (25.0%)")
    assert judge(pair, {"changed": 0.2}, KEY, one) == (False, "1 of 4 (25.0%)")
    nothing = pair.diff(f"{same} where k = 2", same)
    assert judge(pair, {"removed": 0}, KEY, nothing) == (True, "nothing to compare with")
    first = MartDiff(mart="m", rows_before=0, rows_after=1, first=True)
    assert judge(pair, {"changed": 0}, KEY, first) == (True, "nothing to compare with")
    key_unknown = one.model_copy(update={"removed": None, "changed": None, "not_compared": ("k",)})
    column_unknown = one.model_copy(update={"not_compared": ("v",)})
    for kind, diff, column in (
        ("removed", key_unknown, "k"),
        ("changed", key_unknown, "k"),
        ("changed", column_unknown, "v"),
    ):
        assert judge(pair, {kind: 0.5}, KEY, diff) == (False, f"the warehouse can't compare {column}")
    assert judge(pair, {"removed": 0.5}, KEY, column_unknown) == (True, "0 of 4 (0.0%)")
    for budget, key, message in (
        ({"removed": 0.5}, (), "no primary_key"),
        ({"removed": "half"}, KEY, "no share"),
        ({"lost": 0.5}, KEY, "not lost"),
        ({"changed": 0.5}, ("other",), "other"),
    ):
        passed, observed = judge(pair, budget, key, pair.diff(same, same, key))
        assert not passed
        assert message in observed


@pytest.mark.parametrize(
    ("rows", "failed", "evidence"),
    [
        ("(1, 1), (2, 2)", set(), ()),
        ("(1, 1), (1, 1), (2, 2)", {"key (k) is unique"}, ("1, 2",)),
        ("(1, 1), (null, 2)", {"key (k) is not null"}, ("None",)),
    ],
)
def test_a_declared_key_is_unique_and_not_null(
    pair: Pair, rows: str, failed: set[str], evidence: tuple[str, ...]
) -> None:
    pair.diff(values(rows), values(rows))
    mart = Mart(name="m", unique_id="m", schema_name="rel", alias="m", primary_key=KEY)
    no = [check for check in check_mart(pair.warehouse, mart, "rel.m", 2) if not check.passed]
    assert {check.name for check in no} == failed
    assert tuple(value for check in no for value in check.evidence) == evidence


def test_a_key_that_the_mart_does_not_have_is_a_failed_check(pair: Pair) -> None:
    pair.diff(ONE, ONE)
    checks = check_mart(pair.warehouse, make_mart(("k", "gone")), "rel.m", 1)
    assert [(each.name, each.passed, each.observed) for each in checks[1:]] == [
        ("key (k, gone) is unique", False, "it has no column gone")
    ]


def test_each_part_of_a_key_is_looked_at_and_five_of_its_faults_are_shown(pair: Pair) -> None:
    rows = values("(1, null), (null, 1)" + ", (7, 7)" * 2)
    pair.diff(rows, rows)
    checks = check_mart(pair.warehouse, make_mart(("k", "v")), "rel.m", 4)
    assert [(each.name, each.passed, each.observed) for each in checks[1:]] == [
        ("key (k, v) is unique", False, "1 keys more than once"),
        ("key (k, v) is not null", False, "2 rows with NULL in it"),
    ]
    long = f"select '{'x' * 300}' as k, 1 as v from range(2)"
    pair.diff(long, long)
    assert check_mart(pair.warehouse, make_mart(KEY), "rel.m", 2)[1].evidence == ("x" * 200,)
    many = values(", ".join(f"({n}, 1), ({n}, 2)" for n in range(6)))
    pair.diff(many, many)
    assert len(check_mart(pair.warehouse, make_mart(KEY), "rel.m", 12)[1].evidence) == 5


def test_what_a_marts_meta_has_that_cannot_be_read_fails(pair: Pair) -> None:
    mart = make_mart(()).model_copy(update={"fault": "primary_key is 7"})
    (_, check) = check_mart(pair.warehouse, mart, "rel.m", 1)
    assert (check.passed, check.observed) == (False, "primary_key is 7")


@pytest.mark.parametrize(("allowed", "status"), [(False, "failed"), (True, "warned")])
def test_a_mart_without_rows_fails_unless_it_may_be_empty(pair: Pair, allowed: bool, status: str) -> None:
    mart = Mart(name="m", unique_id="m", schema_name="rel", alias="m", may_be_empty=allowed)
    (check,) = check_mart(pair.warehouse, mart, "rel.m", 0)
    assert check.status == status


@pytest.mark.parametrize("allowed", [False, True])
def test_a_mart_with_rows_only_says_how_many(pair: Pair, allowed: bool) -> None:
    pair.diff(ONE, ONE)
    mart = make_mart(KEY).model_copy(update={"may_be_empty": allowed})
    (rows, *_) = check_mart(pair.warehouse, mart, "rel.m", 1_234)
    assert (rows.passed, rows.warned, rows.observed) == (True, False, "1,234 rows")


def test_what_the_warehouse_compares_but_does_not_group_is_said_without_a_key(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = DuckDBSession.rows

    def refuse(self: DuckDBSession, sql: str, *more: Any) -> Any:
        if '"bad"' in sql and "union all" in sql:
            raise Rejected("group", "no such operator")
        return rows(self, sql, *more)

    monkeypatch.setattr(DuckDBSession, "rows", refuse)
    diff = pair.diff(values("(1, 1)", "k, bad"), values("(2, 1)", "k, bad"), ())
    assert (diff.not_compared, diff.added, diff.removed) == (("bad",), 1, 1)
