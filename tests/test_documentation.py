"""Every command in the documentation is run, or has a reason why not; its Python works; its links lead somewhere."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import yaml

from tests.conftest import ROOT
from tests.documentation import (
    LANGUAGES,
    MAIN,
    PAGES,
    Block,
    read_blocks,
    read_commands,
    read_table,
    row_of,
    split_commands,
)

BLOCKS = read_blocks()
COMMANDS = read_commands()
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def of(language: str) -> list[Any]:
    return [pytest.param(block, id=block.where) for block in BLOCKS if block.language == language]


def lines_with(word: str) -> list[str]:
    return [command for command in COMMANDS if command.startswith(word)]


def test_the_pages_hold_commands_of_every_kind() -> None:
    assert len(COMMANDS) > 60
    for word in ("python flows/main.py rollback", "make run", "prefect ", "docker ", "JIRA_SERVER="):
        assert lines_with(word), word


def test_commands_are_split_as_a_shell_would() -> None:
    script = "a --b  c  # said\n# nothing\nX=1 e \\\n    f\ng 'h\n  i'\n"
    assert split_commands(script) == ["a --b c", "X=1 e f", "g 'h i'"]


def test_every_block_says_its_language() -> None:
    assert not [block.where for block in BLOCKS if block.language not in LANGUAGES]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_run_or_has_a_reason_why_not(command: str) -> None:
    row = row_of(command)
    assert row, f"{COMMANDS[command]}: `{command}` is not in docs/commands.md"
    assert row.how in {"run", "by", "not run"}
    assert row.how == "run" or row.why


def test_no_row_is_left_over() -> None:
    needed = {row_of(command) for command in COMMANDS}
    assert [row.command for row in read_table() if row not in needed] == []


@pytest.mark.parametrize("row", [row for row in read_table() if row.how == "by"], ids=lambda row: row.command)
def test_the_named_tests_exist(row: Any) -> None:
    path, _, name = row.why.strip("`").partition("::")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(
    "command", [command for command in COMMANDS if MAIN in command and "…" not in command]
)
def test_flags_are_ones_that_the_command_line_takes(command: str) -> None:
    from flows.flags import read_flags

    read_flags(shlex.split(command.partition(MAIN)[2]))


@pytest.mark.parametrize("command", [command for command in COMMANDS if re.search(r"(^| )make ", command)])
def test_targets_are_in_the_makefile(command: str) -> None:
    target = shlex.split(command.partition("make ")[2])[0]
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("command", [command for command in COMMANDS if "pytest" in command])
def test_suites_are_where_they_are_said_to_be(command: str) -> None:
    paths = re.findall(r"\btests/[\w/.]+", command)
    assert paths
    for path in paths:
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_map_of_the_code_shows_every_part_of_blocks() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Architecture on one page")[2]
    parts = {path.stem for path in (ROOT / "blocks").glob("[a-z]*") if path.suffix in {"", ".py"}}
    assert sorted(part for part in parts if not re.search(rf"\b{part}\b", page)) == []


def test_how_to_add_something_names_what_there_is() -> None:
    """Functions, classes, constants and files that CONTRIBUTING's how-tos name."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Adding")[2]
    quoted = re.findall(r"`([\w./]+)(?:\([^`]*\))?(?: = \w+)?`", text)
    paths = [
        path for folder in ("flows", "tasks", "blocks", "tests") for path in (ROOT / folder).rglob("*.py")
    ]
    nodes = [node for path in paths for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    known = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    known |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    files = {path.name for path in paths}
    named = [
        each
        for each in quoted
        if "/" not in each and each not in files and each.rpartition(".")[2] not in known
    ]
    assert len(quoted) > 60
    assert [each for each in named if not (ROOT / each).exists() and f"\n{each} :=" not in MAKEFILE] == []
    whole = [f"/{path.relative_to(ROOT)}" for path in paths]
    there = [
        each for each in quoted if (ROOT / each).exists() or any(path.endswith(f"/{each}") for path in whole)
    ]
    assert [each for each in quoted if "/" in each and each not in there] == []


@pytest.mark.parametrize("block", of("python"))
def test_python_runs_up_to_saving(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from prefect.blocks.core import Block as PrefectBlock

    key = generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.p8").write_bytes(pem)
    monkeypatch.chdir(tmp_path)
    saved: list[PrefectBlock] = []

    def save(self: PrefectBlock, name: str, overwrite: bool = False) -> None:
        saved.append(self)

    with patch.object(PrefectBlock, "save", save), patch.object(PrefectBlock, "load", lambda name: saved[-1]):
        exec(compile(block.text, block.where, "exec"), {})
    assert len(saved) == block.text.count(".save(")


@pytest.mark.parametrize("block", of("yaml"))
def test_yaml_can_be_read(block: Block) -> None:
    assert yaml.safe_load(block.text)


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_the_stacks_secrets_are_made(tmp_path: Path) -> None:
    (block,) = (block for block in BLOCKS if "openssl" in block.text)
    commands = [command for command in split_commands(block.text) if not command.startswith("docker")]
    (tmp_path / "deploy").mkdir()
    subprocess.run(["sh", "-ec", "\n".join(commands)], cwd=tmp_path, check=True)
    secrets = tmp_path / "deploy" / "secrets"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in secrets.iterdir()} == {
        "postgres": 0o444,
        "prefect": 0o444,
        "receive": 0o444,
        "redis": 0o444,
    }
    assert re.fullmatch(r"[0-9a-f]{32}\n", (secrets / "postgres").read_text())
    assert re.fullmatch(r"admin:[0-9a-f]{32}\n", (secrets / "prefect").read_text())


def test_prefect_yaml_is_turned_to_processes(tmp_path: Path) -> None:
    (command,) = lines_with("sed ")
    shutil.copy(ROOT / "prefect.yaml", tmp_path)
    (tmp_path / ".local").mkdir()
    subprocess.run(["sh", "-ec", command], cwd=tmp_path, check=True)
    made = yaml.safe_load((tmp_path / ".local" / "prefect.yaml").read_text(encoding="utf-8"))
    assert {each["work_pool"]["name"] for each in made["deployments"]} == {"process"}


def test_work_pools_are_made(prefect_server: str) -> None:
    commands = lines_with("prefect work-pool create")
    assert len(commands) > 2
    for command in commands:
        done = subprocess.run(
            [Path(sys.executable).with_name("prefect"), *shlex.split(command)[1:], "--overwrite"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_demo_is_served(tmp_path: Path) -> None:
    from urllib.request import urlopen

    from tests.deployment.conftest import free_port

    (command,) = lines_with("python -m demo")
    port = str(free_port())
    replaced = {".local/demo": str(tmp_path), "8000": port}
    words = [replaced.get(word, word) for word in shlex.split(command)]
    assert str(tmp_path) in words
    assert port in words
    with subprocess.Popen([sys.executable, *words[1:], "--scale", "0.01"], cwd=ROOT) as served:
        try:
            deadline = time.monotonic() + 120
            while True:
                try:
                    with urlopen(f"http://127.0.0.1:{port}/", timeout=5):
                        break
                except OSError as error:
                    if getattr(error, "code", 0):  # it answers
                        break
                    assert served.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.2)
        finally:
            served.terminate()
    assert (tmp_path / "crm.sqlite").is_file()
