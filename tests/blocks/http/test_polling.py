"""The one waiting loop: it ends with a result, an error, or at its deadline."""

from __future__ import annotations

import time

import pytest

from blocks.deadline import Deadline
from blocks.errors import Busy, NotFound, RateLimited, TimedOut
from blocks.http import polling
from blocks.http.polling import Pauses, Pending, poll_until

QUICK = Pauses(0.01, 0.02)


def test_it_looks_until_there_is_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """None is a result too; pauses grow to the longest, and a pause that is asked for comes first."""
    pauses: list[float] = []
    monkeypatch.setattr(polling.time, "sleep", pauses.append)
    answers = [Pending(), Pending(), Pending(), Pending("busy", pause=9), Pending(), None]
    assert poll_until(lambda: answers.pop(0), Deadline("wait", 60), Pauses(1, 3, 2)) is None
    assert pauses == [1, 2, 3, 9, 3]


def test_what_is_still_pending_at_the_deadline_times_out() -> None:
    """The error says what it waited for; there was a last look at the end."""
    looks: list[float] = []
    started = time.monotonic()

    def look() -> Pending:
        looks.append(time.monotonic() - started)
        return Pending("the job is running")

    with pytest.raises(
        TimedOut, match=r"wait for the job: not done after 0\.3 s: the job is running"
    ) as caught:
        poll_until(look, Deadline("wait for the job", 0.3), Pauses(0.2, 60))
    assert len(looks) == 3
    assert 0.29 < looks[-1] < 2
    assert caught.value.remedy
    assert caught.value.__context__ is None


def test_errors_that_mean_not_yet_are_looked_at_again() -> None:
    """Others end the wait at once; the last one is raised as it is."""
    answers: list[Exception] = [Busy("get", "held"), Busy("get", "held")]

    def look() -> str:
        if answers:
            raise answers.pop(0)
        return "mine"

    assert poll_until(look, Deadline("wait", 5), QUICK, retry_on=(Busy,)) == "mine"
    answers += [Busy("get", "held"), NotFound("get", "gone")]
    with pytest.raises(NotFound, match="gone"):
        poll_until(look, Deadline("wait", 5), QUICK, retry_on=(Busy,))
    answers += [Busy("get", f"held {n}") for n in range(1000)]
    with pytest.raises(Busy, match="held"):
        poll_until(look, Deadline("wait", 0.1), QUICK, retry_on=(Busy,))


@pytest.mark.parametrize(("pauses", "after"), [(QUICK, 60.0), (None, 60.0), (None, None)])
def test_a_pause_that_is_too_long_or_not_known_is_left_to_the_caller(
    pauses: Pauses | None, after: float | None
) -> None:
    """At once."""

    def look() -> None:
        raise RateLimited("get", "429", "", after)

    started = time.monotonic()
    with pytest.raises(RateLimited):
        poll_until(look, Deadline("wait", 30), pauses, retry_on=(RateLimited,))
    assert time.monotonic() - started < 2


def test_an_interrupted_wait_ends() -> None:
    """Cancelling a run is not swallowed."""

    def look() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        poll_until(look, Deadline("wait", 30), QUICK, retry_on=(Busy,))
