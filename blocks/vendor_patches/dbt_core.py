"""dbt compiles without a warehouse: what can't be compiled holds up no other model, and no relation is looked for.

Seen with dbt-core 1.11; on another version it ends with the first model that it can't compile, as it does by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from blocks.vendor_patches.versions import is_version

SEEN = "1.11"


@contextmanager
def compile_apart() -> Iterator[None]:
    """In here `dbt compile` gives a result for every model, and to each its relations are not there yet.

    So an incremental model is compiled as it is built at first, where it would open a connection to look for itself.
    """
    from dbt.adapters.base import BaseAdapter
    from dbt.task.compile import CompileTask

    if not is_version("dbt-core", SEEN):
        yield
        return
    own = CompileTask.raise_on_first_error, BaseAdapter.get_relation
    CompileTask.raise_on_first_error = lambda _: False
    BaseAdapter.get_relation = lambda *_, **__: None
    try:
        yield
    finally:
        CompileTask.raise_on_first_error, BaseAdapter.get_relation = own
