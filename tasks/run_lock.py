"""One run at a time writes releases, whoever started it and wherever it runs: waiting for the one before."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from time import monotonic, sleep

from blocks.errors import Busy
from blocks.warehouse.base import Warehouse
from tasks.policy import LOCK_PAUSE_SECONDS


@contextmanager
def run_lock(warehouse: Warehouse, timeout: float) -> Iterator[None]:
    """Hold `warehouse.exclusive()`; wait up to `timeout` seconds for it. Raises Busy after that."""
    deadline = monotonic() + timeout
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(warehouse.exclusive())
                break
            except Busy:
                if monotonic() >= deadline:
                    raise
                sleep(LOCK_PAUSE_SECONDS)
        yield


def lock_timeout(timeout: int, patience: int | None) -> int:
    """The seconds to wait for another run, by either name; `patience` works for one more release."""
    if patience is None:
        return timeout
    warnings.warn("the parameter patience is now called timeout", DeprecationWarning, stacklevel=3)
    return patience
