"""Keys of a project's YAML that dbt does not read, read twice or find of another kind, against dbt's own schemas.

dbt passes over most misspelt keys without a word, and stops at the first of the others. The files are read as they
are written, so that a finding has its line, and so that there are findings for a project that dbt refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypedDict

from blocks.dbt.checks.nodes import get_name, list_nodes
from blocks.dbt.project_files import PROJECT_FILE, UNREAD
from blocks.errors import Misconfigured
from blocks.findings import Finding, make_error, suggest_name, warn
from blocks.manifest import Manifest
from blocks.yaml_content import read_yaml


class JsonSchema(TypedDict, total=False):
    """A JSON Schema, as far as dbt's use it: what a value may be."""

    type: str
    properties: dict[str, JsonSchema]
    additionalProperties: bool
    items: JsonSchema
    anyOf: list[JsonSchema]
    oneOf: list[JsonSchema]


Schemas: TypeAlias = Mapping[str, JsonSchema]
"""dbt's JSON Schema of each part of a project's YAML, as blocks/vendor_patches/dbt_schemas.py collects them."""
INNER = frozenset(("original_file_path", "yaml_key", "package_name", "_extra", "project-root"))
"""Of dbt's classes, fields that no file has."""
BESIDE = frozenset(("version", "anchors"))
MORE = {
    "models": {"group"},
    "snapshots": {"relation"},
    "sources": {"overrides"},
    "macros": {"arguments"},
    "snapshots.config": {"invalidate_hard_deletes", "hard_deletes", "target_database"},
    "metrics.config": {"tags"},
    "semantic_models.config": {"tags"},
    "saved_queries.config": {"tags"},
}
"""Part → keys that dbt reads past its class."""
NEWER = frozenset(("semantic_model", "derived_semantics", "primary_entity", "agg_time_dimension", "metrics"))
"""Of models in the newer form of semantic YAML, of which semantic_form.py speaks."""
ONCE = frozenset(
    ("models", "seeds", "snapshots", "exposures", "metrics", "semantic_models", "groups", "saved_queries")
)
LISTED = frozenset(("columns", "tables", "dimensions", "measures", "entities"))
CONFIG_OF = {"tables": "sources", "versions": "models"}
ALIASES = {"tests": "data_tests"}
_PATHS = {
    "model-paths": ["models"],
    "seed-paths": ["seeds"],
    "snapshot-paths": ["snapshots"],
    "analysis-paths": ["analyses"],
    "macro-paths": ["macros"],
    "test-paths": ["tests"],
}
_NAMED = re.compile(r"config(?:\.(?:get|require|set)\(\s*['\"]([\w-]+)|\.(\w+)|\[\s*['\"]([\w-]+))")
_KINDS = {"models": "model", "sources": "source", "analyses": "analysis", "saved_queries": "saved query"}
REFUSED = "dbt refuses the project for it"
_SILENT = "dbt passes over it without a word"


class YamlNode(Protocol):
    """A part of a YAML file as PyYAML composes it: `mapping`, `sequence` or `scalar`, what it holds, and where."""

    id: str
    value: Any
    start_mark: Any


