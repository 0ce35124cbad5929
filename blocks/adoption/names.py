"""How tables and columns of a source are called in what `init` proposes."""

from __future__ import annotations

import re


def to_snake_case(text: str) -> str:
    """A name as tables and columns have it here: lower case, words joined by underscores."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    plain = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_") or "data"
    return plain if plain[0].isalpha() else f"t_{plain}"
