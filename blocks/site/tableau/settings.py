"""What a site's block says of every publishing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

from blocks.site.tableau.client.content import Reader


@dataclass(frozen=True)
class Settings:
    """project: its id; reader: whom live data is read as; the rest as in TableauSite."""

    project: str
    data: Literal["published", "packed", "live"]
    reader: Reader | None
    workbooks: Path | None
    groups: tuple[str, ...]
    job_seconds: float
    canary_seconds: float


def reader(user: str, password: SecretStr) -> Reader | None:
    """Whom live data is read as; None where no user is given."""
    return Reader(user, password) if user else None
