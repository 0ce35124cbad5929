"""Building a release with dbt and reading its results as checks."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import Any

from prefect import task

from blocks.catalogue import Catalogue
from blocks.dbt.run import DbtRun
from blocks.errors import BuildFailed, Misconfigured, PlatformError
from blocks.records import BuildReport, Check
from blocks.warehouse import control
from blocks.warehouse.base import Warehouse
from blocks.warehouse.reads import count_rows, first_rows
from blocks.warehouse.release_history import check_unpublished, last_relations, seen_releases
from tasks.policy import BUILD_DEADLINE_SECONDS, RETRY

FAILED = {"error", "runtime error"}
EVIDENCE_ROWS = 5


def build_release(
    dbt: DbtRun, warehouse: Warehouse, run: str, schema: str, select: Sequence[str]
) -> BuildReport:
    """Build the marts with their parents; failed tests are checks, a failed model raises BuildFailed.

    Not a task: dbt's nodes are the tasks, right under the flow, and a build is not retried by itself. Raises
    Misconfigured for a project that builds outside the release, Rejected for a schema that was published.
    """
    start = monotonic()
    check_inside(dbt.catalogue, schema, select)
    check_unpublished(warehouse, schema)
    with warehouse.session() as session:
        warehouse.make_schema(session, schema)
    nodes = dbt.build(select, BUILD_DEADLINE_SECONDS)
    broken = [
        node for node in nodes if node["kind"] in {"model", "seed", "snapshot"} and node["status"] in FAILED
    ]
    if broken:
        answer = "; ".join(f"{node['name']}: {_first_lines(node['message'])}" for node in broken[:3])
        raise BuildFailed(
            f"build {len(nodes)} dbt nodes", answer, "Correct the model; readers keep what they have."
        )
    built = {node["name"] for node in nodes if node["kind"] == "model" and node["status"] == "success"}
    marts = {name: _relation(warehouse, dbt.catalogue, name) for name in select if name in built}
    tests = [node for node in nodes if node["kind"] in {"test", "unit_test"}]
    checks = [_check(node, warehouse) for node in tests if node["status"] != "skipped"]
    checks += [_not_built(name, nodes) for name in select if name not in built]
    return BuildReport(
        run=run,
        marts=marts,
        models=len(built),
        tests=len(tests),
        seconds=monotonic() - start,
        rows=count_mart_rows(warehouse, marts),
        relations=_built_relations(dbt.catalogue, warehouse, select, nodes),
        checks=tuple(checks),
    )


def check_inside(catalogue: Catalogue, schema: str, select: Sequence[str]) -> None:
    """Raise Misconfigured if the project builds a model of these outside the release's schema."""
    if outside := catalogue.outside(select, schema):
        places = ", ".join(f"{each.name} into {each.schema_name}" for each in outside[:3])
        raise Misconfigured(
            "build a release",
            f"the project builds {places}, where readers may see it before it is checked",
            "Let its generate_schema_name begin with target.schema, as dbt's own does.",
        )


@task(task_run_name="carry over", **RETRY)
def carry_over(warehouse: Warehouse, catalogue: Catalogue, schema: str, select: Sequence[str]) -> list[str]:
    """Copy what incremental models and snapshots held when they last passed into a release, for dbt to build on.

    Returns the models. One that no release holds, which readers saw and may be led back to, is built whole.
    """
    models = catalogue.stateful(select, schema)
    before = last_relations(warehouse, seen_releases(control.journal(warehouse))) if models else {}
    carried = []
    for model in models:
        source = before.get(model.unique_id)
        if source is None or not _exists(warehouse, source):
            continue
        check_unpublished(warehouse, model.schema_name)
        warehouse.clone(source, warehouse.released(model.schema_name, model.alias, model.materialized))
        carried.append(model.name)
    return carried


def _exists(warehouse: Warehouse, relation: str) -> bool:
    with warehouse.session() as session:
        return bool(warehouse.columns(session, *relation.rsplit(".", 1)))


def _built_relations(
    catalogue: Catalogue, warehouse: Warehouse, select: Sequence[str], nodes: Sequence[dict[str, Any]]
) -> dict[str, str]:
    """Unique id → relation of all that was built and holds rows of its own."""
    built = {node["unique_id"] for node in nodes if node["status"] == "success"}
    return {
        each.unique_id: warehouse.released(each.schema_name, each.alias, each.materialized)
        for each in catalogue.relations_of(select)
        if each.unique_id in built and each.materialized != "view"
    }


def count_mart_rows(warehouse: Warehouse, marts: dict[str, str]) -> dict[str, int]:
    """Rows of each mart's relation."""
    with warehouse.session() as session:
        return {mart: count_rows(warehouse, session, relation) for mart, relation in marts.items()}


def _relation(warehouse: Warehouse, catalogue: Catalogue, name: str) -> str:
    mart = catalogue.mart(name)
    return warehouse.released(mart.schema_name, mart.alias, mart.materialized)


def _check(node: dict[str, Any], warehouse: Warehouse) -> Check:
    """A dbt test as a check; a failed one brings the rows it found. A warning passes."""
    passed = node["status"] in {"pass", "warn"}
    observed = f"{node['failures']} rows" if node["failures"] else _first_lines(node["message"], 1)
    return Check(
        scope=node["scope"],
        name=node["name"],
        passed=passed,
        kind="dbt test",
        observed=observed,
        evidence=() if passed else _evidence(node["sql"], warehouse),
    )


def _evidence(sql: str, warehouse: Warehouse) -> tuple[str, ...]:
    """A few rows a failed test found; none where its query can't be asked again (unit tests)."""
    if not sql:
        return ()
    try:
        with warehouse.session() as session:
            rows = first_rows(session, sql, EVIDENCE_ROWS)
    except PlatformError:
        return ()
    return tuple(", ".join(str(value) for value in row)[:200] for row in rows)


def _not_built(name: str, nodes: Sequence[dict[str, Any]]) -> Check:
    culprits = sorted(node["name"] for node in nodes if node["status"] in {"fail", *FAILED})
    because = f"skipped, because of {', '.join(culprits[:3])}" if culprits else "not built"
    return Check(scope=name, name="the mart was built", passed=False, kind="dbt build", observed=because)


def _first_lines(message: str, lines: int = 3) -> str:
    return " ".join(message.strip().splitlines()[:lines])[:500]
