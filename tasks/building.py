"""Building a release with dbt and reading its results as checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import TYPE_CHECKING

from prefect import task

from blocks.catalogue import Catalogue, Mart
from blocks.dbt.run import DbtRun
from blocks.errors import BuildFailed, Misconfigured, PlatformError
from blocks.quality.wording import describe_dbt_test
from blocks.records import BuildReport, Check, Release
from blocks.release_names import is_in_release, release_schema
from blocks.warehouse.base import Warehouse
from blocks.warehouse.reads import count_rows, read_first_rows
from blocks.warehouse.release_history import check_unpublished, read_last_relations
from tasks.policy import BUILD_DEADLINE_SECONDS, RETRY
from tasks.wider_tests import find_wider_tests

if TYPE_CHECKING:
    from blocks.dbt.worker import NodeResult

FAILED = {"error", "fail", "runtime error", "partial success"}
TESTS = {"test", "unit_test"}
CHANGING = {"view", "ephemeral", "external"}  # what readers would see of one changes after its audit
WAS_BUILT = "the mart was built"
EVIDENCE_ROWS, MOST_CAUSES = 5, 3
FindBlockers = Callable[[str, Sequence[str]], list[str]]


def build_release(
    dbt: DbtRun, warehouse: Warehouse, run: str, schema: str, select: Sequence[str]
) -> BuildReport:
    """Build the marts with their parents; failed tests are checks, a failed model raises BuildFailed.

    Not a task: dbt's nodes are the tasks, right under the flow, and a build is not retried by itself. Raises
    Misconfigured for a project that builds outside the release, Rejected for a schema that was published.
    """
    start = monotonic()
    check_inside(dbt.catalogue, schema, select)
    warehouse.open_release(schema)
    wider = find_wider_tests(dbt, warehouse, schema, select)
    tables = [dbt.catalogue.mart(name).unique_id for name in select if _is_changing(dbt.catalogue, name)]
    nodes = dbt.build(
        select,
        BUILD_DEADLINE_SECONDS,
        tables=[*tables, *wider.tables],
        relations=wider.relations,
        tests=wider.selectors,
    )
    raise_broken(nodes)
    built = {node["unique_id"] for node in nodes if node["kind"] == "model" and node["status"] == "success"}
    wanted = {mart.name: mart.unique_id for mart in (dbt.catalogue.mart(name) for name in select)}
    marts = {
        name: _locate_relation(warehouse, dbt.catalogue, name) for name in wanted if wanted[name] in built
    }
    tests = [node for node in nodes if node["kind"] in TESTS]
    checks = [*read_checks(nodes, warehouse, dbt.find_blockers), *wider.not_run]
    checks += _report_unmeasured(dbt.list_fresh_sources(select), nodes)
    checks += [
        _report_not_built(name, _name_causes(dbt.find_blockers, wanted[name], nodes))
        for name in wanted
        if wanted[name] not in built
    ]
    return BuildReport(
        run=run,
        marts=marts,
        models=len(built),
        tests=len(tests),
        seconds=monotonic() - start,
        rows=count_mart_rows(warehouse, marts),
        relations=_locate_built(dbt.catalogue, warehouse, select, nodes),
        checks=tuple(_apply_policy(check, dbt.not_run_passes) for check in checks),
    )


def check_inside(catalogue: Catalogue, schema: str, select: Sequence[str]) -> None:
    """Raise Misconfigured if the project builds a model of these outside the release's schema or database."""
    if outside := catalogue.list_outside(select, schema):
        places = ", ".join(f"{each.name} into {each.schema_name}" for each in outside[:3])
        raise Misconfigured(
            "build a release",
            f"the project builds {places}, where readers may see it before it is checked",
            "Let its generate_schema_name begin with target.schema, as dbt's own does, and no config name a database.",
        )


