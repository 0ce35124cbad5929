"""The patch of dbt's compiling holds where it is meant to, and leaves nothing behind; see test_dbt_features.py too."""

from __future__ import annotations

from blocks.vendor_patches.dbt_core import SEEN, compile_apart
from blocks.vendor_patches.versions import is_version


def test_compiling_goes_past_errors_and_relations_only_while_it_is_wanted() -> None:
    from dbt.adapters.base import BaseAdapter
    from dbt.task.compile import CompileTask

    assert is_version("dbt-core", SEEN)
    own = CompileTask.raise_on_first_error, BaseAdapter.get_relation
    task = CompileTask.__new__(CompileTask)
    assert task.raise_on_first_error()  # or the patch is not needed any more
    with compile_apart():
        assert not task.raise_on_first_error()
        assert BaseAdapter.get_relation("any", "thing") is None  # type: ignore[arg-type,call-arg]
    assert (CompileTask.raise_on_first_error, BaseAdapter.get_relation) == own
