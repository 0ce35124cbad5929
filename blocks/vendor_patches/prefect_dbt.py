"""prefect-dbt's runner, with less to do a node. Seen with prefect-dbt 0.7; on another version its own runner.

- Tests, by far the most nodes, become no tasks: they come back as checks of the gate.
- Settings are handed to a node's task as they are: of a copy by value Prefect makes new ones, twice a node, 30 ms each.
- dbt gets the manifest that was parsed, with what was changed in it: the runner would let dbt parse it again.
- Its threads, one a node, are waited for: what they still have to report would end with the process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from blocks.vendor_patches.versions import is_version

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest
    from dbt_common.events.base_types import EventMsg
    from prefect_dbt import PrefectDbtRunner

SEEN = "0.7"
WITHOUT_TASK = {"test", "unit_test"}
JOIN_SECONDS = 10


def make_runner(**arguments: object) -> PrefectDbtRunner:
    """A runner, to be made in the run context that its tasks belong to. arguments: PrefectDbtRunner's."""
    from prefect.context import get_settings_context
    from prefect_dbt import PrefectDbtRunner

    if not is_version("prefect-dbt", SEEN):
        return PrefectDbtRunner(**arguments)
    current = get_settings_context()
    settings_context = {"profile": current.profile, "settings": current.settings}

    class Runner(PrefectDbtRunner):  # type: ignore[misc]
        def _get_manifest_node_and_config(self, node_id: str) -> Any:
            if node_id.split(".")[0] in WITHOUT_TASK:
                return None, {}
            return super()._get_manifest_node_and_config(node_id)

        def _call_task(
            self, task_state: object, node: object, context: dict[str, object], assets: bool
        ) -> None:
            super()._call_task(task_state, node, {**context, "settings_context": settings_context}, assets)

    return Runner(**arguments)


def invoke(
    runner: PrefectDbtRunner, args: list[str], manifest: Manifest, on_event: Callable[[EventMsg], None]
) -> dbtRunnerResult:
    """Let a runner invoke dbt on a parsed manifest; on_event hears every event of dbt. Returns dbt's result.

    On any version: a build of another manifest than this one must not go on, so it fails if this can't be done.
    """
    from dbt.cli.main import dbtRunner
    from prefect_dbt.core import runner as module

    own = module.dbtRunner
    module.dbtRunner = lambda callbacks: dbtRunner(manifest, [*callbacks, on_event])
    try:
        return runner.invoke(args)
    finally:
        module.dbtRunner = own


def join_tasks() -> None:
    """Wait for the threads of a runner's tasks, JOIN_SECONDS each at most."""
    for thread in threading.enumerate():
        if thread.name.endswith("(run_task)"):  # the name of the function that it starts them with
            thread.join(JOIN_SECONDS)
