"""dbt's compile task ends with the first model that can't be compiled; the others are wanted all the same.

Seen with dbt-core 1.11; on another version it ends there, as it does by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from blocks.vendor_patches.versions import is_version

SEEN = "1.11"


@contextmanager
def compile_past_errors() -> Iterator[None]:
    """In here `dbt compile` gives a result for every model, failed ones among them."""
    from dbt.task.compile import CompileTask

    own = CompileTask.raise_on_first_error
    if is_version("dbt-core", SEEN):
        CompileTask.raise_on_first_error = lambda _: False  # type: ignore[method-assign]
    try:
        yield
    finally:
        CompileTask.raise_on_first_error = own  # type: ignore[method-assign]
