"""What a candidate's ticket is told of what became of it."""

from __future__ import annotations

from collections.abc import Sequence

from blocks.warehouse.approvals import Candidate, Step
from tasks.markdown import code

_MESSAGES = {
    Step.accepted: "was accepted: readers see exactly that, and newer data of the same definition from now on.",
    Step.rejected: "was sent back: readers never saw it. A changed definition is asked about again.",
    Step.expired: "expired without a word: readers never saw it. A changed definition is asked about again.",
    Step.withdrawn: "was withdrawn: the project makes it as readers see it again, and there is nothing to accept.",
}


def write_decision(candidate: Candidate, step: Step, newer: Sequence[str] = ()) -> str:
    """The comment in place of the question. newer: marts of which readers see newer rows than it holds."""
    what = f"{code(candidate.dashboard)} of run {code(candidate.run)}"
    text = f"### {str(step).capitalize()}\n\n{what} {_MESSAGES[step]}"
    if newer:
        marts = ", ".join(map(code, newer))
        text += (
            f" Of {marts} they see newer rows than it holds: these stay, and the next run builds them again."
        )
    return text
