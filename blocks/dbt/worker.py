"""The process dbt runs in, started by blocks/dbt/project.py as `python -m blocks.dbt.worker <fd>`.

A process of its own, because dbt run in-process outlives a time-out or cancel; this one ends, and its
queries with it, when told to or when its parent is gone. It does what it is told and decides nothing.
"""

from __future__ import annotations

import os
import pickle
import re
import signal
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from blocks.child_process import end_with_parent, run
from blocks.dbt.hooks import RUN_HOOK
from blocks.dbt.messages import leave_out_rows
from blocks.dbt.release_manifest import (
    Home,
    has_edited_schema,
    keep_nodes,
    list_moved,
    materialize,
    move_in,
    redirect,
    redirect_sources,
    rename_schema,
    tag_nodes,
)
from blocks.errors import replace_vendor_errors
from blocks.manifest import WHOLE_RELEASE, name_id
from blocks.vendor_patches.dbt_core import compile_apart
from blocks.vendor_patches.dbt_schemas import collect_schemas, use_kept_schemas
from blocks.vendor_patches.prefect import share_certificates
from blocks.vendor_patches.prefect_dbt import invoke, join_tasks, make_runner

if TYPE_CHECKING:
    from dbt.adapters.contracts.connection import Credentials
    from dbt.artifacts.schemas.results import NodeResult as NodeRunResult
    from dbt.contracts.graph.manifest import Manifest
    from dbt.contracts.graph.nodes import ResultNode

GRACE_SECONDS = 10
MOST_REASONS, LONGEST_REASON = 5, 400
MOST_WARNINGS = 200
_SAME = 200  # characters: two texts that begin with the same are one, as the longer is cut
_AGAIN = "Encountered an error: "
_MARKS = re.compile(r"\x1b\[[\d;]*m|^\[(?:\x1b\[[\d;]*m)?WARNING(?:\x1b\[[\d;]*m)?\]:? ?")
_FILE_PATH = re.compile(r"FilePath\(searched_path='([^']*)', relative_path='([^']*)'[^)]*\)")
"""Colours and the level, which stand before dbt's warnings; and how dbt writes a file in its errors."""
_ATTACH = re.compile(r"\battach\b", re.IGNORECASE)
FAILED = {"error", "fail", "runtime error", "partial success"}
OF_NODES = {"CatchableExceptionOnRun", "GenericExceptionOnRun", "InternalErrorOnRun"}  # dbt's events
_parsed: list[Any] = []  # the manifest of the last parse
_seeds: dict[str, str] = {}  # of that: source's table → the seed that makes it


class Reasons:
    """What dbt says of errors while it works: its exceptions often leave the reason out. warnings: likewise.

    of_nodes: node's id → the first exception that it ended in; a model in batches has no other reason in its result.
    """

    def __init__(self) -> None:
        self._messages: list[str] = []
        self.warnings: list[str] = []
        self.of_nodes: dict[str, str] = {}

    def __call__(self, event: Any) -> None:
        """Keep an event of level error or warn, and a node's exception; dbt calls this for every event."""
        if event.info.name in OF_NODES:
            self.of_nodes.setdefault(event.data.node_info.unique_id, leave_out_rows(event.data.exc))
        level = str(event.info.level)
        text = " ".join(leave_out_rows(_MARKS.sub("", event.info.msg)).split())
        if (
            level in {"error", "warn"}
            and text
            and not text.startswith(
                ("Traceback ", "[DeprecationsSummary]")
            )  # which counts what stands above it
        ):  # its words come by themselves
            kept = self._messages if level == "error" else self.warnings
            if level == "error" or (text not in kept and len(kept) < MOST_WARNINGS):
                kept.append(text[:LONGEST_REASON])

    def explain(self, error: BaseException | None) -> str:
        """An error's own words and what dbt reported beside them, at most a few lines."""
        own = (
            f"{type(error).__name__}: {leave_out_rows(str(error))}" if error else "dbt ended without a reason"
        )
        own = _FILE_PATH.sub(r"\1/\2", own)
        said = " ".join(own.split())
        texts = [_FILE_PATH.sub(r"\1/\2", text) for text in dict.fromkeys(self._messages)]
        more = [text for text in texts if text.removeprefix(_AGAIN)[:_SAME] not in said]
        return "\n".join([own, *more[:MOST_REASONS]])


class GenericTest(TypedDict):
    """A generic test's name and what it was given; empty for a node that is none."""

    generic: str
    arguments: dict[str, object]


