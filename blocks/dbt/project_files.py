"""What a dbt project's files say that its manifest does not: variables, and whose macros may stand for dbt's own."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from blocks.yaml_content import read_yaml

PROJECT_FILE, CORRECT_IT = "dbt_project.yml", "Correct it: dbt reads it, too."
UNREAD = frozenset(("target", "logs", ".git", ".venv", "node_modules"))
"""Folders of a project that hold nothing of it."""
ENDINGS = frozenset((".yml", ".yaml", ".sql", ".md", ".csv", ".py"))
"""Of the files that dbt reads in a project."""


def find_packages(folder: Path) -> Path:
    """The folder that a project's packages are installed in."""
    path = folder / PROJECT_FILE
    settings = read_yaml(path, CORRECT_IT) if path.is_file() else {}
    return folder / str(settings.get("packages-install-path") or "dbt_packages")


def find_models(folder: Path) -> str:
    """The first folder of a project's models, by its path in the project."""
    settings = read_yaml(folder / PROJECT_FILE, CORRECT_IT)
    paths = settings.get("model-paths") or settings.get("source-paths")
    return str(paths[0]) if isinstance(paths, list) and paths else "models"


def read_variables(folder: Path) -> str:
    """The texts in which a project and its packages declare variables; a file that can't be read is dbt's to refuse."""
    texts = []
    for path in (
        folder / PROJECT_FILE,
        folder / "vars.yml",
        *sorted(find_packages(folder).glob(f"*/{PROJECT_FILE}")),
    ):
        if path.is_file():
            texts.append(path.read_text(encoding="utf-8", errors="replace"))
    return "\n".join(texts)


def read_dispatch(folder: Path) -> str:
    """Whose macros a project lets stand for others, in which order (`dispatch`), and dbt's flags; empty for neither."""
    path = folder / PROJECT_FILE
    if not path.is_file():
        return ""
    settings = read_yaml(path, CORRECT_IT)
    found = {name: settings[name] for name in ("dispatch", "flags") if settings.get(name)}
    return json.dumps(found, sort_keys=True, default=str) if found else ""


def list_versions(adapter: str) -> dict[str, str]:
    """The versions of dbt, of its adapter and of what that drives, as they are installed."""
    found = {}
    for name in ("dbt-core", "dbt-adapters", f"dbt-{adapter}", adapter):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
