"""Great Expectations: one suite a mart, pushed down as SQL, with Data Docs. Decides nothing: checks come out.

What a suite's file means is in expectations.py, its evaluation in evaluation.py. Not here: dbt's tests
(blocks/dbt/project.py), load budgets and the verdict (tasks/gate.py).
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect.blocks.core import Block
from pydantic import Field

from blocks.errors import Misconfigured, NotFound
from blocks.quality.evaluation import audit_mart, require_answer
from blocks.quality.expectations import read_expectations
from blocks.quality.type_expectations import take_types
from blocks.records import Check
from blocks.vendor_patches.great_expectations import fix_quantiles, support_patterns
from blocks.warehouse.base import Warehouse

if TYPE_CHECKING:
    from great_expectations.data_context import EphemeralDataContext

SITE = "release"
DOCS_KEPT = 10  # runs; their names sort by time


class Suites(Block):
    """A folder of suites, `<mart>.json` each, as Great Expectations writes them."""

    _block_type_name = "Expectation Suites"
    _block_type_slug = "expectation-suites"

    folder: Path = Field(description="folder of the suites")
    docs: Path = Field(description="folder for the Data Docs, one subfolder a run")

    def check(self) -> str:
        """Count the suites; return a one-line status."""
        return f"{len(list(self.folder.glob('*.json')))} suites in {self.folder}"

    def warm(self) -> None:
        """Import Great Expectations, which takes seconds."""
        os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
        import great_expectations  # noqa: F401

    def read(self, mart: str) -> tuple[list[dict[str, Any]], list[Check]]:
        """A mart's expectations that can be evaluated, and a failed check for each other one.

        Raises NotFound if it has no suite, Misconfigured for a file that is none or has no expectation.
        """
        path = self.folder / f"{mart}.json"
        try:
            suite = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise NotFound(
                f"read the suite of {mart}",
                f"there is no {path.name} in {self.folder}",
                "Write it: a mart without a suite is never published.",
            ) from None
        except (OSError, ValueError, RecursionError) as error:
            raise Misconfigured(f"read the suite of {mart}", f"{path.name} is not JSON: {error}") from None
        return read_expectations(mart, suite)

    def audit(
        self, warehouse: Warehouse, marts: Mapping[str, str], run: str
    ) -> tuple[list[Check], Path | None]:
        """Evaluate every mart's suite on its relation (`schema.table`); return checks and Data Docs' index.

        As many checks as there are expectations: one that can't be evaluated is a failed check where the suite
        is at fault. Where the warehouse is, it raises: a crash in the gate is a crash, not a "no".
        """
        found = {mart: self.read(mart) for mart in marts}
        checks = [fault for _, faults in found.values() for fault in faults]
        suites, typed = take_types(warehouse, {mart: usable for mart, (usable, _) in found.items()}, marts)
        checks += typed
        context = self._context(run)
        url, arguments = warehouse.gx_connection()
        source = context.data_sources.add_sql(
            "release", connection_string=url, create_temp_table=False, kwargs=arguments
        )
        try:
            for mart, relation in sorted(marts.items()):
                if suites[mart]:
                    checks += audit_mart(context, source, mart, relation, suites[mart])
            docs = self._write_docs(context, run)
        finally:
            source.get_execution_engine().close()  # both engines hold connections, and with them the file
            source.get_engine().dispose()
        for mart in {check.scope for check in checks if check.not_run}:
            require_answer(warehouse, marts[mart])
        return checks, docs

    def _write_docs(self, context: EphemeralDataContext, run: str) -> Path | None:
        """The Data Docs' index; None where Great Expectations fails to write them, which decides nothing."""
        try:
            context.build_data_docs(site_names=[SITE])
        except Exception as error:
            logging.getLogger(__name__).warning("the Data Docs were not written: %s", type(error).__name__)
        for old in sorted(self.docs.iterdir())[:-DOCS_KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        index = self.docs / run / "index.html"
        return index.resolve() if index.is_file() else None

    def _context(self, run: str) -> EphemeralDataContext:
        self.warm()
        import great_expectations as gx

        support_patterns()
        fix_quantiles()
        logging.getLogger("great_expectations").setLevel(logging.ERROR)
        folder = (self.docs / run).resolve()
        shutil.rmtree(folder, ignore_errors=True)
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)}
        index = {"class_name": "DefaultSiteIndexBuilder"}
        for name in list(context.get_site_names()):
            context.delete_data_docs_site(name)
        context.add_data_docs_site(
            SITE,
            {"class_name": "SiteBuilder", "store_backend": store, "site_index_builder": index},
        )
        return context
