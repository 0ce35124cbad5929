"""Dremio's catalogue and jobs over an embedded DuckDB: what both faces, REST and Flight, answer from.

Statements run one at a time. Sources hold tables; spaces hold views in folders that must exist; a Nessie
source holds both, and branches. Refused here is what Dremio's reference says it refuses, and what it says is
in `asks` for a test to read.
"""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path as Folder
from typing import Any

import duckdb
import pyarrow as pa

from tests.dremio import sql as dialect
from tests.dremio.branches import Branches
from tests.dremio.refused import refusals
from tests.dremio.sql import SYSTEM, Path, Refused, bare, head, path_of, relation, translate

KINDS = {
    "VARCHAR": "CHARACTER VARYING",
    "BLOB": "BINARY VARYING",
    "HUGEINT": "BIGINT",
    "FLOAT": "FLOAT",
    "DOUBLE": "DOUBLE",
    "BIGINT": "BIGINT",
    "INTEGER": "INTEGER",
    "SMALLINT": "INTEGER",
    "TINYINT": "INTEGER",
    "BOOLEAN": "BOOLEAN",
    "DATE": "DATE",
    "TIMESTAMP": "TIMESTAMP",
    "TIME": "TIME",
    "DECIMAL": "DECIMAL",
}
CASES = " ".join(f"when data_type like '{ours}%' then '{theirs}'" for ours, theirs in KINDS.items())
OURS = f"schema_name not in ('{SYSTEM}', 'main', 'information_schema', 'pg_catalog') and not contains(schema_name, '@')"
BOOT = f"""
create schema {SYSTEM};
create view {SYSTEM}."tables" as
  select 'DREMIO' as TABLE_CATALOG, schema_name as TABLE_SCHEMA, table_name as TABLE_NAME, 'TABLE' as TABLE_TYPE
  from duckdb_tables() where {OURS}
  union all select 'DREMIO', schema_name, view_name, 'VIEW' from duckdb_views() where not internal and {OURS};
create view {SYSTEM}.views as
  select 'DREMIO' as TABLE_CATALOG, schema_name as TABLE_SCHEMA, view_name as TABLE_NAME, sql as VIEW_DEFINITION
  from duckdb_views() where not internal and {OURS};
create view {SYSTEM}.schemata as
  select distinct 'DREMIO' as CATALOG_NAME, schema_name as SCHEMA_NAME, 'SIMPLE' as "TYPE"
  from duckdb_schemas() where {OURS} and not internal;
create view {SYSTEM}.columns as
  select 'DREMIO' as TABLE_CATALOG, schema_name as TABLE_SCHEMA, table_name as TABLE_NAME,
    column_name as COLUMN_NAME, column_index as ORDINAL_POSITION,
    case when is_nullable then 'YES' else 'NO' end as IS_NULLABLE,
    case {CASES} else 'ANY' end as DATA_TYPE, numeric_precision as NUMERIC_PRECISION, numeric_scale as NUMERIC_SCALE,
    case when data_type = 'VARCHAR' then 65536 end as CHARACTER_MAXIMUM_LENGTH
  from duckdb_columns() where {OURS};
"""

LONGEST_FIELD = 32_000  # docs.dremio.com/25.x: limits, field size in records


@dataclass
class Job:
    """A statement that was taken. ends: polls until it shows its end; stuck: never, until it is cancelled."""

    id: str
    sql: str
    state: str = "COMPLETED"
    error: str = ""
    table: pa.Table | None = None
    rows: int | None = None
    polls: int = 0
    ends: int = 1
    stuck: bool = False


@dataclass
class Fault:
    """Something that goes wrong `times` times. on: part of "METHOD /path" or of a statement.

    what: an HTTP status; `cancelled`, `failed` or `stuck` for a job; `lost` runs the statement and drops the
    answer; `slow` makes the Flight answer wait.
    """

    on: str
    what: int | str
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)


