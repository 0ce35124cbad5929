"""Prism, a proxy that holds requests and answers to an OpenAPI description, between a client of ours and a stand-in."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NODE_MODULES = Path(__file__).parent / "node_modules"
PRISM = NODE_MODULES / ".bin" / "prism"
START_SECONDS = 120
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")

needs_prism = pytest.mark.skipif(not PRISM.exists(), reason="Prism is not installed: make peers")


class Prism:
    """A running proxy. url: where it listens."""

    def __init__(self, url: str, log: Path) -> None:
        self.url, self._log = url, log

    def violations(self) -> list[str]:
        """What did not agree with the description, each once, with the request it was about."""
        found: dict[str, None] = {}
        request = ""
        for line in _ESCAPES.sub("", self._log.read_text()).splitlines():
            if received := re.search(r"\[HTTP SERVER\] (\w+ \S+) .*Request received", line):
                request = received[1]
            if "iolation" in line or "not resolved" in line or "no path matched" in line.lower():
                found[f"{line.split('Violation: ')[-1]} [{request}]"] = None
        return list(found)


@contextmanager
def run_prism(description: Any, upstream: str, folder: Path) -> Iterator[Prism]:
    """Start it before upstream. description: OpenAPI 3."""
    spec, log = folder / "description.json", folder / "prism.log"
    spec.write_text(json.dumps(description))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(PRISM), "proxy", "-h", "127.0.0.1", "-p", str(port), str(spec), upstream]
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, start_new_session=True)
    try:
        _wait_until_ready(process, log)
        yield Prism(f"http://127.0.0.1:{port}", log)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while "is listening" not in log.read_text():
        assert process.poll() is None, log.read_text()[-2_000:]
        assert time.monotonic() < deadline, "it did not start in time"
        time.sleep(0.2)
