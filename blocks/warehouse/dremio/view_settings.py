"""What an administrator puts on readers' views in Dremio: wiki, labels, privileges. Read and written over REST.

Nothing says whether CREATE OR REPLACE VIEW keeps them, and it is no part of a transaction. So they are written down in
the control schema before readers change over and forgotten once they are back: whoever finishes a promotion that broke
off puts them back (`DremioWarehouse.change_over`, `shows`). Row-access and column-masking policies on a view are not
read: Dremio documents no way to list them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from urllib.parse import quote

from blocks.errors import NotFound
from blocks.warehouse.dremio.responses import Grants, Labels, Wiki
from blocks.warehouse.dremio.rest import DremioRest
from blocks.warehouse.dremio.session import DremioSession
from blocks.warehouse.dremio.settings import DremioSettings
from blocks.warehouse.view_setting import Settings, ViewSetting


def read_view_settings(
    settings: DremioSettings, session: DremioSession, schema: str, views: Iterable[str]
) -> Settings:
    """View → what is on it; none of a view without any."""
    found: dict[str, frozenset[ViewSetting]] = {}
    for view in views:
        entity = session.rest.find_entity(settings.names.path(schema, view))
        if entity and (on_it := _read(session.rest, entity.id, view)):
            found[view] = frozenset(on_it)
    return found


def change_view_settings(
    settings: DremioSettings,
    session: DremioSession,
    schema: str,
    view: str,
    has: Collection[ViewSetting],
    wanted: Collection[ViewSetting],
) -> None:
    """Give a view exactly what is wanted. Raises NotFound for one that is not there."""
    path = settings.names.path(schema, view)
    entity = session.rest.find_entity(path)
    if entity is None:
        raise NotFound(f"put back what was on {'.'.join(path)}", "it is not there")
    changed = {each.kind for each in set(has) ^ set(wanted)}
    rest, asked = session.rest, f"of {view}"
    if "wiki" in changed:
        text = next((each.value for each in wanted if each.kind == "wiki"), "")
        session.guard()
        rest.write(_write_path(entity.id, "wiki"), {"text": text}, Wiki, f"write the wiki {asked}")
    if "label" in changed:
        labels = sorted(each.value for each in wanted if each.kind == "label")
        session.guard()
        rest.write(_write_path(entity.id, "tag"), {"tags": labels}, Labels, f"write the labels {asked}")
    if "grant" in changed:
        session.guard()
        rest.replace(
            _write_grants_path(entity.id),
            {"grants": _write_grants(has, wanted)},
            f"write the privileges {asked}",
        )


def _read(rest: DremioRest, identifier: str, view: str) -> set[ViewSetting]:
    """What is on an entity; an edition without privileges answers that there are none."""
    wiki = rest.read_if_there(Wiki, _write_path(identifier, "wiki"), f"read the wiki of {view}")
    labels = rest.read_if_there(Labels, _write_path(identifier, "tag"), f"read the labels of {view}")
    grants = rest.read_if_there(Grants, _write_grants_path(identifier), f"read the privileges of {view}")
    found = {ViewSetting("wiki", value=wiki.text)} if wiki and wiki.text else set()
    found |= {ViewSetting("label", value=label) for label in (labels.tags if labels else ())}
    for grant in grants.grants if grants else ():
        grantee = f"{grant.grantee_type} {grant.name} {grant.id}"
        found |= {ViewSetting("grant", name=grantee, value=right) for right in grant.privileges}
    return found


def _write_grants(has: Iterable[ViewSetting], wanted: Iterable[ViewSetting]) -> list[dict[str, object]]:
    """The body's grants: every grantee of either, with what is wanted for it, which may be nothing."""
    rights: dict[str, list[str]] = defaultdict(list)
    for each in has:
        if each.kind == "grant":
            rights[each.name] = []
    for each in wanted:
        if each.kind == "grant":
            rights[each.name].append(each.value)
    return [
        {"granteeType": name.split(" ", 1)[0], "id": name.rsplit(" ", 1)[1], "privileges": sorted(each)}
        for name, each in sorted(rights.items())
    ]


def _write_path(identifier: str, what: str) -> str:
    return f"/catalog/{quote(identifier, safe='')}/collaboration/{what}"


def _write_grants_path(identifier: str) -> str:
    return f"/catalog/{quote(identifier, safe='')}/grants"
