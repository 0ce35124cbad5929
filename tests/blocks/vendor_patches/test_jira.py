"""jira's signed-in session sends what the client has no method for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from blocks.errors import Misconfigured
from blocks.vendor_patches import versions
from blocks.vendor_patches.jira import SEEN, send_request

jira = pytest.importorskip("jira")


class Echo(BaseHTTPRequestHandler):
    """Answers with what was asked and by whom."""

    def do_GET(self) -> None:
        answer = f"{self.path} {self.headers['Authorization']}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/jira"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_request_goes_below_the_api_with_the_clients_login(address: str) -> None:
    assert versions.is_version("jira", SEEN)
    client = jira.JIRA(server=address, token_auth="t-1", get_server_info=False, max_retries=0)
    answer = send_request(client, "GET", "issue/X-1/properties", params={"a": "b"})
    assert answer.text == "/jira/rest/api/2/issue/X-1/properties?a=b Bearer t-1"


@pytest.mark.usefixtures("another_version")
def test_another_version_is_refused(address: str) -> None:
    client = jira.JIRA(server=address, token_auth="t-1", get_server_info=False, max_retries=0)
    with pytest.raises(Misconfigured, match=r"patch jira: version 99\.1\.0"):
        send_request(client, "GET", "issue/X-1/properties")
