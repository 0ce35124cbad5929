"""A named pipe in a file's place is refused by its name at once, wherever files of people are read."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from blocks.dbt.declared_sources import list_declared_sources
from blocks.dbt.project_files import ENDINGS, UNREAD
from blocks.errors import Misconfigured
from blocks.plain_file import check_folder, name_special, read_plain
from blocks.prefect.automations import read_automations
from blocks.prefect.block_documents import read_declared
from blocks.quality.suites import Suites
from blocks.quality.upgrade import plan_upgrade
from blocks.tracker.files.tracker import FilesTracker
from blocks.yaml_content import read_yaml

pytestmark = pytest.mark.timeout(20)


@pytest.mark.parametrize(
    "read",
    [
        read_plain,
        read_declared,
        read_automations,
        plan_upgrade,
        lambda path: read_yaml(path, "Mend it."),
        lambda path: Suites(folder=path.parent, docs=path.parent / "docs").read(path.stem),
        lambda path: check_folder(path.parent, ENDINGS | {".json"}, UNREAD),
        lambda path: read_declared(make_declared(path), {"PASSWORD_FILE": str(path)}),
    ],
)
def test_a_named_pipe_is_refused_by_its_name(tmp_path: Path, read: Callable[[Path], object]) -> None:
    path = tmp_path / "pipe.json"
    os.mkfifo(path)
    with pytest.raises(Misconfigured, match="it is a named pipe, no plain file") as error:
        read(path)
    assert "pipe" in error.value.asked


def make_declared(path: Path) -> Path:
    declared = path.with_name("blocks.yaml")
    declared.write_text("jira-tracker/main: {project: AN, server: 'https://x', token: '${PASSWORD}'}")
    return declared


def test_what_else_is_no_plain_file(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.yml"))
    assert name_special(tmp_path / "s.yml") == "a socket"
    assert name_special(Path(os.devnull)) == "a device"
    (tmp_path / "link.yml").symlink_to(os.devnull)
    assert name_special(tmp_path / "link.yml") == "a device"
    assert name_special(tmp_path) == ""


def test_in_a_dbt_project_only_what_dbt_would_read_matters(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    for name in ("target/x.yml", "editor.sock"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "gone.yml").symlink_to(tmp_path / "nothing")
    check_folder(tmp_path, ENDINGS, UNREAD)
    (tmp_path / "models").mkdir()
    os.mkfifo(tmp_path / "models" / "x.yml")
    assert list_declared_sources(tmp_path) == set()
    with pytest.raises(Misconfigured, match=r"models/x\.yml"):
        check_folder(tmp_path, ENDINGS, UNREAD)


def test_a_ticket_holds_up_itself_only(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "AN-1.yaml")
    (tmp_path / "AN-2.yaml").write_text("key: AN-2\ntitle: Calls\n")
    one, two = FilesTracker(folder=tmp_path, project="AN").list_open_tickets()
    assert one.fields == {"unreadable": "it is a link or no plain file"}
    assert two.title == "Calls"
