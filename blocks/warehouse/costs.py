"""What runs cost in a warehouse: lines by run and stage, shared out to tickets, and the rest nobody caused."""

from __future__ import annotations

from blocks.query_tags import QueryTag
from blocks.records import Record


class CostLine(Record):
    """The queries of one tag. amount: in the unit of its Costs."""

    tag: QueryTag
    queries: int
    seconds: float
    amount: float


class Costs(Record):
    """Costs of the last `days` days. unit: `credits`, say; total: all that was billed, ours or not."""

    days: int
    unit: str
    lines: tuple[CostLine, ...]
    total: float

    @property
    def rest(self) -> float:
        """What was billed without being attributed to a run: idle time, very short queries, others' queries."""
        return self.total - sum(line.amount for line in self.lines)

    def by_run(self) -> dict[str, float]:
        """Amount by run."""
        shares: dict[str, float] = {}
        for line in self.lines:
            shares[line.tag.run] = shares.get(line.tag.run, 0.0) + line.amount
        return dict(sorted(shares.items()))

    def by_ticket(self) -> dict[str, float]:
        """Amount by ticket; a line of several tickets is shared equally, one of none is under ``''``."""
        shares: dict[str, float] = {}
        for line in self.lines:
            for key in line.tag.tickets or ("",):
                shares[key] = shares.get(key, 0.0) + line.amount / max(len(line.tag.tickets), 1)
        return dict(sorted(shares.items()))
