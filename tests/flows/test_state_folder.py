"""What keeps a run from starting is said before anything starts; what the machine lacks is never a traceback."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from blocks.errors import Misconfigured, PlatformError, explain_error
from flows import state_folder
from flows.cli import main
from flows.delivery import INTERRUPTED, Delivery
from flows.state_folder import check_state, measure_available_memory, note_need, warn_of_need
from tests.conftest import TINY

NO_WAREHOUSE: Any = None


@pytest.mark.parametrize("name", ["file", "file/deep/state"])
@pytest.mark.parametrize("action", ["run", "status", "rollback"])
def test_a_file_in_the_folders_place_is_named_and_nothing_starts(
    tmp_path: Path, name: str, action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("kept")
    assert main([action, "--state", str(tmp_path / name)]) == 1
    message = " ".join(capsys.readouterr().err.split())
    assert "is a file. Give --state a folder" in message
    assert (tmp_path / "file").read_text() == "kept"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.EACCES, "write there"), (errno.EROFS, "write there"), (errno.ENOSPC, "Make room")],
)
def test_a_folder_that_takes_no_file_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, remedy: str
) -> None:
    def refuse(**_: object) -> None:
        raise OSError(number, os.strerror(number), str(tmp_path / "probe"))

    monkeypatch.setattr(state_folder.tempfile, "TemporaryFile", refuse)
    with pytest.raises(Misconfigured, match=remedy) as found:
        check_state(tmp_path)
    assert str(tmp_path) in str(found.value)
    check_state(tmp_path, write=False)


def refuse_writing(**_: object) -> None:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


@pytest.mark.parametrize("end", ["a file", "read-only", "full", "unusable name"])
def test_what_keeps_a_run_from_beginning_is_written_on_its_ticket_files_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    tickets, state = tmp_path / "tickets", tmp_path / ("a#b" if end == "unusable name" else "state")
    shutil.copytree(TINY / "tickets", tickets)
    if end == "a file":
        state.touch()
    elif end == "read-only":
        monkeypatch.setattr(state_folder.tempfile, "TemporaryFile", refuse_writing)
    elif end == "full":
        monkeypatch.setattr(state_folder, "LEAST_FREE", 2**62)
    flags = ["--state", str(state), "--project", str(TINY / "dbt"), "--tickets-folder", str(tickets)]
    for _ in range(2):
        assert main(flags) == 1
    ticket = (tickets / "BK-1.yaml").read_text()
    assert ticket.count("### Not begun") == 1
    assert str(state) in ticket
    assert "status: open" in ticket
    assert main(["status", *flags[:4]]) > 0
    assert (tickets / "BK-1.yaml").read_text() == ticket


def test_a_full_disk_is_said_before_the_run_fills_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_folder, "LEAST_FREE", 2**62)
    with pytest.raises(Misconfigured, match=r"only .* MB are free"):
        check_state(tmp_path)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.EFBIG, errno.ENOMEM])
def test_what_the_machine_lacks_during_a_run_is_explained_to_tickets_too(number: int) -> None:
    with Delivery("r1") as delivery:
        raise OSError(number, "whatever the system says", "/somewhere/file")
    assert delivery.crash is None
    (message,) = delivery._errors
    assert "/somewhere/file" in message
    assert message.endswith((".", "it."))


def test_an_interrupt_that_a_library_turned_into_its_own_error_is_one() -> None:
    """As DuckDB does in the midst of a query."""
    with Delivery("r1") as delivery:
        raise RuntimeError("Query interrupted") from KeyboardInterrupt()
    assert isinstance(delivery.crash, KeyboardInterrupt)
    assert delivery._errors == [INTERRUPTED]
    assert delivery.outcome(NO_WAREHOUSE).crash is None  # which would open an incident


def test_an_error_of_the_program_stays_one() -> None:
    with Delivery("r1") as delivery:
        raise FileNotFoundError(errno.ENOENT, "gone", "/x")
    assert isinstance(delivery.crash, FileNotFoundError)
    assert delivery.outcome(NO_WAREHOUSE).crash == "FileNotFoundError"
    assert explain_error("x", ConnectionResetError("an HTTP library's")) is None
    assert isinstance(explain_error("x", MemoryError()), PlatformError)


def test_the_next_run_is_warned_where_there_is_less_memory_than_the_last_one_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not warn_of_need(tmp_path)
    note_need(tmp_path)
    need = json.loads((tmp_path / state_folder.NEED_FILE).read_text())["memory"]
    assert 20 * 2**20 < need < 2**36
    monkeypatch.setattr(state_folder, "measure_available_memory", lambda: need + 1)
    assert not warn_of_need(tmp_path)
    monkeypatch.setattr(state_folder, "measure_available_memory", lambda: need - 1)
    assert "the last run took" in warn_of_need(tmp_path)
    for broken in ("", "[]", '{"memory": "x"}', "\x00"):
        (tmp_path / state_folder.NEED_FILE).write_text(broken)
        assert not warn_of_need(tmp_path)


def test_a_containers_limit_counts_and_its_cache_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_folder, "_CGROUP", tmp_path)
    monkeypatch.setattr(state_folder, "_MEMINFO", tmp_path / "meminfo")
    assert measure_available_memory() is None
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    1000 kB\n")
    assert measure_available_memory() == 1_024_000
    for name, text in (("max", "500"), ("current", "300"), ("stat", "anon 9\ninactive_file 100\n")):
        (tmp_path / f"memory.{name}").write_text(text)
    assert measure_available_memory() == 300
    (tmp_path / "memory.max").write_text("max")
    assert measure_available_memory() == 1_024_000


@pytest.mark.parametrize("sign", ["$HOME", "a#b", "a?b", "a*b", "[a]", "{{ a }}", "{% a %}"])
def test_a_name_that_a_library_would_read_as_another_is_refused(tmp_path: Path, sign: str) -> None:
    with pytest.raises(Misconfigured, match="give --state another name"):
        check_state(tmp_path / sign)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a b", "ümläut", "quo'te", 'dquo"te', "a%20b", "a&b;c", "a=b", "-a"])
def test_other_names_are_taken(tmp_path: Path, name: str) -> None:
    check_state(tmp_path / name)
