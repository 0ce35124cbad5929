"""A stand-in for a Docker engine that only builds: it keeps each build's context and says what it was named.

Answers as the Engine API does (docs.docker.com/reference/api/engine/version/v1.43: ImageBuild, ImageInspect,
ImageTag); the client is docker-py.
"""

from __future__ import annotations

import io
import json
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

IMAGE = "sha256:" + "ab" * 32


class Engine:
    """contexts: file names of each build; tags: names given to the image."""

    def __init__(self) -> None:
        contexts: list[set[str]] = []
        tags: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # headers and body are two writes: 40 ms of waiting each

            def do_GET(self) -> None:
                if self.path.endswith("/version"):
                    self.answer({"ApiVersion": "1.43", "MinAPIVersion": "1.24", "Version": "24.0.0"})
                elif self.path.endswith("/json"):
                    self.answer({"Id": IMAGE, "RepoTags": tags, "Config": {}})
                else:
                    self.answer("OK")

            def do_POST(self) -> None:
                body, url = self.body(), urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(url.query).items()}
                if url.path.endswith("/build"):
                    with tarfile.open(fileobj=io.BytesIO(body)) as context:
                        contexts.append({item.name for item in context if item.isfile()})
                    self.answer({"aux": {"ID": IMAGE}})
                else:
                    tags.append(f"{query['repo']}:{query['tag']}")
                    self.answer("", 201)

            def body(self) -> bytes:
                if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                parts = []
                while size := int(self.rfile.readline(), 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)

            def answer(self, content: object, status: int = 200) -> None:
                data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self.contexts, self.tags = contexts, tags
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"tcp://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Engine:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
