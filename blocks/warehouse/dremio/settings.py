"""What a Dremio warehouse block is configured with, and what follows from it: paths, identifiers, literals, types.

The other files of this room take these settings; only warehouse.py knows the block. Add a new setting here.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from prefect.blocks.fields import SecretDict
from pydantic import Field, SecretStr, model_validator

from blocks.http.address import Address, Host
from blocks.warehouse.dremio.names import DremioNames, quote_path
from blocks.warehouse.dremio.types import map_declared_type
from blocks.warehouse.settings import WarehouseSettings

SLOTS = ("blue", "green")


class DremioSettings(WarehouseSettings):
    """Where Dremio is and as whom to log in: Software by user and password or token, Cloud by token and project."""

    dialect: ClassVar[str] = "dremio"
    sets_dbt_zone: ClassVar[bool] = False

    database: str = Field(description="dotted path of a space with folders, or of a catalogue's folder")
    host: Host = Field(description="REST host: dremio.example.com; Cloud: api.dremio.cloud")
    port: int = Field(9047, description="REST port of Software; Cloud has 443")
    flight_host: Host | None = Field(None, description="Flight host, if another: data.dremio.cloud")
    flight_port: int = Field(32010, description="Flight port; Cloud has 443")
    tls: bool = Field(True, description="encrypt both; false only on a trusted network")
    verify: bool = Field(True, description="check the server's certificate")
    authority: Path | None = Field(None, description="certificate of a private authority, as PEM")
    project: str | None = Field(None, description="Cloud project id; none: Software")
    user: str | None = Field(None, description="user name (Software)")
    password: SecretStr | None = Field(None, description="its password")
    token: SecretStr | None = Field(None, description="personal access token, in place of a password")
    source: str | None = Field(
        None, description="source of tables, with bucket and folders: lake.bucket; none: database holds them"
    )
    landing: str = Field(description="folder of loads as Dremio names it: lake.bucket.landing")
    landing_url: Address = Field(
        description="the same folder from here: /mnt/lake/landing, s3://bucket/landing"
    )
    landing_options: SecretDict = Field(
        SecretDict({}), description="fsspec's options for it: key, secret, ..."
    )
    publish: Literal["views", "slot", "branch"] = Field("views", description="how readers get a release")
    reflections: Literal["none", "optional", "required"] = Field(
        "none", description="raw reflections on every mart of a release, awaited before readers see it"
    )
    deadline_seconds: float = Field(3600, gt=0, description="longest time a statement may take")
    lease_seconds: float = Field(300, ge=30, description="a dead run blocks others for so long at most")
    threads: int = Field(4, ge=1, description="dbt models built side by side")

    @model_validator(mode="after")
    def _check_credentials(self) -> DremioSettings:
        if self.token is None and (self.password is None or self.user is None or self.project):
            raise ValueError("give a token, or for Software a user with a password")
        return self

    @property
    def lease_key(self) -> tuple[str, ...]:
        """Which control schema on which server."""
        return (*super().lease_key, self.host, str(self.port), self.project or "")

    def clock(self, seconds: float = 0) -> str:
        """The server's time, which is in UTC."""
        return f"timestampadd(second, {seconds:.0f}, current_timestamp)"

    @property
    def names(self) -> DremioNames:
        """The paths of schemas."""
        return DremioNames.from_settings(self.source, self.database, [self.serving, *self.slots])

    @property
    def slots(self) -> tuple[str, ...]:
        """Schemas of the two slots, where publishing is by slot."""
        return tuple(f"{self.serving}_{slot}" for slot in SLOTS)

    @property
    def certificate_check(self) -> bool | str:
        """Whether the server's certificate is checked, or the path of the authority it is checked against."""
        return str(self.authority) if self.authority else self.verify

    def quote(self, *parts: str) -> str:
        """A column's name; or schema and relation as a whole path."""
        return quote_path(self.names.path(*parts) if len(parts) == 2 else parts)

    def type_of(self, data_type: str | None) -> str:
        """Dremio's name of a declared portable type; undeclared columns are text."""
        return map_declared_type(data_type)
