"""A dbt project of any size with all that a run needs: a source of files, models, marts with suites, dashboards."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

FIRST = date(2026, 1, 1)
SEGMENTS = ("a", "b", "c", "d")
ROWS_A_DAY = 200
SPINE = (
    "select cast(range as date) as date_day from range(date '2026-01-01', date '2027-01-01', interval 1 day)"
)


def write_project(folder: Path, models: int, marts: int, days: int = 60) -> Path:
    """Write a project of so many models, marts among them, below a folder; return its folder.

    `exports` beside it has a file a day. A mart is made of a chain of models, of which every fourth is a table.
    """
    project = folder / "project"
    (project / "models").mkdir(parents=True)
    (project / "expectations").mkdir()
    (project / "dbt_project.yml").write_text(
        'name: generated\nversion: "1.0"\nprofile: generated\nflags: {send_anonymous_usage_stats: false}\n'
    )
    (folder / "exports").mkdir()
    for day in range(days):
        write_day(folder, day)
    between = max(1, models - marts - 2)
    texts = {"stg_orders": "select * from {{ source('shop', 'orders') }}", "time_spine": SPINE}
    for at in range(between):
        parent = f"int_{at - marts}" if at >= marts else "stg_orders"
        kind = "{{ config(materialized='table') }}\n" if at // marts % 4 == 3 else ""
        texts[f"int_{at}"] = (
            f"{kind}select order_id, order_day, segment, amount from {{{{ ref('{parent}') }}}}"
            f" where order_id > {at % 7}"
        )
    for at in range(marts):
        write_mart(project, at, 1, _find_last(at, between, marts))
        suite = [
            {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "segment"}},
            {"type": "expect_column_values_to_be_between", "kwargs": {"column": "revenue", "min_value": 0}},
            {
                "type": "expect_column_values_to_be_in_set",
                "kwargs": {"column": "segment", "value_set": SEGMENTS},
            },
        ]
        (project / "expectations" / f"mart_{at}.json").write_text(
            json.dumps({"name": f"mart_{at}", "expectations": suite})
        )
    for name, text in texts.items():
        (project / "models" / f"{name}.sql").write_text(text + "\n")
    (project / "models" / "all.yml").write_text(json.dumps(_declare(between, marts)))  # JSON is YAML, too
    return project


def write_day(folder: Path, day: int) -> None:
    """Write the orders of a day."""
    at = FIRST + timedelta(days=day)
    lines = [
        f"{day * ROWS_A_DAY + row + 10},{at},{SEGMENTS[row % len(SEGMENTS)]},{(row * 7 + day * 3) % 100}.50"
        for row in range(ROWS_A_DAY)
    ]
    (folder / "exports" / f"{at}.csv").write_text(
        "\n".join(["order_id,order_day,segment,amount", *lines, ""])
    )


def write_mart(project: Path, at: int, factor: int, parent: int) -> None:
    """Write a mart of a model in between; another factor is another version of its code."""
    (project / "models" / f"mart_{at}.sql").write_text(
        "{{ config(materialized='table') }}\n"
        f"select order_day, segment, cast(sum(amount) * {factor} as decimal(18, 2)) as revenue, count(*) as orders\n"
        f"from {{{{ ref('int_{parent}') }}}} group by order_day, segment\n"
    )


def _find_last(at: int, between: int, marts: int) -> int:
    """The last model of a mart's chain."""
    return max((each for each in range(between) if each % marts == at % marts), default=0)


def change_mart(project: Path, at: int) -> None:
    """Write another version of a mart's code, with the same figures: history holds back a past that moved."""
    path = project / "models" / f"mart_{at}.sql"
    path.write_text(path.read_text().replace("sum(amount) * 1 ", "sum(amount) * 1 + 0 "))


def _declare(between: int, marts: int) -> dict[str, object]:
    source = {
        "name": "shop",
        "schema": "raw_shop",
        "loader": "dlt",
        "config": {"meta": {"kind": "files"}},
        "tables": [
            {
                "name": "orders",
                "config": {"meta": {"path": "*.csv", "format": "csv", "load": "append"}},
                "columns": [
                    {"name": "order_id", "data_type": "integer"},
                    {"name": "order_day", "data_type": "date"},
                    {"name": "segment", "data_type": "varchar"},
                    {"name": "amount", "data_type": "decimal(18,2)"},
                ],
            }
        ],
    }
    names = [*(f"int_{at}" for at in range(between)), *(f"mart_{at}" for at in range(marts))]
    models: list[dict[str, object]] = [
        {"name": name, "columns": [{"name": "segment", "data_tests": ["not_null"]}]} for name in names
    ]
    spine = {
        "name": "time_spine",
        "time_spine": {"standard_granularity_column": "date_day"},
        "columns": [{"name": "date_day", "granularity": "day"}],
    }
    return {
        "sources": [source],
        "models": [*models, spine],
        "semantic_models": [
            {
                "name": f"mart_{at}",
                "model": f"ref('mart_{at}')",
                "defaults": {"agg_time_dimension": "order_day"},
                "entities": [{"name": f"key_{at}", "type": "primary", "expr": "segment"}],
                "dimensions": [
                    {"name": "order_day", "type": "time", "type_params": {"time_granularity": "day"}},
                    {"name": "segment", "type": "categorical"},
                ],
                "measures": [{"name": f"revenue_{at}", "agg": "sum", "expr": "revenue"}],
            }
            for at in range(marts)
        ],
        "metrics": [
            {
                "name": f"sales_{at}",
                "label": f"Sales {at}",
                "type": "simple",
                "type_params": {"measure": f"revenue_{at}"},
            }
            for at in range(marts)
        ],
        "exposures": [
            {
                "name": f"board_{at}",
                "type": "dashboard",
                "owner": {"name": "nobody", "email": "nobody@example.com"},
                "depends_on": [f"ref('mart_{at}')"],
                "config": {
                    "meta": {
                        "schedule": "daily",
                        "analysis": "trend",
                        "metrics": [f"sales_{at}"],
                        "dimensions": ["segment"],
                    }
                },
            }
            for at in range(marts)
        ],
    }
