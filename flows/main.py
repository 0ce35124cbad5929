"""The command line's entry: `python flows/main.py --help`. The parent flow is in deliver.py."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # the project's root, from any directory
    from blocks.child_process import run
    from flows.cli import main

    run(main)
