#!/usr/bin/env python3
"""The command line's entry: `python flows/main.py --help`. The parent flow is in deliver.py."""

from __future__ import annotations

import logging
import signal
import sys
from io import TextIOWrapper
from pathlib import Path

if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # while libraries are loaded: no traceback
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # the project's root, from any directory
    from blocks.child_process import run
    from flows.cli import main

    # A line that can't be logged, as where Prefect's API is gone, is no traceback.
    logging.raiseExceptions = False
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # where the terminal's encoding lacks a sign
    run(main)
