"""How a data source reaches its rows: an extract in the workbook's package, or one published on the site. The
warehouse itself is in live.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from blocks.site.tableau.workbook.xml import element, token


class Connection(Protocol):
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

    def location(self) -> Any:
        """Where on a site it was published; None for what was not."""

    def relation(self) -> Any:
        """The table it reads."""

    def xml(self, records: Any) -> Any:
        """The `connection`, with its metadata records in it."""


@dataclass(frozen=True)
class Packed:
    """A .hyper file inside the workbook's package. file: its path there."""

    file: str
    prefix: str = "federated"
    parent: str = "Extract"
    modelled: bool = True

    @property
    def _name(self) -> str:
        return f"hyper.{token(self.file)}"

    def location(self) -> Any:
        """None: it is not on a site."""
        return None

    def relation(self) -> Any:
        """The extract's table."""
        attributes = {
            "connection": self._name,
            "name": "Extract",
            "table": "[Extract].[Extract]",
            "type": "table",
        }
        return element("relation", attributes)

    def xml(self, records: Any) -> Any:
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
        return federated(self._name, self.file, inner, self.relation(), records)


@dataclass(frozen=True)
class Published:
    """A data source of the site. content: the last part of its address; site: its site's, empty for Default."""

    content: str
    caption: str
    address: str
    site: str
    prefix: str = "sqlproxy"
    parent: str = "sqlproxy"
    modelled: bool = False

    def location(self) -> Any:
        """Where the site keeps it."""
        path = f"/t/{self.site}/datasources" if self.site else "/datasources"
        where = {"id": self.content, "path": path, "revision": "1.0"} | (
            {"site": self.site} if self.site else {}
        )
        return element("repository-location", where)

    def relation(self) -> Any:
        """The data server's one table."""
        return element("relation", {"name": "sqlproxy", "table": "[sqlproxy]", "type": "table"})

    def xml(self, records: Any) -> Any:
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


def federated(name: str, caption: str, inner: dict[str, str], relation: Any, records: Any) -> Any:
    """The `connection` around one named connection, as Tableau writes all that are not its own server's."""
    named = element("named-connection", {"caption": caption, "name": name}, element("connection", inner))
    return element(
        "connection", {"class": "federated"}, element("named-connections", {}, named), relation, records
    )
