"""The patch of dbt's compile task holds where it is meant to, and leaves nothing behind."""

from __future__ import annotations

from blocks.vendor_patches.dbt_core import SEEN, compile_past_errors
from blocks.vendor_patches.versions import is_version


def test_compiling_goes_past_errors_only_while_it_is_wanted() -> None:
    from dbt.task.compile import CompileTask

    assert is_version("dbt-core", SEEN)
    own = CompileTask.raise_on_first_error
    task = CompileTask.__new__(CompileTask)
    assert task.raise_on_first_error()  # or the patch is not needed any more
    with compile_past_errors():
        assert not task.raise_on_first_error()
    assert CompileTask.raise_on_first_error is own
