"""The end of a process of a run."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

ENDING = """
import atexit, sys
from blocks.child_process import leave_at_once, run
def main():
    atexit.register(lambda: print("waited"))
    if sys.argv[1] == "at once":
        leave_at_once()
    print("done")
    return 3
run(main)
"""


@pytest.mark.parametrize(("how", "said"), [("as ever", ["done", "waited"]), ("at once", ["done"])])
def test_what_is_registered_at_exit_is_done_unless_the_process_leaves_at_once(
    how: str, said: list[str]
) -> None:
    command = [sys.executable, "-c", ENDING, how]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout.split()) == (3, said)


def test_where_nobody_can_read_what_it_prints_it_ends_without_a_word() -> None:
    """Its standard output was closed, or is a pipe whose reader has gone."""
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    for where in (">&-", "| true"):
        script = f'"$0" -c "$1" "as ever" {where}'
        command = ["bash", "-c", script, sys.executable, ENDING]
        ended = subprocess.run(
            command, cwd=ROOT, env=buffered, capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.stderr == ""
