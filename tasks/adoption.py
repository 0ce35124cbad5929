"""Taking up data or a dbt project: what it lacks for a first dashboard is proposed, built and checked in a copy.

Nothing of the project is written here: flows/init.py shows the difference, and writes it if it is asked to.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from blocks.adoption.dashboards import (
    MOST_DIMENSIONS,
    MOST_METRICS,
    ProposedDashboard,
    propose_semantic_model,
    propose_suite,
    write_dashboard,
    write_suite,
    write_ticket,
)
from blocks.adoption.names import to_snake_case
from blocks.adoption.new_project import write_project, write_time_spine
from blocks.adoption.profile import MOST_PARTS, TableProfile, profile_expression, profile_relation
from blocks.adoption.workbench import FORMATS, FoundTable, open_workbench
from blocks.adoption.yaml_files import (
    edit_exposure,
    edit_schema,
    edit_source,
    locate_file,
    override_schema,
    override_source,
)
from blocks.catalogue import Catalogue, Exposure, Mart
from blocks.dbt.checks.sources import OWN_READING
from blocks.dbt.checks.tests import find_hidden
from blocks.dbt.own_profile import list_kinds
from blocks.dbt.project import DbtProject
from blocks.dbt.project_files import find_models, find_packages
from blocks.dbt.release_scope import find_wider_tests
from blocks.dbt.run import DbtRun
from blocks.errors import BuildFailed, Misconfigured, NotFound, PlatformError
from blocks.findings import Severity, suggest_name
from blocks.loader.dlt.loader import DltLoader
from blocks.loader.dlt.sql.connections import is_database
from blocks.manifest import OUTSIDE, ExposureNode, Manifest, name_model
from blocks.prefect.block_types import TYPES
from blocks.quality.suites import Suites, find_dialect
from blocks.records import Analysis, LoadReport, SourceTable
from blocks.release_names import is_in_release, release_schema
from blocks.site.text import check_slug
from blocks.warehouse.base import Warehouse
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from blocks.yaml_content import read_yaml
from tasks.project_check import check_project
from tasks.run_lock import run_lock

if TYPE_CHECKING:
    from blocks.dbt.worker import NodeResult

LEFT_OUT = ("target", "logs", ".git", ".venv", "venv", "node_modules", "__pycache__", ".local")
MOST_FAILURES = 5
MOST_MARTS, BUILD_SECONDS, LOAD_SECONDS = 12, 1800, 1800
MOST_BESIDE = 20
RUN = "init"
_TIME_WORD = re.compile(
    r"(?:_|\b)(?:at|on|date|day|days|week|month|quarter|year|time|timestamp|datetime)\b(?<!\bat|\bon)",
    re.IGNORECASE,
)


@dataclass
class Adoption:
    """What is proposed. project: dbt's folder; files: path → text, for those that are new or change.

    locations: where each source is that is loaded; notes: what was left out and why, and what is still to be mended.
    """

    project: Path
    suites: Path
    tickets: Path
    files: dict[Path, str] = field(default_factory=dict)
    locations: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Place:
    """A warehouse on a server, in which a project's models are built and profiled. run: names the schema for that.

    loads: what a source needs may be loaded into it.
    """

    warehouse: Warehouse
    run: str
    loads: bool


class Adopter:
    """A project's copy in a scratch folder, in which what is proposed is built and checked. found: what is proposed.

    settings: of the project's block beside its folders, such as variables. place: where the models of a project that is
    there are built, in a schema that is dropped at the end; none: in an embedded DuckDB. marts: which ones; none: the
    first that no dashboard shows.
    """

    def __init__(
        self,
        found: Adoption,
        scratch: Path,
        ticket: str | None,
        today: date,
        settings: Mapping[str, object] = MappingProxyType({}),
        place: Place | None = None,
        marts: Sequence[str] = (),
    ) -> None:
        self._settings = dict(settings)
        self.found, self._copy, self._ticket, self._today = found, scratch / "dbt", ticket, today
        self._state, self._suites = scratch / "state", scratch / "expectations"
        self._suites.mkdir(parents=True)
        self._warehouse: Warehouse = DuckDBWarehouse(database=str(scratch / "warehouse.duckdb"))
        self._wanted = marts
        self._place, self._schema = place, release_schema(place.run if place else RUN)
        self._work = scratch / "loads"
        self._loader = self._make_loader({})
        self._timeless: list[str] = []

    def adopt(self, root: Path, locations: Mapping[str, str]) -> None:
        """Propose all that is missing. Raises Misconfigured, NotFound, BuildFailed with dbt's reason."""
        with ExitStack() as stack:
            if (self.found.project / "dbt_project.yml").is_file() and self._place:
                self._warehouse = self._place.warehouse
                stack.enter_context(run_lock(self._warehouse, 0))
                stack.callback(self._drop_built)
            else:
                self._say_other_warehouse()
            self._adopt(root, locations)

    def _say_other_warehouse(self) -> None:
        """A note, where the project's own profile is for another warehouse than the embedded one it is built in."""
        path = self.found.project / "dbt_project.yml"
        if not path.is_file():
            return
        profile = str(read_yaml(path, "Give the folder of a dbt project.").get("profile"))
        kinds = list_kinds(self.found.project, profile)
        if kinds and self._warehouse.dialect not in kinds:
            named = " and ".join(kinds)
            blocks = " or ".join(
                f"--warehouse {kind}-warehouse/NAME" for kind in kinds if f"{kind}-warehouse" in TYPES
            )
            better = (
                f"to have them built and profiled where their rows are, name a saved block: {blocks}"
                if blocks
                else "none of these is a warehouse of this workflow: what DuckDB can't build is a note below"
            )
            self.found.notes.append(
                f"its profiles.yml is for {named}, and its models were built in an embedded DuckDB; {better}"
            )

    def _drop_built(self) -> None:
        """Leave nothing of what was built to be looked at; of an `init` that died the next run drops it."""
        there = self._warehouse.list_releases()
        self._warehouse.drop_releases([each for each in there if is_in_release(each, self._schema)])

    def _adopt(self, root: Path, locations: Mapping[str, str]) -> None:
        if (self.found.project / "dbt_project.yml").is_file():
            shutil.copytree(self.found.project, self._copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
            try:
                self._take_up(root, locations)
            except BuildFailed as fault:  # dbt parses no semantic model without a time spine
                if "requires a time spine" not in fault.answer:
                    raise
                self._put_time_spine()
                self._take_up(root, locations)
        else:
            self._begin_project(root, dict(locations) or {to_snake_case(root.name): str(root)})
        self._loader = self._make_loader(dict(self.found.locations))
        with self._open() as dbt:
            profiles = self._build(dbt)
            dashboards = self._propose_dashboards(dbt.manifest, dbt.catalogue, profiles)
            marts = {name: dbt.catalogue.mart(name) for name in profiles}
            self._propose_suites(dbt.manifest, {proposed.mart for proposed in dashboards}, profiles, marts)
            self._propose_ticket(dashboards, dbt.catalogue)
        with self._open() as dbt:
            self._verify(dbt)
            if dashboards:
                self._try_tests(dbt, [proposed.mart for proposed in dashboards])

    @property
    def _is_on_server(self) -> bool:
        """True if models are built in a warehouse that holds what others put there."""
        return self._place is not None and self._warehouse is self._place.warehouse

    def _make_loader(self, locations: dict[str, str]) -> DltLoader:
        """A loader that knows these places; a password in one becomes a credential."""
        return DltLoader(locations=locations, workdir=self._work, deadline_seconds=LOAD_SECONDS)

    @contextmanager
    def _open(self) -> Iterator[DbtRun]:
        project = DbtProject.model_validate({**self._settings, "folder": self._copy, "state": self._state})
        dbt = project.open(self._warehouse, self._schema)
        try:
            yield dbt
        finally:
            dbt.close()

    def _put(self, relative: str, text: str) -> None:
        """A file of the project, in the copy and in what is proposed."""
        path = locate_file(self._copy, relative)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.found.files[self.found.project / relative] = text

    def _begin_project(self, root: Path, locations: dict[str, str]) -> None:
        if len(locations) != 1:
            raise Misconfigured(
                "begin a project", "there are several sources", "Begin with one --source; add others later."
            )
        ((source, location),) = locations.items()
        with open_workbench(keep_names=False) as bench:
            bench.add(to_snake_case(source), location)
            references = bench.find_references()
        self.found.notes += bench.notes
        for path, text in write_project(
            root.name, to_snake_case(source), _find_kind(location), bench.tables, references
        ).items():
            self._put(path, text)
        self.found.locations[to_snake_case(source)] = location

    def _take_up(self, root: Path, locations: Mapping[str, str]) -> None:
        with self._open() as dbt:
            self._declare_loads(dbt, root, locations)

    def _put_time_spine(self) -> None:
        for path, text in write_time_spine(find_models(self._copy)).items():
            self._put(path, text)

    def _declare_loads(self, dbt: DbtRun, root: Path, locations: Mapping[str, str]) -> None:
        """Sources that nobody loads, whose data are at a given place or in the project: have dlt load them."""
        tables: dict[str, list[SourceTable]] = {}
        for table in dbt.catalogue.tables:
            tables.setdefault(table.source, []).append(table)
        for name in locations:
            if name not in tables:
                raise NotFound(
                    f"adopt source {name}",
                    "the project declares no such source",
                    f"It has {', '.join(sorted(tables)) or 'none'}.",
                )
        for source, declared in sorted(tables.items()):
            if source in locations or not self._read_seeds(dbt.manifest, source, declared):
                self._declare_files(dbt.manifest, source, declared, locations.get(source), root)

    def _declare_files(
        self,
        manifest: Manifest,
        source: str,
        declared: Sequence[SourceTable],
        given: str | None,
        root: Path,
    ) -> None:
        """Have dlt load a source from the place that is given, or from its files in the project."""
        location = given or (None if self._is_on_server else _find_files(root, declared))
        if all(each.loader == "dlt" for each in declared):
            self.found.locations |= {source: location} if location else {}
        elif location:
            self._declare_load(manifest, source, declared, location)
        is_loaded = any(each.is_loaded for each in declared)
        if is_loaded and not location:
            service = "" if declared[0].loader == "dlt" else ", or run with a saved loader (--loader)"
            self.found.notes.append(
                f"source {source}: say where it is, by --source {source}=LOCATION{service}"
            )
        elif is_loaded and source in self.found.locations and declared[0].loader != "dlt":
            self.found.notes.append(
                f"source {source}: its `loader: {declared[0].loader}` is taken for a label, as its tables are "
                f"{'where --source says' if given else 'files in the project'}: dlt loads it now. Where that service "
                "fills it, leave its word there and run with a saved loader (--loader)"
            )

    def _read_seeds(self, manifest: Manifest, source: str, declared: Sequence[SourceTable]) -> bool:
        """True where seeds make all of a source's tables; one that names another schema than theirs is given theirs.

        In a warehouse that has such tables they are somebody's, whatever seeds are called.
        """
        if all(each.seed for each in declared):
            return True
        schemas = find_seed_schemas(manifest, declared, self._schema)
        if len(schemas) != 1 or any(
            each.loader == "dlt" or OWN_READING & set(each.meta) for each in declared
        ):
            return False
        if self._is_on_server and {each.full_name for each in declared} - self._list_not_there(declared):
            return False
        (schema,) = schemas
        self._edit_sources(
            manifest,
            source,
            lambda text: edit_schema(text, source, schema),
            lambda _, package: override_schema(source, package, schema),
        )
        self.found.notes.append(
            f"source {source} names schema {declared[0].schema_name}, and seeds of its tables' names are in {schema}: "
            "it is read there, as they make it"
        )
        return True

    def _edit_sources(
        self, manifest: Manifest, source: str, edit: Callable[[str], str], override: Callable[[str, str], str]
    ) -> None:
        """Edit each file that declares a source; a package's is overridden in the project, or `dbt deps` would undo it.

        override: of a package's file and name, the new file's text.
        """
        own = str(manifest["metadata"].get("project_name"))
        nodes = [node for node in manifest["sources"].values() if node["source_name"] == source]
        for package, path in sorted(
            {(str(each["package_name"]), str(each["original_file_path"])) for each in nodes}
        ):
            folder = self._copy if package == own else find_packages(self._copy) / package
            if not (file := locate_file(folder, path)).is_file():
                raise Misconfigured(
                    f"edit source {source}", f"dbt says that {path} of {package} declares it: no file"
                )
            text = file.read_text(encoding="utf-8")
            if package == own:
                self._put(path, edit(text))
            else:
                self._put(f"{find_models(self._copy)}/{source}__source.yml", override(text, package))

    def _declare_load(
        self, manifest: Manifest, source: str, declared: Sequence[SourceTable], location: str
    ) -> None:
        with open_workbench(keep_names=True) as bench:
            bench.add(source, location)
        places = match_tables(declared, bench.tables)
        missing = [each.name for each in declared if each.name not in places]
        if missing:
            there = ", ".join(f"{each.name} ({each.meta.get('path') or 'a table'})" for each in bench.tables)
            self.found.notes.append(
                f"source {source} stays as it is: nothing at its location is called {' or '.join(missing)}; there is "
                f"{there}. Give a table that name as `identifier`, or declare its `path` (docs/loading.md)"
            )
            return
        self.found.locations[source] = location
        kind = _find_kind(location)
        self._edit_sources(
            manifest,
            source,
            lambda text: edit_source(text, source, kind, bench.tables, places),
            lambda text, package: override_source(text, source, package, kind, bench.tables, places),
        )

    def _build(self, dbt: DbtRun) -> dict[str, TableProfile]:
        """Load, build and profile the marts; a mart that can't be built is a note."""
        catalogue = dbt.catalogue
        not_there = self._list_not_there(catalogue.tables) if self._is_on_server else None
        for source in catalogue.source_names():
            tables = [
                each
                for each in catalogue.source_tables(source)
                if not_there is None or each.full_name in not_there
            ]
            if source in self.found.locations and tables and not (self._place and not self._place.loads):
                for report in self._load(tables):
                    if report.quarantined:
                        self.found.notes.append(
                            f"{source}.{report.table}: {report.quarantined} rows break their types"
                        )
        marts = self._choose_marts(dbt.manifest, catalogue)
        results = dbt.make(marts, BUILD_SECONDS) if marts else []
        self.found.notes += list_failures(results)
        self._say_unfilled(
            dbt.manifest, [each["unique_id"] for each in results if each["status"] != "success"]
        )
        built = {result["unique_id"] for result in results if result["status"] == "success"}
        chosen = [catalogue.mart(each) for each in marts]
        found = self._profile(chosen, built)
        if not any(each.find_time() for each in found.values()):
            found |= self._profile_what_they_are_made_of(dbt.manifest, catalogue, chosen, built)
        return found

    def _load(self, tables: Sequence[SourceTable]) -> list[LoadReport]:
        """Load a source's tables; what one of them can't be loaded for is a note, and that table's alone."""
        try:
            return list(self._loader.load_source(tables, self._warehouse, "init"))
        except PlatformError as fault:
            if len(tables) == 1:
                self.found.notes.append(f"{tables[0].full_name} could not be loaded here: {fault}")
                return []
        return [report for table in tables for report in self._load([table])]

    def _say_unfilled(self, manifest: Manifest, failed: Sequence[str]) -> None:
        """A note for each source that nobody fills in the embedded warehouse, and that a failed model reads."""
        if self._is_on_server:
            return
        parents, sources = manifest["parent_map"], manifest["sources"]
        read = {parent for node in failed for parent in parents.get(node, ()) if parent in sources}
        names = {str(sources[each]["source_name"]) for each in read if not sources[each].get("seed")}
        self.found.notes += [
            f"source {name}: nothing says where its tables are: give files or a database by --source {name}=LOCATION"
            for name in sorted(names - set(self.found.locations))
        ]

    def _choose_marts(self, manifest: Manifest, catalogue: Catalogue) -> list[str]:
        """Those that are asked for, else the first that no dashboard shows, as many as a person reads; then a note."""
        if unknown := [each for each in self._wanted if each not in catalogue.models]:
            near = suggest_name(unknown[0], catalogue.models)
            raise NotFound(
                f"adopt mart {unknown[0]}", f"the project has no such model{near}", "Correct --marts."
            )
        shown = _list_shown(catalogue)
        marts = list(self._wanted) or [
            each for each in choose_marts(manifest, catalogue) if each not in shown
        ]
        if self._is_on_server:
            marts = self._leave_out(marts, catalogue)
        hidden = {name: kind for name, kind in find_hidden(manifest).items() if name in marts}
        marts = [name for name in marts if name not in hidden]
        self.found.notes += [
            f"mart {name} is left out: a {kind} has its name, and `ref` may mean either; rename one of them"
            for name, kind in sorted(hidden.items())
        ]
        if self._wanted or len(marts) <= MOST_MARTS:
            return marts
        self.found.notes.append(
            f"{MOST_MARTS} marts are proposed at a time, as many as can be read; left for the next `init`, once these "
            f"are in the project, or for one with --marts NAME,NAME: {', '.join(marts[MOST_MARTS:])}"
        )
        return marts[:MOST_MARTS]

    def _list_not_there(self, tables: Iterable[SourceTable]) -> set[str]:
        """Tables of sources that the warehouse does not have, `source.table`."""
        with self._warehouse.session() as session:
            return {
                each.full_name
                for each in tables
                if not each.seed and not self._warehouse.columns(session, each.schema_name, each.identifier)
            }

    def _leave_out(self, marts: Sequence[str], catalogue: Catalogue) -> list[str]:
        """Without the marts for which the warehouse lacks a table of a source; each table is a note."""
        not_there, lacking, left = self._list_not_there(catalogue.tables), dict[str, list[str]](), list[str]()
        for mart in marts:
            missing = [
                each.full_name for each in catalogue.tables_beneath(mart) if each.full_name in not_there
            ]
            for table in missing:
                lacking.setdefault(table, []).append(mart)
            left += [] if missing else [mart]
        for table, held_up in lacking.items():
            located = table.partition(".")[0] in self.found.locations
            what = "; --apply loads it" if located else ", and nothing says where it is loaded from"
            self.found.notes.append(
                f"the warehouse has no table {table}{what}: left out are {', '.join(held_up)}"
            )
        return left

    def _profile(self, marts: Sequence[Mart], built: set[str]) -> dict[str, TableProfile]:
        """Mart → profile of its rows, of those that were built."""
        found = {}
        with self._warehouse.session() as session:
            for mart in [each for each in marts if each.unique_id in built]:
                relation = f"{mart.schema_name}.{mart.alias}"
                found[mart.name] = profile_relation(self._warehouse, session, mart.name, relation)
        return found

    def _profile_what_they_are_made_of(
        self, manifest: Manifest, catalogue: Catalogue, marts: Sequence[Mart], built: set[str]
    ) -> dict[str, TableProfile]:
        """The nearest models above these marts that have a time, where none of these has one or could be built."""
        by_id = {each.unique_id: each for each in catalogue.models.values()}
        layer, seen = [each.unique_id for each in marts], set[str]()
        while layer := [
            parent
            for node in layer
            for parent in manifest["parent_map"].get(node, ())
            if parent in by_id and parent not in seen
        ]:
            seen |= set(layer)
            above = [by_id[each] for each in dict.fromkeys(layer) if by_id[each].materialized != "ephemeral"]
            found = self._profile(above, built)
            if timed := {name: each for name, each in found.items() if each.find_time() and each.rows}:
                names = ", ".join(sorted(timed))
                self.found.notes.append(f"no mart that nothing is made of has a time: {names} instead")
                return dict(list(timed.items())[:MOST_MARTS])
        return {}

    def _propose_dashboards(
        self, manifest: Manifest, catalogue: Catalogue, profiles: Mapping[str, TableProfile]
    ) -> list[ProposedDashboard]:
        spines = [
            node
            for node in manifest["nodes"].values()
            if node.get("time_spine") or node["name"] == "metricflow_time_spine"
        ]
        shown = _list_shown(catalogue)
        wanted = [each for each in profiles.values() if each.name not in shown and each.rows]
        self.found.notes += [f"mart {each.name} has no rows" for each in profiles.values() if not each.rows]
        taken = {*catalogue.metric_names(), *catalogue.list_unusable(), *_list_measures(manifest)}
        ranked = sorted(
            wanted, key=lambda each: (each.find_time() is None, -len(each.list_measures()), -each.rows)
        )
        asked = self._ticket and not any(each.ticket == self._ticket for each in catalogue.exposures)
        dashboards: list[ProposedDashboard] = []
        for profile in ranked:
            ticket = self._ticket if asked and not dashboards else None
            if proposed := self._propose_dashboard(manifest, catalogue, profile, taken, ticket):
                dashboards.append(proposed)
        if self._timeless:
            which = "mart {} has" if len(self._timeless) == 1 else "marts {} have"
            names = ", ".join(self._timeless)
            self.found.notes.append(f"{which.format(names)} no time, which dbt's metrics need")
        if dashboards and not spines:
            self._put_time_spine()
        self._name_models_of_tests(manifest, catalogue)
        return dashboards

    def _name_models_of_tests(self, manifest: Manifest, catalogue: Catalogue) -> None:
        """Add to dashboards that are there the models that tests of their marts read as well and nothing else needs."""
        own = _list_own_dashboards(manifest)
        ours = [each for each in catalogue.exposures if each.metrics and each.name in own]
        needed = {name for each in ours for name in each.marts}
        for exposure in ours:
            marts = [name for name in exposure.marts if name in catalogue.models]
            listed = [
                call
                for mart in marts
                for call, name in _list_tested_with(manifest, catalogue, mart).items()
                if name not in needed
            ]
            if listed:
                path = _find_path(manifest["exposures"], exposure.name)
                text = locate_file(self._copy, path).read_text(encoding="utf-8")
                self._put(path, edit_exposure(text, exposure.name, {}, list(dict.fromkeys(listed))))

    def _propose_dashboard(
        self,
        manifest: Manifest,
        catalogue: Catalogue,
        profile: TableProfile,
        taken: set[str],
        ticket: str | None,
    ) -> ProposedDashboard | None:
        """A mart's dashboard with what it lacks for it; None, and a note, where its metrics would have no time."""
        model, metrics = None, list[dict[str, object]]()
        ref = write_ref(manifest["nodes"][catalogue.mart(profile.name).unique_id])
        names, dimensions = self._choose_known(catalogue, profile)
        if not names:
            if not profile.find_time():
                self._timeless.append(profile.name)
                return None
            model, metrics = propose_semantic_model(profile, taken, ref)
            taken |= {str(each["name"]) for each in metrics}
            names = tuple(str(each["name"]) for each in metrics)[:MOST_METRICS]
            dimensions = _list_parts(model)[:MOST_DIMENSIONS]
        open_to_us = _list_own_dashboards(manifest)
        exposure = next(
            (
                each
                for each in catalogue.exposures
                if each.name in open_to_us and _can_take(each, profile.name)
            ),
            None,
        )
        proposed = ProposedDashboard(
            mart=profile.name,
            exposure=exposure.name if exposure else f"{to_snake_case(profile.name)}_overview",
            analysis=_choose_analysis(profile, dimensions),
            metrics=names,
            dimensions=dimensions,
            ticket=ticket,
            ref=ref,
            beside=tuple(_list_tested_with(manifest, catalogue, profile.name)),
        )
        if exposure:
            path = _find_path(manifest["exposures"], exposure.name)
            text = locate_file(self._copy, path).read_text(encoding="utf-8")
            self._put(path, edit_exposure(text, exposure.name, proposed.meta, proposed.beside))
        if model or not exposure:
            mart = manifest["nodes"][catalogue.mart(profile.name).unique_id]
            beside = Path(str(mart["original_file_path"])).parent / f"{profile.name}__dashboard.yml"
            self._put(str(beside), write_dashboard(proposed, model, metrics, exposure is not None))
        return proposed

    def _choose_known(
        self, catalogue: Catalogue, profile: TableProfile
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Metrics that the project has on a mart, of one row source, and dimensions that split them.

        Numbers, times and identifiers split them only where nothing else does.
        """
        sources: dict[str, list[str]] = {}
        for name in catalogue.metric_names():
            if catalogue.mart_of(name) == profile.name:
                sources.setdefault(catalogue.source_of(name), []).append(name)
        if not sources:
            return (), ()
        source, names = max(sources.items(), key=lambda each: len(each[1]))
        metrics, time = tuple(names[:MOST_METRICS]), catalogue.time_of(source)
        parts: list[str] = []
        others: list[str] = []
        mart = catalogue.mart(profile.name)
        place, rows = f"{mart.schema_name}.{mart.alias}", profile.of or profile.rows
        own = (each for each in catalogue.dimensions_of(source) if catalogue.is_own(source, each))
        for name in [each for each in own if each != time]:
            try:
                (dataset,) = catalogue.datasets(metrics, (name,))
                sql = next(column.sql for column in dataset.columns if column.name == name)
                with self._warehouse.session() as session:
                    column = profile_expression(self._warehouse, session, place, name, sql, rows)
            except (PlatformError, ValueError, StopIteration):  # one that can't be asked is not proposed
                continue
            if 2 <= column.distinct <= MOST_PARTS:
                (parts if column.is_category else others).append(name)
        return metrics, tuple((parts or others)[:MOST_DIMENSIONS])

    def _propose_suites(
        self,
        manifest: Manifest,
        shown: set[str],
        profiles: Mapping[str, TableProfile],
        marts: Mapping[str, Mart],
    ) -> None:
        """A suite for each mart that has none; expectations that its rows don't meet are not proposed."""
        wanted = {
            name: profile for name, profile in profiles.items() if name in shown and not self._has_suite(name)
        }
        proposed: dict[str, list[dict[str, object]]] = {}
        for name, profile in wanted.items():
            tests = [
                node
                for node in manifest["nodes"].values()
                if node["resource_type"] == "test" and node.get("attached_node") == marts[name].unique_id
            ]
            proposed[name] = propose_suite(profile, tests, self._today)
            (self._suites / f"{name}.json").write_text(write_suite(name, proposed[name]), encoding="utf-8")
        if not proposed:
            return
        relations = {name: f"{marts[name].schema_name}.{marts[name].alias}" for name in proposed}
        checks = Suites(folder=self._suites, docs=self._state / "docs").audit(self._warehouse, relations)
        for name, expectations in proposed.items():
            mine = [each for each in checks if each.scope == name]
            wrong = {check.name for check in mine if check.status != "passed"}
            kept = [each for each in expectations if not wrong & set(_list_names(each))]
            if wrong:
                self.found.notes.append(f"suite {name}: its rows do not meet {', '.join(sorted(wrong))}")
            text = write_suite(name, kept)
            (self._suites / f"{name}.json").write_text(text, encoding="utf-8")
            self.found.files[self.found.suites / f"{name}.json"] = text

    def _has_suite(self, mart: str) -> bool:
        return (self.found.suites / f"{mart}.json").exists()

    def _propose_ticket(self, dashboards: Sequence[ProposedDashboard], catalogue: Catalogue) -> None:
        proposed = next((each for each in dashboards if each.ticket), None)
        if proposed is None or (self.found.tickets / f"{proposed.ticket}.yaml").exists():
            return
        sources = catalogue.sources_beneath(proposed.mart)
        self.found.files[self.found.tickets / f"{proposed.ticket}.yaml"] = write_ticket(
            proposed, sources, self._today
        )

    def _try_tests(self, dbt: DbtRun, marts: Sequence[str]) -> None:
        """A note for each test of dbt's, and each source's freshness, that a run would hold these marts back for."""
        failed = [each for each in dbt.test(marts, BUILD_SECONDS) if each["status"] in {"error", "fail"}]
        stale = [each for each in failed if each["kind"] == "source"]
        wrong = [each for each in failed if each["kind"] != "source"]
        self.found.notes += [
            f"dbt's test {each['name']} does not hold, and holds back what it is about until it does: "
            f"{' '.join(each['message'].split())}. Correct the data, the model or the test, or let it only warn "
            "(`severity: warn`)"
            for each in wrong[:MOST_FAILURES]
        ]
        if len(wrong) > MOST_FAILURES:
            self.found.notes.append(f"so do not {len(wrong) - MOST_FAILURES} other tests of dbt's")
        self.found.notes += [
            f"source {each['scope']} is older than the project lets it be (`error_after`), and holds back what is made "
            f"of it: {(each['age_seconds'] or 0) / 3600:,.1f} hours. Give newer data, or take `error_after` off it"
            for each in stale
        ]

    def _verify(self, dbt: DbtRun) -> None:
        """Parse what is proposed, and say what is still to be mended. Raises BuildFailed if dbt refuses it."""
        suites = Suites(folder=self._suites, docs=self._state / "docs")
        for path in self.found.suites.glob("*.json"):
            shutil.copy(path, self._suites / path.name)
        dialect = find_dialect(self._warehouse)
        found = check_project(dbt, self._schema, suites, [self._loader], dialect=dialect)
        refused = [each for each in found if each.about == "dbt project"]
        if refused:
            raise BuildFailed("verify the proposal", refused[0].problem, "Nothing was written.")
        errors = [each for each in found if each.severity is Severity.error]
        self.found.notes += [f"still to mend: {each.about}: {each.problem}" for each in errors[:10]]


def _list_tested_with(manifest: Manifest, catalogue: Catalogue, mart: str) -> dict[str, str]:
    """dbt's call → name, of models that tests of a mart or its parents read as well: without them it is held back.

    Only those whose own tests are suite enough, as they are published with it.
    """
    marts, last = [mart], 0
    while last < len(marts) <= MOST_BESIDE:
        last = len(marts)
        built = {node for each in marts for node in catalogue.find_lineage(each)}
        wanted = {
            node.name for test in find_wider_tests(manifest, built) if not test.about for node in test.missing
        }
        known = sorted(wanted & set(catalogue.models) - set(marts))
        marts += list(catalogue.find_suite_tests(known))
    return {write_ref(manifest["nodes"][catalogue.mart(each).unique_id]): each for each in marts[1:]}


def choose_marts(manifest: Manifest, catalogue: Catalogue) -> list[str]:
    """The project's own models that metrics are on, then those of its exposures, then those that nothing is made of.

    Of these, the ones whose SQL or columns speak of a time come first: nothing is proposed for the others.
    """
    own = manifest["metadata"].get("project_name")
    measured = {catalogue.mart_of(name) for name in catalogue.metric_names()}
    drawn = {
        mart
        for each in catalogue.exposures
        for mart in each.marts
        if mart in catalogue.models and catalogue.models[mart].materialized not in {"ephemeral", "external"}
    }
    ends, others = list[str](), list[str]()
    for node in manifest["nodes"].values():
        children = manifest["child_map"].get(node["unique_id"], ())
        is_end = not any(child.startswith(("model.", "snapshot.")) for child in children)
        is_model = node["resource_type"] == "model" and node["package_name"] == own
        spine = node.get("time_spine") or node["name"] == "metricflow_time_spine"
        kind = node["config"].get("materialized")
        if is_model and is_end and not spine and kind not in {"ephemeral", "external"}:
            words = f"{node.get('raw_code')} {' '.join(node.get('columns') or {})}"
            (ends if _TIME_WORD.search(words) else others).append(name_model(node))
    return list(dict.fromkeys([*sorted(measured), *sorted(drawn), *sorted(ends), *sorted(others)]))


def _list_shown(catalogue: Catalogue) -> set[str]:
    """Marts that dashboards of the project show already."""
    return {mart for each in catalogue.exposures if each.metrics for mart in each.marts}


def list_failures(results: Sequence[NodeResult]) -> list[str]:
    """What could not be built, each with all that dbt says of it: a file's mistake often stands at the end of it."""
    failed = [result for result in results if result["status"] in {"error", "fail"}]
    return [
        f"{result['name']} could not be built here: {' '.join(result['message'].split())}"
        for result in failed[:MOST_FAILURES]
    ]


def _list_parts(model: Mapping[str, object]) -> tuple[str, ...]:
    """The dimensions of a proposed semantic model that a metric can be split by."""
    listed = model["dimensions"]
    parts = [each for each in listed if each["type"] == "categorical"] if isinstance(listed, list) else []
    return tuple(str(each["name"]) for each in parts)


def _choose_analysis(profile: TableProfile, dimensions: Sequence[str]) -> Analysis:
    if dimensions:
        return Analysis.comparison
    return Analysis.trend if profile.find_time() is not None else Analysis.kpi


def write_ref(node: Mapping[str, object]) -> str:
    """dbt's call for a model: all versions of one have its name."""
    version = f", v={json.dumps(node['version'])}" if node.get("version") is not None else ""
    return f"ref('{node['name']}'{version})"


def _find_path(exposures: Mapping[str, ExposureNode], name: str) -> str:
    """The file that declares an exposure."""
    return next(str(each["original_file_path"]) for each in exposures.values() if each["name"] == name)


def _list_own_dashboards(manifest: Manifest) -> set[str]:
    """Exposures that the project itself declares as dashboards; others are applications, notebooks, or a package's."""
    own = manifest["metadata"].get("project_name")
    return {
        str(each["name"])
        for each in manifest["exposures"].values()
        if each.get("type") == "dashboard" and each.get("package_name") == own
    }


def _list_measures(manifest: Manifest) -> set[str]:
    models = manifest.get("semantic_models") or {}
    measures = {str(each["name"]) for model in models.values() for each in model.get("measures") or ()}
    return measures | {str(model["name"]) for model in models.values()}


def _can_take(exposure: Exposure, mart: str) -> bool:
    """True for an exposure of this mart alone that says nothing of ours yet, and whose name can be a dashboard's."""
    try:
        check_slug(exposure.name)
    except PlatformError:
        return False
    ours = exposure.metrics or exposure.ticket or exposure.scheduled or exposure.fault
    return not ours and exposure.marts == (mart,)


def _list_names(expectation: Mapping[str, object]) -> list[str]:
    from blocks.quality.expectations import name_expectation

    return [name_expectation(expectation)]


def _find_kind(location: str) -> str:
    return "sql" if is_database(location) else "files"


def match_tables(declared: Sequence[SourceTable], found: Sequence[FoundTable]) -> dict[str, str]:
    """Declared table → the found one that it is: by name or identifier; of each one left over, the other.

    The last one's name says little where files are called by days: it has to have the columns that are declared.
    """
    by_name = {each.name for each in found}
    places: dict[str, str] = {}
    for table in declared:
        names = {to_snake_case(table.name), to_snake_case(table.identifier)} & by_name
        places |= {table.name: min(names)} if names else {}
    left = [each for each in declared if each.name not in places]
    others = [each for each in found if each.name not in places.values()]
    if len(left) == len(others) == 1:
        columns = {to_snake_case(each.origin) for each in left[0].columns}
        if columns <= {to_snake_case(str(each.origin)) for each in others[0].columns}:
            places[left[0].name] = others[0].name
    return places


def find_seed_schemas(manifest: Manifest, declared: Sequence[SourceTable], schema: str) -> set[str]:
    """The schemas, as a source's YAML would say them, of seeds that are called as its tables; none if one has no seed.

    schema: the release's.
    """
    seeds = {
        str(node["alias"]).casefold(): str(node.get(OUTSIDE) or node["schema"])
        for node in manifest["nodes"].values()
        if node["resource_type"] == "seed"
    }
    wanted = {each.identifier.casefold() for each in declared}
    if not wanted <= seeds.keys():
        return set()
    target = re.compile(re.escape(schema), re.IGNORECASE)
    return {target.sub("{{ target.schema }}", seeds[name]) for name in wanted}


def _find_files(project: Path, declared: Sequence[SourceTable]) -> str | None:
    """A folder in the project with a file for each of a source's tables, as seeds are."""
    wanted = {to_snake_case(table.identifier) for table in declared}
    folders: dict[Path, set[str]] = {}
    for path in project.rglob("*"):
        inside = path.relative_to(project).parts
        if path.suffix.lower() in FORMATS and not set(inside) & {*LEFT_OUT, "dbt_packages"}:
            folders.setdefault(path.parent, set()).add(to_snake_case(path.stem))
    return next((str(folder) for folder, names in sorted(folders.items()) if wanted <= names), None)
