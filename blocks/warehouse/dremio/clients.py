"""dbt-dremio's target: two namespaces from the block's one setting, secrets as environment variables only."""

from __future__ import annotations

from blocks.warehouse.dremio.settings import DremioSettings

PASSED_IN = "DBT_ENV_SECRET_DREMIO"  # dbt keeps variables of this beginning out of its logs
GUARD = "blocks.vendor_patches.dbt_dremio"


def build_dbt_target(settings: DremioSettings, schema: str) -> tuple[dict[str, object], dict[str, str]]:
    """The profile's output for a schema, and what dbt's process gets as environment variables."""
    (source, *path), (space, *folder) = settings.names.tables, settings.names.views
    server: dict[str, object] = {"software_host": settings.host, "port": settings.port}
    if settings.project:
        server = {"cloud_host": settings.host, "cloud_project_id": settings.project}
    target = {
        "type": "dremio",
        "threads": settings.threads,
        "user": settings.user or "",
        "use_ssl": settings.tls,
        "verify_ssl": settings.verify,
        **server,
        "pat" if settings.token else "password": f"{{{{ env_var('{PASSED_IN}') }}}}",
        "object_storage_source": source,
        "object_storage_path": ".".join((*path, schema)),
        "dremio_space": space,
        "dremio_space_folder": ".".join((*folder, schema)),
    }
    return target, _build_environment(settings, schema)


def _build_environment(settings: DremioSettings, schema: str) -> dict[str, str]:
    secret = settings.token or settings.password
    variables = {
        PASSED_IN: secret.get_secret_value() if secret else "",
        "DBT_ADAPTER_GUARD": GUARD,
        "DREMIO_JOB_DEADLINE_SECONDS": str(settings.deadline_seconds),
        "DREMIO_TABLES": ".".join(settings.names.tables),
        "DREMIO_RELEASE": ".".join(settings.names.view_folder(schema)),
    }
    if settings.authority:
        variables["REQUESTS_CA_BUNDLE"] = str(settings.authority)
    return variables
