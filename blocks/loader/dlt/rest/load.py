"""The kind `rest`: records of a JSON API, page by page, by dlt's REST client in Arrow batches.

A record travels as its JSON text until it is typed. Not here: the HTTP session and its errors (see api).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from blocks.deadline import Deadline
from blocks.errors import Misconfigured
from blocks.loader.dlt.batches import Staged, settle
from blocks.loader.dlt.contract import check_columns, extra_columns
from blocks.loader.dlt.extract import extract
from blocks.loader.dlt.files.json import record_names, record_reading
from blocks.loader.dlt.incremental import window
from blocks.loader.dlt.load_context import Job, setting
from blocks.loader.dlt.staging import Staging, staging_database
from blocks.records import SourceTable

CHECK_SECONDS = 15


def load_rest(job: Job, tables: Sequence[SourceTable]) -> Iterator[Staged | None]:
    """A batch a table of its endpoint's records since the watermark; None if nothing is new."""
    resources = [_resource(job, table, f"t{at}") for at, table in enumerate(tables)]
    files = extract(job, resources, lambda asked, error: None)
    for at, table in enumerate(tables):
        yield _staged(job, table, files[f"t{at}"])


def check_rest(location: str, credential: Mapping[str, Any]) -> str:
    """Ask the API's root; one line about a location. Any answer but a refused credential will do."""
    from blocks.loader.dlt.rest.api import RestApi

    return RestApi("connect", location, credential, Deadline("connect", CHECK_SECONDS)).check()


def _resource(job: Job, table: SourceTable, name: str) -> Any:
    import dlt

    from blocks.loader.dlt.rest.api import RestApi

    asked = f"load {table.full_name}"
    records = str(table.meta.get("records", "$"))
    api = RestApi(asked, job.location, job.credential, job.deadline, records)
    endpoint = setting(table, "endpoint")
    parameter, start = table.meta.get("cursor_param"), window(job, table).start
    params = {str(parameter): start} if parameter and start is not None else {}

    def pages() -> Iterator[Any]:
        import pyarrow as pa

        for page in api.iterate_pages(endpoint, params, _paginator(table)):
            # a page's records are few: text is built row by row, and typed by DuckDB all at once
            texts = [json.dumps(record) for record in page]
            if texts:
                yield pa.table({"record": pa.array(texts, pa.string())})

    return dlt.resource(pages, name=name)


def _paginator(table: SourceTable) -> Any:
    """dlt's paginator that the dbt source names.

    `next` is where the next page's URL or cursor is in an answer, `page_param` the parameter that takes the
    page's number, offset or cursor; pages by number or offset end with an empty one.
    """
    from dlt.sources.helpers.rest_client import paginators

    meta = table.meta
    following, parameter = str(meta.get("next", "next")), meta.get("page_param")
    known = {
        "next_url": lambda: paginators.JSONLinkPaginator(following),
        "header_link": paginators.HeaderLinkPaginator,
        "single_page": paginators.SinglePagePaginator,
        "page_number": lambda: paginators.PageNumberPaginator(
            base_page=int(meta.get("first_page", 1)), page_param=str(parameter or "page"), total_path=None
        ),
        "offset": lambda: paginators.OffsetPaginator(
            limit=int(meta.get("page_size", 100)), offset_param=str(parameter or "offset"), total_path=None
        ),
        "cursor": lambda: paginators.JSONResponseCursorPaginator(following, str(parameter or "cursor")),
    }
    chosen = str(table.meta.get("paginator", "single_page"))
    if chosen not in known:
        raise Misconfigured(
            f"load {table.full_name}", f"paginator `{chosen}` is unknown", f"Use {', '.join(known)}."
        )
    return known[chosen]()


def _staged(job: Job, table: SourceTable, files: Sequence[Path]) -> Staged | None:
    label, paths = f"endpoint {table.meta['endpoint']}", [str(file) for file in files]
    with staging_database(job) as connection:
        names = record_names(connection, "read_parquet(?)", "''", [paths]).get("", []) if files else []
        if names:
            check_columns(table, names, label)
        staging = Staging(job, table, connection, extra_columns(table, names))
        if files:
            staging.add(record_reading("read_parquet(?)", names), [paths])
        return settle(staging, label, sum(file.stat().st_size for file in files))
