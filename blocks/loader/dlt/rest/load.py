"""The kind `rest`: records of a JSON API, page by page, by dlt's REST client in Arrow batches.

A record stays JSON text until it gets its types. Not here: the HTTP session and its errors (see api).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from blocks.deadline import Deadline
from blocks.errors import BadAnswer, Misconfigured
from blocks.loader.base import name_table
from blocks.loader.dlt.batches import PreparedBatch, build_batch
from blocks.loader.dlt.contract import check_columns, name_extra_columns
from blocks.loader.dlt.extract import extract
from blocks.loader.dlt.files.json import (
    RecordNames,
    build_record_relation,
    list_numbers,
    read_record_names,
)
from blocks.loader.dlt.incremental import get_window
from blocks.loader.dlt.load_context import LoadContext
from blocks.loader.dlt.rest.pages import PageWatch
from blocks.loader.dlt.rest.paginators import create_paginator, get_next
from blocks.loader.dlt.staging import Staging, open_staging_database
from blocks.loader.dlt.table_config import get_key, get_load_mode, require_setting
from blocks.records import SourceTable
from blocks.sql import quote_identifier

if TYPE_CHECKING:
    from dlt.extract import DltResource
    from duckdb import DuckDBPyConnection

CHECK_SECONDS = 15


def load_rest(context: LoadContext, tables: Sequence[SourceTable]) -> Iterator[PreparedBatch | None]:
    """Yield each table's batch of its endpoint's records since the watermark; None if nothing is new."""
    resources, watches = [], list[PageWatch]()
    for at, table in enumerate(tables):
        with name_table(table):
            watches.append(_create_watch(context, table))
            resources.append(_create_resource(context, table, f"t{at}", watches[at]))
    files = extract(context, resources, lambda asked, error: None)
    for at, table in enumerate(tables):
        with name_table(table):
            prepared = _stage_table(context, table, files[f"t{at}"])
        yield prepared and prepared._replace(notes=(*prepared.notes, *watches[at].notes))


def check_rest(location: str, credential: Mapping[str, object]) -> str:
    """Ask the API's root and return a one-line status. Any answer but a refused credential is good."""
    from blocks.loader.dlt.rest.api import RestApi

    return RestApi("connect", location, credential, Deadline("connect", CHECK_SECONDS)).check()


def check_endpoint(table: SourceTable, location: str) -> None:
    """Raise Misconfigured for an endpoint of another host than its source's location, which no load would ask."""
    from blocks.http.session import get_origin

    endpoint = require_setting(table, "endpoint")
    if urlsplit(endpoint).netloc and get_origin(urljoin(location, endpoint)) != get_origin(location):
        raise Misconfigured(
            f"load {table.full_name}",
            f"its endpoint {endpoint} is of another host than its source's location, {urlsplit(location).netloc}",
            "Write the path alone, or make it a source of its own, with a location and credentials of its own.",
        )


def _check_path(table: SourceTable, name: str, path: str) -> None:
    """Raise Misconfigured for a setting that is to be a JSONPath and is none."""
    from dlt.common import jsonpath

    broken = False
    try:
        jsonpath.compile_path(path)
    except Exception:  # the parser's own classes
        broken = True
    if broken:
        raise Misconfigured(
            f"load {table.full_name}",
            f"its `{name}` is no JSONPath",
            "Quote a name with other signs than letters, digits, `_` and `-`, as in \"data.'$items'\".",
        )


def _create_watch(context: LoadContext, table: SourceTable) -> PageWatch:
    declared = table.meta.get("paginator")
    return PageWatch(
        f"load {table.full_name}",
        str(declared) if declared else None,
        bool(_get_params(context, table)),
        "first_page" in table.meta,
        get_load_mode(table) == "merge",
    )


def _get_params(context: LoadContext, table: SourceTable) -> dict[str, str]:
    """Return the query parameters that ask for new records only; none on the first load."""
    parameter, start = table.meta.get("cursor_param"), get_window(context, table).start
    return {str(parameter): start} if parameter and start is not None else {}


