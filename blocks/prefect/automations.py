"""Prefect automations as declared in a file: created, brought up to date, or left alone. Matched by name.

In a declared action `block: type/name` stands for the id of a saved block, `deployment: flow/name` for that
of a deployment; all else is Prefect's own schema.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.exceptions import ObjectNotFound

from blocks.errors import Misconfigured, NotFound, replace_vendor_errors
from blocks.prefect.block_types import refuse_fields
from blocks.yaml_content import read_yaml


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


def _make_automation(declared: dict[str, Any], client: SyncPrefectClient) -> AutomationCore:
    name = str(declared.get("name"))
    actions = [_resolve_action(action, client) for action in declared.get("actions", [])]
    with refuse_fields(f"read automation {name}", "See Prefect's automation schema.", known=True):
        return AutomationCore.model_validate({**declared, "actions": actions})


def _resolve_action(action: dict[str, Any], client: SyncPrefectClient) -> dict[str, Any]:
    """The action with ids instead of names."""
    result = dict(action)
    block = deployment = None

    def translate(_: BaseException) -> NotFound:
        missing = f"{deployment or block} is not saved"
        return NotFound("read automations", missing, "Apply blocks and deploy first.")

    with replace_vendor_errors(ObjectNotFound, translate):
        if block := result.pop("block", None):
            kind, _, name = block.partition("/")
            result["block_document_id"] = client.read_block_document_by_name(name, kind).id
        if deployment := result.pop("deployment", None):
            result["deployment_id"] = client.read_deployment_by_name(deployment).id
    return result
