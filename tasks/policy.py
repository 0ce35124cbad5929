"""The only home of retry numbers and deadlines of tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict

from prefect import State, Task
from prefect.cache_policies import NO_CACHE, CachePolicy
from prefect.client.schemas.objects import TaskRun

from blocks.errors import Transient


def is_worth_retrying(task: Task[..., object], run: TaskRun, state: State) -> bool:
    """True if the failure was Transient: the same call may succeed later."""
    return isinstance(state.result(raise_on_failure=False), Transient)


class TaskOptions(TypedDict):
    """Prefect's options of a task."""

    retries: int
    retry_delay_seconds: list[float]
    retry_jitter_factor: float
    retry_condition_fn: Callable[[Task[..., object], TaskRun, State], bool]
    persist_result: bool
    cache_policy: CachePolicy


RETRY: TaskOptions = {
    "retries": 3,
    "retry_delay_seconds": [2, 10, 30],
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": is_worth_retrying,
    "persist_result": False,
    "cache_policy": NO_CACHE,
}
"""For every task that talks to a system."""

BUILD_DEADLINE_SECONDS = 4 * 3600
"""dbt is stopped, its queries with it, after this long."""

LOCK_PAUSE_SECONDS = 5
"""Between two looks whether the run before has ended."""
