"""Building a release with dbt and reading its results as checks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from prefect import task

from blocks.catalogue import Catalogue, Mart
from blocks.dbt.hooks import RUN_HOOK, writes_elsewhere, writes_rows
from blocks.dbt.macros import Macros
from blocks.dbt.run import DbtRun
from blocks.errors import BuildFailed, Misconfigured, PlatformError
from blocks.manifest import Manifest, Node
from blocks.quality.filtered_tests import count_filtered
from blocks.quality.wording import describe_dbt_test
from blocks.records import DBT_TEST, BuildReport, Check, RelationState, Release
from blocks.release_names import is_in_release, release_schema
from blocks.warehouse.base import Warehouse
from blocks.warehouse.reads import count_rows, read_first_rows, read_test_status
from blocks.warehouse.release_history import check_unpublished, read_last_relations
from tasks.policy import BUILD_DEADLINE_SECONDS, RETRY
from tasks.reuse import CHANGING, Limits, Reuse, choose_reuse, stamp_checks
from tasks.wider_tests import find_wider_tests

if TYPE_CHECKING:
    from blocks.dbt.worker import NodeResult

FAILED = {"error", "fail", "runtime error", "partial success"}
TESTS = {"test", "unit_test"}
ANSWERED = {"pass", "warn"}
NOT_RUN = "not run"
FIRST_HOOK = "on-run-start"  # dbt's own tag of such a hook
TOO_EARLY = "dbt asked before everything was written, and its query can't be asked again here"
NONE_JUDGED = "no row was judged: its `where` leaves none"
WAS_BUILT = "the mart was built"
EVIDENCE_ROWS, MOST_CAUSES = 5, 3
OLDEST_SECONDS = 1000 * 365 * 86_400
_HEADING = re.compile(
    r"\w+ Error in "
)  # with the node and its file: `Runtime Error in source t (models/s.yml)`
FindBlockers = Callable[[str, Sequence[str]], list[str]]


def build_release(
    dbt: DbtRun,
    warehouse: Warehouse,
    run: str,
    schema: str,
    select: Sequence[str],
    full_build: bool = False,
) -> BuildReport:
    """Build the marts with their parents; failed tests are checks, a failed model raises BuildFailed.

    What has not changed since a kept release is shown again (reuse.py), unless full_build.
    Not a task: dbt's nodes are the tasks, right under the flow, and a build is not retried by itself. Raises
    Misconfigured for a project that builds outside the release, Rejected for a schema that was published.
    """
    start = monotonic()
    check_inside(dbt.catalogue, schema, select)
    with warehouse.stay_open():
        warehouse.open_release(schema)
        wider = find_wider_tests(dbt, warehouse, schema, select)
        reuse = choose_reuse(dbt, warehouse, schema, select, wider, full_build)
    check_hooks(dbt.manifest["nodes"], reuse.relations)
    dbt.decide_build(reuse.only is None or bool(reuse.only))
    tables = [dbt.catalogue.mart(name).unique_id for name in select if _is_changing(dbt.catalogue, name)]
    nodes = dbt.build(
        select,
        BUILD_DEADLINE_SECONDS,
        tables=list(dict.fromkeys([*tables, *reuse.tables])),
        relations=reuse.relations,
        tests=wider.selectors,
        only=reuse.only,
    )
    raise_broken(nodes)
    nodes = ask_tests_again(nodes, dbt.manifest, warehouse)
    built = {node["unique_id"] for node in nodes if node["kind"] == "model" and node["status"] == "success"}
    wanted = {mart.name: mart.unique_id for mart in (dbt.catalogue.mart(name) for name in select)}
    relations = _locate_built(dbt.catalogue, warehouse, select, nodes)
    new = {name: relations[wanted[name]] for name in wanted if wanted[name] in built}
    kept = {name: reuse.reused[wanted[name]] for name in wanted if wanted[name] in reuse.reused}
    uncounted = {name: each.relation for name, each in kept.items() if each.rows is None}
    rows = count_mart_rows(warehouse, {**new, **uncounted})
    marts = {**new, **{name: each.relation for name, each in kept.items()}}
    checks = [*read_checks(nodes, warehouse, dbt.find_blockers), *wider.not_run]
    checks += _report_unmeasured(dbt.list_fresh_sources(select), nodes)
    checks += [
        _report_not_built(name, _name_causes(dbt.find_blockers, wanted[name], nodes))
        for name in wanted
        if name not in marts
    ]
    report = BuildReport(
        run=run,
        marts={name: marts[name] for name in wanted if name in marts},
        models=len(built),
        tests=sum(node["kind"] in TESTS for node in nodes),
        seconds=monotonic() - start,
        rows={**{name: each.rows for name, each in kept.items() if each.rows is not None}, **rows},
        relations={**{key: each.relation for key, each in reuse.reused.items()}, **relations},
        checks=tuple(_apply_policy(check, dbt.not_run_passes) for check in checks),
    )
    return _add_states(report, dbt, warehouse, schema, reuse, nodes)


def plan_build(
    dbt: DbtRun, warehouse: Warehouse, schema: str, select: Sequence[str], full_build: bool = False
) -> tuple[RelationState, ...]:
    """What a build of these marts would do if nothing new were loaded: model by model, built or shown again, and why.

    Nothing where everything is built anyway. Only looks.
    """
    wider = find_wider_tests(dbt, warehouse, schema, select)
    return tuple(choose_reuse(dbt, warehouse, schema, select, wider, full_build).states.values())


def _add_states(
    report: BuildReport,
    dbt: DbtRun,
    warehouse: Warehouse,
    schema: str,
    reuse: Reuse,
    nodes: Sequence[NodeResult],
) -> BuildReport:
    """The report with what its relations are made of, and with the checks that were carried over."""
    if reuse.fingerprints is None:
        return report
    now = datetime.now(ZoneInfo(dbt.catalogue.time_zone))
    sql = {node["unique_id"]: node["sql"] for node in nodes}
    limits = Limits(dbt, reuse, sql, warehouse, schema, now)
    rows = {dbt.catalogue.mart(name).unique_id: count for name, count in report.rows.items()}
    states = [
        _finish_state(state, limits, report.run, report.relations.get(key, ""), rows.get(key))
        for key, state in reuse.states.items()
    ]
    places = {key: ".".join(place) for key, place in reuse.relations.items()} | report.relations
    tests = [node for node in nodes if node["kind"] == "test"]
    named = Counter((node["scope"], node["name"]) for node in tests)
    made_of = {
        (node["scope"], node["name"]): stamp_checks(reuse, limits, node["unique_id"], places)
        for node in tests
        if named[node["scope"], node["name"]] == 1
    }
    checks = [
        check.model_copy(update={"made_of": made_of.get((check.scope, check.name), "")})
        if check.kind == DBT_TEST
        else check
        for check in report.checks
    ]
    carried = [check for found in reuse.carried.values() for check in found]
    return report.model_copy(update={"states": tuple(states), "checks": (*checks, *carried)})


def _finish_state(
    state: RelationState, limits: Limits, run: str, relation: str, rows: int | None
) -> RelationState:
    """A state once it is built: where, how many rows, and for how long it stays right."""
    if not state.built:
        return state if state.rows is not None else state.model_copy(update={"rows": rows})
    limited = state.limited or limits.find(state.unique_id)
    return state.model_copy(update={"relation": relation, "limited": limited, "rows": rows, "judged_by": run})


def check_inside(catalogue: Catalogue, schema: str, select: Sequence[str]) -> None:
    """Raise Misconfigured if the project builds a model of these outside the release's schema or database."""
    if outside := catalogue.list_outside(select, schema):
        places = ", ".join(f"{each.name} into {each.schema_name}" for each in outside[:3])
        raise Misconfigured(
            "build a release",
            f"the project builds {places}, where readers may see it before it is checked",
            "Give what has another relation's name in the release an alias of its own; on Dremio let every `database:` "
            "of a config be the profile's own, and let generate_schema_name begin with target.schema.",
        )


