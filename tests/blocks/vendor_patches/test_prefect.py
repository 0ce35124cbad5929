"""Prefect's server, context and schemas: what of them is not public is as it was seen."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect import flow
from prefect.blocks.core import Block
from prefect.client.schemas.objects import BlockDocument
from prefect.context import EngineContext

from blocks.records import Record
from blocks.vendor_patches import prefect, versions


class Note(Block):
    """A block to save."""

    text: str = ""


def test_the_server_takes_itself_for_a_temporary_one() -> None:
    from prefect.server.api import server

    assert versions.is_version("prefect", prefect.SEEN)
    source = inspect.getsource(server.create_app)
    for name in prefect.TEMPORARY_SERVER:
        assert f'"{name}"' in source


def begin_mode(url: str) -> str:
    """How a transaction of the server's database begins, as the server would open it."""
    from prefect.server.database.configurations import SQLITE_BEGIN_MODE, AioSqliteConfiguration
    from prefect.server.database.dependencies import MODELS_DEPENDENCIES

    configuration = MODELS_DEPENDENCIES["database_config"] or AioSqliteConfiguration(connection_url=url)

    async def begin() -> str:
        engine = await configuration.engine()
        async with await configuration.session(engine) as session, configuration.begin_transaction(session):
            mode = SQLITE_BEGIN_MODE.get()
        await engine.dispose()
        return str(mode)

    return asyncio.run(begin())


def test_a_transaction_begins_as_a_writer(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'prefect.db'}"
    with prefect.use_immediate_transactions(url):
        assert begin_mode(url) == "IMMEDIATE"
    assert begin_mode(url) == "DEFERRED"
    with prefect.use_immediate_transactions(None):
        assert begin_mode(url) == "DEFERRED"


@pytest.mark.usefixtures("another_version")
def test_on_another_version_transactions_begin_as_prefect_has_it(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'prefect.db'}"
    with prefect.use_immediate_transactions(url):
        assert begin_mode(url) == "DEFERRED"


def make_context() -> dict[str, Any]:
    @flow(on_failure=[print], on_crashed=[print])
    def deliver() -> None:
        """A flow with hooks of this process."""

    store = {"result_storage": Note(), "metadata_storage": Note(), "cache": 1}
    run = {"flow": deliver, "result_store": store, "parameters": {"note": Note()}, "start_time": 2}
    assert set(run) <= set(EngineContext.model_fields)
    return {"flow_run_context": run, "tags_context": 3}


def test_a_context_goes_without_hooks_and_blocks() -> None:
    context = make_context()
    light = prefect.lighten_context(context)
    run = light["flow_run_context"]
    assert (run["flow"].on_failure_hooks, run["flow"].on_crashed_hooks) == ([], [])
    assert run["flow"].name == "deliver"
    assert run["result_store"] == {"result_storage": None, "metadata_storage": None, "cache": 1}
    assert (run["parameters"], run["start_time"], light["tags_context"]) == ({}, 2, 3)
    kept = context["flow_run_context"]
    assert kept["flow"].on_failure_hooks == [print], "the flow itself lost its hooks"
    assert prefect.lighten_context({"flow_run_context": {}}) == {"flow_run_context": {}}


@pytest.mark.usefixtures("another_version")
def test_on_another_version_the_context_goes_whole() -> None:
    context = make_context()
    assert prefect.lighten_context(context) is context


def test_a_saved_block_is_compared_by_its_classes_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hasattr(Block, "_block_schema_id")
    one, other = uuid4(), uuid4()
    monkeypatch.setattr(Note, "_block_schema_id", one)
    assert prefect.has_schema_of(BlockDocument.model_construct(block_schema_id=one), Note())
    assert not prefect.has_schema_of(BlockDocument.model_construct(block_schema_id=other), Note())
    monkeypatch.setattr(versions, "read_version", lambda package: "99.1.0")
    assert not prefect.has_schema_of(BlockDocument.model_construct(block_schema_id=one), Note())


def test_clients_read_the_certificates_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import ssl

    from prefect.client import orchestration

    for client in (orchestration.PrefectClient, orchestration.SyncPrefectClient):
        assert "ssl.create_default_context(cafile=cert_file)" in inspect.getsource(client)
    monkeypatch.setitem(vars(orchestration), "ssl", ssl)
    prefect.share_certificates()
    shared = vars(orchestration)["ssl"]
    prefect.share_certificates()
    assert vars(orchestration)["ssl"] is shared is not ssl
    one, same, other = (shared.create_default_context(**named) for named in ({}, {}, {"capath": "/nowhere"}))
    assert one is same is not other
    assert one.verify_mode is ssl.CERT_REQUIRED
    orchestration.SyncPrefectClient("http://127.0.0.1:9/api")


@pytest.mark.usefixtures("another_version")
def test_on_another_version_each_client_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    import ssl

    from prefect.client import orchestration

    monkeypatch.setitem(vars(orchestration), "ssl", ssl)
    prefect.share_certificates()
    assert vars(orchestration)["ssl"] is ssl


class Report(Record):
    """What a stage hands on."""

    lines: tuple[str, ...]


@flow
def count_lines(report: Report, more: Report, plan: str) -> tuple[int, str]:
    """How many lines there are, and which run found that."""
    from prefect.runtime import flow_run

    return len(report.lines) + len(more.lines), str(flow_run.id)


@pytest.mark.usefixtures("prefect_server")
def test_a_stage_may_be_handed_reports_that_the_api_does_not_take() -> None:
    """Of 300 models, say: the stage gets them whole, the API hears their type."""
    from prefect import get_client
    from prefect.settings import get_current_settings

    assert get_current_settings().server.api.max_parameter_size > prefect.MOST_PARAMETERS
    prefect.bound_parameters()
    prefect.bound_parameters()
    long, short = Report(lines=("x" * 1000,) * 500), Report(lines=("x" * 1000,) * 200)
    count, found = count_lines(long, short, "a")
    with get_client(sync_client=True) as client:
        kept = client.read_flow_run(UUID(found)).parameters
    assert count == 700
    assert kept["report"] == "<Report>"
    assert len(kept["more"]["lines"]) == 200
    assert kept["plan"] == "a"
