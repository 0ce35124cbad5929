"""The page's JavaScript: its unit tests, run by Node's own test runner, and how its modules become one script."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from blocks.site.html.page import build_program, wrap_module
from tests.conftest import ROOT

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def node() -> str:
    """Node.js; without it these tests skip, except in CI."""
    found = shutil.which("node")
    if found:
        return found
    reason = "Node.js is not installed: the unit tests of the page's JavaScript can't run"
    pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


@pytest.mark.parametrize("path", sorted(HERE.glob("*.test.js")), ids=lambda path: path.name)
def test_the_unit_tests_pass(node: str, path: Path) -> None:
    command = [node, "--test", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_program_is_one_script(node: str, tmp_path: Path) -> None:
    script = tmp_path / "program.js"  # outside the folder whose package.json makes every .js a module
    script.write_text(build_program(), encoding="utf-8")
    command = [node, "--check", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_a_module_becomes_a_scope_of_its_own() -> None:
    module = 'import { b,\n  c } from "./other.js";\n\nexport const a = b + c;\nconst own = 1;\nexport class D {}\n'
    scope = wrap_module("m.js", module)
    assert scope.startswith("const { a, D } = (() => {\n")
    assert scope.endswith("\nreturn { a, D };\n})();")
    assert "\nconst a = b + c;\nconst own = 1;\nclass D {}\n" in scope
    assert "import" not in scope


@pytest.mark.parametrize(
    "line",
    [
        'import { a as b } from "./other.js";',
        'import a from "./other.js";',
        'import "./other.js";',
        'import { a } from "elsewhere";',
        "export default 1;",
        "export let a = 1;",
        "export { a };",
        'export * from "./other.js";',
        "export async function a() {}",
    ],
)
def test_what_can_not_be_put_into_one_script_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"m\.js: only import"):
        wrap_module("m.js", f"{line}\n")
