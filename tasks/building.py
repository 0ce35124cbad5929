"""Building a release with dbt and reading its results as checks."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import Any

from prefect import task

from blocks.catalogue import Catalogue
from blocks.dbt.run import DbtRun
from blocks.errors import BuildFailed, PlatformError
from blocks.records import BuildReport, Check
from blocks.warehouse.base import Warehouse
from blocks.warehouse.reads import count_rows, first_rows
from tasks.policy import BUILD_DEADLINE_SECONDS, RETRY
from tasks.promotion import release_schema

FAILED = {"error", "runtime error"}
EVIDENCE_ROWS = 5


def build_release(
    dbt: DbtRun, warehouse: Warehouse, run: str, schema: str, select: Sequence[str]
) -> BuildReport:
    """Build the marts with their parents; failed tests are checks, a failed model raises BuildFailed.

    Not a task: dbt's nodes are the tasks, right under the flow, and a build is not retried by itself.
    """
    start = monotonic()
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
        checks=tuple(checks),
    )


@task(task_run_name="carry over", **RETRY)
def carry_over(warehouse: Warehouse, catalogue: Catalogue, schema: str, select: Sequence[str]) -> list[str]:
    """Copy what incremental models hold in the served release into a new one, for dbt to build on.

    Returns the models. One that the served release lacks is built whole.
    """
    models = catalogue.incremental(select)
    served = warehouse.served() if models else None
    carried = []
    for model in models:
        if served is None:
            break
        before = served.marts.get(model.name) or warehouse.released(
            release_schema(served.run), model.alias, model.materialized
        )
        with warehouse.session() as session:
            there = bool(warehouse.columns(session, *before.rsplit(".", 1)))
        if there:
            warehouse.clone(before, warehouse.released(schema, model.alias, model.materialized))
            carried.append(model.name)
    return carried


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
