"""The code keeps its rules: layers, no circles, homes of SDKs, sizes, suites, and a README whose commands are real."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import ROOT

CODE = [path for folder in ("flows", "tasks", "blocks") for path in sorted((ROOT / folder).rglob("*.py"))]
SDKS = {
    "adbc_driver_flightsql",
    "altair",
    "connectorx",
    "dbt",
    "dlt",
    "duckdb",
    "duckdb_engine",
    "fsspec",
    "great_expectations",
    "jira",
    "lxml",
    "prefect_dbt",
    "prefect_snowflake",
    "psycopg",
    "ruamel",
    "snowflake",
    "sqlalchemy",
    "tableauhyperapi",
    "tableauserverclient",
    "vl_convert",
}
SQL = re.compile(
    r"\b(select\s[^:]*\bfrom\b|insert into|delete from|where\s.*[=<>]|(create|drop|alter) (table|schema|view))",
    re.I,
)
IMPORTED_WHERE_NEEDED = {
    "blocks/warehouse/duckdb/sqlalchemy.py",
    "blocks/warehouse/dremio/sqlalchemy.py",
    "blocks/warehouse/postgres/watched_connection.py",
    "blocks/warehouse/snowflake/settings.py",  # a block with a vendor's block in a field
}


def imports(path: Path, everywhere: bool) -> set[str]:
    """First names of what a file imports, at its top or anywhere."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if everywhere else iter(tree.body)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_layers_run_one_way() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_no_files_import_each_other_in_a_circle() -> None:
    modules = {module_name(path): path for path in (*CODE, *sorted((ROOT / "demo").rglob("*.py")))}
    graph = {name: imported_modules(name, path, modules) for name, path in modules.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the files


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_modules(name: str, path: Path, modules: Mapping[str, Path]) -> set[str]:
    """The project's modules that a file imports, for type checks alone too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{each.name}" for each in node.names} & modules.keys()
            found |= inner or {node.module}
    return (found & modules.keys()) - {name}


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_vendor_sdks_live_in_blocks_inside_methods(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    if name in IMPORTED_WHERE_NEEDED:
        return
    if name.startswith("blocks/"):
        assert not imports(path, everywhere=False) & SDKS
    else:
        assert not imports(path, everywhere=True) & SDKS


PUBLIC_IN_SPITE_OF_IT = {"_replace", "_asdict", "_fields", "_make", "_exit"}  # of named tuples and os


def find_private_uses(path: Path) -> list[str]:
    """Attributes with a leading underscore that a file takes from anything but self, cls or super()."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Attribute) or not re.match(r"_[a-z]", node.attr):
            continue
        owner = node.value.func if isinstance(node.value, ast.Call) else node.value
        own = isinstance(owner, ast.Name) and owner.id in {"self", "cls", "super"}
        if not own and node.attr not in PUBLIC_IN_SPITE_OF_IT:
            found.append(f"{path.name}:{node.lineno} {node.attr}")
    return found


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_private_names_of_others_are_used_in_vendor_patches_only(path: Path) -> None:
    if path.parent.name != "vendor_patches":
        assert not find_private_uses(path)


def test_every_patch_says_the_version_it_was_seen_with_and_has_a_test() -> None:
    for path in sorted((ROOT / "blocks" / "vendor_patches").glob("*.py")):
        if path.stem not in {"__init__", "versions"}:
            assert re.search(r"^SEEN = ", path.read_text(), re.MULTILINE), path
            assert (ROOT / "tests" / "blocks" / "vendor_patches" / f"test_{path.stem}.py").is_file(), path


MOST_SIGNATURES_WITH_ANY = 40  # for other packages' untyped parts, and for rows of a database
MOST_SIGNATURES_WITH_ANY_BY_A_NAME = 4  # `Row` of a database, and any flow of Prefect


def name_types(function: ast.FunctionDef) -> set[str]:
    """The names in the types of a function's parameters and of what it returns."""
    arguments = function.args
    given = [
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        arguments.vararg,
        arguments.kwarg,
    ]
    types = [function.returns, *(each.annotation for each in given if each)]
    inside = [node for kind in types if kind for node in ast.walk(kind)]
    return {node.id for node in inside if isinstance(node, ast.Name)}


@cache
def list_aliases_of_any(path: Path) -> frozenset[str]:
    """The names that a file itself gives to types that are, or hold, `Any`."""
    text = path.read_text(encoding="utf-8")
    return frozenset(re.findall(r"^(\w+)(?:: TypeAlias)? = .*\bAny\b", text, re.MULTILINE))


def find_names_of_any(path: Path) -> set[str]:
    """The same with the names that it imports."""
    found = set(list_aliases_of_any(path))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        origin = ROOT / f"{(getattr(node, 'module', '') or '').replace('.', '/')}.py"
        if isinstance(node, ast.ImportFrom) and origin in CODE:
            found |= {each.name for each in node.names} & list_aliases_of_any(origin)
    return found


def test_signatures_say_their_types() -> None:
    plain, named = [], []
    for path in CODE:
        names = find_names_of_any(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            types = name_types(node) if isinstance(node, ast.FunctionDef) else set()
            if "Any" in types:
                plain.append(f"{path.relative_to(ROOT)}:{node.lineno}")
            elif types & names:
                named.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert len(plain) <= MOST_SIGNATURES_WITH_ANY, plain
    assert len(named) <= MOST_SIGNATURES_WITH_ANY_BY_A_NAME, len(named)


WITHOUT_VALUES = {
    *("OSError", "FileNotFoundError", "PermissionError", "EOFError", "BrokenPipeError"),
    *("ConnectionResetError", "ImportError", "RecursionError", "tarfile.FilterError"),
    "Timeout",  # of a lock
    *("BuildFailed", "Misconfigured", "NotAFormulaError", "TimedOut"),  # ours
}
"""Errors that hold names of files and of parts of them, and nothing that is in them."""


def list_kept_errors(tree: ast.AST) -> Iterator[int]:
    """Lines that raise an error which keeps another one, with all that it holds, as its cause or its context."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and not isinstance(node.cause, ast.Constant | None):
            yield node.lineno
        guarded = [each for each in ast.walk(node) if isinstance(each, ast.Try)]
        if is_context_manager(node) and any(isinstance(each, ast.Yield) for each in walk_bodies(guarded)):
            handlers, places = [each for one in guarded for each in one.handlers if goes_on(each)], [node]
        elif isinstance(node, ast.ExceptHandler):
            handlers, places = [node], [node]
        else:
            continue
        if {kind for each in handlers for kind in name_kinds(each)} - WITHOUT_VALUES:
            own = {each.name for each in handlers}
            raises = [each for place in places for each in ast.walk(place) if isinstance(each, ast.Raise)]
            yield from (each.lineno for each in raises if each.exc and ast.unparse(each.exc) not in own)


def is_context_manager(node: ast.AST) -> bool:
    """True for a generator with @contextmanager: what it raises after its yield has what it caught as context."""
    return isinstance(node, ast.FunctionDef) and any(
        ast.unparse(each) == "contextmanager" for each in node.decorator_list
    )


def goes_on(handler: ast.ExceptHandler) -> bool:
    """False for a handler that ends in raising what it caught."""
    last = handler.body[-1]
    return not (isinstance(last, ast.Raise) and last.exc is None)


def walk_bodies(guarded: Iterable[ast.Try]) -> Iterator[ast.AST]:
    for one in guarded:
        if one.handlers:
            for statement in one.body:
                yield from ast.walk(statement)


def name_kinds(handler: ast.ExceptHandler) -> list[str]:
    """The kinds of errors that a handler is for."""
    if handler.type is None:
        return ["BaseException"]
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return [ast.unparse(each) for each in kinds]


def test_no_error_of_a_block_keeps_one_that_holds_values() -> None:
    """A vendor's error holds SQL, rows, headers or a whole text, and logs and pickles would have it.

    `from None` hides it and leaves it there. Use `replace_vendor_errors`, which itself is the one exception.
    """
    found = {
        f"{path.relative_to(ROOT)}:{line}"
        for path in CODE
        if path.relative_to(ROOT).parts[0] == "blocks" and path.name != "errors.py"
        for line in list_kept_errors(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert not found


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("try: f()\nexcept ValueError: raise Rejected() from None", [2]),
        ("try: f()\nexcept ValueError as e:\n  if x: raise e\n  raise", []),
        ("try: f()\nexcept (OSError, yaml.YAMLError): raise Rejected()", [2]),
        ("try: f()\nexcept OSError: raise Busy() from None", []),
        ("try: f()\nexcept OSError as e: raise Busy() from e", [2]),
        ("try: f()\nexcept: raise Busy()", [2]),
        (
            "@contextmanager\ndef f():\n  try: yield\n  except ValueError: x = 1\n  if x: raise Busy()",
            [5],
        ),
        (
            "@contextmanager\ndef f():\n  if x: raise Busy()\n  try: g()\n  except ValueError: x = 1\n  yield",
            [],
        ),
    ],
)
def test_errors_that_keep_another_are_found(code: str, lines: list[int]) -> None:
    assert sorted(set(list_kept_errors(ast.parse(code)))) == lines


def test_no_stage_names_a_model_of_the_demo() -> None:
    models = {path.stem for path in (ROOT / "dbt" / "models").rglob("*.sql")}
    for path in CODE:
        words = set(re.findall(r"\w+", path.read_text(encoding="utf-8")))
        assert not words & models, path


def test_flows_and_tasks_hold_no_retry_numbers() -> None:
    for path in CODE:
        if path.name != "policy.py":
            assert not re.search(r"\b(retries|retry_delay_seconds)\s*=", path.read_text()), path


def test_no_loop_sleeps_by_itself() -> None:
    """Who waits uses blocks/http/polling.py, which has a deadline."""
    found = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in CODE
        for loop in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(loop, ast.While | ast.For)
        for call in ast.walk(loop)
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("sleep")
    ]
    assert not found


def strings(path: Path) -> Iterator[str]:
    """The texts in a file's code, docstrings left out; of a text with values in it, its fixed parts."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    described = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, described) and is_text(node.body[0])
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("select count(*) from ", True),
        (" where 1 = 0", True),
        ("drop schema x", True),
        ("select: marts to build", False),
        ("Say in a line what it is about.", False),
    ],
)
def test_sql_is_told_from_prose(text: str, found: bool) -> None:
    assert bool(SQL.search(text)) is found


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_sql_lives_in_blocks(path: Path) -> None:
    if not str(path.relative_to(ROOT)).startswith("blocks/"):
        assert not [text for text in strings(path) if SQL.search(text)]


def test_every_mart_has_a_suite_of_its_name() -> None:
    marts = {path.stem for path in (ROOT / "dbt" / "models" / "marts").glob("*.sql")}
    assert {path.stem for path in (ROOT / "expectations").glob("*.json")} == marts


def test_the_readmes_commands_are_real() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"\bmake ([a-z]+)\b(?=[`\s])", readme)) - {"it"}:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"
    for path in re.findall(r"\]\(([\w./-]+)\)", readme):
        assert (ROOT / path).exists(), path


def test_locks_are_pinned_by_hash_and_name_no_address() -> None:
    for path in ROOT.glob("requirements*.lock"):
        text = path.read_text(encoding="utf-8")
        pins = re.findall(r"^[a-z0-9][\w.-]*(?:\[[\w,-]+\])?==", text, re.MULTILINE)
        assert len(pins) > 5
        assert text.count("--hash=sha256:") >= len(pins)
        assert "://" not in text
        assert "index-url" not in text