@dataclass
class _Reader:
    """One walk over a project's files. config_words: keys that its macros and packages read of a config.

    twice: what is defined twice, which dbt refuses unless one of both is switched off.
    """

    schemas: Schemas
    config_words: frozenset[str]
    findings: list[Finding] = field(default_factory=list)
    twice: list[Finding] = field(default_factory=list)
    config_keys: set[str] = field(default_factory=set)
    _defined: dict[tuple[str, str], str] = field(default_factory=dict)
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def read_properties(self, path: Path, place: str) -> None:
        """A file of properties: its parts, and the items of each."""
        root = _compose(path)
        if root is None:
            return
        self._check_twice(root, place, f"file {path.name}", deep=False)
        parts = {name for name in self.schemas if "." not in name and name != "project"}
        self._check_names(root, "", {*parts, *ALIASES, *BESIDE}, place, f"file {path.name}", "")
        for key, value in _list_pairs(root):
            part = ALIASES.get(key.value, key.value)
            if part not in parts:
                continue
            if value.id != "sequence":
                self._say_kind(value, key.value, "a list", place, f"file {path.name}")
                continue
            for item in value.value:
                self._walk(item, self.schemas[part], part, place, _name_kind(part))
                self._note_name(item, part, place)
                name = _read_name(item)
                self._check_twice(item, place, f"{_name_kind(part)} {name.value if name else ''}".strip())

    def read_project(self, path: Path) -> None:
        """dbt_project.yml: its own keys, then the configs below `models:` and the like."""
        root = _compose(path)
        if root is None or "project" not in self.schemas:
            return
        self._check_twice(root, PROJECT_FILE, PROJECT_FILE)
        known = {*(self.schemas["project"].get("properties") or {}), *BESIDE} - INNER
        self._check_names(root, "project", known, PROJECT_FILE, PROJECT_FILE, REFUSED)
        for key, value in _list_pairs(root):
            part = ALIASES.get(key.value, key.value).replace("-", "_")
            if f"{part}.config" in self.schemas:
                self._walk_tree(value, part)

    def _walk_tree(self, node: YamlNode, part: str) -> None:
        """A level of dbt_project.yml's folders: `+key` is a config, and so is a key whose value is no mapping."""
        known = self.list_config_keys(part)
        for key, value in _list_pairs(node):
            name = key.value.removeprefix("+")
            is_config = key.value.startswith("+") or value.id != "mapping" or name in known
            if is_config:
                self._check_config_key(key, known, PROJECT_FILE, f"{part} in {PROJECT_FILE}")
            else:
                self._walk_tree(value, part)

    def _note_name(self, item: YamlNode, part: str, place: str) -> None:
        """Remember what a file defines, to name both places of what is defined twice."""
        name = _read_name(item)
        if not name or part not in ONCE:
            return
        here = _write_place(place, item)
        first = self._defined.setdefault((part, name.value), here)
        if first != here:
            self.twice.append(
                make_error(
                    f"{_name_kind(part)} {name.value}",
                    here,
                    f"`{name.value}` is defined twice, first in {first}",
                    f"Rename one of both, or delete it: {REFUSED}.",
                )
            )

    def _walk(self, node: YamlNode, schema: JsonSchema, part: str, place: str, about: str) -> None:
        """A mapping of properties and all that it holds."""
        if (id(node), id(schema)) in self._seen or node.id != "mapping":
            return
        self._seen.add((id(node), id(schema)))
        named = _read_name(node)
        name = named.value if named else ""
        about = f"{about}{'.' if ' ' in about and name else ' ' if name else ''}{name}"
        choices = [each for each in _list_choices(schema) if each.get("properties")]
        known = {key for each in choices for key in each["properties"]} - INNER
        is_closed = bool(choices) and not any(each.get("additionalProperties", True) for each in choices)
        if known:
            more = MORE.get(part, set()) | {"config"}
            refused = REFUSED if is_closed else ""
            self._check_names(node, part, known | more, place, about, refused)
        for key, value in _list_pairs(node):
            inner = [each["properties"][key.value] for each in choices if key.value in each["properties"]]
            self._walk_value(key.value, value, inner, part, place, about)

    def _walk_value(
        self, key: str, value: YamlNode, schemas: Sequence[JsonSchema], part: str, place: str, about: str
    ) -> None:
        choices = [each for schema in schemas for each in _list_choices(schema)]
        wanted = _say_wanted(value, {str(each.get("type")) for each in choices})
        if wanted:
            self._say_kind(value, key, wanted, place, about)
        elif key == "config":
            self._check_config(value, CONFIG_OF.get(part, part), place, about)
        elif ALIASES.get(key, key) == "data_tests" and value.id == "sequence":
            self._check_tests(value, place, about)
        elif value.id == "sequence":
            items = [each["items"] for each in choices if isinstance(each.get("items"), Mapping)]
            for item in value.value:
                self._walk_all(item, items, key, place, about)
            if key in LISTED:
                self._check_names_twice(value.value, place, about)
        else:
            self._walk_all(value, choices, key, place, about)

    def _walk_all(
        self, node: YamlNode, schemas: Sequence[JsonSchema], part: str, place: str, about: str
    ) -> None:
        for schema in schemas:
            self._walk(node, schema, part, place, about)

    def _check_names_twice(self, items: Sequence[YamlNode], place: str, about: str) -> None:
        first: dict[str, YamlNode] = {}
        for name in filter(None, map(_read_name, items)):
            if name.value in first:
                self._say_twice(name, first[name.value], place, about)
            first.setdefault(name.value, name)

    def _say_twice(self, key: YamlNode, first: YamlNode, place: str, about: str) -> None:
        self.findings.append(
            make_error(
                about,
                _write_place(place, key),
                f"`{key.value}` stands twice, first in line {first.start_mark.line + 1}: only the last one counts",
                "Make one of both.",
            )
        )

    def _check_tests(self, tests: YamlNode, place: str, about: str) -> None:
        """The configs of tests; what else a test is given is its macro's own."""
        for test in tests.value:
            pairs = _list_pairs(test)
            inner = [pair for _, value in pairs for pair in _list_pairs(value)] if len(pairs) == 1 else pairs
            for key, value in inner:
                if key.value == "config":
                    self._check_config(value, "data_tests", place, about)

    def _check_config(self, node: YamlNode, part: str, place: str, about: str) -> None:
        if f"{part}.config" not in self.schemas:
            return
        known = self.list_config_keys(part)
        for key, _ in _list_pairs(node):
            self._check_config_key(key, known, place, about)

    def list_config_keys(self, part: str) -> set[str]:
        """Keys that a config of this part may have, in both of dbt's spellings."""
        own = {*(self.schemas[f"{part}.config"].get("properties") or {}), *MORE.get(f"{part}.config", set())}
        return {each.replace("-", "_") for each in own - INNER} | {
            each.replace("_", "-") for each in own - INNER
        }

    def _check_config_key(self, key: YamlNode, known: set[str], place: str, about: str) -> None:
        """A key of a config, which may be an adapter's or a package's: only one that is nearly dbt's is a mistake."""
        name = key.value.removeprefix("+")
        if name in known or name in self.config_words:
            return
        if near := suggest_name(name, known):
            self.config_keys.add(name)
            self.findings.append(
                make_error(
                    about,
                    _write_place(place, key),
                    f"`{key.value}` is no configuration that dbt reads{near}",
                    f"Correct it: {_SILENT}.",
                )
            )

    def _check_names(
        self, node: YamlNode, part: str, known: set[str], place: str, about: str, refused: str
    ) -> None:
        """The names of a mapping. refused: what dbt does about an unknown one, if it does anything."""
        for key, _ in _list_pairs(node):
            if key.value in known or (part == "models" and key.value in NEWER) or key.value == "<<":
                continue
            if part == "columns" and key.value in {"entity", "dimension"}:  # of the newer form, too
                continue
            near = suggest_name(key.value, known)
            if part == "owner" and not near:  # which has a team's channels and whatever else
                continue
            found = make_error if near or refused else warn
            self.findings.append(
                found(
                    about,
                    _write_place(place, key),
                    f"`{key.value}` is no key that dbt reads{near}",
                    f"{'Correct it' if near else 'Take it out, or put it into `config.meta`'}: {refused or _SILENT}.",
                )
            )

    def _check_twice(self, root: YamlNode, place: str, about: str, deep: bool = True) -> None:
        """What stands twice in one mapping. deep: and in all that it holds."""
        waiting, seen = [root], set[int]()
        while waiting:
            node = waiting.pop()
            if id(node) in seen or node.id == "scalar":
                continue
            seen.add(id(node))
            first = dict[str, YamlNode]()
            pairs = _list_own_pairs(node)
            for key, _ in pairs:
                if key.value in first and key.value != "<<":
                    self._say_twice(key, first[key.value], place, about)
                first.setdefault(key.value, key)
            if deep:
                waiting += [value for _, value in pairs] if node.id == "mapping" else node.value

    def _say_kind(self, value: YamlNode, key: str, wanted: str, place: str, about: str) -> None:
        what = {"sequence": "a list", "mapping": "names and values"}.get(value.id, "one value")
        self.findings.append(
            make_error(
                about,
                _write_place(place, value),
                f"`{key}` is {what}, where dbt wants {wanted}",
                f"Write it so: {REFUSED}.",
            )
        )


