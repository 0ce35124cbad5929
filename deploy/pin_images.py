"""Writes the digest that the tag of each base image has today into the Dockerfile and the compose files.

`make images` runs it. A digest is only ever what the registry answered; without one nothing is changed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

FILES = ("Dockerfile", "compose.yaml", "deploy/compose.replicas.yaml")
OURS = "ticket-to-dashboard"
REFERENCE = re.compile(
    r"^(?P<before>ARG PYTHON=|\s+image: )(?P<tag>[\w./:-]+)(?:@sha256:[0-9a-f]{64})?$", re.MULTILINE
)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def read_digest(image: str) -> str:
    """Digest of the image's index, for all its platforms. Raises LookupError if no registry says one."""
    command = ["docker", "buildx", "imagetools", "inspect", image, "--format", "{{.Manifest.Digest}}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603  # no shell
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LookupError(f"{image}: {error}") from None
    digest = done.stdout.strip()
    if done.returncode or not DIGEST.fullmatch(digest):
        raise LookupError(f"{image}: {(done.stderr or digest).strip()[:300] or 'no digest came back'}")
    return digest


def pin(text: str) -> str:
    """The same text with the digest of today behind every tag but our own image's."""

    def write(found: re.Match[str]) -> str:
        before, tag = found["before"], found["tag"]
        if tag.startswith(OURS):
            return found[0]
        digest = read_digest(f"python:{tag}" if before.startswith("ARG") else tag)
        print(f"{tag}@{digest}")
        return f"{before}{tag}@{digest}"

    return REFERENCE.sub(write, text)


def main(root: Path) -> int:
    """0 if every image has its digest; else 1, nothing changed, and why on standard error."""
    try:
        pinned = {path: pin(path.read_text(encoding="utf-8")) for path in (root / each for each in FILES)}
    except LookupError as error:
        print(f"No digest was written, as a registry could not be asked. {error}", file=sys.stderr)
        return 1
    for path, text in pinned.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent))
