"""A tracker of each edition, with tickets of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.blocks.tracker.desks import DESKS, Desk


@pytest.fixture(params=["files", "jira-cloud-v3", "jira-data-center"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    folder = tmp_path / "tickets"
    folder.mkdir()
    with DESKS[request.param](folder) as found:
        yield found
