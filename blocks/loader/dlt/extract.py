"""Runs dlt: resources in, Parquet files in the working folder out. One pipeline a load.

dlt keeps no state here: the ledger in the warehouse is the truth, and the pipeline's folder is deleted with the
load's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from blocks.errors import BadInput, PlatformError, explain_error
from blocks.loader.dlt.load_context import LoadContext

if TYPE_CHECKING:
    from dlt.extract import DltResource

_IMPORT_LOCK = Lock()
MODULES = (
    "pandas",  # first: dlt fails on one that another thread has half imported
    "dlt.destinations",
    "dlt.sources.filesystem",
    "dlt.sources.helpers.rest_client",
    "dlt.sources.sql_database",
)


def import_dlt() -> None:
    """Import dlt with its telemetry and its log off; it reads these settings only when it is imported.

    One thread at a time: sources load in parallel, and dlt's modules import each other in circles.
    """
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["RUNTIME__LOG_LEVEL"] = "CRITICAL"
    with _IMPORT_LOCK:
        for module in MODULES:
            import_module(module)


def extract(
    context: LoadContext,
    resources: Sequence[DltResource],
    translate_error: Callable[[str, BaseException], PlatformError | None],
) -> dict[str, list[Path]]:
    """Run dlt resources of Arrow tables through one pipeline; return resource name → its Parquet files.

    translate_error: what was asked and a driver's error → ours; None for an error it does not know.
    """
    import dlt
    from dlt.destinations import filesystem

    output = context.folder / "extracted"
    pipeline = dlt.pipeline(
        pipeline_name="load",
        pipelines_dir=str(context.folder / "dlt"),
        dataset_name="raw",
        destination=filesystem(bucket_url=output.as_uri()),
    )
    problem: PlatformError | None = None
    try:
        pipeline.run(list(resources), loader_file_format="parquet")
    except Exception as error:
        problem = _find_error(f"extract {context.source}", error, translate_error)
    finally:
        pipeline.deactivate()
    if problem:  # raised outside of the handler: dlt's exceptions carry requests, URLs and rows
        raise problem
    return {
        resource.name: sorted((output / "raw" / resource.name).glob("*.parquet")) for resource in resources
    }


def _find_error(
    asked: str, error: Exception, translate_error: Callable[[str, BaseException], PlatformError | None]
) -> PlatformError:
    """Find our error inside dlt's, or the machine's fault, or translate the driver's."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    for link in chain:
        if found := explain_error(asked, link) or translate_error(asked, link):
            return found
    name = type(chain[-1]).__name__
    return BadInput(asked, f"dlt stopped ({name})", "Look at the newest data of the source.")
