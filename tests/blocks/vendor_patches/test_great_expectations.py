"""Great Expectations finds a dialect's types in the module that is named to it."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest

from blocks.errors import Misconfigured
from blocks.vendor_patches import great_expectations, versions

pytest.importorskip("great_expectations")


@pytest.fixture(autouse=True)
def _modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "sqlalchemy_dremio", raising=False)
    monkeypatch.delitem(sys.modules, "sqlalchemy_dremio.pyodbc", raising=False)


def test_the_module_that_it_looks_for_is_the_one_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from great_expectations.util import import_library_module

    assert versions.is_version("great-expectations", great_expectations.SEEN)
    types = ModuleType("types_of_ours")
    great_expectations.name_type_module("sqlalchemy_dremio.pyodbc", types)
    assert import_library_module(module_name="sqlalchemy_dremio.pyodbc") is types


def test_a_package_that_is_in_use_stays() -> None:
    real = sys.modules["sqlalchemy_dremio.pyodbc"] = ModuleType("sqlalchemy_dremio.pyodbc")
    great_expectations.name_type_module("sqlalchemy_dremio.pyodbc", ModuleType("types_of_ours"))
    assert sys.modules["sqlalchemy_dremio.pyodbc"] is real


@pytest.mark.usefixtures("another_version")
def test_another_version_is_refused() -> None:
    with pytest.raises(Misconfigured, match="great-expectations"):
        great_expectations.name_type_module("sqlalchemy_dremio.pyodbc", ModuleType("types_of_ours"))
    assert "sqlalchemy_dremio.pyodbc" not in sys.modules


def test_statistics_come_once_they_are_asked_for() -> None:
    code = """
import sys
from blocks.vendor_patches.great_expectations import import_great_expectations
import_great_expectations()
assert "scipy.stats._distn_infrastructure" not in sys.modules
import great_expectations.expectations.core.expect_column_kl_divergence_to_be_less_than as expectation
assert expectation.stats.norm.cdf(0) == 0.5
import scipy.stats
assert scipy.stats.norm is expectation.stats.norm
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
