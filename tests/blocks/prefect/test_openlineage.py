"""OpenLineage against a real server: what is sent, and that a server that fails is in nobody's way."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from blocks.prefect import openlineage
from blocks.prefect.openlineage import send_lineage
from tests.blocks.loader.origins import SECRET, Api

SENT = ("run-1", ["duckdb://file/raw/a"], "duckdb://file/marts/b")


class Lineage(Api):
    """A server that keeps the events it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []

    def post(self, handler: BaseHTTPRequestHandler) -> None:
        handler.do_GET()  # type: ignore[attr-defined]

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.events.append(json.loads(handler.rfile.read(int(handler.headers["Content-Length"]))))
        self.send(handler, 201, b"")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lineage]:
    lineage = Lineage()
    monkeypatch.setenv("OPENLINEAGE_URL", lineage.url)
    monkeypatch.setenv("OPENLINEAGE_API_KEY", SECRET)
    monkeypatch.setattr(openlineage, "_paused", [0.0])
    yield lineage
    lineage.close()


def test_a_start_and_an_end_are_sent(server: Lineage) -> None:
    """With the key, to the path of OpenLineage's own clients; both of one run."""
    send_lineage("build b", *SENT, rows=3)
    send_lineage("build b", *SENT, good=False)
    assert [event["eventType"] for event in server.events] == ["START", "COMPLETE", "START", "FAIL"]
    assert len({event["run"]["runId"] for event in server.events}) == 1
    assert server.events[1]["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 3
    assert set(server.seen) == {("/api/v1/lineage", f"Bearer {SECRET}")}


def test_columns_are_a_facet_of_what_was_made(server: Lineage) -> None:
    send_lineage("build b", *SENT, columns={"total": [("duckdb://file/raw/a", "amount")]})
    facet = server.events[1]["outputs"][0]["facets"]["columnLineage"]
    made_of = [{"namespace": "duckdb://file", "name": "raw.a", "field": "amount"}]
    assert facet["fields"] == {"total": {"inputFields": made_of}}
    assert facet["_schemaURL"].endswith(
        "facets/1-1-0/ColumnLineageDatasetFacet.json#/$defs/ColumnLineageDatasetFacet"
    )


def test_a_server_that_fails_is_left_alone_for_a_while(
    server: Lineage, caplog: pytest.LogCaptureFixture
) -> None:
    """One line in the log, without the key."""
    caplog.set_level(logging.DEBUG)
    server.fail("unauthorized")
    send_lineage("build b", *SENT)
    send_lineage("build c", *SENT)
    assert len(server.seen) == 1
    assert "did not take build b: the server answered 401" in caplog.text
    assert SECRET not in caplog.text


def test_a_malformed_address_is_in_nobodys_way(server: Lineage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is a host that is not there."""
    monkeypatch.setenv("OPENLINEAGE_URL", "nonsense")
    send_lineage("build b", *SENT)
    assert server.events == []


def test_nothing_is_sent_without_an_address(server: Lineage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENLINEAGE_URL")
    send_lineage("build b", *SENT)
    assert server.seen == []
