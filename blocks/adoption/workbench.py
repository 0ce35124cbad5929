"""Data where they are, brought to an embedded DuckDB in memory: files, and samples of a database's tables.

A value's type is the narrowest that the loader itself would read it as, so that what is declared loads well.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from blocks.adoption.names import to_snake_case
from blocks.adoption.profile import TableProfile, is_included, profile_table
from blocks.deadline import Deadline
from blocks.duckdb_errors import hide_values
from blocks.errors import Misconfigured, PlatformError, replace_vendor_errors
from blocks.loader.dlt.contract import name_extra_columns
from blocks.loader.dlt.locations import split_location
from blocks.loader.dlt.sql.connections import connect, is_database, translate_error
from blocks.loader.dlt.values import build_cast
from blocks.records import Column, Record, SourceTable
from blocks.sql import quote_identifier, write_literal

if TYPE_CHECKING:
    import sqlalchemy as sa
    from duckdb import DuckDBPyConnection

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
}
MOST_ROWS, MOST_SAMPLED, MOST_TABLES, MOST_NAMED = 1_000_000, 20_000, 100, 5
DEADLINE_SECONDS = 300
_TYPES = ("integer", "bigint", "decimal(18,2)", "decimal(18,4)", "double", "date", "timestamp", "boolean")
_PLAIN = re.compile(r"[A-Za-z_]\w*")
_NUMBERS = ("decimal(18,2)", "decimal(18,4)", "double")


class _Spelling(NamedTuple):
    """What texts may be spelled as. sign: what one of them holds; pattern: what all match.

    readings: how the loader can be told to read them, a column's meta each, and the types to try, narrowest first.
    """

    looks_like: str
    sign: str
    pattern: str
    readings: tuple[tuple[dict[str, str], tuple[str, ...]], ...]


_SPELLINGS = (
    _Spelling(
        "numbers with a comma",
        ",",
        r"[+-]?(0|[1-9][0-9.]*)?(,[0-9]+)*(\.[0-9]+)?",
        (({"decimal": ",", "thousands": "."}, _NUMBERS), ({"thousands": ","}, _NUMBERS)),
    ),
    _Spelling(
        "dates such as 31.12.2026",
        "",
        r"[0-9]{1,2}[./][0-9]{1,2}[./][0-9]{2}([0-9]{2})?( [0-9:]+)?",
        tuple(
            ({"format": f"{day}{time}"}, (kind,))
            for day in ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y")
            for time, kind in (("", "date"), (" %H:%M", "timestamp"), (" %H:%M:%S", "timestamp"))
        ),
    ),
)
_CURSORS = ("updated_at", "modified_at", "changed_at", "last_modified", "updated_on", "modified_on")


class FoundTable(Record):
    """A table of a source, as it would be declared. meta: how it is loaded; columns: with types; profile: of its rows.

    key: of the source's own catalogue where it has one, else as found.
    """

    source: str
    name: str
    meta: dict[str, object]
    columns: tuple[Column, ...]
    profile: TableProfile

    @property
    def key(self) -> tuple[str, ...]:
        """Columns that tell its rows apart."""
        return self.profile.key


class Workbench:
    """Tables under study, each typed, under its own name. keep_names: columns are called as at their source.

    notes: what was left out, and texts that look like numbers or dates but can't be read as such.
    """

    def __init__(self, connection: DuckDBPyConnection, keep_names: bool) -> None:
        self._connection, self._keep = connection, keep_names
        self.tables: list[FoundTable] = []
        self.notes: list[str] = []

    def ask(self, sql: str) -> list[tuple[object, ...]]:
        """Rows of a query over the tables."""
        return self._connection.execute(sql).fetchall()

    def add(self, source: str, location: str) -> None:
        """Study all tables at a location. Raises Misconfigured if there is nothing to be read."""
        if is_database(location):
            self._add_database(source, location)
        elif "://" in location:
            raise Misconfigured(
                f"profile source {source}",
                "it is neither a folder nor a database",
                "Declare it by hand: see docs/loading.md.",
            )
        else:
            self._add_files(source, Path(location))
        if not any(table.source == source for table in self.tables):
            raise Misconfigured(
                f"profile source {source}",
                f"there is nothing to read at {split_location(source, location)[0]}",
                f"Give a folder of {', '.join(sorted(set(FORMATS)))} files, or a database's URL.",
            )

    def find_references(self) -> dict[tuple[str, str], tuple[str, str]]:
        """(table, column) → (table, its key): values that are all among another table's keys, named as it is."""
        found = {}
        for child in self.tables:
            for column in child.columns:
                for parent in self.tables:
                    if len(parent.key) == 1 and parent is not child and _is_reference(column.name, parent):
                        pair = (
                            self._quote_table(child),
                            column.name,
                            self._quote_table(parent),
                            parent.key[0],
                        )
                        if (
                            child.profile.rows
                            and _has_same_kind(child, column.name, parent)
                            and is_included(self.ask, *pair)
                        ):
                            found[child.name, column.name] = (parent.name, parent.key[0])
        return found

    def _quote_table(self, table: FoundTable) -> str:
        return quote_identifier(table.name)

    def _add_files(self, source: str, folder: Path) -> None:
        if unread := list_unread_files(folder):
            more = f" and {len(unread) - MOST_NAMED} more" if len(unread) > MOST_NAMED else ""
            message = f"not read: {', '.join(unread[:MOST_NAMED])}{more}; init reads {', '.join(FORMATS)}"
            self.notes.append(f"{message} (docs/loading.md says how a source of another format is declared)")
        for name, (path, form, files) in sorted(group_files(folder, source).items()):
            texts, meta = self._read_files(name, form, files)
            if texts:
                self._profile_texts(
                    source,
                    name,
                    {"path": path, "format": form, "load": "append", **meta},
                    dict.fromkeys(texts, ""),
                )

    def _read_files(self, name: str, form: str, files: Sequence[Path]) -> tuple[list[str], dict[str, object]]:
        """Make a table of texts of files; the names of its columns at the source, and more meta."""
        import duckdb

        listed = f"[{', '.join(write_literal(str(path), 'duckdb') for path in files)}]"
        meta: dict[str, object] = {}
        reader = {"parquet": "read_parquet"}.get(form, "read_json_auto")
        relation = f"{reader}({listed}, union_by_name = true)"
        if form == "csv":
            delimiter = _sniff_delimiter(files[0])
            meta = {} if delimiter == "," else {"delimiter": delimiter}
            options = "all_varchar = true, header = true, quote = '\"', escape = '\"', union_by_name = true"
            relation = f"read_csv({listed}, delim = {write_literal(delimiter, 'duckdb')}, {options})"

        def translate(error: BaseException) -> Misconfigured:
            answer = " ".join(hide_values(str(error)).split())
            return Misconfigured(f"profile {files[0].name}", answer, "Mend the file, or take it away.")

        with replace_vendor_errors(duckdb.Error, translate):
            self._connection.execute(
                f"create or replace table texts as select * from {relation} limit {MOST_ROWS}"
            )
        described = [str(row[0]) for row in self.ask("describe texts")]
        casts = ", ".join(
            f"cast({quote_identifier(each)} as varchar) as {quote_identifier(each)}" for each in described
        )
        self._connection.execute(f"create or replace table texts as select {casts} from texts")
        return described, meta

    def _add_database(self, source: str, location: str) -> None:
        import pyarrow as pa
        import sqlalchemy as sa

        bare, login = split_location(source, location)
        problem: PlatformError | None = None
        try:
            with connect(bare, login, Deadline(f"profile {source}", DEADLINE_SECONDS)) as engine:
                inspector = sa.inspect(engine)
                places = list_tables(inspector)
                if len(places) > MOST_TABLES:
                    left = ", ".join(list(places)[MOST_TABLES:])
                    self.notes.append(f"not read: {left}; declare them by hand (docs/loading.md)")
                for place, (schema, name) in list(places.items())[:MOST_TABLES]:
                    types, rows = _read_sample(engine, inspector, schema, name)
                    arrow = pa.table(
                        {
                            each: pa.array(column, pa.string())
                            for each, column in zip(types, rows, strict=True)
                        }
                    )
                    self._connection.register("sampled", arrow)
                    self._connection.execute("create or replace table texts as select * from sampled")
                    self._connection.unregister("sampled")
                    found = inspector.get_pk_constraint(name, schema).get("constrained_columns")
                    key = tuple(found or ())
                    table = f"{schema}.{name}" if schema else name
                    full = len(rows[0]) < MOST_SAMPLED if rows else True
                    self._profile_texts(
                        source, place, {"table": table, "load": "replace"}, types, key, not full
                    )
        except sa.exc.SQLAlchemyError as error:
            problem = translate_error(f"profile {source}", error)
            if problem is None:
                raise
        if problem:
            raise problem

    def _profile_texts(
        self,
        source: str,
        name: str,
        meta: dict[str, object],
        declared: Mapping[str, str],
        key: Sequence[str] = (),
        sampled: bool = False,
    ) -> None:
        """Type the table `texts`, keep it under the table's name, and profile it.

        declared: its columns with the types that its database has for them, empty where none is known.
        """
        origins = list(declared)
        names = self._name_columns(origins)
        table = to_snake_case(name)
        columns = [
            self._read_spelling(table, self._type_column(names[each], each, declared[each]))
            for each in origins
        ]
        typed = ", ".join(
            f"{build_cast(each, quote_identifier(each.origin))} as {quote_identifier(each.name)}"
            for each in columns
        )
        self._connection.execute(
            f"create or replace table {quote_identifier(table)} as select {typed} from texts"
        )
        types = {str(row[0]): str(row[1]) for row in self.ask(f"describe {quote_identifier(table)}")}
        profile = profile_table(self.ask, table, quote_identifier(table), types, sampled)
        if key or sampled:
            profile = profile.model_copy(update={"key": tuple(names[each] for each in key)})
        cursor = next(
            (each for each in columns if each.name.lower() in _CURSORS and each.data_type == "timestamp"),
            None,
        )
        if cursor and profile.key and "table" in meta:
            meta = {**meta, "load": "merge", "key": list(profile.key), "cursor": cursor.name}
        required = {*profile.key, *([cursor.name] if cursor and meta.get("cursor") else [])}
        columns = [each.model_copy(update={"required": each.name in required}) for each in columns]
        self.tables.append(
            FoundTable(source=source, name=table, meta=meta, columns=tuple(columns), profile=profile)
        )

    def _read_spelling(self, table: str, column: Column) -> Column:
        """A text as the numbers or dates that its values are spelled as, if that can be meant in one way only."""
        if column.data_type != "varchar":
            return column
        text = quote_identifier(str(column.origin))
        for spelling in _SPELLINGS:
            like = f"case when regexp_full_match(trim({text}), '{spelling.pattern}') then 1 end"
            signed = self.ask(f"select count(*) from texts where contains({text}, '{spelling.sign}')")[0][0]
            if not signed or not self._find_fitting([like], text):
                continue
            found: list[Column] = []
            for meta, types in spelling.readings:
                known = [column.model_copy(update={"data_type": each, "meta": meta}) for each in types]
                fitting = self._find_fitting([build_cast(each, text) for each in known], text)
                found += [known[place] for place in fitting[:1]]
            if len(found) == 1:
                return found[0]
            why = "can be read in two ways" if found else "no load reads as they are"
            self.notes.append(
                f"{table}.{column.name} stays a text: its values look like {spelling.looks_like}, which {why}; declare "
                "its `meta.format`, `decimal` or `thousands` (docs/loading.md), or convert it in its staging model"
            )
        return column

    def _find_fitting(self, casts: Sequence[str], text: str) -> list[int]:
        """The places of the casts that read all texts of a column that are there."""
        counts = ", ".join(f"count({cast})" for cast in casts)
        ((filled, *read),) = self.ask(f"select count({text}), {counts} from texts where trim({text}) <> ''")
        return [place for place, count in enumerate(read) if filled and count == filled]

    def _name_columns(self, origins: Sequence[str]) -> dict[str, str]:
        if self._keep and all(_PLAIN.fullmatch(each) for each in origins):
            return {each: each.lower() for each in origins}
        empty = SourceTable(source="", name="", schema_name="", identifier="", loader="", meta={})
        return name_extra_columns(empty, origins)

    def _type_column(self, name: str, origin: str, declared: str) -> Column:
        """Its database's type, else the narrowest as which the loader reads every text; codes with zeros stay texts."""
        text = quote_identifier(origin)
        if declared:
            known = Column(name=name, origin=origin, data_type=declared)
            ((filled, read),) = self.ask(f"select count({text}), count({build_cast(known, text)}) from texts")
            if filled == read:
                return known
        candidates = [Column(name=name, origin=origin, data_type=kind) for kind in _TYPES]
        casts = ", ".join(f"count({build_cast(each, text)})" for each in candidates)
        ((filled, zeros, longest, words, *fitting),) = self.ask(
            f"select count({text}), count(*) filter (where regexp_matches({text}, '^[+-]?0[0-9]')),"
            f" max(length({text})), count(*) filter (where lower({text}) in ('true', 'false')), {casts} from texts"
        )
        for column, fits in zip(candidates, fitting, strict=True):
            kind = str(column.data_type)
            wrong = (
                (kind not in ("date", "timestamp", "boolean") and zeros)
                or (kind == "date" and int(str(longest or 0)) > 10)
                or (kind == "boolean" and words != filled)
            )
            if filled and fits == filled and not wrong:
                return column
        return Column(name=name, origin=origin, data_type="varchar")


