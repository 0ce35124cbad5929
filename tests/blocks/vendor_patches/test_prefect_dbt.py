"""prefect-dbt's runner with less to do, and as it is on another version."""

from __future__ import annotations

import inspect
import threading
import time
from typing import Any

import pytest

pytest.importorskip("prefect_dbt")
from prefect.context import get_settings_context
from prefect_dbt import PrefectDbtRunner
from prefect_dbt.core._tracker import NodeTaskTracker

from blocks.vendor_patches import prefect_dbt, versions


def make_runner() -> PrefectDbtRunner:
    return prefect_dbt.make_runner(client=object())  # no server is asked for anything


def test_the_methods_are_as_they_were_seen() -> None:
    assert versions.is_version("prefect-dbt", prefect_dbt.SEEN)
    assert list(inspect.signature(PrefectDbtRunner._get_manifest_node_and_config).parameters)[1:] == [
        "node_id"
    ]
    assert list(inspect.signature(PrefectDbtRunner._call_task).parameters)[1:] == [
        "task_state",
        "manifest_node",
        "context",
        "enable_assets",
    ]


def test_tests_become_no_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    known = ("node", {"enable_assets": True})
    monkeypatch.setattr(PrefectDbtRunner, "_get_manifest_node_and_config", lambda self, node: known)
    runner = make_runner()
    assert runner._get_manifest_node_and_config("test.shop.not_null_id") == (None, {})
    assert runner._get_manifest_node_and_config("unit_test.shop.adds_up") == (None, {})
    assert runner._get_manifest_node_and_config("model.shop.orders") == known


def test_a_task_gets_the_settings_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    contexts: list[dict[str, Any]] = []
    monkeypatch.setattr(
        PrefectDbtRunner, "_call_task", lambda self, state, node, context, assets: contexts.append(context)
    )
    make_runner()._call_task(None, None, {"settings_context": "a copy", "tags_context": "t"}, True)
    current = get_settings_context()
    assert contexts[0]["tags_context"] == "t"
    assert contexts[0]["settings_context"]["settings"] is current.settings
    assert contexts[0]["settings_context"]["profile"] is current.profile


def test_its_tasks_threads_are_waited_for() -> None:
    code = NodeTaskTracker.run_task_in_thread.__code__
    assert "run_task" in [getattr(const, "co_name", "") for const in code.co_consts]
    done: list[bool] = []

    def run_task() -> None:
        time.sleep(0.1)
        done.append(True)

    threading.Thread(target=run_task).start()
    prefect_dbt.join_tasks()
    assert done == [True]


@pytest.mark.usefixtures("another_version")
def test_on_another_version_the_runner_is_prefect_dbts_own() -> None:
    assert type(make_runner()) is PrefectDbtRunner
