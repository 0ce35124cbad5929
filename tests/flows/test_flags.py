"""What the command line makes of the flags that say what is loaded; wrong ones end with 2 and say why."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from blocks.dbt.declared_sources import list_declared_sources
from blocks.errors import Misconfigured, PlatformError
from blocks.load_range import NEW_ROWS, LoadRange
from flows.cli import main
from flows.flag_check import check_flags
from flows.flags import Flags, list_commands, list_flags, read_flags, write_completion
from tests.conftest import ROOT, TINY


def read(words: Sequence[object]) -> Flags:
    flags = read_flags([str(word) for word in words])
    assert flags
    return flags


def test_days_and_names_are_read() -> None:
    flags = read(["--backfill", "2026-01-01:2026-01-31", "--only-sources", "crm, erp"])
    assert flags.backfill == (date(2026, 1, 1), date(2026, 1, 31))
    assert flags.only_sources == ["crm", "erp"]
    assert read(["--backfill", "2026-01-01:"]).backfill == (date(2026, 1, 1), None)
    plain = read([])
    assert (plain.backfill, plain.full_refresh, plain.only_sources) == ((None, None), False, None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["status", "--state", "circle/x"], "--state circle/x: Symlink loop"),
        (["--state", "~nobody-of-this-name/x"], "home directory"),
        (["check", "--project", "circle"], "--project circle: Symlink loop"),
        (["export", "sales", "--to", f"{'x' * 300}/a.csv"], "File name too long"),
        (
            ["check", "--project", str(TINY / "dbt"), "--source", "bikes=circle"],
            "✗ read --source bikes: Symlink loop",
        ),
    ],
)
def test_a_path_that_nobody_can_follow_is_a_wrong_flag(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "circle").symlink_to("back")
    (tmp_path / "back").symlink_to("circle")
    assert main(words) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--backfill", "2026-01-01"], "is not FROM:TO"),
        (["--backfill", "yesterday:today"], "is not FROM:TO"),
        (["--backfill", "2026-02-30:2026-03-01"], "is not FROM:TO"),
        (["--backfill", ":2026-01-01"], "is not FROM:TO"),
        (["--backfill", "2026-02-01:2026-01-01"], "ends before it starts"),
        (["--backfill", "2999-01-01:"], "ends before it starts"),
        (["--backfill", "0001-01-01:9999-12-31"], "years 1900 and 2200"),
        (["--scale", "-1"], "from 0.3 to 1000"),
        (["--scale", "0.1"], "from 0.3 to 1000"),
        (["--scale", "nan"], "from 0.3 to 1000"),
        (["--scale", "much"], "from 0.3 to 1000"),
        (["--backfill", "2026-01-01:", "--full-refresh"], "not allowed with"),
    ],
)
def test_wrong_days_and_sizes_are_wrong_flags(
    wrong: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(wrong) == 2
    assert message in capsys.readouterr().err


def test_a_reload_that_cannot_be_is_refused_wherever_it_comes_from() -> None:
    day, later = date(2026, 1, 1), datetime.now(UTC).date() + timedelta(days=3)
    assert LoadRange(since=day, until=day) != NEW_ROWS
    for wrong in ({"until": day}, {"since": later}, {"since": day, "full": True}):
        with pytest.raises(Misconfigured, match="days to load again"):
            LoadRange(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("stats", "there is no command stats. Did you mean status?"),
        ("frobnicate", "Commands: run, plan, status"),
        ("status --dry-run", "status takes no --dry-run: it belongs to run"),
        ("rollback --full-refresh", "it belongs to run, plan"),
        ("run --ticket AN-1", "run takes no --ticket: it belongs to init; did you mean --tickets?"),
        ("retire --marts=a --to r1", "retire takes no --to: it belongs to export, rollback"),
        ("--tickts AN-1", "Did you mean --tickets? All flags: python flows/main.py --help"),
        ("run yesterday", "run does not know what to do with yesterday"),
        ("--tickets ,", "it names nothing"),
        ("retire", "--marts requires an argument"),
        ("suites --apply", "add --upgrade"),
        ("completion --shell tcsh", "bash"),
        ("--project nowhere", "there is no such folder"),
        ("--project {root}/dbtt", "did you mean dbt?"),
        ("--project {root}/tests/three", "Did you mean"),
        ("--project {root}/docs", "there is no dbt_project.yml in it"),
        ("--suites {root}/README.md", "it is no folder"),
        ("--tickets-folder {tmp}/none", "there is no such folder"),
        ("--tickets AN-1,an1", "that is no ticket's key"),
        ("--tickets AN-99", "There are AN-1, AN-2"),
        ("plan --tickets AN-99", "there is no AN-99.yaml"),
        ("--source eerp=somewhere", "did you mean erp?"),
        ("--source erp", "it is not NAME=LOCATION"),
        ("--only-sources crm,nothing", "Sources: crm, erp, fx"),
        ("status --state {tmp}/empty", "no run was here yet"),
        ("rollback --state {tmp}/empty", "no run was here yet"),
        ("status --warehouse prod", "it is not TYPE/NAME"),
        ("status --warehouse snowflake-warehose/prod", "did you mean snowflake-warehouse?"),
        ("blocks --file {tmp}/none.yaml", "there is no such file"),
    ],
)
def test_what_is_typed_wrong_is_refused_at_once_and_nothing_is_made(
    typed: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = typed.format(root=ROOT, tmp=tmp_path).split()
    if "--state" not in words and words[0] != "completion":
        words += ["--state", str(tmp_path / "state")]
    assert main(words) == 2
    shown = capsys.readouterr()
    assert message in " ".join(shown.err.split())
    assert shown.out == ""
    assert list(tmp_path.iterdir()) == []


def test_flags_may_stand_before_the_command_as_they_used_to() -> None:
    assert read(["--state", "run", "--cost", "status"]) == read(["status", "--cost", "--state", "run"])
    assert read(["--dry-run", "--tickets", "AN-1"]) == read(["plan", "--tickets", "AN-1"])
    assert read(["--quiet"]) == read(["run", "--quiet"])
    assert read(["--source", "a=b", "--source=c=d"]).source == ["a=b", "c=d"]


@pytest.mark.parametrize("command", list_commands())
def test_every_command_explains_itself_and_each_of_its_flags(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    for flag in list_flags(command):
        assert flag in shown
    for argument in list_commands()[command].assemble_argument_collection():
        assert argument.parameter.help or argument.children


def test_the_version_is_the_projects(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert f'version = "{capsys.readouterr().out.strip()}"' in (ROOT / "pyproject.toml").read_text()


def test_a_shell_completes_commands_and_flags(tmp_path: Path) -> None:
    (tmp_path / "completion.bash").write_text(write_completion("bash"))
    ask = """
        source completion.bash
        complete_line() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _main; echo "${COMPREPLY[@]}"; }
        complete -p main.py >/dev/null && complete_line flows/main.py ro; complete_line flows/main.py status --c
    """
    done = subprocess.run(["bash", "-c", ask], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["rollback", "--cost"]
    assert "#compdef main.py" in write_completion("zsh")
    assert "complete -c main.py " in write_completion("fish")


def test_sources_are_known_before_dbt_parses_and_jinja_is_left_to_it(tmp_path: Path) -> None:
    assert list_declared_sources(TINY / "dbt") == {"bikes"}
    models = tmp_path / "models"
    models.mkdir()
    (models / "a.yml").write_text("sources:\n  - name: erp\n")
    assert list_declared_sources(tmp_path) == {"erp"}
    for text in ("sources:\n  - name: \"{{ var('crm') }}\"\n", "sources: {", "sources: [3]\n"):
        (models / "b.yml").write_text(text)
        assert list_declared_sources(tmp_path) == set()


def test_an_error_is_json_too_where_json_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--json", "--state", str(tmp_path / "empty")]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert "no run was here yet" in error["answer"]
    assert "python flows/main.py" in error["remedy"]


def test_flags_that_are_right_pass(tmp_path: Path) -> None:
    for words in (
        ["--tickets", "AN-1,AN-3", "--source", f"erp={tmp_path}", "--only-sources", "crm"],
        ["--project", TINY / "dbt", "--tickets", "BK-1"],
        ["init", "--project", ROOT / "docs", "--ticket", "AN-1", "--source", "new=x"],
        ["status", "--warehouse", "duckdb-warehouse/main"],
    ):
        try:
            check_flags(read([*words, "--state", tmp_path / "state"]))
        except PlatformError as error:
            pytest.fail(f"{words}: {error}")