class NodeResult(GenericTest):
    """What dbt says of one node that it ran. scope: the model or source that a test is about, else the node.

    generic, arguments: of a generic test, its name and what it was given; else empty.
    """

    unique_id: str
    name: str
    scope: str
    kind: str
    status: str
    message: str
    failures: int
    seconds: float
    sql: str
    age_seconds: float | None
    description: str


class DbtError(Exception):
    """dbt could not go on; the text says why, in dbt's words."""


def main(descriptor: int) -> None:
    """Answer (command, arguments) messages until the parent closes the connection."""
    end_with_parent(_interrupt, GRACE_SECONDS)
    if guard := os.environ.get("DBT_ADAPTER_GUARD"):  # a module of ours that steadies the adapter
        import_module(guard).install()
    import dbt.adapters.factory
    import dbt.cli.main

    use_kept_schemas()
    connection = Connection(descriptor)
    commands: dict[str, Callable[..., Any]] = {
        "parse": parse,
        "bound": bound,
        "build": build,
        "make": make,
        "test": test,
        "compile": compile_models,
        "deps": fetch,
        "schemas": collect_schemas,
    }
    while True:
        try:
            command, arguments = connection.recv()
        except EOFError:
            return
        try:
            connection.send(("ok", commands[command](**arguments)))
        except BaseException as error:
            text = str(error) if isinstance(error, DbtError) else f"{type(error).__name__}: {error}"
            connection.send(("error", text))
            if not isinstance(error, Exception):
                return
        finally:
            dbt.adapters.factory.reset_adapters()
        import prefect_dbt  # noqa: F401  # a second, once, while the parent does other work

        share_certificates()


class Parsed(TypedDict):
    """What came of a parse. apart: the project was parsed for the release's very schema, and written elsewhere.

    database: the one that the profile names. home, others: as Home has them. moved: kinds of nodes that are built
    inside the release, wherever the project has them.
    """

    warnings: list[str]
    apart: bool
    database: str
    home: str
    others: list[str] | None
    moved: list[str]


def parse(args: list[str], apart: list[str], parsed: str, schema: str, folder: str) -> Parsed:
    """dbt parse; the parent reads manifest.json. Raises DbtError with dbt's reasons.

    folder: the project's, in which dbt works from here on: files that its models name are named from there.
    args: for the schema `parsed`, which is the same in every run; apart: for the release's `schema`, if the project
    makes more of its name than a name.
    """
    import dbt.adapters.factory

    os.chdir(folder)
    manifest, warnings = _parse(args)
    alone = has_edited_schema(manifest)
    if alone:
        dbt.adapters.factory.reset_adapters()
        manifest, warnings = _parse(apart)
    else:
        rename_schema(manifest, parsed, schema)
    adapter = next(iter(dbt.adapters.factory.FACTORY.adapters.values()))
    credentials = adapter.config.credentials
    # Where tables are in folders apart from views, `root_path` names those.
    target = str(getattr(credentials, "root_path", "") or credentials.schema)
    kinds = list_moved(target, schema if alone else parsed)
    _seeds.clear()
    home = find_home(manifest, credentials)
    _seeds.update(move_in(manifest, schema, kinds, home))
    _parsed[:] = [manifest]
    return {
        "warnings": warnings,
        "apart": alone,
        "database": str(credentials.database or ""),
        "home": home.database,
        "others": None if home.others is None else list(home.others),
        "moved": sorted(kinds),
    }


def find_home(manifest: Manifest, credentials: Credentials) -> Home:
    """The database that the profile names, and the others that dbt finds there, which may be any in most warehouses.

    PostgreSQL reads none beside its own; DuckDB those that the profile attaches, and what the project's own SQL does.
    Dremio has places of tables and of views, and nothing is put from one into another.
    """
    database, kind = str(credentials.database or ""), credentials.type
    if kind == "dremio":
        return Home()
    if kind == "postgres":
        return Home(database, ())
    if kind != "duckdb" or _attaches(manifest):
        return Home(database)
    attached: Iterable[Any] = getattr(credentials, "attach", None) or ()
    return Home(database, ("system", "temp", *(each.alias or Path(each.path).stem for each in attached)))


def _attaches(manifest: Manifest) -> bool:
    """True if a hook or macro of the project or its packages may attach a database of DuckDB's."""
    texts = [
        str(getattr(each, "raw_code", ""))
        for each in manifest.nodes.values()
        if each.resource_type == RUN_HOOK
    ]
    own = {"dbt", "dbt_duckdb"}
    texts += [each.macro_sql for each in manifest.macros.values() if each.package_name not in own]
    return any(map(_ATTACH.search, texts))


