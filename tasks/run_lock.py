"""Waiting for one's turn: one run at a time writes releases, whoever started it and wherever it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from time import monotonic, sleep

from blocks.errors import Busy
from blocks.warehouse.base import Warehouse
from tasks.policy import TURN_PAUSE_SECONDS


@contextmanager
def turn(warehouse: Warehouse, patience: float) -> Iterator[None]:
    """Hold `warehouse.exclusive()`; wait up to `patience` seconds for it. Raises Busy after that."""
    deadline = monotonic() + patience
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(warehouse.exclusive())
                break
            except Busy:
                if monotonic() >= deadline:
                    raise
                sleep(TURN_PAUSE_SECONDS)
        yield
