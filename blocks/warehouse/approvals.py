"""Control's list of definitions that wait for somebody's word before readers see them, and of what was said.

A line for each step: awaiting, then accepted and promoted, or rejected, expired or superseded. The last line of a
dashboard and run is where it stands. What exactly waits is in the journal, with the state `awaiting` of the run. What
was asked on its ticket, and what had been said there before, is in a table of its own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from blocks.records import Record, State
from blocks.warehouse import control
from blocks.warehouse.control import insert_lines
from blocks.warehouse.lease import fence_writes
from blocks.warehouse.settings import WarehouseConnection

TABLE = "approvals"
COLUMNS = {
    "seq": "bigint",
    "dashboard": "varchar",
    "run_id": "varchar",
    "state": "varchar",
    "fingerprint": "varchar",
    "marts": "varchar",
    "reached_at": "timestamp",
}
QUESTIONS = {"dashboard": "varchar", "run_id": "varchar", "recorded_at": "timestamp", "detail": "varchar"}
EXPIRES = timedelta(days=14)
"""How long a candidate waits for a word."""


class Step(StrEnum):
    """Where a candidate stands. accepted: the word was said, and readers are about to see it; promoted: they do.

    withdrawn: the project is made as readers see it again, before anybody said a word, which its ticket has to hear.
    """

    awaiting = "awaiting"
    accepted = "accepted"
    promoted = "promoted"
    rejected = "rejected"
    expired = "expired"
    superseded = "superseded"
    withdrawn = "withdrawn"


class Approval(Record):
    """A step of a candidate. fingerprint: of the dashboard's whole definition; marts: of each of its marts' own.

    at: UTC, naive.
    """

    dashboard: str
    run: str
    step: Step
    fingerprint: str
    marts: dict[str, str] = Field(default_factory=dict)
    seq: int = 0
    at: datetime | None = None


class Candidate(Record):
    """What waits of a run: a dashboard, and those of its marts that are new or made otherwise, by their relations.

    approver: `requester` or `owner`; owner: who that is; fingerprints: of all its marts' definitions. named: a word
    for it has to name its run, as another one was asked about before. relations: id → relation of each node that only
    held marts are made of, which later runs go on from once it is accepted.
    """

    dashboard: str
    run: str
    ticket: str
    approver: str
    owner: str = ""
    fingerprint: str
    fingerprints: dict[str, str] = Field(default_factory=dict)
    marts: dict[str, str] = Field(default_factory=dict)
    relations: dict[str, str] = Field(default_factory=dict)
    named: bool = False

    def reach(self, step: Step) -> Approval:
        """A step of it."""
        return Approval(
            dashboard=self.dashboard,
            run=self.run,
            step=step,
            fingerprint=self.fingerprint,
            marts=self.fingerprints,
        )


class Candidates(Record):
    """All that waits of a run, as the journal keeps it."""

    items: tuple[Candidate, ...] = ()


class Question(Record):
    """What was asked on a candidate's ticket. fingerprint: of the definition that was asked about.

    seen: fingerprints of the comments that were there before; texts: of our comment, as it was and as it is to be.
    """

    fingerprint: str
    seen: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()


def read_question(warehouse: WarehouseConnection, candidate: Candidate) -> Question | None:
    """What was asked about exactly this candidate; None before that."""
    with warehouse.session() as session:
        if not warehouse.columns(session, warehouse.control, "questions"):
            return None
        table = warehouse.quote(warehouse.control, "questions")
        rows = session.rows(
            f"select detail from {table} where dashboard = ? and run_id = ?",
            (candidate.dashboard, candidate.run),
        )
    found = [Question.model_validate_json(str(detail)) for (detail,) in rows]
    return next((each for each in found if each.fingerprint == candidate.fingerprint), None)


def write_question(warehouse: WarehouseConnection, candidate: Candidate, question: Question) -> None:
    """Record what is asked, in place of what was before. Raises LeaseLost."""
    key = (candidate.dashboard, candidate.run)
    lines = [(*key, control.now(), question.model_dump_json())]
    control.replace_lines(warehouse, "questions", QUESTIONS, [key], lines)


def read_approvals(warehouse: WarehouseConnection) -> list[Approval]:
    """Every step, in order; empty where nothing ever waited."""
    with warehouse.session() as session:
        if not warehouse.columns(session, warehouse.control, TABLE):
            return []
        names = ", ".join(COLUMNS)
        rows = session.rows(
            f"select {names} from {warehouse.quote(warehouse.control, TABLE)} order by seq, dashboard"
        )
    return [
        Approval(seq=n, dashboard=d, run=r, step=Step(s), fingerprint=f, marts=json.loads(m or "{}"), at=at)
        for n, d, r, s, f, m, at in rows
    ]


def write_approvals(warehouse: WarehouseConnection, steps: Sequence[Approval]) -> None:
    """Add steps. Raises LeaseLost."""
    if not steps:
        return
    table = warehouse.quote(warehouse.control, TABLE)
    with warehouse.session() as session:
        warehouse.make_schema(session, warehouse.control)
        warehouse.make_table(session, warehouse.control, TABLE, COLUMNS)
        with fence_writes(warehouse, session):
            ((last,),) = session.rows(f"select max(seq) from {table}")
            now = control.now()
            insert_lines(
                session,
                table,
                [
                    (
                        (last or 0) + 1,
                        each.dashboard,
                        each.run,
                        each.step.value,
                        each.fingerprint,
                        json.dumps(each.marts, sort_keys=True),
                        now,
                    )
                    for each in steps
                ],
            )


def list_last(approvals: Sequence[Approval]) -> list[Approval]:
    """The last step of each candidate, the oldest first."""
    last = {(each.dashboard, each.run): each for each in approvals}
    return sorted(last.values(), key=lambda each: each.seq)


def read_candidates(warehouse: WarehouseConnection, run: str) -> tuple[Candidate, ...]:
    """What waits, or waited, of a run."""
    detail = control.read_last_detail(warehouse, State.awaiting, run)
    return Candidates.model_validate_json(detail).items if detail else ()


def find_candidate(warehouse: WarehouseConnection, step: Approval) -> Candidate | None:
    """The candidate that a step is of; None where the journal has forgotten it."""
    return next(
        (each for each in read_candidates(warehouse, step.run) if each.dashboard == step.dashboard), None
    )


def list_waiting_schemas(warehouse: WarehouseConnection) -> set[str]:
    """Schemas that candidates stand in, which nobody may write or drop while they wait."""
    waiting = {
        each.run
        for each in list_last(read_approvals(warehouse))
        if each.step in (Step.awaiting, Step.accepted)
    }
    return {
        relation.rsplit(".", 1)[0]
        for run in waiting
        for candidate in read_candidates(warehouse, run)
        for relation in (*candidate.marts.values(), *candidate.relations.values())
    }
