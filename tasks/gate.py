"""The gate: what the evidence says of a release. A crash here is a crash, never `passed=False`.

Evidence: dbt's tests, every mart's suite, quarantined rows against their budget, the diff against its budget.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeGuard

from prefect import task

from blocks.catalogue import Catalogue, Dataset, Mart
from blocks.errors import Misconfigured, NotFound
from blocks.hashing import hash_value
from blocks.manifest import WHOLE_RELEASE
from blocks.quality.expectations import SuiteContent
from blocks.quality.mart_checks import META_READ, check_foreign_key, check_join, check_mart
from blocks.quality.mart_diff import compare, compare_same
from blocks.quality.suites import Suites
from blocks.records import DBT_TEST, BuildReport, Check, Dashboard, GateReport, MartDiff
from blocks.warehouse import control
from blocks.warehouse.base import Warehouse
from tasks.building import WAS_BUILT
from tasks.carried_checks import Carried
from tasks.policy import RETRY
from tasks.promotion import find_removed_marts

QUARANTINE = "quarantine"
HAS_SUITE, HAS_CHECKS, BUDGET_READ = "has a suite", "has evaluated checks", "quarantine_budget can be judged"
HAS_MARTS, METRIC_CHECK = "has marts", "metric {} can be computed"
ONLY_WHEN_FAILED = (HAS_SUITE, HAS_CHECKS, BUDGET_READ, WAS_BUILT, META_READ)
"""Names of checks that a report holds only where they failed, of any scope."""


@task(task_run_name="audit the suites", **RETRY)
def audit_suites(
    suites: Suites,
    warehouse: Warehouse,
    build: BuildReport,
    tested: Mapping[str, Sequence[str]] = MappingProxyType({}),
    carried: Carried | None = None,
) -> list[Check]:
    """Every built mart's suite; a mart without a usable suite is a failed check.

    carried: what earlier gates found; a suite that is the same, of the same relation, is not evaluated again.

    tested: mart → its dbt tests that say what a suite would (Catalogue.find_suite_tests). Where one of them was
    evaluated in this build, a mart needs no suite; one that it has counts all the same.
    """
    failed, checks, found, made_of = list[Check](), list[Check](), dict[str, SuiteContent](), dict[str, str]()
    for mart in build.marts:
        try:
            made_of[mart] = _hash_suite(suites, warehouse, build, mart)
            if known := carried.find(made_of[mart]) if carried else []:  # nor read: that takes seconds
                checks += known
            else:
                found[mart] = suites.read(mart)
        except NotFound as error:
            failed.append(_accept_tests(mart, build, tested.get(mart, ()), str(error)))
        except Misconfigured as error:
            failed.append(Check(scope=mart, name=HAS_SUITE, passed=False, kind="suite", observed=str(error)))
    if not found:
        return failed + checks
    new = suites.evaluate(warehouse, {mart: build.marts[mart] for mart in found}, found)
    checks += [check.model_copy(update={"made_of": made_of.get(check.scope, "")}) for check in new]
    silent = set(found) - {check.scope for check in checks}
    failed += [
        Check(scope=mart, name=HAS_CHECKS, passed=False, kind="suite", observed="0 evaluated")
        for mart in sorted(silent)
    ]
    return failed + checks


def _hash_suite(suites: Suites, warehouse: Warehouse, build: BuildReport, mart: str) -> str:
    """What the answer of a mart's suite depends on; empty where that can't be told, or nothing is kept."""
    suite = suites.hash_repeatable_suite(mart, warehouse.dialect) if build.states else ""
    return hash_value("suite", suite, build.marts[mart]) if suite else ""


def _accept_tests(mart: str, build: BuildReport, tests: Sequence[str], missing: str) -> Check:
    """A mart's dbt tests in the place of a suite that it does not have."""
    ran = [
        check.name
        for check in build.checks
        if check.kind == DBT_TEST and check.scope == mart and check.name in tests and not check.not_run
    ]
    message = f"no suite of its own; dbt's tests are it: {', '.join(ran)}"[:500] if ran else missing
    return Check(scope=mart, name=HAS_SUITE, passed=bool(ran), kind="suite", observed=message)


@task(task_run_name="compare with live", **RETRY)
def compare_with_live(
    warehouse: Warehouse, catalogue: Catalogue, build: BuildReport, carried: Carried | None = None
) -> list[MartDiff]:
    """Each built mart against what readers see of it now. carried: what earlier gates found of the same relations."""
    live = served.marts if (served := warehouse.read_served()) else {}
    names, diffs = catalogue.metric_names(), []
    after = {**live, **build.marts}
    for name, relation in build.marts.items():
        mart = catalogue.mart(name)
        datasets = catalogue.datasets(tuple(each for each in names if catalogue.mart_of(each) == name), ())
        made_of = _hash_datasets(datasets, relation, after) if build.states else ""
        read = [name, *(each for dataset in datasets for each in dataset.marts)]
        is_same = all(live.get(each) == after.get(each) for each in read)
        known = carried.diffs.get(made_of) if carried and is_same and made_of else None
        if known:
            diff = compare_same(warehouse, mart, relation, known)
        else:
            diff = compare(warehouse, mart, live.get(name), relation, datasets, (live, after))
        diffs.append(diff.model_copy(update={"made_of": made_of}))
    return diffs


