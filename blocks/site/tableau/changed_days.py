"""What of an extract changed since it was last published, day by day: these days alone can then be replaced.

A state of what the site has is kept beside the pictures: rows and a hash of each day. It holds only as long as nobody
else changed the data source: the site says when that was last done, and the state is of that moment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from blocks.catalogue import Dataset
from blocks.records import Record
from blocks.site.hyper import find_hyper_types, write_hyper
from blocks.sql import quote_identifier
from blocks.whole_file import write_whole

FILE = "extracts.json"
MOST_CHANGED = 0.5  # of all rows; beyond that the whole extract is no dearer
ROWS, DAYS = "rows", "days"
"""The tables of a payload, in schema Extract: the new rows of the days that changed, and these days."""
Days = Mapping[str, tuple[int, str]]


class ExtractState(Record):
    """An extract as it was published. made: what its hashes depend on beside the rows; columns: Hyper's types.

    days: rows and hash of each day ("": of the rows without one); stamp: of the site's copy.
    """

    made: str
    columns: dict[str, str]
    days: dict[str, tuple[int, str]]
    stamp: str = ""

    @property
    def rows(self) -> int:
        """All of them."""
        return sum(rows for rows, _ in self.days.values())

    def list_changed(self, new: ExtractState) -> list[str]:
        """The days that differ in the new one, in order."""
        days = {*self.days, *new.days}
        return sorted(day for day in days if self.days.get(day) != new.days.get(day))


class Change(NamedTuple):
    """The days to replace. path: of the payload; removed, added: rows."""

    path: Path
    days: tuple[str, ...]
    removed: int
    added: int


def read_state(path: Path, dataset: Dataset) -> ExtractState | None:
    """The state of a dataset's extract (a Parquet file); None where there are no days to tell apart."""
    import duckdb

    columns = find_hyper_types(path)
    if not dataset.time or columns.get(dataset.time) != "DATE":
        return None
    day = quote_identifier(dataset.time)
    names = ", ".join(map(quote_identifier, sorted(columns)))
    query = (
        f"SELECT coalesce({day}::VARCHAR, ''), count(*), sum(hash({names}))::VARCHAR FROM extract GROUP BY 1"
    )
    with duckdb.connect(config={"memory_limit": "1GB"}) as connection:
        rows = connection.read_parquet(str(path)).query("extract", query).fetchall()
    made = f"{duckdb.__version__} {dataset.time_zone}"
    return ExtractState(
        made=made, columns=columns, days={name: (count, total) for name, count, total in rows}
    )


def find_reason_for_all(old: ExtractState | None, new: ExtractState | None, stamp: str) -> str:
    """Why the whole extract has to be sent; empty if days will do. stamp: of the site's copy now."""
    if new is None:
        return "it has no days to tell apart"
    if old is None or old.stamp != stamp:
        return "what the site has is not known to be ours"
    if (old.made, old.columns) != (new.made, new.columns):
        return "its columns or how they are compared have changed"
    changed = old.list_changed(new)
    if "" in changed:
        return "rows without a day have changed"
    rows = sum(each.days.get(day, (0, ""))[0] for each in (old, new) for day in changed)
    return "more than half of it has changed" if rows > MOST_CHANGED * (old.rows + new.rows) else ""


def write_change(
    path: Path, dataset: Dataset, old: ExtractState, new: ExtractState, target: Path
) -> Change | None:
    """Write a payload with the days that changed of an extract (a Parquet file) as a .hyper file.

    None if its columns would be of other types than the whole extract's, which are chosen by their values.
    """
    import duckdb

    days = old.list_changed(new)
    time = quote_identifier(str(dataset.time))
    parts = {name: target.with_suffix(f".{name}.parquet") for name in (ROWS, DAYS)}
    try:
        with duckdb.connect(config={"memory_limit": "1GB"}) as connection:
            whole = connection.read_parquet(str(path))
            connection.execute(f"CREATE TABLE days ({time} DATE)")
            if days:
                connection.executemany("INSERT INTO days VALUES (?)", [[day] for day in days])
            rows = whole.query("extract", f"SELECT * FROM extract WHERE {time} IN (SELECT {time} FROM days)")
            rows.write_parquet(str(parts[ROWS]))
            connection.table("days").write_parquet(str(parts[DAYS]))
        if find_hyper_types(parts[ROWS]) != new.columns:
            return None
        added = write_hyper(parts, target, time_zone=dataset.time_zone)[ROWS]
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
    removed = sum(old.days.get(day, (0, ""))[0] for day in days)
    return Change(target, tuple(days), removed, added)


def list_actions(dataset: Dataset) -> list[dict[str, object]]:
    """What the site is to do with a payload, in its Hyper Update API's words: drop the days, take in their rows."""
    tables = {"source-schema": "Extract", "target-schema": "Extract", "target-table": "Extract"}
    same_day = {"op": "eq", "source-col": dataset.time, "target-col": dataset.time}
    return [
        {"action": "delete", **tables, "source-table": DAYS, "condition": same_day},
        {"action": "insert", **tables, "source-table": ROWS},
    ]


class ExtractStates:
    """The states of a dashboard's data sources, by name, in a file of its folder that stays."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def read(self, name: str) -> ExtractState | None:
        """The state of a data source; None if there is none that can be read."""
        try:
            return ExtractState.model_validate(self._read()[name])
        except (KeyError, ValueError, TypeError):
            return None

    def write(self, name: str, state: ExtractState | None) -> None:
        """Write a state down, or drop it: what is being changed is not known until it is done."""
        kept = {key: value for key, value in self._read().items() if key != name}
        if state is not None:
            kept[name] = state.model_dump(mode="json")
        write_whole(self._path, json.dumps(kept))

    def _read(self) -> dict[str, object]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
