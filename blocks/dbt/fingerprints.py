"""What each model of a release is made of, as fingerprints: where two are the same, building again changes no row.

A fingerprint has a part for each thing that can change, so that it can be said which one did. It is made of dbt's
manifest alone; what only the SQL that dbt compiled can tell (`current_date`, tables that are not declared) is looked at
after a build, in repeatable_sql.py. In doubt a fingerprint is unsure, and the model is built.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping

from blocks.changing_names import IN_JINJA
from blocks.dbt.hooks import RUN_HOOK, writes_elsewhere
from blocks.dbt.macros import NAMES_SCHEMA, Macros, find_jinja
from blocks.foreign_keys import read_foreign_keys
from blocks.hashing import hash_text, hash_value
from blocks.manifest import Manifest, Node, name_model
from blocks.records import Record

FORMAT = "3"  # another one where the meaning of a part changes: then everything is built once
REUSABLE = {"table", "seed"}
"""Materializations whose relation another release can show."""
_READABLE = {"table", "view", "ephemeral", "seed"}
_WITHOUT_EFFECT = {
    "access",
    "docs",
    "enabled",
    "freshness",
    "group",
    "meta",
    "node_color",
    "static_analysis",
    "tags",
}
_READS_META = re.compile(r"\b(?:meta|tags)\b|\bmodel\s*[.\[]|\bconfig\s*\.\s*(?:get|require|meta)")


class Fingerprint(Record):
    """What a node is made of: the name of each part → the hash of it. unsure: why that does not tell; else empty."""

    parts: dict[str, str]
    unsure: str = ""

    @property
    def digest(self) -> str:
        """One hash of all parts."""
        return hash_value(self.parts)

    def describe_change(self, before: Fingerprint) -> str:
        """Which part is not as it was, in a few words; empty for the same."""
        changed = [
            key for key in {**before.parts, **self.parts} if self.parts.get(key) != before.parts.get(key)
        ]
        known = [key for key in changed if key in _CHANGES]
        if known:
            return _CHANGES[known[0]]
        return f"{changed[0]} changed" if changed else ""


_CHANGES = {
    "code": "its code changed",
    "unit tests": "its unit tests changed",
    "config": "its configuration changed",
    "macros": "a macro that it calls changed",
    "variables": "a variable of dbt changed",
    "platform": "dbt, its adapter, its flags, the target or the time zone changed",
}


class Fingerprints:
    """The fingerprints of a project's nodes.

    sources: id of a source → the state of its rows; empty where nobody can tell it. platform, variables: texts of what
    every node stands on, and of what `var` reads. normalize: gives a text the same names of schemas in every run.
    overrides: True where packages' macros may stand for dbt's own.
    """

    def __init__(
        self,
        manifest: Manifest,
        sources: Mapping[str, str],
        platform: str = "",
        variables: str = "",
        normalize: Callable[[str], str] = str,
        overrides: bool = False,
    ) -> None:
        self._nodes, self._sources, self._manifest = manifest["nodes"], sources, manifest
        self._platform, self._variables = hash_text(FORMAT + platform), hash_text(variables)
        self._normalize = normalize
        self._macros = Macros(manifest, overrides)
        self._unit_tests = _group_unit_tests(manifest)
        self._found: dict[str, Fingerprint] = {}
        self._referenced = self._find_referenced()
        self._everywhere = self._find_doubt_everywhere()

    def find(self, unique_id: str) -> Fingerprint:
        """The fingerprint of a model, seed or snapshot, with what it is made of."""
        if unique_id not in self._found:
            node = self._nodes[unique_id]
            parts, unsure = self._describe_own(node)
            for parent in node.get("depends_on", {}).get("nodes", ()):
                key, value, doubt = self._describe_parent(parent)
                parts[parent if key in parts else key] = value  # packages may have names in common
                unsure = unsure or doubt
            self._found[unique_id] = Fingerprint(parts=parts, unsure=unsure)
        return self._found[unique_id]

    def hash_definition(self, unique_ids: Iterable[str]) -> str:
        """What people defined of these nodes, as one hash: not which rows there are, nor what runs or tests them."""
        kept = {"code", "config", "macros", "variables"}
        own = {key: self._describe_own(self._nodes[key])[0] for key in unique_ids if key in self._nodes}
        return hash_value(
            {key: {part: parts[part] for part in kept & parts.keys()} for key, parts in own.items()}
        )

    def find_test(self, unique_id: str, places: Mapping[str, str]) -> str:
        """What a test's answer depends on, as one hash; empty where that can't be told.

        places: id → the relation of each node that it can be read from; what else the test reads counts by its code.
        """
        node = self._nodes[unique_id]
        parts, unsure = self._describe_own(node)
        if unsure or node["config"].get("store_failures") or not node["depends_on"]["nodes"]:
            return ""
        for parent in node["depends_on"]["nodes"]:
            place = self._place(parent, places)
            if not place:
                return ""
            parts[parent] = place
        return hash_value(parts)

    def _place(self, unique_id: str, places: Mapping[str, str]) -> str:
        """Where and how a node is read; empty where that can't be told."""
        if unique_id in places:
            return f"relation {places[unique_id]}"
        if unique_id in self._sources:
            return self._sources[unique_id]
        node = self._nodes.get(unique_id)
        if node is None or node["config"].get("materialized") not in {"view", "ephemeral"}:
            return ""
        parts, unsure = self._describe_own(node)
        for parent in node["depends_on"]["nodes"]:
            parts[parent] = self._place(parent, places)
        return "" if unsure or not all(parts.values()) else hash_value(parts)

    def _describe_parent(self, unique_id: str) -> tuple[str, str, str]:
        """Name of the part, hash, and the doubt that it brings."""
        if unique_id in self._sources:
            source = self._manifest["sources"][unique_id]
            name, state = f"{source['source_name']}.{source['name']}", self._sources[unique_id]
            return name, state, "" if state else f"nobody tells when the rows of {name} change"
        if unique_id not in self._nodes:
            return unique_id, "", f"it reads {unique_id}, of which nothing is known"
        found, name = self.find(unique_id), name_model(self._nodes[unique_id])
        return f"what it is made of ({name})", found.digest, f"{name}: {found.unsure}" if found.unsure else ""

    def _describe_own(self, node: Node) -> tuple[dict[str, str], str]:
        """The parts of a node alone, and why they don't tell; else empty."""
        config, name = node["config"], node["unique_id"]
        jinja = find_jinja(self._write_jinja(node))
        macros = self._macros.reach(f"{jinja}\n{config.get('materialized')}")
        reached = "\n".join([jinja, *macros.values()])
        kept = {key: value for key, value in config.items() if key not in _WITHOUT_EFFECT}
        if _READS_META.search(reached):
            kept |= {key: config.get(key) for key in ("meta", "tags", "docs", "group", "access")}
            kept |= {
                f"own {key}": node.get(key) for key in ("meta", "description", "path", "original_file_path")
            }
        shape = [
            node.get("alias"),
            node.get("schema"),
            kept,
            _describe_columns(node),
            node.get("constraints"),
        ]
        code: list[object] = [node.get("language"), node.get("raw_code")]
        code += [node.get("version"), node.get("latest_version")]
        code += [node.get("test_metadata"), (node.get("checksum") or {}).get("checksum")]
        parts = {
            "code": self._hash(code),
            "config": self._hash(shape),
            "macros": self._hash(macros),
            "platform": self._platform,
        }
        if name in self._unit_tests:
            parts["unit tests"] = self._hash(self._unit_tests[name])
        if re.search(r"\bvar\b", reached):
            parts["variables"] = self._variables
        doubt = self._everywhere or _find_doubt(node, reached)
        if not doubt and name in self._referenced:
            doubt = f"a foreign key of {self._referenced[name]} leads to it, and has to be in the same schema"
        return parts, doubt

    def _find_referenced(self) -> dict[str, str]:
        """Id of a model → another one with a foreign key to it, where such a key can't lead into another schema."""
        if (self._manifest.get("metadata") or {}).get("adapter_type") != "duckdb":
            return {}
        models = [node for node in self._nodes.values() if node["resource_type"] == "model"]
        return {key.parent: name_model(node) for node in models for key in read_foreign_keys(node)}

    def _find_doubt_everywhere(self) -> str:
        """Why nothing of the project may be shown again; empty if some of it may."""
        if any(node["resource_type"] == RUN_HOOK for node in self._nodes.values()):
            return "the project has hooks on the start or the end of a run"
        for node in self._nodes.values():
            if writes_elsewhere(node, self._macros):
                return (
                    f"a hook or macro of {name_model(node)} may write into another model, which may be one that "
                    "readers see"
                )
            jinja = find_jinja(self._write_jinja(node))
            if NAMES_SCHEMA.search(jinja) or self._macros.names_schema(jinja):
                return f"{name_model(node)} says the schema's name, and may look for others there"
        return ""

    def _write_jinja(self, node: Node) -> str:
        """All of a node that dbt may render when it runs."""
        rendered: list[object] = [
            node["config"],
            node.get("test_metadata"),
            node.get("columns"),
            node.get("constraints"),
        ]
        rendered.append(self._unit_tests.get(node["unique_id"]))
        return f"{node.get('raw_code') or ''}\n{json.dumps(rendered, default=str)}"

    def _hash(self, value: object) -> str:
        return hash_text(self._normalize(json.dumps(value, sort_keys=True, default=str)))


