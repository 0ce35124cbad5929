"""A dbt project that changes while it is used, and a stand-in for the process that builds it.

The same files are written for the real dbt, so that some sequences hold the stand-in to what dbt does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jinja2

from blocks.catalogue import Catalogue
from blocks.dbt.run import DbtRun, DbtSettings
from blocks.warehouse.base import Warehouse

NEW_ONLY = "{% if is_incremental() %} where k > (select max(k) from {{ this }}){% endif %}"
RAW = "{{ source('raw', 't') }}"
SNAPSHOT_COLUMNS = ("dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to")


@dataclass(frozen=True)
class Model:
    """One node. kind: its materialization; add: a constant that an edit of its code changes."""

    name: str
    sql: str
    kind: str = "table"
    parents: tuple[str, ...] = ()
    mart: bool = True
    alias: str = ""
    schema: str = ""
    add: int = 0
    keep_rows: bool = False  # full_refresh: false
    version_of: str = ""  # the model that it is a version of; its name is the relation's then
    version: int = 0

    @property
    def unique_id(self) -> str:
        if self.version_of:
            return f"model.small.{self.version_of}.v{self.version}"
        return f"{'snapshot' if self.kind == 'snapshot' else 'model'}.small.{self.name}"

    @property
    def text(self) -> str:
        """Its SQL, with dbt's Jinja."""
        return self.sql.replace("ADD", str(self.add))


def first_models() -> dict[str, Model]:
    """A mart of every kind, and history at every depth."""
    plain = f"select k, v + ADD as v from {RAW}"
    models = [
        Model("days", plain.replace("ADD", "ADD + {{ shift() }}")),
        Model("look", plain, "view"),
        Model("staged", plain.replace(RAW, "{{ ref('stage') }}"), parents=("stage",)),
        Model("stage", f"select k, v from {RAW}", "view", mart=False),
        Model("hist", f"{plain} {NEW_ONLY}", "incremental", mart=False),
        Model("longest", "select k, v from {{ ref('hist') }}", parents=("hist",)),
        Model("trail", f"{plain} {NEW_ONLY}", "incremental", schema="marts", alias="trail_v"),
        Model("kept", f"{plain} {NEW_ONLY}", "incremental", keep_rows=True),
        Model("snap", f"select k, v from {RAW}", "snapshot", mart=False),
        Model(
            "shots",
            "select k, v, case when dbt_valid_to is null then 0 else 1 end as closed from {{ ref('snap') }}",
            parents=("snap",),
        ),
        Model(
            "both",
            "select a.k, a.v from {{ ref('hist') }} as a inner join {{ ref('stage') }} as b on a.k = b.k",
            parents=("hist", "stage"),
        ),
    ]
    return {model.name: model for model in models}


