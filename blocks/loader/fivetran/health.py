"""Whether a Fivetran connection can sync, and whether it brings what dbt declares. No requests are made here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from blocks.errors import ContractBroken, Misconfigured
from blocks.records import SourceTable

REASONS = {
    "incomplete": ("its setup is incomplete", "Finish its setup in Fivetran."),
    "broken": ("its setup is broken", "Repair it in Fivetran, then run again."),
}


def check_state(asked: str, details: Any) -> None:
    """Raise Misconfigured, with the reason, for a connection that can't sync: paused, incomplete or broken."""
    setup, state = details["status"]["setup_state"], details["status"]["sync_state"]
    if setup in REASONS:
        answer, remedy = REASONS[setup]
        why = ", ".join(part for part in (codes(details, "tasks"), failed_tests(details)) if part)
        raise Misconfigured(asked, f"{answer} ({why})" if why else answer, remedy)
    if details["paused"] or state == "paused":
        raise Misconfigured(asked, "the connection is paused", "Resume it in Fivetran.")


def codes(details: Any, kind: str) -> str:
    """The codes of a connection's `tasks` or `warnings`; their texts may hold anything, so they stay out."""
    found = [str(one.get("code", "")) for one in details["status"].get(kind) or []]
    return ", ".join(code for code in found if re.fullmatch(r"[\w. -]{1,80}", code))


def failed_tests(details: Any) -> str:
    """The titles of the setup tests that failed."""
    tests = [one for one in details.get("setup_tests") or [] if "FAILED" in str(one.get("status"))]
    titles = [str(one.get("title", "")) for one in tests]
    return ", ".join(title for title in titles if re.fullmatch(r"[\w. -]{1,80}", title))


def check_selected(tables: Sequence[SourceTable], schemas: Any) -> None:
    """Raise ContractBroken if a declared table or column is not selected for sync.

    Only what Fivetran lists can be judged: a column is listed once somebody has changed its setting. The rest
    shows in the warehouse after the sync.
    """
    for table in tables:
        label = f"load {table.full_name} from {table.schema_name}.{table.identifier}"
        for chosen, config in _found(table, schemas):
            if not chosen:
                raise ContractBroken(label, "the table is not selected in Fivetran", "Select it there.")
            columns = {_destination(name, one): one for name, one in (config.get("columns") or {}).items()}
            blocked = [
                column.name
                for column in table.columns
                if columns.get(column.name.lower(), {}).get("enabled") is False
            ]
            if blocked:
                raise ContractBroken(
                    label,
                    f"column {', '.join(blocked)} is missing: it is blocked in Fivetran",
                    "Unblock it there, or take it out of the dbt source and of what reads it.",
                )


def _found(table: SourceTable, schemas: Any) -> Iterator[tuple[bool, Any]]:
    """A table's settings: whether it is synced, and its columns'."""
    for name, schema in (schemas.get("schemas") or {}).items():
        if _destination(name, schema) == table.schema_name.lower():
            for key, config in (schema.get("tables") or {}).items():
                if _destination(key, config) == table.identifier.lower():
                    yield bool(schema.get("enabled") and config.get("enabled")), config


def _destination(name: str, config: Any) -> str:
    return str(config.get("name_in_destination") or name).lower()
