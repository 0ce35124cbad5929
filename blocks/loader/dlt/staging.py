"""The staging table, in an embedded DuckDB: values get their types here, and bad rows their reasons.

Constant memory: DuckDB spills to the working folder. Not here: how a source is read (files, sql, rest), and what
goes to the warehouse (batches).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from blocks.errors import BadInput, ContractBroken, replace_vendor_errors
from blocks.loader.dlt.contract import MISSPELLED, NO_OBJECT, TextRelation, build_rejection_reason
from blocks.loader.dlt.load_context import LoadContext
from blocks.loader.dlt.table_config import get_cursor, get_load_mode
from blocks.loader.dlt.values import (
    DUCKDB,
    build_cast,
    build_direct_cast,
    build_loose_cast,
    build_text,
    drop_spelling,
    get_type,
)
from blocks.records import Column, SourceTable
from blocks.sql import quote_identifier, write_literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MEMORY = "400MB"
WIDE = 100  # columns; DuckDB keeps blocks of each, so that a table of more takes a megabyte a column besides
# the item, and the reason that most of its rows are rejected for; `missing` is no change of type
MOST_COMMON_REASON = (
    "select b._item, b.part from (select _item, part, count(*) as n from"
    " (select _item, unnest(string_split(_reason, '; ')) as part from staged where _reason is not null)"
    " group by all) b join (select _item, count(*) as n from staged group by all) a"
    " on a._item is not distinct from b._item"
    " where b.n > 1 and b.n * 2 > a.n and b.part not like '%: missing'"
    " order by b.n desc, b._item, b.part limit 1"
)


class Staging:
    """The rows of one table's load, in the table `staged`.

    extras: undeclared name at the source → its column; several may have the same. added: these columns. Beside the
    data: `_item`, of good and bad rows; `_row` and `_reason`, of bad ones; `_cursor`, the cursor's value as the source
    writes it; `_order`, of items.
    """

    def __init__(
        self,
        context: LoadContext,
        table: SourceTable,
        connection: DuckDBPyConnection,
        extras: Mapping[str, str],
    ) -> None:
        self.context, self.table, self.extras, self.connection = context, table, dict(extras), connection
        body = [f"{quote_identifier(column.name)} {get_type(column)}" for column in table.columns]
        texts = [*self.added, "_item", "_row", "_reason", "_cursor"]
        body += [*(f"{quote_identifier(text)} varchar" for text in texts), "_order bigint"]
        if len(body) > WIDE:
            self.execute(f"set memory_limit = '{400 + len(body)}MB'")
        self.execute(f"create or replace table staged ({', '.join(body)})")
        if get_load_mode(table) == "merge":  # of two rows alike the later one stays
            self.execute("set preserve_insertion_order = true")

    @property
    def columns(self) -> list[str]:
        """Return the data columns, quoted."""
        return [
            quote_identifier(name) for name in [*(column.name for column in self.table.columns), *self.added]
        ]

    @property
    def added(self) -> list[str]:
        """Return the columns that are not declared."""
        return list(dict.fromkeys(self.extras.values()))

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return all its rows."""
        self.context.deadline.check()
        result: list[tuple[Any, ...]] = self.connection.execute(sql, list(parameters)).fetchall()
        return result

    def add_rows(self, source: TextRelation, parameters: Sequence[object]) -> None:
        """Stage a source's rows: s0, s1, ... are their texts, t0, t1, ... the declared columns' values."""
        declared = self.table.columns
        names = [column.origin for column in declared]
        names += [next(iter(self._list_origins(source, name)), name) for name in self.added]
        texts = [source.texts.get(column.origin, "null") for column in declared]
        texts += [self._select_extra(source, name) for name in self.added]
        texts = [
            *(build_text(self.table, c, t) for c, t in zip(declared, texts, strict=False)),
            *texts[len(declared) :],
        ]
        selected = [f"{text} as s{at}" for at, text in enumerate(texts)]
        selected += [f"{source.row} as r", f"{source.item} as i", f"{source.problem} as p"]
        selected += [f"{source.order} as o"]
        native = {at: source.find_native(column) for at, column in enumerate(declared)}
        direct = {at: self._build_direct(source, column) for at, column in enumerate(declared)}
        selected += [f"{value} as d{at}" for at, value in direct.items() if value]
        selected += [f"{condition} as n{at}" for at, condition in native.items() if condition]
        casts = {at: build_loose_cast(c, f"s{at}") for at, c in enumerate(declared) if not direct[at]}
        loose = ["*", *(f"{cast} as l{at}" for at, cast in casts.items() if cast)]
        values = [
            "*",
            *(
                f"{f'd{at}' if direct[at] else _build_value(c, at, bool(native[at]))} as t{at}"
                for at, c in enumerate(declared)
            ),
        ]
        picked = [f"{'t' if at < len(declared) else 's'}{at}" for at in range(len(texts))]
        # made of the values for bad rows only: for all rows it would cost as much as the casts
        pairs = [
            f"{write_literal(name, DUCKDB)}, s{at}" for at, name in enumerate(names) if texts[at] != "null"
        ]
        row = f"case when w is not null then coalesce(r, json_object({', '.join(pairs)})::varchar) end"
        cursor = next(
            (f"s{at}" for at, column in enumerate(declared) if column.name == get_cursor(self.table)), "null"
        )
        picked += ["i", row, "w", cursor, "o"]
        reason = build_rejection_reason(self.table)
        self.execute(
            f"insert into staged select {', '.join(picked)} from (select *, {reason} as w from"
            f" (select {', '.join(values)} from (select {', '.join(loose)}"
            f" from (select {', '.join(selected)} from {source.relation}))))",
            parameters,
        )

    def _build_direct(self, source: TextRelation, column: Column) -> str:
        found = source.typed.get(column.origin)
        return build_direct_cast(self.table, column, *found) if found else ""

    def _list_origins(self, source: TextRelation, name: str) -> list[str]:
        """List what a column that is not declared is called in a relation; in one file it has one name."""
        return [origin for origin, extra in self.extras.items() if extra == name and origin in source.texts]

    def _select_extra(self, source: TextRelation, name: str) -> str:
        found = [source.texts[origin] for origin in self._list_origins(source, name)]
        return f"coalesce({', '.join(found)})" if len(found) > 1 else next(iter(found), "null")

    def check_types(self, label: str) -> None:
        """Raise ContractBroken if one and the same thing is wrong with most of an item's rows."""
        for item, part in self.execute(MOST_COMMON_REASON):
            raise ContractBroken(
                f"load {self.table.full_name} from {item or label}",
                f"in most rows {part}",
                self._write_remedy(str(part)),
                self.table.full_name,
                [each.name for each in self.table.columns if str(part).startswith(f"{each.name}: ")],
                retyped=True,
            )

    def _write_remedy(self, reason: str) -> str:
        """Say what to do where most rows are rejected for a reason."""
        correct = "have the source correct it"
        if reason.endswith(MISSPELLED):
            return f"Write its `origin` as the source does, declare both spellings as columns, or {correct}."
        if reason.startswith(NO_OBJECT) and self.table.meta.get("kind") == "rest":
            return "Let `records` lead to the objects themselves, as `groups[*].orders[*]`."
        if reason.startswith(NO_OBJECT):
            return f"Declare `format: json` if its records go over several lines, or {correct}."
        if reason.startswith("the row: "):
            return f"{correct.capitalize()}."
        return f"Its type has changed: declare the new one in the dbt source, or {correct}."


