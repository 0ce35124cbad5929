"""SQL that DuckDB accepts and Dremio refuses, found by parsing with sqlglot's Dremio dialect.

Grounds: Dremio's SQL reference (docs.dremio.com/current/reference/sql): its data types, its list of functions
and its SELECT grammar. Cautious: what could not be found there counts as refused.
"""

from __future__ import annotations

import re
from functools import lru_cache

import sqlglot
from sqlglot import exp

TEXTS = {
    r"::": "a cast by ::",
    r"\bgroup\s+by\s+all\b": "GROUP BY ALL",
    r"\border\s+by\s+all\b": "ORDER BY ALL",
    r"\basof\b": "ASOF JOIN",
    r"\*\s*(?:exclude|replace|rename)\s*\(": "SELECT * EXCLUDE, REPLACE or RENAME",
    r"\bcolumns\s*\(\s*['*]": "COLUMNS()",
    r"\bfrom\s+range\s*\(": "range()",
    r"\blambda\b|->": "a lambda",
    r"\btry_cast\s*\(": "TRY_CAST",
    r"\busing\s+sample\b": "USING SAMPLE",
    r"\bpivot\s+\(?|\bunpivot\b": "PIVOT",
    r"\bstruct_pack\b|\{\s*'": "a struct literal",
    r"\bpositional\s+join\b": "POSITIONAL JOIN",
}
FUNCTIONS = {
    "arg_max",
    "arg_min",
    "date_diff",
    "epoch",
    "generate_series",
    "group_concat",
    "hash",
    "json_object",
    "list_contains",
    "list_position",
    "list_value",
    "make_date",
    "quantile",
    "quantile_cont",
    "range",
    "read_csv",
    "read_parquet",
    "regexp_full_match",
    "strftime",
    "string_agg",
    "string_split",
    "strptime",
    "struct_pack",
    "sum_no_overflow",
    "to_days",
    "unnest",
}
NATIVE = re.compile(r"\bas\s+(text|string|real|hugeint|smallint|tinyint|timestamptz|uuid|json|blob)\b", re.I)


@lru_cache(maxsize=4096)
def refusals(sql: str) -> list[str]:
    """Why Dremio would refuse a query or the body of a model; empty if it is taken."""
    bare = re.sub(r"'(?:[^']|'')*'", "''", re.sub(r"/\*.*?\*/|--[^\n]*", " ", sql, flags=re.S))
    found = [reason for pattern, reason in TEXTS.items() if re.search(pattern, bare, re.I)]
    found += [f"type {name.upper()}" for name in NATIVE.findall(bare)]
    found += [f"function {name}" for name in FUNCTIONS if re.search(rf"\b{name}\s*\(", bare, re.I)]
    if re.search(r"\bfilter\s*\(\s*where\b", bare, re.I):
        found.append("FILTER (WHERE ...)")
    try:
        trees = [tree for tree in sqlglot.parse(sql, read="dremio") if tree]
    except sqlglot.errors.SqlglotError as error:
        return [*found, f"it does not parse: {str(error).splitlines()[0][:120]}"]
    if len(trees) > 1:
        found.append("several statements at once")
    for tree in trees:
        found += _in_tree(tree)
    return list(dict.fromkeys(found))


def _in_tree(tree: exp.Expr) -> list[str]:
    found = []
    for node in tree.walk():
        if isinstance(node, exp.Array | exp.Bracket):
            found.append("a list literal or subscript")
    return found
