"""Checks that an earlier gate has answered of the very same relations, in the same words: carried over by reference.

Only what passed or warned is carried, and each says which run evaluated it. Not here: when a relation is the same
(reuse.py), nor what a check's answer depends on, which whoever makes the check says in `made_of`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from blocks.hashing import hash_value
from blocks.records import BuildReport, Check, GateReport, MartDiff, State
from blocks.warehouse import control
from blocks.warehouse.base import Warehouse


@dataclass
class Carried:
    """What earlier gates found. checks: `made_of` → the checks of it; diffs: likewise; day: today's."""

    checks: dict[str, list[Check]] = field(default_factory=dict)
    diffs: dict[str, MartDiff] = field(default_factory=dict)
    day: str = ""

    def find(self, made_of: str) -> list[Check]:
        """The checks that were evaluated of this, for ever or for today; none if any of them did not pass."""
        found = self.checks.get(made_of) or self.checks.get(limit_to(made_of, self.day)) or []
        return found if made_of and all(check.passed and not check.not_run for check in found) else []


def limit_to(made_of: str, day: str) -> str:
    """What a check is made of whose answer holds for a day."""
    return hash_value(made_of, day)


def read_carried(warehouse: Warehouse, runs: Iterable[str], day: str = "") -> Carried:
    """What the gates of these runs found, as far as they passed."""
    carried = Carried(day=day)
    for run in sorted(set(runs)):
        detail = control.read_last_detail(warehouse, State.validated, run)
        gate = GateReport.model_validate_json(detail) if detail else None
        if gate is None or not gate.passed:
            continue
        found: dict[str, list[Check]] = {}
        for check in gate.checks:
            if check.made_of:
                made_by = check.made_by or gate.run
                found.setdefault(check.made_of, []).append(check.model_copy(update={"made_by": made_by}))
        carried.checks |= found
        carried.diffs |= {diff.made_of: diff for diff in gate.diffs if diff.made_of}
    return carried


def list_judges(build: BuildReport) -> set[str]:
    """The runs whose gates judged what a build shows again."""
    return {each.judged_by for each in build.reused if each.judged_by}