def _hash_datasets(datasets: Sequence[Dataset], relation: str, marts: Mapping[str, str]) -> str:
    """What the totals of a mart's metrics depend on: how they are computed, and the relations that they read."""
    joined = {name: marts.get(name) for dataset in datasets for name in dataset.marts[1:]}
    return hash_value("totals", [each.model_dump(mode="json") for each in datasets], relation, joined)


@task(task_run_name="check rows and keys", **RETRY)
def check_marts(
    warehouse: Warehouse,
    catalogue: Catalogue,
    build: BuildReport,
    dashboards: Sequence[Dashboard] = (),
    carried: Carried | None = None,
) -> list[Check]:
    """Every built mart has rows, and its declared key is one; so is the key by which a mart is joined.

    Foreign keys of contracts are held here, too, of every model.

    dashboards: whose dimensions are joined, beside those of the project's exposures. carried: what earlier gates found;
    what was asked of the same relation is not asked again.
    """
    checks: list[Check] = []
    for name, relation in build.marts.items():
        mart, rows = catalogue.mart(name), build.rows.get(name, 0)
        declared = mart.model_dump(mode="json", include={"name", "primary_key", "may_be_empty", "fault"})
        made_of = hash_value("mart", declared, relation, rows) if build.states else ""
        checks += _carry(carried, made_of, lambda: check_mart(warehouse, mart, relation, rows))  # noqa: B023
    for mart in catalogue.models.values():
        for key in mart.foreign_keys:
            if mart.unique_id in build.relations and key.parent in build.relations:
                relation, parent = build.relations[mart.unique_id], build.relations[key.parent]
                made_of = (
                    hash_value("foreign key", key.model_dump(), relation, parent) if build.states else ""
                )
                checks += _carry(
                    carried,
                    made_of,
                    lambda: [check_foreign_key(warehouse, mart, relation, key, parent)],  # noqa: B023
                )
    known = set(catalogue.metric_names())
    asked: list[tuple[Iterable[str], tuple[str, ...]]] = [(known, ())]
    asked += [(each.metrics, each.dimensions) for each in catalogue.exposures]
    asked += [(each.metrics, each.dimensions) for each in dashboards]
    joins = [
        join
        for metrics, dimensions in asked
        for join in catalogue.joins_of((name for name in metrics if name in known), dimensions)
    ]
    steps = [step for join in joins for step in join.steps if not step.grouped]
    by_key = {(step.mart, step.key): step for step in steps if step.mart in build.marts}
    for join in by_key.values():
        mart, relation = catalogue.mart(join.mart), build.marts[join.mart]
        made_of = hash_value("join", join.key, join.entity, relation) if build.states else ""
        checks += _carry(carried, made_of, lambda: [check_join(warehouse, mart, relation, join)])  # noqa: B023
    return checks


def _carry(carried: Carried | None, made_of: str, evaluate: Callable[[], list[Check]]) -> list[Check]:
    """The checks that an earlier gate found of the same; else evaluated, for a later one to find."""
    found = carried.find(made_of) if carried else []
    return found or [check.model_copy(update={"made_of": made_of}) for check in evaluate()]


def check_metrics(
    catalogue: Catalogue, diffs: Sequence[MartDiff], dashboards: Sequence[Dashboard] | None
) -> list[Check]:
    """A check for every metric that can't be computed on its new mart: a column retyped, or gone.

    One that an exposure or one of these dashboards shows fails, another one warns; None: whatever is shown is
    not known, and all of them fail.
    """
    shown = {name for each in catalogue.exposures for name in each.metrics}
    shown |= {name for each in dashboards or () for name in each.metrics}
    return [
        Check(
            scope=diff.mart,
            name=METRIC_CHECK.format(metric),
            passed=dashboards is not None and metric not in shown,
            warned=True,
            kind="diff",
            observed=f"{reason}; columns: {', '.join(diff.columns) or 'as before'}"[:500],
        )
        for diff in diffs
        for metric, reason in diff.broken_metrics.items()
    ]


def check_diff_budgets(catalogue: Catalogue, diffs: Sequence[MartDiff]) -> list[Check]:
    """The diff against the mart's `diff_budget`: the share of live keys that may be removed or changed.

    A budget that can't be judged is a failed check.
    """
    return [
        _check_budget(catalogue.mart(diff.mart), diff, kind, budget)
        for diff in diffs
        for kind, budget in catalogue.mart(diff.mart).budget.items()
    ]


def _check_budget(mart: Mart, diff: MartDiff, kind: str, budget: object) -> Check:
    name = f"keys {kind} ≤ {f'{budget:.1%}' if _is_share(budget) else budget}"
    if reason := _explain_unjudged(mart, diff, kind, budget):
        return Check.from_unanswered(mart.name, name, "diff", reason)
    count = getattr(diff, kind)
    if diff.first or not diff.rows_before:
        return Check(scope=mart.name, name=name, passed=True, kind="diff", observed="nothing to compare with")
    share = count / diff.rows_before
    return Check(
        scope=mart.name,
        name=name,
        passed=share <= float(str(budget)),
        kind="diff",
        observed=f"{count} of {diff.rows_before} ({share:.1%})",
    )


