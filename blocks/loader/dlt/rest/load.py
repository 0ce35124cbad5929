"""The kind `rest`: records of a JSON API, page by page, by dlt's REST client in Arrow batches.

A record stays JSON text until it gets its types. Not here: the HTTP session and its errors (see api).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.deadline import Deadline
from blocks.errors import Misconfigured
from blocks.loader.base import name_table
from blocks.loader.dlt.batches import PreparedBatch, build_batch
from blocks.loader.dlt.contract import check_columns, name_extra_columns
from blocks.loader.dlt.extract import extract
from blocks.loader.dlt.files.json import RecordNames, build_record_relation, read_record_names
from blocks.loader.dlt.incremental import get_window
from blocks.loader.dlt.load_context import LoadContext
from blocks.loader.dlt.staging import Staging, open_staging_database
from blocks.loader.dlt.table_config import require_setting
from blocks.records import SourceTable

if TYPE_CHECKING:
    import requests
    from dlt.extract import DltResource
    from dlt.sources.helpers.rest_client.paginators import BasePaginator

CHECK_SECONDS = 15


def load_rest(context: LoadContext, tables: Sequence[SourceTable]) -> Iterator[PreparedBatch | None]:
    """Yield each table's batch of its endpoint's records since the watermark; None if nothing is new."""
    resources = []
    for at, table in enumerate(tables):
        with name_table(table):
            resources.append(_create_resource(context, table, f"t{at}"))
    files = extract(context, resources, lambda asked, error: None)
    for at, table in enumerate(tables):
        with name_table(table):
            batch = _stage_table(context, table, files[f"t{at}"])
        yield batch


def check_rest(location: str, credential: Mapping[str, object]) -> str:
    """Ask the API's root and return a one-line status. Any answer but a refused credential is good."""
    from blocks.loader.dlt.rest.api import RestApi

    return RestApi("connect", location, credential, Deadline("connect", CHECK_SECONDS)).check()


def _create_resource(context: LoadContext, table: SourceTable, name: str) -> DltResource:
    import dlt
    import pyarrow as pa

    from blocks.loader.dlt.rest.api import RestApi, write_json

    asked = f"load {table.full_name}"
    records = str(table.meta.get("records", "$"))
    api = RestApi(asked, context.location, context.credential, context.deadline, records)
    endpoint = require_setting(table, "endpoint")
    parameter, start = table.meta.get("cursor_param"), get_window(context, table).start
    params = {str(parameter): start} if parameter and start is not None else {}

    def build_tables() -> Iterator[pa.Table]:
        with name_table(table):
            yield from read_pages()

    def read_pages() -> Iterator[pa.Table]:
        for number, page in enumerate(api.iterate_pages(endpoint, params, _create_paginator(table))):
            # a page's records are few: text is built row by row, and typed by DuckDB all at once
            texts = [write_json(record) for record in page]
            if texts:
                numbers = pa.array([number] * len(texts), pa.int64())
                yield pa.table({"record": pa.array(texts, pa.string()), "number": numbers})

    return dlt.resource(build_tables, name=name)


def _create_paginator(table: SourceTable) -> BasePaginator:
    """Create dlt's paginator that the dbt source names.

    `next` is where the next page's URL or cursor is in an answer, `page_param` the parameter that takes the
    page's number, offset or cursor; pages by number or offset end with an empty one.
    """
    from dlt.sources.helpers.rest_client import paginators

    class RecordOffsetPaginator(paginators.OffsetPaginator):  # type: ignore[misc]
        """Goes on after the records that came: a server may give fewer than were asked for."""

        def update_state(self, response: requests.Response, data: list[object] | None = None) -> None:
            self.value_step = len(data or [])
            super().update_state(response, data)

    meta = table.meta
    following, parameter = str(meta.get("next", "next")), meta.get("page_param")
    known = {
        "next_url": lambda: paginators.JSONLinkPaginator(following),
        "header_link": paginators.HeaderLinkPaginator,
        "single_page": paginators.SinglePagePaginator,
        "page_number": lambda: paginators.PageNumberPaginator(
            base_page=int(meta.get("first_page", 1)), page_param=str(parameter or "page"), total_path=None
        ),
        "offset": lambda: RecordOffsetPaginator(
            limit=int(meta.get("page_size", 100)), offset_param=str(parameter or "offset"), total_path=None
        ),
        "cursor": lambda: paginators.JSONResponseCursorPaginator(
            following, str(parameter or "cursor"), stop_after_empty_page=True
        ),
    }
    chosen = str(table.meta.get("paginator", "single_page"))
    if chosen not in known:
        raise Misconfigured(
            f"load {table.full_name}", f"paginator `{chosen}` is unknown", f"Use {', '.join(known)}."
        )
    return known[chosen]()


def _stage_table(context: LoadContext, table: SourceTable, files: Sequence[Path]) -> PreparedBatch | None:
    label, paths = f"endpoint {table.meta['endpoint']}", [str(file) for file in files]
    with open_staging_database(context) as connection:
        found = RecordNames({}, False)
        if files:
            found = read_record_names(connection, "read_parquet(?)", "''", [paths])
        names = found.names.get("", [])
        if names:
            check_columns(table, names, label, optional=True)
        staging = Staging(context, table, connection, name_extra_columns(table, names))
        if files:
            staging.add_rows(
                build_record_relation(
                    "read_parquet(?)", names, found.odd_numbers, order="number", repeated=found.repeated
                ),
                [paths],
            )
        return build_batch(staging, label, sum(file.stat().st_size for file in files))
