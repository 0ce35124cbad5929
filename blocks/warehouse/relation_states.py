"""What kept relations are made of, in the control table `fingerprints`: by it a release shows one of them again.

A line says of a relation that was published: which node it is of, its fingerprint (dbt/fingerprints.py), how long that
holds, its rows, and which run's gate judged it last. Where each node stands in which release is in `relations`
(release_history.py); a line here without one there counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from blocks.records import RelationState
from blocks.warehouse.control import LONGEST_DETAIL, insert_lines, now, split_lines
from blocks.warehouse.lease import fence_writes
from blocks.warehouse.release_history import RELATIONS_TABLE, list_kept_releases
from blocks.warehouse.settings import WarehouseConnection

TABLE = "fingerprints"
FINGERPRINTS = {
    "relation": "varchar",
    "unique_id": "varchar",
    "fingerprint": "varchar",
    "limited": "varchar",
    "row_count": "bigint",
    "judged_by": "varchar",
    "recorded_at": "timestamp",
}


def record_states(warehouse: WarehouseConnection, run: str, states: Sequence[RelationState]) -> None:
    """Write what a published run's relations are made of, in place of what was known of them. Raises LeaseLost."""
    known = [each for each in states if each.relation and each.fingerprint]
    kept = [each for each in known if len(each.fingerprint.encode()) <= LONGEST_DETAIL]
    if not kept:
        return
    table, at = warehouse.quote(warehouse.control, TABLE), now()
    lines = [
        (each.relation, each.unique_id, each.fingerprint, each.limited, each.rows, run, at) for each in kept
    ]
    with warehouse.session() as session:
        warehouse.make_schema(session, warehouse.control)
        warehouse.make_table(session, warehouse.control, TABLE, FINGERPRINTS)
        with fence_writes(warehouse, session):
            for part in split_lines([line[0] for line in lines]):
                places = ", ".join("?" * len(part))
                session.rows(f"delete from {table} where relation in ({places})", part)
            insert_lines(session, table, lines)


def read_states(warehouse: WarehouseConnection) -> list[RelationState]:
    """What is known of the relations that a kept release stands on, the newest of each node first."""
    runs = sorted({release.run for release in list_kept_releases(warehouse)})
    with warehouse.session() as session:
        if not runs or not warehouse.columns(session, warehouse.control, TABLE):
            return []
        table, kept = (warehouse.quote(warehouse.control, each) for each in (TABLE, RELATIONS_TABLE))
        places = ", ".join("?" * len(runs))
        rows = session.rows(
            "select unique_id, relation, fingerprint, limited, row_count, judged_by"
            f" from {table} where relation in (select relation from {kept} where run_id in ({places}))"
            " order by recorded_at desc, relation",
            runs,
        )
    return [
        RelationState(
            unique_id=unique_id,
            relation=relation,
            fingerprint=fingerprint,
            limited=limited or "",
            rows=count,
            judged_by=judged_by,
        )
        for unique_id, relation, fingerprint, limited, count, judged_by in rows
    ]


def read_judges(warehouse: WarehouseConnection, relations: Iterable[str]) -> set[str]:
    """The runs whose gates judged these relations last, as far as that is known."""
    wanted = sorted(set(relations))
    with warehouse.session() as session:
        if not wanted or not warehouse.columns(session, warehouse.control, TABLE):
            return set()
        table, places = warehouse.quote(warehouse.control, TABLE), ", ".join("?" * len(wanted))
        rows = session.rows(f"select distinct judged_by from {table} where relation in ({places})", wanted)
    return {str(run) for (run,) in rows}


def forget_states(warehouse: WarehouseConnection) -> None:
    """Take out what is known of relations that no kept release stands on any more. Raises LeaseLost."""
    with warehouse.session() as session:
        if not warehouse.columns(session, warehouse.control, TABLE):
            return
        table, kept = (warehouse.quote(warehouse.control, each) for each in (TABLE, RELATIONS_TABLE))
        with fence_writes(warehouse, session):
            session.rows(f"delete from {table} where relation not in (select relation from {kept})")