def _parse(args: list[str]) -> tuple[Manifest, list[str]]:
    from dbt.cli.main import dbtRunner

    target = Path(args[args.index("--target-path") + 1])
    repeats = "--no-partial-parse" not in args and (target / "partial_parse.msgpack").exists()
    reasons = Reasons()
    result = dbtRunner(callbacks=[reasons]).invoke(["parse", *args])
    if not result.success and repeats:
        # Of an edited file dbt 1.12 keeps what it held before, and finds it twice.
        return _parse([*args, "--no-partial-parse"])
    if not result.success:
        raise DbtError(reasons.explain(result.exception))
    manifest: Manifest = result.result
    return manifest, reasons.warnings


def fetch(args: list[str]) -> None:
    """dbt deps. Raises DbtError with dbt's reasons."""
    from dbt.cli.main import dbtRunner

    reasons = Reasons()
    result = dbtRunner(callbacks=[reasons]).invoke(["deps", *args])
    if not result.success:
        raise DbtError(reasons.explain(result.exception))


def bound() -> None:
    """Give a silent Prefect API up, as the parent does."""
    from blocks.vendor_patches.prefect_clients import bound_silence

    bound_silence()


def build(  # one message of the parent
    args: list[str],
    settings: dict[str, str],
    api_url: str,
    context: bytes,
    tables: list[str],
    relations: dict[str, tuple[str, str]],
    fresh: list[str],
    tags: dict[str, list[str]] | None = None,
) -> list[NodeResult]:
    """dbt build through prefect-dbt: a task a node under the caller's flow run; return node results.

    context: the caller's run context, from prefect.context.serialize_context, pickled. tables: ids of models to
    build as tables, whatever they are declared as. relations: schema and name, by id, of models that are read
    and not built. fresh: sources, `source.table`, whose freshness dbt measures first; a result each as well. tags:
    tag → ids of nodes and tests that get it, for `args` to select; with none of them nothing else is done.
    """
    from prefect.context import hydrated_context
    from prefect.settings import PREFECT_API_URL, temporary_settings
    from prefect_dbt import PrefectDbtSettings

    (manifest,) = _parsed
    materialize(manifest, tables)
    redirect(manifest, relations)
    redirect_sources(manifest, _seeds)
    for tag, unique_ids in (tags or {}).items():
        tag_nodes(manifest, tag, unique_ids)
    reasons = Reasons()
    freshness = _measure_freshness(manifest, args, settings, fresh, reasons) if fresh else []
    if tags is not None and not any(tags.values()):
        return freshness

    unpickled = pickle.loads(context)  # noqa: S301  # the parent process wrote it
    unpickled["settings_context"] = {}  # the caller's settings do not know the address of a temporary server
    with temporary_settings({PREFECT_API_URL: api_url}), hydrated_context(unpickled):
        # with the manifest: the file names a schema that no release has, and lineage would name it too
        runner = make_runner(
            manifest=manifest, settings=PrefectDbtSettings(**settings), raise_on_failure=False
        )
        try:
            # ValueError: prefect-dbt's word for dbt's own exception
            with replace_vendor_errors(ValueError, lambda error: DbtError(reasons.explain(error))):
                result = invoke(runner, ["build", *args], manifest, reasons)
        finally:
            join_tasks()
    if result.exception or result.result is None:
        raise DbtError(reasons.explain(result.exception))
    results = [_make_node_result(item, reasons) for item in result.result.results]
    if not result.success and not any(item["status"] in FAILED for item in results):
        raise DbtError(reasons.explain(None))
    return freshness + results


def make(args: list[str]) -> list[NodeResult]:
    """dbt build of the parsed project without Prefect and without tests. Raises DbtError if dbt could not go on."""
    return _invoke(["build", *args, "--exclude-resource-types", "test", "unit_test"])


def test(args: list[str], chosen: list[str], fresh: list[str]) -> list[NodeResult]:
    """dbt test of the parsed project without Prefect, as a build selects them, and how fresh sources are.

    fresh: `source.table`. Raises as `make`.
    """
    import dbt.adapters.factory

    results = _invoke(["test", *args, *chosen, "--indirect-selection", "cautious"])
    if fresh:
        dbt.adapters.factory.reset_adapters()
        words = [word for name in fresh for word in ("--select", f"source:{name}")]
        results += _invoke(["source", "freshness", *args, *words])
    return results


