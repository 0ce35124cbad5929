"""Two models of one name: versions, and packages."""

from __future__ import annotations

from typing import Any

import pytest

from blocks.catalogue import Catalogue
from blocks.errors import Misconfigured
from tests.property.project import Project


def manifest_with(**other: Any) -> dict[str, Any]:
    """The usual models, and another one called days before and after it in the manifest."""
    manifest = Project().manifest("rel_a")
    for place in ("model.small.days.v1", "model.small.days.v9"):
        manifest["nodes"][place] = {**manifest["nodes"]["model.small.days"], "unique_id": place, **other}
    return manifest


def test_of_a_model_with_versions_the_latest_is_meant() -> None:
    manifest = manifest_with(version=1, latest_version=2)
    manifest["nodes"]["model.small.days"] |= {"version": 2, "latest_version": 2, "alias": "days_v2"}
    assert Catalogue(manifest).mart("days").alias == "days_v2"


def test_a_name_in_two_packages_is_refused_where_it_is_used() -> None:
    catalogue = Catalogue(manifest_with())
    assert catalogue.mart("look").unique_id == "model.small.look"
    with pytest.raises(Misconfigured, match=r"model\.small\.days and model\.small\.days\.v1"):
        catalogue.mart("days")
