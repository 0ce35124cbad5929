"""What is printed: where, in which words, and that no name of a ticket, file or column can steer the terminal."""

from __future__ import annotations

import io
import json
import webbrowser
from pathlib import Path

import pytest
from rich.table import Table

from blocks.errors import NotFound, strip_controls
from blocks.records import Outcome, Publication
from flows.cli import _show_outcome, main
from flows.flags import read_flags
from flows.terminal import PlainConsole, Terminal
from tasks.markdown import count_of

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


def outcome_of(**fields: object) -> Outcome:
    shown = Publication(
        dashboard="sales", run="run_2", url="file:///sales", rows=3, seconds=1.0, ticket="AN-1"
    )
    return Outcome(run="run_2", published=True, publications=(shown,), **fields)  # type: ignore[arg-type]


def test_a_rollback_says_what_readers_see_and_lists_the_dashboards(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Terminal(quiet=False).print_summary(outcome_of(seconds=2.0))
    message = capsys.readouterr().out
    assert "Rolled back in 2.0 s" in message
    assert "file:///sales" in message
    assert "Nothing to build" not in message


def test_errors_go_to_standard_error_and_json_stands_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = read_flags(["--json", "--state", str(tmp_path)])
    assert flags
    _show_outcome(outcome_of(errors=("sales: it broke",)), flags, Terminal(quiet=True))
    shown = capsys.readouterr()
    assert "✗ sales: it broke" in shown.err
    told = json.loads(shown.out)
    assert (told["ok"], told["errors"]) == (False, ["sales: it broke"])
    assert told["dashboards"][0]["name"] == "sales"


@pytest.mark.parametrize(("number", "words"), [(0, "0 tickets"), (1, "1 ticket"), (1200, "1,200 tickets")])
def test_one_is_not_told_as_many(number: int, words: str) -> None:
    assert count_of(number, "ticket") == words


def test_open_prints_the_address_where_there_is_no_browser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or len(opened) > 1)
    assert main(["open", "--state", str(tmp_path)]) == 1
    assert "nothing has been published there" in capsys.readouterr().err
    index = tmp_path / "site" / "dashboards" / "index.html"
    index.parent.mkdir(parents=True)
    index.write_text("<!doctype html>")
    assert main(["open", "--state", str(tmp_path)]) == 1
    shown = capsys.readouterr()
    assert (shown.out.strip(), "has none that could be started" in shown.err) == (index.as_uri(), True)
    assert main(["open", "--state", str(tmp_path)]) == 0
    assert opened == [index.as_uri()] * 2
