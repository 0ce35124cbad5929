"""Great Expectations takes the types of a dialect from a module that it knows by the dialect's name.

Seen with great-expectations 1.24: for a dialect named `dremio` it imports `sqlalchemy_dremio.pyodbc`, the public
dialect, which fails (docs/dremio.md). For one that it does not know, as DuckDB's, it has no module, and refuses
every expectation about patterns. It imports scipy's statistics, whatever is expected.
Add here: what else is named to it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias

from blocks.vendor_patches.versions import is_version, require_version

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

SEEN = "1.24"
STATISTICS = "scipy.stats"
Expression: TypeAlias = "Callable[..., ColumnElement[bool] | None]"


def name_type_module(name: str, module: ModuleType) -> None:
    """Let `import name` (`package.module`) find the dialect's types; a real package that is in use stays.

    Raises Misconfigured for another version than this was seen with.
    """
    require_version("great-expectations", SEEN)
    package = name.partition(".")[0]
    sys.modules.setdefault(package, ModuleType(package))
    sys.modules.setdefault(name, module)


class _Later(ModuleType):
    """A module that is imported once something of it is asked for."""

    def __getattr__(self, name: str) -> object:
        if sys.modules.get(self.__name__) is self:
            sys.modules.pop(self.__name__, None)
        return getattr(import_module(self.__name__), name)


def import_great_expectations() -> None:
    """Import it, which takes seconds, without scipy's statistics: a fifth of them, and for few expectations.

    These import it once they are evaluated. On another version than this was seen with it comes at once.
    """
    spec = find_spec(STATISTICS) if is_version("great-expectations", SEEN) else None
    if spec and STATISTICS not in sys.modules:
        later = _Later(STATISTICS)
        later.__spec__, later.__file__ = spec, spec.origin
        sys.modules[STATISTICS] = later
    import great_expectations  # noqa: F401


def support_patterns() -> None:
    """Let expectations about regular expressions and LIKE work on a dialect that it has no module for: DuckDB.

    Called again, it changes nothing. Raises Misconfigured for another version than this was seen with.
    """
    require_version("great-expectations", SEEN)
    from great_expectations.expectations.metrics import util

    for name, build in (
        ("get_dialect_regex_expression", _match_regex),
        ("get_dialect_like_pattern_expression", _match_like),
    ):
        own = getattr(util, name)
        if not getattr(own, "knows_duckdb", False):
            _replace(name, own, _add_fallback(own, build))


def _add_fallback(own: Expression, build: Expression) -> Expression:
    def expression(*arguments: object, **named: object) -> ColumnElement[bool] | None:
        found = own(*arguments, **named)
        return build(*arguments, **named) if found is None else found

    expression.knows_duckdb = True  # type: ignore[attr-defined]
    return expression


def _replace(name: str, own: Expression, other: Expression) -> None:
    """In each of its modules: they import the function itself."""
    for path, module in list(sys.modules.items()):
        if path.startswith("great_expectations.") and getattr(module, name, None) is own:
            setattr(module, name, other)


def _match_regex(
    column: ColumnElement[object], regex: str, dialect: object, positive: bool = True
) -> ColumnElement[bool]:
    """DuckDB's regexp_matches finds a match anywhere, as the expectation means it; its `~` wants the whole text."""
    import sqlalchemy

    match = sqlalchemy.func.regexp_matches(column, sqlalchemy.literal(regex))
    return match if positive else sqlalchemy.not_(match)


def _match_like(
    column: ColumnElement[object],
    dialect: object,
    like_pattern: str,
    positive: bool = True,
    escape: str | None = None,
) -> ColumnElement[bool]:
    match = column.like(like_pattern, escape=escape)
    return match if positive else column.not_like(like_pattern, escape=escape)
