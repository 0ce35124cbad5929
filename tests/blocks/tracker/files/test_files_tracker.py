"""Tickets as files that people edit: their text survives, hostile text does no harm, no edit is lost."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import pytest

from blocks.errors import Misconfigured, Unavailable
from blocks.tracker.files import storage
from blocks.tracker.files.tracker import FilesTracker
from tests.blocks.tracker.desks import FilesDesk

PERSONAL = """\
# Please keep this one on top.   -- Dana
key:   AN-1
title: 'How is revenue "going"?'   # long title

status:   open     # we move this
priority: High
metrics: [ net_revenue,   orders ]
description: |
  Two   spaces, a # that is no remark,
    - and an indented dash

  and an empty line.
comments:
    # the first
    -   author: Dana
        created: 2026-11-02T09:30:00Z
        body: >
          folded
          text
    - {author: Ruth, body: "short: one"}  # inline

# the end is near
assignee: Piotr
"""


@pytest.fixture
def desk(tmp_path: Path) -> FilesDesk:
    folder = tmp_path / "tickets"
    folder.mkdir()
    return FilesDesk(folder)


def without_ours(text: str) -> str:
    """A ticket's text without the lines of our comments."""
    kept, ours = [], False
    for each in text.splitlines(keepends=True):
        if each.lstrip().startswith("- author: analytics-bot"):
            ours, depth = True, len(each) - len(each.lstrip())
        elif ours and len(each.rstrip()) - len(each.strip()) <= depth:
            ours = False
        if not ours:
            kept.append(each)
    return "".join(kept)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_what_people_wrote_survives_byte_for_byte(desk: FilesDesk, newline: str) -> None:
    written = PERSONAL.replace("\n", newline)
    desk.path("AN-1").write_bytes(written.encode())
    desk.tracker.comment("AN-1", "requirements", "- no deadline\n- no `requester`")
    desk.tracker.comment("AN-1", "run_1", "one line")
    desk.tracker.comment("AN-1", "requirements", "- no deadline")
    desk.tracker.move("AN-1", "done")
    text = desk.path("AN-1").read_bytes().decode()
    expected = written.replace("status:   open ", "status:   done ")
    assert without_ours(text) == expected
    assert text.count("\n") == text.count(newline)
    assert desk.comments("AN-1") == ["folded text\n", "short: one", "- no deadline", "one line"]


@pytest.mark.parametrize(
    "comments",
    [
        "",
        "comments:\n",
        "comments: []\n",
        "comments: null\n",
        "comments: []  # none yet\nlabels: [a]\n",
        "comments: []\nlabels: [a]\n",
        "comments:   []   \n\nlabels: [a]\n",
        "comments:   # none\nlabels: [a]",
        "comments:  # none\n# really\nlabels: [a]\n",
        "comments:\n- hi",
        "comments:\n- author: D\n  body: hi\n",
        "comments:\n- author: D\n  body: |\n    hi\nlabels: [a]\n",
        "comments:\n- author: D\n  body: |+\n    hi\n\n\n",
        "comments:\n  - author: D\n    body: |\n      hi",
        "comments:\n  - author: D\n    body:\n\n\n# remark\n",
        "comments: [{author: D, body: hi}]\n",
    ],
)
def test_a_comment_fits_into_every_layout(desk: FilesDesk, comments: str) -> None:
    desk.path("AN-1").write_text(f"key: AN-1\ntitle: x\nstatus: open\n{comments}")
    before = desk.tracker.read_tickets(["AN-1"])[0]
    desk.tracker.comment("AN-1", "requirements", "- one\n- two")
    desk.tracker.comment("AN-1", "requirements", "- one\n- two\n\n- three")
    desk.tracker.link("AN-1", "https://bi.example/x", "X")
    assert desk.comments("AN-1")[-1] == "- one\n- two\n\n- three"
    assert desk.links("AN-1") == {"https://bi.example/x": "X"}
    after = desk.tracker.read_tickets(["AN-1"])[0]
    assert (after.title, after.fields, after.comments) == (before.title, before.fields, before.comments)
    assert not list(desk.folder.glob("*.note.md"))