def raise_broken(nodes: Sequence[NodeResult]) -> None:
    """Raise BuildFailed if anything but a test or a source's freshness failed: models, seeds, hooks."""
    broken = [node for node in nodes if node["kind"] not in {*TESTS, "source"} and node["status"] in FAILED]
    if not broken:
        return
    answer = "; ".join(f"{node['name']}: {_clip_lines(node['message'], 20, 2_000)}" for node in broken[:3])
    kinds = {"hook" if node["kind"] == RUN_HOOK else node["kind"] for node in broken}
    raise BuildFailed(
        f"build {len(nodes)} dbt nodes", answer, f"Correct the {_join(kinds)}; readers keep what they have."
    )


def check_hooks(manifest: Mapping[str, Node], relations: Mapping[str, tuple[str, str]]) -> None:
    """Raise Misconfigured if a hook on the start or end of a run may write into what this run reads and readers see.

    manifest: id → node; relations: as DbtRun.build takes them.
    """
    for node in manifest.values():
        if node["resource_type"] != RUN_HOOK or not writes_rows(node):
            continue
        if shown := [manifest[key]["name"] for key in node["depends_on"]["nodes"] if key in relations]:
            raise Misconfigured(
                "build a release",
                f"the hook {node['name']} may write into {shown[0]}, which this run does not build and readers see",
                f"Let the hook leave {shown[0]} alone, or build it in the same run.",
            )


