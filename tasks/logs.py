"""What a container's log lines say beside their text: run, stage and ticket keys. Named in deploy/logging.yaml."""

from __future__ import annotations

import logging


class RunFilter(logging.Filter):
    """Adds `message`, `delivery_run`, `delivery_stage` and `tickets`, as the warehouse's queries carry them."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Pass every record on, with what is known."""
        from blocks.query_tags import (  # not at the top: logging is set up inside Prefect's import
            query_tag,
            read_tag,
        )

        record.message = record.getMessage()  # Prefect's formatter writes what a record holds
        if (tag := read_tag(query_tag())) and tag.run:
            record.delivery_run, record.delivery_stage, record.tickets = tag.run, tag.stage, list(tag.tickets)
        return True
