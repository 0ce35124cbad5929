"""Secrets in a location: user and password go to the credentials, any other secret is refused.

A location is a block's plain field. It is in a flow run's parameters, in logs and in errors; credentials are not.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from blocks.errors import Misconfigured

_SECRET_NAME = re.compile(
    r".*(password|passwd|passphrase|pwd|secret|token|signature|credentials?)|(.*[_-])?pass|.*secret.*|auth|authorization"
    r"|bearer|jwt|.*(api|access|account|shared|private|subscription)[_-]?key(\[\w+\])?",
    re.IGNORECASE,
)
_SECRET_PARAMETER = re.compile("sig|sas|key", re.IGNORECASE)
"""Of a URL; in a folder's name they are words like others."""
_SEPARATORS = re.compile(r"[?&;#,\s]+")
_LOGIN = re.compile(r"(?P<scheme>[A-Za-z][\w+.-]*://)(?P<login>[^/?#]*)@(?P<rest>.*)", re.DOTALL)
# SQLAlchemy takes slashes and the like in a password; a number up to a slash is a port
_LOOSE_LOGIN = re.compile(
    r"(?P<scheme>[A-Za-z][\w+.-]*://)(?P<login>[^:/@]*:(?!\d*/)[^@]*)@(?P<rest>.*)", re.DOTALL
)


def split_location(source: str, location: str) -> tuple[str, dict[str, str]]:
    """A location without its password, and the login that was in it: {username, password}, or nothing.

    A user without a password is no secret and stays, but before an API's address, where it is a token as a rule. Raises
    Misconfigured, which does not repeat the location, for a secret among its parameters, and for such a login, which is
    never sent.
    """
    asked = f"read the location of {source}"
    found = _LOGIN.fullmatch(location) or _LOOSE_LOGIN.fullmatch(location)
    if has_secret_parameter(found["scheme"] + found["rest"] if found else location):
        raise Misconfigured(
            asked,
            "a parameter in it looks like a secret, and locations are shown in clear",
            "Put it into `credentials` of the loader's block.",
        )
    name, separator, password = found["login"].partition(":") if found else ("", "", "")
    is_api = found is not None and found["scheme"].lower() in {"http://", "https://"}
    if not found or (not (separator and password) and not (is_api and name)):
        return location, {}
    if is_api:
        raise Misconfigured(
            asked,
            "it holds a login, and locations are shown in clear",
            "Put {header: Authorization, key: Basic ...} into `credentials` of the loader's block.",
        )
    return found["scheme"] + found["rest"], {"username": unquote(name), "password": unquote(password)}


def has_secret_parameter(location: str) -> bool:
    """True if a location gives a value to a name that stands for a secret.

    In a URL's query or fragment, in a connection string (`host=h password=p`, `Server=h;Password=p`), and in one
    within the other, whatever is written as `%77` and how often.
    """
    for _ in range(3):
        for part in _SEPARATORS.split(location)[0 if "://" not in location else 1 :]:
            name, _, value = part.partition("=")
            if value and (
                _SECRET_NAME.fullmatch(name)
                or ("://" in location and _SECRET_PARAMETER.fullmatch(name))
                or has_secret_parameter(value)
            ):
                return True
        location = unquote(location.replace("+", " "))
    return False
