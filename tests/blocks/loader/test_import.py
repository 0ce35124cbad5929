"""dlt imported for the first time by several sources at once, as in a worker's fresh process."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import ROOT

SOURCES_AT_ONCE = """
from concurrent.futures import ThreadPoolExecutor
from blocks.loader.pipeline import silence

def load(n):
    silence()
    from dlt.destinations import filesystem
    from dlt.sources.helpers.rest_client import RESTClient
    from dlt.sources.sql_database import sql_table

with ThreadPoolExecutor(5) as pool:
    list(pool.map(load, range(5)))
"""


def test_sources_that_load_side_by_side_do_not_meet_a_half_imported_dlt() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SOURCES_AT_ONCE], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
