"""One signed-in session with a Tableau server, shared by all that a run publishes. Nothing of content here."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import urlsplit

from blocks.errors import Busy, PlatformError, Unavailable
from blocks.http.errors import read_retry_after
from blocks.http.reach import CheckedAdapter, check_host
from blocks.site.tableau.client.endpoints import Server
from blocks.site.tableau.client.errors import LastAnswer, call_client, is_session_ended
from blocks.site.tableau.client.uploads import resume_uploads
from blocks.site.tableau.client.versions import APP, CALLS, OLDEST, check_version

if TYPE_CHECKING:
    import requests

T = TypeVar("T")
CONNECT_SECONDS = 15.0


class Credentials(Protocol):
    """What can sign in. call: the one that does, as versions.CALLS names it."""

    @property
    def call(self) -> str:
        """The call that signs in."""

    def authenticate(self, site: str) -> object:
        """Make the client's own object that signs in."""


class TableauSession:
    """Calls go through `call`: it signs in when first needed, and again, once, where the session has ended."""

    def __init__(self, address: str, site: str, credentials: Credentials, seconds: float) -> None:
        self.address, self.site = address, site
        self._credentials, self._seconds = credentials, seconds
        self._server: Server | None = None
        self._last = LastAnswer()
        self.version = (0, 0)  # of the server's REST API, once signed in

    def call(self, asked: str, act: Callable[[Server], T]) -> T:
        """Act with the signed-in client; whatever goes wrong comes out as a PlatformError.

        act may run twice: it has to be safe to repeat. Raises Busy if the second session ends as well.
        """
        try:
            return call_client(asked, lambda: self._act_once(act), lambda: self._last)
        except _SessionEnded:
            self._server = None
        try:
            return call_client(asked, lambda: self._act_once(act), lambda: self._last)
        except _SessionEnded:
            pass
        raise Busy(
            asked,
            "the session was ended twice by another sign-in with the same token",
            "Give each worker a token of its own, or use a connected app.",
        )

    @property
    def scoped(self) -> bool:
        """True if it may ask only what its scopes name, as a connected app."""
        return self._credentials.call == APP

    def close(self) -> None:
        """Sign out; an error doesn't matter any more."""
        server, self._server = self._server, None
        if server is not None:
            with suppress(PlatformError):
                call_client("Sign out", server.auth.sign_out)
            server.close()

    def _act_once(self, act: Callable[[Server], T]) -> T:
        from tableauserverclient.server.endpoint.exceptions import FailedSignInError

        if self._server is None:
            self._server = self._sign_in()
        try:
            return act(self._server)
        except FailedSignInError as error:
            if not is_session_ended(error):
                raise
        raise _SessionEnded("Work on the site", "the session has ended")

    def _sign_in(self) -> Server:
        import tableauserverclient as client

        check_host(urlsplit(self.address).hostname or "", f"Sign in to {self.address}")
        options = {"timeout": (CONNECT_SECONDS, self._seconds)}
        server = client.Server(self.address, http_options=options, session_factory=self._make_http_session)
        asked = f"Sign in to {self.address}"
        version = call_client(asked, lambda: server.server_info.get().rest_api_version, lambda: self._last)
        major, _, minor = str(version).partition(".")
        self.version = (int(major), int(minor)) if (major + minor).isdecimal() else (0, 0)
        for call, needed in (("publishing", OLDEST), (self._credentials.call, CALLS[self._credentials.call])):
            check_version(asked, self.version, needed, call)
        server.version = version
        resume_uploads(server)
        call_client(
            asked, lambda: server.auth.sign_in(self._credentials.authenticate(self.site)), lambda: self._last
        )
        signed_in: Server = server
        return signed_in

    def _make_http_session(self) -> requests.Session:
        """A requests session that remembers status and pause of the last answer, which the client drops.

        Each connection of it is checked: none goes to a link-local address or a metadata service.
        """
        import requests

        def remember(response: requests.Response, *_: object, **__: object) -> None:
            self._last = LastAnswer(
                response.status_code, read_retry_after(response.headers.get("Retry-After"))
            )

        session = requests.Session()
        for scheme in ("http", "https"):
            session.mount(f"{scheme}://", CheckedAdapter())
        session.hooks["response"].append(remember)
        return session


class _SessionEnded(Unavailable):
    """The session is over; signing in again may help."""
