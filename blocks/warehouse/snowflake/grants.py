"""What a Snowflake administrator runs once: a role with the least rights, a warehouse, a database, schemas.

Every statement can be repeated. The role owns the schemas it writes, because only an owner can swap two of
them; readers get the two serving schemas and nothing behind them, since a view reads with its owner's rights.
"""

from __future__ import annotations

import re

from blocks.errors import Misconfigured
from blocks.warehouse.snowflake.settings import SnowflakeSettings

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


def write_setup(settings: SnowflakeSettings) -> list[str]:
    """The statements with comments between them, each ended by a semicolon."""
    role, database, warehouse = settings.role, settings.database, settings.warehouse
    for label, name in (("role", role), ("database", database), ("warehouse", warehouse)):
        if not PLAIN.fullmatch(name):
            raise Misconfigured("set up Snowflake", f"the block's {label} is {name or 'empty'}", "Name it.")
    return [
        "-- For a user who may use USERADMIN, SYSADMIN, SECURITYADMIN and ACCOUNTADMIN. Safe to repeat.",
        "use role useradmin;",
        f"create role if not exists {role};",
        *([f"create role if not exists {settings.readers};"] if settings.readers else []),
        "use role sysadmin;",
        f"create warehouse if not exists {warehouse} warehouse_size = xsmall auto_suspend = 60"
        " auto_resume = true initially_suspended = true;",
        f"create database if not exists {database};",
        *(f"create schema if not exists {database}.{schema};" for schema in _list_schemas(settings)),
        "use role securityadmin;",
        *_write_user_grants(settings),
        "-- It builds: a schema for every source and every release, which it owns because it makes them.",
        f"grant usage on warehouse {warehouse} to role {role};",
        f"grant usage, create schema on database {database} to role {role};",
        *(
            f"grant ownership on schema {database}.{schema} to role {role} copy current grants;"
            for schema in _list_schemas(settings)
        ),
        *_write_reader_grants(settings),
        "-- Costs by run and ticket (status --cost); leave these out if nobody is to see them.",
        "use role accountadmin;",
        f"grant database role snowflake.usage_viewer to role {role};",
        f"grant database role snowflake.governance_viewer to role {role};",
    ]


def _list_schemas(settings: SnowflakeSettings) -> tuple[str, ...]:
    return (settings.control, settings.serving, settings.next_schema)


def _write_user_grants(settings: SnowflakeSettings) -> list[str]:
    """The role under SYSADMIN, as Snowflake advises, and for the block's user if its name needs no quotes."""
    user = settings.credentials.user or ""
    own = [f"grant role {settings.role} to user {user};"] if PLAIN.fullmatch(user) else []
    return [f"grant role {settings.role} to role sysadmin;", *own]


def _write_reader_grants(settings: SnowflakeSettings) -> list[str]:
    """What the readers' role gets, alike on both serving schemas: they are swapped with their grants."""
    if not settings.readers:
        return [
            "-- Readers: name their role in the block's `readers`, or grant on both serving schemas alike."
        ]
    lines = ["-- Readers see the serving schemas, alike because they are swapped with their grants."]
    lines.append(f"grant usage on database {settings.database} to role {settings.readers};")
    for schema in (settings.serving, settings.next_schema):
        name = f"{settings.database}.{schema}"
        lines += [
            f"grant usage on schema {name} to role {settings.readers};",
            f"grant select on all views in schema {name} to role {settings.readers};",
            f"grant select on future views in schema {name} to role {settings.readers};",
        ]
    return lines
