"""A dbt project for one release: its catalogue, parsed once, and its build, both in one process of dbt's.

The profiles.yml is written per run, without secrets: those go to dbt's process as environment variables, so
none is on disk.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from shlex import quote
from threading import Event
from types import MappingProxyType
from typing import TYPE_CHECKING

from pydantic import Field

from blocks.catalogue import Catalogue
from blocks.column_lineage import ColumnLineage, read_cache, write_cache
from blocks.dbt.fingerprints import Fingerprints
from blocks.dbt.own_profile import merge_settings
from blocks.dbt.project_files import ENDINGS, UNREAD, list_versions, read_dispatch, read_variables
from blocks.dbt.release_manifest import Home, Place, add_seeds, plan_moves, plan_readings, plan_seeds
from blocks.dbt.release_scope import (
    WiderTest,
    find_blockers,
    find_fresh_sources,
    find_tests,
    find_wider_tests,
)
from blocks.dbt.worker_client import DbtWorker
from blocks.errors import BuildFailed
from blocks.manifest import DATABASE, OTHER, SEED, Manifest, Node
from blocks.plain_file import check_folder
from blocks.query_tags import suspend_tag
from blocks.records import Record
from blocks.release_names import RELEASE_PREFIX, is_in_release, parse_schema
from blocks.scratch_folder import ScratchFolder
from blocks.time_zone import UTC_ZONE
from blocks.vendor_patches.prefect import lighten_context
from blocks.warehouse.base import Warehouse
from blocks.whole_file import write_whole

if TYPE_CHECKING:
    from blocks.dbt.checks.keys import JsonSchema
    from blocks.dbt.worker import NodeResult, Parsed

PARSE_DEADLINE_SECONDS = 600
COMPILED = "compiled.json"  # the SQL of the last builds, in dbt's state folder
SELECTED = "ticket_to_dashboard_selected"  # a tag that no project has
APART = "target-apart"  # dbt's target folder of a project that is parsed again for each release
QUIET = {
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",  # a thread that lost its API would start a server for good
}


class DbtSettings(Record):
    """A dbt project as it is run.

    folder: of dbt_project.yml. state: for target, logs and the profile. profile: the project's profile name; target:
    dbt's target.name. own: settings of its own profiles.yml. variables: dbt's --vars.
    not_run_passes: its policy, a check that can't be run lets a release through with a warning. reuses: what has not
    changed since a kept release is shown again instead of built.
    time_zone: the one in which points in time become days; holidays: the countries whose holidays it keeps.
    """

    folder: Path
    state: Path
    profile: str
    target: str = "release"
    own: dict[str, object] = Field(default_factory=dict)
    variables: dict[str, object] = Field(default_factory=dict)
    not_run_passes: bool = False
    reuses: bool = False
    time_zone: str = UTC_ZONE
    holidays: tuple[str, ...] = ()

    @property
    def flags(self) -> list[str]:
        """dbt's --vars, if there are any."""
        return ["--vars", json.dumps(self.variables, sort_keys=True)] if self.variables else []


