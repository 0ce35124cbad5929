"""The one waiting loop, on tenacity: look, pause, look again, until it is done or a deadline has passed.

Who waits writes a `look` function that returns the result, or `Pending` with what is still going on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from random import SystemRandom
from typing import NamedTuple, TypeVar

from blocks.deadline import Deadline
from blocks.errors import PlatformError

Result = TypeVar("Result")
SHORTEST_ASKED = 1.0  # seconds; a Retry-After of 0, or a date that has just passed, is no tight loop


@dataclass(frozen=True)
class Pending:
    """Not done yet. state: what is going on, in words. pause: seconds to wait, None for the loop's own."""

    state: str = ""
    pause: float | None = None


class Pauses(NamedTuple):
    """Seconds between two looks: the first pause, the longest, and how each grows from the one before.

    jitter: each is longer by up to so many, at random, so that two who wait do not meet again and again.
    """

    first: float
    longest: float
    factor: float = 1.5
    jitter: float = 0.0


def poll_until(
    look: Callable[[], Result | Pending],
    deadline: Deadline,
    pauses: Pauses | None,
    retry_on: tuple[type[PlatformError], ...] = (),
) -> Result:
    """Look until the answer is no longer Pending, and return it.

    pauses: None waits only where an answer or an error says how long. retry_on: errors that mean "not yet"; one
    of them is raised as it is at the deadline, and at once if its `retry_after` is later. Raises TimedOut if it
    is still pending at the deadline; there is a last look then.
    """
    from tenacity import RetryCallState, Retrying, retry_if_exception_type, retry_if_result

    def get_pause(state: RetryCallState) -> float:
        pause = _get_asked_pause(state)
        if pause is None and pauses is not None:
            pause = min(pauses.first * pauses.factor ** (state.attempt_number - 1), pauses.longest)
            pause += SystemRandom().uniform(0, pauses.jitter)
        return min(pause or 0.0, deadline.seconds_left)

    def is_over(state: RetryCallState) -> bool:
        asked, left = _get_asked_pause(state), deadline.seconds_left
        if not left or (asked is None and pauses is None):
            return True
        failed = bool(state.outcome and state.outcome.failed)
        return failed and asked is not None and asked >= left

    def end(state: RetryCallState) -> Result:
        outcome = state.outcome.result() if state.outcome else None  # raises the last error, if it was one
        raise deadline.build_error(outcome.state if isinstance(outcome, Pending) else "")

    loop = Retrying(
        retry=retry_if_result(lambda found: isinstance(found, Pending)) | retry_if_exception_type(retry_on),
        wait=get_pause,
        stop=is_over,
        sleep=lambda seconds: time.sleep(seconds),  # looked up now, so that a test can replace it
        retry_error_callback=end,
    )
    return loop(look)  # type: ignore[return-value]  # never Pending: that is looked at again


def _get_asked_pause(state: object) -> float | None:
    """The pause that the answer or the error asks for."""
    outcome = getattr(state, "outcome", None)
    if outcome is None:
        return None
    if outcome.failed:
        pause: float | None = getattr(outcome.exception(), "retry_after", None)
        return None if pause is None else max(pause, SHORTEST_ASKED)
    found = outcome.result()
    return found.pause if isinstance(found, Pending) else None
