"""After a workbook of the project's own was published: who its connections read as, and fresh extracts."""

from __future__ import annotations

from blocks.site.tableau.client import content
from blocks.site.tableau.client.content import Reader
from blocks.site.tableau.client.endpoints import Server
from blocks.site.tableau.client.items import ConnectionItem, ContentItem
from blocks.site.tableau.client.session import TableauSession

STORED = {"hyper", "dataengine"}  # connections to rows that were published with it: nothing to log in to
PROXY = "sqlproxy"  # a connection to a data source of the site


def connect_and_refresh(
    session: TableauSession, item: ContentItem, reader: Reader | None, deadline: float
) -> None:
    """Embed the reader in a workbook's own connections, then refresh all extracts that it shows.

    Extracts inside it are refreshed through it, those of data sources of the site through these.
    """
    connections = _list_connections(session, "workbooks", item)
    direct = [each for each in connections if each.connection_type not in STORED | {PROXY}]
    if reader:
        for connection in direct:
            _embed(session, item, connection, reader)
    for identity in sorted(
        {str(each.datasource_id) for each in connections if each.connection_type == PROXY}
    ):
        _refresh_source(session, identity, deadline)
    if direct and item.has_extracts:
        content.refresh(session, "workbooks", item, deadline)


def _refresh_source(session: TableauSession, identity: str, deadline: float) -> None:
    asked = "Look at a data source of the workbook"
    source = session.call(asked, lambda server: server.datasources.get_by_id(identity))
    origins = {each.connection_type for each in _list_connections(session, "datasources", source)}
    if source.has_extracts and origins - STORED:
        content.refresh(session, "datasources", source, deadline)


def _list_connections(session: TableauSession, kind: str, item: ContentItem) -> list[ConnectionItem]:
    def ask(server: Server) -> list[ConnectionItem]:
        getattr(server, kind).populate_connections(item)
        return list(item.connections)

    return session.call(f"List the connections of {item.name}", ask)


def _embed(session: TableauSession, item: ContentItem, connection: ConnectionItem, reader: Reader) -> None:
    connection.username, connection.password = reader.user, reader.password.get_secret_value()
    connection.embed_password = True
    asked = f"Embed the reader in {item.name}"
    session.call(asked, lambda server: server.workbooks.update_connection(item, connection))
