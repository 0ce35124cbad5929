"""What the documentation says to type, typed: on one delivered demo company, in the pages' order."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from tests.documentation import MAIN, read_commands, row_of
from tests.flows.conftest import Place

COMMANDS = [command for command in read_commands() if (row := row_of(command)) and row.how == "run"]


@pytest.fixture(scope="module")
def shown(delivered: Place, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A copy of the delivered demo that all commands work on."""
    state = tmp_path_factory.mktemp("shown") / "state"
    shutil.copytree(delivered.state, state)
    return Place(state, delivered.command)


def test_there_are_commands_to_run() -> None:
    assert {command.split()[2] for command in COMMANDS} >= {"rollback", "status", "setup", "--full-refresh"}


@pytest.mark.parametrize("command", COMMANDS)
def test_it_does_what_it_says(shown: Place, command: str) -> None:
    words = shlex.split(command.removeprefix(MAIN))
    if "RUN" in words:  # stands for a release that is still kept
        served, kept = (
            shown.read_served(),
            [run for run, state in shown.states().items() if state == "published"],
        )
        words[words.index("RUN")] = next(run for run in sorted(kept, reverse=True) if run != served)
    message = shown.run(*words)
    assert message.strip()
    assert "Traceback" not in message
    if words[0] == "rollback":
        assert f"run {shown.read_served()}" in message
    if words[-1] in shown.states():
        assert shown.read_served() == words[-1]


def test_the_state_is_where_it_was(shown: Place) -> None:
    """The commands ran on the copy: the last of them left a release that readers see."""
    assert Path(shown.state, "warehouse.duckdb").is_file()
    assert shown.read_served()
