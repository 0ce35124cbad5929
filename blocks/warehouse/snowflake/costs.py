"""What runs cost in credits, by the tags of their queries, from Snowflake's own account of itself.

ACCOUNT_USAGE comes late: queries after 45 minutes, their credits after up to 8 hours. Very short queries and
idle time are attributed to nobody there; they are the rest of what the warehouse was billed.
"""

from __future__ import annotations

from blocks.query_tags import read_tag
from blocks.warehouse.base import Session
from blocks.warehouse.costs import CostLine, Costs

QUERIES = """
select h.query_tag, count(*), sum(h.total_elapsed_time) / 1000,
    sum(coalesce(a.credits_attributed_compute, 0) + coalesce(a.credits_used_query_acceleration, 0))
from snowflake.account_usage.query_history h
left join snowflake.account_usage.query_attribution_history a on h.query_id = a.query_id
where h.start_time >= dateadd(day, ?, current_timestamp()) and h.warehouse_name = ? and h.query_tag <> ''
group by h.query_tag
"""
BILLED = """
select coalesce(sum(credits_used), 0) from snowflake.account_usage.warehouse_metering_history
where start_time >= dateadd(day, ?, current_timestamp()) and warehouse_name = ?
"""


def read_costs(session: Session, warehouse: str, days: int) -> Costs:
    """Costs of one virtual warehouse."""
    name = warehouse.upper()
    lines = []
    for text, queries, seconds, credits_ in session.rows(QUERIES, (-days, name)):
        if tag := read_tag(text):
            line = CostLine(tag=tag, queries=queries, seconds=float(seconds), amount=float(credits_))
            lines.append(line)
    ((billed,),) = session.rows(BILLED, (-days, name))
    return Costs(days=days, unit="credits", lines=tuple(lines), total=float(billed))
