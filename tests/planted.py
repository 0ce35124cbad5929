"""Looks for planted secrets in whatever a run leaves, in every form in which a program may have written them."""

from __future__ import annotations

import gzip
import html
import io
import json
import zipfile
from base64 import b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

SECRET = 'pl4nted/+"Pä55 w&rd\\<%41>'
"""A value that every way of escaping writes in another way."""
LONGEST = 2**28  # bytes of an archive's member that are looked into


def list_forms(secret: str) -> set[bytes]:
    """The secret as text, JSON, HTML, part of an address, Python's own words, UTF-16 and base64 wherever it begins."""
    texts = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(secret))[3:-3],
        html.escape(secret),
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        repr(secret)[1:-1],
    }
    plain = secret.encode()
    return {text.encode() for text in texts} | {secret.encode("utf-16-le")} | set(_encode_base64(plain))


def _encode_base64(plain: bytes) -> Iterator[bytes]:
    """What of its base64 does not depend on what stands before and behind it."""
    for before in range(3):
        encoded = b64encode(b" " * before + plain)
        middle = encoded[-(-before * 8 // 6) : (before + len(plain)) * 8 // 6]
        yield middle
        yield middle.replace(b"+", b"-").replace(b"/", b"_")


def find_planted(places: Iterable[Path], secrets: Iterable[str]) -> list[str]:
    """Each file below these places (or file) that holds one of the secrets, and the form in which it does."""
    forms = {form for secret in secrets for form in list_forms(secret)}
    files = [path for place in places for path in ([place] if place.is_file() else place.rglob("*"))]
    return [
        f"{name}: {form!r}"
        for path in files
        if path.is_file()
        for name, content in _unpack(str(path), path.read_bytes())
        for form in forms
        if form in content
    ]


def _unpack(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """A file, and what an archive holds."""
    yield name, content
    if content[:2] == b"\x1f\x8b":
        with gzip.open(io.BytesIO(content)) as file:
            yield from _unpack(f"{name}!", file.read(LONGEST))
    elif content[:4] == b"PK\x03\x04" and zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                with archive.open(member) as file:
                    yield from _unpack(f"{name}!{member}", file.read(LONGEST))


def find_prefect_database() -> list[Path]:
    """The files of the database of this process's Prefect server."""
    from prefect.settings import get_current_settings

    secret = get_current_settings().server.database.connection_url
    path = Path((secret.get_secret_value() if secret else "").split(":///")[-1])
    assert path.is_file(), path
    return [found for end in ("", "-wal") if (found := path.with_name(path.name + end)).is_file()]
