"""dlt's part: resources in, Parquet files in the working folder out. One pipeline a load, nothing kept.

dlt holds no state of its own here: the ledger in the warehouse is the truth, and the pipeline's folder
goes away with the load.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from blocks.errors import BadInput, PlatformError
from blocks.loader.dlt.load_context import Job

_IMPORTING = Lock()


def silence() -> None:
    """Import dlt without its telemetry and its log: it reads this when it is imported, and only then.

    One thread at a time: sources load side by side, and dlt's modules import each other in circles.
    """
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["RUNTIME__LOG_LEVEL"] = "CRITICAL"
    with _IMPORTING:
        import pandas  # noqa: F401, I001  # first: dlt looks into one that another thread has half imported
        import dlt.destinations
        import dlt.sources.filesystem
        import dlt.sources.helpers.rest_client
        import dlt.sources.sql_database  # noqa: F401


def extract(
    job: Job, resources: Sequence[Any], wrapped: Callable[[str, BaseException], PlatformError | None]
) -> dict[str, list[Path]]:
    """Run dlt resources of Arrow tables through one pipeline; resource name → its Parquet files.

    wrapped: what was asked and a vendor's error → ours, None if it knows better than to say.
    """
    import dlt
    from dlt.destinations import filesystem

    came = job.folder / "came"
    pipeline = dlt.pipeline(
        pipeline_name="load",
        pipelines_dir=str(job.folder / "dlt"),
        dataset_name="raw",
        destination=filesystem(bucket_url=came.as_uri()),
    )
    problem: PlatformError | None = None
    try:
        pipeline.run(list(resources), loader_file_format="parquet")
    except Exception as error:
        problem = _problem(f"extract {job.source}", error, wrapped)
    finally:
        pipeline.deactivate()
    if problem:  # raised outside of the handler: dlt's exceptions carry requests, URLs and rows
        raise problem
    return {resource.name: sorted((came / "raw" / resource.name).glob("*.parquet")) for resource in resources}


def _problem(
    asked: str, error: Exception, wrapped: Callable[[str, BaseException], PlatformError | None]
) -> PlatformError:
    """Our error inside dlt's, or one made of the vendor's."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    for link in chain:
        found = link if isinstance(link, PlatformError) else wrapped(asked, link)
        if found:
            return found
    name = type(chain[-1]).__name__
    return BadInput(asked, f"dlt stopped ({name})", "Look at the newest data of the source.")
