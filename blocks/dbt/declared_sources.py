"""The names of a dbt project's sources, read from its YAML in milliseconds: dbt takes seconds to parse."""

from __future__ import annotations

from pathlib import Path

from blocks.dbt.project_files import UNREAD
from blocks.errors import Misconfigured
from blocks.plain_file import read_plain


def list_declared_sources(project: Path) -> set[str]:
    """The names of sources in a dbt project's YAML, its packages' too; empty where one of them takes dbt to be read."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    names: set[str] = set()
    for path in sorted((*project.rglob("*.yml"), *project.rglob("*.yaml"))):
        if UNREAD & set(path.relative_to(project).parts):
            continue
        try:
            text = read_plain(path)
            if "sources" not in text:
                continue
            content = YAML(typ="safe", pure=True).load(text)
        except (OSError, ValueError, RecursionError, YAMLError, Misconfigured):
            return set()  # dbt says what is wrong with it
        for source in content.get("sources") or () if isinstance(content, dict) else ():
            name = source.get("name") if isinstance(source, dict) else None
            if not isinstance(name, str) or "{" in name:
                return set()
            names.add(name)
    return names
