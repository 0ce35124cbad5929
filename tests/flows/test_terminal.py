"""What is printed can't steer the terminal, whatever a ticket, a file or a column is called."""

from __future__ import annotations

import io

import pytest
from rich.table import Table

from blocks.errors import NotFound, strip_controls
from flows.terminal import PlainConsole

HOSTILE = [
    "\x1b[2J\x1b[1;1Hgone",
    "\x1b]0;title\x07gone",
    "\x1b]52;c;aGVsbG8=\x1b\\gone",
    "\x9b31mgone",
    "\rgone",
    "\x08\x08gone",
    "\u202egone",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_control_reaches_the_terminal(name: str) -> None:
    console = PlainConsole(file=io.StringIO(), highlight=False, width=80)
    console.print(f"[red]{name}[/]", soft_wrap=True)
    table = Table("name")
    table.add_row(name)
    console.print(table)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert printed.count("gone") == 2
    assert not set(printed) & set("\x1b\x07\x08\x9b\r\u202e")


@pytest.mark.parametrize("name", HOSTILE)
def test_no_error_holds_one(name: str) -> None:
    assert strip_controls(name).endswith("gone")
    assert set(str(NotFound("read", name))) <= set("read: gone31m[.")


def test_words_of_any_language_stay() -> None:
    text = "Größe\t日本語 שלום 👩‍💻\nnext"
    assert strip_controls(text) == text
