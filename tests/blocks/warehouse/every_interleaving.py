"""Every interleaving of two parents: `python -m tests.blocks.warehouse.every_interleaving [EVERY [PAIR]]`.

The first parent is stopped, or killed, before each of its steps; the second then takes the lease and promotes, rolls
back or recovers, to its end or until it is killed before each of its own steps; then the first goes on, and a third
one recovers. The process forks at each of these points, with the warehouse in its memory, so that no step is played
again for what comes after it.

A parent that is killed leaves what the server has committed, and nothing else. So where nothing was committed since
its step before, the interleaving is the one before again: it is counted, and not played. EVERY: only each so many of
the steps, for a test of seconds. PAIR: one of PAIRS alone, from 0. The last line is the counts, as JSON.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import duckdb

from blocks.warehouse import lease
from blocks.warehouse.duckdb.session import DuckDBSession
from tests.blocks.warehouse.interleaving import (
    PAIRS,
    LeasedDuckDB,
    Parent,
    Stage,
    expire,
    find_violations,
    look,
    recovery,
    rolling_back,
    start,
)

_server = duckdb.connect(
    ":memory:", config={"threads": 1}
)  # no thread of its own, which a fork would not have


class LeasedInMemory(LeasedDuckDB):
    """The same, on a server that a fork of this process has a copy of."""

    @contextmanager
    def session(self) -> Iterator[DuckDBSession]:
        connection = _server.cursor()
        connection.execute("set time zone 'UTC'")
        try:
            yield DuckDBSession(connection, "memory")
        finally:
            connection.close()


class Explorer:
    """All interleavings of a pair of parents. out: where each is written, as a line of JSON."""

    def __init__(self, stage: Stage, pair: Any, every: int, out: int) -> None:
        ((self._first_name, self._first), (self._second_name, self._second)) = pair
        self._stage, self._every, self._out = stage, every, out
        self._one, self._two = Parent(self._end_first), Parent(self._end_second)
        self._changes = {id(each): -1 for each in (self._one, self._two)}
        self._at, self._how, self._dies, self._second_end = 0, "", 0, "not begun"

    def explore(self) -> None:
        """Play them all; returns once each has been written."""
        with self._stage.spied():
            first_end = self._stage.run(self._one, self._first)
            if not self._at:
                return
            if self._second_end == "killed":
                self._stage.stop(self._two)
            expire(self._stage.warehouse)
            assert self._stage.run(Parent(), recovery) == "done"
        later = self._one.number > self._two.number > 0
        back = (self._first is rolling_back) + (self._second is rolling_back) + later
        wrong = find_violations(self._stage, look(self._stage.warehouse), back)
        self._write(end=first_end, wrong=[str(each) for each in wrong])
        os._exit(0)

    def _end_first(self, step: int) -> None:
        if self._at or step % self._every:
            return
        for how in ("stopped", "killed"):
            if how == "killed" and not self._has_changed(self._one):
                self._write(at=step, how=how, again=True)
            elif _fork():
                self._at, self._how = step, how
                self._stage.stop(self._one)
                self._second_end = self._stage.run(self._two, self._second)
                if how == "killed":
                    self._one.die()
                return

    def _end_second(self, step: int) -> None:
        if self._dies or step % self._every:
            return
        if not self._has_changed(self._two):
            self._write(dies=step, again=True)
        elif _fork():
            self._dies = step
            self._two.die()

    def _has_changed(self, parent: Parent) -> bool:
        """True if the server may hold something else than where this was last asked of the parent."""
        before, self._changes[id(parent)] = self._changes[id(parent)], self._stage.changes
        return before != self._stage.changes

    def _write(self, **found: Any) -> None:
        line = {
            "first": self._first_name,
            "second": self._second_name,
            "at": self._at,
            "how": self._how,
            "dies": self._dies,
            "second_end": self._second_end,
            "again": False,
            "end": "",
            "wrong": [],
        }
        os.write(self._out, json.dumps({**line, **found}).encode() + b"\n")


def _fork() -> bool:
    """Go on twice: first here, as the new process, and once that has ended as the old one. True in the new one."""
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        return True
    _, status = os.waitpid(pid, 0)
    if status:
        os._exit(1)  # it has said why
    return False


def count(lines: list[dict[str, Any]]) -> dict[str, int]:
    """How many there are, how many of them were played, refused stale holders and violations among these.

    A first parent killed where nothing had changed stands for all that follow the same kill one step before.
    """
    first_seen = [line for line in lines if not _is_kill_again(line)]
    played = Counter((line["first"], line["second"], line["at"], line["how"]) for line in first_seen)
    total, last = len(first_seen), dict[tuple[str, str], int]()
    for line in lines:
        pair = (line["first"], line["second"])
        if _is_kill_again(line):
            total += last[pair]
        elif line["how"] == "killed":
            last[pair] = played[*pair, line["at"], line["how"]]
    return {
        "interleavings": total,
        "played": sum(not line["again"] for line in lines),
        "refused": sum(line["end"] == "LeaseLost" for line in lines),
        "violations": sum(bool(line["wrong"]) for line in lines),
    }


def _is_kill_again(line: dict[str, Any]) -> bool:
    return bool(line["again"] and line["how"] == "killed" and not line["dies"])


def main(every: int = 1, pair: int | None = None) -> dict[str, int]:
    """Play all pairs, or one, each in a process of its own, and print the counts after each."""
    lease._renew = lambda *_: None  # type: ignore[assignment]  # a thread, which a fork would not have
    warehouse = LeasedInMemory(database="memory")
    start(warehouse)

    def undo(session: DuckDBSession) -> None:
        with suppress(duckdb.Error):  # a process that died has closed it
            session.connection.rollback()

    lines: list[dict[str, Any]] = []
    gc.freeze()  # what is there is shared by all forks, as long as nobody writes to it
    for names in PAIRS if pair is None else PAIRS[pair : pair + 1]:
        with tempfile.TemporaryFile() as file:
            if _fork():
                try:
                    stage = Stage(
                        warehouse, DuckDBSession, lambda: look(warehouse), lambda: expire(warehouse), undo
                    )
                    Explorer(stage, names, every, file.fileno()).explore()
                except BaseException:
                    traceback.print_exc()
                    os._exit(1)
                os._exit(0)
            file.seek(0)
            lines += [json.loads(line) for line in file.read().splitlines()]
        print(f"{names[0][0]}, {names[1][0]}: {count(lines)} so far", flush=True)
    for line in [line for line in lines if line["wrong"]][:5]:
        print(json.dumps(line), flush=True)
    return count(lines)


if __name__ == "__main__":
    print(json.dumps(main(*map(int, sys.argv[1:]))))
