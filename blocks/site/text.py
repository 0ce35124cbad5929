"""Untrusted text made fit to show: cut to a length, without characters that control instead of being read.

Escaping is not done here: Jinja's autoescape and the DOM's textContent do that, everywhere.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, urlsplit

from blocks.errors import Misconfigured

# Embeddings, overrides and isolates: they turn the text around them too, which dir="auto" already handles.
_TURNING = {chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C)}
_NO_XML = {"\ufffe", "\uffff"}  # no XML may hold them: a picture's SVG with one ends the process
TITLE, TEXT = 120, 2000


def clip(text: str, length: int) -> str:
    """The text without control characters, at most so many characters long."""
    kept = [
        letter
        for letter in text[: length * 4]
        if letter in "\n\t"
        or (unicodedata.category(letter) not in ("Cc", "Cs") and letter not in _TURNING | _NO_XML)
    ]
    clean = "".join(kept).strip()
    return clean if len(clean) <= length else clean[: length - 1].rstrip() + "…"


def one_line(text: str, length: int = TITLE) -> str:
    """The same on one line."""
    return clip(re.sub(r"\s+", " ", text[: length * 4]), length)


def check_link(url: str | None) -> str | None:
    """An address a page may link to; None for anything else, such as a script."""
    if not url:
        return None
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        return None
    return url if scheme in ("http", "https", "file") else None


def make_checks_anchor(scope: str) -> str:
    """The part of an address that leads to the checks of a mart or a source, on the page of a run's checks."""
    return f"#checks-of-{quote(scope)}"


def check_slug(name: str) -> str:
    """A name that may be part of a path; Misconfigured for any other."""
    if re.fullmatch(r"[a-z0-9_-]{1,100}", name):
        return name
    raise Misconfigured(
        "Publish a dashboard",
        f"the name {one_line(name, 40)!r} can't be a folder",
        "Name exposures with lower-case letters, digits, - and _ only.",
    )
