"""Great Expectations: one suite a mart, pushed down as SQL. Decides nothing: checks come out.

What a suite's file means is in expectations.py, its evaluation in evaluation.py, the pages that show checks in
check_pages.py. Not here: dbt's tests (blocks/dbt/project.py), load budgets and the verdict (tasks/gate.py).
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from prefect.blocks.core import Block
from pydantic import Field

from blocks.changing_names import IN_TEXT
from blocks.errors import Misconfigured, NotFound
from blocks.hashing import hash_value
from blocks.hidden_input import HIDDEN_INPUT
from blocks.http.address import Address, find_served
from blocks.quality.check_pages import write_pages
from blocks.quality.evaluation import audit_mart, require_answer
from blocks.quality.expectations import (
    SuiteContent,
    read_expectations,
    read_notes,
    read_suite,
    refuse_expectations,
    upgrade_expectation,
)
from blocks.quality.type_expectations import take_types
from blocks.records import Check, GateReport
from blocks.repeatable_sql import find_limit
from blocks.vendor_patches.great_expectations import import_great_expectations, support_patterns
from blocks.warehouse.base import Warehouse

if TYPE_CHECKING:
    from great_expectations.data_context import EphemeralDataContext

NAME = re.compile(r"\w+")
FORMAT = "1"  # another one where the same suite comes to other checks
ROWS_QUERY, BATCH = "unexpected_rows_query", "release.batch"


class Suites(Block):
    """A folder of suites, `<mart>.json` each, as Great Expectations writes them."""

    model_config = HIDDEN_INPUT

    _block_type_name = "Expectation Suites"
    _block_type_slug = "expectation-suites"

    folder: Path = Field(description="folder of the suites")
    docs: Path = Field(description="folder for the pages of checks, one subfolder a run")
    address: Address = Field(
        "",
        pattern=r"^(https?://[^/\s<>?#@]+(/[^\s<>?#@]*)?)?$",
        description="where people's browsers find the folder of these pages, as in https://checks.example.com; "
        "empty: nowhere, and neither tickets nor Tableau lead there",
    )

    def check(self) -> str:
        """Count the suites; return a one-line status."""
        return f"{len(list(self.folder.glob('*.json')))} suites in {self.folder}"

    def warm(self) -> None:
        """Import Great Expectations, which takes seconds."""
        os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
        import_great_expectations()

    def read(self, mart: str) -> SuiteContent:
        """A mart's expectations that can be evaluated, and a failed check for each other one.

        Raises NotFound if it has no suite, Misconfigured for a file that is none or has no expectation.
        """
        return read_expectations(mart, self._load(mart))

    def hash_suite(self, mart: str) -> str:
        """A hash of all that a mart's suite asks of its rows. Raises NotFound, Misconfigured."""
        return hash_value(FORMAT, version("great-expectations"), self._load(mart))

    def hash_repeatable_suite(self, mart: str, dialect: str) -> str:
        """The same; empty where the answer may be another at another time, of the same rows.

        Raises NotFound, Misconfigured. dialect: sqlglot's name of that of its queries.
        """
        suite = self._load(mart)
        asked = suite.get("expectations") if isinstance(suite, dict) else None
        holds = isinstance(asked, list) and all(_holds(each, dialect) for each in asked)
        return self.hash_suite(mart) if holds else ""

    def _load(self, mart: str) -> object:
        """The content of a mart's suite. Raises NotFound, Misconfigured."""
        return read_suite(self.folder / f"{mart}.json")[1]

    def audit(self, warehouse: Warehouse, marts: Mapping[str, str]) -> list[Check]:
        """Evaluate every mart's suite on its relation (`schema.table`); return the checks.

        As many checks as there are expectations: one that can't be evaluated is a failed check where the suite
        is at fault. Where the warehouse is, it raises: a crash in the gate is a crash, not a "no".
        """
        return self.evaluate(warehouse, marts, {mart: self.read(mart) for mart in marts})

    def evaluate(
        self,
        warehouse: Warehouse,
        marts: Mapping[str, str],
        found: Mapping[str, SuiteContent],
    ) -> list[Check]:
        """What `audit` does once the suites are read; found: what `read` gave for each mart."""
        url, arguments = warehouse.make_gx_connection()
        dialect = find_dialect(warehouse)
        found = {mart: refuse_expectations(mart, content, dialect) for mart, content in found.items()}
        checks = [fault for _, faults in found.values() for fault in faults]
        suites, typed = take_types(warehouse, {mart: usable for mart, (usable, _) in found.items()}, marts)
        checks += typed
        context = self._make_context()
        source = context.data_sources.add_sql(
            "release", connection_string=url, create_temp_table=False, kwargs=arguments
        )
        try:
            for mart, relation in sorted(marts.items()):
                if suites[mart]:
                    checks += audit_mart(source, mart, relation, suites[mart])
        finally:
            source.get_execution_engine().close()  # both engines hold connections, and with them the file
            source.get_engine().dispose()
        for mart in {check.scope for check in checks if check.not_run}:
            require_answer(warehouse, marts[mart])
        return checks

    def show(self, gate: GateReport) -> Path | None:
        """Write the page of a run's checks; None where that fails, which decides nothing."""
        notes = {scope: self._read_notes(scope) for scope in {check.scope for check in gate.checks}}
        try:
            return write_pages(self.docs, gate, notes)
        except OSError as error:
            logging.getLogger(__name__).warning("the page of checks was not written: %s", error.strerror)
            return None

    def find_address(self, page: Path | None) -> str:
        """Where people's browsers find a page of checks; empty where the pages are served nowhere."""
        return find_served(self.address, self.docs, page) if page and self.address else ""

    def _read_notes(self, mart: str) -> dict[str, str]:
        """What a mart's suite says of itself, under no name, and of its expectations, by their checks' names."""
        if not NAME.fullmatch(mart):  # scopes are not only marts
            return {}
        try:
            return read_notes(self._load(mart))
        except (NotFound, Misconfigured):
            return {}

    def _make_context(self) -> EphemeralDataContext:
        self.warm()
        import great_expectations as gx

        support_patterns()
        logging.getLogger("great_expectations").setLevel(logging.ERROR)
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        return context


def _holds(expectation: object, dialect: str) -> bool:
    """True if an expectation's answer depends on the mart's rows alone."""
    given = upgrade_expectation(expectation)
    kwargs = given.get("kwargs") if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(kwargs, dict):
        return False
    rest = {name: value for name, value in kwargs.items() if name != ROWS_QUERY}
    if IN_TEXT.search(json.dumps([given.get("type"), rest])):
        return False
    query = kwargs.get(ROWS_QUERY)
    return query is None or not find_limit(str(query).replace("{batch}", BATCH), dialect, {BATCH})


def find_dialect(warehouse: Warehouse) -> str:
    """A warehouse's dialect, as SQLAlchemy names it; nothing is connected to."""
    from sqlalchemy.engine import make_url

    return make_url(warehouse.make_gx_connection()[0]).get_backend_name()
