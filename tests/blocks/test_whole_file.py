"""A file is what it was or what it is to be, never a part of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from blocks.whole_file import STALE_SECONDS, sync_to_disk, write_whole
from tests.conftest import ROOT

WRITE = """
import sys, time
from pathlib import Path
from blocks import whole_file

class Beside(type(Path())):
    def replace(self, target):
        print(self.name, flush=True)
        time.sleep(60)

whole_file.write_whole(Beside(sys.argv[1]), "half")
"""


@pytest.mark.parametrize("content", ["naïve\nline\n", "naïve\nline\n".encode()])
def test_text_and_bytes_are_written_as_they_are(tmp_path: Path, content: str | bytes) -> None:
    write_whole(tmp_path / "x.json", "before")
    write_whole(tmp_path / "x.json", content)
    assert (tmp_path / "x.json").read_bytes() == "naïve\nline\n".encode()
    assert [each.name for each in tmp_path.iterdir()] == ["x.json"]


def test_rights_are_those_of_any_new_file_or_as_asked(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_whole(tmp_path / "own", "")
    write_whole(tmp_path / "asked", "", mode=0o604)
    assert (tmp_path / "own").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert (tmp_path / "asked").stat().st_mode & 0o777 == 0o604


def test_what_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_whole(tmp_path / "x.json", "before")

    def fail(path: Path, target: Path) -> Path:
        raise KeyboardInterrupt(path, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "x.json", "after")
    assert (tmp_path / "x.json").read_text() == "before"
    assert [each.name for each in tmp_path.iterdir()] == ["x.json"]


def test_of_two_that_write_at_once_one_wins(tmp_path: Path) -> None:
    texts = [letter * 100_000 for letter in "abcdefgh"]

    def write(text: str) -> None:
        write_whole(tmp_path / "x.json", text)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, texts))
    assert (tmp_path / "x.json").read_text() in texts
    assert [each.name for each in tmp_path.iterdir()] == ["x.json"]


def test_what_a_killed_process_left_goes_with_the_next_and_nothing_else(tmp_path: Path) -> None:
    """Not what another may still be writing, and no file that only looks alike."""
    others = (
        ".x.json.1a2b3c4d",
        ".x.json.1a2b3c4d.unfinished.bak",
        "x.json.1a2b3c4d.unfinished",
        ".x.0.unfinished",
    )
    for name in others:
        (tmp_path / name).touch()
    (tmp_path / ".link.1a2b3c4d.unfinished").symlink_to(tmp_path / others[0])
    (tmp_path / ".folder.1a2b3c4d.unfinished").mkdir()
    kept = {each.name for each in tmp_path.iterdir()}
    command = [sys.executable, "-c", WRITE, str(tmp_path / "x [1].json")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        left = tmp_path / process.stdout.readline().rstrip("\n")
        process.send_signal(signal.SIGKILL)
    assert left.read_text() == "half"
    write_whole(tmp_path / "y.json", "")
    assert left.is_file()  # of a moment ago
    before = time.time() - STALE_SECONDS - 60
    for path in tmp_path.iterdir():
        os.utime(path, (before, before), follow_symlinks=False)
    write_whole(tmp_path / "y.json", "after")
    assert {each.name for each in tmp_path.iterdir()} == {"y.json", *kept}


def test_files_and_folders_are_synced(tmp_path: Path) -> None:
    write_whole(tmp_path / "x.json", "")
    sync_to_disk(tmp_path / "x.json")
    sync_to_disk(tmp_path)
