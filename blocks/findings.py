"""What a check of a project finds, before anything is built: where, what is wrong, and what to do.

Not here: the checks (blocks/dbt/checks, blocks/quality/suite_check.py, tasks/project_check.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from enum import StrEnum

from blocks.records import Record

NEAR = 0.75


class Severity(StrEnum):
    """error: something that was asked for won't come, or would be wrong; warning: worth knowing."""

    error = "error"
    warning = "warning"


class Finding(Record):
    """One thing to mend. about: what it concerns, by its own name; place: a file, a dbt node or a ticket.

    quotes_ticket: its text holds words of a ticket, which no log or artifact may show.
    """

    severity: Severity
    about: str
    place: str
    problem: str
    fix: str
    quotes_ticket: bool = False


def make_error(about: str, place: str, problem: str, fix: str) -> Finding:
    """A finding that has to be mended."""
    return Finding(severity=Severity.error, about=about, place=place, problem=problem, fix=fix)


def warn(about: str, place: str, problem: str, fix: str) -> Finding:
    """A finding that is worth knowing."""
    return Finding(severity=Severity.warning, about=about, place=place, problem=problem, fix=fix)


def suggest_name(name: str, known: Iterable[str], near_enough: float = NEAR) -> str:
    """` (did you mean x?)` for a name that is nearly one of the known; else nothing. near_enough: 0 to 1."""
    near = get_close_matches(name.lower()[:200], sorted(known), 1, near_enough)
    return f" (did you mean {near[0]}?)" if near else ""


def suggest_column(column: str, declared: Iterable[str]) -> str:
    """The declared column that is likely meant, as `suggest_name` says it: a much longer or shorter one is another."""
    return suggest_name(column, {each for each in declared if abs(len(each) - len(column)) <= 2}, 0.8)


def sort_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Errors first, then by what they are about; each once."""
    unique = dict.fromkeys(findings)
    return sorted(unique, key=lambda each: (each.severity is Severity.warning, each.about, each.problem))
