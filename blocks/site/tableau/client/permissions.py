"""Who may view what was published; nothing is changed unless groups are asked for."""

from __future__ import annotations

from collections.abc import Sequence

from blocks.errors import Misconfigured
from blocks.site.tableau.client.items import ContentItem, GroupItem, Server
from blocks.site.tableau.client.session import TableauSession

VIEWING = ("Read", "Filter", "ViewComments", "AddComment", "ExportImage", "ExportData", "ShareView")


def grant_view(session: TableauSession, item: ContentItem, groups: Sequence[str]) -> None:
    """Let groups view a workbook, on top of what is allowed already. Raises Misconfigured for an unknown one."""
    if not groups:
        return
    import tableauserverclient as client

    rules = [
        client.PermissionsRule(_group(session, name), dict.fromkeys(VIEWING, client.Permission.Mode.Allow))
        for name in groups
    ]
    session.call(
        f"Let groups view {item.name}", lambda server: server.workbooks.update_permissions(item, rules)
    )


def _group(session: TableauSession, name: str) -> GroupItem:
    import tableauserverclient as client

    def search(server: Server) -> list[GroupItem]:
        options = client.RequestOptions()
        equals = client.RequestOptions.Operator.Equals
        options.filter.add(client.Filter(client.RequestOptions.Field.Name, equals, name))
        return list(client.Pager(server.groups, options))

    found = session.call(f"Look for group {name}", search)
    group = next((each for each in found if each.name == name), None)
    if group is None:
        raise Misconfigured(
            f"Let group {name} view", "the site has no such group", "Correct readers of the block."
        )
    return group
