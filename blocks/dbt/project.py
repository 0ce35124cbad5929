"""A dbt project as a block. Any project runs by its folder; what is done with it for a release is in run.py."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from prefect.blocks.core import Block
from pydantic import Field, PrivateAttr

from blocks.catalogue import Catalogue
from blocks.dbt.meta_models import ProjectVars, find_unknown_keys
from blocks.dbt.own_profile import read_own_settings
from blocks.dbt.project_files import find_packages
from blocks.dbt.run import DbtRun, DbtSettings, fetch_packages
from blocks.errors import Misconfigured
from blocks.hidden_input import HIDDEN_INPUT
from blocks.quality.history.calendar import read_countries
from blocks.time_zone import read_time_zone
from blocks.warehouse.base import Warehouse
from blocks.yaml_content import read_yaml


class DbtProject(Block):
    """A dbt project's folder. state: where target, logs and the run's profiles.yml go."""

    model_config = HIDDEN_INPUT

    _block_type_name = "dbt Project"
    _block_type_slug = "dbt-project"

    folder: Path = Field(description="folder of dbt_project.yml")
    state: Path = Field(description="folder for dbt's target and logs, outside the project")
    variables: dict[str, object] = Field(
        default_factory=dict, description="dbt's --vars: they win over those of dbt_project.yml"
    )
    target: str | None = Field(
        None,
        description="dbt's target.name, and the output of the project's own profiles.yml whose settings, such as "
        "extensions, count; none: `release`, and the output that profile chooses",
    )

    _parsing: dict[tuple[str, str], DbtRun] = PrivateAttr(default_factory=dict)

    def check(self) -> str:
        """Read dbt_project.yml; return a one-line status."""
        return f"dbt project {self._read_settings()['name']} in {self.folder}"

    def open(self, warehouse: Warehouse, schema: str) -> DbtRun:
        """The project for a release schema; the one that `parse_ahead` started, if it did. The caller closes it."""
        started = self._parsing.pop((warehouse.database, schema), None)
        if started:
            return started
        settings = self._read_settings()
        profile = str(settings["profile"])
        own = read_own_settings(
            self.folder, profile, self.target, warehouse.dialect, warehouse.taken_from_profile
        )
        chosen = DbtSettings(
            folder=self.folder,
            state=self.state,
            profile=profile,
            target=self.target or "release",
            own=own,
            variables=self.variables,
            not_run_passes=_lets_not_run_pass(settings),
            reuses=_reuses(settings),
            time_zone=read_time_zone(settings),
            holidays=read_countries(settings),
        )
        return DbtRun(chosen, warehouse, schema)

    def list_missing_packages(self) -> list[str]:
        """Packages that the project names and that dbt deps has not fetched yet; none where it names none."""
        fetched = find_packages(self.folder)
        named: list[str] = []
        for path in (self.folder / "packages.yml", self.folder / "dependencies.yml"):
            content = read_yaml(path, "Correct it, as dbt deps reads it too.") if path.is_file() else {}
            listed = content.get("packages")
            named += [_name_package(each) for each in (listed if isinstance(listed, list) else ())]
        there = len([each for each in fetched.glob("*") if each.is_dir()]) if fetched.is_dir() else 0
        return named if len(named) > there else []

    def fetch_packages(self) -> None:
        """dbt deps, into the project's folder. Raises BuildFailed with dbt's own reason."""
        fetch_packages(self.folder, self.state)

    def read_parsed(self, warehouse: Warehouse) -> Catalogue | None:
        """The catalogue of the manifest that was last parsed into `state`, without starting dbt.

        None where there is none, or one of another project or for another kind of warehouse.
        """
        settings = self._read_settings()
        try:
            manifest = json.loads((self.state / "target" / "manifest.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):  # a run may be writing it
            return None
        about = manifest.get("metadata") or {}
        if (about.get("project_name"), about.get("adapter_type")) != (settings["name"], warehouse.dialect):
            return None
        return Catalogue(manifest, read_time_zone(settings), read_countries(settings))

    def parse_ahead(self, warehouse: Warehouse, schema: str) -> DbtRun:
        """Start parsing for a release schema, for `open` to go on with: it takes seconds beside other work."""
        run = self.open(warehouse, schema)
        run.start_parse()
        self._parsing[warehouse.database, schema] = run
        return run

    def _read_settings(self) -> dict[str, object]:
        path = self.folder / "dbt_project.yml"
        settings = read_yaml(path, "Give the folder of a dbt project.")
        if not {"name", "profile"} <= set(settings):
            raise Misconfigured(f"read {path}", "it has no name or no profile", "dbt needs both.")
        ours = settings.get("vars")
        return {**settings, "vars": {**(ours if isinstance(ours, dict) else {}), **self.variables}}


def _name_package(package: object) -> str:
    if not isinstance(package, dict):
        return str(package)[:80]
    return str(
        next(
            (package[key] for key in ("package", "git", "local", "tarball", "private") if key in package), "?"
        )
    )


def _lets_not_run_pass(settings: Mapping[str, object]) -> bool:
    """The project's policy, `vars: {ticket_to_dashboard: {not_run: warn}}`; default: fail."""
    return _read_policy(settings, "not_run", {"fail": False, "warn": True}, "fail")


def _reuses(settings: Mapping[str, object]) -> bool:
    """The project's policy, `vars: {ticket_to_dashboard: {build: all}}`; default: what changed alone."""
    return _read_policy(settings, "build", {"all": False, "changed": True}, "changed")


def _read_policy(settings: Mapping[str, object], name: str, words: Mapping[str, bool], default: str) -> bool:
    """What a word of the project's policy means. Raises Misconfigured for another one, and for a key that is none."""
    variables = settings.get("vars")
    ours = (variables.get("ticket_to_dashboard") if isinstance(variables, dict) else None) or {}
    for key, problem in find_unknown_keys(ProjectVars, ours) if isinstance(ours, dict) else ():
        raise Misconfigured(
            "read dbt_project.yml",
            f"{key} of vars.ticket_to_dashboard {problem}",
            f"Use {', '.join(sorted(ProjectVars.model_fields))}.",
        )
    policy = ours.get(name, default) if isinstance(ours, dict) else ours
    if not isinstance(policy, str) or policy not in words:
        answer = f"{name} of vars.ticket_to_dashboard is {policy!r}"
        raise Misconfigured("read dbt_project.yml", answer, f"Use {' or '.join(words)}.")
    return words[policy]
