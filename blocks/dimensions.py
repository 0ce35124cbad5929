"""The dimensions and keys that a semantic model declares: names, and SQL of the project's own.

Not here: which of them a row source has (semantic_models.py), and those of other models (entity_joins.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from blocks.manifest import DimensionNode, Node, SemanticModelNode, name_model
from blocks.records import GRAINS, Record

FINER_THAN_DAYS = ("nanosecond", "microsecond", "millisecond", "second", "minute", "hour")
ALL_GRAINS = (*FINER_THAN_DAYS, *GRAINS)


class UnusableError(Exception):
    """Why a metric can't be shown."""


class Dimension(Record):
    """A dimension of a mart. expr: its SQL; time: a date, as fine as its grain.

    declared: the grain that the project gives it, by which filters and balances go; pages have none finer than days.
    joined: it is another semantic model's, and its name begins with the entity that leads there.
    """

    name: str
    expr: str
    time: bool
    grain: str
    label: str
    declared: str = "day"
    joined: bool = False


def read_mart(nodes: Sequence[Node], model: SemanticModelNode) -> str:
    """The name of the mart that a semantic model is on. Raises UnusableError for one that is on none."""
    if not nodes:
        read = " ".join(str(model.get("model") or "").split())[:200]
        problem = f"no model that is enabled{f', but {read}' if read else ''}"
        raise UnusableError(f"its semantic model {model.get('name')} reads {problem}")
    if nodes[0].get("resource_type", "model") != "model":
        kind = nodes[0]["resource_type"]
        raise UnusableError(f"its semantic model {model.get('name')} reads a {kind}; a mart is a model")
    return name_model(nodes[0])


def read_entity(model: SemanticModelNode) -> str:
    """The name of a semantic model's primary entity, empty without one."""
    primary = [each["name"] for each in model.get("entities") or () if each.get("type") == "primary"]
    return str(model.get("primary_entity") or next(iter(primary), ""))


def read_keys(model: SemanticModelNode) -> dict[str, str]:
    """The SQL of each of a semantic model's entities by name."""
    return {each["name"]: str(each.get("expr") or each["name"]) for each in model.get("entities") or ()}


def read_dimension(dimension: DimensionNode) -> Dimension:
    """A dimension as a semantic model declares it."""
    name = dimension["name"]
    grain = str((dimension.get("type_params") or {}).get("time_granularity") or "day").lower()
    return Dimension(
        name=name,
        expr=str(dimension.get("expr") or name),
        time=dimension["type"] == "time",
        grain="day" if grain in FINER_THAN_DAYS else grain,
        label=dimension.get("label") or name.replace("_", " ").capitalize(),
        declared=grain,
    )


def cut_time(dimension: Dimension, grain: str) -> str:
    """SQL of a time dimension cut to a grain."""
    expr = end_comment(dimension.expr)
    return f"cast({expr} as date)" if grain == "day" else f"date_trunc('{grain}', {expr})"


def name_hour(time: str) -> str:
    """What the hour of the day of a time is called; MetricFlow says it so, too."""
    return f"{time}__hour"


def cut_to_hour_of_day(dimension: Dimension) -> str:
    """SQL of the hour of the day, 0 to 23 in the session's time zone, that a time finer than days falls into."""
    return f"extract(hour from cast({end_comment(dimension.expr)} as timestamp))"


def end_comment(expr: str) -> str:
    """An expression that more SQL may follow: a comment to the end of the line would swallow it."""
    return f"{expr}\n" if "--" in expr or "//" in expr else expr
