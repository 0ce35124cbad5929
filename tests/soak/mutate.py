"""Mutation testing of gate, diff, promotion and metrics: `make mutants MUTANT_ARGS="[MODULE ...]"`.

Each mutant is one small change of a module, in memory only, in a process of its own, in which the module's tests run
until one fails. A mutant that none fails for has survived, and is listed. Takes a few seconds a mutant; not part of
`make test`. They are tried in a random order, always the same one as long as the module stays as it is; `--seed S`
takes another, `--sample N` the first N of it, `--line L` only those of a line. A point is one that was noticed.

Changed are: a comparison (`<` to `<=`, `==` to `!=`, `in` to `not in`), `and` to `or`, a condition to its contrary,
True to False, a number to the next, `+` to `-`, `*` to `/`, `|` to `&`, a word of SQL, and a call whose answer nobody
takes, which is left out. Never changed is what only people and type checkers read: docstrings, annotations, a task's
name and retries, texts that are no SQL, all that stands in a `raise`, and where a name in a text is cut.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import os
import random
import re
import sys
import time
from copy import deepcopy
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 600
HERE = "not postgres and not snowflake and not dremio"
LAST = "journal_keeps_one_line or killed_at_every_statement"
"""Tests of many seconds, which only run where no other fails."""
NO_TESTS = 5  # what pytest answers where there are none
DIFF = ["tests/blocks/quality/test_mart_diff.py", "tests/blocks/warehouse/test_mart_diff_contract.py"]
JOINS = ["tests/blocks/test_entity_joins.py", "tests/blocks/test_foreign_keys.py"]
HISTORY = [
    "tests/tasks/test_promotion.py",
    "tests/property/test_histories.py",
    "tests/blocks/warehouse/test_lease.py::test_no_write_to_control_outlives_the_lease",
]
METRICS = [
    "tests/blocks/test_semantic_models.py",
    "tests/blocks/test_semantic_details.py",
    "tests/blocks/test_entity_joins.py",
    "tests/test_limits.py",
]
TESTS = {
    "blocks.quality.mart_diff": DIFF,
    "blocks.quality.mart_checks": [*DIFF, *JOINS],
    "blocks.quality.type_expectations": ["tests/blocks/quality/test_type_expectations.py"],
    "tasks.gate": [
        "tests/tasks/test_gate.py",
        "tests/tasks/test_quarantine.py",
        "tests/tasks/test_carried_checks.py",
        "tests/blocks/quality/test_mart_diff.py",
        *JOINS,
    ],
    "tasks.carried_checks": ["tests/tasks/test_carried_checks.py"],
    "tasks.shown_checks": ["tests/tasks/test_shown_checks.py"],
    "tasks.promotion": HISTORY,
    "blocks.warehouse.release_history": HISTORY,
    "blocks.warehouse.view_settings": ["tests/blocks/warehouse/test_view_settings.py"],
    "blocks.dimensions": METRICS,
    "blocks.entity_joins": METRICS,
    "blocks.semantic_models": METRICS,
    "blocks.metric_expression": METRICS,
}
TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
SQL = (
    (" > ", " < "),
    (" < ", " > "),
    (" and ", " or "),
    (" or ", " and "),
    (" is null", " is not null"),
    (" = 0", " = 1"),
    (" <> ", " = "),
    ("union all", "union"),
    ("full outer", "inner"),
    ("then 1 else 0", "then 0 else 1"),
)
SQL_WORDS = set(
    re.findall(
        r"\w+",
        "abs and as by case count cross distinct else end from full group having in inner is join left max min not null"
        " on or order outer select sum then union all when where",
    )
)
CHANGED_ITSELF = (
    ast.Compare,
    ast.BoolOp,
    ast.UnaryOp,
    ast.Constant,
)  # a condition that is a mutant of its own


Place: TypeAlias = tuple[int, int]
"""The how many-th node of a module, and which of the changes that it allows."""


def find_places(tree: ast.Module, line: int | None = None) -> list[Place]:
    """All changes there are, or those of a line."""
    passed_over = _find_words(tree)
    return [
        (at, number)
        for at, node in enumerate(ast.walk(tree))
        if id(node) not in passed_over and line in {None, _find_line(node)}
        for number in range(_choices(node))
    ]


def make_mutant(tree: ast.Module, place: Place) -> tuple[str, ast.Module]:
    """Where and what was changed, and the module with that one change."""
    copy, (at, number) = deepcopy(tree), place
    node = next(islice(ast.walk(copy), at, None))
    what = f"{_find_line(node)}: {_change(node, number)}"
    return what, ast.fix_missing_locations(copy)


def _find_line(node: ast.AST) -> int:
    return getattr(node.target if isinstance(node, ast.comprehension) else node, "lineno", 0)


def _find_words(tree: ast.Module) -> set[int]:
    """What only people and type checkers read, by id: no change of it is drawn."""
    found: list[ast.AST] = []
    for node in ast.walk(tree):
        found += [getattr(node, name) for name in ("annotation", "returns") if getattr(node, name, None)]
        found += getattr(node, "decorator_list", ())  # a task's name and retries
        match node:
            case ast.Expr(value=ast.Constant() as docstring):
                found.append(docstring)
            case ast.Raise(exc=ast.AST() as error):  # an error's text
                found.append(error)
            case ast.FormattedValue():  # where a name in a message is cut
                found += [each for each in ast.walk(node) if isinstance(each, ast.Slice)]
    return {id(each) for part in found for each in ast.walk(part)}


def is_sql(text: str) -> bool:
    """True for a piece of SQL, which has no words but SQL's; false for a message."""
    words = re.findall(r"\b[a-z]{2,}\b", re.sub(r"\bas \w+|\w+_\b", "", text.lower()))
    return set(words) <= SQL_WORDS


