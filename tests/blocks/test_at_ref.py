"""A project as another commit has it: written out by git beside the one that is checked out, which stays as it is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from blocks.dbt.at_ref import copy_at, find_commit
from blocks.errors import Misconfigured, NotFound


def git(folder: Path, *words: str) -> str:
    """Run git as somebody; what it prints."""
    who = ["-c", "user.name=Dana", "-c", "user.email=dana@example.com"]
    command = ["git", "-C", str(folder), *who, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in a folder of a repository, with a branch `change`; main is checked out, with an edit of its own."""
    top = tmp_path / "repository with blanks"
    folder = top / "warehouse" / "dbt"
    folder.mkdir(parents=True)
    git(top, "init", "-q", "-b", "main")
    (folder / "model.sql").write_text("select 1")
    (folder / "way-out").symlink_to("/etc/hostname")
    git(top, "add", "-A")
    git(top, "commit", "-qm", "one")
    git(top, "checkout", "-qb", "change")
    (folder / "model.sql").write_text("select 2")
    git(top, "commit", "-qam", "two")
    git(top, "checkout", "-q", "main")
    (folder / "way-out").unlink()
    git(top, "commit", "-qam", "three")
    (folder / "model.sql").write_text("select 'not committed'")
    (folder / "dbt_packages").mkdir()
    (folder / "dbt_packages" / "utils.sql").write_text("fetched")
    return folder


def test_a_branch_is_written_out_beside_what_is_checked_out(project: Path, tmp_path: Path) -> None:
    main = find_commit(project, "HEAD")
    (tmp_path / "out").mkdir()
    found = copy_at(project, main, tmp_path / "out")
    assert (found / "model.sql").read_text() == "select 1"
    assert (found / "dbt_packages" / "utils.sql").read_text() == "fetched"
    assert found.parts[-2:] == ("warehouse", "dbt")
    assert (project / "model.sql").read_text() == "select 'not committed'"
    assert git(project, "worktree", "list").count("\n") == 0


def test_links_out_of_the_commit_are_not_written(project: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(Misconfigured, match="leads out of it"):
        copy_at(project, find_commit(project, "change"), tmp_path / "out")


@pytest.mark.parametrize(
    "ref", ["nope", "--output=/tmp/x", "-h", "main..change", "", "main:warehouse", "@{-99}", "a b"]
)
def test_what_is_no_commit_is_refused(project: Path, ref: str) -> None:
    with pytest.raises(NotFound, match="no such branch"):
        find_commit(project, ref)


def test_a_folder_without_a_repository_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(Misconfigured, match="no git repository"):
            find_commit(folder, "HEAD")


def test_a_commit_without_the_project_is_refused(project: Path, tmp_path: Path) -> None:
    git(project, "rm", "-rqf", "--cached", ".")
    git(project, "commit", "-qm", "four")
    (tmp_path / "out").mkdir()
    with pytest.raises(NotFound, match="no such folder"):
        copy_at(project, find_commit(project, "HEAD"), tmp_path / "out")
