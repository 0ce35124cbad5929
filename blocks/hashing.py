"""Short hashes by which two values are told to be the same or not."""

from __future__ import annotations

import hashlib
import json

LENGTH = 16  # hexadecimal digits


def hash_text(text: str) -> str:
    """A short hash of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def hash_value(*values: object) -> str:
    """A short hash of values that JSON can hold, or that have a text."""
    return hash_text(json.dumps(values, sort_keys=True, default=str))
