"""Dremio, Software and Cloud: tables in an object-storage source, views in a space, both by one setting.

Dremio has no transactions over statements: every step is safe to repeat. How each verb is done is in the files
beside this one, which take the settings and never the block.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Lock
from typing import ClassVar, cast

from blocks.errors import Misconfigured, PlatformError
from blocks.records import Release
from blocks.sql import split_path
from blocks.time_zone import UTC_ZONE
from blocks.warehouse.batch import Batch, LoadTarget
from blocks.warehouse.bi_connection import LiveSource
from blocks.warehouse.control import prepare_control
from blocks.warehouse.dremio.clients import build_dbt_target
from blocks.warehouse.dremio.load import copy_files, find_orphans, stage_groups
from blocks.warehouse.dremio.names import quote_path
from blocks.warehouse.dremio.publish import (
    Publication,
    check_catalogue,
    check_relations,
    merge_branch,
    replace_views,
)
from blocks.warehouse.dremio.reflections import build_reflections
from blocks.warehouse.dremio.releases import drop_releases, list_releases
from blocks.warehouse.dremio.session import (
    DremioSession,
    log_in,
    open_session,
    read_columns,
    read_definitions,
)
from blocks.warehouse.dremio.settings import DremioSettings
from blocks.warehouse.dremio.slots import POINTER, flip_slot, read_slot
from blocks.warehouse.dremio.view_settings import change_view_settings, read_view_settings
from blocks.warehouse.lease import fence, hold_lease
from blocks.warehouse.release_marker import (
    MARKER,
    find_wrong_views,
    is_defined_on,
    parse_marker,
    write_marker_sql,
)
from blocks.warehouse.settings import Session
from blocks.warehouse.sql_warehouse import GONE, QUARANTINE, ROWS, SqlWarehouse
from blocks.warehouse.view_setting import Settings, ViewSetting
from blocks.warehouse.view_settings import (
    forget_settings,
    prepare_memory,
    put_settings,
    recall_settings,
    remember_settings,
)

PUBLISHERS = {"views": replace_views, "slot": flip_slot, "branch": merge_branch}
_LOADING = Lock()  # two commits to one table at once: one of them would fail


class DremioWarehouse(DremioSettings, SqlWarehouse):
    """A place in Dremio; `database` is the dotted path of a space (and folders) or of a catalogue's folder."""

    _block_type_name = "Dremio Warehouse"
    _block_type_slug = "dremio-warehouse"

    ddl_rolls_back: ClassVar[bool] = False
    transactional: ClassVar[bool] = False
    folds_names: ClassVar[bool] = True

    def check(self) -> str:
        """Log in on REST and Flight and look for the sources; a one-line status."""
        with self.session() as session:
            session.rows("select 1")
            for root in dict.fromkeys((self.names.tables[0], split_path(self.landing)[0])):
                if session.rest.find_entity((root,)) is None:
                    raise Misconfigured(
                        f"check Dremio at {self.host}",
                        f"there is no source {root}",
                        "Add it, or correct the block.",
                    )
        return f"Dremio at {self.host}: tables in {'.'.join(self.names.tables)}, views in {self.database}"

    def session(self) -> AbstractContextManager[DremioSession]:
        """A login on REST and Flight, ended afterwards; errors come out as PlatformErrors."""
        return open_session(self)

    def connect(self) -> DremioSession:
        """A session for the caller to close."""
        return log_in(self)

    def exclusive(self) -> AbstractContextManager[None]:
        """Hold the lease in the control schema. Raises Busy if another run has it."""
        return hold_lease(self, self.lease_seconds)

    def make_dbt_target(
        self, schema: str, time_zone: str = UTC_ZONE
    ) -> tuple[dict[str, object], dict[str, str]]:
        """dbt-dremio's profile output, and the environment of dbt's process."""
        return build_dbt_target(self, schema)

    def use_time_zone(self, session: Session, time_zone: str) -> None:
        """Nothing: Dremio's timestamps have no zone, they are what they were written as."""

    def make_gx_connection(self) -> tuple[str, dict[str, object]]:
        """A dialect of our own over Flight; the URL holds no secret."""
        from blocks.warehouse.dremio.sqlalchemy import make_url

        return make_url(self), {"hide_parameters": True}

    def columns(self, session: Session, schema: str, table: str) -> dict[str, str]:
        """Column → type, in order; empty if the relation does not exist."""
        return read_columns(session, self.names.path(schema, table))

    def transaction(self, session: Session) -> AbstractContextManager[None]:
        """Nothing: Dremio has none over several statements."""
        return nullcontext()

    def load_lock(self) -> AbstractContextManager[object]:
        """One load at a time: of two commits to one table at once, one fails."""
        return _LOADING

    def prepare_load(self, session: Session, schema: str) -> None:
        """Make the control tables; the folder of a table comes with the table."""
        prepare_control(self, session)

    @contextmanager
    def stage_files(self, session: Session, batch: Batch, target: LoadTarget) -> Iterator[Mapping[str, str]]:
        """A landing folder for each group of files; tables for what is matched by key."""
        files = {ROWS: batch.data, QUARANTINE: batch.quarantine, GONE: batch.gone}
        tables = {GONE: self.read_file_columns(session, batch.gone)}
        if target.key:
            tables[ROWS] = target.incoming
        with stage_groups(self, session, target, files, tables) as staged:
            yield staged

    def insert_files(self, session: Session, target: LoadTarget, staged: str) -> None:
        """COPY INTO from a landing folder; a table of rows that were matched by key is inserted."""
        if staged.startswith("@"):
            copy_files(self, session, self.relation(target.relation), staged, target.files)
        else:
            super().insert_files(session, target, staged)

    def release_staged(self, session: Session, staged: Mapping[str, str]) -> None:
        """Drop the tables of rows that were matched by key."""
        for table in staged.values():
            if not table.startswith("@"):
                session.rows(f"drop table if exists {table}")

    def add_columns(self, session: Session, target: LoadTarget, columns: Mapping[str, str]) -> None:
        """Widen a table by all of the columns at once."""
        body = ", ".join(f"{self.quote(name)} {kind}" for name, kind in columns.items())
        session.rows(f"alter table {self.relation(target.relation)} add columns ({body})")

    def find_replaced_items(self, session: Session, batch: Batch, target: LoadTarget) -> list[str]:
        """The batch's items, and those that a killed load left."""
        own = super().find_replaced_items(session, batch, target)
        return [*own, *find_orphans(self, session, batch, target)]

    def delete_by_key(self, session: Session, target: LoadTarget, staged: str) -> None:
        """As the template, by EXISTS: Dremio's DELETE has no USING."""
        same, table = self.match_key(target), self.relation(target.relation)
        session.rows(f"delete from {table} as t where exists (select 1 from {staged} as n where {same})")

    def check_release(self, session: Session, release: Release) -> None:
        """Every relation has to be there, what is on readers' views readable, and branches need one catalogue."""
        check_relations(self, cast("DremioSession", session), release)
        self.read_view_settings(session, self.serving)
        if self.publish == "branch":
            check_catalogue(self)

    def change_over(self, release: Release) -> None:
        """Reflections first, then the views, as `publish` says; the lease is asked before every statement."""
        with self.session() as session:
            columns = check_relations(self, session, release)
            build_reflections(self, session, columns, release)
            before = parse_marker(self, session, self.serving)
            marker = write_marker_sql(self, release)
            publication = Publication(release, columns, marker, before.marts if before else {})
            kept = {**self.read_view_settings(session, self.serving), **recall_settings(self, session)}
            session.guard = lambda: fence(self, session)
            if kept:
                prepare_memory(self, session)
                remember_settings(self, session, kept)
            try:
                PUBLISHERS[self.publish](self, session, publication)
            except PlatformError:
                fence(self, session)  # a branch of a run that was overtaken can't be merged: say that
                raise
            back = {view: kept[view] for view in kept.keys() & {*release.marts, MARKER}}
            put_settings(self, session, release.run, self.serving, back)
            forget_settings(self, session, back)

    def is_shown(self, release: Release) -> bool:
        """As the template says; not while what was on a view waits to be put back."""
        with self.session() as session:
            waiting = recall_settings(self, session).keys() & {*release.marts, MARKER}
        return not waiting and super().is_shown(release)

    def read_view_settings(self, session: Session, schema: str) -> Settings:
        """Wiki, labels and privileges, of views as a whole."""
        own = cast("DremioSession", session)
        views = own.list_relations(self.names.view_folder(schema))
        return read_view_settings(self, own, schema, sorted(views))

    def write_view_setting(self, view: str, setting: ViewSetting, remove: bool = False) -> str:
        """What an administrator does: nothing of it is on a column, so that no release lacks what it needs."""
        verb, where = ("take", "off") if remove else ("put", "on")
        return f"{verb} {setting.kind} {setting.name or setting.value} {where} {view}"

    def change_view_settings(
        self,
        session: Session,
        schema: str,
        view: str,
        has: Collection[ViewSetting],
        wanted: Collection[ViewSetting],
    ) -> None:
        """Over REST; the lease is asked before each call."""
        change_view_settings(self, cast("DremioSession", session), schema, view, has, wanted)

    def find_wrong_views(self, session: Session, release: Release) -> list[str]:
        """As the template does; by slot, of the readers' views and of the slot that counts."""
        paths = {mart: ".".join(self.names.split_relation(name)) for mart, name in release.marts.items()}
        shown = read_definitions(session, self.names.view_folder(self.serving))
        slot = read_slot(self, session) if self.publish == "slot" else None
        if slot is None:
            return find_wrong_views(release.model_copy(update={"marts": paths}), shown)
        shown.pop(POINTER, None)
        counting = read_definitions(session, self.names.view_folder(slot))
        over = {mart: ".".join(self.names.path(slot, mart)) for mart in paths}
        wrong = find_wrong_views(release.model_copy(update={"marts": over}), shown)
        return sorted(
            {*wrong, *(m for m, path in paths.items() if not is_defined_on(counting.get(m, ""), path))}
        )

    def list_releases(self) -> list[str]:
        """Every release schema there is: by its tables, or by its folder of views."""
        with self.session() as session:
            return list_releases(self, session)

    def drop_releases(self, schemas: Sequence[str]) -> None:
        """Drop release schemas with all they hold, but none that a reader's view needs, nor the idle slot's."""
        with self.session() as session:
            shown = [parse_marker(self, session, schema) for schema in (self.serving, *self.slots)]
            needed = {name.rsplit(".", 1)[0] for each in shown if each for name in each.marts.values()}
            drop_releases(self, session, set(schemas) - needed)

    def describe_live_source(self) -> LiveSource:
        """Serving as a BI server reaches it, over Flight."""
        return LiveSource(
            kind="dremio",
            server=self.flight_host or self.host,
            port=self.flight_port,
            database=self.database,
            schema_name=self.serving,
            encrypted=self.tls,
        )

    def setup(self, apply: bool = False) -> list[str]:
        """The space and folder of views, and the rights; apply makes the folder."""
        if apply:
            with self.session() as session:
                session.rest.make_folder(self.names.views)
        who, rights = self.user or "<user>", "alter, create table, drop, insert, select, update, delete"
        return [
            f"-- space and folder {self.database}: made by `setup --apply`, or on Dremio's page",
            f'grant {rights} on source {quote_path(self.names.tables[:1])} to user "{who}"',
            f'grant alter, select, alter reflection on space {quote_path(self.names.views[:1])} to user "{who}"',
        ]

    def make_schema(self, session: Session, schema: str) -> None:
        """Create a schema's folder of views; a folder of tables comes with its first table."""
        if schema != self.control and isinstance(session, DremioSession):
            session.rest.make_folder(self.names.view_folder(schema))

    def locate_model(self, schema: str, alias: str, materialized: str) -> str:
        """A built model as `schema.table`; a view is marked, because it is not where the tables are."""
        return self.names.name_release(schema, alias, materialized == "view")
