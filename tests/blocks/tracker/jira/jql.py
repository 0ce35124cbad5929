"""The part of JQL that the stand-in understands, refused as Jira refuses it.

Source: https://support.atlassian.com/jira-software-cloud/docs/jql-operators/ and .../jql-fields/.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

Issue = dict[str, Any]
Test = Callable[[Issue], bool]
_TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|(!=|>=|=|[(),])|([^\s"=!(),>]+))')
BOUNDED = {"project", "issuetype", "key", "created", "updated", "status", "duedate", "labels", "assignee"}


class Refused(Exception):
    """What Jira says of a query it does not take."""


class Query:
    """A parsed query. known: the values that exist, by field; strict: whether unknown ones are refused."""

    def __init__(self, text: str, known: dict[str, set[str]], strict: bool = True) -> None:
        body, _, order = re.sub(r"\s+order\s+by\s+", "\0", text, flags=re.IGNORECASE).partition("\0")
        if order and not re.fullmatch(r"(key|created)( ASC)?", order.strip(), re.IGNORECASE):
            raise Refused(f"Error in the JQL Query: can't order by {order}")
        self.known, self.strict, self.fields = known, strict, set[str]()
        self._tokens, at = [], 0
        while body[at:].strip():
            found = _TOKEN.match(body, at)
            if not found:
                raise Refused(f"Error in the JQL Query: unexpected '{body[at:][:10]}'")
            quoted, sign, word = found.groups()
            self._tokens.append(
                (quoted is not None, re.sub(r"\\(.)", r"\1", quoted[1:-1]) if quoted else sign or word)
            )
            at = found.end()
        self.matches = self._or()
        if self._tokens:
            raise Refused(f"Error in the JQL Query: Expecting operator but got '{self._tokens[0][1]}'")

    def _peek(self) -> str:
        return "" if not self._tokens or self._tokens[0][0] else self._tokens[0][1].lower()

    def _take(self, *expected: str) -> str:
        if not self._tokens or (expected and self._peek() not in expected):
            raise Refused(f"Error in the JQL Query: expecting {' or '.join(expected) or 'a value'}")
        return self._tokens.pop(0)[1]

    def _or(self) -> Test:
        tests = [self._and()]
        while self._peek() == "or":
            self._take()
            tests.append(self._and())
        return lambda issue: any(test(issue) for test in tests)

    def _and(self) -> Test:
        tests = [self._clause()]
        while self._peek() == "and":
            self._take()
            tests.append(self._clause())
        return lambda issue: all(test(issue) for test in tests)

    def _clause(self) -> Test:
        if self._peek() == "(":
            self._take()
            inside = self._or()
            self._take(")")
            return inside
        field = self._take().lower()
        self.fields.add(field)
        sign = self._take("=", "!=", "in", "is", ">=")
        if sign == ">=":
            since = datetime.now(UTC) - timedelta(days=_read_days(self._take(), field))
            return lambda issue: datetime.fromisoformat(issue["fields"][field]) >= since
        if sign.lower() == "is":
            self._take("empty")
            return lambda issue: not issue_values(issue, field)
        values = [self._value(field)] if sign.lower() != "in" else self._list(field)
        if sign == "!=":
            return lambda issue: (
                bool(issue_values(issue, field)) and not issue_values(issue, field) & set(values)
            )
        return lambda issue: bool(issue_values(issue, field) & set(values))

    def _list(self, field: str) -> list[str]:
        self._take("(")
        values = [self._value(field)]
        while self._take(",", ")") == ",":
            values.append(self._value(field))
        return values

    def _value(self, field: str) -> str:
        value = self._take().casefold()
        if field not in self.known and field != "labels":
            raise Refused(f"Field '{field}' does not exist or you do not have permission to view it.")
        if self.strict and field != "labels" and value not in self.known[field]:
            raise Refused(f"The value '{value}' does not exist for the field '{field}'.")
        return value


def _read_days(text: str, field: str) -> int:
    """The days of `-30d`, which fields of time alone are compared with."""
    found = re.fullmatch(r"-(\d+)d", text)
    if not found or field not in ("updated", "created"):
        raise Refused(f"Date value '{text}' for field '{field}' is invalid.")
    return int(found[1])


def issue_values(issue: Issue, field: str) -> set[str]:
    """What an issue has in a field, in small letters."""
    fields = issue["fields"]
    values: dict[str, list[str]] = {
        "project": [issue["key"].split("-")[0]],
        "key": [issue["key"]],
        "issuetype": [fields["issuetype"]["name"]],
        "status": [fields["status"]["name"]],
        "statuscategory": [fields["status"]["statusCategory"]["name"]],
        "labels": fields["labels"],
    }
    return {value.casefold() for value in values.get(field, [])}
