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
