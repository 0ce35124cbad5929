"""An embedded DuckDB file in the working folder, where what came is typed, counted and split.

Constant memory: rows go from the reading into a table on disk and from there into Parquet. Not here: how
a source is read, and the warehouse.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from blocks.errors import BadInput, ContractBroken
from blocks.loader.contract import Reading, literal, quoted, reason, type_of, typed
from blocks.loader.job import Job, cursor, key, mode
from blocks.records import LedgerEntry, SourceTable
from blocks.warehouse.base import Batch

MEMORY = "400MB"


class Staged(NamedTuple):
    """A batch that is ready for the warehouse, and how it changes the table's schema."""

    batch: Batch
    changes: tuple[str, ...]


class Staging:
    """The rows of one table's load. extras: names of columns beyond the declared ones."""

    def __init__(self, job: Job, table: SourceTable, connection: Any, extras: Sequence[str]) -> None:
        self.job, self.table, self.extras, self.connection = job, table, tuple(extras), connection
        self.mode, self.cursor = mode(table), "".join(cursor(table))
        body = [f"{quoted(column.name)} {type_of(column)}" for column in table.columns]
        body += [f"{quoted(name)} varchar" for name in [*self.extras, "_item", "_row", "_reason", "_cursor"]]
        self.rows(f"create or replace table staged ({', '.join(body)})")

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return all rows."""
        self.job.deadline.left()
        result: list[tuple[Any, ...]] = self.connection.execute(sql, list(parameters)).fetchall()
        return result

    def add(self, reading: Reading, names: dict[str, str], parameters: Sequence[Any] = ()) -> None:
        """Type what comes from a reading. names: undeclared name at the source → extra column."""
        columns = self.table.columns
        found = {name: origin for origin, name in names.items() if origin in reading.texts}
        texts = [reading.texts.get(column.origin, "null") for column in columns]
        texts += [reading.texts[found[name]] if name in found else "null" for name in self.extras]
        source = ", ".join(f"{text} as s{at}" for at, text in enumerate(texts))
        source += f", {reading.row} as r, {reading.item} as i, {reading.problem} as p"
        values = ", ".join(f"{typed(column, f's{at}')} as t{at}" for at, column in enumerate(columns))
        picked = [f"t{at}" for at in range(len(columns))] + [
            f"s{at}" for at in range(len(columns), len(texts))
        ]
        order = [f"s{at}" for at, column in enumerate(columns) if column.name == self.cursor]
        picked += ["i", "case when w is not null then r end", "w", *(order or ["null"])]
        self.rows(
            f"insert into staged select {', '.join(picked)} from (select *, {reason(self.table)} as w from"
            f" (select *{', ' + values if values else ''} from (select {source} from {reading.relation})))",
            parameters,
        )

    def check_types(self, label: str = "") -> None:
        """Raise ContractBroken if one and the same thing is wrong with most of an item's rows."""
        worst = self.rows(
            "select b._item, b.part from (select _item, part, count(*) as n from"
            " (select _item, unnest(string_split(_reason, '; ')) as part from staged where _reason is not null)"
            " group by all) b"
            " join (select _item, count(*) as n from staged group by all) a on a._item is not distinct from b._item"
            " where b.n > 1 and b.n * 2 > a.n and b.part not like '%: missing' order by b.n desc, b._item, b.part limit 1"
        )
        if worst:
            raise ContractBroken(
                f"load {self.table.full_name} from {worst[0][0] or label}", f"in most rows {worst[0][1]}",
                "The type has changed: declare the new one in the dbt source, or have the source correct it.",
            )  # fmt: skip

    def settled(self, label: str, since: Mapping[str, str], size: int) -> Staged | None:
        """The batch of a table that is loaded as a whole or by cursor; None if nothing is new."""
        self.check_types(label)
        entry = self.settle(size)
        return self.staged([entry], since) if entry else None

    def settle(self, size: int) -> LedgerEntry | None:
        """Take out what came before and is unchanged; the ledger line of what is left, None if nothing is.

        Rows at the old watermark come again with every load, rows without a readable cursor too.
        """
        last, watermark = self.job.last(self.table), self.job.watermark(self.table)
        again, stays = "true", "true"
        if self.cursor:
            column = next(column for column in self.table.columns if column.name == self.cursor)
            name = quoted(self.cursor)
            top = self.rows(f"select arg_max(_cursor, {name}), max({name}) from staged")[0]
            stays = f"({name} is null or {name} = (select max({name}) from staged))"
            if watermark is not None:
                before = typed(column, literal(watermark))
                again = f"({name} is null or {name} <= {before})"
                newer = self.rows(f"select max({name}) > {before} from staged")[0][0]
                top = top if newer else (watermark, None)
            watermark = top[0]
        fingerprint = self._fingerprint(stays)
        unchanged = last is not None and self._fingerprint(again) == last.fingerprint
        if unchanged:
            self.rows(f"delete from staged where {again}")
        if (
            last
            and (unchanged or self.mode == "merge")
            and not self.rows("select count(*) from staged")[0][0]
        ):
            return None
        item = watermark or "all"
        if item in self.job.entries(self.table) and self.mode == "merge":
            item = f"{item} ({self.job.run})"  # the same bound again, with other rows: a line of its own
        return self.entry(item, fingerprint, watermark=watermark, bytes=size)

    def entry(self, item: str, fingerprint: str, **fields: Any) -> LedgerEntry:
        """A ledger line; rows are counted when the batch is written."""
        table = self.table
        return LedgerEntry(
            source=table.source, table=table.name, item=item, fingerprint=fingerprint, rows=0, run=self.job.run,
            **fields,
        )  # fmt: skip

    def staged(self, entries: Sequence[LedgerEntry], since: Mapping[str, str]) -> Staged:
        """Write good and bad rows as Parquet. One entry takes all rows, several those of their items.

        since: extra column → where it was seen first.
        """
        single = entries[0].item if len(entries) == 1 else None
        item = literal(single) if single is not None else "_item"
        stamps = f"{item} as _item, cast({literal(str(self.job.at))} as timestamp) as _loaded_at"
        names = [quoted(name) for name in [*(c.name for c in self.table.columns), *self.extras]]
        unique = (
            f" qualify row_number() over (partition by {self._key()}) = 1" if self.mode == "merge" else ""
        )
        good, good_rows = self._write("data", f"{', '.join(names)}, {stamps}", f"_reason is null{unique}")
        bad, bad_rows = self._write("quarantine", f"_row, _reason, {stamps}", "_reason is not null")
        counted = [
            entry.model_copy(update={"rows": good_rows.get(entry.item, 0), "quarantined": bad_rows.get(entry.item, 0)})
            for entry in entries
        ]  # fmt: skip
        changes = tuple(
            f"new column {name} (varchar) since {since[name]}"
            for name in self.extras if name not in self.job.raw[self.table.name]
        )  # fmt: skip
        batch = Batch(self.table, self.mode, good, bad, counted, key(self.table), self.cursor or None)
        return Staged(batch, changes)

    def _key(self) -> str:
        order = f"{quoted(self.cursor)} desc, " if self.cursor else ""
        return f"{', '.join(quoted(name) for name in key(self.table))} order by {order}_item desc, rowid desc"

    def _write(self, name: str, columns: str, where: str) -> tuple[list[Path], dict[str, int]]:
        path = self.job.folder / f"{self.table.name}.{name}.parquet"
        self.rows(
            f"copy (select {columns} from staged where {where}) to {literal(str(path))} (format parquet)"
        )
        counts = self.rows("select _item, count(*) from read_parquet(?) group by 1", (str(path),))
        return ([path] if counts else []), {str(item): int(rows) for item, rows in counts}

    def _fingerprint(self, where: str) -> str:
        names = [quoted(name) for name in [*(c.name for c in self.table.columns), *self.extras, "_row"]]
        total = f"sum(hash({', '.join(names)})::hugeint)"
        return "{}-{}".format(
            *self.rows(f"select count(*), coalesce({total}, 0) from staged where {where}")[0]
        )


@contextmanager
def staging_database(job: Job) -> Iterator[Any]:
    """A connection to a scratch file; interrupted at the deadline, vendor errors wrapped without values."""
    import duckdb

    config = {"memory_limit": MEMORY, "threads": 2, "preserve_insertion_order": False,
              "autoinstall_known_extensions": False, "temp_directory": str(job.folder / "spill")}  # fmt: skip
    path = job.folder / "staging.duckdb"
    broken = ""
    connection = duckdb.connect(str(path), config=config)
    try:
        connection.execute("set timezone = 'UTC'")
        connection.execute("pragma disable_checkpoint_on_shutdown")  # the file goes away
        with job.deadline.interrupting(connection.interrupt):
            yield connection
    except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException):
        raise  # our own SQL is wrong
    except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
        broken = str(error).splitlines()[0]
    except duckdb.Error as error:  # its text may hold values
        broken = type(error).__name__
    finally:
        connection.close()
        path.unlink(missing_ok=True)
    if broken:
        raise BadInput(
            f"load {job.source}", f"what came can't be typed ({broken})",
            "Look at the newest data of the source, and at the space left in the loader's workdir.",
        )  # fmt: skip