@dataclass
class Project:
    """Its models now. shift: what the one macro that they call gives; least: the least v that suites let
    through; reuses: only what changed is built."""

    models: dict[str, Model] = field(default_factory=first_models)
    shift: int = 0
    least: int = 0
    reuses: bool = False

    def change(self, name: str, **fields: Any) -> None:
        self.models[name] = replace(self.models[name], **fields)

    def marts(self) -> list[str]:
        return sorted(name for name, model in self.models.items() if model.mart)

    def lineage(self, marts: Sequence[str]) -> list[Model]:
        """The models below these marts, parents first."""
        found: dict[str, Model] = {}

        def visit(name: str) -> None:
            for parent in self.models[name].parents:
                visit(parent)
            found.setdefault(name, self.models[name])

        for mart in marts:
            visit(mart)
        return list(found.values())

    def manifest(self, schema: str) -> dict[str, Any]:
        """As dbt would write it."""
        nodes = {model.unique_id: _node(model, schema) for model in self.models.values()}
        source = {
            "unique_id": "source.small.raw.t",
            "source_name": "raw",
            "name": "t",
            "schema": "raw",
            "identifier": "t",
            "loader": "dlt" if self.reuses else "",
            "columns": {},
            "meta": {},
            "config": {},
        }
        parents = {
            model.unique_id: [self.models[parent].unique_id for parent in model.parents]
            or (["source.small.raw.t"] if RAW in model.sql else [])
            for model in self.models.values()
        }
        for unique_id, node in nodes.items():
            node["depends_on"] = {"nodes": parents[unique_id]}
        return {
            "nodes": nodes,
            "sources": {source["unique_id"]: source},
            "metadata": {"project_name": "small", "adapter_type": "standin"},
            "macros": {
                "macro.small.shift": {
                    "unique_id": "macro.small.shift",
                    "name": "shift",
                    "package_name": "small",
                    "macro_sql": f"{{% macro shift() %}}{self.shift}{{% endmacro %}}",
                }
            },
            "exposures": {},
            "metrics": {},
            "semantic_models": {},
            "saved_queries": {},
            "parent_map": parents,
        }

    def write(self, folder: Path) -> None:
        """The files of a real project."""
        import json
        import shutil

        shutil.rmtree(folder / "dbt", ignore_errors=True)
        (folder / "dbt" / "models").mkdir(parents=True)
        (folder / "dbt" / "snapshots").mkdir()
        suite = {
            "expectations": [
                {"type": "expect_column_values_to_be_between", "kwargs": {"column": "v", "min_value": 0}}
            ]
        }
        (folder / "expectations").mkdir(exist_ok=True)
        (folder / "dbt" / "dbt_project.yml").write_text('name: small\nversion: "1.0"\nprofile: small\n')
        (folder / "dbt" / "macros").mkdir()
        (folder / "dbt" / "macros" / "shift.sql").write_text(
            f"{{% macro shift() %}}{self.shift}{{% endmacro %}}\n"
        )
        (folder / "dbt" / "models" / "s.yml").write_text(
            "sources:\n  - {name: raw, schema: raw, tables: [{name: t}]}\n"
        )
        for model in self.models.values():
            if model.kind == "snapshot":
                text = (
                    f"{{% snapshot {model.name} %}}{{{{ config(unique_key='k', strategy='check', check_cols=['v']) }}}}"
                    f"{model.text}{{% endsnapshot %}}"
                )
                (folder / "dbt" / "snapshots" / f"{model.name}.sql").write_text(text)
                continue
            settings = {"materialized": model.kind}
            settings |= {"alias": model.alias} if model.alias else {}
            settings |= {"schema": model.schema} if model.schema else {}
            given = ", ".join(f"{key}='{value}'" for key, value in settings.items())
            given += ", full_refresh=false" if model.keep_rows else ""
            (folder / "dbt" / "models" / f"{model.name}.sql").write_text(
                f"{{{{ config({given}) }}}}\n{model.text}"
            )
            if model.mart:
                (folder / "expectations" / f"{model.name}.json").write_text(json.dumps(suite))


def _node(model: Model, schema: str) -> dict[str, Any]:
    return {
        "unique_id": model.unique_id,
        "name": model.name,
        "resource_type": "snapshot" if model.kind == "snapshot" else "model",
        "schema": f"{schema}_{model.schema}" if model.schema else schema,
        "alias": model.alias or model.name,
        "config": {"materialized": model.kind, **({"full_refresh": False} if model.keep_rows else {})},
        "fqn": ["small", model.name],
        "meta": {},
        "raw_code": model.text,
        **(_version(model) if model.version_of else {}),
    }


def _version(model: Model) -> dict[str, Any]:
    return {
        "name": model.version_of,
        "version": model.version,
        "latest_version": 2,
        "fqn": ["small", model.version_of, f"v{model.version}"],
    }


