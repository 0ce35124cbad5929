"""What the command line does ahead of time: settings, slow imports, Prefect's database."""

from __future__ import annotations

SETTINGS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",  # it imports every vendor's package first: 3 of 5 seconds
    "PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",  # so does working out whether to
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # the terminal says it better
    "GX_ANALYTICS_ENABLED": "false",
    "RUNTIME__DLTHUB_TELEMETRY": "false",  # dlt reads it when it is imported, which may be here first
    "RUNTIME__LOG_LEVEL": "CRITICAL",
}


def import_slow() -> None:
    """Do what later stages need once in a process, while the first ones wait for others."""
    import dlt  # noqa: F401
    import great_expectations  # noqa: F401
