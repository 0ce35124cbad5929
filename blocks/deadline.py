"""A time limit for work that takes several steps: asked between the steps, or enforced inside a long call."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from blocks.errors import TimedOut, replace_vendor_errors


class Deadline:
    """Starts when it is created and lasts `seconds`.

    asked: what must be done in time, and remedy: what to do if it is not; both for the error.
    """

    def __init__(
        self, asked: str, seconds: float, remedy: str = "Try again, or raise `deadline_seconds`."
    ) -> None:
        self.asked, self.seconds, self.remedy = asked, seconds, remedy
        self._end = time.monotonic() + seconds

    @property
    def seconds_left(self) -> float:
        """Seconds left, 0 once the time is up."""
        return max(0.0, self._end - time.monotonic())

    def check(self) -> float:
        """Return the seconds left; raise TimedOut if there are none."""
        left = self.seconds_left
        if not left:
            raise self.build_error()
        return left

    def build_error(self, state: str = "") -> TimedOut:
        """Build the error for a time that is up. state: what is still going on, in words."""
        answer = f"not done after {self.seconds:g} s"
        return TimedOut(self.asked, f"{answer}: {state}" if state else answer, self.remedy)

    @contextmanager
    def interrupt_with(self, stop: Callable[[], None]) -> Iterator[None]:
        """Call stop from another thread when the time is up; raise TimedOut for what breaks by that."""
        timer = threading.Timer(self.check(), stop)
        timer.daemon = True
        timer.start()
        try:
            with replace_vendor_errors(
                Exception, lambda _: None if self.seconds_left else self.build_error()
            ):
                yield
        finally:
            timer.cancel()
