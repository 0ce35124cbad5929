"""How a table is loaded, as the meta of its dbt source says: mode, key, cursor. Add another setting here."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from importlib.util import find_spec

from blocks.errors import Misconfigured
from blocks.records import Column, SourceTable

MODES = ("append", "merge", "replace")
TABLE_SETTINGS = {
    *(
        "kind",
        "load",
        "key",
        "cursor",
        "lookback",
        "soft_delete",
        "compare_keys",
        "path",
        "format",
        "delimiter",
    ),
    *("final_newline", "skip_lines", "encoding", "empty_files", "members", "sheet", "unpacked_gb", "table"),
    *("endpoint", "records", "cursor_param", "paginator", "next", "page_param", "first_page", "page_size"),
    *("quarantine_budget", "quarantine_of", "null_values", "repeated_records"),
}
COLUMN_SETTINGS = {"origin", "required", "format", "decimal", "thousands", "round", "null_values", "epoch"}


def check_settings(table: SourceTable) -> None:
    """Raise Misconfigured for a setting that is written almost as one of ours, or two columns of one name.

    Others' meta is none of our business.
    """
    names = [column.name.casefold() for column in table.columns]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Misconfigured(
            f"load {table.full_name}",
            f"it declares column {', '.join(twice)} twice, but for upper and lower case",
            "Take one of both out of the dbt source.",
        )
    found = [(name, TABLE_SETTINGS, "its meta") for name in table.meta]
    for column in table.columns:
        found += [(name, COLUMN_SETTINGS, f"the meta of column {column.name}") for name in column.meta]
    for name, known, place in found:
        near = [] if name in known else get_close_matches(str(name).lower(), sorted(known), 1, cutoff=0.8)
        if near:
            raise Misconfigured(
                f"load {table.full_name}",
                f"{place} has `{name}`",
                f"Did you mean `{near[0]}`? Correct the dbt source.",
            )


def require_extra(table: SourceTable, module: str, extra: str) -> None:
    """Raise Misconfigured if a library that only some sources need is not installed."""
    if find_spec(module) is None:
        raise Misconfigured(
            f"load {table.full_name}", f"{module} is not installed", f"Install it: pip install '.[{extra}]'."
        )


def list_items(given: object) -> list[object]:
    """Return a setting that is one text or a list as a list. Raises TypeError for anything else."""
    if not isinstance(given, Iterable):
        raise TypeError("no list")
    return [given] if isinstance(given, str) else list(given)


def require_setting(table: SourceTable, name: str) -> str:
    """Return a text of the table's meta. Raises Misconfigured if it is missing."""
    value = table.meta.get(name)
    if not isinstance(value, str) or not value:
        raise Misconfigured(
            f"load {table.full_name}",
            f"its dbt source has no meta `{name}`",
            f"Add `{name}` to the table's meta.",
        )
    return value


def get_load_mode(table: SourceTable) -> str:
    """Return append, merge or replace. Raises Misconfigured if the other settings don't allow it."""
    chosen = table.meta.get("load", "append" if table.meta.get("kind") == "files" else "replace")
    names = {column.name for column in table.columns}
    flag = str(table.meta.get("soft_delete") or "")
    unknown = [name for name in [*get_key(table), get_cursor(table), flag] if name and name not in names]
    problem = ""
    if chosen not in MODES:
        problem = f"load `{chosen}` is none of {', '.join(MODES)}"
    elif chosen == "merge" and not get_key(table):
        problem = "load `merge` needs a `key`"
    elif chosen == "append" and table.meta.get("kind") != "files":
        problem = "load `append` is for files; rows read again would be there twice"
    elif unknown:
        problem = f"key, cursor and soft_delete must be declared columns: {', '.join(unknown)}"
    elif chosen != "merge" and (flag or table.meta.get("compare_keys")):
        problem = "soft_delete and compare_keys are for load `merge`"
    elif table.meta.get("compare_keys") and table.meta.get("kind") != "sql":
        problem = "compare_keys is for databases; nothing else lists its keys cheaply"
    if problem:
        raise Misconfigured(f"load {table.full_name}", problem, "Correct the meta of the dbt source.")
    return str(chosen)


def get_key(table: SourceTable) -> list[str]:
    """Return the columns that rows are merged by."""
    return [str(name) for name in list_items(table.meta.get("key", []))]


def get_cursor(table: SourceTable) -> str | None:
    """Return the name of the column that grows with every change, if the table has one."""
    return str(table.meta["cursor"]) if table.meta.get("cursor") else None


def find_cursor_column(table: SourceTable) -> Column | None:
    """Return the declared column of the cursor; None if there is no cursor, or it is not declared."""
    name = get_cursor(table)
    return next((column for column in table.columns if column.name == name), None)
