"""E-mail by SMTP to allowed addresses, and short messages to channels, each a notification block of Prefect's."""

from __future__ import annotations

import smtplib
import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Literal

from prefect.blocks.abstract import NotificationBlock
from pydantic import Field, SecretStr

from blocks.errors import (
    Forbidden,
    Misconfigured,
    PlatformError,
    Rejected,
    Unauthorized,
    Unavailable,
    replace_vendor_errors,
)
from blocks.notifier.base import Message, Notifier, is_address
from blocks.notifier.mail_text import write_mail, write_text

SECONDS = 30


class MailNotifier(Notifier):
    """Sends. Who may be written to is said here, as tickets name whom they like."""

    _block_type_name = "Mail Notifier"
    _block_type_slug = "mail-notifier"

    host: str = Field(description="the SMTP server")
    port: int = Field(587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls",
        description="starttls: as on port 587; tls: as on port 465; none: for a server beside this one",
    )
    username: str | None = Field(None, description="none: the server wants no login")
    password: SecretStr | None = None
    recipients: list[str] = Field(
        [], description="addresses that may be written to, with * and ?, as in *@example.com; none: nobody"
    )
    channels: dict[str, str] = Field(
        {},
        description="name that a ticket may write → saved notification block, as sales: slack-webhook/sales",
    )

    def check(self) -> str:
        """Log in to the server, and load each channel's block."""
        for name in self.channels:
            self._load_channel(name)
        with self._connect():
            pass
        allowed = ", ".join(self.recipients) or "no address"
        return f"{self.host} takes messages; {allowed} may be written to, {len(self.channels)} channels"

    def find_fault(self, subscriber: str) -> str:
        """Why not: the address isn't allowed, or there is no such channel."""
        if not is_address(subscriber):
            known = ", ".join(sorted(self.channels)) or "none are set up"
            return "" if subscriber in self.channels else f"there is no such channel; known: {known}"
        if any(fnmatchcase(subscriber.casefold(), each.casefold()) for each in self.recipients):
            return ""
        return f"addresses that may be written to: {', '.join(self.recipients) or 'none'}"

    def send(self, message: Message) -> None:
        """Send it. Raises Forbidden for a subscriber that isn't allowed."""
        if self.find_fault(message.subscriber):
            raise Forbidden("tell a subscriber", "nobody may be told under this name")
        if not is_address(message.subscriber):
            self._tell_channel(message)
            return
        mail = write_mail(message, self.sender)
        with self._connect() as server:
            server.send_message(mail, self.sender, [message.subscriber])

    def _tell_channel(self, message: Message) -> None:
        channel: Any = self._load_channel(message.subscriber)  # sync here, async elsewhere: Prefect decides
        slug = self.channels[message.subscriber]

        def explain(error: BaseException) -> PlatformError:
            return Unavailable(f"send through {slug}", f"it failed ({type(error).__name__})")

        with replace_vendor_errors(Exception, explain):  # each service has errors of its own
            channel.notify(write_text(message), message.subject)

    def _load_channel(self, name: str) -> NotificationBlock:
        from blocks.prefect.block_types import load_block

        slug = self.channels[name]
        block = load_block(slug)
        if not isinstance(block, NotificationBlock):
            raise Misconfigured(f"use {slug} for channel {name}", "it is no notification block")
        return block

    @contextmanager
    def _connect(self) -> Iterator[smtplib.SMTP]:
        """A server that is logged in to. Its errors come out as ours, without the addresses that they quote."""
        explain = partial(_explain, f"send by {self.host}:{self.port}")
        with replace_vendor_errors((smtplib.SMTPException, OSError), explain), self._open() as server:
            if self.username and self.password:
                _log_in(server, self.username, self.password.get_secret_value())
            yield server

    def _open(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self.security == "tls":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=SECONDS, context=context)
        server = smtplib.SMTP(self.host, self.port, timeout=SECONDS)
        try:
            if self.security == "starttls":
                server.starttls(context=context)
        except BaseException:
            server.close()
            raise
        return server


def _log_in(server: smtplib.SMTP, username: str, password: str) -> None:
    """By whatever the server offers; beyond ASCII by PLAIN, in UTF-8 (RFC 4616), which smtplib can't."""
    if (username + password).isascii():
        server.login(username, password)
        return
    server.ehlo_or_helo_if_needed()
    if "PLAIN" not in server.esmtp_features.get("auth", "").upper().split():
        raise smtplib.SMTPNotSupportedError
    words = b64encode(f"\0{username}\0{password}".encode()).decode()
    code, answer = server.docmd("AUTH", f"PLAIN {words}")
    if code != 235:  # RFC 4954, 6: authentication succeeded
        raise smtplib.SMTPAuthenticationError(code, answer)


def _explain(asked: str, error: BaseException) -> PlatformError:
    """By the server's code, where it gave one: 4xx may pass later (RFC 5321, 4.2.1)."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return Unauthorized(asked, "it refused the login", "Check username and password.")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Misconfigured(
            asked, "it offers no STARTTLS or no login", "Set security to tls (port 465), or to none."
        )
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code = next((code for code, _ in error.recipients.values()), 0)
    elif isinstance(error, smtplib.SMTPResponseException):
        code = error.smtp_code
    else:
        return Unavailable(asked, f"no usable answer ({type(error).__name__})")
    kind = Unavailable if 400 <= code < 500 else Rejected
    return kind(asked, f"it refused the message with code {code}")
