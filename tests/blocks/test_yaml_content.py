"""A dbt project's YAML that is wrong, endless or somebody's trap is refused by its name, in no time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from blocks.dbt.declared_sources import list_declared_sources
from blocks.dbt.own_profile import read_own_settings
from blocks.dbt.project import DbtProject
from blocks.dbt.project_files import read_dispatch, read_variables
from blocks.errors import Misconfigured

NINE = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
NINE += "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))
HOSTILE = {
    "nested": "x: " + "[" * 5000 + "]" * 5000,
    "nine lines for 3,486,784,401 values": f"{NINE}packages: *a9\ndispatch: *a9\nsources: *a9\n",
    "itself": "x: &x [*x]\n",
    "a tag that runs something": "x: !!python/object/apply:os.system [exit]\n",
    "a day that there is not": "x: 2026-99-99\n",
    "no text": "\udcff",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_it_is_refused_by_its_name(tmp_path: Path, content: str) -> None:
    data = content.encode(errors="surrogateescape")
    project = DbtProject(folder=tmp_path, state=tmp_path / "state")
    began = time.process_time()
    (tmp_path / "dbt_project.yml").write_text("name: x\nprofile: x\n")
    (tmp_path / "packages.yml").write_bytes(data)
    with pytest.raises(Misconfigured, match=r"packages\.yml"):
        project.list_missing_packages()
    (tmp_path / "sources.yml").write_bytes(b"sources: []\n" + data)
    assert list_declared_sources(tmp_path) == set()
    (tmp_path / "profiles.yml").write_bytes(data)
    with pytest.raises(Misconfigured, match=r"profiles\.yml"):
        read_own_settings(tmp_path, "x", None, "duckdb", ())
    (tmp_path / "dbt_project.yml").write_bytes(b"name: x\nprofile: x\n" + data)
    for read in (project._read_settings, lambda: read_variables(tmp_path), lambda: read_dispatch(tmp_path)):
        with pytest.raises(Misconfigured, match=r"dbt_project\.yml"):
            read()
    assert time.process_time() - began < 20


@pytest.mark.parametrize(
    "attached",
    [
        '{path: "postgres:host=h password=pl4nted dbname=d", type: postgres}',
        '{path: "md:erp?motherduck_token=pl4nted"}',
        "'mysql:host=h user=u passwd=pl4nted'",
        "{path: \"postgres:host=h password={{ env_var('PW') }}\"}",
    ],
)
def test_a_secret_in_what_a_profile_attaches_is_refused(tmp_path: Path, attached: str) -> None:
    """DuckDB's errors would repeat it on tickets."""
    text = f"x: {{target: a, outputs: {{a: {{type: duckdb, attach: [{attached}]}}}}}}\n"
    (tmp_path / "profiles.yml").write_text(text)
    with pytest.raises(Misconfigured, match="secrets:") as refused:
        read_own_settings(tmp_path, "x", None, "duckdb", ("attach",))
    assert "pl4nted" not in str(refused.value)


def test_what_a_profile_attaches_without_a_secret_stays(tmp_path: Path) -> None:
    attached = "[{path: other.duckdb}, {path: 'postgres:host=h dbname=d', secret: mine}]"
    (tmp_path / "profiles.yml").write_text(
        f"x: {{target: a, outputs: {{a: {{type: duckdb, attach: {attached}}}}}}}\n"
    )
    found = read_own_settings(tmp_path, "x", None, "duckdb", ("attach",))
    assert found["attach"] == [
        {"path": str(tmp_path / "other.duckdb")},
        {"path": "postgres:host=h dbname=d", "secret": "mine"},
    ]
