"""Tableau's calculations as DuckDB's SQL, so that a test can say what they come to. Functions as its help has them.

Only what generated workbooks use. A level-of-detail expression is FIXED without dimensions, one value for all rows, or
EXCLUDEs all that a view is cut by: one value for those that are filtered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from blocks.site.tableau.workbook.datasource import Source
from blocks.site.tableau.workbook.fields import Field

FUNCTIONS: dict[str, Callable[..., str]] = {
    "DATE": lambda x: f"CAST({x} AS DATE)",
    "DATETRUNC": lambda grain, x, *_: f"date_trunc({grain}, {x})",
    "DATEADD": lambda grain, n, x: f"date_add({x}, INTERVAL ({n}) {grain.strip(chr(39))})",
    "MAKEDATE": lambda y, m, d: f"make_date({y}, {m}, {d})",
    "MIN": lambda *xs: f"least({', '.join(xs)})" if len(xs) > 1 else f"min({xs[0]})",
    "COUNTD": lambda x: f"count(DISTINCT {x})",
    "IFNULL": lambda x, y: f"coalesce({x}, {y})",
    "STR": lambda x: f"CAST({x} AS VARCHAR)",
    "INT": lambda x: f"CAST(trunc({x}) AS BIGINT)",
}


def expand(source: Source, field: Field) -> str:
    """A field's formula over columns alone."""
    known = {each.ref: each for each in (*source.metrics, *source.derived.fields)}
    formula = field.formula
    while found := next((ref for ref in known if ref in formula), None):
        formula = formula.replace(found, f"({known[found].formula})")
    return formula


def to_sql(
    formula: str,
    parameters: Mapping[str, str],
    today: str,
    rows: str = "extract",
    filtered: str = "extract",
    numeric: bool = False,
) -> str:
    """A calculation as SQL. parameters: by full name, what is chosen; rows: all of them, whatever is filtered.

    filtered: those that are; numeric: it is a number, and + adds up.
    """
    sql = re.sub(r'"([^"]*)"', r"'\1'", formula)
    for name, value in parameters.items():
        sql = sql.replace(name, f"'{value}'")
    sql = re.sub(r"\[((?:[^\]]|\]\])+)\]", lambda m: f'"{m[1].replace("]]", "]")}"', sql)
    while (found := re.sub(r"\{FIXED : ([^{}]+)\}", lambda m: f"(SELECT {m[1]} FROM {rows})", sql)) != sql:
        sql = found
    sql = re.sub(r"\{EXCLUDE [^:]+ : ([^{}]+)\}", lambda m: f"(SELECT {m[1]} FROM {filtered})", sql)
    sql = sql.replace("TODAY()", f"DATE '{today}'").replace("ELSEIF ", "WHEN ").replace("IF ", "CASE WHEN ")
    sql = _call(sql)
    return sql if numeric or "'" not in sql else sql.replace(" + ", " || ")


def _call(sql: str) -> str:
    """All calls of Tableau's functions, the inner ones first."""
    out, place = "", 0
    begins = re.compile(rf"\b({'|'.join(FUNCTIONS)})\(")
    while match := begins.search(sql, place):
        parts, depth, start = list[str](), 1, match.end()
        end = start
        while depth:
            depth += {"(": 1, ")": -1}.get(sql[end], 0)
            if depth == 1 and sql[end] == ",":
                parts.append(sql[start:end])
                start = end + 1
            end += 1
        parts.append(sql[start : end - 1])
        out += sql[place : match.start()] + FUNCTIONS[match[1]](*(_call(each.strip()) for each in parts))
        place = end
    return out + sql[place:]
