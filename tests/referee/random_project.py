"""A semantic layer drawn by a seed: any aggregation, filters at every level, metrics of metrics."""

from __future__ import annotations

import random
from typing import Any

from tests.referee.projects import AREA_MODEL, BALANCE_DIMENSIONS, CUSTOMER_MODEL, MODELS, SALES_DIMENSIONS

FILTERS = {
    "sale": [
        "{{ Dimension('sale__region') }} = 'North'",
        "{{ Dimension('sale__product') }} in ('CHAIR', 'DESK')",
        "{{ Dimension('sale__region') }} is null or {{ Dimension('sale__is_gift') }}",
        "{{ TimeDimension('sale__sold_on', 'month') }} >= '2025-03-01'",
        "{{ TimeDimension('metric_time', 'day') }} < '2025-06-15'",
        "{{ Dimension('sale__product') }} like 'L%'",
        "{{ Dimension('customer__segment') }} = 'Home'",
        "{{ TimeDimension('customer__joined_on', 'month') }} < '2024-05-01' or {{ Dimension('sale__is_gift') }}",
        "{{ Dimension('customer__segment') }} is null",
        "{{ Dimension('area__land', entity_path=['customer']) }} = 'COAST'",
        "{{ TimeDimension('area__opened_on', 'month', entity_path=['customer']) }} < '2020-04-01'",
        "{{ Metric('spent', group_by=['customer']) }} > 9000",
        "{{ Metric('visits', ['customer']) }} < 22 and {{ Dimension('sale__region') }} = 'North'",
        "{{ Metric('products_of_gifts', group_by=['customer']) }} = 3"
        " or {{ Metric('spent', group_by=['customer']) }} is null",
    ],
    "balance_row": [
        "{{ Dimension('balance_row__branch') }} = 'X'",
        "{{ Dimension('balance_row__kind') }} <> 'shut'",
        "{{ TimeDimension('balance_row__bal_on', 'day') }} < '2025-03-10'",
        "{{ Metric('held', group_by=['account']) }} >= 90000",
    ],
}
ASKED_IN_FILTERS = {
    "sale": {
        "spent": {"agg": "sum", "expr": "amount", "filter": "{{ Dimension('sale__product') }} <> 'LAMP'"},
        "visits": {"agg": "count", "expr": "sale_id"},
        "products_of_gifts": {
            "agg": "count_distinct",
            "expr": "product",
            "filter": "{{ Dimension('sale__is_gift') }}",
        },
    },
    "balance_row": {"held": {"agg": "sum", "expr": "balance"}},
}
"""Metrics that filters go by, by an entity: their measures, and their own filters."""
NUMBERS = {
    "sale": ["amount", "quantity", "amount * quantity", "abs(amount - 300)"],
    "balance_row": ["balance"],
}
VALUES = {"sale": ["customer_id", "product"], "balance_row": ["account"]}
EXPRESSIONS = [
    "aa - bb",
    "aa / bb",
    "aa + 2 * bb",
    "(aa - bb) / (aa + bb)",
    "case when bb > 0 then aa / bb end",
    "case when aa is null then 0 when aa >= bb then aa else bb - 1 end",
    "coalesce(aa, 0) + coalesce(bb, 0)",
    "aa / nullif(bb, 0)",
    "round(aa / bb, 2)",
    "greatest(aa, bb)",
    "least(aa, bb, 100)",
    "abs(aa - bb)",
    "-aa + 1",
    "case when aa > 10 and not bb < 5 or bb is not null then 1.5 else 0 end",
    "floor(aa / 7) + ceil(bb / 7)",
]


