"""Which models of a release are built, and which are shown again as a kept release has them; and why.

A model is shown again where a kept release has a relation of the same fingerprint. Its parents are not touched then,
unless a test or another model reads them. Views that something reads are made again: they hold no rows. In doubt a
model is built. What a fingerprint is: blocks/dbt/fingerprints.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from blocks.catalogue import Mart
from blocks.dbt.fingerprints import REUSABLE, Fingerprint, Fingerprints
from blocks.dbt.run import DbtRun
from blocks.manifest import find_lineage
from blocks.records import Check, RelationState
from blocks.repeatable_sql import DAY, find_limit
from blocks.warehouse.base import Warehouse
from blocks.warehouse.relation_states import read_states
from blocks.warehouse.source_states import read_source_states
from tasks.carried_checks import limit_to, read_carried
from tasks.wider_tests import WiderTests

CHANGING = {"view", "ephemeral", "external"}  # what readers would see of one changes after its audit
UNKNOWN_DAY = "it asks for the day, of a time zone that nobody knows"
OVER_MIDNIGHT = "it was built over midnight"
FULL_BUILD = "all is built, as asked for"


@dataclass
class Reuse:
    """What a build does. only: ids of nodes and tests that dbt runs; None: all of them.

    relations, tables: as DbtRun.build takes them. states: id → what holds rows and is built or shown again. carried:
    test's id → its checks of an earlier run. Without fingerprints nothing is known, and nothing is written down.
    """

    only: list[str] | None = None
    relations: dict[str, tuple[str, str]] = field(default_factory=dict)
    tables: list[str] = field(default_factory=list)
    states: dict[str, RelationState] = field(default_factory=dict)
    carried: dict[str, list[Check]] = field(default_factory=dict)
    fingerprints: Fingerprints | None = None
    day: str = ""

    @property
    def reused(self) -> dict[str, RelationState]:
        """Id → what is shown again."""
        return {key: state for key, state in self.states.items() if not state.built}


def choose_reuse(
    dbt: DbtRun,
    warehouse: Warehouse,
    schema: str,
    select: Sequence[str],
    wider: WiderTests,
    full_build: bool = False,
) -> Reuse:
    """What of these marts and of what they are made of has to be built. full_build: all of it, whatever is kept."""
    if dbt.explain_no_reuse():
        return Reuse(relations=dict(wider.relations), tables=list(wider.tables))
    catalogue = dbt.catalogue
    read = find_lineage((catalogue.mart(name).unique_id for name in select), partial(_list_parents, dbt))
    tests = [*dbt.list_tests(select), *wider.tests]
    read |= {parent for test in tests for parent in _list_parents(dbt, test)}
    sources = {
        node: f"{each['source_name']}.{each['name']}" for node, each in dbt.manifest["sources"].items()
    }
    names = {sources[node] for node in read if node in sources}
    tables = [each for each in catalogue.tables if each.full_name in names and not each.seed]
    fingerprints = dbt.read_fingerprints(read_source_states(warehouse, tables))
    day = datetime.now(ZoneInfo(catalogue.time_zone)).date().isoformat()
    nodes = _list_nodes(dbt, select)
    kept = _Kept(warehouse, schema, day)
    states: dict[str, RelationState] = {}
    for mart, kind in nodes.values():
        if kind in REUSABLE:
            states[mart.unique_id] = kept.choose(mart, kind, fingerprints.find(mart.unique_id), full_build)
        else:
            states[mart.unique_id] = _state_unkept(mart, kind, fingerprints.find(mart.unique_id))
    reuse = Reuse(
        relations=dict(wider.relations),
        tables=list(wider.tables),
        states=states,
        fingerprints=fingerprints,
        day=day,
    )
    reused = reuse.reused
    reuse.relations |= {key: kept.places[key] for key in reused}
    reuse.tables += [key for key in reused if nodes[key][0].materialized in CHANGING]
    places = {key: state.relation for key, state in reused.items()}
    places |= {key: ".".join(place) for key, place in wider.relations.items()}
    unit_tests = dbt.manifest.get("unit_tests") or {}
    carried = read_carried(warehouse, (state.judged_by for state in reused.values()), day)
    for test in tests:
        if test not in unit_tests and (found := carried.find(fingerprints.find_test(test, places))):
            reuse.carried[test] = found
    asked = [test for test in tests if test not in unit_tests and test not in reuse.carried]
    needed = _find_needed(dbt, [dbt.catalogue.mart(name).unique_id for name in select], asked, reused)
    asked += [test for test in tests if {*_list_parents(dbt, test)} & needed and test in unit_tests]
    reuse.only = [*sorted(needed), *asked]
    reuse.states = {key: state for key, state in states.items() if key in needed or key in reused}
    return reuse


def _list_nodes(dbt: DbtRun, select: Sequence[str]) -> dict[str, tuple[Mart, str]]:
    """Id → model, seed or snapshot in these marts' lineage, and as what it is built."""
    marts = {mart.unique_id: mart for mart in (dbt.catalogue.mart(name) for name in select)}
    every = {**{each.unique_id: each for each in dbt.catalogue.relations_of(select)}, **marts}
    return {
        key: (each, "table" if key in marts and each.materialized in CHANGING else each.materialized)
        for key, each in every.items()
    }


