"""dbt-dremio's target: two namespaces from the block's one setting, secrets as environment variables only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blocks.warehouse.dremio.warehouse import DremioWarehouse

SECRET = "DBT_ENV_SECRET_DREMIO"  # noqa: S105
GUARD = "blocks.vendor_patches.dbt_dremio"


def target(warehouse: DremioWarehouse, schema: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The profile's output for a schema, and what dbt's process gets as environment variables."""
    (source, *path), (space, *folder) = warehouse.names.tables, warehouse.names.views
    where = {
        "object_storage_source": source,
        "object_storage_path": ".".join((*path, schema)),
        "dremio_space": space,
        "dremio_space_folder": ".".join((*folder, schema)),
    }
    return {**_login(warehouse), **where}, _environment(warehouse, schema)


def _login(warehouse: DremioWarehouse) -> dict[str, Any]:
    at: dict[str, Any] = {"software_host": warehouse.host, "port": warehouse.port}
    if warehouse.project:
        at = {"cloud_host": warehouse.host, "cloud_project_id": warehouse.project}
    return {
        "type": "dremio",
        "threads": warehouse.threads,
        "user": warehouse.user or "",
        "use_ssl": warehouse.tls,
        "verify_ssl": warehouse.verify,
        **at,
        "pat" if warehouse.token else "password": f"{{{{ env_var('{SECRET}') }}}}",
    }


def _environment(warehouse: DremioWarehouse, schema: str) -> dict[str, str]:
    secret = warehouse.token or warehouse.password
    found = {
        SECRET: secret.get_secret_value() if secret else "",
        "DBT_ADAPTER_GUARD": GUARD,
        "DREMIO_JOB_DEADLINE_SECONDS": str(warehouse.deadline_seconds),
        "DREMIO_TABLES": ".".join(warehouse.names.tables),
        "DREMIO_RELEASE": ".".join(warehouse.names.view_folder(schema)),
    }
    if warehouse.authority:
        found["REQUESTS_CA_BUNDLE"] = str(warehouse.authority)
    return found
