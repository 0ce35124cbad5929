"""What is set of a DuckDB file: where it is, and what DuckDB may take of the machine."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from blocks.warehouse.settings import WarehouseSettings


class DuckDBSettings(WarehouseSettings):
    """A file, and how it is opened; `database` is its path."""

    taken_from_profile: ClassVar[frozenset[str]] = frozenset(
        {"threads", "extensions", "attach", "settings", "plugins", "filesystems", "secrets", "external_root"}
        | {"module_paths", "config_options", "use_credential_provider"}
    )

    memory_limit: str = Field("1GB", description="DuckDB's memory; beyond it, it spills to disk")
    threads: int = Field(2, ge=1, description="dbt models built side by side, and DuckDB's threads")
    readers_file: str | None = Field(
        None,
        description="the file that readers open; none: serving.duckdb beside a database warehouse.duckdb, "
        "NAME_serving.duckdb beside NAME.duckdb",
    )

    @property
    def path(self) -> Path:
        """The file, absolute."""
        return Path(self.database).expanduser().resolve()