@contextmanager
def open_workbench(keep_names: bool) -> Iterator[Workbench]:
    """An empty one, in memory."""
    import duckdb

    connection = duckdb.connect(config={"memory_limit": "1GB", "threads": 2})
    try:
        connection.execute("set time zone 'UTC'")
        yield Workbench(connection, keep_names)
    finally:
        connection.close()


def group_files(folder: Path, source: str) -> dict[str, tuple[str, str, list[Path]]]:
    """Table → (glob under the folder, format, files): files of one name but for numbers are parts of one table.

    Files in a folder of their own are one table, called as the folder. Two levels deep.
    """
    groups: dict[tuple[str, str, str], list[Path]] = defaultdict(list)
    for path in _list_files(folder):
        inside = path.relative_to(folder).parts
        if path.suffix.lower() in FORMATS:
            stem = "" if len(inside) > 1 else re.sub(r"[\d_\W]+$|^[\d_\W]+(?=[A-Za-z]|$)", "", path.stem)
            groups[inside[0] if len(inside) > 1 else "", stem, path.suffix].append(path)
    found = {}
    for (parent, stem, suffix), files in groups.items():
        alone = len(files) == 1
        name = to_snake_case(parent or (files[0].stem if alone else stem) or source)
        under = f"{parent}/" if parent else ""
        pattern = files[0].name if alone and not parent else f"{stem}*{suffix}"
        found[name] = (f"{under}{pattern}", FORMATS[suffix.lower()], files)
    return found


