"""What our loader asks Fivetran, and what the stand-in answers, against Fivetran's own OpenAPI definition."""

from __future__ import annotations

import json
from typing import Any

import pytest

from blocks.errors import Misconfigured, RateLimited
from blocks.load_range import LoadRange
from tests.blocks.loader.managed_loaders import fivetran_loader, fivetran_standin, managed_table
from tests.blocks.loader.origins import Desk
from tests.blocks.loader.standin import Exchange
from tests.conftest import ROOT

BESIDE = [parent / "shared" / "specs" / "fivetran.json" for parent in ROOT.parents]
HOST = "https://api.fivetran.com"


IN_WORDS = ("succeeded_at", "failed_at", "rescheduled_for")  # its texts say that these may be null


def _corrected(node: dict[str, Any]) -> dict[str, Any]:
    """What the definition means where it contradicts itself: nulls, and numbers listed as texts."""
    if node.get("type") == "integer" and "enum" in node:
        node["enum"] = [int(value) for value in node["enum"]]
    for name in IN_WORDS:
        if isinstance(node.get(name), dict) and "type" in node[name]:
            node[name]["nullable"] = True
    return node


@pytest.fixture(scope="module")
def definition() -> Any:
    """The definition; it breaks OpenAPI's own rules in places, which are not ours to judge."""
    found = next((path for path in BESIDE if path.is_file()), None)
    if found is None:
        pytest.skip("Fivetran's OpenAPI definition is not here")
    from openapi_core import Config, OpenAPI

    content = json.loads(found.read_text(encoding="utf-8"), object_hook=_corrected)
    return OpenAPI.from_dict(content, config=Config(spec_validator_cls=None))


def as_defined(definition: Any, one: Exchange) -> None:
    """Raises for a request or an answer that is not as defined."""
    from openapi_core.testing import MockRequest, MockResponse

    request = MockRequest(
        HOST,
        one.method.lower(),
        one.path,
        data=one.body or None,
        headers=one.headers,
        args={name: values[0] for name, values in one.query.items()},
        content_type="application/json",
    )
    definition.validate_request(request)
    if one.status == 200:
        answer = json.dumps(one.answer).encode()
        definition.validate_response(request, MockResponse(answer, 200, content_type="application/json"))


def test_all_that_goes_over_the_wire_is_as_defined(desk: Desk, definition: Any) -> None:
    """Listing, looking, testing, syncing, historical syncs, schemas; rescheduled, broken and failed ones too."""
    table = managed_table("fivetran")
    server, connection = fivetran_standin(desk.warehouse)
    try:
        desk.loader = fivetran_loader(server, reload_schema=True)  # type: ignore[assignment]
        desk.loader.check()
        connection.landings[0].waiting += [(1, "open", 1.0)]
        desk.load(table)
        desk.loader.load_source([table], desk.warehouse, "full", LoadRange(full=True))
        connection.ends, connection.blocked, connection.warnings = ["reschedule:3600"], {"owner"}, ["resync"]
        with pytest.raises(RateLimited):
            desk.load(table)
        connection.state, connection.setup = "scheduled", "broken"
        connection.tests, connection.tasks = [("Validate Login", "FAILED")], ["reconnect"]
        with pytest.raises(Misconfigured):
            desk.load(table)
        desk.loader = fivetran_loader(server)  # type: ignore[assignment]
        connection.setup, connection.ends = "connected", ["fail"]
        with pytest.raises(Misconfigured):
            desk.load(table)
    finally:
        server.close()
    for one in server.exchanges:
        as_defined(definition, one)
    asked = {f"{one.method} {one.path.replace(connection.id, 'ID')}" for one in server.exchanges}
    assert asked == {
        "GET /v1/connections",
        "GET /v1/connections/ID",
        "POST /v1/connections/ID/test",
        "POST /v1/connections/ID/sync",
        "POST /v1/connections/ID/resync",
        "GET /v1/connections/ID/schemas",
        "POST /v1/connections/ID/schemas/reload",
    }


def test_what_is_not_as_defined_is_found(definition: Any) -> None:
    """Else the test above would prove nothing."""
    from openapi_core.exceptions import OpenAPIError

    sync = Exchange("POST", "/v1/connections/x/sync", {}, {}, b'{"force": "no"}', 200, {"code": "Success"})
    old = Exchange("POST", "/v1/connectors/x/force", {}, {}, b"", 200, {})
    for wrong in (sync, old):
        with pytest.raises(OpenAPIError):
            as_defined(definition, wrong)
