"""How the schemas of releases are named, and which of them belong together."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

RELEASE_PREFIX = "rel_"


def release_schema(run: str, attempt: int = 1) -> str:
    """The schema that an attempt of a run builds into; each attempt has its own.

    In lower case: engines differ in what else they keep.
    """
    return f"{RELEASE_PREFIX}{run.lower()}" + (f"r{attempt}" if attempt > 1 else "")


def parse_schema(folder: Path) -> str:
    """The schema that a dbt project is parsed for: one name in every run, so that dbt can go on from its last parse.

    No release has it; each is put in its place afterwards (dbt/release_manifest.py). Another folder has another name,
    because a parse holds paths.
    """
    digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()
    return f"{RELEASE_PREFIX}parsed_{digest[:12]}"


def is_in_release(schema_name: str, release: str, attempts: bool = False) -> bool:
    """True for a release's schema and for those of its models with a schema of their own, in folders too.

    attempts: also for those of later attempts of the same run.
    """
    later = r"(r\d+)?" if attempts else ""
    return re.search(rf"(^|\.){re.escape(release.lower())}{later}(_|\.|$)", schema_name.lower()) is not None
