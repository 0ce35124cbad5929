"""What a Snowflake administrator runs once: a role with the least rights, a warehouse, a database, schemas.

Every statement can be repeated. The role owns the schemas it writes, because only an owner can swap two of
them; readers get the two serving schemas and nothing behind them, since a view reads with its owner's rights.
"""

from __future__ import annotations

import re
from typing import Any

from blocks.errors import Misconfigured
from blocks.warehouse.snowflake.publish import upcoming

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


def statements(house: Any) -> list[str]:
    """The statements with comments between them, each ended by a semicolon."""
    role, database, warehouse = house.role, house.database, house.warehouse
    for label, name in (("role", role), ("database", database), ("warehouse", warehouse)):
        if not PLAIN.fullmatch(name):
            raise Misconfigured("set up Snowflake", f"the block's {label} is {name or 'empty'}", "Name it.")
    return [
        "-- For a user who may use USERADMIN, SYSADMIN, SECURITYADMIN and ACCOUNTADMIN. Safe to repeat.",
        "use role useradmin;",
        f"create role if not exists {role};",
        *([f"create role if not exists {house.readers};"] if house.readers else []),
        "use role sysadmin;",
        f"create warehouse if not exists {warehouse} warehouse_size = xsmall auto_suspend = 60"
        " auto_resume = true initially_suspended = true;",
        f"create database if not exists {database};",
        *(f"create schema if not exists {database}.{schema};" for schema in _schemas(house)),
        "use role securityadmin;",
        *_user(house),
        "-- It builds: a schema for every source and every release, which it owns because it makes them.",
        f"grant usage on warehouse {warehouse} to role {role};",
        f"grant usage, create schema on database {database} to role {role};",
        *(
            f"grant ownership on schema {database}.{schema} to role {role} copy current grants;"
            for schema in _schemas(house)
        ),
        *_readers(house),
        "-- Costs by run and ticket (status --cost); leave these out if nobody is to see them.",
        "use role accountadmin;",
        f"grant database role snowflake.usage_viewer to role {role};",
        f"grant database role snowflake.governance_viewer to role {role};",
    ]


def apply(house: Any, lines: list[str]) -> None:
    """Run them in one session of the block's user, without the role and names they are about to make."""
    with house.administration() as session:
        for line in lines:
            if not line.startswith("--"):
                session.rows(line.rstrip(";"))


def _schemas(house: Any) -> tuple[str, ...]:
    return (house.control, house.serving, upcoming(house))


def _user(house: Any) -> list[str]:
    """The role under SYSADMIN, as Snowflake advises, and for the block's user if its name needs no quotes."""
    user = house.credentials.user or ""
    own = [f"grant role {house.role} to user {user};"] if PLAIN.fullmatch(user) else []
    return [f"grant role {house.role} to role sysadmin;", *own]


def _readers(house: Any) -> list[str]:
    """What the readers' role gets, alike on both serving schemas: they are swapped with their grants."""
    if not house.readers:
        return [
            "-- Readers: name their role in the block's `readers`, or grant on both serving schemas alike."
        ]
    lines = ["-- Readers see the serving schemas, alike because they are swapped with their grants."]
    lines.append(f"grant usage on database {house.database} to role {house.readers};")
    for schema in (house.serving, upcoming(house)):
        name = f"{house.database}.{schema}"
        lines += [
            f"grant usage on schema {name} to role {house.readers};",
            f"grant select on all views in schema {name} to role {house.readers};",
            f"grant select on future views in schema {name} to role {house.readers};",
        ]
    return lines