def raise_broken(nodes: Sequence[NodeResult]) -> None:
    """Raise BuildFailed if anything but a test or a source's freshness failed: models, seeds, hooks."""
    broken = [node for node in nodes if node["kind"] not in {*TESTS, "source"} and node["status"] in FAILED]
    if not broken:
        return
    answer = "; ".join(f"{node['name']}: {_clip_lines(node['message'])}" for node in broken[:3])
    kinds = {"hook" if node["kind"] == "operation" else node["kind"] for node in broken}
    raise BuildFailed(
        f"build {len(nodes)} dbt nodes", answer, f"Correct the {_join(kinds)}; readers keep what they have."
    )


def read_checks(
    nodes: Sequence[NodeResult], warehouse: Warehouse, find_blockers: FindBlockers
) -> list[Check]:
    """dbt's tests and measured sources as checks, skipped ones too. find_blockers: see `DbtRun`."""
    checks = []
    for node in nodes:
        if node["kind"] in TESTS:
            check = _check(node, warehouse)
            causes = _name_causes(find_blockers, node["unique_id"], nodes) if check.not_run else ()
            checks.append(_explain_skipped(check, causes))
    return checks + [_check_freshness(node) for node in nodes if node["kind"] == "source"]


def _name_causes(find_blockers: FindBlockers, skipped: str, nodes: Sequence[NodeResult]) -> tuple[str, ...]:
    """`scope: name` of the failed tests for which dbt left a node out."""
    failed = {
        node["unique_id"]: f"{node['scope']}: {node['name']}"
        for node in nodes
        if node["kind"] in TESTS and node["status"] in FAILED
    }
    return tuple(failed[each] for each in find_blockers(skipped, list(failed))) if failed else ()


def _explain_skipped(check: Check, causes: tuple[str, ...]) -> Check:
    if not causes:
        return check
    return check.model_copy(
        update={"because_of": causes, "observed": f"skipped because of {_list_first(causes)}"}
    )


def _list_first(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_CAUSES} more" if len(names) > MOST_CAUSES else ""
    return ", ".join(names[:MOST_CAUSES]) + more


@task(task_run_name="make room", **RETRY)
def clear_release(warehouse: Warehouse, schema: str) -> list[str]:
    """Drop what an earlier attempt left under an attempt's own name, so that no model goes on from its rows.

    Returns the schemas. Raises Rejected for one that serving or a kept release shows.
    """
    left = [name for name in warehouse.list_releases() if is_in_release(name, schema)]
    if left:
        check_unpublished(warehouse, schema)
        warehouse.drop_releases(left)
    return left


@task(task_run_name="carry over", **RETRY)
def carry_over(
    warehouse: Warehouse,
    catalogue: Catalogue,
    schema: str,
    select: Sequence[str],
    full_refresh: bool = False,
) -> list[str]:
    """Copy what incremental models and snapshots held when they last passed into a release, for dbt to build on.

    full_refresh: only what dbt keeps then, too: snapshots, and models with `full_refresh: false`. Returns the models.
    One that no release holds, which readers saw and may be led back to, is built whole.
    """
    models = [each for each in catalogue.list_stateful(select, schema) if each.keeps_rows or not full_refresh]
    served = warehouse.read_served() if models else None
    if served is None:
        return []
    before = read_last_relations(warehouse, served)
    carried = []
    for model in models:
        # nothing is written of a release from before `control.relations` was kept
        source = before.get(model.unique_id) if before else _locate_served(warehouse, served, model)
        if source is None or not _has_relation(warehouse, source):
            continue
        warehouse.clone_table(
            source, warehouse.locate_model(model.schema_name, model.alias, model.materialized)
        )
        carried.append(model.name)
    return carried


def _locate_served(warehouse: Warehouse, served: Release, model: Mart) -> str:
    """Where the served release has a model by its name alone."""
    schema = release_schema(served.run)
    return served.marts.get(model.name) or warehouse.locate_model(schema, model.alias, model.materialized)


def _has_relation(warehouse: Warehouse, relation: str) -> bool:
    with warehouse.session() as session:
        return bool(warehouse.columns(session, *relation.rsplit(".", 1)))


