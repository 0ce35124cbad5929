"""A derived metric's expression, SQL over other metrics, read as a formula. What no formula can be is refused.

A new function is read here, and computed in blocks/metrics.py in every language.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from blocks.errors import Misconfigured
from blocks.metrics import Call, Condition, Filled, Formula, Number, Operation, Sign, has_division
from blocks.sql import parse_expression

if TYPE_CHECKING:
    from sqlglot.expressions import Expr

KNOWN = "+ - * /, case, coalesce, nullif, round, floor, ceil, abs, greatest, least over metrics and numbers"
_SIGNS: dict[str, Sign] = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
_COMPARISONS: dict[str, Condition] = {"eq": "=", "neq": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_MOST_DIGITS = 9
_MOST_PARTS = 5  # of greatest and least, which are written out as comparisons


class NotAFormulaError(Exception):
    """Why an expression is no formula."""


def read_expression(text: str, inputs: Mapping[str, Formula], dialect: str) -> Formula:
    """The formula of an expression over inputs by name. Raises NotAFormulaError with the reason."""
    if any(mark in text for mark in ("--", "/*", "#")):
        raise NotAFormulaError("its expression has a comment, or two minus signs that SQL reads as one")
    try:
        parsed = parse_expression(text, dialect)
    except (Misconfigured, RecursionError):
        raise NotAFormulaError(f"its expression is more than {KNOWN}: no single expression") from None
    try:
        return _Reader(inputs, dialect).read(parsed)
    except RecursionError:
        raise NotAFormulaError("its expression is nested too deep") from None


class _Reader:
    """Reads a tree of SQL. inputs: by the names that the expression has for them."""

    def __init__(self, inputs: Mapping[str, Formula], dialect: str) -> None:
        self.inputs, self.dialect = inputs, dialect

    def read(self, node: Expr) -> Formula:
        """A value."""
        kind = node.key
        if kind in _SIGNS:
            return Operation(sign=_SIGNS[kind], left=self.read(node.this), right=self.read(node.expression))
        readers: dict[str, Callable[[], Formula]] = {
            "paren": lambda: self.read(node.this),
            "neg": lambda: Operation(sign="-", left=Number(value=0), right=self.read(node.this)),
            "literal": lambda: self._read_number(node),
            "column": lambda: self._read_input(node),
            "null": lambda: Call(function="null"),
            "cast": lambda: self._read_cast(node),
            "case": lambda: self._read_case(node),
            "if": lambda: self._read_if(node),
            "coalesce": lambda: self._coalesce(node),
            "nullif": lambda: self._read_nullif(node),
            "greatest": lambda: self._read_extreme(node, ">="),
            "least": lambda: self._read_extreme(node, "<="),
            "round": lambda: self._round(node),
            "abs": lambda: Call(function="abs", parts=(self.read(node.this),)),
            "floor": lambda: self._read_rounding(node, "floor"),
            "ceil": lambda: self._read_rounding(node, "ceil"),
        }
        if kind not in readers:
            raise NotAFormulaError(f"its expression is more than {KNOWN}: it has {node.sql()[:60]}")
        return readers[kind]()

    def _read_number(self, node: Expr) -> Number:
        text = str(node.this)
        try:
            value: int | float = int(text) if text.isdigit() else float(text)
            finite = not node.is_string and math.isfinite(value)
        except (ValueError, OverflowError):
            finite = False
        if not finite:
            raise NotAFormulaError(f"its expression has {text[:40]}, which is no number")
        return Number(value=value)

    def _read_input(self, node: Expr) -> Formula:
        name = node.sql()
        if name not in self.inputs:
            raise NotAFormulaError(f"its expression names {name[:60]}, none of its metrics or numbers")
        return self.inputs[name]

    def _read_cast(self, node: Expr) -> Formula:
        if node.args["to"].sql() != "DOUBLE":
            raise NotAFormulaError(
                f"its expression casts to {node.args['to'].sql()}, which may change a value"
            )
        return self.read(node.this)

    def _read_case(self, node: Expr) -> Formula:
        parts: list[Formula] = []
        for branch in node.args["ifs"]:
            if node.this:  # case a when 1 then ...
                condition: Formula = Call(function="=", parts=(self.read(node.this), self.read(branch.this)))
            else:
                condition = self.read_condition(branch.this)
            parts += [condition, self.read(branch.args["true"])]
        rest = node.args.get("default")
        return Call(function="case", parts=(*parts, *([self.read(rest)] if rest else [])))

    def _read_if(self, node: Expr) -> Formula:
        parts = [self.read_condition(node.this), self.read(node.args["true"])]
        rest = node.args.get("false")
        return Call(function="case", parts=(*parts, *([self.read(rest)] if rest else [])))

    def _coalesce(self, node: Expr) -> Formula:
        parts = tuple(self.read(part) for part in (node.this, *node.expressions))
        match parts:
            case (only,):
                return only
            case (inner, Number(value=int() as value)):
                return Filled(formula=inner, value=value)
        return Call(function="coalesce", parts=parts)

    def _read_nullif(self, node: Expr) -> Formula:
        value, unwanted = self.read(node.this), self.read(node.expression)
        same = Call(function="=", parts=(value, unwanted))
        return Call(function="case", parts=(same, Call(function="null"), value))

    def _read_extreme(self, node: Expr, sign: Condition) -> Formula:
        """The greatest or least; a null part makes it null in some warehouses and is passed over in others."""
        parts = [self.read(part) for part in (node.this, *node.expressions)]
        if len(parts) > _MOST_PARTS:
            raise NotAFormulaError(f"its expression compares more than {_MOST_PARTS} values at once")
        skips = bool(node.args.get("ignore_nulls"))
        found = parts[0]
        for part in parts[1:]:
            wider = Call(function=sign, parts=(found, part))
            if skips:
                gone = [Call(function="is_null", parts=(each,)) for each in (found, part)]
                found = Call(function="case", parts=(gone[0], part, gone[1], found, wider, found, part))
            else:
                narrower = Call(function="not", parts=(wider,))
                found = Call(function="case", parts=(wider, found, narrower, part))
        return found

    def _round(self, node: Expr) -> Formula:
        digits = node.args.get("decimals")
        number = self.read(digits) if digits else Number(value=0)
        if not isinstance(number, Number) or number.value not in range(_MOST_DIGITS + 1):
            raise NotAFormulaError(f"its expression rounds to other than 0 to {_MOST_DIGITS} decimals")
        value = self.read(node.this)
        # DuckDB's division makes floating-point numbers, every other warehouse's decimal ones.
        binary = self.dialect == "duckdb" and has_division(value)
        return Call(function="round_binary" if binary else "round", parts=(value, number))

    def _read_rounding(self, node: Expr, function: str) -> Formula:
        if node.args.get("decimals"):
            raise NotAFormulaError(f"its expression has {function} with decimals")
        return Call.model_validate({"function": function, "parts": (self.read(node.this),)})

    def read_condition(self, node: Expr) -> Formula:
        """A condition of a case."""
        kind = node.key
        if kind == "paren":
            return self.read_condition(node.this)
        if kind in ("not", "and", "or"):
            both = (node.this, node.expression) if kind != "not" else (node.this,)
            return Call.model_validate({"function": kind, "parts": tuple(map(self.read_condition, both))})
        if kind in _COMPARISONS:
            return Call(function=_COMPARISONS[kind], parts=(self.read(node.this), self.read(node.expression)))
        if kind == "is" and node.expression.key == "null":
            found = Call(function="is_null", parts=(self.read(node.this),))
            return Call(function="not", parts=(found,)) if node.args.get("negate") else found
        if kind == "between" or (kind == "in" and node.expressions):
            return self._read_range(node)
        raise NotAFormulaError(f"its expression has the condition {node.sql()[:60]}, which is not computed")

    def _read_range(self, node: Expr) -> Formula:
        """`between` and `in` as comparisons."""
        value = self.read(node.this)
        if node.key == "between":
            ends = (self.read(node.args["low"]), self.read(node.args["high"]))
            both = (Call(function=">=", parts=(value, ends[0])), Call(function="<=", parts=(value, ends[1])))
            return Call(function="and", parts=both)
        first, *others = (Call(function="=", parts=(value, self.read(part))) for part in node.expressions)
        for other in others:
            first = Call(function="or", parts=(first, other))
        return first
