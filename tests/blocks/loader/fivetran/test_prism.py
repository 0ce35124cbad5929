"""Prism between our loader and the stand-in sees nothing that Fivetran's definition does not allow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.blocks.loader.fivetran.test_fivetran_definition import BESIDE, _corrected
from tests.blocks.loader.managed_loaders import fivetran_loader, fivetran_standin, managed_table
from tests.blocks.loader.origins import Desk
from tests.peers.prism import needs_prism, run_prism

DEFINITION = next((path for path in BESIDE if path.is_file()), None)


@needs_prism
@pytest.mark.skipif(DEFINITION is None, reason="Fivetran's OpenAPI definition is not here")
def test_no_request_and_no_answer_violates_the_definition(desk: Desk, tmp_path: Path) -> None:
    assert DEFINITION
    definition = json.loads(DEFINITION.read_text(encoding="utf-8"), object_hook=_corrected)
    server, connection = fivetran_standin(desk.warehouse)
    try:
        with run_prism(definition, server.url, tmp_path) as prism:
            desk.loader = fivetran_loader(server, address=prism.url, reload_schema=True)  # type: ignore[assignment]
            desk.loader.check()
            connection.landings[0].waiting += [(1, "open", 1.0)]
            desk.load(managed_table("fivetran"))
            violations = prism.violations()
    finally:
        server.close()
    assert violations == []