def _choices(node: ast.AST) -> int:
    match node:
        case ast.Compare(ops=operators):
            return sum(type(operator) in TURNED for operator in operators)
        case ast.BoolOp() | ast.UnaryOp(op=ast.Not()) | ast.Constant(value=bool()):
            return 1
        case ast.Constant(value=int() | float()) | ast.Expr(value=ast.Call()):
            return 1
        case ast.BinOp(op=operator) | ast.AugAssign(op=operator):
            return int(type(operator) in OPERATORS)
        case ast.Constant(value=str(text)):
            return sum(old in text for old, _ in SQL) if " " in text and is_sql(text) else 0
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            return int(not isinstance(test, CHANGED_ITSELF))
        case ast.comprehension(ifs=[test]):
            return int(not isinstance(test, CHANGED_ITSELF))
    return 0


def _change(node: ast.AST, number: int) -> str:
    before = _write(node)
    match node:
        case ast.Compare():
            at = [at for at, operator in enumerate(node.ops) if type(operator) in TURNED][number]
            node.ops[at] = TURNED[type(node.ops[at])]()
        case ast.BoolOp():
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        case ast.UnaryOp():
            node.op, node.operand = ast.Not(), ast.UnaryOp(ast.Not(), node.operand)
        case ast.BinOp() | ast.AugAssign():
            node.op = OPERATORS[type(node.op)]()
        case ast.Expr():
            node.value = ast.Constant(None)
        case ast.If() | ast.IfExp() | ast.While():
            node.test = ast.UnaryOp(ast.Not(), node.test)
        case ast.comprehension():
            node.ifs = [ast.UnaryOp(ast.Not(), node.ifs[0])]
        case ast.Constant(value=bool(value)):
            node.value = not value
        case ast.Constant(value=str(text)):
            old, new = [pair for pair in SQL if pair[0] in text][number]
            node.value = text.replace(old, new, 1)
        case ast.Constant(value=int() | float() as value):
            node.value = value + 1
    return f"{before} → {_write(node)}"


def _write(node: ast.AST) -> str:
    match node:
        case ast.Constant():
            return repr(node.value)[:70]
        case ast.If(test=test) | ast.While(test=test):
            return f"if {ast.unparse(test)}"[:70]
    return ast.unparse(node)[:70]


def load(name: str, tree: ast.Module) -> ModuleType:
    """The mutant, in the module's place, before anything of the project is imported that keeps what it holds."""
    for known in [each for each in sys.modules if each.partition(".")[0] in {"blocks", "tasks", "flows"}]:
        del sys.modules[known]
    spec = importlib.util.find_spec(name)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    exec(compile(tree, spec.origin or name, "exec"), module.__dict__)
    package, _, last = name.rpartition(".")
    setattr(importlib.import_module(package), last, module)
    return module


def survives(name: str, tree: ast.Module, tests: list[str], seconds: float) -> bool | None:
    """True if all tests pass, None if they take longer than that. In a fork, so that imports are paid once."""
    import pytest

    child = os.fork()
    if child == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        try:
            load(name, tree)
            words = ["-x", "-q", "-p", "no:cacheprovider", *tests]
            words += [
                "-W",
                "ignore::pytest.PytestAssertRewriteWarning",
            ]  # what is imported once for all mutants
            code = int(pytest.main([*words, "-k", f"{HERE} and not ({LAST})"]))
            code = code or int(pytest.main([*words, "-k", f"{HERE} and ({LAST})"])) % NO_TESTS
        except BaseException:
            code = 1
        os._exit(code)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.05)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return None


def try_module(name: str, given: argparse.Namespace) -> None:
    """Print each survivor of a module's mutants, and how many of how many."""
    path = ROOT.joinpath(*name.split(".")).with_suffix(".py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    begun = time.monotonic()
    if not survives(name, tree, TESTS[name], SECONDS):
        print(f"{name}: its tests fail without a change", flush=True)
        return
    seconds = max(60, 5 * (time.monotonic() - begun))  # a mutant may wait for ever
    places = find_places(tree, given.line)
    random.Random(name + given.seed).shuffle(places)
    drawn, left, slow = places[: given.sample], 0, []
    for place in drawn:
        what, mutant = make_mutant(tree, place)
        verdict = survives(name, mutant, TESTS[name], seconds)
        slow += [(what, mutant)] if verdict is None else []
        left += verdict is True
        said = f"\n{path.relative_to(ROOT)}:{what}\n"
        print(said if verdict else "." if verdict is False else "?", end="", flush=True)
    for what, mutant in slow:  # once more, with time for a machine that had other work
        verdict = survives(name, mutant, TESTS[name], 3 * seconds)
        left += verdict is True
        how = "survived" if verdict else "never ends" if verdict is None else "noticed"
        print(f"\n{path.relative_to(ROOT)}:{what} (slow: {how})", flush=True)
    print(f"\n{name}: {left} of {len(drawn)} survived, of {len(places)} there are", flush=True)


def main(words: list[str]) -> None:
    """Try the modules that are named, or all."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("names", nargs="*", metavar="MODULE")
    arguments.add_argument("--sample", type=int, metavar="N")
    arguments.add_argument("--seed", default="", metavar="S")
    arguments.add_argument("--line", type=int, metavar="L")
    given = arguments.parse_args(words)
    os.chdir(ROOT)
    import duckdb  # noqa: F401  # paid once
    import great_expectations  # noqa: F401
    import hypothesis  # noqa: F401
    import prefect  # noqa: F401
    import psycopg  # noqa: F401

    import blocks.catalogue
    import blocks.warehouse.duckdb.warehouse  # noqa: F401

    for name in given.names or list(TESTS):
        try_module(name, given)


if __name__ == "__main__":
    main(sys.argv[1:])
