"""Suites of Great Expectations before 1.0, rewritten into today's form. Nothing is lost: what can't be is named.

A suite's file is read as it is, converted or not (expectations.py): this is for those who want it to say so.
"""

from __future__ import annotations

import json
from difflib import unified_diff
from pathlib import Path

from blocks.errors import Misconfigured
from blocks.quality.expectations import (
    FORMER_TYPE,
    find_fault,
    is_ineffective,
    name_expectation,
    read_suite,
    upgrade_expectation,
    upgrade_suite,
)
from blocks.records import Record
from blocks.whole_file import write_whole


class SuiteUpgrade(Record):
    """What becomes of one file. diff: of its text, empty if it stays; text: what it is to be.

    dropped: arguments without effect today, by expectation; unusable: expectations that can't be evaluated, which
    stay as they are, and why.
    """

    path: Path
    text: str
    diff: str = ""
    dropped: tuple[str, ...] = ()
    unusable: tuple[str, ...] = ()


def plan_upgrade(path: Path) -> SuiteUpgrade:
    """Read a suite's file. Raises Misconfigured for what is none, NotFound."""
    asked = f"read {path.name}"
    before, suite = read_suite(path)
    if not isinstance(suite, dict) or not isinstance(suite.get("expectations"), list):
        raise Misconfigured(asked, "it has no list of expectations", "Write at least one in it.")
    given: list[object] = suite["expectations"]
    faults = [find_fault(upgrade_expectation(each)) for each in given]
    kept = [each if fault else upgrade_expectation(each) for each, fault in zip(given, faults, strict=True)]
    upgraded = upgrade_suite(suite, kept, path.stem)
    if upgraded == {"name": path.stem, **suite}:
        upgraded = suite
    after = before if upgraded == suite else json.dumps(upgraded, indent=2, ensure_ascii=False) + "\n"
    names = [name_expectation(upgrade_expectation(each)) for each in given]
    return SuiteUpgrade(
        path=path,
        text=after,
        diff="".join(_write_diff(before, after, path.name)),
        dropped=tuple(
            f"{name}: {', '.join(found)}"
            for name, each, fault in zip(names, given, faults, strict=True)
            if not fault and (found := _find_ineffective(each))
        ),
        unusable=tuple(f"{name}: {fault}" for name, fault in zip(names, faults, strict=True) if fault),
    )


def write_upgrade(upgrade: SuiteUpgrade) -> None:
    """Write the file, whole or not at all. Raises OSError."""
    write_whole(upgrade.path, upgrade.text)


def _find_ineffective(given: object) -> list[str]:
    kwargs = given.get("kwargs") if isinstance(given, dict) and FORMER_TYPE in given else None
    found = kwargs.items() if isinstance(kwargs, dict) else ()
    return sorted(name for name, value in found if is_ineffective(name, value))


def _write_diff(before: str, after: str, name: str) -> list[str]:
    lines = unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), name, f"{name}, upgraded"
    )
    return [line if line.endswith("\n") else f"{line}\n" for line in lines]
