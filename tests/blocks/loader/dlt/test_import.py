"""dlt imported for the first time by several threads at once, as in a run's fresh process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT

SOURCES_AT_ONCE = """
from concurrent.futures import ThreadPoolExecutor
from blocks.loader.dlt.extract import import_dlt

def load(n):
    import_dlt()
    from dlt.destinations import filesystem
    from dlt.sources.helpers.rest_client import RESTClient
    from dlt.sources.sql_database import sql_table

with ThreadPoolExecutor(5) as pool:
    list(pool.map(load, range(5)))
"""


BESIDE_PANDAS = """
import sys, threading, time
from importlib.abc import MetaPathFinder
import dlt.destinations
from blocks.loader.dlt.extract import import_dlt

class Slow(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "pandas.core.api":
            time.sleep(3)

sys.meta_path.insert(0, Slow())
other = threading.Thread(target=__import__, args=("pandas",))
other.start()
while "pandas" not in sys.modules:
    time.sleep(0.01)
import_dlt()
other.join()
"""


@pytest.mark.parametrize("script", [SOURCES_AT_ONCE, BESIDE_PANDAS], ids=["several sources", "beside pandas"])
def test_nothing_half_imported_is_met(script: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
