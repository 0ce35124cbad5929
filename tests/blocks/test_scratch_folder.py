"""What a killed process left in its working folder goes with the next one; a living one's stays."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from blocks.scratch_folder import ScratchFolder, open_scratch
from tests.conftest import ROOT

HOLD = """
import sys, time
from pathlib import Path
from blocks.scratch_folder import ScratchFolder
folder = ScratchFolder(Path(sys.argv[1]), "work-", "other")
(folder.open() / "file").write_text("data")
print("open", flush=True)
time.sleep(60)
"""


def test_a_left_folder_is_removed_and_one_in_use_is_not(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "open\n"
        with open_scratch("work-", tmp_path):
            assert (tmp_path / "work-other" / "file").read_text() == "data"
        process.send_signal(signal.SIGKILL)
    with open_scratch("work-", tmp_path) as mine:
        assert [path for path in tmp_path.iterdir() if path.name != mine.name] == []
        assert mine.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == []


def test_it_opens_again_and_leaves_others_alone(tmp_path: Path) -> None:
    beside = tmp_path / "else"
    beside.mkdir()
    (tmp_path / "work-file").touch()
    (tmp_path / "work-link").symlink_to(beside)
    folder = ScratchFolder(tmp_path, "work-", "a")
    twin = ScratchFolder(tmp_path, "work-", "a")
    assert folder.open() == folder.open() == twin.open() == tmp_path / "work-a"
    folder.close()
    folder.close()
    twin.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["else", "work-file", "work-link"]
    assert folder.open().is_dir()
    folder.close()
