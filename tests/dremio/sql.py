"""One Dremio statement as DuckDB statements: paths, functions and clauses. Knows names, not data.

A path's folders become one DuckDB schema with dots in its name. On a Nessie branch the source's name carries it.
"""

from __future__ import annotations

import re
from functools import lru_cache

import sqlglot
from sqlglot import exp

SYSTEM = "__dremio"
CLAUSES = re.compile(
    r"\b(?:hash\s+)?(?:partition by|distribute by|localsort by)\s*\((?:[^()]|\([^()]*\))*\)"
    r"|\bstore\s+as\s*\([^)]*\)|\bwith single writer\b",
    re.I,
)
UNITS = {
    "SECOND": "to_seconds",
    "MINUTE": "to_minutes",
    "HOUR": "to_hours",
    "DAY": "to_days",
    "WEEK": "to_weeks",
    "MONTH": "to_months",
    "QUARTER": "to_quarters",
    "YEAR": "to_years",
}
Path = tuple[str, ...]


class Refused(Exception):
    """Dremio would not take the statement; its words."""


def bare(sql: str) -> str:
    """A statement without comments and closing semicolon."""
    return re.sub(r"/\*.*?\*/", " ", sql, flags=re.S).strip().rstrip(";").strip()


def head(sql: str) -> str:
    """The beginning of a statement in lower case with single spaces, to tell its kind."""
    return " ".join(bare(sql).lower().split())[:300]


def parse(sql: str) -> exp.Expr:
    """One statement; raises Refused as Dremio's parser would."""
    try:
        trees = [tree for tree in sqlglot.parse(sql, read="dremio") if tree]
    except sqlglot.errors.SqlglotError as error:
        raise Refused(f"PARSE ERROR: Failure parsing the query. {str(error).splitlines()[0]}") from None
    if len(trees) != 1:
        raise Refused("PARSE ERROR: Failure parsing the query: one statement is expected")
    return trees[0]


def path_of(text: str) -> Path:
    """The parts of a quoted or plain dotted path."""
    return _parts(next(parse(f"select * from {text}").find_all(exp.Table)))


def relation(path: Path, branches: dict[str, str] | None = None) -> str:
    """A path as DuckDB's quoted schema.table."""
    root, *folders = path[:-1] if len(path) > 1 else ("@user",)
    branch = (branches or {}).get(root)
    schema = ".".join([f"{root}@{branch}" if branch else root, *folders])
    return ".".join('"' + part.replace('"', '""') + '"' for part in (schema, path[-1]))


def translate(sql: str, branches: dict[str, str] | None = None) -> str:
    """A query or DML statement for DuckDB. branches: Nessie source → the branch it is read at."""
    return _translated(sql, tuple(sorted((branches or {}).items())))


@lru_cache(maxsize=4096)
def _translated(sql: str, at: tuple[tuple[str, str], ...]) -> str:
    branches = dict(at)
    text = re.sub(r"\bcurrent_timestamp\s*\(\s*\)", "current_timestamp", bare(sql), flags=re.I)
    text = re.sub(
        r"\btable\s*\(\s*table_snapshot\s*\(\s*'[^']*'\s*\)\s*\)",
        "(select current_timestamp as committed_at) s",
        text,
        flags=re.I,
    )
    if re.match(r"create\s+table\b", text, re.I):
        start, found, body = re.split(r"(\bas\b)", CLAUSES.sub("", text), maxsplit=1, flags=re.I)
        text = start + found + body
    tree = parse(text)
    ctes = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    for table in list(tree.find_all(exp.Table)):
        _map(table, ctes, branches)
    tree = tree.transform(_function)
    for select in tree.find_all(exp.Select):  # Dremio names a result column as the query spelled it
        select.set("expressions", [_spelled(each) for each in select.expressions])
    return tree.sql("duckdb")


def _parts(table: exp.Table) -> Path:
    """sqlglot nests what is beyond three parts as dots in the table's name."""
    found: list[str] = []

    def flatten(node: exp.Expr | None) -> None:
        if isinstance(node, exp.Dot):
            flatten(node.this)
            flatten(node.expression)
        elif isinstance(node, exp.Identifier):
            found.append(node.name)

    for node in (table.args.get("catalog"), table.args.get("db"), table.this):
        flatten(node)
    return tuple(found)


def _map(table: exp.Table, ctes: set[str], branches: dict[str, str]) -> None:
    if not isinstance(table.this, exp.Identifier | exp.Dot):
        return
    parts = _parts(table)
    if len(parts) == 1 and parts[0].lower() in ctes:
        return
    if parts[0].lower() in {"information_schema", "sys"}:
        schema, name = SYSTEM, parts[-1].lower()
    else:
        schema, name = (part.strip('"').replace('""', '"') for part in split(relation(parts, branches)))
    table.set("catalog", None)
    table.set("db", exp.to_identifier(schema, quoted=True))
    table.set("this", exp.to_identifier(name, quoted=True))


def split(quoted: str) -> tuple[str, str]:
    match = re.fullmatch(r'("(?:[^"]|"")*")\.("(?:[^"]|"")*")', quoted)
    assert match is not None, quoted
    return match[1], match[2]


def _function(node: exp.Expr) -> exp.Expr:
    name = node.name.lower() if isinstance(node, exp.Anonymous) else ""
    if name == "ilike":
        return exp.ILike(this=node.expressions[0], expression=node.expressions[1])
    if name == "timestampadd":
        unit, number, start = node.expressions
        make = UNITS[unit.sql().upper().removeprefix("SQL_TSI_")]
        return exp.Paren(this=exp.Add(this=start, expression=exp.Anonymous(this=make, expressions=[number])))
    return node


def _spelled(item: exp.Expr) -> exp.Expr:
    plain = isinstance(item, exp.Column) and not item.is_star
    return exp.alias_(item, item.name, quoted=True) if plain else item
