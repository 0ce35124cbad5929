"""The checks behind what a dashboard shows: of its marts, and what these are made of, in the runs that judged them.

That is the newest run that showed a mart's relation, whether it built it or showed it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeAlias

from blocks.catalogue import Catalogue
from blocks.errors import NotFound
from blocks.manifest import name_id
from blocks.records import GateReport, Release, State
from blocks.release_names import is_in_release, release_schema
from blocks.warehouse.base import Warehouse
from blocks.warehouse.control import JournalEntry, read_journal
from blocks.warehouse.relation_states import read_judges


def find_gate(
    catalogue: Catalogue, journal: Sequence[JournalEntry], release: Release, marts: Iterable[str]
) -> GateReport | None:
    """One report over the checks of these marts, each from the gate that its relation passed; None if none is known.

    A mart that an earlier run judged last, carried over or rolled back to, has the checks of that run. data_docs and
    docs_url: of the first mart's.
    """
    found, gates = [], _read_passed(journal)
    for mart in marts:
        found_last = _find_last(gates, mart, release.marts.get(mart, ""))
        if found_last:
            gate = found_last[1]
            names = _list_lineage(catalogue, mart)
            own = tuple(check for check in gate.checks if check.scope in names)
            moved = tuple(each for each in gate.movements if _is_of_mart(catalogue, each.metric, mart))
            found.append(gate.model_copy(update={"checks": own, "movements": moved}))
    if not found:
        return None
    return GateReport(
        run=release.run,
        passed=all(gate.passed for gate in found),
        checks=tuple(dict.fromkeys(check for gate in found for check in gate.checks)),
        data_docs=found[0].data_docs,
        docs_url=found[0].docs_url,
        movements=tuple(moved for gate in found for moved in gate.movements),
    )


def _is_of_mart(catalogue: Catalogue, metric: str, mart: str) -> bool:
    return metric in catalogue.metric_names() and catalogue.mart_of(metric) == mart


def read_gates(warehouse: Warehouse, release: Release) -> list[JournalEntry]:
    """The journal's gates that passed of the runs which built what a release shows, or judged it last."""
    schemas = {relation.rsplit(".", 1)[0] for relation in release.marts.values()}
    judges = read_judges(warehouse, release.marts.values())
    seqs = [
        entry.seq
        for entry in read_journal(warehouse, states=[State.validated], details=False)
        if entry.detail
        and (
            entry.run in judges
            or any(is_in_release(schema, release_schema(entry.run), attempts=True) for schema in schemas)
        )
    ]
    return read_journal(warehouse, seqs=seqs) if seqs else []


def find_build_times(journal: Sequence[JournalEntry], release: Release) -> dict[str, datetime]:
    """When each mart that a release shows was known to be as a build would have it, in UTC.

    Not of runs that the journal has forgotten.
    """
    gates = _read_passed(journal)
    found = {mart: _find_last(gates, mart, relation) for mart, relation in release.marts.items()}
    return {mart: last[0].at for mart, last in found.items() if last}


Judged: TypeAlias = tuple[JournalEntry, GateReport]


def _read_passed(journal: Sequence[JournalEntry]) -> list[Judged]:
    """The journal's lines of gates that passed, with their reports, the oldest first."""
    passed = [each for each in journal if each.state is State.validated and each.detail]
    return [(each, GateReport.model_validate_json(each.detail)) for each in passed]


def _find_last(gates: Sequence[Judged], mart: str, relation: str) -> Judged | None:
    """The newest gate that a mart's relation passed: of a run that showed it again, or of the one that built it."""
    if judged := [each for each in gates if relation and each[1].marts.get(mart) == relation]:
        return judged[-1]
    schema = relation.rsplit(".", 1)[0]
    own = [each for each in gates if is_in_release(schema, release_schema(each[0].run), attempts=True)]
    if not own:
        return None
    run = max(
        (entry.run for entry, _ in own), key=len
    )  # of one run's name that begins as another's, the whole
    return [each for each in own if each[0].run == run][-1]


def _list_lineage(catalogue: Catalogue, mart: str) -> set[str]:
    """What checks call a mart and all it is made of: a model's name, a source's `source.table`."""
    try:
        lineage = catalogue.find_lineage(mart)
    except NotFound:  # the project has it no more; readers still see it
        return {mart}
    models = {each.unique_id: name for name, each in catalogue.models.items()}
    return {models.get(each) or name_id(each) for each in lineage} | {mart}
