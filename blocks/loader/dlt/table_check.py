"""What is wrong with the declaration of a table that dlt loads, found without looking at its source."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from blocks.errors import Misconfigured, PlatformError
from blocks.loader.dlt.files.load import check_file_settings
from blocks.loader.dlt.rest.load import check_endpoint
from blocks.loader.dlt.table_config import check_settings, get_load_mode, require_setting
from blocks.loader.dlt.values import build_cast
from blocks.records import SourceTable

_REQUIRED = {"files": "path", "sql": "table", "rest": "endpoint"}


def require_kind(table: SourceTable) -> str:
    """`files`, `sql` or `rest`. Raises Misconfigured where the meta of a table and of its source say none of these."""
    kind = table.meta.get("kind")
    if str(kind) in _REQUIRED:
        return str(kind)
    problem = f"its meta kind is `{kind}`" if kind else "its source has no meta `kind`"
    raise Misconfigured(f"load {table.full_name}", problem, f"Use {', '.join(_REQUIRED)}.")


def find_table_faults(table: SourceTable, location: str | None = None) -> list[PlatformError]:
    """Every fault, in the words of the load that would end with it. location: the source's; None: nobody knows it."""
    try:
        kind = require_kind(table)
    except PlatformError as fault:
        return [fault]
    required = _REQUIRED[kind]
    checks: list[Callable[[], object]] = [
        lambda: require_setting(table, required),
        lambda: get_load_mode(table),
        lambda: check_settings(table),
        *([lambda: check_file_settings(table)] if kind == "files" else []),
        *([lambda: check_endpoint(table, location)] if kind == "rest" and location else []),
        *(lambda column=column: build_cast(column, "text") for column in table.columns),
    ]
    found: list[PlatformError] = []
    for check in checks:
        with suppress(
            KeyError, TypeError, AttributeError
        ):  # meta of the wrong kind, which is its own finding
            try:
                check()
            except PlatformError as fault:
                found.append(fault)
    return found
