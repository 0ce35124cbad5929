"""What the command line does ahead of time: settings, Prefect's temporary server, slow imports."""

from __future__ import annotations

SETTINGS = {
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",  # two slow cores need more than its 20
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",  # it imports every vendor's package first: 3 of 5 seconds
    "PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",  # so does working out whether to
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # the terminal says it better
    "GX_ANALYTICS_ENABLED": "false",
    "RUNTIME__DLTHUB_TELEMETRY": "false",  # dlt reads it when it is imported, which may be here first
    "RUNTIME__LOG_LEVEL": "CRITICAL",
}


def start_server() -> None:
    """Start Prefect's temporary server while the heavy imports run; the client finds it running."""
    from prefect.server.api.server import SubprocessASGIServer
    from prefect.settings import get_current_settings

    if get_current_settings().api.url is None:
        SubprocessASGIServer().start()


def import_slow() -> None:
    """Import what later stages need, while the first ones wait for others."""
    import dlt  # noqa: F401
    import great_expectations  # noqa: F401
