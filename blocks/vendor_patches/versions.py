"""Which version of a package is installed, for patches that were seen with one."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

from blocks.errors import Misconfigured


@cache
def read_version(package: str) -> str:
    """The installed version of a package, by its name on the package index."""
    return version(package)


def is_version(package: str, seen: str) -> bool:
    """True if the installed version is `seen`, or one of its patch releases: 1.24.3 for 1.24."""
    return f"{read_version(package)}.".startswith(f"{seen}.")


def require_version(package: str, seen: str) -> None:
    """Raises Misconfigured for another version, where the product can't go on without its patch."""
    if not is_version(package, seen):
        raise Misconfigured(
            f"patch {package}",
            f"version {read_version(package)} is installed",
            f"Install {seen}, or check the patch in blocks/vendor_patches against the new version.",
        )
