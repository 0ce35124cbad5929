"""Where the company's sources are in its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Company:
    """Where the sources are."""

    folder: Path

    @property
    def crm(self) -> Path:
        """The CRM's SQLite file."""
        return self.folder / "crm.sqlite"

    @property
    def erp(self) -> Path:
        """The ERP's folder of CSVs."""
        return self.folder / "erp"

    @property
    def fx(self) -> Path:
        """The JSON file of exchange rates, for fx_api.serve."""
        return self.folder / "fx.json"