def list_unread_files(folder: Path) -> list[str]:
    """Files in a format that is not read here, by their paths under the folder."""
    unread = (path for path in _list_files(folder) if path.suffix.lower() not in FORMATS)
    return [path.relative_to(folder).as_posix() for path in unread]


def _list_files(folder: Path) -> list[Path]:
    """Files of the folder, and of those right in it, in order; hidden ones aside."""
    return [
        path
        for path in sorted([*folder.glob("*"), *folder.glob("*/*")])
        if path.is_file() and not any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
    ]


def _sniff_delimiter(path: Path) -> str:
    with path.open(encoding="utf-8-sig", errors="replace") as content:
        header = content.readline()
    return max(",;\t|", key=header.count)


def list_tables(inspector: sa.Inspector) -> dict[str, tuple[str | None, str]]:
    """What each table is called here → its schema, none for the usual one, and its name.

    PostgreSQL's and SQL Server's schemas are parts of one database, so the tables of all are listed; those of another
    schema bear its name before theirs where another table has the same.
    """
    found: dict[str, tuple[str | None, str]] = {name: (None, name) for name in inspector.get_table_names()}
    if inspector.dialect.name not in {"postgresql", "mssql"}:
        return found
    own = {inspector.default_schema_name, "information_schema", "sys", "guest", "INFORMATION_SCHEMA"}
    for schema in inspector.get_schema_names():
        if schema not in own and not schema.startswith(("pg_", "db_")):
            for name in inspector.get_table_names(schema):
                found[f"{schema}_{name}" if name in found else name] = (schema, name)
    return found


