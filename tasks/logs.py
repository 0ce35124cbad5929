"""Which delivery a log line belongs to: run, stage and ticket keys on every record. Named in deploy/logging.yaml."""

from __future__ import annotations

import logging


class RunFilter(logging.Filter):
    """Adds `delivery_run`, `delivery_stage` and `tickets`, as the flows have said them for the warehouse's queries."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Pass every record on, with what is known."""
        from blocks.warehouse.tags import (  # not at the top: logging is set up inside Prefect's import
            query_tag,
            read_tag,
        )

        if (tag := read_tag(query_tag())) and tag.run:
            record.delivery_run, record.delivery_stage, record.tickets = tag.run, tag.stage, list(tag.tickets)
        return True
