"""A dbt project where there is none: a source, a staging view for each table, a mart for each table of events.

What is written is a beginning that builds: a person renames, describes and deletes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from blocks.adoption.names import to_snake_case
from blocks.adoption.profile import ColumnProfile
from blocks.adoption.workbench import FoundTable
from blocks.adoption.yaml_files import describe_source, write_yaml
from blocks.sql import quote_identifier

References = Mapping[tuple[str, str], tuple[str, str]]
PROPOSED = "Proposed from the data: read it, and change what is not meant."
TIME_SPINE = """-- One row a day, for the semantic layer.
select cast(date_day as date) as date_day
from ({{ dbt.date_spine('day', "cast('2000-01-01' as date)", "cast('2051-01-01' as date)") }}) as days
"""
_MOST_JOINED = 8


def write_project(
    name: str, source: str, kind: str, tables: Sequence[FoundTable], references: References
) -> dict[str, str]:
    """The files of a new dbt project: path in it → text."""
    folder = f"models/staging/{source}"
    files = {
        "dbt_project.yml": write_yaml(
            {
                "name": to_snake_case(name),
                "version": "1.0",
                "profile": to_snake_case(name),
                "model-paths": ["models"],
                "flags": {"send_anonymous_usage_stats": False},
                "models": {
                    to_snake_case(name): {
                        "staging": {"+materialized": "view"},
                        "marts": {"+materialized": "table"},
                    }
                },
            }
        ),
        f"{folder}/_{source}__sources.yml": write_yaml(
            {"sources": [describe_source(source, kind, tables)]}, PROPOSED
        ),
        **write_time_spine(),
    }
    for table in tables:
        files[f"{folder}/{_stage(table)}.sql"] = _write_staging(table)
    for table in choose_facts(tables, references):
        sql, parts = _write_mart(table, tables, references)
        files[f"models/marts/{table.name}.sql"] = sql
        files[f"models/marts/{table.name}.yml"] = _describe_mart(table, parts)
    return files


def write_time_spine(folder: str = "models") -> dict[str, str]:
    """The model that metrics are counted along, with its YAML. folder: of the project's models."""
    column = {"name": "date_day", "granularity": "day", "description": "Day."}
    model = {
        "name": "time_spine",
        "description": "Days, for the semantic layer.",
        "time_spine": {"standard_granularity_column": "date_day"},
        "columns": [column],
    }
    return {
        f"{folder}/time_spine.sql": TIME_SPINE,
        f"{folder}/time_spine.yml": write_yaml({"models": [model]}),
    }


def choose_facts(tables: Sequence[FoundTable], references: References) -> list[FoundTable]:
    """Tables of events: with a time, and not what others refer to, unless they have what can be added up."""
    parents = {parent for parent, _ in references.values()}
    keys = {name for (_, name) in references}
    facts = [
        table
        for table in tables
        if table.profile.find_time() and (table.name not in parents or table.profile.list_measures(keys))
    ]
    return (
        facts
        or [table for table in tables if table.profile.rows and table.profile.list_parts()]
        or list(tables[:1])
    )


def _stage(table: FoundTable) -> str:
    return f"stg_{table.source}__{table.name}"


def _write_staging(table: FoundTable) -> str:
    columns = ",\n    ".join(quote_identifier(column.name) for column in table.columns)
    return f"select\n    {columns}\nfrom {{{{ source('{table.source}', '{table.name}') }}}}\n"


def _write_mart(
    table: FoundTable, tables: Sequence[FoundTable], references: References
) -> tuple[str, list[str]]:
    """A table's rows with the parts of what it refers to beside them, as many as the table has; the parts' names."""
    named = {each.name: each for each in tables}
    taken = {column.name for column in table.columns}
    own = [f"{table.name}.{quote_identifier(column.name)}" for column in table.columns]
    joins, parts = list[str](), list[str]()
    ctes = [table.name]
    for (child, column), (parent, key) in list(references.items()):
        if child != table.name or len(joins) >= _MOST_JOINED:
            continue
        alias = parent if parent not in ctes else f"{parent}_{len(ctes)}"
        if alias != parent:
            continue  # a second reference to one table: a person says what it is called
        ctes.append(parent)
        for part in named[parent].profile.list_parts():
            shown = _name_part(parent, part)
            if shown not in taken:
                taken.add(shown)
                parts.append(shown)
                own.append(f"{parent}.{quote_identifier(part.name)} as {shown}")
        joins.append(
            f"left join {parent} on {table.name}.{quote_identifier(column)} = {parent}.{quote_identifier(key)}"
        )
    stages = ",\n".join(
        f"{name} as (\n    select * from {{{{ ref('{_stage(named[name])}') }}}}\n)" for name in ctes
    )
    columns = ",\n    ".join(own)
    joined = "".join(f"\n{join}" for join in joins)
    return f"with {stages}\n\nselect\n    {columns}\nfrom {table.name}{joined}\n", parts


def _name_part(parent: str, part: ColumnProfile) -> str:
    singular = parent[:-1] if parent.endswith("s") and not parent.endswith("ss") else parent
    return part.name if part.name.startswith(f"{singular}_") else f"{singular}_{part.name}"


def _describe_mart(table: FoundTable, parts: Sequence[str]) -> str:
    columns: list[dict[str, object]] = []
    for column in table.columns:
        tests = ["not_null"] if column.name in table.key else []
        tests += ["unique"] if table.key == (column.name,) else []
        columns.append({"name": column.name, **({"data_tests": tests} if tests else {})})
    columns += [{"name": name} for name in parts]
    meta = {"config": {"meta": {"primary_key": list(table.key)}}} if table.key else {}
    model = {
        "name": table.name,
        "description": f"{table.name.replace('_', ' ').capitalize()}, one row each.",
        **meta,
    }
    return write_yaml({"models": [{**model, "columns": columns}]}, PROPOSED)
