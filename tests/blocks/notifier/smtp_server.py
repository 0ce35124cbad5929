"""An SMTP server on this machine that keeps what it takes: enough of RFC 5321, 4954, 3207 for Python's own client."""

from __future__ import annotations

import base64
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class Mailbox:
    """What was taken, and how the server behaves. refused: recipient → the answer to it."""

    port: int = 0
    login: tuple[str, str] | None = None
    tls: ssl.SSLContext | None = None
    refused: dict[str, str] = field(default_factory=dict)
    taken: list[tuple[str, list[str], EmailMessage]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        box: Mailbox = self.server.box  # type: ignore[attr-defined]
        self.secure, self.known = False, box.login is None
        sender, recipients = "", list[str]()
        self._say("220 here")
        while line := self.rfile.readline(2000).decode("ascii", "replace").strip():
            verb, _, rest = line.partition(" ")
            if verb.upper() in ("EHLO", "HELO"):
                offers = [*(["STARTTLS"] if box.tls and not self.secure else []), "AUTH PLAIN", "8BITMIME"]
                self._say(*(f"250-{each}" for each in ("here", *offers)), "250 SIZE 10000000")
            elif verb.upper() == "STARTTLS" and box.tls:
                self._say("220 go on")
                self.request = box.tls.wrap_socket(self.request, server_side=True)
                self.setup()
                self.secure = True
            elif verb.upper() == "AUTH":
                given = base64.b64decode(rest.split()[-1]).decode().split("\0")[1:]
                self.known = tuple(given) == box.login
                self._say("235 welcome" if self.known else "535 5.7.8 no")
            elif verb.upper() == "MAIL":
                sender, recipients = rest, []
                self._say("250 ok" if self.known else "530 5.7.0 log in first")
            elif verb.upper() == "RCPT":
                address = rest[rest.index("<") + 1 : rest.index(">")]
                if address not in box.refused:
                    recipients.append(address)
                self._say(box.refused.get(address, "250 ok"))
            elif verb.upper() == "DATA":
                self._say("354 go on")
                box.taken.append((sender, recipients, self._read_mail()))
                box.encrypted.append(self.secure)
                self._say("250 taken")
            else:
                self._say("221 bye" if verb.upper() == "QUIT" else "250 ok")
                if verb.upper() == "QUIT":
                    return

    def _read_mail(self) -> EmailMessage:
        lines = []
        while (line := self.rfile.readline()).rstrip(b"\r\n") != b".":
            lines.append(line[1:] if line.startswith(b"..") else line)
        found = message_from_bytes(b"".join(lines), policy=policy.default)
        assert isinstance(found, EmailMessage)
        return found

    def _say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())
        self.wfile.flush()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextmanager
def serving_mail(**fields: object) -> Iterator[Mailbox]:
    """The server, until the end."""
    box = Mailbox(**fields)  # type: ignore[arg-type]
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.box = box  # type: ignore[attr-defined]
        box.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield box
        finally:
            server.shutdown()
            thread.join()
