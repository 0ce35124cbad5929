"""Dremio, Software and Cloud: tables in an object-storage source, views in a space, both by one setting.

Dremio has no transactions over statements: every step is safe to repeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from blocks.errors import Misconfigured
from blocks.records import LoadReport, Release
from blocks.warehouse.base import Batch, Session
from blocks.warehouse.bi_connection import LiveSource
from blocks.warehouse.costs import Costs
from blocks.warehouse.dremio.clients import target
from blocks.warehouse.dremio.load import load_batch
from blocks.warehouse.dremio.names import Names, quoted, split
from blocks.warehouse.dremio.publish import PUBLISHERS
from blocks.warehouse.dremio.reflections import accelerate
from blocks.warehouse.dremio.releases import drop_releases, list_releases
from blocks.warehouse.dremio.session import DremioSession
from blocks.warehouse.dremio.settings import DremioLogin
from blocks.warehouse.dremio.types import declared, known
from blocks.warehouse.dremio.views import check_relations
from blocks.warehouse.release_marker import read_marker

SLOTS = ("blue", "green")


class DremioWarehouse(DremioLogin):
    """A place in Dremio; `database` is the dotted path of a space (and folders) or of a catalogue's folder."""

    _block_type_name = "Dremio Warehouse"
    _block_type_slug = "dremio-warehouse"

    source: str | None = Field(
        None, description="source of tables, with bucket and folders: lake.bucket; none: database holds them"
    )
    publish: Literal["views", "slot", "branch"] = Field("views", description="how readers get a release")
    reflections: Literal["none", "optional", "required"] = Field(
        "none", description="raw reflections on every mart of a release, awaited before readers see it"
    )

    @property
    def names(self) -> Names:
        """Where schemas are."""
        return Names.of(self.source, self.database, [self.serving, *self.slots])

    @property
    def slots(self) -> tuple[str, ...]:
        """Schemas of the two slots, where publishing is by slot."""
        return tuple(f"{self.serving}_{slot}" for slot in SLOTS)

    def check(self) -> str:
        """Log in to both faces and look for the source; one line for a person."""
        with self.session() as session:
            session.rows("select 1")
            for root in dict.fromkeys((self.names.tables[0], split(self.landing)[0])):
                if session.rest.entity((root,)) is None:
                    raise Misconfigured(
                        f"check Dremio at {self.host}",
                        f"there is no source {root}",
                        "Add it, or correct the block.",
                    )
        return f"Dremio at {self.host}: tables in {'.'.join(self.names.tables)}, views in {self.database}"

    def dbt_target(self, schema: str) -> tuple[dict[str, Any], dict[str, str]]:
        """dbt-dremio's profile output, and the environment of dbt's process."""
        return target(self, schema)

    def gx_connection(self) -> tuple[str, dict[str, Any]]:
        """Our own dialect over Flight; the URL holds no secret."""
        from blocks.warehouse.dremio import sqlalchemy

        return sqlalchemy.url(self), {"hide_parameters": True}

    def columns(self, session: Session, schema: str, table: str) -> dict[str, str]:
        """Column → type, in order; empty if the relation does not exist."""
        path = self.names.path(schema, table)
        rows = session.rows(
            'select COLUMN_NAME, DATA_TYPE, NUMERIC_PRECISION, NUMERIC_SCALE from INFORMATION_SCHEMA."COLUMNS"'
            " where TABLE_SCHEMA = ? and TABLE_NAME = ? order by ORDINAL_POSITION",
            (".".join(path[:-1]), path[-1]),
        )
        return {name: known(kind, precision, scale) for name, kind, precision, scale in rows}

    def ingest(self, batch: Batch) -> LoadReport:
        """Load a batch, its ledger lines last; what a killed load left is taken out by the next."""
        return batch.report(load_batch(self, batch))

    def served(self) -> Release | None:
        """What readers see now, read from serving's `_release`."""
        return read_marker(self, self.serving)

    def flip(self, release: Release) -> None:
        """Reflections first, then the views, as `publish` says."""
        with self.session() as session:
            columns = check_relations(self, session, release)
            accelerate(self, session, columns, release)
            PUBLISHERS[self.publish](self, session, release, columns)

    def releases(self) -> list[str]:
        """Every release schema there is: by its tables, or by its folder of views."""
        return list_releases(self)

    def drop(self, schemas: Sequence[str]) -> None:
        """Drop release schemas with all they hold, but none that a reader's view still needs."""
        drop_releases(self, schemas)

    def live_source(self) -> LiveSource:
        """Serving as a BI server reaches it, over Flight."""
        return LiveSource(
            kind="dremio",
            server=self.flight_host or self.host,
            port=self.flight_port,
            database=self.database,
            schema_name=self.serving,
            encrypted=self.tls,
        )

    def clone(self, source: str, target: str) -> None:
        """A full copy: Dremio has no other."""
        with self.session() as session:
            session.rows(f"drop table if exists {self.relation(target)}")
            session.rows(f"create table {self.relation(target)} as select * from {self.relation(source)}")

    def setup(self, apply: bool = False) -> list[str]:
        """The space and folder of views, and the rights; apply makes the folder."""
        if apply:
            with self.session() as session:
                session.rest.make_folder(self.names.views)
        who, rights = self.user or "<user>", "alter, create table, drop, insert, select, update, delete"
        return [
            f"-- space and folder {self.database}: made by `setup --apply`, or on Dremio's page",
            f'grant {rights} on source {quoted(self.names.tables[:1])} to user "{who}"',
            f'grant alter, select, alter reflection on space {quoted(self.names.views[:1])} to user "{who}"',
        ]

    def costs(self, days: int) -> Costs | None:
        """None: Dremio's job history knows time and memory, not money."""
        return None

    def make_schema(self, session: Session, schema: str) -> None:
        """Create a schema's folder of views; a folder of tables comes with its first table."""
        if schema != self.control and isinstance(session, DremioSession):
            session.rest.make_folder(self.names.view_folder(schema))

    def released(self, schema: str, alias: str, materialized: str) -> str:
        """A built model as `schema.table`; a view is marked, because it is not where the tables are."""
        return self.names.released(schema, alias, materialized == "view")

    def quote(self, *parts: str) -> str:
        """A column's name; or schema and relation as a whole path."""
        return quoted(self.names.path(*parts) if len(parts) == 2 else parts)

    def type_of(self, data_type: str | None) -> str:
        """Dremio's name of a declared type."""
        return declared(data_type)
