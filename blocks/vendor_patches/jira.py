"""jira's client sends only what it has a method for; its signed-in session sends anything. Seen with jira 3.10."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blocks.vendor_patches.versions import require_version

if TYPE_CHECKING:
    import requests
    from jira import JIRA
    from requests.adapters import HTTPAdapter

SEEN = "3.10"


def bound_answers(client: JIRA, adapter: HTTPAdapter) -> None:
    """Let an adapter of ours send all that the client sends. Raises Misconfigured for another version."""
    require_version("jira", SEEN)
    for scheme in ("http://", "https://"):
        client._session.mount(scheme, adapter)


def send_request(client: JIRA, method: str, path: str, **options: Any) -> requests.Response:
    """One request below the REST API's address; options: as of requests. Raises JIRAError, RequestException.

    Raises Misconfigured for another version than this was seen with.
    """
    require_version("jira", SEEN)
    response: requests.Response = client._session.request(method, client._get_url(path), **options)
    return response
