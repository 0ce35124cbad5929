"""A data source that reads the warehouse itself. What its attributes are known from: docs/tableau.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from blocks.errors import Misconfigured
from blocks.site.tableau.workbook.connections import federated
from blocks.site.tableau.workbook.xml import element, token
from blocks.warehouse.bi_connection import LiveSource


@dataclass(frozen=True)
class Live:
    """The warehouse, by a query over serving. user: whom it is read as; the password is never in a file."""

    source: LiveSource
    query: str
    user: str
    prefix: str = "federated"
    parent: str = "Custom SQL Query"
    modelled: bool = True

    @property
    def _name(self) -> str:
        return f"{self.source.kind}.{token(self.source.server, self.source.database)}"

    def location(self) -> Any:
        """None: it is not on a site."""
        return None

    def relation(self) -> Any:
        """The query."""
        # Tableau takes <x> in a query for a parameter; a doubled sign is the sign itself
        query = self.query.replace("<", "<<").replace(">", ">>")
        return element(
            "relation", {"connection": self._name, "name": self.parent, "type": "text"}, text=query
        )

    def xml(self, records: Any) -> Any:
        """A connection by the warehouse's driver. Raises Misconfigured for one that is not known."""
        if self.source.kind not in _DRIVERS:
            raise Misconfigured(
                "Write a live data source",
                f"Tableau's connection to {self.source.kind} is not known here",
                f"Use an extract; live works with {', '.join(_DRIVERS)}.",
            )
        inner = {"class": self.source.kind, "server": self.source.server, "username": self.user}
        inner |= _DRIVERS[self.source.kind](self.source)
        return federated(self._name, self.source.server, inner, self.relation(), records)


def _snowflake(source: LiveSource) -> dict[str, str]:
    return {
        "authentication": "Username Password",
        "dbname": source.database,
        "schema": source.schema_name,
        "warehouse": source.warehouse,
        "service": source.role,
        "odbc-connect-string-extras": "",
        "one-time-sql": "",
        "server-oauth": "",
        "workgroup-auth-mode": "prompt",
    }


def _dremio(source: LiveSource) -> dict[str, str]:
    return {
        "authentication": "auth-user-pass",
        "dbname": source.database,
        "schema": source.schema_name,
        "port": str(source.port or 31010),
        "sslmode": "require" if source.encrypted else "",
    }


_DRIVERS = {"snowflake": _snowflake, "dremio": _dremio}
