"""Prefect automations as declared in a file: created, brought up to date, or left alone. Matched by name.

In a declared action `block: type/name` stands for the id of a saved block, `deployment: flow/name` for that
of a deployment; all else is Prefect's own schema.
"""

from __future__ import annotations

from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.exceptions import ObjectNotFound
from pydantic import BaseModel, ConfigDict

from blocks.errors import Misconfigured, NotFound, replace_vendor_errors
from blocks.prefect.block_types import refuse_fields
from blocks.yaml_content import read_yaml


class DeclaredAction(BaseModel):
    """An action, with names in the place of ids."""

    model_config = ConfigDict(extra="allow")

    block: str | None = None
    deployment: str | None = None


class DeclaredAutomation(BaseModel):
    """An automation of the file; what is not here is Prefect's to judge."""

    model_config = ConfigDict(extra="allow")

    name: str
    actions: list[DeclaredAction] = []


def read_automations(path: Path) -> list[AutomationCore]:
    """The file's automations. Raises Misconfigured for what is not Prefect's schema, NotFound for a missing block."""
    declared = read_yaml(path, "Give a YAML file with `automations:`.").get("automations")
    if not isinstance(declared, list) or not all(isinstance(each, dict) for each in declared):
        raise Misconfigured(
            f"read {path}", "`automations:` is no list of mappings", "See deploy/automations.yaml."
        )
    with get_client(sync_client=True) as client:
        return [_make_automation(each, client) for each in declared]


def compare_automation(wanted: AutomationCore) -> str:
    """`created`, `updated` or `unchanged`: what applying it would do."""
    with get_client(sync_client=True) as client:
        return _compare(wanted, _find_saved(wanted.name, client))


def apply_automation(wanted: AutomationCore) -> str:
    """Create or update it where the server's differs; return `created`, `updated` or `unchanged`."""
    with get_client(sync_client=True) as client:
        saved = _find_saved(wanted.name, client)
        word = _compare(wanted, saved)
        if saved is None:
            client.create_automation(wanted)
        elif word == "updated":
            client.update_automation(saved.id, wanted)
    return word


def _compare(wanted: AutomationCore, saved: Automation | None) -> str:
    if saved is None:
        return "created"
    fields = {name for name in AutomationCore.model_fields if name != "owner_resource"}
    same = saved.model_dump(include=fields) == wanted.model_dump(include=fields)
    return "unchanged" if same else "updated"


def _find_saved(name: str, client: SyncPrefectClient) -> Automation | None:
    return next(iter(client.read_automations_by_name(name)), None)


def _make_automation(declared: dict[str, object], client: SyncPrefectClient) -> AutomationCore:
    asked = f"read automation {declared.get('name')}"
    with refuse_fields(asked, "See Prefect's automation schema.", known=True):
        found = DeclaredAutomation.model_validate(declared)
        actions = [_resolve_action(action, client) for action in found.actions]
        return AutomationCore.model_validate({**declared, "actions": actions})


def _resolve_action(action: DeclaredAction, client: SyncPrefectClient) -> dict[str, object]:
    """The action with ids instead of names."""
    result = action.model_dump(exclude={"block", "deployment"})
    named = ""

    def translate(_: BaseException) -> NotFound:
        return NotFound("read automations", f"{named} is not saved", "Apply blocks and deploy first.")

    with replace_vendor_errors(ObjectNotFound, translate):
        if named := action.block or "":
            kind, _, name = named.partition("/")
            result["block_document_id"] = client.read_block_document_by_name(name, kind).id
        if named := action.deployment or "":
            result["deployment_id"] = client.read_deployment_by_name(named).id
    return result
