"""The catalogue: dbt's manifest read as data sources, metrics, marts and dashboards. No other registry.

Nothing here names a model of any project. SQL comes from the manifest's own expressions only.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cached_property
from typing import Any, Literal

from blocks.errors import BadInput, Misconfigured, NotFound
from blocks.records import Analysis, Column, Dashboard, Record, SourceTable

Grain = Literal["day", "week", "month", "quarter", "year"]
AGGREGATIONS = {"sum", "count", "sum_boolean", "average", "min", "max", "count_distinct"}


class Measure(Record):
    """A column of a dataset that can be aggregated again, with the function that does it."""

    name: str
    function: Literal["sum", "min", "max", "count_distinct"]


class Metric(Record):
    """A semantic-layer metric as a formula over measures.

    formula: nested lists, `["measure", name]`, `["number", 1.5]`, `["+", a, b]`, likewise - * /.
    form: how to show it: `number`, `percent`, or a currency as `currency:GBP`.
    goal: `up` if more is better, `down`, or `none`.
    """

    name: str
    label: str
    description: str
    mart: str
    formula: list[Any]
    measures: tuple[Measure, ...]
    form: str = "number"
    goal: str = "up"


class Dataset(Record):
    """The rows of one mart that a dashboard needs: time and dimensions, and measures to add up.

    Columns of its rows: time (DATE, absent if the mart has none), each dimension (text or as typed), each
    measure. select is SQL over `{relation}`, built from the manifest alone.
    """

    mart: str
    time: str | None
    grain: str = "day"
    dimensions: tuple[str, ...]
    labels: dict[str, str]
    metrics: tuple[Metric, ...]
    measures: tuple[Measure, ...]
    select: str
