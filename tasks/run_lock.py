"""One run at a time writes releases, whoever started it and wherever it runs: waiting for the one before."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from blocks.deadline import Deadline
from blocks.errors import Busy
from blocks.http.polling import Pauses, poll_until
from blocks.warehouse.base import Warehouse
from tasks.policy import LOCK_PAUSE_SECONDS


@contextmanager
def run_lock(warehouse: Warehouse, timeout: float) -> Iterator[None]:
    """Hold `warehouse.exclusive()`; wait up to `timeout` seconds for it. Raises Busy after that."""
    pauses = Pauses(LOCK_PAUSE_SECONDS, LOCK_PAUSE_SECONDS)
    with ExitStack() as held:
        poll_until(
            lambda: held.enter_context(warehouse.exclusive()),
            Deadline("wait for another run", timeout),
            pauses,
            retry_on=(Busy,),
        )
        yield


def lock_timeout(timeout: int, patience: int | None) -> int:
    """The seconds to wait for another run, by either name; `patience` works for one more release."""
    if patience is None:
        return timeout
    warnings.warn("the parameter patience is now called timeout", DeprecationWarning, stacklevel=3)
    return patience