def _state_unkept(mart: Mart, kind: str, fingerprint: Fingerprint) -> RelationState:
    """Of a node whose relation is never shown again: a view, or one that goes on from what it held."""
    why = fingerprint.unsure if kind != "view" else "a view, which holds no rows"
    return RelationState(unique_id=mart.unique_id, name=mart.name, limited=why, why=why)


class _Kept:
    """The relations that kept releases stand on, and which of them stand for a model today."""

    def __init__(self, warehouse: Warehouse, schema: str, day: str) -> None:
        self._warehouse, self._schema, self._day = warehouse, schema, day
        self._releases = sorted(warehouse.list_releases(), reverse=True)
        self._known: dict[str, list[RelationState]] = {}
        for state in filter(_read_fingerprint, read_states(warehouse)):
            self._known.setdefault(state.unique_id, []).append(state)
        self.places: dict[str, tuple[str, str]] = {}

    def choose(self, mart: Mart, kind: str, fingerprint: Fingerprint, full_build: bool) -> RelationState:
        """The state of a model: shown again, or built and why."""
        state = RelationState(
            unique_id=mart.unique_id,
            name=mart.name,
            fingerprint=fingerprint.model_dump_json(exclude={"unsure"}),
        )
        before = self._known.get(mart.unique_id, [])
        why = FULL_BUILD if full_build else fingerprint.unsure
        same = [
            each
            for each in before
            if _read_fingerprint(each) == fingerprint.model_copy(update={"unsure": ""})
        ]
        fit = [each for each in same if each.limited in {"", self._day}]
        for each in fit if not why else ():
            if place := self._find_place(mart, kind, each.relation):
                self.places[mart.unique_id] = place
                return each.model_copy(
                    update={
                        "name": mart.name,
                        "built": False,
                        "why": f"nothing that it is made of has changed; judged last in run {each.judged_by}",
                        "fingerprint": state.fingerprint,
                    }
                )
        if not why:
            why = _explain_build(fingerprint, before, same, fit)
        return state.model_copy(update={"why": why, "limited": fingerprint.unsure})

    def _find_place(self, mart: Mart, kind: str, relation: str) -> tuple[str, str] | None:
        """dbt's schema and name of a kept relation; None where it is not there any more."""
        for release in self._releases:
            place = mart.schema_name.replace(self._schema, release, 1)
            if self._warehouse.locate_model(place, mart.alias, kind) == relation:
                return place, mart.alias
        return None


def _read_fingerprint(state: RelationState) -> Fingerprint | None:
    """What a kept relation is made of; None where another version wrote it in a way that can't be read."""
    try:
        return Fingerprint.model_validate_json(state.fingerprint)
    except ValueError:
        return None


def _explain_build(
    fingerprint: Fingerprint,
    before: Sequence[RelationState],
    same: Sequence[RelationState],
    fit: Sequence[RelationState],
) -> str:
    """Why a model is built that does not say itself that it has to be."""
    if fit:
        return "its relation is not there any more"
    if same:
        limited = same[0].limited
        return f"it was right for {limited} only" if limited[:4].isdigit() else limited
    last = _read_fingerprint(before[0]) if before else None
    return fingerprint.describe_change(last) if last else "no kept release has it"


def _list_parents(dbt: DbtRun, unique_id: str) -> list[str]:
    manifest = dbt.manifest
    node = manifest["nodes"].get(unique_id) or (manifest.get("unit_tests") or {}).get(unique_id) or {}
    return list(node.get("depends_on", {}).get("nodes", ()))


