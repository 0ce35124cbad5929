"""Looks up every locked package among the known vulnerabilities: `make audit`.

Usage: python deploy/audit_lock.py PIP_AUDIT LOCK. Where no advisories can be read it says so: nothing checked is never
told as nothing found.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def judge(report: dict[str, Any]) -> tuple[int, list[str]]:
    """Exit code and lines for pip-audit's report: 1 for known vulnerabilities, and if only a part could be checked."""
    packages = report["dependencies"]
    skipped = [each["name"] for each in packages if "skip_reason" in each]
    if len(skipped) == len(packages):
        return 0, [f"Audit skipped: no advisories could be read for any of {len(packages)} packages."]
    lines = [
        f"{each['name']} {each['version']}: {found['id']}, fixed in {', '.join(found['fix_versions']) or 'none'}"
        for each in packages
        for found in each.get("vulns", ())
    ]
    if skipped:
        lines.append(f"Not checked: {', '.join(skipped)}")
    return bool(lines), [*lines, f"{len(packages) - len(skipped)} of {len(packages)} packages checked."]


def main(pip_audit: str, lock: str) -> int:
    """Print what is known of the lock's packages; the exit code is 1 if something has to be done."""
    command = [pip_audit, "--requirement", lock, "--no-deps", "--disable-pip", "--format", "json"]
    done = subprocess.run(  # noqa: S603  # the Makefile's two arguments, no shell
        [*command, "--progress-spinner", "off"], capture_output=True, text=True, check=False
    )
    try:
        code, lines = judge(json.loads(done.stdout))
    except (ValueError, KeyError):
        reason = (done.stderr.strip().splitlines() or ["no answer"])[-1][:300]
        unreachable = any(word in done.stderr for word in ("onnection", "imeout", "timed out", "HTTPError"))
        code, lines = (
            (0, [f"Audit skipped: no advisories could be read: {reason}"]) if unreachable else (1, [reason])
        )
    print("\n".join(lines))
    return int(code)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
