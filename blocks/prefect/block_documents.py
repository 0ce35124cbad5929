"""Saved blocks as declared in a file: types registered, documents created or brought up to date, secrets unseen.

The file is YAML, `type/name` → fields; `${NAME}` in a value comes from the environment or, if only NAME_FILE
is set, from that file; `${NAME:-text}` has a default. What a block does is in its own class.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect.blocks.core import Block

from blocks.errors import Misconfigured, PlatformError, replace_vendor_errors
from blocks.plain_file import read_plain
from blocks.prefect.block_types import find_block_class, load_block, refuse_fields
from blocks.vendor_patches.prefect import has_schema_of
from blocks.yaml_content import read_yaml

_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?::-([^}]*))?\}")


def read_declared(path: Path, environment: Mapping[str, str] = os.environ) -> dict[str, Block]:
    """The file's blocks by `type/name`, not saved yet. Raises Misconfigured that names every missing variable."""
    remedy = "As in duckdb-warehouse/main: {...}."
    declared = read_yaml(path, remedy)
    if not declared or not all(
        isinstance(slug, str) and isinstance(fields, dict) and all(isinstance(name, str) for name in fields)
        for slug, fields in declared.items()
    ):
        raise Misconfigured(f"read {path}", "it is no mapping of TYPE/NAME to fields", remedy)
    missing: list[str] = []
    filled = {slug: _fill(fields, environment, missing) for slug, fields in declared.items()}
    if missing:
        raise Misconfigured(
            f"read {path}",
            f"not set: {', '.join(dict.fromkeys(missing))}",
            "Set each as an environment variable, or NAME_FILE to a file that holds it.",
        )
    return {slug: _make_block(slug, fields) for slug, fields in filled.items()}


def apply_block(slug: str, block: Block) -> str:
    """Save it if it is new or differs from what is saved; return `created`, `updated` or `unchanged`."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    kind, name = slug.split("/")
    type(block).register_type_and_schema()
    with get_client(sync_client=True) as client:
        try:
            saved = client.read_block_document_by_name(name, kind, include_secrets=True)
        except ObjectNotFound:
            saved = None
    wanted = block.model_dump(mode="json", context={"include_secrets": True})
    wanted.pop("block_type_slug", None)  # Prefect's serializer adds it
    if saved and has_schema_of(saved, block) and saved.data == wanted:
        return "unchanged"
    block.save(name, overwrite=True)
    return "updated" if saved else "created"


def check_block(slug: str) -> tuple[bool, str]:
    """Load a saved block and let it connect: whether all is well, and a one-line status."""
    try:
        check = getattr(load_block(slug), "check", None)
        return True, check() if check else "saved; it has nothing to check"
    except PlatformError as error:
        return False, str(error)
    except Exception as error:  # whatever a vendor's client raises, the other systems get their line
        return False, f"{type(error).__name__}: it could not be checked"


def _make_block(slug: str, fields: dict[str, object]) -> Block:
    kind, separator, name = slug.partition("/")
    if not separator or not re.fullmatch("[a-z0-9][a-z0-9-]*", name):
        raise Misconfigured(f"read block {slug}", "it is not TYPE/NAME", "As in duckdb-warehouse/main.")
    cls = find_block_class(kind)
    if unknown := set(fields) - set(cls.model_fields):
        known = ", ".join(cls.model_fields)
        raise Misconfigured(
            f"read block {slug}", f"no field {', '.join(sorted(unknown))}", f"It has {known}."
        )
    with refuse_fields(f"read block {slug}", "Correct these fields."):
        return cls(**fields)


def _fill(value: Any, environment: Mapping[str, str], missing: list[str]) -> Any:
    """A value with its variables filled in; the names of those that are not set go to `missing`."""
    if isinstance(value, dict):
        return {key: _fill(each, environment, missing) for key, each in value.items()}
    if isinstance(value, list):
        return [_fill(each, environment, missing) for each in value]
    if not isinstance(value, str):
        return value

    def lookup(match: re.Match[str]) -> str:
        name, default = match.groups()
        found = read_variable(name, environment)
        if found is None and default is None:
            missing.append(name)
        return found if found is not None else default or ""

    return _VARIABLE.sub(lookup, value)


def read_variable(name: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """A variable's value or, if only NAME_FILE is set, that file's content; None where neither is.

    Raises Misconfigured for a file that can't be read.
    """
    found = environment.get(name)
    if found is None and (path := environment.get(f"{name}_FILE")):
        return _read_content(name, Path(path))
    return found


def _read_content(name: str, path: Path) -> str:
    def translate(error: BaseException) -> Misconfigured:
        why = getattr(error, "strerror", None) or "it is no text in UTF-8"
        return Misconfigured(f"read {name}_FILE", f"{path}: {why}")

    with replace_vendor_errors((OSError, ValueError), translate):
        return read_plain(path).rstrip("\n")