def _list_key(table: SourceTable) -> list[str]:
    """The members of a record that are its key; none where a key may come again."""
    if table.meta.get("repeated_records") == "accept":
        return []
    origins = {column.name: column.origin for column in table.columns}
    return [origins[name] for name in get_key(table)]


def _create_resource(context: LoadContext, table: SourceTable, name: str, watch: PageWatch) -> DltResource:
    import dlt
    import pyarrow as pa

    from blocks.loader.dlt.rest.api import RestApi

    asked = f"load {table.full_name}"
    records = str(table.meta.get("records", "$"))
    api = RestApi(asked, context.location, context.credential, context.deadline, records, _list_key(table))
    endpoint = require_setting(table, "endpoint")
    _check_path(table, "records", records)
    if table.meta.get("paginator") in ("next_url", "cursor"):
        _check_path(table, "next", get_next(table))
    params, paginator = _get_params(context, table), create_paginator(table)

    def build_tables() -> Iterator[pa.Table]:
        with name_table(table):
            yield from read_pages()

    def read_pages() -> Iterator[pa.Table]:
        for number, texts in enumerate(api.iterate_pages(endpoint, params, paginator, watch)):
            if texts:
                numbers = pa.array([number] * len(texts), pa.int64())
                yield pa.table({"record": pa.array(texts, pa.string()), "number": numbers})

    return dlt.resource(build_tables, name=name)


def _check_overlap(connection: DuckDBPyConnection, table: SourceTable, paths: Sequence[str]) -> None:
    """Raise BadAnswer for records that came on two pages, as rows that move while pages are read do.

    With `merge` the key keeps one of them. Where one page has a record twice, its records are none that are unique.
    """
    if get_load_mode(table) == "merge" or table.meta.get("repeated_records") == "accept":
        return
    ((again, alike),) = connection.execute(
        "select count(*) filter (where pages > 1), coalesce(bool_or(n > pages), false) from"
        " (select count(*) as n, count(distinct number) as pages from read_parquet(?) group by hash(record), record)",
        [paths],
    ).fetchall()
    if again and not alike:
        raise BadAnswer(
            f"load {table.full_name}",
            f"{again:,} of its records came on two pages: rows moved while they were read, or its pages overlap",
            "Declare `load: merge` and a `key`; `repeated_records: accept` if its records need not be unique.",
        )


def _check_moved(staging: Staging) -> None:
    """Raise BadAnswer for a key that came on two pages with other content: its row changed while pages were read."""
    table = staging.table
    keys = ", ".join(quote_identifier(name) for name in get_key(table))
    if not keys or get_load_mode(table) == "merge" or table.meta.get("repeated_records") == "accept":
        return
    ((moved,),) = staging.execute(
        "select count(*) from (select 1 from staged where _reason is null"
        f" group by {keys} having count(distinct _order) > 1)"
    )
    if moved:
        raise BadAnswer(
            f"load {table.full_name}",
            f"{moved:,} of its keys came on two pages: rows changed while they were read, and others were passed over",
            "Try again, or declare `load: merge`; `repeated_records: accept` if its key need not be unique.",
        )


def _stage_table(context: LoadContext, table: SourceTable, files: Sequence[Path]) -> PreparedBatch | None:
    label, paths = f"endpoint {table.meta['endpoint']}", [str(file) for file in files]
    with open_staging_database(context) as connection:
        found = RecordNames({}, False)
        if files:
            _check_overlap(connection, table, paths)
            found = read_record_names(connection, "read_parquet(?)", "''", [paths], list_numbers(table))
        names = found.names.get("", [])
        if names:
            check_columns(table, names, label, optional=True)
        staging = Staging(context, table, connection, name_extra_columns(table, names))
        if files:
            staging.add_rows(
                build_record_relation(
                    table,
                    "read_parquet(?)",
                    names,
                    found.odd_numbers,
                    order="number",
                    repeated=found.repeated,
                    broken=found.broken,
                ),
                [paths],
            )
            _check_moved(staging)
        return build_batch(staging, label, sum(file.stat().st_size for file in files))
