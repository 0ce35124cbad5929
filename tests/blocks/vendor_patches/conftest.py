"""Another version of a package than the one a patch was seen with."""

from __future__ import annotations

import pytest

from blocks.vendor_patches import versions


@pytest.fixture
def another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every package is installed in a version nobody has seen."""
    monkeypatch.setattr(versions, "read_version", lambda package: "99.1.0")