def ask_tests_again(
    nodes: Sequence[NodeResult], manifest: Manifest, warehouse: Warehouse
) -> list[NodeResult]:
    """The results, with those of tests as the rows are once everything has run, where dbt may have asked too early.

    That is all tests where a hook or a model's own code may have written into what was tested before, and those that
    name nothing by `ref`, which dbt asks at any time. One that can't be asked again has no answer: it was about other
    rows.
    """
    known, macros = manifest["nodes"], Macros(manifest)
    ran = [known[node["unique_id"]] for node in nodes if node["unique_id"] in known]
    # part of others, and so without a result
    ran += [each for each in known.values() if each["config"].get("materialized") == "ephemeral"]
    written = any(writes_elsewhere(each, macros) for each in ran if FIRST_HOOK not in each.get("tags", ()))
    return [
        _ask_again(node, known[node["unique_id"]], warehouse)
        if node["kind"] == "test" and node["sql"] and _is_early(node, known[node["unique_id"]], written)
        else node
        for node in nodes
    ]


def _is_early(node: NodeResult, test: Node, written: bool) -> bool:
    anytime = not test["depends_on"]["nodes"] and node["status"] != "skipped"
    return anytime or (written and node["status"] in ANSWERED)


def _ask_again(node: NodeResult, test: Node, warehouse: Warehouse) -> NodeResult:
    try:
        with warehouse.session() as session:
            status, failures = read_test_status(session, node["sql"], test["config"])
    except PlatformError:
        if node["status"] not in ANSWERED:
            return node
        return {**node, "status": NOT_RUN, "failures": 0, "message": TOO_EARLY}
    if (status, failures) == (node["status"], node["failures"]):
        return node
    return {**node, "status": status, "failures": failures, "message": ""}


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
    One that no release holds, which readers saw and may be led back to, is built whole; a snapshot that its project
    keeps in a schema of its own begins with what stands there.
    """
    models = [each for each in catalogue.list_stateful(select, schema) if each.keeps_rows or not full_refresh]
    served = warehouse.read_served() if models else None
    before = read_last_relations(warehouse, served) if served else {}
    carried = []
    for model in models:
        places = [before.get(model.unique_id, "")]
        if served and not before:  # nothing is written of a release from before `control.relations` was kept
            places = [_locate_served(warehouse, served, model)]
        if model.outside:
            places.append(warehouse.locate_model(model.outside, model.alias, model.materialized))
        source = next((each for each in places if each and _has_relation(warehouse, each)), None)
        if source is None:
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
    observed = f"{node['failures']} rows" if node["failures"] else _find_reason(node["message"])
    passed, not_run = status in ANSWERED, status not in {*ANSWERED, *FAILED}
    nothing_judged = status == "pass" and _has_no_rows(node["sql"], warehouse)
    return Check(
        scope=node["scope"],
        name=node["name"],
        statement=describe_dbt_test(node["name"], node["description"], node["generic"], node["arguments"]),
        passed=passed,
        warned=status == "warn" or nothing_judged,
        not_run=not_run,
        kind=DBT_TEST,
        observed=NONE_JUDGED if nothing_judged else observed or status,
        evidence=() if status == "pass" or not_run else _read_evidence(node["sql"], warehouse),
    )


def _has_no_rows(sql: str, warehouse: Warehouse) -> bool:
    """True if a test passed because its `where` left no row of what it is about."""
    if not (count := count_filtered(sql, warehouse.dialect)):
        return False
    try:
        with warehouse.session() as session:
            return int(session.rows(count)[0][0]) == 0
    except PlatformError:
        return False


def _check_freshness(node: NodeResult) -> Check:
    """A source's measured age against its `warn_after` and `error_after`."""
    age = node["age_seconds"]
    if age is None:
        observed = _find_reason(node["message"])
    elif age > OLDEST_SECONDS:  # dbt takes the first moment of its calendar
        observed = "no row says when it was loaded"
    else:
        observed = f"{age / 3600:,.1f} hours old"
    return Check(
        scope=node["scope"],
        name="is fresh",
        passed=node["status"] in {"pass", "warn"},
        warned=node["status"] == "warn",
        kind="freshness",
        observed=observed,
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


def _find_reason(message: str) -> str:
    """What dbt says of a test or source, without the heading that only names it."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return _clip_lines("\n".join(lines[1:] if len(lines) > 1 and _HEADING.match(lines[0]) else lines))


def _clip_lines(message: str, lines: int = 3, length: int = 500) -> str:
    return " ".join(line.strip() for line in message.strip().splitlines()[:lines])[:length]
