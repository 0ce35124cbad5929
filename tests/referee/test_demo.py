"""Every metric of the demo, by every dimension and grain, filtered: served as dbt's own engine has it."""

from __future__ import annotations

from pathlib import Path

from tests.dbt_project.conftest import SCHEMA, Project, built, company  # noqa: F401  # fixtures
from tests.referee.compare import compare_all


def test_the_demo_is_served_as_metricflow_computes_it(built: Project, tmp_path: Path) -> None:  # noqa: F811
    manifest = (built.target / "semantic_manifest.json").read_text(encoding="utf-8")
    found = compare_all(
        built.catalogue, manifest, built.database, SCHEMA, tmp_path, documented="every metric of the demo"
    )
    print("\nreferee:", found)
