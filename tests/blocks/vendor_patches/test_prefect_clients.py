"""Clients of Prefect's API: one that is silent is given up, and asked no more."""

from __future__ import annotations

import asyncio
import inspect
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from prefect.client.base import PrefectHttpxAsyncClient, PrefectHttpxSyncClient
from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from blocks.vendor_patches import prefect_clients, versions
from blocks.vendor_patches.prefect_clients import SilentError, bound_silence

TIMEOUT = 0.3


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that is stopped: its machine takes connections, and nobody answers."""
    monkeypatch.setattr(prefect_clients, "SILENT_SECONDS", 0.5)
    # as Prefect has them, whatever ran in this process before
    monkeypatch.setattr(PrefectHttpxSyncClient, "_send_with_retry", prefect_clients._plain)
    monkeypatch.setattr(PrefectHttpxAsyncClient, "_send_with_retry", prefect_clients._plain_async)
    prefect_clients._given_up.clear()
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    prefect_clients._given_up.clear()


def ask(url: str) -> None:
    with PrefectHttpxSyncClient(base_url=url, timeout=TIMEOUT, enable_csrf_support=False) as client:
        client.get("/health")


async def ask_async(url: str) -> None:
    async with PrefectHttpxAsyncClient(base_url=url, timeout=TIMEOUT, enable_csrf_support=False) as client:
        await client.get("/health")


@pytest.mark.parametrize("is_async", [False, True], ids=["a client", "an asynchronous client"])
def test_one_that_is_silent_is_given_up_and_asked_no_more(
    silent: str, is_async: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound_silence()
    bound_silence()
    with pytest.raises(SilentError) as error:
        asyncio.run(ask_async(silent)) if is_async else ask(silent)
    assert str(error.value.request.url).startswith(silent)
    monkeypatch.setattr(prefect_clients, "SILENT_SECONDS", 60)  # what asks again now ends in another error
    with pytest.raises(SilentError):
        ask(silent)
    with pytest.raises(SilentError):
        asyncio.run(ask_async(silent))


def test_one_that_is_silent_for_a_moment_is_asked_again(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bound_silence()
    monkeypatch.setattr(prefect_clients, "SILENT_SECONDS", 60)
    waits, sleep, own = list[float](), time.sleep, threading.get_ident()

    def wait(seconds: float) -> None:  # other threads of this process sleep by the same name
        waits.append(seconds) if threading.get_ident() == own else sleep(seconds)

    monkeypatch.setattr("prefect.client.base.time.sleep", wait)
    with pytest.raises(httpx.ReadTimeout):
        ask(silent)
    assert len(waits) == PREFECT_CLIENT_MAX_RETRIES.value()


@pytest.mark.parametrize("setting", [PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES])
def test_what_the_user_has_set_counts(silent: str, setting: object) -> None:
    plain = PrefectHttpxSyncClient._send_with_retry
    with temporary_settings({setting: 3}):
        bound_silence()
    assert PrefectHttpxSyncClient._send_with_retry is plain
    bound_silence()
    assert PrefectHttpxSyncClient._send_with_retry is not plain


def test_on_another_version_they_try_as_prefect_has_it(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "read_version", lambda package: "99.1.0")
    plain = PrefectHttpxSyncClient._send_with_retry
    bound_silence()
    assert PrefectHttpxSyncClient._send_with_retry is plain


def test_the_methods_are_as_they_were_seen() -> None:
    assert versions.is_version("prefect", prefect_clients.SEEN)
    for method in (prefect_clients._plain, prefect_clients._plain_async):
        assert list(inspect.signature(method).parameters)[:3] == ["self", "request", "send"]
        assert "send(request, *send_args, **send_kwargs)" in inspect.getsource(method)
        assert "except retry_exceptions" in inspect.getsource(method)