def _explain_unjudged(mart: Mart, diff: MartDiff, kind: str, budget: object) -> str:
    """Why a budget can't be judged; empty if it can."""
    if kind not in {"removed", "changed"}:
        return f"diff_budget knows removed and changed, not {kind}"
    if not _is_share(budget):
        return f"{budget!r} is no share from 0 to 1"
    if not mart.primary_key:
        return "the mart declares no primary_key in its meta"
    if not diff.keyed and not diff.first:
        return f"the key ({', '.join(mart.primary_key)}) is not in both what readers see and the new mart"
    if not diff.first and (getattr(diff, kind) is None or (kind == "changed" and diff.not_compared)):
        return f"the warehouse can't compare {', '.join(diff.not_compared)}"
    return ""


def _is_share(budget: object) -> TypeGuard[float]:
    return isinstance(budget, int | float) and not isinstance(budget, bool) and 0 <= budget <= 1


@task(task_run_name="check the quarantine budget", **RETRY)
def check_quarantine_budget(
    warehouse: Warehouse, catalogue: Catalogue, sources: Sequence[str], run: str
) -> list[Check]:
    """Share of bad rows in what came since a table last passed a gate, per source table, against its budget.

    Without a budget, a table fails whose rows are all bad. Counted from the ledger, so a later run that loads
    nothing does not wave through what failed before. run: the present one; what it loaded is always judged.
    """
    entries = control.read_ledger(warehouse)
    judged = {load for load in control.read_judged_loads(warehouse) if load[2] != run}
    checks = []
    for table in (table for source in sources for table in catalogue.source_tables(source)):
        budget = table.meta.get("quarantine_budget")
        own = [
            e
            for e in entries
            if (e.source, e.table) == (table.source, table.name) and (e.source, e.table, e.run) not in judged
        ]
        bad, good = sum(e.quarantined for e in own), sum(e.rows for e in own)
        if budget is not None and not _is_share(budget):
            checks.append(
                Check.from_unanswered(
                    table.full_name,
                    BUDGET_READ,
                    QUARANTINE,
                    f"{budget!r} is no share from 0 to 1",
                )
            )
            continue
        if not bad + good or (budget is None and not bad):
            continue
        worst = sorted((e for e in own if e.quarantined), key=lambda e: -e.quarantined)[:3]
        share = bad / (bad + good)
        checks.append(
            Check(
                scope=table.full_name,
                name="not every row is bad" if budget is None else f"bad rows ≤ {budget:.1%}",
                kind=QUARANTINE,
                passed=good > 0 if budget is None else share <= budget,
                observed=f"{bad} of {bad + good} ({share:.2%})",
                evidence=tuple(f"{entry.item}: {entry.quarantined} bad rows" for entry in worst),
            )
        )
    return checks


@task(task_run_name="accept what was loaded", **RETRY)
def accept_loads(warehouse: Warehouse, sources: Sequence[str]) -> None:
    """Write that a gate which passed has judged what these sources brought, so that later ones judge the rest."""
    loads = {(e.source, e.table, e.run) for e in control.read_ledger(warehouse) if e.source in sources}
    control.mark_judged(warehouse, loads)


def check_removed_marts(warehouse: Warehouse, catalogue: Catalogue) -> list[Check]:
    """A warning for each mart that readers see and the project does not have any more, or has switched off."""
    return [
        Check(
            scope=mart,
            name="the mart is in the project",
            kind="project",
            passed=True,
            warned=True,
            observed=f"it is {'switched off (enabled: false)' if mart in catalogue.disabled else 'gone'}; "
            f"readers see its last release until `python flows/main.py retire --marts {mart}`",
        )
        for mart in find_removed_marts(warehouse, catalogue.models)
    ]


def judge(
    build: BuildReport,
    suite_checks: Sequence[Check],
    other: Sequence[Check],
    diffs: Sequence[MartDiff],
) -> GateReport:
    """All the evidence as one verdict; a release without marts or without checks does not pass."""
    checks = (*build.checks, *suite_checks, *other)
    if not build.marts:
        causes = tuple(check.full_name for check in checks if not check.passed and not check.because_of)
        empty = Check(scope=WHOLE_RELEASE, name=HAS_MARTS, passed=False, kind="dbt build", observed="none")
        checks += (empty.model_copy(update={"because_of": causes}),)
    passed = bool(suite_checks) and all(check.passed for check in checks)
    return GateReport(run=build.run, passed=passed, checks=checks, diffs=tuple(diffs), marts=build.marts)


@task(task_run_name="show the checks", **RETRY)
def show_checks(suites: Suites, gate: GateReport) -> GateReport:
    """The report with the page that shows its checks."""
    page = suites.show(gate)
    return gate.model_copy(update={"data_docs": page, "docs_url": suites.find_address(page)})
