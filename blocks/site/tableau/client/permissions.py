"""Who may view what is published: looked at before, granted after, read back. Nothing changes without groups.

A workbook on a published data source is seen by those who may view the workbook and connect to the source. Where a
project's permissions are locked, they alone decide, and nothing can be granted on what is in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from blocks.errors import Forbidden, Misconfigured
from blocks.site.tableau.client.endpoints import Server
from blocks.site.tableau.client.items import ContentItem, GroupItem, ProjectItem, RuleItem
from blocks.site.tableau.client.lookup import is_same_name, list_groups, list_projects, pick_named
from blocks.site.tableau.client.session import TableauSession

GRANTED = {
    "workbooks": ("Read", "Filter", "ViewComments", "AddComment", "ExportImage", "ExportData", "ShareView"),
    "datasources": ("Read", "Connect"),
}
"""Kind of content (the client's endpoint) → what readers are given on it."""
NEEDED = {"workbooks": ("Read",), "datasources": ("Read", "Connect")}
"""Kind of content → what readers see nothing without."""
EVERYBODY = "All Users"  # the group that every site has, and everybody is in
_ALLOW, _DENY = "Allow", "Deny"


class Readers(NamedTuple):
    """Groups that are to view. everybody: the group of all users; locked: the project's permissions decide, and do.

    unseen: locked, and the user may not read them. alone: no other group is to view it.
    """

    groups: tuple[GroupItem, ...] = ()
    everybody: GroupItem | None = None
    locked: bool = False
    unseen: bool = False
    alone: bool = False

    @property
    def description(self) -> str:
        """Whether they see what is published, as in "viewed by Sales"; empty without groups."""
        if not self.groups:
            return ""
        names = ", ".join(each.name for each in self.groups)
        if self.unseen:
            return f"the project's permissions are locked, and the user may not read whether {names} may view"
        return f"viewed by {names}" + (", as the project's locked permissions say" if self.locked else "")


def find_readers(
    session: TableauSession,
    project: str,
    names: Sequence[str],
    kinds: Sequence[str],
    alone: bool = False,
) -> Readers:
    """Look who is to view what is published into a project (its id), before anything is.

    alone: these groups and no others. Raises Misconfigured for an unknown group, and for a locked project whose
    permissions keep one out, or let another in that is to be kept out.
    """
    if not names:
        return Readers()
    listed = list_groups(session)
    groups = tuple(_find_group(listed, name) for name in names)
    everybody = next((each for each in listed if each.name == EVERYBODY), None)
    controlling = _find_lock(list_projects(session), project)
    if controlling is None:
        return Readers(groups, everybody, alone=alone)
    readers = Readers(groups, everybody, locked=True, alone=alone)
    try:
        for kind in kinds:
            rules = _read_default_rules(session, controlling, kind)
            _check_rules(f"Publish into project {controlling.name}", rules, readers, kind)
            _check_alone(f"Publish into project {controlling.name}", rules, readers, listed)
    except Forbidden:
        return readers._replace(unseen=True)
    return readers


def grant_view(session: TableauSession, kind: str, item: ContentItem, readers: Readers) -> None:
    """Let the groups view a workbook or data source, on top of what is allowed already, and read that back.

    What people have denied a group stays denied. Raises Misconfigured where it then sees nothing.
    """
    if not readers.groups or readers.locked:
        return
    import tableauserverclient as client

    rules = _read_rules(session, kind, item)
    wanted = [(group, _list_missing(rules, group, GRANTED[kind])) for group in readers.groups]
    missing = [
        client.PermissionsRule(group, dict.fromkeys(names, _ALLOW)) for group, names in wanted if names
    ]
    if missing:
        session.call(
            f"Let groups view {item.name}",
            lambda server: getattr(server, kind).update_permissions(item, missing),
        )
        rules = _read_rules(session, kind, item)
    if readers.alone and (others := _list_others(rules, readers)):
        session.call(
            f"Keep other groups from viewing {item.name}",
            lambda server: [getattr(server, kind).delete_permission(item, each) for each in others],
        )
        rules = _read_rules(session, kind, item)
        _check_alone(f"Keep other groups from viewing {item.name}", rules, readers, list_groups(session))
    _check_rules(f"Let groups view {item.name}", rules, readers, kind)


def _list_others(rules: Sequence[RuleItem], readers: Readers) -> list[RuleItem]:
    """What other groups are allowed, as rules to be removed."""
    import tableauserverclient as client

    meant = {each.id for each in readers.groups}
    others = [each for each in rules if each.grantee.tag_name == "group" and each.grantee.id not in meant]
    allowed = [
        (each.grantee, {name: mode for name, mode in each.capabilities.items() if mode == _ALLOW})
        for each in others
    ]
    return [client.PermissionsRule(grantee, modes) for grantee, modes in allowed if modes]


def _check_alone(
    asked: str, rules: Sequence[RuleItem], readers: Readers, listed: Sequence[GroupItem]
) -> None:
    """Raises Misconfigured where others than an audience may view."""
    others = [each.grantee.id for each in _list_others(rules, readers)] if readers.alone else []
    if others:
        names = ", ".join(sorted(each.name for each in listed if each.id in others)) or "other groups"
        meant = ", ".join(each.name for each in readers.groups)
        raise Misconfigured(
            asked,
            f"it is for {meant} alone, and {names} may view what is there",
            "Publish it into a project whose permissions are not locked, or remove what allows them.",
        )


def _check_rules(asked: str, rules: Sequence[RuleItem], readers: Readers, kind: str) -> None:
    """Raises Misconfigured for a group that the rules do not let view."""
    for group in readers.groups:
        asking = [group] + ([readers.everybody] if readers.everybody else [])
        modes = [{_read_mode(rules, each, name) for each in asking} for name in NEEDED[kind]]
        lacking = [
            name
            for name, found in zip(NEEDED[kind], modes, strict=True)
            if _DENY in found or _ALLOW not in found
        ]
        if lacking:
            what = {"workbooks": "workbooks", "datasources": "data sources"}[kind]
            where = (
                "the project's permissions are locked, and" if readers.locked else "the site's permissions"
            )
            raise Misconfigured(
                asked,
                f"{where} do not give group {group.name} {' and '.join(lacking)} on {what}",
                "Have the project's leader allow it (Read is View on the site), or remove what denies it.",
            )


def _read_rules(session: TableauSession, kind: str, item: ContentItem) -> list[RuleItem]:
    def ask(server: Server) -> list[RuleItem]:
        getattr(server, kind).populate_permissions(item)
        return list(item.permissions)

    return session.call(f"Read who may view {item.name}", ask)


def _read_default_rules(session: TableauSession, project: ProjectItem, kind: str) -> list[RuleItem]:
    def ask(server: Server) -> list[RuleItem]:
        one = kind.removesuffix("s")
        getattr(server.projects, f"populate_{one}_default_permissions")(project)
        return list(getattr(project, f"default_{one}_permissions"))

    return session.call(f"Read the permissions of project {project.name}", ask)


def _read_mode(rules: Sequence[RuleItem], group: GroupItem, name: str) -> str | None:
    """Allow, Deny, or None where nothing is said."""
    of_group = [each for each in rules if (each.grantee.tag_name, each.grantee.id) == ("group", group.id)]
    return next((each.capabilities[name] for each in of_group if name in each.capabilities), None)


def _list_missing(rules: Sequence[RuleItem], group: GroupItem, names: Sequence[str]) -> list[str]:
    return [name for name in names if _read_mode(rules, group, name) is None]


def _find_lock(listed: Sequence[ProjectItem], identity: str) -> ProjectItem | None:
    """The project whose permissions decide for a project: one above that locks all below it, itself, or None."""
    by_id = {each.id: each for each in listed}
    at, found = by_id.get(identity), None
    if at and at.content_permissions in ("LockedToProject", "LockedToProjectWithoutNested"):
        found = at
    for _ in listed:
        at = by_id.get((at.parent_id if at else None) or "")
        if at is None:
            break
        if at.content_permissions == "LockedToProject":
            found = at
    return found


def _find_group(listed: Sequence[GroupItem], name: str) -> GroupItem:
    """A group by its name, or by domain\\name where two domains have one of that name."""
    asked = f"Let group {name} view"
    group = pick_named(asked, name, listed, _describe_group, lambda each: each.name)
    if group is None and "\\" in name:
        domain, _, rest = name.partition("\\")
        listed = [each for each in listed if is_same_name(each.domain_name or "", domain)]
        group = pick_named(asked, rest, listed, _describe_group, lambda each: each.name)
    if group is None:
        raise Misconfigured(asked, "the site has no such group", "Correct readers of the block.")
    return group


def _describe_group(group: GroupItem) -> str:
    return f"{group.domain_name}\\{group.name}" if group.domain_name else group.name
