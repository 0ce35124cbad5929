"""The template of a warehouse that speaks SQL: loading, promotion, releases, in standard SQL over a session.

A new warehouse subclasses this, or `SharedWarehouse` where many machines reach it. It says how files
get in (`copy_files`, or `stage_files` where SQL reads them), and overrides only what it does in another way: when types
fit, DDL that commits by itself, how readers change over.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import ClassVar

from blocks.deadline import Deadline
from blocks.errors import BadAnswer, Busy, ContractBroken, NotFound
from blocks.http.polling import Pauses, poll_until
from blocks.records import LedgerEntry, LoadReport, Release
from blocks.release_names import RELEASE_PREFIX
from blocks.sql import convert_arrow_type, is_same_type
from blocks.warehouse.base import Warehouse
from blocks.warehouse.batch import Batch, LoadTarget, make_targets
from blocks.warehouse.control import clear_ledger, forget_items, prepare_control, write_ledger
from blocks.warehouse.lease import fence, fence_writes, hold_lease
from blocks.warehouse.release_marker import MARKER, find_wrong_views, parse_marker, write_marker_sql
from blocks.warehouse.settings import Session, SharedSettings
from blocks.warehouse.view_setting import Settings
from blocks.warehouse.view_settings import (
    choose_settings,
    forget_settings,
    prepare_memory,
    put_settings,
    recall_settings,
    refuse_lost_columns,
    remember_settings,
)

ITEMS_AT_ONCE = 1000
ROWS, QUARANTINE, GONE = "rows", "quarantine", "gone"
"""Groups of a batch's files."""

FLIP_PAUSES = Pauses(0.05, 0.05, jitter=0.25)