def _invoke(args: list[str]) -> list[NodeResult]:
    from dbt.cli.main import dbtRunner

    (manifest,) = _parsed
    reasons = Reasons()
    result = dbtRunner(manifest, [reasons]).invoke(args)
    if result.exception or result.result is None:
        raise DbtError(reasons.explain(result.exception))
    return [_make_node_result(item, reasons) for item in result.result.results]


def compile_models(args: list[str]) -> dict[str, str]:
    """Model's id → its SQL as dbt would run it; without one that asks the warehouse as it is compiled.

    The parsed manifest stays as it is. Raises DbtError if dbt could not go on.
    """
    from dbt.cli.main import dbtRunner

    (manifest,) = _parsed
    reasons = Reasons()
    alone = ["--no-introspect", "--no-populate-cache", "--no-write-json"]
    flags = [*alone, "--select", "resource_type:model", "resource_type:snapshot"]
    with keep_nodes(manifest), compile_apart():
        result = dbtRunner(manifest, [reasons]).invoke(["compile", *args, *flags])
        if result.result is None:
            raise DbtError(reasons.explain(result.exception))
        return {
            item.node.unique_id: item.node.compiled_code
            for item in result.result.results
            if getattr(item.node, "compiled_code", None) and str(item.status) == "success"
        }


def _measure_freshness(
    manifest: Manifest, args: list[str], settings: dict[str, str], fresh: list[str], reasons: Reasons
) -> list[NodeResult]:
    """dbt source freshness of these sources. Raises DbtError if dbt could not measure at all."""
    import dbt.adapters.factory
    from dbt.cli.main import dbtRunner

    chosen = [word for name in fresh for word in ("--select", f"source:{name}")]
    folders = [
        word
        for key in ("project_dir", "profiles_dir", "target_path")
        for word in (_write_flag(key), settings[key])
    ]
    same = [word for key in ("--log-path", "--vars") if key in args for word in args[args.index(key) :][:2]]
    words = ["source", "freshness", *chosen, *folders, *same, "--log-level", "none", "--no-write-json"]
    try:
        result = dbtRunner(manifest, [reasons]).invoke(words)
    finally:
        dbt.adapters.factory.reset_adapters()
    if result.exception or result.result is None:
        raise DbtError(reasons.explain(result.exception))
    return [_make_node_result(item, reasons) for item in result.result.results]


def _write_flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _make_node_result(item: NodeRunResult, reasons: Reasons) -> NodeResult:
    node, message = item.node, leave_out_rows(item.message or "")
    if item.status in FAILED and getattr(item, "batch_results", None):
        message = f"{message}: {reasons.of_nodes.get(node.unique_id, '')}".removesuffix(": ")
    return {
        "unique_id": node.unique_id,
        "name": _name(node),
        "scope": _name_scope(node),
        "kind": str(node.resource_type),
        "status": str(item.status),
        "message": message,
        "failures": item.failures or 0,
        "seconds": item.execution_time,
        "sql": getattr(node, "compiled_code", None) or "",
        "age_seconds": getattr(item, "age", None),
        "description": getattr(node, "description", None) or "",
        **_read_generic(node),
    }


def _read_generic(node: ResultNode) -> GenericTest:
    metadata = getattr(node, "test_metadata", None)
    plain = (str, int, float, bool, list)
    kwargs = getattr(metadata, "kwargs", None) or {}
    return {
        "generic": metadata.name if metadata else "",
        "arguments": {name: value for name, value in kwargs.items() if isinstance(value, plain)},
    }


def _name(node: ResultNode) -> str:
    """A node's name; of a model with versions, which have one name, its relation's alias."""
    return node.name if getattr(node, "version", None) is None else str(getattr(node, "alias", node.name))


def _name_scope(node: ResultNode) -> str:
    """The model or source a test is about, the release for one that names neither; the node itself for others."""
    if str(node.resource_type) == "source":
        return f"{node.source_name}.{node.name}"
    parents = list(node.depends_on_nodes) if hasattr(node, "depends_on_nodes") else []
    if not parents and str(node.resource_type) == "test":
        return WHOLE_RELEASE
    named = getattr(node, "attached_node", None) or getattr(node, "tested_node_unique_id", None)
    about = named or (parents[0] if parents else node.unique_id)
    if _parsed and about in _parsed[0].nodes:
        return _name(_parsed[0].nodes[about])
    return name_id(str(about))


def _interrupt() -> None:
    """As a person would: dbt cancels its queries then."""
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    run(lambda: main(int(sys.argv[1])))
