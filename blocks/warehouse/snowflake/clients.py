"""How dbt and Great Expectations get to the same Snowflake: their settings from the block. No connection here.

Secrets go to dbt as environment variables and to SQLAlchemy as arguments: none is in a file or a URL.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from blocks.query_tags import query_tag
from blocks.vendor_patches.snowflake_connector import leave_limits_to_server
from blocks.warehouse.snowflake.settings import SnowflakeSettings

if TYPE_CHECKING:
    from prefect_snowflake import SnowflakeCredentials

SECRETS = "DBT_ENV_SECRET_SNOWFLAKE_"  # dbt keeps variables of this beginning out of its logs
PASSED_ON = ("host", "port", "protocol", "proxy_host", "proxy_port")


def write_profile(settings: SnowflakeSettings, schema: str) -> tuple[dict[str, object], dict[str, str]]:
    """dbt-snowflake's profile output, and the environment variables its secrets come from."""
    credentials, secrets = settings.credentials, _read_secrets(settings.credentials)
    profile = {
        "type": "snowflake",
        "account": credentials.account,
        "user": credentials.user,
        "role": settings.role,
        "warehouse": settings.warehouse,
        "database": settings.database,
        "schema": schema,
        "threads": settings.threads,
        "query_tag": query_tag(),
        "connect_retries": 3,
        "connect_timeout": 10,
        "reuse_connections": True,
        **{key: value for key, value in settings.connection.items() if key in PASSED_ON},
        **{key: f"{{{{ env_var('{SECRETS}{key.upper()}') }}}}" for key in secrets},
    }
    if credentials.workload_identity_provider:
        profile["workload_identity_provider"] = credentials.workload_identity_provider
    if credentials.authenticator not in {"snowflake", "snowflake_jwt"}:
        profile["authenticator"] = credentials.endpoint or credentials.authenticator
    filled = {key: value for key, value in profile.items() if value is not None}
    return filled, {f"{SECRETS}{key.upper()}": value for key, value in secrets.items()}


def write_engine(settings: SnowflakeSettings) -> tuple[str, dict[str, object]]:
    """snowflake-sqlalchemy's URL and engine arguments."""
    from sqlalchemy.engine import URL

    leave_limits_to_server()
    credentials = settings.credentials
    names = {"warehouse": settings.warehouse, "role": settings.role}
    url = URL.create(
        "snowflake",
        username=credentials.user,
        host=credentials.account,
        database=settings.database,
        query=names,
    )
    arguments = {
        key: value
        for key, value in settings.build_connection_arguments().items()
        if key not in {"paramstyle", "database"}
    }
    key = credentials.resolve_private_key()
    plain = {"private_key": key} if key else {**_read_secrets(credentials)}
    if credentials.authenticator != "snowflake":
        plain["authenticator"] = credentials.endpoint or credentials.authenticator
    return url.render_as_string(hide_password=False), {"connect_args": {**arguments, **plain}}


def _read_secrets(credentials: SnowflakeCredentials) -> dict[str, str]:
    """The secrets the credentials hold, by dbt-snowflake's names."""
    key = credentials.resolve_private_key()
    if key:  # unlocked DER, which dbt takes in base64: no file, no passphrase
        return {"private_key": b64encode(key).decode()}
    found = {}
    for name in ("password", "token"):
        if value := getattr(credentials, name):
            found[name] = value.get_secret_value()
    return found
