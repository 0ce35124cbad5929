"""How a data source reaches its rows: an extract in the workbook's package, one published on the site, or the
warehouse itself, whose attributes are known from what docs/tableau.md says. A new way in is a class here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from blocks.errors import Misconfigured
from blocks.site.tableau.workbook.xml import Element, element, stable_token
from blocks.warehouse.bi_connection import LiveSource


class TableauConnection(Protocol):
    """What a data source's element is made of, besides its fields."""

    @property
    def prefix(self) -> str:
        """What the names of its data sources begin with."""

    @property
    def parent(self) -> str:
        """The name of its table among the metadata."""

    @property
    def modelled(self) -> bool:
        """True if the workbook says how tables relate; for a source of the site, the site does."""

    def location(self) -> Element | None:
        """Where on a site it was published; None for what was not."""

    def relation(self) -> Element:
        """The table it reads."""

    def xml(self, records: Element) -> Element:
        """The `connection`, with its metadata records in it."""


@dataclass(frozen=True)
class PackedExtract:
    """A .hyper file inside the workbook's package. file: its path there."""

    file: str
    prefix: str = "federated"
    parent: str = "Extract"
    modelled: bool = True

    @property
    def _name(self) -> str:
        return f"hyper.{stable_token(self.file)}"

    def location(self) -> Element | None:
        """None: it is not on a site."""
        return None

    def relation(self) -> Element:
        """The extract's table."""
        attributes = {
            "connection": self._name,
            "name": "Extract",
            "table": "[Extract].[Extract]",
            "type": "table",
        }
        return element("relation", attributes)

    def xml(self, records: Element) -> Element:
        """A connection to the file."""
        inner = {
            "authentication": "auth-none",
            "author-locale": "en_US",
            "class": "hyper",
            "dbname": self.file,
            "default-settings": "yes",
            "schema": "Extract",
            "sslmode": "",
            "tablename": "Extract",
            "username": "",
        }
        return wrap_federated(self._name, self.file, inner, self.relation(), records)


@dataclass(frozen=True)
class PublishedSource:
    """A data source of the site. content: the last part of its address; site: its site's, empty for Default."""

    content: str
    caption: str
    address: str
    site: str
    prefix: str = "sqlproxy"
    parent: str = "sqlproxy"
    modelled: bool = False

    def location(self) -> Element | None:
        """Where the site keeps it."""
        path = f"/t/{self.site}/datasources" if self.site else "/datasources"
        where = {"id": self.content, "path": path, "revision": "1.0"} | (
            {"site": self.site} if self.site else {}
        )
        return element("repository-location", where)

    def relation(self) -> Element:
        """The data server's one table."""
        return element("relation", {"name": "sqlproxy", "table": "[sqlproxy]", "type": "table"})

    def xml(self, records: Element) -> Element:
        """A connection to the site's data server."""
        parts = urlsplit(self.address)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return element(
            "connection",
            {
                "channel": parts.scheme,
                "class": "sqlproxy",
                "dbname": self.content,
                "directory": "/dataserver",
                "port": port,
                "server": parts.hostname or "",
                "server-ds-friendly-name": self.caption,
                "username": "",
            },
            self.relation(),
            records,
        )


def wrap_federated(
    name: str, caption: str, inner: dict[str, str], relation: Element, records: Element
) -> Element:
    """The `connection` around one named connection, as Tableau writes all that are not its own server's."""
    named = element("named-connection", {"caption": caption, "name": name}, element("connection", inner))
    return element(
        "connection", {"class": "federated"}, element("named-connections", {}, named), relation, records
    )


@dataclass(frozen=True)
class LiveConnection:
    """The warehouse, by a query over serving. user: whom it is read as; the password is never in a file."""

    source: LiveSource
    query: str
    user: str
    prefix: str = "federated"
    parent: str = "Custom SQL Query"
    modelled: bool = True

    @property
    def _name(self) -> str:
        return f"{self.source.kind}.{stable_token(self.source.server, self.source.database)}"

    def location(self) -> Element | None:
        """None: it is not on a site."""
        return None

    def relation(self) -> Element:
        """The query."""
        # Tableau takes <x> in a query for a parameter; a doubled sign is the sign itself
        query = self.query.replace("<", "<<").replace(">", ">>")
        return element(
            "relation", {"connection": self._name, "name": self.parent, "type": "text"}, text=query
        )

    def xml(self, records: Element) -> Element:
        """A connection by the warehouse's driver. Raises Misconfigured for one that is not known."""
        if self.source.kind not in _DRIVERS:
            raise Misconfigured(
                "Write a live data source",
                f"Tableau's connection to {self.source.kind} is not known here",
                f"Use an extract; live works with {', '.join(_DRIVERS)}.",
            )
        inner = {"class": self.source.kind, "server": self.source.server, "username": self.user}
        inner |= _DRIVERS[self.source.kind](self.source)
        return wrap_federated(self._name, self.source.server, inner, self.relation(), records)


def _describe_snowflake(source: LiveSource) -> dict[str, str]:
    return {
        "authentication": "Username Password",
        "dbname": source.database,
        "schema": source.schema_name,
        "warehouse": source.warehouse,
        "service": source.role,
        "odbc-connect-string-extras": "",
        "one-time-sql": "",
        "workgroup-auth-mode": "prompt",
    }


def _describe_dremio(source: LiveSource) -> dict[str, str]:
    return {
        "authentication": "basic",  # under any other word its connector gives neither user nor password on
        "dbname": source.database,
        "schema": source.schema_name,
        "port": str(source.port or 31010),
        "sslmode": "require" if source.encrypted else "",
    }


def _describe_postgres(source: LiveSource) -> dict[str, str]:
    return {
        "authentication": "username-password",
        "dbname": source.database,
        "one-time-sql": "",
        "port": str(source.port or 5432),
        "sslmode": "require" if source.encrypted else "",
        "workgroup-auth-mode": "prompt",
    }


_DRIVERS = {"snowflake": _describe_snowflake, "dremio": _describe_dremio, "postgres": _describe_postgres}