class Draw:
    """A project's resources, drawn by a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.metrics: list[dict[str, Any]] = []

    def resources(self) -> dict[str, Any]:
        models = [
            self.model("sale", "sales", SALES_DIMENSIONS),
            self.model("balance_row", "balances", BALANCE_DIMENSIONS),
        ]
        return {
            "models": MODELS,
            "semantic_models": [*models, CUSTOMER_MODEL, AREA_MODEL],
            "metrics": self.metrics,
        }

    def model(self, entity: str, mart: str, dimensions: list[dict[str, Any]]) -> dict[str, Any]:
        pick, times = self.random, [d["name"] for d in dimensions if d["type"] == "time"]
        measures = [self.measure(entity, f"{mart}_{i}", times) for i in range(12)]
        names = [measure["name"] for measure in measures]
        simple = [self.simple(entity, f"{mart}_metric_{i}", names[i]) for i in range(12)]
        for name, given in ASKED_IN_FILTERS[entity].items():
            own = {key: value for key, value in given.items() if key == "filter"}
            measures.append(
                {"name": f"{name}_of_rows", **{key: value for key, value in given.items() if key != "filter"}}
            )
            params = {"measure": {"name": f"{name}_of_rows"}}
            self.metrics.append(self.named(name) | {"type": "simple", "type_params": params} | own)
        made = []
        for i in range(5):
            a, b = pick.sample(simple, 2)
            kind = {
                "type": "ratio",
                "type_params": {"numerator": self.input(entity, a), "denominator": self.input(entity, b)},
            }
            made.append(self.named(f"{mart}_ratio_{i}") | kind)
        for i in range(12):
            a, b = pick.sample(simple, 2)
            inputs = [self.input(entity, a) | {"alias": "aa"}, self.input(entity, b) | {"alias": "bb"}]
            params = {"expr": EXPRESSIONS[(i + pick.randrange(99)) % len(EXPRESSIONS)], "metrics": inputs}
            made.append(
                self.named(f"{mart}_derived_{i}")
                | {"type": "derived", "type_params": params}
                | self.filter(entity)
            )
        self.metrics += [*simple, *made]
        entities = [
            {"name": entity, "type": "primary", "expr": "sale_id" if mart == "sales" else "account || bal_on"}
        ]
        entities += (
            [{"name": "customer", "type": "foreign", "expr": "customer_id"}]
            if mart == "sales"
            else [{"name": "account", "type": "foreign", "expr": "account"}]
        )
        return {
            "name": mart,
            "model": f"ref('{mart}')",
            "defaults": {"agg_time_dimension": times[0]},
            "entities": entities,
            "dimensions": dimensions,
            "measures": measures,
        }

    def measure(self, entity: str, name: str, times: list[str]) -> dict[str, Any]:
        pick = self.random
        kinds = [
            "sum",
            "sum",
            "min",
            "max",
            "average",
            "count",
            "count_distinct",
            "median",
            "percentile",
            "sum_boolean",
        ]
        agg = pick.choice(kinds if entity == "sale" else [k for k in kinds if k != "sum_boolean"])
        expr = pick.choice(VALUES[entity] if agg in {"count", "count_distinct"} else NUMBERS[entity])
        if agg in {"median", "percentile"}:  # of decimals DuckDB cuts what lies between two values
            expr = f"cast({expr} as double)"
        found: dict[str, Any] = {
            "name": name,
            "agg": agg,
            "expr": "is_gift" if agg == "sum_boolean" else expr,
        }
        if agg == "percentile":
            found["agg_params"] = {
                "percentile": pick.choice([0.1, 0.9]),
                "use_discrete_percentile": pick.random() < 0.5,
            }
        if entity == "sale" and pick.random() < 0.2:
            found["agg_time_dimension"] = pick.choice(times)
        elif (
            entity == "balance_row"
            and pick.random() < 0.7
            and agg in {"sum", "min", "max", "count", "average"}
        ):
            found["non_additive_dimension"] = {"name": "bal_on", "window_choice": pick.choice(["min", "max"])}
            if pick.random() < 0.4:
                found["non_additive_dimension"]["window_groupings"] = ["account"]
        return found

    def named(self, name: str) -> dict[str, Any]:
        return {"name": name, "label": name.replace("_", " ")}

    def filter(self, entity: str, share: float = 0.4) -> dict[str, Any]:
        return {"filter": self.random.choice(FILTERS[entity])} if self.random.random() < share else {}

    def input(self, entity: str, metric: dict[str, Any]) -> dict[str, Any]:
        return {"name": metric["name"]} | self.filter(entity, 0.3)

    def simple(self, entity: str, name: str, measure: str) -> dict[str, Any]:
        reference = {"name": measure} | self.filter(entity, 0.3)
        if self.random.random() < 0.2:
            reference["fill_nulls_with"] = 0
        return (
            self.named(name)
            | {"type": "simple", "type_params": {"measure": reference}}
            | self.filter(entity, 0.3)
        )
