"""Is Prefect's API there, are the proxy, the time zone and the limits of this process usable? Asked before a run.

Without this a silent server costs minutes and ends in a library's own words.
"""

from __future__ import annotations

import logging
import os
import resource
import warnings
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import getproxies

from blocks.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    import httpx

LOOK_SECONDS = 10
ZONES = Path("/usr/share/zoneinfo")
LEAST_FILES, USUAL_FILES = 128, 4096
"""Open files that a run has to be allowed (the demo's has up to 70), and that it asks for where it may."""
LEAST_ADDRESSES = 72 * 2**30
"""Bytes of addresses that a run's process has to be allowed: what draws pictures (V8) reserves 64 GB of them, used or
not, and without them ends the process in its midst."""


def check_proxies() -> None:
    """Raise Misconfigured for a SOCKS proxy where no package can speak to one: every client would fail."""
    socks = sorted(kind for kind, url in getproxies().items() if url.startswith("socks"))
    if socks and find_spec("socksio") is None:
        raise Misconfigured(
            "reach servers through a proxy",
            f"the one for {', '.join(socks)} is a SOCKS proxy, and the package socksio is not installed",
            "Name an HTTP proxy, unset ALL_PROXY (all_proxy), or install socksio.",
        )


def find_settings_fault() -> Misconfigured | None:
    """Why Prefect can't read its settings, which ends whatever imports it; None if it can. No value is shown."""
    logging.disable()  # it says that its plugins fail, too
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from prefect.settings import get_current_settings

            get_current_settings()
    except Exception as error:  # of TOML, of the file's encoding or rights, of pydantic, or one of its own
        from pydantic import ValidationError

        said = error.errors(include_input=False) if isinstance(error, ValidationError) else []
        named = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in said if each["loc"]]
        return Misconfigured(
            "read Prefect's settings",
            "; ".join(named) or f"{type(error).__name__}: {error}",
            "They are in PREFECT_… of the environment, profiles.toml in ~/.prefect (or PREFECT_HOME), prefect.toml, "
            "pyproject.toml and .env of the folder that this was started in. Correct or move what is wrong.",
        )
    finally:
        logging.disable(logging.NOTSET)
    return None


def check_time_zone() -> None:
    """Raise Misconfigured where TZ names a file that is no time zone: dbt would end by it, after the loads."""
    name = os.environ.get("TZ", "").removeprefix(":")
    path = ZONES / name
    if not name or not path.is_file():
        return
    try:
        with path.open("rb") as file:
            known = file.read(4) == b"TZif"
    except OSError:
        known = False
    if not known:
        raise Misconfigured(
            "read the machine's time zone",
            f"TZ names {name}, which is none",
            "Name one, as in Europe/Berlin, or unset TZ.",
        )


def raise_file_limit() -> None:
    """Let this process and its children open files enough. Raises Misconfigured where it may not have so many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = USUAL_FILES if hard == resource.RLIM_INFINITY else min(hard, USUAL_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < LEAST_FILES:
        raise Misconfigured(
            "open the files of a run",
            f"this process may have {most} open at once",
            f"Allow {LEAST_FILES} or more. `ulimit -Hn` shows it; the container or service sets it.",
        )


def check_address_limit() -> None:
    """Raise Misconfigured where `ulimit -v` leaves this process fewer addresses than its libraries reserve."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    if allowed != resource.RLIM_INFINITY and allowed < LEAST_ADDRESSES:
        raise Misconfigured(
            "load what a run needs",
            f"this process may have {allowed / 2**20:,.0f} MB of addresses (`ulimit -v`)",
            f"Lift that limit (`ulimit -v unlimited`): libraries reserve {LEAST_ADDRESSES / 2**30:.0f} GB of addresses"
            " and use few of them. To bound memory, limit that of the container or service.",
        )


def explain_api_failure(error: BaseException | None) -> Unavailable | None:
    """What ended a run where Prefect's API refused to record it, or does not answer; None for any other error."""
    import httpx
    from prefect.exceptions import PrefectHTTPStatusError

    from blocks.vendor_patches.prefect_clients import SilentError

    asked = "record the run on Prefect's server"
    if isinstance(error, httpx.TransportError) and _asks_api(error):
        silent = isinstance(error, SilentError)
        answer = (
            "it was silent for two minutes"
            if silent
            else f"it does not answer any more ({type(error).__name__})"
        )
        remedy = "See that it runs, then run this again: what was done is kept."
    elif isinstance(error, PrefectHTTPStatusError):
        status = error.response.status_code
        answer = f"it answered {status}"
        remedy = (
            "As a rule its database can't be written: make room on its disk (a run's own is prefect.db in its state "
            "folder), or look into that server's log. Then run it again: what was done is kept."
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR
            else "Look whether that server is of this version, and lets this account write."
        )
    else:
        return None
    return Unavailable(asked, answer, remedy)


def _asks_api(error: httpx.TransportError) -> bool:
    """True if it was Prefect's API that did not answer, and no other server."""
    from prefect.settings import get_current_settings

    try:
        return str(error.request.url).startswith(get_current_settings().api.url or "none")
    except RuntimeError:  # httpx's word for an error of no request
        return False


def check_api() -> None:
    """Ask the API that is set once, then for its version. Raises Unavailable, in seconds, also where it is silent."""
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectHTTPStatusError
    from prefect.settings import get_current_settings

    url = get_current_settings().api.url
    asked, remedy = (
        "reach Prefect's API",
        "Start that server, correct PREFECT_API_URL (or the profile), or unset it: then a run brings its own.",
    )
    if url is None:
        return
    try:
        httpx.get(f"{url}/health", timeout=LOOK_SECONDS)
        with get_client(sync_client=True) as client:
            client.raise_for_api_version_mismatch()
    except httpx.TimeoutException:
        answer = f"it does not answer within {LOOK_SECONDS} s"
    except PrefectHTTPStatusError as error:
        answer, status = f"it answers {error.response.status_code}", error.response.status_code
        if status in {401, 403}:
            remedy = "Set PREFECT_API_KEY or PREFECT_API_AUTH_STRING to a credential that this server takes."
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        answer = f"it can't be reached ({type(error).__name__})"
    except RuntimeError:  # Prefect's word for an answer that is no version, or another major one
        answer = "what answers there is no Prefect server of this version"
    else:
        return
    raise Unavailable(asked, answer, remedy)