class StandInRun(DbtRun):
    """dbt for one release: reads the project as it is, and runs its SQL where dbt would."""

    def __init__(self, project: Project, warehouse: Warehouse, schema: str) -> None:
        settings = DbtSettings(
            folder=Path("no such folder"), state=Path(), profile="small", reuses=project.reuses
        )
        super().__init__(settings, warehouse, schema)
        self._project = project
        self._manifest = project.manifest(schema)
        self._own = Catalogue(self._manifest)

    @property
    def catalogue(self) -> Catalogue:
        return self._own

    def close(self) -> None:
        pass

    def build(
        self,
        select: Sequence[str],
        deadline_seconds: float,
        tables: Sequence[str] = (),
        relations: Mapping[str, tuple[str, str]] = MappingProxyType({}),
        tests: Sequence[str] = (),
        only: Sequence[str] | None = None,
    ) -> list[dict[str, Any]]:
        """One result a node, as worker.py gives them."""
        names = [
            self.catalogue.mart(name).name if "." not in name else name.rsplit(".", 1)[1] for name in select
        ]
        results, inlined, places = [], {}, {}
        for model in self._project.lineage(names):
            node = self._manifest["nodes"][model.unique_id]
            kind = "table" if model.unique_id in tables else model.kind
            if model.unique_id in relations:
                kept = self._warehouse.locate_model(*relations[model.unique_id], kind)
                places[model.name] = self._warehouse.relation(kept)
            if only is not None and model.unique_id not in only:
                continue
            relation = self._warehouse.locate_model(node["schema"], node["alias"], kind)
            place = self._warehouse.relation(relation)
            with self._warehouse.session() as session:
                there = kind == "incremental" and bool(
                    self._warehouse.columns(session, *relation.rsplit(".", 1))
                )
                sql = jinja2.Template(model.text).render(
                    source=lambda *names: self._warehouse.quote(*names),
                    ref=lambda name: places.get(name) or f"({inlined[name]})",
                    is_incremental=lambda there=there: there,
                    this=place,
                    shift=lambda: self._project.shift,
                    hidden=lambda: self._warehouse.quote("raw", "t"),
                )
                if kind == "ephemeral":
                    inlined[model.name] = sql
                    continue
                places[model.name] = place
                self._warehouse.make_schema(session, node["schema"])
                self._materialize(session, kind, relation, place, sql, there)
            results.append(
                {
                    "unique_id": model.unique_id,
                    "name": model.name,
                    "scope": model.name,
                    "kind": node["resource_type"],
                    "status": "success",
                    "message": "",
                    "failures": 0,
                    "seconds": 0.0,
                    "sql": sql,
                    "age_seconds": None,
                    "description": "",
                    "generic": "",
                    "arguments": {},
                }
            )
        return results

    def _materialize(self, session: Any, kind: str, relation: str, place: str, sql: str, there: bool) -> None:
        if kind == "view":
            session.rows(f"create or replace view {place} as {sql}")
        elif kind == "incremental" and there:
            session.rows(f"insert into {place} (k, v) {sql}")
        elif kind == "snapshot":
            self._snapshot(session, relation, place, sql)
        else:
            session.rows(f"drop table if exists {place}")
            session.rows(f"create table {place} as {sql}")

    def _snapshot(self, session: Any, relation: str, place: str, sql: str) -> None:
        """A row whose v has changed is closed, and a new one begins."""
        if not self._warehouse.columns(session, *relation.rsplit(".", 1)):
            session.rows(
                f"create table {place} as select k, v, cast(null as timestamp) as dbt_valid_to from ({sql}) as q"
            )
            return
        then = "cast('2026-01-01 00:00:00' as timestamp)"
        spare = self._warehouse.relation(f"{relation}_next")
        session.rows(
            f"create table {spare} as"
            f" select t.k, t.v, case when t.dbt_valid_to is null and n.k is not null then {then}"
            f" else t.dbt_valid_to end as dbt_valid_to"
            f" from {place} as t left join ({sql}) as n on t.k = n.k and t.v <> n.v"
            f" union all select n.k, n.v, cast(null as timestamp) as dbt_valid_to from ({sql}) as n"
            f" left join (select k, v from {place} where dbt_valid_to is null) as t on t.k = n.k and t.v = n.v"
            f" where t.k is null"
        )
        session.rows(f"drop table {place}")
        session.rows(f"create table {place} as select k, v, dbt_valid_to from {spare}")
        session.rows(f"drop table {spare}")


class StandInProject:
    """What `flows` take as the project."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def open(self, warehouse: Warehouse, schema: str) -> StandInRun:
        return StandInRun(self._project, warehouse, schema)
