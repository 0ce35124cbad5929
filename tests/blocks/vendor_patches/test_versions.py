"""A patch knows the version it was seen with, and its patch releases."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from blocks.errors import Misconfigured
from blocks.vendor_patches import versions


@pytest.mark.parametrize(
    ("installed", "seen", "same"),
    [
        ("1.24.1", "1.24", True),
        ("1.24", "1.24", True),
        ("1.24.1", "1.24.1", True),
        ("1.240.1", "1.24", False),
        ("1.25.0", "1.24", False),
        ("11.24", "1.24", False),
    ],
)
def test_a_patch_release_is_the_version_that_was_seen(
    monkeypatch: pytest.MonkeyPatch, installed: str, seen: str, same: bool
) -> None:
    monkeypatch.setattr(versions, "read_version", lambda package: installed)
    assert versions.is_version("any", seen) is same
    if not same:
        with pytest.raises(Misconfigured, match=f"version {installed} is installed"):
            versions.require_version("any", seen)


def test_the_version_is_the_installed_one() -> None:
    assert versions.read_version("pytest") == version("pytest")
