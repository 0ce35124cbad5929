"""The gate: what the evidence says of a release. A crash here is a crash, never `passed=False`.

Evidence: dbt's tests, every mart's suite, quarantined rows against their budget, the diff against its budget.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prefect import task

from blocks.catalogue import Catalogue
from blocks.errors import Misconfigured, NotFound
from blocks.quality.mart_diff import compare
from blocks.quality.suites import Suites
from blocks.records import BuildReport, Check, GateReport, MartDiff, State
from blocks.warehouse import control
from blocks.warehouse.base import Warehouse
from tasks.policy import RETRY

QUARANTINE = "quarantine"


@task(task_run_name="audit the suites", **RETRY)
def audit_suites(suites: Suites, warehouse: Warehouse, build: BuildReport) -> tuple[list[Check], Path | None]:
    """Every built mart's suite; a mart without a usable suite is a failed check."""
    failed, usable = [], {}
    for mart, relation in build.marts.items():
        try:
            suites.read(mart)
            usable[mart] = relation
        except (NotFound, Misconfigured) as error:
            failed.append(
                Check(scope=mart, name="has a suite", passed=False, kind="suite", observed=str(error))
            )
    if not usable:
        return failed, None
    checks, docs = suites.audit(warehouse, usable, build.run)
    silent = set(usable) - {check.scope for check in checks}
    failed += [
        Check(scope=mart, name="has evaluated checks", passed=False, kind="suite", observed="0 evaluated")
        for mart in sorted(silent)
    ]
    return failed + checks, docs


@task(task_run_name="compare with live", **RETRY)
def compare_with_live(warehouse: Warehouse, catalogue: Catalogue, build: BuildReport) -> list[MartDiff]:
    """Each built mart against what readers see of it now."""
    live = served.marts if (served := warehouse.served()) else {}
    names = catalogue.metric_names()
    return [
        compare(
            warehouse,
            catalogue.mart(mart),
            live.get(mart),
            relation,
            catalogue.datasets(tuple(name for name in names if catalogue.mart_of(name) == mart), ()),
        )
        for mart, relation in build.marts.items()
    ]


def check_diff_budgets(catalogue: Catalogue, diffs: Sequence[MartDiff]) -> list[Check]:
    """The diff against the mart's `diff_budget`: the share of live keys that may be removed or changed."""
    checks = []
    for diff in diffs:
        for kind, budget in catalogue.mart(diff.mart).budget.items():
            if kind not in {"removed", "changed"}:
                raise Misconfigured(
                    f"read diff_budget of {diff.mart}", f"it names {kind}", "Use removed or changed."
                )
            count = getattr(diff, kind)
            if count is None or not diff.rows_before:
                continue
            share = count / diff.rows_before
            checks.append(
                Check(
                    scope=diff.mart,
                    name=f"keys {kind} ≤ {budget:.1%}",
                    passed=share <= budget,
                    kind="diff",
                    observed=f"{count} of {diff.rows_before} ({share:.1%})",
                )
            )
    return checks


@task(task_run_name="check the quarantine budget", **RETRY)
def check_quarantine_budget(
    warehouse: Warehouse, catalogue: Catalogue, sources: Sequence[str]
) -> list[Check]:
    """Share of bad rows in what came since a table last passed a gate, per source table, against its budget.

    Without a budget, a table fails whose rows are all bad. Counted from the ledger, so a later run that loads
    nothing does not wave through what failed before.
    """
    entries, journal = control.loaded(warehouse), control.journal(warehouse)
    checks = []
    for table in (table for source in sources for table in catalogue.source_tables(source)):
        budget = table.meta.get("quarantine_budget")
        accepted = _accepted_runs(journal, table.full_name)
        own = [
            e for e in entries if (e.source, e.table) == (table.source, table.name) and e.run not in accepted
        ]
        bad, good = sum(e.quarantined for e in own), sum(e.rows for e in own)
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


def judge(
    build: BuildReport,
    suite_checks: Sequence[Check],
    other: Sequence[Check],
    diffs: Sequence[MartDiff],
    docs: Path | None,
) -> GateReport:
    """All the evidence as one verdict; a release without marts or without checks does not pass."""
    checks = (*build.checks, *suite_checks, *other)
    if not build.marts:
        checks += (Check(scope="release", name="has marts", passed=False, kind="dbt build", observed="none"),)
    passed = bool(suite_checks) and all(check.passed for check in checks)
    return GateReport(run=build.run, passed=passed, checks=checks, diffs=tuple(diffs), data_docs=docs)


def _accepted_runs(journal: Sequence[control.JournalEntry], table: str) -> set[str]:
    """Runs begun before the last gate that passed with this source table among its checks.

    What they loaded was judged then. A rollback judges nothing, nor does a gate of marts without the table.
    """
    for entry in reversed(journal):
        if entry.state is State.validated and entry.detail:
            checks = GateReport.model_validate_json(entry.detail).checks
            if any(check.kind == QUARANTINE and check.scope == table for check in checks):
                return {each.run for each in journal if each.seq <= entry.seq}
    return set()
