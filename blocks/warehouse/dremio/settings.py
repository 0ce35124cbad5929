"""How to reach Dremio and as whom, and where its files land: the connection part of the warehouse block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from prefect.blocks.fields import SecretDict
from pydantic import Field, SecretStr, model_validator

from blocks.warehouse.base import Warehouse
from blocks.warehouse.dremio.session import DremioSession
from blocks.warehouse.lease import leased


class DremioLogin(Warehouse):
    """Host and credentials; Software by user and password or token, Cloud by token and project."""

    host: str = Field(description="REST host: dremio.example.com; Cloud: api.dremio.cloud")
    port: int = Field(9047, description="REST port of Software; Cloud has 443")
    flight_host: str | None = Field(None, description="Flight host, if another: data.dremio.cloud")
    flight_port: int = Field(32010, description="Flight port; Cloud has 443")
    tls: bool = Field(True, description="encrypt both; false only on a trusted network")
    verify: bool = Field(True, description="check the server's certificate")
    authority: Path | None = Field(None, description="certificate of a private authority, as PEM")
    project: str | None = Field(None, description="Cloud project id; none: Software")
    user: str | None = Field(None, description="user name (Software)")
    password: SecretStr | None = Field(None, description="its password")
    token: SecretStr | None = Field(None, description="personal access token, in place of a password")
    landing: str = Field(description="folder of loads as Dremio names it: lake.bucket.landing")
    landing_url: str = Field(description="the same folder from here: /mnt/lake/landing, s3://bucket/landing")
    landing_options: SecretDict = Field(
        SecretDict({}), description="fsspec's options for it: key, secret, ..."
    )
    deadline_seconds: float = Field(3600, gt=0, description="longest time a statement may take")
    lease_seconds: float = Field(300, ge=30, description="a dead run blocks others for so long at most")
    threads: int = Field(4, ge=1, description="dbt models built side by side")

    @model_validator(mode="after")
    def _credentials(self) -> DremioLogin:
        if self.token is None and (self.password is None or self.user is None or self.project):
            raise ValueError("give a token, or for Software a user with a password")
        return self

    @contextmanager
    def session(self) -> Iterator[DremioSession]:
        """Both faces, logged in; closed at the end."""
        session = self.connect()
        try:
            yield session
        finally:
            session.close()

    def connect(self) -> DremioSession:
        """A session for the caller to close."""
        from blocks.warehouse.dremio.flight import Flight
        from blocks.warehouse.dremio.rest import Rest

        verify: bool | str = str(self.authority) if self.authority else self.verify
        scheme = "https" if self.tls else "http"
        rest = Rest(f"{scheme}://{self.host}{'' if self.project else f':{self.port}'}", self.project, verify)
        location = f"grpc+{'tls' if self.tls else 'tcp'}://{self.flight_host or self.host}:{self.flight_port}"
        flight = Flight(location, verify, self.deadline_seconds, self.project)
        for face in (rest, flight):
            if self.token:
                face.bear(self.token.get_secret_value())
            elif self.user and self.password:
                face.login(self.user, self.password.get_secret_value())
        return DremioSession(rest, flight, self.deadline_seconds)

    def exclusive(self) -> AbstractContextManager[None]:
        """Hold the lease in the control schema. Raises Busy if another run has it."""
        return leased(self, self.lease_seconds)
