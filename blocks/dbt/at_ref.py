"""A dbt project as another branch or commit has it, written out by git beside the one that is checked out."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path

from blocks.errors import Misconfigured, NotFound, TimedOut, replace_vendor_errors

SECONDS = 120
PACKAGES = "dbt_packages"


def find_commit(folder: Path, ref: str) -> str:
    """The commit that a branch, tag or hash means in the repository of a folder. Raises Misconfigured, NotFound."""
    asked = f"look up {ref!r} in the repository of {folder}"
    if not folder.is_dir() or _run(folder, "rev-parse", "--is-inside-work-tree") is None:
        raise Misconfigured(asked, "it is in no git repository", "Name a project that is.")
    found = _run(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if found is None:
        raise NotFound(
            asked, "it knows no such branch, tag or commit", f"Fetch it first, as by git fetch origin {ref}."
        )
    return found.decode().strip()


def copy_at(folder: Path, commit: str, into: Path) -> Path:
    """Write a folder as it is in a commit, with all of its repository, below `into`; return the folder there.

    Packages that dbt has fetched are in no commit: those of the folder are linked.
    """
    top = Path((_run(folder, "rev-parse", "--show-toplevel") or b"").decode().strip())
    place = folder.resolve().relative_to(top.resolve())
    packed = into / "commit.tar"
    if _run(top, "archive", "--format=tar", f"--output={packed}", commit) is None:
        raise Misconfigured(f"read commit {commit}", "git could not write it out")
    try:
        with tarfile.open(packed) as archive:
            archive.extractall(into / "project", filter="data")  # no device, nothing outside of it
    except tarfile.FilterError as error:
        name = error.tarinfo.name
        raise Misconfigured(f"read commit {commit[:12]}", f"{name} leads out of it", "Remove it.") from None
    except tarfile.ReadError:  # of a commit without files
        pass
    packed.unlink()
    found = into / "project" / place
    if not found.is_dir():
        raise NotFound(f"read {place} in commit {commit[:12]}", "it has no such folder")
    if (folder / PACKAGES).is_dir() and not (found / PACKAGES).exists():
        shutil.copytree(folder / PACKAGES, found / PACKAGES)
    return found


def _run(folder: Path, *words: str) -> bytes | None:
    """What git prints; None if it failed. Raises Misconfigured without git, TimedOut."""
    git = shutil.which("git")
    if git is None:
        raise Misconfigured("run git", "it is not installed", "Install git.")
    command = [git, "-C", str(folder), *words]
    late = TimedOut(f"run git {words[0]}", f"it took over {SECONDS} s")
    with replace_vendor_errors(subprocess.TimeoutExpired, lambda _: late):
        done = subprocess.run(command, capture_output=True, check=False, timeout=SECONDS)  # noqa: S603  # git
    return done.stdout if done.returncode == 0 else None
