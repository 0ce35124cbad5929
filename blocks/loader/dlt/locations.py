"""Secrets in a location: user and password go to the credentials, any other secret is refused.

A location is a block's plain field. It is in a flow run's parameters, in logs and in errors; credentials are not.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote, urlsplit

from blocks.errors import Misconfigured

_SECRET_NAME = re.compile(
    r"pass(word|wd)?|pwd|sslpassword|secret|.*[_-]?(token|api_?key|secret|password|signature)|sig|sas|key|access_?key",
    re.IGNORECASE,
)
_LOGIN = re.compile(r"(?P<scheme>[A-Za-z][\w+.-]*://)(?P<login>[^/?#]*)@(?P<rest>.*)", re.DOTALL)
# SQLAlchemy takes slashes and the like in a password; a number up to a slash is a port
_LOOSE_LOGIN = re.compile(
    r"(?P<scheme>[A-Za-z][\w+.-]*://)(?P<login>[^:/@]*:(?!\d*/)[^@]*)@(?P<rest>.*)", re.DOTALL
)


def split_location(source: str, location: str) -> tuple[str, dict[str, str]]:
    """A location without its password, and the login that was in it: {username, password}, or nothing.

    A user without a password is no secret and stays. Raises Misconfigured, which does not repeat the location, for a
    secret among the parameters after `?`, and for a login before an API's address, which is never sent.
    """
    asked = f"read the location of {source}"
    found = _LOGIN.fullmatch(location) or _LOOSE_LOGIN.fullmatch(location)
    if _has_secret_parameter(found["scheme"] + found["rest"] if found else location):
        raise Misconfigured(
            asked,
            "a parameter in it looks like a secret, and locations are shown in clear",
            "Put it into `credentials` of the loader's block.",
        )
    name, separator, password = found["login"].partition(":") if found else ("", "", "")
    if not found or not separator or not password:
        return location, {}
    if found["scheme"].lower() in {"http://", "https://"}:
        raise Misconfigured(
            asked,
            "it holds a user and a password, and locations are shown in clear",
            "Put {header: Authorization, key: Basic ...} into `credentials` of the loader's block.",
        )
    return found["scheme"] + found["rest"], {"username": unquote(name), "password": unquote(password)}


def _has_secret_parameter(location: str) -> bool:
    """True if a URL's query or fragment gives a value to a name that stands for a secret."""
    if "://" not in location:
        return False
    try:
        parts = urlsplit(location)
    except ValueError:  # brackets that are no address; whoever connects says so
        return False
    pairs = parse_qsl(f"{parts.query}&{parts.fragment}")
    return any(value and _SECRET_NAME.fullmatch(name) for name, value in pairs)
