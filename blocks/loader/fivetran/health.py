"""Whether a Fivetran connection can sync, and whether it brings what dbt declares. No requests are made here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from blocks.errors import ContractBroken, Misconfigured, Unavailable
from blocks.loader.base import name_table
from blocks.loader.fivetran.responses import (
    ColumnSelection,
    Connection,
    Note,
    SchemaSelection,
    Selection,
    TableSelection,
)
from blocks.records import SourceTable

SETUP_PROBLEMS = {
    "incomplete": ("its setup is incomplete", "Finish its setup in Fivetran."),
    "broken": ("its setup is broken", "Repair it in Fivetran, then run again."),
}
PLAIN_NAME = re.compile(r"[\w. -]{1,80}")


def check_state(asked: str, connection: Connection) -> None:
    """Raise Misconfigured, with the reason, for a connection that can't sync: paused, incomplete or broken."""
    status = connection.status
    if status.setup_state in SETUP_PROBLEMS:
        answer, remedy = SETUP_PROBLEMS[status.setup_state]
        why = ", ".join(part for part in (list_codes(status.tasks), _list_failed_tests(connection)) if part)
        raise Misconfigured(asked, f"{answer} ({why})" if why else answer, remedy)
    if connection.paused or status.sync_state == "paused":
        raise Misconfigured(asked, "the connection is paused", "Resume it in Fivetran.")


def check_end(asked: str, connection: Connection) -> list[str]:
    """Return notes of a sync that succeeded. Raises for one that failed."""
    succeeded, failed, status = connection.succeeded_at, connection.failed_at, connection.status
    if failed and (not succeeded or failed > succeeded):
        tasks = list_codes(status.tasks)
        if tasks:
            raise Misconfigured(asked, f"the sync failed: {tasks}", "Do what Fivetran's dashboard asks for.")
        raise Unavailable(
            asked, f"the sync failed at {failed.isoformat()}", "Read its log in Fivetran's dashboard."
        )
    warnings = list_codes(status.warnings)
    return [f"Fivetran warns: {warnings}"] if warnings else []


def check_selected(tables: Sequence[SourceTable], selection: Selection) -> None:
    """Raise ContractBroken if a declared table or column is not selected for sync.

    Only what Fivetran lists can be judged: a column is listed once somebody has changed its setting. The rest
    shows in the warehouse after the sync.
    """
    for table in tables:
        with name_table(table):
            label = f"load {table.full_name} from {table.schema_name}.{table.identifier}"
            for selected, settings in _find_table(table, selection):
                if not selected:
                    raise ContractBroken(label, "the table is not selected in Fivetran", "Select it there.")
                off = {
                    _get_destination(name, column)
                    for name, column in (settings.columns or {}).items()
                    if column.enabled is False
                }
                blocked = [column.name for column in table.columns if column.name.lower() in off]
                if blocked:
                    raise ContractBroken(
                        label,
                        f"column {', '.join(blocked)} is missing: it is blocked in Fivetran",
                        "Unblock it there, or take it out of the dbt source and of what reads it.",
                        table.full_name,
                        blocked,
                    )


def list_codes(notes: Iterable[Note] | None) -> str:
    """List the codes of tasks or warnings; a code that is no plain name is left out."""
    return ", ".join(note.code for note in notes or () if PLAIN_NAME.fullmatch(note.code))


def _list_failed_tests(connection: Connection) -> str:
    titles = [test.title for test in connection.setup_tests or () if "FAILED" in test.status]
    return ", ".join(title for title in titles if PLAIN_NAME.fullmatch(title))


def _find_table(table: SourceTable, selection: Selection) -> Iterator[tuple[bool, TableSelection]]:
    """Yield whether a table is synced, and its settings."""
    for name, schema in (selection.schemas or {}).items():
        if _get_destination(name, schema) == table.schema_name.lower():
            for key, settings in (schema.tables or {}).items():
                if _get_destination(key, settings) == table.identifier.lower():
                    yield schema.enabled and settings.enabled, settings


def _get_destination(name: str, settings: SchemaSelection | TableSelection | ColumnSelection) -> str:
    return (settings.name_in_destination or name).lower()
