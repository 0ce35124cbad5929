"""Random semantic layers: what is offered is what dbt's own engine computes, and the rest is refused with a reason."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.referee.compare import compare_all
from tests.referee.projects import SCHEMA, parse_project
from tests.referee.random_project import Draw


@pytest.mark.parametrize("seed", [1, 2])
def test_a_random_semantic_layer_is_served_as_metricflow_computes_it(seed: int, tmp_path: Path) -> None:
    project = parse_project(tmp_path / "project", Draw(seed).resources())
    refused = project.catalogue.list_unusable()
    print(f"\nreferee: seed {seed}, {len(refused)} metrics refused:", dict(Counter(refused.values())))
    assert all(refused.values())
    parts = project.catalogue, project.semantic_manifest, project.database, SCHEMA, tmp_path
    print("referee:", compare_all(*parts, most=6, documented="semantic models drawn at random"))