def _locate_built(
    catalogue: Catalogue, warehouse: Warehouse, select: Sequence[str], nodes: Sequence[NodeResult]
) -> dict[str, str]:
    """Unique id → relation of all that was built and holds rows of its own."""
    built = {node["unique_id"] for node in nodes if node["status"] == "success"}
    marts = {catalogue.mart(name).unique_id: _locate_relation(warehouse, catalogue, name) for name in select}
    others = {
        each.unique_id: warehouse.locate_model(each.schema_name, each.alias, each.materialized)
        for each in catalogue.relations_of(select)
        if each.materialized != "view"
    }
    return {unique_id: place for unique_id, place in {**others, **marts}.items() if unique_id in built}


def count_mart_rows(warehouse: Warehouse, marts: dict[str, str]) -> dict[str, int]:
    """Rows of each mart's relation."""
    with warehouse.session() as session:
        return {mart: count_rows(warehouse, session, relation) for mart, relation in marts.items()}


def _is_changing(catalogue: Catalogue, name: str) -> bool:
    return catalogue.mart(name).materialized in CHANGING


def _locate_relation(warehouse: Warehouse, catalogue: Catalogue, name: str) -> str:
    mart = catalogue.mart(name)
    kind = "table" if _is_changing(catalogue, name) else mart.materialized
    return warehouse.locate_model(mart.schema_name, mart.alias, kind)


def _check(node: NodeResult, warehouse: Warehouse) -> Check:
    """A dbt test as a check; one that failed or warned brings the rows it found."""
    status = node["status"]
    observed = f"{node['failures']} rows" if node["failures"] else _clip_lines(node["message"], 1)
    return Check(
        scope=node["scope"],
        name=node["name"],
        statement=describe_dbt_test(node["name"], node["description"], node["generic"], node["arguments"]),
        passed=status in {"pass", "warn"},
        warned=status == "warn",
        not_run=status not in {"pass", "warn", *FAILED},
        kind="dbt test",
        observed=observed or status,
        evidence=() if status == "pass" else _read_evidence(node["sql"], warehouse),
    )


def _check_freshness(node: NodeResult) -> Check:
    """A source's measured age against its `warn_after` and `error_after`."""
    age = node["age_seconds"]
    return Check(
        scope=node["scope"],
        name="is fresh",
        passed=node["status"] in {"pass", "warn"},
        warned=node["status"] == "warn",
        kind="freshness",
        observed=_clip_lines(node["message"], 1) if age is None else f"{age / 3600:,.1f} hours old",
    )


def _report_unmeasured(declared: Sequence[str], nodes: Sequence[NodeResult]) -> list[Check]:
    """Sources that declare their freshness and that dbt gave no result for."""
    measured = {node["scope"] for node in nodes if node["kind"] == "source"}
    return [
        Check.from_unanswered(
            name, "is fresh", "freshness", "dbt could not measure it: does it declare loaded_at_field?"
        )
        for name in declared
        if name not in measured
    ]


def _apply_policy(check: Check, not_run_passes: bool) -> Check:
    """What could not be run fails, or warns where the project says so."""
    if check.not_run and not_run_passes:
        return check.model_copy(update={"passed": True, "warned": True})
    return check


def _read_evidence(sql: str, warehouse: Warehouse) -> tuple[str, ...]:
    """A few rows a failed test found; none where its query can't be asked again (unit tests)."""
    if not sql:
        return ()
    try:
        with warehouse.session() as session:
            rows = read_first_rows(session, sql, EVIDENCE_ROWS)
    except PlatformError:
        return ()
    return tuple(", ".join(str(value) for value in row)[:200] for row in rows)


def _report_not_built(name: str, causes: tuple[str, ...]) -> Check:
    check = Check(scope=name, name=WAS_BUILT, passed=False, kind="dbt build", observed="not built")
    return _explain_skipped(check, causes)


def _join(words: set[str]) -> str:
    return " and the ".join(sorted(words))


def _clip_lines(message: str, lines: int = 3) -> str:
    return " ".join(message.strip().splitlines()[:lines])[:500]
