"""The checks behind what a dashboard shows: of its marts, and what these are made of, in the runs that built them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from blocks.catalogue import Catalogue
from blocks.errors import NotFound
from blocks.records import GateReport, Release, State
from blocks.release_names import is_in_release, release_schema
from blocks.warehouse.base import Warehouse
from blocks.warehouse.control import JournalEntry, read_journal


def find_gate(
    catalogue: Catalogue, journal: Sequence[JournalEntry], release: Release, marts: Iterable[str]
) -> GateReport | None:
    """One report over the checks of these marts, each from the gate that its relation passed; None if none is known.

    A mart that an earlier run built, carried over or rolled back to, has the checks of that run. data_docs: the
    page of the first mart's.
    """
    found = []
    for mart in marts:
        gate = _find_gate(journal, release.marts.get(mart, ""))
        if gate:
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
        movements=tuple(moved for gate in found for moved in gate.movements),
    )


def _is_of_mart(catalogue: Catalogue, metric: str, mart: str) -> bool:
    return metric in catalogue.metric_names() and catalogue.mart_of(metric) == mart


def read_gates(warehouse: Warehouse, release: Release) -> list[JournalEntry]:
    """The journal's gates that passed of the runs which built what a release shows, with their reports."""
    schemas = {relation.rsplit(".", 1)[0] for relation in release.marts.values()}
    seqs = [
        entry.seq
        for entry in read_journal(warehouse, states=[State.validated], details=False)
        if entry.detail
        and any(is_in_release(schema, release_schema(entry.run), attempts=True) for schema in schemas)
    ]
    return read_journal(warehouse, seqs=seqs) if seqs else []


def find_build_times(journal: Sequence[JournalEntry], release: Release) -> dict[str, datetime]:
    """When each mart that a release shows had been built, in UTC; not of runs that the journal has forgotten."""
    found = {mart: _find_entry(journal, relation) for mart, relation in release.marts.items()}
    return {mart: entry.at for mart, entry in found.items() if entry}


def _find_gate(journal: Sequence[JournalEntry], relation: str) -> GateReport | None:
    """The newest report that passed of the run which built a relation."""
    entry = _find_entry(journal, relation)
    return GateReport.model_validate_json(entry.detail) if entry else None


def _find_entry(journal: Sequence[JournalEntry], relation: str) -> JournalEntry | None:
    """The journal's line of the newest gate that the run which built a relation passed."""
    schema = relation.rsplit(".", 1)[0]
    passed = [each for each in journal if each.state is State.validated and each.detail]
    own = [each for each in passed if is_in_release(schema, release_schema(each.run), attempts=True)]
    if not own:
        return None
    run = max((each.run for each in own), key=len)  # of one run's name that begins as another's, the whole
    return [each for each in own if each.run == run][-1]


def _list_lineage(catalogue: Catalogue, mart: str) -> set[str]:
    """What checks call a mart and all it is made of: a model's name, a source's `source.table`."""
    try:
        parts = [unique_id.split(".") for unique_id in catalogue.find_lineage(mart)]
    except NotFound:  # the project has it no more; readers still see it
        return {mart}
    return {".".join(each[2:4]) if each[0] == "source" else each[2] for each in parts} | {mart}
