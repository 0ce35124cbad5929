"""A deadline for everything one load does: cooperative between steps, by interruption inside a long call."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from blocks.errors import TimedOut


class Deadline:
    """Counts from its creation. asked: what takes so long, for the error."""

    def __init__(self, asked: str, seconds: float) -> None:
        self.asked, self.seconds = asked, seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left; raises TimedOut if there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise self.overdue()
        return left

    def overdue(self) -> TimedOut:
        """The error to raise once the time is up."""
        return TimedOut(
            self.asked,
            f"not done after {self.seconds:g} s",
            "Try again, or raise the loader's deadline_seconds.",
        )

    @contextmanager
    def interrupting(self, stop: Callable[[], None]) -> Iterator[None]:
        """Call stop from another thread if the time runs out; what breaks by that becomes a TimedOut."""
        timer = threading.Timer(self.left(), stop)
        timer.daemon = True
        timer.start()
        cut = False
        try:
            yield
        except Exception:
            cut = time.monotonic() >= self._end
            if not cut:
                raise
        finally:
            timer.cancel()
        if cut:  # raised here, outside of the handler, so that nothing of the broken call hangs on it
            raise self.overdue()
