"""dbt's JSON schemas, worked out once at set-up: a third of the time of a first parse goes into making them.

dbt holds each YAML entry to a schema that it derives from a class, in each process again. Seen with dbt-common 1.39;
on another version, for a class that is not in the file, or where a package has changed since, dbt derives it by itself.
"""

from __future__ import annotations

import json
from contextlib import suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from blocks.vendor_patches.versions import is_version, read_version
from blocks.whole_file import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbt_common.dataclass_schema import dbtClassMixin

SEEN = "1.39"
FILE = Path(__file__).resolve().parents[2] / ".local" / "dbt-schemas.json"
PARSED = ("dbt.artifacts.resources.", "dbt.contracts.", "dbt.adapters.")
"""Where the classes of what a project's files say are; others belong to results, and are not looked up by a parse."""


_UNPARSED, _CONFIGS = "dbt.contracts.graph.unparsed", "dbt.artifacts.resources"
PARTS = {
    "project": ("dbt.contracts.project", "Project"),
    "models": (_UNPARSED, "UnparsedModelUpdate"),
    "seeds": (_UNPARSED, "UnparsedNodeUpdate"),
    "snapshots": (_UNPARSED, "UnparsedNodeUpdate"),
    "analyses": (_UNPARSED, "UnparsedAnalysisUpdate"),
    "macros": (_UNPARSED, "UnparsedMacroUpdate"),
    "data_tests": (_UNPARSED, "UnparsedSingularTestUpdate"),
    "functions": (_UNPARSED, "UnparsedFunctionUpdate"),
    "sources": (_UNPARSED, "UnparsedSourceDefinition"),
    "exposures": (_UNPARSED, "UnparsedExposure"),
    "metrics": (_UNPARSED, "UnparsedMetric"),
    "semantic_models": (_UNPARSED, "UnparsedSemanticModel"),
    "saved_queries": (_UNPARSED, "UnparsedSavedQuery"),
    "unit_tests": (_UNPARSED, "UnparsedUnitTest"),
    "groups": (_UNPARSED, "UnparsedGroup"),
    "models.config": (_CONFIGS, "ModelConfig"),
    "seeds.config": (_CONFIGS, "SeedConfig"),
    "snapshots.config": (_CONFIGS, "SnapshotConfig"),
    "data_tests.config": (_CONFIGS, "TestConfig"),
    "sources.config": (_CONFIGS, "SourceConfig"),
    "exposures.config": (_CONFIGS, "ExposureConfig"),
    "metrics.config": (_CONFIGS, "MetricConfig"),
    "semantic_models.config": (_CONFIGS, "SemanticModelConfig"),
    "saved_queries.config": (_CONFIGS, "SavedQueryConfig"),
    "unit_tests.config": (_CONFIGS, "UnitTestConfig"),
    "columns.config": (_CONFIGS, "ColumnConfig"),
}
"""Part of a project's YAML → where dbt's class for it is."""


class Kept(TypedDict):
    """What the file holds. versions: of each package that a schema may come from. schemas: by class."""

    versions: dict[str, str]
    schemas: dict[str, dict[str, object]]


class _Schema:
    """As mashumaro hands a schema over."""

    def __init__(self, schema: dict[str, object]) -> None:
        self._schema = schema

    def to_dict(self) -> dict[str, object]:
        return self._schema


def use_kept_schemas(file: Path = FILE) -> None:
    """Let dbt take its schemas from the file, where it is there and of these very versions."""
    if not is_version("dbt-common", SEEN):
        return
    try:
        kept: Kept = json.loads(file.read_bytes())
        if any(read_version(name) != seen for name, seen in kept["versions"].items()):
            return
    except (OSError, ValueError, PackageNotFoundError):
        return
    module: Any = import_module("dbt_common.dataclass_schema")
    own = module.build_json_schema

    def find(cls: type) -> object:
        schema = kept["schemas"].get(_name(cls))
        return own(cls) if schema is None else _Schema(schema)

    module.build_json_schema = find


def write_schemas(file: Path = FILE) -> None:
    """Derive the schemas of everything that a project's files may hold, and write them."""
    import dbt.adapters.duckdb.credentials
    import dbt.cli.main  # noqa: F401  # both import the classes
    from dbt_common.dataclass_schema import dbtClassMixin

    schemas = {}
    for cls in _find_classes(dbtClassMixin):
        with suppress(Exception):  # a class that has no schema of its own is never asked for one
            schemas[_name(cls)] = cls.json_schema()
    found = {each.metadata["Name"].lower(): each.version for each in distributions()}
    versions = {name: found[name] for name in sorted(found) if name.startswith(("dbt-", "mashumaro"))}
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, json.dumps(Kept(versions=versions, schemas=schemas)))


def collect_schemas() -> dict[str, dict[str, object]]:
    """dbt's own schema of each part of a project's YAML: `models`, `models.config`, and `project` for dbt_project.yml.

    A class that another version of dbt does not have is left out.
    """
    found: dict[str, dict[str, object]] = {}
    for part, (module, name) in PARTS.items():
        with suppress(ImportError, AttributeError):
            found[part] = getattr(import_module(module), name).json_schema()
    return found


def _find_classes(base: type[dbtClassMixin]) -> Iterator[type[dbtClassMixin]]:
    for cls in base.__subclasses__():
        if cls.__module__.startswith(PARSED):
            yield cls
        yield from _find_classes(cls)


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