def check_keys(folder: Path, schemas: Schemas, manifest: Manifest | None = None) -> list[Finding]:
    """Every key of the project's own YAML, and of configs in its SQL, that is not as dbt reads it.

    folder: of dbt_project.yml. manifest: None for a project that dbt refuses.
    """
    reader = _Reader(schemas, _list_config_words(folder, manifest))
    try:
        settings = read_yaml(folder / PROJECT_FILE, "")
    except Misconfigured:
        return []  # which is said by whoever opens it
    reader.read_project(folder / PROJECT_FILE)
    for path in _list_files(folder, settings):
        reader.read_properties(path, str(path.relative_to(folder)))
    refused = [] if manifest else _leave_out_unmade(reader.twice, folder, settings)
    return [*reader.findings, *refused, *_check_inline(manifest or {}, reader)]


def _leave_out_unmade(
    twice: Sequence[Finding], folder: Path, settings: Mapping[str, object]
) -> list[Finding]:
    """Without the properties of models, seeds and snapshots that no file makes: dbt only warns of those."""
    made = {path.stem for path in _list_files(folder, settings, (".sql", ".py", ".csv"))}
    kinds = {"model", "seed"}
    return [
        each for each in twice if (words := each.about.split(" ", 1))[0] not in kinds or words[-1] in made
    ]


