"""How a process of a run ends: at once, with the right code, and with nothing unsaid."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT

SLOW_TO_TAKE_APART = """
import atexit, time
from blocks.child_process import run
class Library:
    def __del__(self):
        time.sleep(60)
library = Library()
"""


def ended(main: str) -> subprocess.CompletedProcess[str]:
    code = f"{SLOW_TO_TAKE_APART}def main():\n    {main}\nrun(main)"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("main", "code"),
    [
        ("return 3", 3),
        ("return None", 0),
        ("raise SystemExit(2)", 2),
        ("raise SystemExit", 0),
        ("raise RuntimeError('oh')", 1),
    ],
)
def test_it_leaves_with_mains_code_before_libraries_are_taken_apart(main: str, code: int) -> None:
    done = ended(main)
    assert done.returncode == code
    assert ("RuntimeError: oh" in done.stderr) == ("oh" in main)


def test_what_is_printed_and_what_is_registered_at_exit_is_not_lost() -> None:
    done = ended("atexit.register(print, 'last events sent'); print('report'); return 0")
    assert done.stdout.split("\n") == ["report", "last events sent", ""]
