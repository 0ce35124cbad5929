"""The image's health check: Prefect's API answers, and the state folder can be written. Standard library only."""

from __future__ import annotations

import os
import sys
import tempfile
import urllib.request


def main() -> int:
    """0 if healthy; else 1, and one line on standard error that says why."""
    try:
        with tempfile.TemporaryFile(dir=os.environ.get("STATE", "/state")):
            pass
        if api := os.environ.get("PREFECT_API_URL"):  # /health is open, so no credential is needed
            with urllib.request.urlopen(f"{api.rstrip('/')}/health", timeout=5):  # noqa: S310  # the operator's own
                pass
    except OSError as error:
        print(f"unhealthy: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
