"""A vendor's errors leave nothing of theirs behind."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from blocks.errors import NotDelivered, PlatformError, Rejected, mask_values, replace_vendor_errors


def translate(error: BaseException) -> PlatformError:
    return Rejected("query", type(error).__name__)


@contextmanager
def session() -> Iterator[None]:
    with replace_vendor_errors(ValueError, translate):
        yield


def test_neither_cause_nor_context_holds_the_vendors_error() -> None:
    with pytest.raises(Rejected, match="ValueError") as caught, session(), session():
        raise ValueError("planted row")
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


def test_other_errors_pass_as_they_are() -> None:
    with pytest.raises(KeyError), session():
        raise KeyError("x")
    with session():
        pass


def test_an_error_that_is_not_translated_passes_as_it_is() -> None:
    with pytest.raises(ValueError, match="x") as caught, replace_vendor_errors(ValueError, lambda _: None):
        raise ValueError("x") from KeyError("y")
    assert isinstance(caught.value.__cause__, KeyError)


def test_values_in_a_message_are_masked() -> None:
    assert mask_values("bad \"x y\" and 'z' [q]") == "bad '…' and '…' '…'"


def test_what_prefect_stores_of_a_failed_run_quotes_no_ticket() -> None:
    error = NotDelivered("deliver", "1 check failed", "Mend it.", outcome="what a ticket says")
    stored = pickle.loads(pickle.dumps(error))
    assert (str(stored), stored.outcome) == (str(error), None)
    assert b"ticket says" not in pickle.dumps(error)
