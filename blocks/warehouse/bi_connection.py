"""Where a BI server reads a warehouse itself, instead of an extract."""

from __future__ import annotations

from blocks.records import Record


class LiveSource(Record):
    """Where a BI server reads serving itself, instead of an extract. No secret in it.

    kind: the driver, as Tableau names it (`postgres`, `snowflake`, `dremio`); warehouse, role: Snowflake's.
    """

    kind: str
    server: str
    port: int | None = None
    database: str
    schema_name: str
    warehouse: str = ""
    role: str = ""
    encrypted: bool = True
