"""The documentation as a test reads it: fenced blocks, the commands in them and in the text, docs/commands.md."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from tests.conftest import ROOT

PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")] + [
    path for path in sorted((ROOT / "docs").rglob("*.md")) if path.name != "commands.md"
]
TABLE = ROOT / "docs" / "commands.md"
LANGUAGES = {"sh", "text", "python", "yaml", "json"}
PROGRAMS = "make|python|prefect|docker|pip|bash|sh|pytest|pre-commit|openssl|sed|npm|git"
COMMAND = re.compile(rf"((?:{PROGRAMS}|\.venv/\S+) \S|[A-Z_]+=\S)")
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
MAIN = "python flows/main.py"


@dataclass(frozen=True)
class Block:
    """A fenced block. where: page and line."""

    where: str
    language: str
    text: str


@dataclass(frozen=True)
class Row:
    """A row of docs/commands.md. how: run, by, or not run; why: the test, or the reason."""

    command: str
    how: str
    why: str

    def fits(self, command: str) -> bool:
        return re.fullmatch(re.escape(self.command).replace(r"\*", ".*"), command, re.DOTALL) is not None


def read_blocks() -> list[Block]:
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in FENCE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            where = f"{page.relative_to(ROOT)}:{line}"
            found.append(Block(where, match[2], re.sub(rf"^{match[1]}", "", match[3], flags=re.MULTILINE)))
    return found


def read_commands() -> dict[str, str]:
    """Every command, in blocks and in the text, in the order of the pages: where it stands first."""
    found: dict[str, str] = {}
    for block in read_blocks():
        if block.language == "sh":
            for command in split_commands(block.text):
                found.setdefault(command, block.where)
    for page in PAGES:
        for code in re.findall(r"`([^`\n]+)`", FENCE.sub("", page.read_text(encoding="utf-8"))):
            if COMMAND.match(code):
                found.setdefault(code, str(page.relative_to(ROOT)))
    return found


def split_commands(script: str) -> list[str]:
    """A script's commands: without comments, lines that go on as one, spaces as written inside quotes."""
    commands, rest = [], ""
    for line in script.splitlines():
        rest = f"{rest}\n{line}" if rest else line
        if rest.endswith("\\"):
            rest = rest[:-1].rstrip()
            continue
        try:
            words = shlex.split(rest, comments=True)
        except ValueError:  # a quotation goes on in the next line
            continue
        if words:
            commands.append(re.sub(r"\s+#\s.*$", "", " ".join(rest.split())))
        rest = ""
    assert not rest, f"a quotation is not closed: {rest}"
    return commands


def read_table() -> list[Row]:
    found = re.findall(
        r"^\| `([^|]+)` \| ([a-z ]+) \| (.*?) ?\|$", TABLE.read_text(encoding="utf-8"), re.MULTILINE
    )
    return [Row(*cells) for cells in found]


def row_of(command: str) -> Row | None:
    """The first row that fits."""
    return next((row for row in read_table() if row.fits(command)), None)
