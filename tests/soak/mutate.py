"""Mutation testing of gate, diff, promotion and metrics: `python -m tests.soak.mutate [MODULE ...]`.

Each mutant is one small change of a module (a comparison turned, a constant changed, an operator or a word of its SQL
swapped) in a process of its own, in which the module's tests run until one fails. A mutant that none fails for has
survived, and is listed. Takes a few seconds a mutant; not part of `make test`. `--sample N` tries N of each module's
mutants, drawn at random, always the same ones as long as the module stays as it is; `--seed S` draws others.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import os
import random
import sys
import time
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 600
DIFF = ["tests/blocks/quality/test_mart_diff.py", "tests/blocks/warehouse/test_mart_diff_contract.py"]
METRICS = ["tests/blocks/test_semantic_models.py", "tests/blocks/test_entity_joins.py"]
TESTS = {
    "blocks.quality.mart_diff": DIFF,
    "blocks.quality.mart_checks": DIFF,
    "blocks.quality.type_expectations": ["tests/blocks/quality/test_type_expectations.py"],
    "tasks.gate": [
        "tests/tasks/test_gate.py",
        "tests/tasks/test_quarantine.py",
        "tests/blocks/quality/test_mart_diff.py",
    ],
    "tasks.shown_checks": ["tests/tasks/test_shown_checks.py"],
    "tasks.promotion": ["tests/tasks/test_promotion.py", "tests/property/test_histories.py"],
    "blocks.warehouse.release_history": ["tests/tasks/test_promotion.py", "tests/property/test_histories.py"],
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


def mutants(tree: ast.Module) -> Iterator[tuple[int, str, ast.Module]]:
    """Line, what was changed, and the module with that one change."""
    without_effect = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    for node in ast.walk(tree):
        notes = [getattr(node, name, None) for name in ("annotation", "returns")]
        notes += getattr(node, "decorator_list", ())  # a task's name and retries
        if isinstance(node, ast.FormattedValue):  # where a name in a message is cut
            notes += [each for each in ast.walk(node) if isinstance(each, ast.Slice)]
        without_effect |= {id(each) for note in notes if note for each in ast.walk(note)}
    for at, node in enumerate(ast.walk(tree)):
        for number in range(0 if id(node) in without_effect else _choices(node)):
            copy = deepcopy(tree)
            target = next(each for place, each in enumerate(ast.walk(copy)) if place == at)
            what = _change(target, number)
            yield getattr(node, "lineno", 0), what, ast.fix_missing_locations(copy)


def _choices(node: ast.AST) -> int:
    match node:
        case ast.Compare(ops=[operator]):
            return int(type(operator) in TURNED)
        case ast.BoolOp() | ast.UnaryOp(op=ast.Not()) | ast.Constant(value=bool()):
            return 1
        case ast.Constant(value=int() | float()):
            return 1
        case ast.BinOp(op=operator):
            return int(type(operator) in OPERATORS)
        case ast.Constant(value=str(text)):
            return sum(old in text for old, _ in SQL) if " " in text and "\n" not in text else 0
    return 0


def _change(node: ast.AST, number: int) -> str:
    before = ast.unparse(node) if not isinstance(node, ast.Constant) else repr(node.value)
    match node:
        case ast.Compare():
            node.ops = [TURNED[type(node.ops[0])]()]
        case ast.BoolOp():
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        case ast.UnaryOp():
            node.op, node.operand = ast.Not(), ast.UnaryOp(ast.Not(), node.operand)
        case ast.BinOp():
            node.op = OPERATORS[type(node.op)]()
        case ast.Constant(value=bool(value)):
            node.value = not value
        case ast.Constant(value=str(text)):
            old, new = [pair for pair in SQL if pair[0] in text][number]
            node.value = text.replace(old, new, 1)
        case ast.Constant(value=int() | float() as value):
            node.value = value + 1
    after = ast.unparse(node) if not isinstance(node, ast.Constant) else repr(node.value)
    return f"{before[:70]} → {after[:70]}"


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


def survives(name: str, tree: ast.Module, tests: list[str]) -> bool:
    """True if all tests pass. In a fork, so that imports are paid once."""
    import pytest

    child = os.fork()
    if child == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        try:
            load(name, tree)
            words = [
                "-x",
                "-q",
                "-p",
                "no:cacheprovider",
                "-W",  # what is imported once for all mutants
                "ignore::pytest.PytestAssertRewriteWarning",
                "-k",
                "not postgres and not snowflake and not dremio",
                *tests,
            ]
            code = int(pytest.main(words))
        except BaseException:
            code = 1
        os._exit(code)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.05)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return False


def main(words: list[str]) -> None:
    """Print each survivor, and how many of how many."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("names", nargs="*", metavar="MODULE")
    arguments.add_argument("--sample", type=int, metavar="N")
    arguments.add_argument("--seed", default="", metavar="S")
    given = arguments.parse_args(words)
    os.chdir(ROOT)
    import duckdb  # noqa: F401  # paid once
    import hypothesis  # noqa: F401
    import prefect  # noqa: F401
    import psycopg  # noqa: F401

    import blocks.catalogue
    import blocks.warehouse.duckdb.warehouse  # noqa: F401

    for name in given.names or list(TESTS):
        path = ROOT.joinpath(*name.split(".")).with_suffix(".py")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if not survives(name, tree, TESTS[name]):
            print(f"{name}: its tests fail without a change", flush=True)
            continue
        every = list(mutants(tree))
        of = f"{len(every)}"
        if given.sample is not None and given.sample < len(every):
            of = f"{given.sample} drawn of {of}"
            every = random.Random(name + given.seed).sample(every, given.sample)
        left = [(line, what) for line, what, mutant in every if survives(name, mutant, TESTS[name])]
        print(f"{name}: {len(left)} of {of} survived", flush=True)
        for line, what in left:
            print(f"  {path.relative_to(ROOT)}:{line}: {what}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