class Engine:
    """The server's state. folders: NAS source → its folder on this machine. nessie: sources with branches."""

    def __init__(self, folders: dict[str, Folder], nessie: tuple[str, ...] = ()) -> None:
        self.connection, self.lock = duckdb.connect(), threading.RLock()
        self.connection.execute("set TimeZone = 'UTC'")
        self.connection.execute("set threads = 1")  # small data: more only wait for each other
        self.connection.execute(BOOT)
        self.folders, self.branches = folders, Branches(self, nessie)
        self.entities: dict[Path, dict[str, Any]] = {}
        self.reflections: dict[str, dict[str, Any]] = {}
        self.notes: dict[str, dict[str, Any]] = {}  # entity's id → its wiki, tag, grants
        self.keeps_notes = False  # whether a view that is replaced keeps them: the reference does not say
        self.jobs: dict[str, Job] = {}
        self.faults: list[Fault] = []
        self.asks: list[str] = []
        self.cancelled: list[str] = []
        self.before: Callable[[str], None] = lambda statement: None
        for name in (*folders, *nessie):
            self.add((name,), "source")

    # catalogue

    def add(self, path: Path, kind: str) -> dict[str, Any]:
        """A new entity of the catalogue."""
        entity = {"id": str(uuid.uuid4()), "path": list(path), "entityType": kind, "tag": str(uuid.uuid4())}
        self.entities[_key(path)] = entity
        if kind in {"space", "folder"}:
            self.connection.execute(f'create schema if not exists "{".".join(path)}"')
        return entity

    def find(self, path: Path) -> dict[str, Any] | None:
        """An entity by path; tables and views too, with an id that stays."""
        if _key(path) in self.entities:
            entity = self.entities[_key(path)]
            if entity["entityType"] != "dataset" or self.kind(path):
                return entity
            del self.entities[_key(path)]
        return self.add(path, "dataset") if len(path) > 1 and self.kind(path) else None

    def kind(self, path: Path, branch: str = "") -> str | None:
        """TABLE, VIEW, or None if there is none."""
        target = relation(path, {path[0]: branch} if branch else {})
        schema, name = (part[1:-1].replace('""', '"') for part in dialect.split(target))
        found = self.connection.execute(
            "select 'TABLE' from duckdb_tables() where lower(schema_name) = lower($1) and lower(table_name) = lower($2)"
            " union all"
            " select 'VIEW' from duckdb_views() where lower(schema_name) = lower($1) and lower(view_name) = lower($2)",
            [schema, name],
        ).fetchone()
        return found[0] if found else None

    def remove(self, identifier: str) -> bool:
        """Delete an entity with all it holds."""
        path = next((key for key, entity in self.entities.items() if entity["id"] == identifier), None)
        if path is None:
            return False
        for key in [key for key in self.entities if key[: len(path)] == path]:
            entity = self.entities.pop(key)
            if entity["entityType"] == "folder":
                self.connection.execute(f'drop schema if exists "{".".join(entity["path"])}" cascade')
        return True

    # statements

    def submit(self, sql: str, branches: dict[str, str] | None = None) -> Job:
        """Run a statement as a job; its failure is the job's."""
        job = Job(str(uuid.uuid4()), sql)
        fault = self.fault(sql, {"cancelled", "failed", "stuck"})
        with self.lock:
            self.jobs[job.id] = job
            if fault == "cancelled":
                job.state, job.error = "CANCELED", "Query cancelled by user 'admin'"
            elif fault == "failed":
                job.state, job.error = "FAILED", "SYSTEM ERROR: a node went away"
            elif fault == "stuck":
                job.stuck = True
            else:
                try:
                    job.table = self.run(sql, branches)
                    names = job.table.column_names
                    job.rows = job.table.column(0)[0].as_py() if names == ["Records"] else job.table.num_rows
                except Refused as error:
                    job.state, job.error = "FAILED", str(error)
        return job

    def run(self, sql: str, branches: dict[str, str] | None = None) -> pa.Table:
        """Run a statement to its Arrow result. Raises Refused."""
        with self.lock:
            self.asks.append(bare(sql))
            self.before(bare(sql))
            try:
                return self._run(bare(sql), branches or {})
            except duckdb.Error as error:
                raise Refused(f"VALIDATION ERROR: {str(error).splitlines()[0]}") from None

    def fault(self, text: str, kinds: set[str] | None = None) -> int | str | None:
        """The first fault that waits for this; kinds: only these."""
        with self.lock:
            for fault in self.faults:
                wanted = fault.what in kinds if kinds else not isinstance(fault.what, str)
                if fault.times > 0 and wanted and fault.on.lower() in text.lower():
                    fault.times -= 1
                    return fault.what
        return None

    def _run(self, sql: str, branches: dict[str, str]) -> pa.Table:
        start = head(sql)
        if any(len(text.encode()) > LONGEST_FIELD for text in re.findall(r"'((?:[^']|'')*)'", sql)):
            raise Refused(
                f"UNSUPPORTED_OPERATION ERROR: Field exceeds the size limit of {LONGEST_FIELD} bytes"
            )
        if start.startswith(("grant ", "revoke ")) or " refresh metadata" in start:
            return _said("ok")
        if re.match(r"(create|merge|drop) branch\b", start):
            return _said(self.branches.run(sql))
        if match := re.match(r"create folder (if not exists )?(.+)$", bare(sql), re.I | re.S):
            return self._create_folder(path_of(match[2]), bool(match[1]))
        if match := re.match(r"create (or replace )?(?:view|vds) (.+?)\s+as\b(.*)$", sql, re.I | re.S):
            return self._create_view(path_of(match[2]), match[3], bool(match[1]), branches)
        if match := re.match(
            r"create table (?:if not exists )?((?:\"(?:[^\"]|\"\")+\"|[\w.$@])+)", sql, re.I
        ):
            return self._create_table(path_of(match[1]), sql)
        if match := re.match(r"drop (table|view|vds) (if exists )?(.+)$", sql, re.I | re.S):
            return self._drop(match[1].upper(), path_of(match[3]), bool(match[2]), branches)
        if start.startswith("alter "):
            return self._alter(sql)
        if start.startswith("copy into"):
            return self._copy(sql)
        return self._query(sql, start, branches)

    def _query(self, sql: str, start: str, branches: dict[str, str]) -> pa.Table:
        if start.startswith(("select", "with", "(")) and (refused := refusals(sql)):
            raise Refused(f"PARSE ERROR: Failure parsing the query: {refused[0]}")
        table = self.connection.execute(translate(sql, branches)).to_arrow_table()
        if start.startswith(("insert", "merge", "update", "delete")):
            return pa.table(
                {"Records": pa.array([table.column(0)[0].as_py() if table.num_rows else 0], pa.int64())}
            )
        return on_the_wire(table)

    def _create_folder(self, path: Path, quietly: bool) -> pa.Table:
        if path[0] not in self.branches.sources:
            raise Refused("VALIDATION ERROR: CREATE FOLDER is supported for versioned sources only")
        if _key(path) in self.entities and not quietly:
            raise Refused("VALIDATION ERROR: Folder already exists")
        self.add(path, "folder")
        return _said("ok")

    def _create_view(self, path: Path, body: str, replace: bool, branches: dict[str, str]) -> pa.Table:
        if path[0] in self.folders:
            raise Refused(f"VALIDATION ERROR: Cannot create view in source [{path[0]}]")
        if _key(path[:-1]) not in self.entities:
            raise Refused(f"VALIDATION ERROR: The parent folder of {list(path)} doesn't exist")
        if self.kind(path, branches.get(path[0], "")) and not replace:
            raise Refused("VALIDATION ERROR: A non-view table or an existing view with that name is there")
        if refused := refusals(body):
            raise Refused(f"PARSE ERROR: Failure parsing the query: {refused[0]}")
        target = relation(path, branches)
        if not self.keeps_notes and not branches:
            self.entities.pop(_key(path), None)
        self.connection.execute(f"create schema if not exists {dialect.split(target)[0]}")
        self.connection.execute(f"create or replace view {target} as {translate(body, branches)}")
        self.branches.note(path, body, branches)
        return _said("View created")

    def _create_table(self, path: Path, sql: str) -> pa.Table:
        if path[0] not in self.folders and path[0] not in self.branches.sources:
            raise Refused(f"VALIDATION ERROR: [{'.'.join(path[:-1])}] does not support CREATE TABLE")
        body = re.split(r"\bas\b", dialect.CLAUSES.sub("", sql), maxsplit=1, flags=re.I)
        if len(body) > 1 and (refused := refusals(body[1])):
            raise Refused(f"PARSE ERROR: Failure parsing the query: {refused[0]}")
        if len(body) == 1 and (
            wrong := re.search(r"\b(text|smallint|tinyint|hugeint|string|json)\b", head(sql))
        ):
            raise Refused(f"VALIDATION ERROR: Invalid column type [`{wrong[1]}`]")
        self.connection.execute(f"create schema if not exists {dialect.split(relation(path))[0]}")
        quietly = bool(re.match(r"create table if not exists\b", head(sql)))
        if self.kind(path) and quietly:
            return _said("Table already exists")
        self.connection.execute(translate(sql) if len(body) > 1 else _plain(sql))
        return _said("Table created")

    def _drop(self, kind: str, path: Path, quietly: bool, branches: dict[str, str]) -> pa.Table:
        kind = "VIEW" if kind == "VDS" else kind
        found = self.kind(path, branches.get(path[0], ""))
        if found is None and quietly:
            return _said(f"{kind.title()} does not exist")
        if found != kind:
            raise Refused(f"VALIDATION ERROR: [{'.'.join(path)}] is not a {kind}" if found else "Not found")
        self.connection.execute(f"drop {kind} {relation(path, branches)}")
        entity = self.entities.pop(_key(path), None)
        if entity and not branches:
            self.reflections = {k: r for k, r in self.reflections.items() if r["datasetId"] != entity["id"]}
        self.branches.note(path, None, branches)
        return _said("Dropped")

    def _alter(self, sql: str) -> pa.Table:
        match = re.match(r"alter table (.+?) add columns \((.*)\)$", sql, re.I | re.S)
        if match is None:
            raise Refused("PARSE ERROR: this stand-in knows no such ALTER")
        for column in _columns(match[2]):
            self.connection.execute(f"alter table {relation(path_of(match[1]))} add column {column}")
        return _said("New columns added")

    def _copy(self, sql: str) -> pa.Table:
        pattern = r"copy into (.+?) from '@([^'/]+)/?((?:[^']|'')*)'\s+file_format 'parquet'\s*(\(.*\))?$"
        match = re.match(pattern, sql, re.I | re.S)
        if match is None:
            raise Refused("PARSE ERROR: this stand-in knows COPY INTO of Parquet folders only")
        if match[2] not in self.folders:
            raise Refused(f"VALIDATION ERROR: Source [{match[2]}] not found")
        folder = self.folders[match[2]] / match[3].replace("''", "'")
        files = sorted(str(path) for path in folder.rglob("*.parquet"))
        if not files:
            raise Refused(f"VALIDATION ERROR: No files found in {match[3]}")
        target = relation(path_of(match[1]))
        known = [row[0] for row in self.connection.execute(f"describe {target}").fetchall()]
        source = f"read_parquet({files!r}, union_by_name = true)"
        there = [row[0] for row in self.connection.execute(f"describe select * from {source}").fetchall()]
        shared = ", ".join(f'"{name}"' for name in known if name.lower() in {t.lower() for t in there})
        if not shared:
            raise Refused("DATA_READ ERROR: No column name matches target schema")
        count = self.connection.execute(
            f"insert into {target} ({shared}) select {shared} from {source}"
        ).fetchall()
        return pa.table({"Rows Inserted": pa.array([count[0][0]], pa.int64())})