def _build_value(column: Column, at: int, native: bool) -> str:
    """Build the SQL of a declared column's value. native: n0, n1, ... is true where no text was written.

    l0, l1, ... are what DuckDB makes of the texts.
    """
    text, bare = f"s{at}", drop_spelling(column)
    cast = build_cast(column, text, f"l{at}")
    return f"case when n{at} then {build_cast(bare, text)} else {cast} end" if native else cast


@contextmanager
def open_staging_database(context: LoadContext) -> Iterator[DuckDBPyConnection]:
    """Open the scratch database; interrupted at the deadline, errors translated without values."""
    import duckdb

    own_fault = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)
    of_machine = (duckdb.IOException, duckdb.OutOfMemoryException)

    def translate(error: BaseException) -> BadInput | None:
        if isinstance(error, own_fault):
            return None  # our own SQL is wrong
        # the text of all others may hold values
        broken = str(error).splitlines()[0] if isinstance(error, of_machine) else type(error).__name__
        return BadInput(
            f"load {context.source}",
            f"what came can't be typed ({broken})",
            "Look at the newest data of the source, and at the space left in the loader's workdir.",
        )

    with replace_vendor_errors(duckdb.Error, translate), closing(duckdb.connect()) as connection:
        for name, value in (
            ("memory_limit", write_literal(MEMORY, DUCKDB)),
            ("threads", "2"),
            ("preserve_insertion_order", "false"),
            ("temp_directory", write_literal(str(context.folder / "spill"), DUCKDB)),
            ("timezone", "'UTC'"),
            ("autoinstall_known_extensions", "false"),
        ):
            connection.execute(f"set {name} = {value}")
        with context.deadline.interrupt_with(connection.interrupt):
            yield connection
