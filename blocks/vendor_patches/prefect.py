"""Prefect: its own temporary server, started by us; its run context, for another process; block schemas; its clients.

Seen with prefect 3.8. On another version the server's writers wait as Prefect has them wait, the context goes whole,
every block counts as changed, and each client reads the certificates for itself.
"""

from __future__ import annotations

import copy
import json
import ssl
from collections.abc import Iterator
from contextlib import _AsyncGeneratorContextManager, contextmanager
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

from blocks.vendor_patches.versions import is_version

if TYPE_CHECKING:
    from prefect.blocks.core import Block
    from prefect.client.schemas.objects import BlockDocument
    from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

SEEN = "3.8"
MOST_PARAMETERS = 400_000
"""Bytes of a run's parameters, with room for what Prefect adds; its server's `api.max_parameter_size` is 524,288."""
TEMPORARY_SERVER = {"PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}
"""Environment of a server process that Prefect's application takes for its own temporary one."""


@contextmanager
def use_immediate_transactions(url: str | None) -> Iterator[None]:
    """A server made inside begins each transaction on SQLite as a writer; url: its database, None: no SQLite.

    One that has read by then is refused as "locked" where another wrote since; the run tries again after seconds.
    """
    if url is None or not is_version("prefect", SEEN):
        yield
        return
    from prefect.server.database.configurations import AioSqliteConfiguration
    from prefect.server.database.dependencies import temporary_database_config

    class Immediate(AioSqliteConfiguration):
        def begin_transaction(
            self, session: AsyncSession, with_for_update: bool = False
        ) -> _AsyncGeneratorContextManager[AsyncSessionTransaction]:
            return super().begin_transaction(session, with_for_update=True)

    with temporary_database_config(Immediate(connection_url=url)):
        yield


def bound_parameters() -> None:
    """Have flows tell Prefect's API of parameters as much as it takes; of larger ones it hears their type alone.

    It refuses a run of more than 524,288 bytes, and the refusal would quote all of them. Reports of 300 models are that
    long; nothing is lost, as they are in the warehouse's journal, and a stage that its parent starts has them at hand.
    """
    from prefect import Flow

    plain = Flow.serialize_parameters
    if plain.__module__ == __name__ or not is_version("prefect", SEEN):
        return

    def serialize_parameters(self: Flow[..., object], parameters: dict[str, object]) -> dict[str, object]:
        found = plain(self, parameters)
        sizes = {name: len(json.dumps(value, default=str)) for name, value in found.items()}
        for name in sorted(sizes, key=lambda each: -sizes[each]):
            if sum(sizes.values()) <= MOST_PARAMETERS:
                break
            found[name], sizes[name] = f"<{type(parameters[name]).__name__}>", 0
        return found

    Flow.serialize_parameters = serialize_parameters  # type: ignore[method-assign, assignment]


def lighten_context(context: dict[str, object]) -> dict[str, object]:
    """A serialized run context for another process, without what is this process's alone.

    That are the flow's hooks, and blocks: those make the other process import every vendor's collection.
    """
    run = context.get("flow_run_context")
    if not isinstance(run, dict) or not run or not is_version("prefect", SEEN):
        return context
    flow = copy.copy(run["flow"])
    for name in [name for name in vars(flow) if name.endswith("_hooks")]:
        setattr(flow, name, [])
    store = {**run["result_store"], "result_storage": None, "metadata_storage": None}
    light = {**run, "flow": flow, "result_store": store, "parameters": {}}
    return {**context, "flow_run_context": light}


class _SharedSsl(ModuleType):
    """The standard library's `ssl`, of which a context that was asked for in the same way is made once."""

    def __init__(self) -> None:
        super().__init__("ssl")
        self.create_default_context = cache(ssl.create_default_context)

    def __getattr__(self, name: str) -> object:
        return getattr(ssl, name)


def share_certificates() -> None:
    """Let the clients of Prefect's API share what checks certificates, which takes each of them 20 ms to read.

    A run makes dozens of clients. Called again, it changes nothing.
    """
    if not is_version("prefect", SEEN):
        return
    import prefect.client.orchestration as clients

    names = vars(clients)
    if names.get("ssl") is ssl:
        names["ssl"] = _SharedSsl()


def has_schema_of(saved: BlockDocument, block: Block) -> bool:
    """True if a saved block was saved with the schema of this one's class, which has to be registered."""
    return is_version("prefect", SEEN) and saved.block_schema_id == type(block)._block_schema_id