def on_the_wire(table: pa.Table) -> pa.Table:
    """Types as Dremio sends them: no HUGEINT, no small integers, timestamps in ms, dates in 64 bits."""
    fields, columns = [], []
    for each, column in zip(table.schema, table.columns, strict=True):
        kind = each.type
        if pa.types.is_timestamp(kind):
            kind = pa.timestamp("ms")
        elif pa.types.is_decimal(kind) and kind.scale == 0 and kind.precision == 38:
            kind = pa.int64()
        elif pa.types.is_date(kind):
            kind = pa.date64()
        elif pa.types.is_int8(kind) or pa.types.is_int16(kind):
            kind = pa.int32()
        fields.append(pa.field(each.name, kind))
        columns.append(column if kind == each.type else column.cast(kind, safe=False))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def _plain(sql: str) -> str:
    """CREATE TABLE with columns, as DuckDB takes it."""
    match = re.match(r"create table (if not exists )?(.+?)\s*\((.*)\)\s*$", sql, re.I | re.S)
    assert match is not None, sql
    return f"create table {match[1] or ''}{relation(path_of(match[2]))} ({', '.join(_columns(match[3]))})"


def _columns(text: str) -> list[str]:
    """Column definitions, split at commas outside parentheses."""
    return [part.strip() for part in re.split(r",(?![^()]*\))", text)]


def _said(summary: str) -> pa.Table:
    return pa.table({"ok": [True], "summary": [summary]})


def _key(path: Path) -> Path:
    return tuple(part.lower() for part in path)