class DbtRun:
    """One project, one warehouse, one release schema. `close` it at the end; closing twice does nothing."""

    def __init__(self, settings: DbtSettings, warehouse: Warehouse, schema: str) -> None:
        self._settings = settings
        self._folder, self._state = settings.folder.resolve(), settings.state.resolve()
        self._warehouse, self._schema = warehouse, schema
        self._profiles = ScratchFolder(self._state, "profiles-", schema)
        self._worker: DbtWorker | None = None
        self._catalogue: Catalogue | None = None
        self._manifest: Manifest = {}
        self._warnings: list[str] = []
        self._is_apart, self._builds, self._is_decided = False, False, Event()
        self.not_run_passes, self._time_zone = settings.not_run_passes, settings.time_zone
        self._holidays = settings.holidays

    def start_parse(self, whole: bool = False) -> None:
        """Let dbt's process parse the project meanwhile; `catalogue` waits for it. It takes seconds.

        whole: files that did not change, too, of which dbt would not repeat its warnings.
        """
        check_folder(self._folder, ENDINGS, UNREAD)  # dbt would wait for a named pipe
        more = ["--no-partial-parse"] if whole else []
        for_all = parse_schema(self._folder)
        with suspend_tag():  # a tag, too, would be another profile
            args = self._write_arguments(for_all, self._profiles.open() / "parse")
        apart = [*self._write_arguments(), "--no-partial-parse"]
        apart[apart.index("--target-path") + 1] = str(self._state / APART)
        places = {"parsed": for_all, "schema": self._schema, "folder": str(self._folder)}
        self._start_worker().ask("parse", args=[*args, *more], apart=apart, **places)

    @property
    def folder(self) -> Path:
        """The project's, of dbt_project.yml; absolute."""
        return self._folder

    @property
    def manifest(self) -> Manifest:
        """The content of dbt's manifest.json, parsed on first use; raises as `catalogue`."""
        self._parse()
        return self._manifest

    @property
    def warnings(self) -> list[str]:
        """What dbt warned of in the parse, in its own words; raises as `catalogue`."""
        self._parse()
        return self._warnings

    @property
    def catalogue(self) -> Catalogue:
        """The project's catalogue, parsed on first use. Raises BuildFailed with dbt's own words, TimedOut."""
        self._parse()
        if self._catalogue is None:
            self._catalogue = Catalogue(self._manifest, self._time_zone, self._holidays)
        return self._catalogue

    def _parse(self) -> None:
        if self._manifest:
            return
        if self._worker is None or not self._worker.is_asked:
            self.start_parse()
        try:
            parsed: Parsed = self._start_worker().answer(PARSE_DEADLINE_SECONDS)
        except BuildFailed as error:
            if "dbt deps" not in error.answer:
                raise
            fetch = f"python flows/main.py setup --project {quote(str(self._folder))} --apply"
            fix = f"Let `{fetch}` or `dbt deps` fetch them into {self._folder}."
            raise BuildFailed(error.asked, error.answer, fix) from None
        self._warnings, self._is_apart = parsed["warnings"], parsed["apart"]
        manifest = self._state / (APART if parsed["apart"] else "target") / "manifest.json"
        self._manifest = json.loads(self._rename(manifest.read_text(encoding="utf-8")))
        self._manifest["metadata"][DATABASE] = parsed["database"]
        others = parsed["others"]
        home = Home(parsed["home"], None if others is None else tuple(others))
        self._move_in(parsed["moved"], home)

    def _move_in(self, kinds: Sequence[str], home: Home) -> None:
        """As dbt's process has it (release_manifest.py): what is built in place of the project's own schemas."""
        nodes, sources = self._manifest["nodes"], self._manifest["sources"]
        places = {
            key: Place(str(node["resource_type"]), node["schema"], node["alias"], node.get("database"))
            for key, node in nodes.items()
        }
        tables = {
            key: Place(node.get("loader") or "", node["schema"], node["identifier"], node.get("database"))
            for key, node in sources.items()
        }
        moves = plan_moves(places, self._schema, kinds, home.database)
        seeds = plan_seeds(tables, places, home)
        for key, moved in moves.items():
            nodes[key] |= self._describe_move(places[key], moved, home)
        for key in plan_readings(tables, home):
            sources[key] |= {"database": home.database, OTHER: str(tables[key].database)}
        for key, seed in seeds.items():
            sources[key] |= {"schema": nodes[seed]["schema"], SEED: seed}
        parents, children = self._manifest["parent_map"], self._manifest["child_map"]
        for key, needed in parents.items():
            if more := add_seeds(needed, seeds):
                parents[key] = more
                for seed in more[len(needed) :]:
                    children.setdefault(seed, []).append(key)
        for node in nodes.values():
            if needed_too := add_seeds(node.get("depends_on", {}).get("nodes") or (), seeds):
                node["depends_on"] = {**node["depends_on"], "nodes": needed_too}

    def _describe_move(self, place: Place, moved: str, home: Home) -> Node:
        """Where a node is built, and where its project has it."""
        found = Node(schema=moved)
        if not is_in_release(place.schema, self._schema):
            found["outside"] = place.schema
        if not home.holds(place.database):
            found["database"], found["other_database"] = home.database, str(place.database)
        return found

    def _rename(self, manifest: str) -> str:
        """The text of a manifest with the release's schema in place of the one that it was parsed for."""
        parsed = parse_schema(self._folder)
        for spell in (str, str.upper, str.capitalize):
            manifest = manifest.replace(spell(parsed), spell(self._schema))
        return manifest

    def decide_build(self, builds: bool) -> None:
        """Say whether anything is built, for whoever waits for it."""
        self._builds = builds
        self._is_decided.set()

    def await_build(self) -> bool:
        """True once it is decided that something is built, False for nothing; waits for that decision."""
        return self._is_decided.wait(PARSE_DEADLINE_SECONDS) and self._builds

    def explain_no_reuse(self) -> str:
        """Why nothing of an earlier release may be shown again instead of built; empty where it may."""
        if not self._settings.reuses:
            return "the project does not ask for it"
        self._parse()
        return "its Jinja makes something of the schema's name" if self._is_apart else ""

    def read_fingerprints(self, sources: Mapping[str, str]) -> Fingerprints:
        """What each node is made of. sources: `source.table` → the state of its rows; empty: nobody can tell it."""
        self._parse()
        declared = self._manifest["sources"].items()
        states = {
            key: SEED if node.get(SEED) else sources.get(f"{node['source_name']}.{node['name']}", "")
            for key, node in declared
        }
        metadata, settings = self._manifest.get("metadata") or {}, self._settings
        versions = list_versions(str(metadata.get("adapter_type") or self._warehouse.dialect))
        dispatch = read_dispatch(self._folder)
        about: list[object] = [metadata.get("dbt_version"), versions, dispatch]
        about += [settings.target, settings.own, settings.time_zone]
        return Fingerprints(
            self._manifest,
            states,
            json.dumps(about, sort_keys=True, default=str),
            read_variables(self._folder) + json.dumps(settings.variables, sort_keys=True, default=str),
            self._hide_schema,
            "dispatch" in dispatch,
        )

    def _hide_schema(self, text: str) -> str:
        """A text with one word for the release's schema and for that of the parse: another run, another folder."""
        for schema in (self._schema, parse_schema(self._folder)):
            for spell in (str, str.upper, str.capitalize):
                text = text.replace(spell(schema), spell(RELEASE_PREFIX))
        return text

    def list_tests(self, select: Sequence[str]) -> list[str]:
        """Ids of the tests that read nothing but what these marts are made of, and of the unit tests of it."""
        self._parse()
        return find_tests(self._manifest, self._find_lineage(select))

    def list_wider_tests(self, select: Sequence[str]) -> list[WiderTest]:
        """Tests of what these marts' build makes that also read models which it does not make."""
        return find_wider_tests(self._manifest, self._find_lineage(select))

    def find_blockers(self, skipped: str, failed: Sequence[str]) -> list[str]:
        """Of failed nodes, those for which dbt left another out; ids."""
        return find_blockers(self.manifest, skipped, failed)

    def list_fresh_sources(self, select: Sequence[str]) -> list[str]:
        """Sources of these marts, `source.table`, that declare their freshness."""
        return find_fresh_sources(self._manifest, self._find_lineage(select))

    def _write_selectors(self, select: Sequence[str]) -> list[str]:
        """dbt's words for these marts with their parents: by its name alone, a model would be all its versions."""
        return [f"+{self.catalogue.mart(mart).selector}" for mart in select]

    def _find_lineage(self, select: Sequence[str]) -> set[str]:
        return {node for mart in select for node in self.catalogue.find_lineage(mart)}

    def build(
        self,
        select: Sequence[str],
        deadline_seconds: float,
        tables: Sequence[str] = (),
        relations: Mapping[str, tuple[str, str]] = MappingProxyType({}),
        tests: Sequence[str] = (),
        only: Sequence[str] | None = None,
    ) -> list[NodeResult]:
        """dbt build of the marts with their parents; one result a node (see worker.py). dbt's process ends.

        tables: ids of models to build as tables, whatever they are declared as. relations: by id, schema and
        name of models that are read and not built. tests: selectors of tests beside those of what is built. only: ids
        of the nodes and tests that are run, and no others; dbt is not asked at all where there is nothing to do.
        Failed tests are results, not errors. Raises BuildFailed where dbt itself could not go on, TimedOut.
        """
        fresh = self.list_fresh_sources(select)
        if only is not None and not only and not fresh:
            self.close()
            return []
        from prefect.client.orchestration import get_client
        from prefect.context import serialize_context

        from blocks.vendor_patches.prefect_clients import is_bounded

        arguments = self._write_arguments()
        with get_client(sync_client=True) as client:
            api_url = str(client.api_url)
        settings = {
            "project_dir": str(self._folder),
            "profiles_dir": str(self._profiles.path),
            "target_path": str(self._state / "target"),
            "log_level": "warn",
        }
        words = [*self._write_selectors(select), *tests] if only is None else [f"tag:{SELECTED}"]
        chosen = ["--select", *words, "--indirect-selection", "cautious" if only is None else "empty"]
        try:
            worker = self._start_worker()
            if is_bounded():
                worker.ask("bound")
                worker.answer(deadline_seconds)
            worker.ask(
                "build",
                settings=settings,
                api_url=api_url,
                args=[
                    *chosen,
                    *self._settings.flags,
                    *arguments[arguments.index("--log-path") :][:2],
                    "--no-write-json",
                ],
                context=_pickle_context(serialize_context()),
                tables=list(tables),
                relations=dict(relations),
                fresh=fresh,
                tags=None if only is None else {SELECTED: list(only)},
            )
            result: list[NodeResult] = worker.answer(deadline_seconds, self._warehouse.check_lease)
        finally:
            self.close()
        self._keep_compiled(result)
        return result

    def make(self, select: Sequence[str], deadline_seconds: float) -> list[NodeResult]:
        """Build models with their parents, without tests and outside of any flow; one result a node.

        dbt's process ends. Raises BuildFailed where dbt itself could not go on, TimedOut.
        """
        self._parse()
        return self._work("make", deadline_seconds, args=[*self._write_arguments(), *self._choose(select)])

    def test(self, select: Sequence[str], deadline_seconds: float) -> list[NodeResult]:
        """Run the tests that a build of these models would run, on what is built, and look how fresh their sources are.

        Otherwise as `make`.
        """
        self._parse()
        arguments, fresh = self._write_arguments(), self.list_fresh_sources(select)
        return self._work("test", deadline_seconds, args=arguments, chosen=self._choose(select), fresh=fresh)

    def _choose(self, select: Sequence[str]) -> list[str]:
        return ["--select", *self._write_selectors(select)]

    def _work(self, command: str, deadline_seconds: float, **words: list[str]) -> list[NodeResult]:
        try:
            worker = self._start_worker()
            worker.ask(command, **words)
            result: list[NodeResult] = worker.answer(deadline_seconds)
        finally:
            self.close()
        return result

    def compile_models(self) -> dict[str, str]:
        """Model's id → the SQL that dbt makes of it, where it can without asking the warehouse. It takes seconds.

        dbt's process is as it was before: running, or not. Raises BuildFailed, TimedOut.
        """
        was_closed = self._worker is None
        if was_closed:
            self._manifest = {}
        try:
            self._parse()
            worker = self._start_worker()
            worker.ask("compile", args=self._write_arguments())
            found: dict[str, str] = worker.answer(PARSE_DEADLINE_SECONDS)
        finally:
            if was_closed:
                self.close()
        return found

    def remember_columns(self) -> ColumnLineage:
        """Which column is made of which, by the last build's SQL of models that have not changed since. At once."""
        return self._trace(self._recall_compiled())

    def _trace(self, compiled: Mapping[str, str]) -> ColumnLineage:
        """The lineage by this SQL; what was read of the same before is read no more."""
        path = self._state / "columns.json"
        cache = read_cache(path)
        before = dict(cache)
        lineage = ColumnLineage(self._manifest, compiled, self._warehouse.dialect, cache, self._schema)
        if cache != before:
            write_cache(path, cache)
        return lineage

    def _recall_compiled(self) -> dict[str, str]:
        """The SQL of the last builds of models that have not changed since, as in this release."""
        stored = _read_compiled(self._state / COMPILED)
        return {
            key: self._rename(sql)
            for key, (checksum, sql) in stored.items()
            if _read_checksum(self.manifest["nodes"].get(key)) == checksum
        }

    def _keep_compiled(self, results: Sequence[NodeResult]) -> None:
        """Write down the SQL of what was built, with the parsed schema in place of the release's."""
        parsed = parse_schema(self._folder)
        stored = _read_compiled(self._state / COMPILED)
        for result in results:
            if result["kind"] in {"model", "snapshot"} and result["sql"]:
                sql = result["sql"].replace(self._schema, parsed)
                stored[result["unique_id"]] = (
                    _read_checksum(self.manifest["nodes"].get(result["unique_id"])),
                    sql,
                )
        kept = {key: value for key, value in stored.items() if key in self.manifest["nodes"]}
        write_whole(self._state / COMPILED, json.dumps(kept))

    def read_schemas(self) -> dict[str, JsonSchema]:
        """dbt's own JSON Schemas of a project's YAML, by part; of one that dbt refuses, too. Raises BuildFailed."""
        with suppress(BuildFailed):  # an answer that waits comes first
            self._parse()
        worker = self._start_worker()
        worker.ask("schemas")
        found: dict[str, JsonSchema] = worker.answer(PARSE_DEADLINE_SECONDS)
        return found

    def trace_columns(self) -> ColumnLineage:
        """Which column is made of which, by the compiled SQL. It takes seconds; raises as `compile_models`."""
        compiled = self.compile_models()
        return self._trace({**self._recall_compiled(), **compiled})

    def close(self) -> None:
        """End dbt's process, if one runs, and remove its profile. The catalogue stays."""
        if self._worker:
            self._worker.close()
            self._worker = None
        self._profiles.close()

    def _start_worker(self) -> DbtWorker:
        if self._worker is None:
            logs = self._state / "logs"
            logs.mkdir(parents=True, exist_ok=True)
            secrets = self._warehouse.make_dbt_target(self._schema, self._time_zone)[1]
            self._worker = DbtWorker({**QUIET, **secrets}, logs / "worker.log")
        return self._worker

    def _write_arguments(self, schema: str = "", profiles: Path | None = None) -> list[str]:
        """dbt's flags, with a profile written for this use: it may carry the query tag, which changes.

        schema, profiles: the profile's schema and folder, if not the release's.
        """
        target, _ = self._warehouse.make_dbt_target(schema or self._schema, self._time_zone)
        profiles = profiles or self._profiles.open()
        profiles.mkdir(parents=True, exist_ok=True)
        outputs = {self._settings.target: merge_settings(self._settings.own, target)}
        profile = {self._settings.profile: {"target": self._settings.target, "outputs": outputs}}
        (profiles / "profiles.yml").write_text(json.dumps(profile), encoding="utf-8")
        flags = {
            "--project-dir": self._folder,
            "--profiles-dir": profiles,
            "--target-path": self._state / "target",
            "--log-path": self._state / "logs",
            "--log-level": "none",
            "--log-level-file": "warn",
        }
        return [*(str(word) for pair in flags.items() for word in pair), *self._settings.flags]


def _read_compiled(path: Path) -> dict[str, tuple[str, str]]:
    """Model's id → its file's checksum and the SQL that was built of it; nothing for a file that can't be read."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {str(key): (str(checksum), str(sql)) for key, (checksum, sql) in stored.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _read_checksum(node: Node | None) -> str:
    return str(((node or {}).get("checksum") or {}).get("checksum") or "")


def fetch_packages(folder: Path, state: Path) -> None:
    """dbt deps of a project, which writes into its folder. Raises BuildFailed with dbt's own reason, TimedOut."""
    logs = state.resolve() / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    worker = DbtWorker(QUIET, logs / "worker.log")
    try:
        worker.ask(
            "deps",
            args=["--project-dir", str(folder.resolve()), "--log-path", str(logs), "--log-level", "none"],
        )
        worker.answer(PARSE_DEADLINE_SECONDS)
    finally:
        worker.close()


def _pickle_context(context: dict[str, object]) -> bytes:
    """A run context for another process."""
    import cloudpickle

    pickled: bytes = cloudpickle.dumps(lighten_context(context))
    return pickled