def _find_needed(
    dbt: DbtRun, marts: Iterable[str], tests: Iterable[str], reused: Mapping[str, RelationState]
) -> set[str]:
    """Ids of what has to be made: the marts, what the tests read, and what these are made of, down to what is kept."""
    lineage = find_lineage(marts, partial(_list_parents, dbt))
    todo = [*marts, *(parent for test in tests for parent in _list_parents(dbt, test))]
    needed: set[str] = set()
    while todo:
        node = todo.pop()
        if node not in needed and node not in reused and node in lineage and node in dbt.manifest["nodes"]:
            needed.add(node)
            todo += _list_parents(dbt, node)
    return needed


class Limits:
    """For how long what was built stays right, by the SQL that dbt compiled. sql: node's id → it."""

    def __init__(
        self,
        dbt: DbtRun,
        reuse: Reuse,
        sql: Mapping[str, str],
        warehouse: Warehouse,
        schema: str,
        now: datetime,
    ) -> None:
        self._dbt, self._reuse, self._sql, self._schema = dbt, reuse, sql, schema
        self._dialect, self._knows_day = warehouse.dialect, warehouse.sets_dbt_zone
        self._is_later = now.date().isoformat() != reuse.day
        self._found: dict[str, str] = {}
        self._readable: dict[str, frozenset[str]] = {}

    def find(self, unique_id: str) -> str:
        """Empty: for ever; a day; or why it never is, of what it is made of, too."""
        if unique_id not in self._found:
            self._found[unique_id] = self._find(unique_id)
        return self._found[unique_id]

    def _find(self, unique_id: str) -> str:
        if unique_id in self._reuse.reused:
            return self._reuse.reused[unique_id].limited
        if unique_id not in self._dbt.manifest["nodes"]:
            return ""  # a source: its rows are part of the fingerprint
        return self._combine(
            [self._find_own(unique_id), *map(self.find, _list_parents(self._dbt, unique_id))]
        )

    def find_of_test(self, unique_id: str) -> str:
        """The same of a test: of its own SQL and of the views that it reads, whatever tables these stand on."""
        parents = [each for each in _list_parents(self._dbt, unique_id) if not self._holds_rows(each)]
        return self._combine([self._find_own(unique_id), *map(self.find, parents)])

    def _holds_rows(self, unique_id: str) -> bool:
        state = self._reuse.states.get(unique_id)
        return bool(state and state.fingerprint) or unique_id in self._reuse.relations

    def _find_own(self, unique_id: str) -> str:
        node = self._dbt.manifest["nodes"][unique_id]
        without = node["resource_type"] == "seed" or node["config"].get("materialized") == "ephemeral"
        if not (sql := self._sql.get(unique_id, "")):  # an ephemeral model is a part of what reads it
            return "" if without else "its SQL is not known"
        found = find_limit(sql, self._dialect, self._list_readable(unique_id), self._schema)
        if found == DAY and not self._knows_day:
            return UNKNOWN_DAY
        if found == DAY:
            return OVER_MIDNIGHT if self._is_later else self._reuse.day
        return found

    def _list_readable(self, unique_id: str) -> frozenset[str]:
        """The tables that a node's SQL may read, `schema.table`: of all that it is made of."""
        if unique_id not in self._readable:
            parents = _list_parents(self._dbt, unique_id)
            self._readable[unique_id] = frozenset(map(self._name_table, parents)).union(
                *map(self._list_readable, parents)
            )
        return self._readable[unique_id]

    def _name_table(self, unique_id: str) -> str:
        manifest = self._dbt.manifest
        if unique_id in manifest["sources"]:
            source = manifest["sources"][unique_id]
            return f"{source['schema']}.{source['identifier']}".lower()
        if unique_id in self._reuse.relations:
            return ".".join(self._reuse.relations[unique_id]).lower()
        node = manifest["nodes"].get(unique_id)
        return f"{node['schema']}.{node['alias']}".lower() if node else ""

    def _combine(self, limits: Iterable[str]) -> str:
        """A reason before a day, and a day before none."""
        found = sorted(filter(None, limits), key=lambda limit: (limit[:4].isdigit(), limit))
        return found[0] if found else ""


def stamp_checks(reuse: Reuse, limits: Limits, unique_id: str, places: Mapping[str, str]) -> str:
    """What a test's answer depends on, for a later run to look up; empty where that can't be told."""
    if reuse.fingerprints is None:
        return ""
    made_of, limit = reuse.fingerprints.find_test(unique_id, places), limits.find_of_test(unique_id)
    if not made_of or not limit:
        return made_of
    return limit_to(made_of, limit) if limit == reuse.day else ""
