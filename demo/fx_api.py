"""The FX source: a small HTTP server over the generated rates, on the loopback or where told. Nothing else is served.

GET /rates?since=YYYY-MM-DD&page=N answers {"data": [{"rate_date", "currency", "rate"}, ...], "next": address}
with the rates of that day and later, oldest first; `next` is null on the last page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

PAGE_SIZE = 500


@contextmanager
def serve(fx_json: Path, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve the rates of a file (port 0: a free one); yield the base URL. The server ends with the block."""
    server = _Server((host, port), _Handler)
    server.rates = json.loads(fx_json.read_text(encoding="utf-8"))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="fx-api", daemon=True)
    thread.start()
    try:
        yield server.base
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    rates: list[dict[str, Any]]

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """Answer a request."""
        address = urlsplit(self.path)
        if address.path.strip("/") != "rates":
            return self._answer(404, {"error": "there is /rates only"})
        query = {name: values[-1] for name, values in parse_qs(address.query).items()}
        try:
            since = date.fromisoformat(query["since"]).isoformat() if "since" in query else ""
            page = int(query.get("page", "1"))
            if page < 1:
                raise ValueError  # noqa: TRY301
        except ValueError:
            return self._answer(400, {"error": "since is a date as 2011-03-31, page a number from 1"})
        return self._answer(200, self._page(since, page))

    def _page(self, since: str, page: int) -> dict[str, Any]:
        """ISO dates compare as text."""
        rates = [rate for rate in self.server.rates if rate["rate_date"] >= since]
        start, end = (page - 1) * PAGE_SIZE, page * PAGE_SIZE
        query = urlencode(({"since": since} if since else {}) | {"page": page + 1})
        base = f"http://{self.headers['Host']}/" if self.headers["Host"] else self.server.base
        more = f"{base}rates?{query}" if end < len(rates) else None
        return {"data": rates[start:end], "next": more}

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the loader reports what it read."""
