"""Which releases readers saw, in which order, and where each model's last good relation is.

Both are read from the control schema: the journal, and the table `relations`, which says of every published run where
each model stood when readers first saw it, whether that run built it or an earlier one. What may be rolled back to,
what an incremental model or a snapshot goes on from, and what must never be written or dropped all follow from them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from blocks.errors import Rejected
from blocks.records import Release, State
from blocks.release_names import is_in_release
from blocks.warehouse.approvals import list_waiting_schemas
from blocks.warehouse.control import JournalEntry, insert_lines, now, read_journal
from blocks.warehouse.lease import fence_writes
from blocks.warehouse.release_marker import read_marker
from blocks.warehouse.settings import WarehouseConnection

RELATIONS = {
    "unique_id": "varchar",
    "relation": "varchar",
    "run_id": "varchar",
    "recorded_at": "timestamp",
}
RELATIONS_TABLE = "relations"


def choose_attempt(warehouse: WarehouseConnection, run: str) -> int:
    """1 for a run that never built, else one more than it has begun to build."""
    begun = [
        each for each in read_journal(warehouse, run, [State.building], details=False) if not each.detail
    ]
    return len(begun) + 1


def list_seen_releases(warehouse: WarehouseConnection, newest: int | None = None) -> list[Release]:
    """Which releases readers saw, the oldest first, as a stack: going back takes away what was seen since.

    The last one is what they see now; the one before is where a rollback goes. A release that was rolled back
    from is not among them, unless it was named and shown again. newest: no more than these last ones.
    """
    stack: list[JournalEntry] = []
    for entry in _list_publications(warehouse):
        runs = [each.run for each in stack]
        if entry.run in runs:
            del stack[runs.index(entry.run) :]
        stack.append(entry)  # a retired mart is gone from it since
    return _read_releases(warehouse, stack[-newest:] if newest else stack)


def list_published_releases(warehouse: WarehouseConnection, newest: int | None = None) -> list[Release]:
    """Every release that readers once saw, the oldest first, each once, by its first publication."""
    found: dict[str, JournalEntry] = {}
    for entry in _list_publications(warehouse):
        found.setdefault(entry.run, entry)
    first = list(found.values())
    return _read_releases(warehouse, first[-newest:] if newest else first)


def _list_publications(warehouse: WarehouseConnection) -> list[JournalEntry]:
    """The journal's lines of publications, without their reports; not of runs of which one line is left."""
    return [each for each in read_journal(warehouse, states=[State.published], details=False) if each.detail]


def _read_releases(warehouse: WarehouseConnection, entries: Sequence[JournalEntry]) -> list[Release]:
    if not entries:
        return []
    whole = read_journal(warehouse, seqs=[entry.seq for entry in entries])
    return [Release.model_validate_json(entry.detail) for entry in whole]


def record_relations(
    warehouse: WarehouseConnection, run: str, built: Mapping[str, str], served: Release | None
) -> None:
    """Write where each model stands once a run is published: where it built it, or where readers' release has it.

    Called before readers change over, so that whoever finishes a dead run need not know what they saw before.
    """
    table = warehouse.quote(warehouse.control, RELATIONS_TABLE)
    relations = {**(read_last_relations(warehouse, served) if served else {}), **built}
    with warehouse.session() as session:
        warehouse.make_schema(session, warehouse.control)
        warehouse.make_table(session, warehouse.control, RELATIONS_TABLE, RELATIONS)
        lines = [(unique_id, relation, run, now()) for unique_id, relation in sorted(relations.items())]
        with fence_writes(warehouse, session):
            session.rows(f"delete from {table} where run_id = ?", (run,))
            insert_lines(session, table, lines)


def read_last_relations(warehouse: WarehouseConnection, release: Release) -> dict[str, str]:
    """Model's unique id → its relation as of a release that readers see or saw."""
    return {unique_id: relation for unique_id, relation, _ in _read_relations(warehouse, [release.run])}


def is_whole(warehouse: WarehouseConnection, release: Release, there: Collection[str]) -> bool:
    """True if all that a release shows is still there, and all that its models would go on from.

    there: the schemas of releases that exist. A release whose line of models was forgotten is not whole: after going
    back to it, history would be rebuilt from what the sources still have, without a word.
    """
    relations = read_last_relations(warehouse, release)
    if not relations and _has_relations(warehouse):
        return False
    needed = {relation.rsplit(".", 1)[0] for relation in (*release.marts.values(), *relations.values())}
    return needed <= set(there)


def _has_relations(warehouse: WarehouseConnection) -> bool:
    """True if it is known of any run where its models are; not for one that was published before that was kept."""
    with warehouse.session() as session:
        if not warehouse.columns(session, warehouse.control, RELATIONS_TABLE):
            return False
        table = warehouse.quote(warehouse.control, RELATIONS_TABLE)
        return bool(session.rows(f"select count(*) from {table}")[0][0])


def list_kept_releases(warehouse: WarehouseConnection) -> list[Release]:
    """Releases that may be rolled back to: the last `keep` that readers saw, and that were published; the served."""
    served = read_marker(warehouse, warehouse.serving)
    seen = list_seen_releases(warehouse, warehouse.keep)
    return [*seen, *list_published_releases(warehouse, warehouse.keep), *([served] if served else [])]


def list_kept_schemas(warehouse: WarehouseConnection, kept: Sequence[Release] | None = None) -> set[str]:
    """Schemas that a kept release stands on, with every model that would go on from there, and candidates'.

    kept: what `list_kept_releases` gave, where the caller has it.
    """
    kept = list_kept_releases(warehouse) if kept is None else kept
    relations = {relation for release in kept for relation in release.marts.values()}
    lines = _read_relations(warehouse, sorted({release.run for release in kept}))
    relations |= {relation for _, relation, _ in lines}
    return {relation.rsplit(".", 1)[0] for relation in relations} | list_waiting_schemas(warehouse)


def forget_relations(warehouse: WarehouseConnection, kept_runs: Collection[str]) -> None:
    """Take out of the table what was written for runs that are not kept any more. Raises LeaseLost."""
    kept = sorted(kept_runs)
    with warehouse.session() as session:
        if kept and warehouse.columns(session, warehouse.control, RELATIONS_TABLE):
            table, places = warehouse.quote(warehouse.control, RELATIONS_TABLE), ", ".join("?" * len(kept))
            with fence_writes(warehouse, session):
                session.rows(f"delete from {table} where run_id not in ({places})", kept)


def _read_relations(warehouse: WarehouseConnection, runs: Sequence[str]) -> list[tuple[str, str, str]]:
    """Lines of unique id, relation, run, of these runs."""
    if not runs:
        return []
    with warehouse.session() as session:
        if not warehouse.columns(session, warehouse.control, RELATIONS_TABLE):
            return []
        table, places = warehouse.quote(warehouse.control, RELATIONS_TABLE), ", ".join("?" * len(runs))
        rows = session.rows(
            f"select unique_id, relation, run_id from {table} where run_id in ({places})", runs
        )
    return [(str(unique_id), str(relation), str(run)) for unique_id, relation, run in rows]


def check_unpublished(warehouse: WarehouseConnection, schema: str) -> None:
    """Raise Rejected if a schema may not be written any more: what passed its checks stays as it is."""
    if any(is_in_release(name, schema) for name in list_kept_schemas(warehouse)):
        raise Rejected(
            f"build into {schema}",
            "readers see it, or may be led back to it",
            "Build into a schema of the attempt's own.",
        )
