"""Expectations about types: by families, whatever an engine calls a type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from blocks.quality.type_expectations import find_family, take_types
from blocks.records import Check
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse


@pytest.mark.parametrize(
    ("kind", "family"),
    [
        ("BIGINT", "integer"),
        ("NUMBER(38,0)", "integer"),
        ("decimal( 18 , 0 )", "integer"),
        ("numeric(9)", "integer"),
        ("DECIMAL(18,2)", "decimal"),
        ("decimal", "decimal"),
        ("varchar(0)", "text"),
        (" character varying (20)", "text"),
        ("double precision", "float"),
        ("timestamp with time zone", "timestamp"),
        ("timestamp without time zone", "timestamp"),
        ("struct(a integer)", "struct"),
    ],
)
def test_a_type_is_of_a_family(kind: str, family: str) -> None:
    assert find_family(kind) == family


def judge(folder: Path, kwargs: dict[str, Any], **more: Any) -> Check:
    """The check of an expectation about the types of a mart with one column, k, an integer; in a schema with a dot."""
    warehouse = DuckDBWarehouse(database=str(folder / "w.duckdb"))
    with warehouse.session() as session:
        session.rows('create schema if not exists "rel.x"')
        session.rows('create or replace table "rel.x".m as select 1 as k')
    typed = {"type": "expect_column_values_to_be_in_type_list", "kwargs": kwargs, **more}
    plain = {"type": "expect_column_to_exist", "kwargs": {"column": "k"}}
    rest, (check,) = take_types(
        warehouse, {"m": [plain, typed], "n": [plain]}, {"m": "rel.x.m", "n": "rel.n"}
    )
    assert rest == {"m": [plain], "n": [plain]}
    assert (check.scope, check.kind) == ("m", "suite")
    return check


@pytest.mark.parametrize(
    ("kwargs", "more", "status"),
    [
        ({"column": "k", "type_list": ["text", "bigint"]}, {}, "passed"),
        ({"column": "k", "type_": "smallint"}, {}, "passed"),
        ({"column": "k", "type_list": ["text", "date"]}, {}, "failed"),
        ({"column": "k"}, {}, "failed"),
        ({"column": "other", "type_": "bigint"}, {}, "failed"),
        ({"column": "k", "type_": "text"}, {"severity": "warning"}, "warned"),
        ({"column": "k", "type_": "bigint"}, {"severity": "warning"}, "passed"),
        ({"column": "k", "type_list": ["text", 7]}, {}, "not run"),
        ({"column": 7, "type_": "bigint"}, {}, "not run"),
    ],
)
def test_a_column_is_held_to_families(
    tmp_path: Path, kwargs: dict[str, Any], more: dict[str, Any], status: str
) -> None:
    check = judge(tmp_path, kwargs, **more)
    assert (check.status, check.passed) == (status, status in {"passed", "warned"})
    assert check.not_run or check.observed == ("INTEGER" if kwargs["column"] == "k" else "no such column")
