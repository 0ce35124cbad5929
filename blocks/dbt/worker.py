"""The process dbt runs in, started by blocks/dbt/project.py as `python -m blocks.dbt.worker <fd>`.

A process of its own, because dbt run in-process outlives a time-out or cancel; this one ends, and its
queries with it, when told to or when its parent is gone. It does what it is told and decides nothing.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any

from blocks.child_process import end_with_parent, run
from blocks.vendor_patches.prefect_dbt import join_tasks, make_runner

GRACE_SECONDS = 10
_parsed: list[Any] = []  # the manifest of the last parse


def main(descriptor: int) -> None:
    """Answer (command, arguments) messages until the parent closes the connection."""
    end_with_parent(_interrupt, GRACE_SECONDS)
    if guard := os.environ.get("DBT_ADAPTER_GUARD"):  # a module of ours that steadies the adapter
        import_module(guard).install()
    import dbt.adapters.factory
    import dbt.cli.main

    connection = Connection(descriptor)
    commands: dict[str, Callable[..., Any]] = {"parse": parse, "build": build}
    while True:
        try:
            command, arguments = connection.recv()
        except EOFError:
            return
        try:
            connection.send(("ok", commands[command](**arguments)))
        except BaseException as error:
            connection.send(("error", f"{type(error).__name__}: {error}"))
            if not isinstance(error, Exception):
                return
        finally:
            dbt.adapters.factory.reset_adapters()
        import prefect_dbt  # noqa: F401  # a second, once, while the parent does other work


def parse(args: list[str]) -> None:
    """dbt parse; the parent reads manifest.json. Raises what dbt raised."""
    from dbt.cli.main import dbtRunner

    result = dbtRunner().invoke(["parse", *args])
    if not result.success:
        raise result.exception or RuntimeError("dbt parse failed")
    _parsed[:] = [result.result]


def build(args: list[str], settings: dict[str, str], api_url: str, context: bytes) -> list[dict[str, Any]]:
    """dbt build through prefect-dbt: a task a node under the caller's flow run; return node results.

    context: the caller's run context, from prefect.context.serialize_context, pickled.
    """
    from prefect.context import hydrated_context
    from prefect.settings import PREFECT_API_URL, temporary_settings
    from prefect_dbt import PrefectDbtSettings

    unpickled = pickle.loads(context)
    unpickled["settings_context"] = {}  # the caller's settings do not know the address of a temporary server
    with temporary_settings({PREFECT_API_URL: api_url}), hydrated_context(unpickled):
        manifest = _parsed[0] if _parsed else None
        runner = make_runner(manifest=manifest, settings=PrefectDbtSettings(**settings), raise_on_failure=False)
        result = runner.invoke(["build", *args])
        join_tasks()
    if result.exception:
        raise result.exception
    return [_node_result(item) for item in result.result.results]


def _node_result(item: Any) -> dict[str, Any]:
    node = item.node
    return {
        "unique_id": node.unique_id,
        "name": node.name,
        "scope": _scope(node),
        "kind": str(node.resource_type),
        "status": str(item.status),
        "message": item.message or "",
        "failures": item.failures or 0,
        "seconds": item.execution_time,
        "sql": getattr(node, "compiled_code", None) or "",
    }


def _scope(node: Any) -> str:
    """The model or source a test is about; the node itself for others."""
    parents = list(node.depends_on_nodes) if hasattr(node, "depends_on_nodes") else []
    about = getattr(node, "attached_node", None) or (parents[0] if parents else node.unique_id)
    return ".".join(about.split(".")[2:4]) if about.startswith("source.") else str(about.split(".")[2])


def _interrupt() -> None:
    """As a person would: dbt cancels its queries then."""
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    run(lambda: main(int(sys.argv[1])))
