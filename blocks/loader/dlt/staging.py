"""An embedded DuckDB file in the working folder, where what came is typed and told good from bad.

Constant memory: rows go from the reading into a table on disk. Not here: how a source is read (files,
databases, rest), and what leaves for the warehouse (batches).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from blocks.errors import BadInput, ContractBroken
from blocks.loader.dlt.contract import Reading, literal, quoted, reason, type_of, typed
from blocks.loader.dlt.load_context import Job, cursor
from blocks.records import SourceTable

MEMORY = "400MB"
# the share of one reason among an item's rows; `missing` is no change of type
MOSTLY = (
    "select b._item, b.part from (select _item, part, count(*) as n from"
    " (select _item, unnest(string_split(_reason, '; ')) as part from staged where _reason is not null)"
    " group by all) b join (select _item, count(*) as n from staged group by all) a"
    " on a._item is not distinct from b._item"
    " where b.n > 1 and b.n * 2 > a.n and b.part not like '%: missing'"
    " order by b.n desc, b._item, b.part limit 1"
)


class Staging:
    """The rows of one table's load, in the table `staged`.

    extras: undeclared name at the source → its column. Beside the data: `_item`, of good and bad rows;
    `_row` and `_reason`, of bad ones; `_cursor`, the cursor's value as the source writes it.
    """

    def __init__(self, job: Job, table: SourceTable, connection: Any, extras: Mapping[str, str]) -> None:
        self.job, self.table, self.extras, self.connection = job, table, dict(extras), connection
        body = [f"{quoted(column.name)} {type_of(column)}" for column in table.columns]
        texts = [*self.extras.values(), "_item", "_row", "_reason", "_cursor"]
        self.rows(
            f"create or replace table staged ({', '.join([*body, *(f'{quoted(t)} varchar' for t in texts)])})"
        )

    @property
    def columns(self) -> list[str]:
        """The data columns, quoted."""
        return [
            quoted(name) for name in [*(column.name for column in self.table.columns), *self.extras.values()]
        ]

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return all rows."""
        self.job.deadline.check()
        result: list[tuple[Any, ...]] = self.connection.execute(sql, list(parameters)).fetchall()
        return result

    def add(self, reading: Reading, parameters: Sequence[Any]) -> None:
        """Stage what a reading brings: s0, s1, ... are its texts, t0, t1, ... the declared ones typed."""
        declared = self.table.columns
        names = [*(column.origin for column in declared), *self.extras]
        texts = [reading.texts.get(name, "null") for name in names]
        source = [f"{text} as s{at}" for at, text in enumerate(texts)]
        source += [f"{reading.row} as r", f"{reading.item} as i", f"{reading.problem} as p"]
        values = ["*", *(f"{typed(column, f's{at}')} as t{at}" for at, column in enumerate(declared))]
        picked = [f"{'t' if at < len(declared) else 's'}{at}" for at in range(len(texts))]
        # made of the values for bad rows only: for all rows it would cost as much as the casts
        pairs = [f"{literal(name)}, s{at}" for at, name in enumerate(names) if name in reading.texts]
        row = f"case when w is not null then coalesce(r, json_object({', '.join(pairs)})::varchar) end"
        marks = [f"s{at}" for at, column in enumerate(declared) if [column.name] == cursor(self.table)]
        picked += ["i", row, "w", *(marks or ["null"])]
        self.rows(
            f"insert into staged select {', '.join(picked)} from (select *, {reason(self.table)} as w from"
            f" (select {', '.join(values)} from (select {', '.join(source)} from {reading.relation})))",
            parameters,
        )

    def check_types(self, label: str) -> None:
        """Raise ContractBroken if one and the same thing is wrong with most of an item's rows."""
        for item, part in self.rows(MOSTLY):
            raise ContractBroken(
                f"load {self.table.full_name} from {item or label}",
                f"in most rows {part}",
                "Its type has changed: declare the new one in the dbt source, or have the source correct it.",
            )


@contextmanager
def staging_database(job: Job) -> Iterator[Any]:
    """A connection to a scratch file; interrupted at the deadline, errors wrapped without values."""
    import duckdb

    broken = ""
    connection = duckdb.connect()
    try:
        for name, value in (
            ("memory_limit", literal(MEMORY)),
            ("threads", "2"),
            ("preserve_insertion_order", "false"),
            ("temp_directory", literal(str(job.folder / "spill"))),
            ("timezone", "'UTC'"),
            ("autoinstall_known_extensions", "false"),
        ):
            connection.execute(f"set {name} = {value}")
        with job.deadline.interrupt_with(connection.interrupt):
            yield connection
    except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException):
        raise  # our own SQL is wrong
    except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
        broken = str(error).splitlines()[0]
    except duckdb.Error as error:  # its text may hold values
        broken = type(error).__name__
    finally:
        connection.close()
    if broken:
        raise BadInput(
            f"load {job.source}",
            f"what came can't be typed ({broken})",
            "Look at the newest data of the source, and at the space left in the loader's workdir.",
        )