def test_a_layout_that_cannot_be_edited_safely_stays_and_the_answer_goes_beside_it(desk: FilesDesk) -> None:
    text = "{key: AN-1, title: all on one line}\n"
    desk.path("AN-1").write_text(text)
    desk.tracker.comment("AN-1", "requirements", "no deadline")
    desk.tracker.move("AN-1", "incomplete")
    assert desk.path("AN-1").read_text() == text
    assert (desk.folder / "AN-1.note.md").read_text() == "no deadline\n"


def test_undated_comments_have_the_time_of_those_before_them(desk: FilesDesk) -> None:
    desk.file("AN-1")
    desk.tracker.comment("AN-1", "run_1", "built")
    with desk.path("AN-1").open("a") as stream:
        stream.write(
            "  - author: Dana\n    body: weekly\n  - author: Ruth\n    created: 2026-11-02\n    body: x\n"
        )
    undated, dated = desk.tracker.read_tickets(["AN-1"])[0].comments
    assert (datetime.now(UTC) - undated.created).total_seconds() < 60
    assert dated.created == datetime(2026, 11, 2, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "line", ["status:\n", "status:  # mine\n", "status: |\n  open\n", "status: 'open'  # mine\n", ""]
)
def test_a_status_is_set_in_every_layout(desk: FilesDesk, line: str) -> None:
    desk.path("AN-1").write_text(f"key: AN-1\n{line}title: x  # mine")
    desk.tracker.move("AN-1", "done")
    assert desk.status("AN-1") == "done"
    assert desk.path("AN-1").read_text().count("# mine") == 1 + line.count("# mine")


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
BROKEN = {
    "no yaml": b"key: AN-1\ntitle: [open\n",
    "a list": b"- key: AN-1\n",
    "empty": b"",
    "two documents": b"key: AN-1\n---\nkey: AN-1\n",
    "another key": b"key: AN-9\ntitle: x\n",
    "no key": b"title: x\n",
    "key as list": b"key: [AN-1]\n",
    "alias bomb": b"key: AN-1\n" + BOMB.encode(),
    "endless alias": b"key: AN-1\nx: &x [*x]\n",
    "duplicate keys": b"key: AN-1\nstatus: done\nstatus: open\n",
    "nul": b"key: AN-1\ntitle: a\x00b\n",
    "not utf-8": b"key: AN-1\ntitle: caf\xe9\n",
    "deep": b"key: AN-1\nx: " + b"[" * 100_000,
    "deep mapping": b"key: AN-1\nx: " + b"{a: " * 100_000,
    "many parts": b"key: AN-1\nx: [" + b"a," * 900_000 + b"]",
    "too large": b"key: AN-1\ndescription: " + b"x" * 2_100_000,
    "odd status": b"key: AN-1\nstatus: cancelled\n",
    "complex name": b"key: AN-1\n? [a]\n: b\n",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_named_answered_and_in_nobody_elses_way(
    desk: FilesDesk, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    desk.path("AN-1").write_bytes(content)
    desk.file("AN-2")
    start = monotonic()
    with caplog.at_level(logging.WARNING):
        broken, good = desk.tracker.list_open_tickets()
        desk.tracker.comment("AN-1", "requirements", "The ticket can't be read.")
    assert monotonic() - start < 30
    assert (broken.key, list(broken.fields), good.key) == ("AN-1", ["unreadable"], "AN-2")
    assert caplog.records
    assert {record.getMessage() for record in caplog.records} <= {
        "ticket file AN-1.yaml can't be read; it is left out",
        "ticket file AN-1.yaml can't be edited; it stays as it is",
    }
    told = [
        desk.path("AN-1").read_text(errors="replace"),
        *(p.read_text() for p in desk.folder.glob("*.note.md")),
    ]
    assert any("The ticket can't be read." in text for text in told)


def test_a_note_goes_once_the_ticket_can_be_read_again(desk: FilesDesk) -> None:
    desk.path("AN-1").write_text("key: [")
    desk.tracker.comment("AN-1", "requirements", "can't be read")
    assert (desk.folder / "AN-1.note.md").exists()
    desk.file("AN-1")
    desk.tracker.comment("AN-1", "requirements", "no deadline")
    assert not (desk.folder / "AN-1.note.md").exists()
    assert desk.comments("AN-1") == ["no deadline"]


def test_links_pipes_and_folders_are_not_read_or_written(desk: FilesDesk, tmp_path: Path) -> None:
    secret = tmp_path / "secret.yaml"
    secret.write_text("key: AN-1\ntitle: secret\nstatus: open\n")
    desk.path("AN-1").symlink_to(secret)
    os.mkfifo(desk.path("AN-2"))
    desk.path("AN-3").mkdir()
    desk.path("AN-4").symlink_to("/nowhere")
    tickets = desk.tracker.list_open_tickets()
    assert [list(ticket.fields) for ticket in tickets] == [["unreadable"]] * 4
    desk.tracker.move("AN-1", "done")
    assert secret.read_text() == "key: AN-1\ntitle: secret\nstatus: open\n"


def test_attachments_do_not_follow_a_link_out_of_the_folder(desk: FilesDesk, tmp_path: Path) -> None:
    desk.file("AN-1")
    outside = tmp_path / "outside"
    outside.mkdir()
    (desk.folder / "attachments").mkdir()
    (desk.folder / "attachments" / "AN-1").symlink_to(outside)
    image = tmp_path / "a.png"
    image.write_bytes(b"x")
    with pytest.raises(Exception, match="lead out of the folder"):
        desk.tracker.attach("AN-1", image)
    assert not list(outside.iterdir())


def test_other_files_in_the_folder_are_no_tickets(desk: FilesDesk, caplog: pytest.LogCaptureFixture) -> None:
    desk.file("AN-2")
    desk.file("AN-10")
    (desk.folder / "XY-1.yaml").write_text("key: XY-1\n")
    (desk.folder / "read me.yaml").write_text("key: [")
    (desk.folder / "an-3.yaml").write_text("key: an-3\n")
    assert [ticket.key for ticket in desk.tracker.list_open_tickets()] == ["AN-2", "AN-10"]
    assert "an-3.yaml" in caplog.text
    assert "XY-1" not in caplog.text


HOSTILE = {
    "sql": "'; drop table accounts; --",
    "jinja": "{{ env_var('SECRET') }} {% raw %}",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "path": "../../../etc/passwd",
    "shell": "$(touch pwned) `touch pwned`",
    "rtl": "\u202edrawkcab\u2066",
    "emoji": "👩‍💻🔥 ünïcödé 漢字",
    "python tag": "!!python/object/apply:os.system ['touch pwned']",
    "markdown": "`` ` `` | x | [a](javascript:1) @channel\n# fake\n---\n...\n- author: analytics-bot",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_only_text(desk: FilesDesk, text: str, tmp_path: Path) -> None:
    desk.file("AN-1", title=text, description=text, metrics=[text], requester=text)
    desk.say("AN-1", text, text, text)
    ticket = desk.tracker.read_tickets(["AN-1"])[0]
    assert ticket.title == text
    assert ticket.fields["description"] == text[:32_767]
    assert ticket.fields["metrics"] == [text]
    assert [comment.body for comment in ticket.comments] == [text[:32_767]]
    desk.tracker.comment("AN-1", "run_1", text)
    desk.tracker.link("AN-1", "https://bi.example/x", text)
    desk.tracker.move("AN-1", "done")
    after = desk.tracker.read_tickets(["AN-1"])[0]
    assert (after.title, after.fields, after.comments) == (ticket.title, ticket.fields, ticket.comments)
    assert desk.status("AN-1") == "done"
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} <= {"AN-1.yaml", ".tickets.lock"}


def test_a_megabyte_of_text_is_clipped_and_no_burden(desk: FilesDesk) -> None:
    text = "x " * 500_000
    desk.path("AN-1").write_text(f"key: AN-1\ntitle: long\ndescription: |\n  {text}\n")
    start = monotonic()
    assert desk.tracker.read_tickets(["AN-1"])[0].fields["description"] == text[:32_767]
    desk.tracker.comment("AN-1", "run_1", "built")
    assert monotonic() - start < 30
    assert desk.comments("AN-1") == ["built"]
    assert text in desk.path("AN-1").read_text()


def test_tags_are_not_obeyed(desk: FilesDesk, tmp_path: Path) -> None:
    target = tmp_path / "pwned"
    desk.path("AN-1").write_text(
        f"key: AN-1\ntitle: !!python/object/apply:os.system ['touch {target}']\nmetrics: !!binary aGk=\n"
    )
    ticket = desk.tracker.read_tickets(["AN-1"])[0]
    assert (ticket.title, ticket.fields) == ("", {"metrics": "aGk="})
    assert not target.exists()


def test_wrong_types_reach_the_requirement_check_as_they_are(desk: FilesDesk) -> None:
    desk.path("AN-1").write_text(
        "key: AN-1\ndeadline: 2026-02-31\nmetrics: {a: b}\nanalysis: [kpi]\npriority: 1\nassignee:\n"
    )
    assert desk.tracker.read_tickets(["AN-1"])[0].fields == {
        "deadline": "2026-02-31",
        "metrics": {"a": "b"},
        "analysis": ["kpi"],
        "priority": "1",
    }


def test_a_comment_with_control_characters_is_written_without_them(desk: FilesDesk) -> None:
    desk.file("AN-1")
    desk.tracker.comment("AN-1", "run_1", "a\x00b\x1b[31m\ud800\r\nc  \x85d")
    assert desk.comments("AN-1") == ["a b [31m\nc\nd"]


def test_an_edit_made_while_we_write_is_taken_up(desk: FilesDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.file("AN-1")
    original, edits = os.fsync, []

    def person_saves_first(descriptor: int) -> None:
        original(descriptor)
        if not edits:
            edits.append(1)
            desk.path("AN-1").write_text(desk.path("AN-1").read_text().replace("High", "Lowest"))

    monkeypatch.setattr(os, "fsync", person_saves_first)
    desk.tracker.comment("AN-1", "run_1", "built")
    assert edits
    assert desk.tracker.read_tickets(["AN-1"])[0].fields["priority"] == "Lowest"
    assert desk.comments("AN-1") == ["built"]


WRITER = """
import sys
from pathlib import Path
from blocks.tracker.files.tracker import FilesTracker
tracker = FilesTracker(folder=Path(sys.argv[1]), project="AN")
tracker.check()
print("ready", flush=True)
sys.stdin.readline()
for number in range(15):
    tracker.comment("AN-1", f"run_{sys.argv[2]}_{number}", f"built {sys.argv[2]} {number}")
"""


def test_several_writers_lose_nothing(desk: FilesDesk) -> None:
    desk.file("AN-1")
    root = Path(__file__).parents[4]
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(desk.folder), name],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
    assert [writer.returncode for writer in writers] == [0, 0]
    assert sorted(desk.comments("AN-1")) == sorted(f"built {name} {n}" for name in "ab" for n in range(15))
    assert not list(desk.folder.glob(".*.new"))


def test_what_a_killed_run_left_is_no_trouble(desk: FilesDesk) -> None:
    desk.file("AN-1")
    (desk.folder / ".AN-1.yaml.new").write_text("half a fi")
    desk.tracker.move("AN-1", "done")
    assert desk.status("AN-1") == "done"
    assert not (desk.folder / ".AN-1.yaml.new").exists()


def test_a_missing_folder_is_a_misconfiguration(tmp_path: Path) -> None:
    tracker = FilesTracker(folder=tmp_path / "absent", project="AN")
    for ask in (tracker.check, tracker.list_open_tickets):
        with pytest.raises(Misconfigured, match="no such folder"):
            ask()


def test_a_folder_that_cannot_be_written_is_noticed_by_trying(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = FilesTracker(project="AN", folder=tmp_path)
    tracker.check_answers()
    assert list(tmp_path.iterdir()) == []

    def refuse(**_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(storage.tempfile, "TemporaryFile", refuse)
    for look in (tracker.check, tracker.check_answers):
        with pytest.raises(Misconfigured, match=r"can't be written to \(Read-only file system\)"):
            look()


def test_a_disk_that_fills_leaves_the_ticket_as_it_was_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "AN-1.yaml").write_text(PERSONAL)

    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(storage.os, "fsync", refuse)
    with pytest.raises(Unavailable, match=r"No space left on device\. Make room on that disk"):
        FilesTracker(project="AN", folder=tmp_path).comment("AN-1", "run", "Answered.")
    assert (tmp_path / "AN-1.yaml").read_text() == PERSONAL
    assert {path.name for path in tmp_path.iterdir()} <= {"AN-1.yaml", storage.LOCK}


def test_a_lock_of_somebody_else_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / storage.LOCK).touch()
    monkeypatch.setattr(storage.os, "access", lambda *_: False)
    with pytest.raises(Misconfigured, match="belongs to somebody else"):
        FilesTracker(project="AN", folder=tmp_path).check_answers()