def _read_sample(
    engine: sa.Engine, inspector: sa.Inspector, schema: str | None, name: str
) -> tuple[dict[str, str], list[list[str | None]]]:
    """A table's columns with the types of its catalogue, and its first rows as texts, by column; none of bytes."""
    import sqlalchemy as sa

    kinds = [(str(each["name"]), each["type"]) for each in inspector.get_columns(name, schema)]
    types = {each: _find_type(kind) for each, kind in kinds if not isinstance(kind, sa.LargeBinary)}
    place = sa.table(name, schema=schema)
    query = sa.select(*(sa.column(each) for each in types)).select_from(place).limit(MOST_SAMPLED)
    with engine.connect() as connection:
        rows = connection.execute(query).fetchall()
    return types, [[_write(row[at]) for row in rows] for at in range(len(types))]


def _find_type(kind: object) -> str:
    """The type to declare for a column of a database's catalogue; empty where that leaves it to the values."""
    import sqlalchemy as sa

    if isinstance(kind, sa.Numeric) and not isinstance(kind, sa.Float):
        return f"decimal({kind.precision},{kind.scale or 0})" if kind.precision else ""
    known: tuple[tuple[type, str], ...] = (
        (sa.BigInteger, "bigint"),
        (sa.Integer, "integer"),
        (sa.Float, "double"),
        (sa.Boolean, "boolean"),
        (sa.DateTime, "timestamp"),
        (sa.Date, "date"),
    )
    return next((name for group, name in known if isinstance(kind, group)), "")


def _write(value: object) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_reference(column: str, parent: FoundTable) -> bool:
    """True if a column's name is that of another table's key: `customer_id`, `customer`, or the key itself."""
    key, name = parent.key[0], column.lower()
    singular = re.sub(r"ies$", "y", parent.name)
    singular = singular[:-1] if singular.endswith("s") and not singular.endswith("ss") else singular
    words = {singular, singular.split("_")[-1], parent.name}
    names = {*words, *(f"{each}_{key}" for each in words), *(f"{each}_id" for each in words)}
    return name in names or (
        name == key and (_is_named_for(key) or (len(key) > 3 and parent.name.startswith(key)))
    )


def _is_named_for(key: str) -> bool:
    return key.endswith(("_id", "_key", "_code", "sku", "_no")) or (
        key.endswith(("nr", "nummer")) and len(key) > len("nummer")
    )


def _has_same_kind(child: FoundTable, column: str, parent: FoundTable) -> bool:
    kinds: Mapping[str, str] = {each.name: each.data_type for each in child.profile.columns}
    others = {each.name: each.data_type for each in parent.profile.columns}
    return kinds[column].partition("(")[0] == others[parent.key[0]].partition("(")[0]