def _find_doubt(node: Node, reached: str) -> str:  # noqa: PLR0911  # a reason a line
    """Why a node's own code does not tell what comes out of it; empty if it does."""
    config, kind = node["config"], node["resource_type"]
    materialized = config.get("materialized", "table")
    if kind == "test":
        materialized = "view"
    goes_on = "a snapshot" if kind == "snapshot" else materialized
    if goes_on in {"a snapshot", "incremental", "snapshot"}:
        return f"it is {goes_on}, which goes on from what it held"
    if materialized not in _READABLE:
        return f"it is materialized as {materialized}, of which nothing is known"
    if (node.get("language") or "sql") != "sql":
        return f"it is written in {node['language']}, which is not read"
    if config.get("pre-hook") or config.get("post-hook"):
        return "it has hooks, which may do anything"
    if kind == "seed" and (node.get("checksum") or {}).get("name") not in {"sha256", None}:
        return "its file is too large for dbt to compare"
    if found := IN_JINJA.search(reached):
        return f"its Jinja asks for {' '.join(found['name'].split())}, which may be another in each run"
    return ""


def _describe_columns(node: Node) -> dict[str, object]:
    fields = ("data_type", "constraints", "quote")
    described = fields if not node["config"].get("persist_docs") else (*fields, "description")
    return {
        name: [column.get(each) for each in described] for name, column in (node.get("columns") or {}).items()
    }


def _group_unit_tests(manifest: Manifest) -> dict[str, list[object]]:
    """Id of a model → its unit tests, which run when it is built."""
    found: dict[str, list[object]] = {}
    kept = ("given", "expect", "overrides", "config", "versions", "checksum")
    for key, test in sorted((manifest.get("unit_tests") or {}).items()):
        for model in test["depends_on"]["nodes"]:
            found.setdefault(model, []).append([key, *(test.get(name) for name in kept)])
    return found