def _check_inline(manifest: Manifest, reader: _Reader) -> Iterator[Finding]:
    """Keys of `config()` in a model's own file: of what no YAML says, the manifest knows."""
    own = (manifest.get("metadata") or {}).get("project_name")
    parts = {"model": "models", "seed": "seeds", "snapshot": "snapshots"}
    for node in list_nodes(manifest.get("nodes")):
        part = parts.get(str(node.get("resource_type")), "")
        if node.get("package_name") != own or f"{part}.config" not in reader.schemas:
            continue
        known = reader.list_config_keys(part)
        for key in node.get("unrendered_config") or {}:
            near = suggest_name(str(key), known)
            if near and key not in known | reader.config_words | reader.config_keys:
                yield make_error(
                    get_name(node),
                    str(node.get("original_file_path")),
                    f"`{key}` is no configuration that dbt reads{near}",
                    f"Correct it: {_SILENT}.",
                )


def _list_config_words(folder: Path, manifest: Manifest | None) -> frozenset[str]:
    """Keys that macros of the project, its packages, dbt and its adapter, or its models, read of a config."""
    if manifest:
        texts = [str(node.get("macro_sql")) for node in list_nodes(manifest.get("macros"))]
        texts += [str(node.get("raw_code")) for node in list_nodes(manifest.get("nodes"))]
    else:
        texts = [
            path.read_text(encoding="utf-8", errors="replace")
            for path in sorted(folder.rglob("*.sql"))
            if path.is_file() and not {"target", *UNREAD} & set(path.relative_to(folder).parts[:1])
        ]
    return frozenset(word for text in texts for groups in _NAMED.findall(text) for word in groups if word)


def _list_files(
    folder: Path, settings: Mapping[str, object], endings: Sequence[str] = (".yml", ".yaml")
) -> list[Path]:
    """Files with these endings in the folders that dbt reads."""
    found: dict[Path, None] = {}
    for key, usual in _PATHS.items():
        names = settings.get(key) or usual
        for name in names if isinstance(names, list) else [names]:
            below = folder / str(name)
            files = sorted(each for ending in endings for each in below.rglob(f"*{ending}"))
            found |= {
                path: None for path in files if path.is_file() and path.resolve().is_relative_to(folder)
            }
    return list(found)


def _compose(path: Path) -> YamlNode | None:
    """A file as YAML's own nodes, which know their lines; None for one that is not read here: dbt says why."""
    import yaml

    try:
        read_yaml(path, "")  # which refuses what would never end
        root: Any = yaml.compose(
            path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        )
    except (Misconfigured, OSError, UnicodeError, yaml.YAMLError):
        return None
    return root if root is not None and root.id == "mapping" else None


def _say_wanted(value: YamlNode, kinds: set[str]) -> str:
    """What dbt wants in place of a list or of names, where it wants none; else nothing. kinds: of JSON Schema."""
    given = {"sequence": "array", "mapping": "object"}.get(value.id)
    if given is None or not kinds or kinds & {given, "None"}:
        return ""
    others = {"object": "names and values below it", "array": "a list"}
    return next((said for kind, said in others.items() if kind in kinds), "one value")


def _read_name(node: YamlNode) -> YamlNode | None:
    """The node of an item's `name`; None for one that has none."""
    return next((v for k, v in _list_pairs(node) if k.value == "name" and v.id == "scalar" and v.value), None)


def _list_own_pairs(node: YamlNode) -> list[tuple[YamlNode, YamlNode]]:
    """The pairs that stand in a mapping itself; none for anything else."""
    if getattr(node, "id", "") != "mapping":
        return []
    return [(key, value) for key, value in node.value if key.id == "scalar"]


def _list_pairs(node: YamlNode) -> list[tuple[YamlNode, YamlNode]]:
    """Those, and those of the mappings that are merged into it (`<<`)."""
    found = []
    for key, value in _list_own_pairs(node):
        merged = value.value if value.id == "sequence" else [value]
        found += (
            [pair for each in merged for pair in _list_own_pairs(each)]
            if key.value == "<<"
            else [(key, value)]
        )
    return found


def _list_choices(schema: JsonSchema) -> list[JsonSchema]:
    """The kinds that a value may have, each as a schema of its own."""
    choices = schema.get("anyOf") or schema.get("oneOf")
    if not choices:
        return [schema]
    return [inner for each in choices for inner in _list_choices(each)]


def _name_kind(part: str) -> str:
    return _KINDS.get(part, part.removesuffix("s").replace("_", " "))


def _write_place(place: str, node: YamlNode) -> str:
    return f"{place}:{node.start_mark.line + 1}"
