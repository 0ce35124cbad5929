"""Whether SQL that was run gives the same rows again for the same tables: read from its tree, and in doubt no.

Not here: what dbt's Jinja makes of a model (dbt/fingerprints.py).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from blocks.changing_names import DAYS, IN_TREE, MOMENT

if TYPE_CHECKING:
    from sqlglot import exp

DAY = "day"
"""The same rows for the rest of a day."""

_NOT_KNOWN = {"Anonymous", "AnonymousAggFunc", "SafeFunc"}
_NAMES = """
array_distinct array_to_string atan2 bit_count bool_and bool_or btrim concat contains date_part date_trunc
damerau_levenshtein day dayname editdist3 epoch epoch_ms epoch_us ends_with even extract first floor format
from_unixtime gamma greatest hamming hash jaccard jaro_similarity jaro_winkler_similarity json_array_length
json_extract json_extract_path_text json_extract_string json_value least left len length levenshtein lgamma
list_aggregate list_concat list_contains list_distinct list_filter list_sort list_sum list_transform
list_value lpad ltrim make_date make_time make_timestamp md5 month monthname nvl ordinal prefix printf quarter
regexp_extract regexp_full_match regexp_like regexp_matches regexp_replace regexp_split_to_array replace
reverse right round rpad rtrim sha256 signum split split_part square starts_with strftime string_agg
string_split strip_accents strptime struct_extract substr substring suffix to_char to_date to_days to_hours
to_months to_number to_timestamp to_years translate trim try_strptime unicode week weekday year yearweek
zeroifnull
"""
_KNOWN = frozenset(_NAMES.split())
"""Functions that sqlglot has no class for and that give the same for the same arguments, on whatever warehouse."""


def find_limit(sql: str, dialect: str, known: Collection[str], schema: str = "") -> str:
    """How long a query's rows stay the same for the same tables: empty for ever, `day`, or else why that is not known.

    known: the tables that may be read, each as `schema.table` in lower case. schema: the release's; a query that
    gives its name out is another in each release.
    """
    import sqlglot
    from sqlglot import errors

    try:
        trees = sqlglot.parse(sql, read=dialect)
    except (errors.SqlglotError, RecursionError):
        return "its SQL can't be read"
    if len(trees) != 1 or trees[0] is None:
        return "its SQL is not one query"
    return _find_stranger(trees[0], known) or _find_schema(trees[0], schema) or _find_changing(trees[0])


def _find_stranger(tree: exp.Expr, known: Collection[str]) -> str:
    """What a query reads that dbt was not told of."""
    from sqlglot import exp

    inside = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if isinstance(table.this, exp.Func) and not isinstance(table.this, exp.Anonymous):
            continue  # its arguments are looked at like any other function's
        names = [part.name.lower() for part in table.parts]
        if len(names) == 1 and names[0] in inside:
            continue
        if not any(".".join(names[at:]) in known for at in range(len(names) - 1)):
            return f"it reads {table.sql()[:80]}, which dbt is not told of by ref or source"
    return ""


def _find_schema(tree: exp.Expr, schema: str) -> str:
    from sqlglot import exp

    if not schema:
        return ""
    for node in tree.find_all(exp.Literal, exp.Identifier):
        if schema.lower() in str(node.this).lower() and not node.find_ancestor(exp.Table):
            names = node.parent and isinstance(node.parent, exp.Column) and node.arg_key != "this"
            if not names:  # a column may be named with its table
                return "it holds the name of the release's schema"
    return ""


def _find_changing(tree: exp.Expr) -> str:
    from sqlglot import exp

    limit = ""
    for node in tree.walk():
        kind = type(node).__name__
        if kind == "CurrentDate":
            limit = DAY
        elif kind in _NOT_KNOWN:
            if node.name.lower() not in _KNOWN:
                return f"it calls {node.name.lower()[:40]}, of which nothing is known"
        elif IN_TREE.fullmatch(kind):
            return f"it uses {node.sql()[:40].lower()}"
        elif isinstance(node, exp.Literal) and node.is_string:
            text = str(node.this).strip().lower()
            if text == MOMENT:
                return "it uses the time of now"
            limit = DAY if text in DAYS else limit
    return limit
