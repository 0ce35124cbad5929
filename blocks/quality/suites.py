"""Great Expectations: one suite a mart, pushed down as SQL, with Data Docs. Decides nothing: checks come out.

Not here: dbt's tests (blocks/dbt/project.py), load budgets and the verdict (tasks/gate.py).
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect.blocks.core import Block
from pydantic import Field

from blocks.errors import Misconfigured, NotFound
from blocks.quality.type_expectations import take_types
from blocks.records import Check
from blocks.warehouse.base import Warehouse

SITE = "release"
SHOWN = 5
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

    def read(self, mart: str) -> dict[str, Any]:
        """A mart's suite. Raises NotFound if there is none, Misconfigured if it has no expectation."""
        path = self.folder / f"{mart}.json"
        try:
            suite: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise NotFound(
                f"read the suite of {mart}",
                f"there is no {path.name} in {self.folder}",
                "Write it: a mart without a suite is never published.",
            ) from None
        except ValueError as error:
            raise Misconfigured(f"read the suite of {mart}", f"{path.name} is not JSON: {error}") from None
        if not suite.get("expectations"):
            raise Misconfigured(f"read the suite of {mart}", f"{path.name} has no expectation", "Add some.")
        return suite

    def audit(self, warehouse: Warehouse, marts: Mapping[str, str], run: str) -> tuple[list[Check], Path]:
        """Evaluate every mart's suite on its relation (`schema.table`); return checks and Data Docs' index.

        An expectation that could not be evaluated raises: a crash in the gate is a crash, not a "no".
        """
        suites, checks = take_types(
            warehouse, {mart: self.read(mart)["expectations"] for mart in marts}, marts
        )
        context = self._context(run)
        url, arguments = warehouse.gx_connection()
        source = context.data_sources.add_sql(
            "release", connection_string=url, create_temp_table=False, kwargs=arguments
        )
        try:
            for mart, relation in sorted(marts.items()):
                checks += _audit_mart(context, source, mart, relation, suites[mart])
            context.build_data_docs(site_names=[SITE])
        finally:
            source.get_execution_engine().close()  # both engines hold connections, and with them the file
            source.get_engine().dispose()
        for old in sorted(self.docs.iterdir())[:-DOCS_KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        return checks, (self.docs / run / "index.html").resolve()

    def _context(self, run: str) -> Any:
        self.warm()
        import great_expectations as gx

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


def _audit_mart(
    context: Any, source: Any, mart: str, relation: str, suite: list[dict[str, Any]]
) -> list[Check]:
    import great_expectations as gx

    schema, table = relation.rsplit(".", 1)
    asset = source.add_table_asset(mart, table_name=table, schema_name=schema)
    try:
        expectations = context.suites.add(gx.ExpectationSuite(name=mart, expectations=suite))
    except Exception as error:
        raise Misconfigured(f"read the suite of {mart}", str(error).splitlines()[0]) from error
    definition = context.validation_definitions.add(
        gx.ValidationDefinition(
            name=mart, data=asset.add_batch_definition_whole_table(mart), suite=expectations
        )
    )
    checkpoint = gx.Checkpoint(
        name=mart,
        validation_definitions=[definition],
        result_format={"result_format": "SUMMARY", "partial_unexpected_count": SHOWN},
    )
    outcome = context.checkpoints.add(checkpoint).run()
    return [
        _check(mart, result) for validation in outcome.run_results.values() for result in validation.results
    ]


def _check(mart: str, result: Any) -> Check:
    """A result as a Check; one that could not be evaluated raises."""
    config, found = result.expectation_config, result.result or {}
    kwargs = {k: v for k, v in config.kwargs.items() if k not in {"batch_id", "unexpected_rows_query"}}
    name = f"{config.type}({', '.join(f'{k}={v}' for k, v in kwargs.items())})"
    caught = result.exception_info or {}
    messages = [caught] if "raised_exception" in caught else list(caught.values())
    for message in messages:
        if message.get("raised_exception"):
            raise Misconfigured(
                f"evaluate {name} on {mart}",
                str(message.get("exception_message")).splitlines()[0],
                "Correct the suite; the release was not judged.",
            )
    observed = found.get("observed_value")
    if observed is None and "unexpected_count" in found:
        observed = f"{found['unexpected_count']} of {found.get('element_count', '?')} unexpected"
    evidence = (
        found.get("partial_unexpected_list") or (found.get("details") or {}).get("unexpected_rows") or []
    )
    shown = () if result.success else tuple(str(value)[:200] for value in list(evidence)[:SHOWN])
    return Check(
        scope=mart,
        name=config.meta.get("name", name) if config.meta else name,
        kind="suite",
        passed=bool(result.success),
        observed="" if observed is None else str(observed)[:200],
        evidence=shown,
    )
