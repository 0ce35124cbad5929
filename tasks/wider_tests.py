"""Tests that reach beyond a release: what they miss is read where readers see it, or they are reported as not run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from blocks.dbt.release_scope import DbtNode, WiderTest
from blocks.dbt.run import DbtRun
from blocks.records import DBT_TEST, Check
from blocks.warehouse.base import Warehouse
from blocks.warehouse.release_history import read_last_relations


@dataclass
class WiderTests:
    """How dbt runs them. selectors, tests: the tests; relations, tables: where and how it finds what they miss."""

    selectors: list[str] = field(default_factory=list)
    tests: list[str] = field(default_factory=list)
    relations: dict[str, tuple[str, str]] = field(default_factory=dict)
    tables: list[str] = field(default_factory=list)
    not_run: list[Check] = field(default_factory=list)


def find_wider_tests(dbt: DbtRun, warehouse: Warehouse, schema: str, select: Sequence[str]) -> WiderTests:
    """The tests of a release that read models it does not build, each with the relations that readers see of them.

    schema: the release's. One that reads a model which readers never saw can't run. That holds the release up
    where it is a test of what is built, not where it is one of the model that nobody sees.
    """
    found, tests = WiderTests(), dbt.list_wider_tests(select)
    history = _History(warehouse) if tests else None
    for test in tests:
        places = {node: history.find(schema, node) if history else None for node in test.missing}
        absent = {node.unique_id: node.name for node, place in places.items() if place is None}
        if absent:
            found.not_run.append(_report_not_run(test, absent))
            continue
        found.selectors.append(test.selector)
        found.tests.append(test.unique_id)
        for node, place in places.items():
            if place:
                found.relations[node.unique_id], as_table = place
                found.tables += [node.unique_id] if as_table else []
    return found


def _report_not_run(test: WiderTest, absent: Mapping[str, str]) -> Check:
    """absent: unique id → name of what it reads and readers never saw."""
    if test.about in absent:
        reason = f"it tests {absent[test.about]}, which readers never saw and this run does not build"
        check = Check.from_unanswered(test.scope, test.name, DBT_TEST, reason)
        return check.model_copy(update={"passed": True, "warned": True})
    names = ", ".join(sorted(absent.values())[:3])
    reason = f"it also reads {names}, which readers never saw"
    return Check.from_unanswered(test.scope, test.name, DBT_TEST, reason)


class _History:
    """Where what readers see, and what it was made of, is."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        served = warehouse.read_served()
        self._marts = served.marts if served else {}
        self._last = read_last_relations(warehouse, served) if served else {}
        self._releases = sorted(warehouse.list_releases(), reverse=True) if served else []

    def find(self, schema: str, node: DbtNode) -> tuple[tuple[str, str], bool] | None:
        """dbt's schema and name of a model's last good relation, and whether it was built as a table.

        A mart's is where its view points; a view's, which nothing records, is in the newest release of a served mart.
        """
        known = self._marts.get(node.name) or self._last.get(node.unique_id)
        for release in self._releases:
            place = node.schema_name.replace(schema, release, 1)
            for kind in dict.fromkeys((node.materialized, "table")):
                relation = self._warehouse.locate_model(place, node.alias, kind)
                if known == relation or (known is None and self._is_served(release, relation)):
                    return (place, node.alias), kind != node.materialized
        return None

    def _is_served(self, release: str, relation: str) -> bool:
        if release not in {mart.rsplit(".", 1)[0] for mart in self._marts.values()}:
            return False
        with self._warehouse.session() as session:
            return bool(self._warehouse.columns(session, *relation.rsplit(".", 1)))