class SqlWarehouse(Warehouse):
    """Everything that standard SQL can do.

    ddl_rolls_back: false where CREATE and ALTER commit by themselves. flip_seconds: how long a promotion is tried
    again, where readers' queries can hold a view that it replaces.
    """

    ddl_rolls_back: ClassVar[bool] = True
    flip_seconds: ClassVar[float] = 0

    # what every vendor has to say: `copy_files`, or `stage_files` and `insert_files`

    def copy_files(self, session: Session, table: str, columns: Sequence[str], files: Sequence[Path]) -> None:
        """Send Parquet files into a table (quoted), by those of these columns that each has."""
        raise NotImplementedError

    @contextmanager
    def stage_files(self, session: Session, batch: Batch, target: LoadTarget) -> Iterator[Mapping[str, str]]:
        """Bring the batch's files where SQL reaches them: group → what `insert_files` or a FROM clause reads.

        Rows that are matched by key (those of a target with a `key`, and those that are gone) have to be readable by
        FROM: here they are sent into temporary tables; the others go straight into their table, and are ''. A group
        without files is left out.
        """
        staged = {group: "" for group, files in ((ROWS, batch.data), (QUARANTINE, batch.quarantine)) if files}
        matched = {ROWS: tuple(target.incoming)} if target.key and batch.data else {}
        matched |= {GONE: tuple(self.read_file_columns(session, batch.gone))} if batch.gone else {}
        for group, columns in matched.items():
            staged[group] = self.quote(f"staged_{group}")
            names, like = ", ".join(map(self.quote, columns)), self.relation(target.relation)
            session.rows(f"create temporary table {staged[group]} as select {names} from {like} where 1 = 0")
            self.copy_files(session, staged[group], columns, batch.data if group == ROWS else batch.gone)
        yield staged
        for group in matched:
            session.rows(f"drop table {staged[group]}")

    # what a vendor may do in another way

    def load_lock(self) -> AbstractContextManager[object]:
        """Held while a batch is written: a lock where this process must not write two at a time."""
        return nullcontext()

    def prepare_load(self, session: Session, schema: str) -> None:
        """Make the control tables and the schema of a table to load."""
        prepare_control(self, session)
        self.make_schema(session, schema)

    def read_file_columns(self, session: Session, files: Sequence[Path]) -> dict[str, str]:
        """Columns of Parquet files → the type each takes in this warehouse; none for a column of nothing but nulls."""
        import pyarrow.parquet as pq

        fields = [field for file in files for field in pq.read_schema(file) if str(field.type) != "null"]
        return {field.name: self.type_of(convert_arrow_type(field.type)) for field in fields}

    def can_load_type(self, incoming: str, known: str) -> bool:
        """True if a column of files of one type can be loaded into a table's column of another without loss."""
        return is_same_type(incoming, known, self.dialect)

    def insert_files(self, session: Session, target: LoadTarget, staged: str) -> None:
        """Insert a target's files by their columns' names, but no row whose key has a younger one there.

        staged: as `stage_files` gave it.
        """
        table, names = self.relation(target.relation), ", ".join(map(self.quote, target.incoming))
        if staged:
            wanted = self._match_older(target)
            session.rows(f"insert into {table} ({names}) select {names} from {staged} as n{wanted}")
        else:
            self.copy_files(session, table, tuple(target.incoming), target.files)

    def add_columns(self, session: Session, target: LoadTarget, columns: Mapping[str, str]) -> None:
        """Widen a table. columns: name → type."""
        table = self.relation(target.relation)
        for name, kind in columns.items():
            session.rows(f"alter table {table} add column if not exists {self.quote(name)} {kind}")

    def find_replaced_items(self, session: Session, batch: Batch, target: LoadTarget) -> list[str]:
        """Items whose rows the batch replaces: its own."""
        return [entry.item for entry in batch.entries]

    def delete_by_key(self, session: Session, target: LoadTarget, staged: str) -> None:
        """Delete a table's rows whose key is among the staged ones, but none that is younger by the cursor."""
        same = self.match_key(target)
        session.rows(f"delete from {self.relation(target.relation)} as t using {staged} as n where {same}")

    def match_key(self, target: LoadTarget) -> str:
        """SQL that is true where n has the key of t, and t is not younger."""
        same = [f"t.{self.quote(key)} = n.{self.quote(key)}" for key in target.key]
        if target.cursor:
            there, comes = (f"{side}.{self.quote(target.cursor)}" for side in "tn")
            same.append(f"({there} is null or {comes} >= {there})")
        return " and ".join(same)

    def _match_older(self, target: LoadTarget) -> str:
        """The WHERE clause of staged rows n whose key has no younger row, in the table or among what is gone.

        Those that are not younger were deleted from the table before: whoever is still there is.
        """
        if not target.cursor:
            return ""
        same = " and ".join(f"t.{self.quote(key)} = n.{self.quote(key)}" for key in target.key)
        wanted = [f"not exists (select 1 from {self.relation(target.relation)} as t where {same})"]
        if target.deleted:
            there, comes = (f"{side}.{self.quote(target.cursor)}" for side in "tn")
            younger = f"{same} and ({there} > {comes} or ({comes} is null and {there} is not null))"
            gone = self.relation(target.deleted.relation)
            wanted.append(f"not exists (select 1 from {gone} as t where {younger})")
        return f" where {' and '.join(wanted)}"

    def release_staged(self, session: Session, staged: Mapping[str, str]) -> None:
        """Give up what `stage_files` made, once it is read; here its own end does."""

    def replace_view(self, session: Session, schema: str, view: str, query: str) -> None:
        """Make a view, in place of what there is of that name."""
        session.rows(f"create or replace view {self.quote(schema, view)} as {query}")

    # loading

    def ingest(self, batch: Batch) -> LoadReport:
        """Load a batch and its ledger lines in one transaction; DDL comes before it where it commits by itself."""
        rows, quarantine = make_targets(batch)
        with self.load_lock(), self.session() as session, ExitStack() as stack:
            self.prepare_load(session, rows.schema)
            if self.ddl_rolls_back:
                stack.enter_context(self.transaction(session))
            changes = self._shape_table(session, batch, rows) + self._shape_table(session, batch, quarantine)
            if rows.deleted:
                self._shape_table(session, batch, rows.deleted)
            staged = stack.enter_context(self.stage_files(session, batch, rows))
            if not self.ddl_rolls_back:
                stack.enter_context(self.transaction(session))
            self._forget_batch(session, batch)
            for group, target in ((ROWS, rows), (QUARANTINE, quarantine)):
                self._delete_replaced(session, batch, target, staged.get(group))
                if group in staged:
                    self.insert_files(session, target, staged[group])
            self._delete_gone(session, batch, rows, staged.get(GONE))
            self.release_staged(session, staged)
            fence(self, session)  # the last before the end: until then nobody waits for it
            write_ledger(self, session, batch.entries)
        return batch.report(changes)

    def write_ledger_lines(self, entries: Sequence[LedgerEntry]) -> None:
        """Write ledger lines of rows that another system loaded, all or nothing."""
        with self.load_lock(), self.session() as session:
            prepare_control(self, session)
            with fence_writes(self, session):
                write_ledger(self, session, entries)

    def _shape_table(self, session: Session, batch: Batch, target: LoadTarget) -> tuple[str, ...]:
        """Make the table, and widen it by the files' new columns. One whose rows are all replaced takes any type.

        Raises ContractBroken if a type does not fit.
        """
        self.make_table(session, target.schema, target.name, target.columns)
        if not target.files:
            return ()
        known = self.columns(session, target.schema, target.name)
        target.incoming = self.read_file_columns(session, target.files)
        other = {
            name: f"{kind.lower()}, was {known[name].lower()}"
            for name, kind in target.incoming.items()
            if name in known and not self.can_load_type(kind, known[name])
        }
        if other:
            self._check_types(batch, target, known, other)
            if not self.ddl_rolls_back:
                fence(self, session)
                self._forget_batch(session, batch)  # or a load that ends here would count as loaded
            self.drop_raw_table(session, target)
            self.make_table(session, target.schema, target.name, target.columns)
            known = self.columns(session, target.schema, target.name)
        fresh = {name: kind for name, kind in target.incoming.items() if name not in known}
        if fresh:
            self.add_columns(session, target, fresh)
        new = [f"new column {name} ({kind.lower()})" for name, kind in fresh.items() if name not in other]
        return (*(f"column {name} is {kind}" for name, kind in other.items()), *new)

    def _check_types(
        self, batch: Batch, target: LoadTarget, known: Mapping[str, str], other: Mapping[str, str]
    ) -> None:
        """Raise ContractBroken for columns of another type than the table's, unless all of its rows are replaced."""
        if batch.mode == "replace":
            return
        name, table = next(iter(other)), batch.table
        raise ContractBroken(
            f"load {target.relation}",
            f"column {name} comes as {target.incoming[name]}, the table has {known[name]}",
            f"Load all of it again as that, by --only-sources {table.source} --full-refresh, or declare {name} as"
            f" {known[name].lower()}.",
            table.full_name,
            other,
            retyped=True,
        )

    def drop_raw_table(self, session: Session, target: LoadTarget) -> None:
        """Drop a table of RAW, to be created again with other types; views of it are bound when they are read."""
        session.rows(f"drop table {self.relation(target.relation)}")

    def _forget_batch(self, session: Session, batch: Batch) -> None:
        """Take out of the ledger what the batch replaces, before any row of it changes."""
        if batch.mode == "replace":
            clear_ledger(self, session, batch.table.source, batch.table.name)
        else:
            forget_items(self, session, batch.entries)

    def _delete_replaced(
        self, session: Session, batch: Batch, target: LoadTarget, staged: str | None
    ) -> None:
        """Take out what the batch replaces: everything, the rows of its items, or those of the same keys."""
        table = self.relation(target.relation)
        if batch.mode == "replace":
            session.rows(f"delete from {table}")
        elif not target.key:
            items = self.find_replaced_items(session, batch, target)
            for part in (items[at : at + ITEMS_AT_ONCE] for at in range(0, len(items), ITEMS_AT_ONCE)):
                places = ", ".join("?" * len(part))
                session.rows(f"delete from {table} where {self.quote('_item')} in ({places})", part)
        elif staged and set(target.key) <= set(target.incoming):
            self.delete_by_key(session, target, staged)

    def _delete_gone(self, session: Session, batch: Batch, target: LoadTarget, staged: str | None) -> None:
        """Delete the rows that are gone at the source, and remember them where older ones may come later."""
        if target.deleted and batch.mode == "replace":
            session.rows(f"delete from {self.relation(target.deleted.relation)}")
        if not staged:
            return
        if target.key:
            self.delete_by_key(session, target, staged)
        if target.deleted:
            if target.deleted.key:
                self.delete_by_key(session, target.deleted, staged)
            self.insert_files(session, target.deleted, staged)

    # releases

    def check_flip(self, release: Release) -> None:
        """Raise Rejected, and why, if readers could not be led to a release; nothing is changed."""
        with self.session() as session:
            self.check_release(session, release)

    def check_release(self, session: Session, release: Release) -> None:
        """What `check_flip` looks at: every relation is there, with the columns that bear something in serving."""
        columns = {
            mart: self.columns(session, *relation.rsplit(".", 1)) for mart, relation in release.marts.items()
        }
        gone = [
            f"{mart} ({relation})" for mart, relation in sorted(release.marts.items()) if not columns[mart]
        ]
        if gone:
            raise NotFound(
                f"promote {release.run}",
                f"what it shows of {', '.join(gone)} does not exist any more",
                "Build these marts again, or take them from readers by `retire --marts`. Readers keep what they have.",
            )
        kept = self.read_view_settings(session, self.serving)
        self.check_view_settings(session, release, columns, kept)

    def check_view_settings(
        self,
        session: Session,
        release: Release,
        columns: Mapping[str, Mapping[str, str]],
        kept: Settings,
    ) -> None:
        """Raise Misconfigured if what an administrator put on serving's views can't be carried over.

        columns: mart → column → type of the release. kept: what is on the views now.
        """
        removals = {
            setting: self.write_view_setting(self.quote(self.serving, mart), setting, remove=True)
            for mart in release.marts
            for setting in kept.get(mart, ())
            if setting.column and setting.column not in columns[mart]
        }
        refuse_lost_columns(release.run, kept, columns, removals)

    def flip(self, release: Release) -> None:
        """Change readers over, then compare what every view is defined as. Raises LeaseLost, BadAnswer."""
        self.change_over(release)
        if self.is_shown(release):
            return
        with self.session() as session:
            wrong = self.find_wrong_views(session, release)
            fence(self, session)  # another run may have been faster: say that
        raise BadAnswer(
            f"lead readers to run {release.run}",
            f"they see another release of {', '.join(wrong) or MARKER}",
            "Another program writes views there: find it, and run this again.",
        )

    def is_shown(self, release: Release) -> bool:
        """True if `_release` names it and every view is defined as it has to be."""
        with self.session() as session:
            shown = parse_marker(self, session, self.serving) == release
            return shown and not self.find_wrong_views(session, release)

    def find_wrong_views(self, session: Session, release: Release) -> list[str]:
        """Marts that readers do not see as the release has them, and views that it does not have."""
        return find_wrong_views(release, self.read_views(session, self.serving))

    def change_over(self, release: Release) -> None:
        """All views and `_release` in one transaction. Raises Busy if something holds a view to the end."""
        deadline = Deadline("point readers at the release", self.flip_seconds)
        poll_until(lambda: self._flip_once(release), deadline, FLIP_PAUSES, retry_on=(Busy,))

    def _flip_once(self, release: Release) -> None:
        before = self.read_served()
        with self.session() as session, fence_writes(self, session):
            self.make_schema(session, self.serving)
            self.point_views(session, set(before.marts) if before else set(), release)

    def point_views(self, session: Session, before: set[str], release: Release) -> None:
        """Point every view of serving at the release, the marker last. before: marts that are shown now."""
        kept = self.read_view_settings(session, self.serving)
        gone = before - set(release.marts)
        if lost := {mart: kept[mart] for mart in gone & kept.keys()}:
            prepare_memory(self, session)
            remember_settings(self, session, lost)
        for mart in sorted(gone):
            session.rows(f"drop view if exists {self.quote(self.serving, mart)}")
        for mart, relation in sorted(release.marts.items()):
            self.replace_view(session, self.serving, mart, f"select * from {self.relation(relation)}")
        self.replace_view(session, self.serving, MARKER, write_marker_sql(self, release))
        recalled = recall_settings(self, session)
        again = recalled.keys() & release.marts.keys()
        columns = {mart: self.columns(session, self.serving, mart) for mart in again}
        left = {view: settings for view, settings in kept.items() if view not in gone}
        put_settings(self, session, release.run, self.serving, choose_settings(left, recalled, columns))
        if again:
            forget_settings(self, session, again)

    def copy_table(self, source: str, target: str) -> None:
        """A table of its own with the same rows."""
        with self.session() as session, self.transaction(session):
            session.rows(f"drop table if exists {self.relation(target)}")
            self.create_copy(session, source, target)

    def create_copy(self, session: Session, source: str, target: str) -> None:
        """Create a table with the rows of another one, and with its constraints where the engine holds rows to any."""
        session.rows(f"create table {self.relation(target)} as select * from {self.relation(source)}")

    def drop_releases(self, schemas: Sequence[str]) -> None:
        """Drop release schemas with all they hold."""
        with self.session() as session:
            for schema in schemas:
                session.rows(f"drop schema if exists {self.quote(schema)} cascade")

    def list_releases(self) -> list[str]:
        """Every release schema there is."""
        with self.session() as session:
            rows = session.rows(
                "select schema_name from information_schema.schemata"
                " where catalog_name = current_database() and starts_with(schema_name, ?)",
                (RELEASE_PREFIX,),
            )
        return sorted(row[0] for row in rows)

    def columns(self, session: Session, schema: str, table: str) -> dict[str, str]:
        """Column → type, in order; empty if the relation does not exist."""
        return dict(
            session.rows(
                "select column_name, data_type from information_schema.columns"
                " where table_catalog = current_database() and table_schema = ? and table_name = ?"
                " order by ordinal_position",
                (schema, table),
            )
        )

    def setup(self, apply: bool = False) -> list[str]:
        """Nothing: schemas are made when they are first written."""
        return []


class SharedWarehouse(SharedSettings, SqlWarehouse):
    """A warehouse on a server: one run writes at a time, by a lease in the control schema."""

    def exclusive(self) -> AbstractContextManager[None]:
        """Hold the lease. Raises Busy if another run has it."""
        return hold_lease(self, self.lease_seconds)

    @abstractmethod
    def write_setup(self) -> list[str]:
        """What an administrator runs once, with comments as lines of their own."""

    @abstractmethod
    def administration(self) -> AbstractContextManager[Session]:
        """A connection that needs nothing of what set-up is about to make."""

    def setup(self, apply: bool = False) -> list[str]:
        """Roles, schemas and grants; apply needs an administrator's credentials."""
        lines = self.write_setup()
        if apply:
            with self.administration() as session:
                for line in lines:
                    if not line.startswith("--"):
                        session.rows(line.rstrip(";"))
        return lines
