"""Schemas out of the file are those that dbt derives, and only of the versions that are installed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from blocks.vendor_patches import dbt_schemas
from blocks.vendor_patches.dbt_schemas import SEEN, use_kept_schemas, write_schemas
from blocks.vendor_patches.versions import is_version, read_version


@pytest.fixture
def own_builder() -> Iterator[object]:
    import dbt.cli.main  # noqa: F401  # before the module below, which can't be imported first
    import dbt_common.dataclass_schema as module

    own = module.build_json_schema
    yield own
    module.build_json_schema = own


def test_what_is_written_is_what_dbt_derives(
    tmp_path: Path, own_builder: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dbt_common.dataclass_schema as module
    from dbt.contracts.graph.unparsed import UnparsedExposure
    from dbt.contracts.project import PackageConfig, Project

    assert is_version("dbt-common", SEEN)
    monkeypatch.setattr(dbt_schemas, "_find_classes", lambda base: iter([UnparsedExposure, Project]))
    write_schemas(tmp_path / "schemas.json")
    use_kept_schemas(tmp_path / "schemas.json")
    assert module.build_json_schema is not own_builder
    for cls in (UnparsedExposure, Project):
        assert module.build_json_schema(cls).to_dict() == own_builder(cls).to_dict()  # type: ignore[operator]
    derived = module.build_json_schema(PackageConfig)  # which the file does not have
    assert "packages" in derived.to_dict()["properties"]


@pytest.mark.parametrize(
    "text",
    [
        None,
        "{",
        json.dumps({"versions": {"dbt-core": "1.0.0"}, "schemas": {}}),
        json.dumps({"versions": {"dbt-gone": "1.0.0"}, "schemas": {}}),
        json.dumps({"versions": {"dbt-core": read_version("dbt-core"), "mashumaro": "0"}, "schemas": {}}),
    ],
)
def test_a_file_of_other_versions_is_not_used(text: str | None, tmp_path: Path, own_builder: object) -> None:
    import dbt_common.dataclass_schema as module

    file = tmp_path / "schemas.json"
    if text is not None:
        file.write_text(text)
    use_kept_schemas(file)
    assert module.build_json_schema is own_builder


def test_every_class_of_a_projects_files_is_found() -> None:
    import dbt.cli.main  # noqa: F401
    from dbt_common.dataclass_schema import dbtClassMixin

    names = {cls.__name__ for cls in dbt_schemas._find_classes(dbtClassMixin)}
    assert names >= {
        "UnparsedExposure",
        "UnparsedMetric",
        "SourceConfig",
        "Project",
        "SnapshotConfig",
        "ModelNode",
    }
