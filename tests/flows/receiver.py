"""The receiver on a port of its own, in a thread."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from threading import Thread

import uvicorn

from flows.receive import Send, make_app, make_config

SECRET = "the tracker's own secret, of no other use"


@contextmanager
def serve_receiver(*projects: str, send: Send | None = None) -> Iterator[str]:
    """Its address. send: in the place of Prefect's API."""
    server = uvicorn.Server(make_config(make_app(SECRET, projects, send), "127.0.0.1", 0))
    thread = Thread(target=copy_context().run, args=(server.run,), daemon=True)
    thread.start()
    deadline = time.monotonic() + 120
    while not server.started:
        assert thread.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)
