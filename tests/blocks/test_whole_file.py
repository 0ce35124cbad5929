"""A file is what it was or what it is to be, never a part of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from blocks.whole_file import sync_to_disk, write_whole


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


def test_files_and_folders_are_synced(tmp_path: Path) -> None:
    write_whole(tmp_path / "x.json", "")
    sync_to_disk(tmp_path / "x.json")
    sync_to_disk(tmp_path)
