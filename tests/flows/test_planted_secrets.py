"""Secrets of every kind of block are in nothing that a run leaves, whether it delivers or fails."""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from prefect.blocks.fields import SecretDict
from pydantic import SecretStr

from blocks.dbt.at_ref import find_commit
from blocks.dbt.project import DbtProject
from blocks.errors import NotDelivered, PlatformError
from blocks.loader.dlt.loader import DltLoader
from blocks.notifier.mail.notifier import MailNotifier
from blocks.prefect.block_types import TYPES, find_block_class
from blocks.quality.suites import Suites
from blocks.site.html.site import FolderSite
from blocks.site.tableau.client.credentials import AccessToken
from blocks.warehouse import control
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from flows.preview import describe_preview, preview, write_report
from tests.blocks.notifier.smtp_server import serving_mail
from tests.blocks.test_at_ref import git
from tests.blocks.tracker.desks import JiraDesk, jira_desk
from tests.blocks.tracker.jira.site import TOKEN, now
from tests.conftest import TINY
from tests.deployment.receiver import Receiver
from tests.planted import SECRET, find_planted, find_prefect_database, list_forms

PASSWORD = f"{SECRET} of the database"


def test_the_look_finds_every_form(tmp_path: Path) -> None:
    for number, form in enumerate(list_forms(SECRET)):
        (tmp_path / str(number)).write_bytes(b"before" + form + b"after")
    shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path)
    found = find_planted([tmp_path], [SECRET])
    assert {Path(each.split(":")[0]).name for each in found if "!" not in each} == {
        path.name for path in tmp_path.iterdir() if path.suffix != ".zip"
    }
    assert any("packed.zip!" in each for each in found)


def secret_fields() -> Iterator[tuple[str, str, Any]]:
    for slug in TYPES:
        for name, field in find_block_class(slug).model_fields.items():
            kind = str(field.annotation)
            if "SecretStr" in kind:
                yield slug, name, SecretStr(SECRET)
            elif "SecretDict" in kind:
                yield slug, name, SecretDict({"source": {"password": SECRET}})
            elif "AccessToken" in kind:
                yield slug, name, AccessToken.model_construct(name="bot", secret=SecretStr(SECRET))
            elif "SnowflakeCredentials" in kind:
                from prefect_snowflake import SnowflakeCredentials

                yield slug, name, SnowflakeCredentials(account="a", user="u", password=SecretStr(SECRET))


@pytest.mark.parametrize(("slug", "name", "value"), secret_fields(), ids=str)
def test_no_block_shows_its_secret(slug: str, name: str, value: Any) -> None:
    """As text, as a flow run's parameters, nor in what is said of a field that is wrong."""
    kind = find_block_class(slug)
    block = kind.model_construct(**{name: value})
    shown = [
        repr(block),
        str(block),
        repr(block.__dict__),
        json.dumps(block.model_dump(mode="json"), default=str),
    ]
    with pytest.raises(Exception) as wrong:  # noqa: PT011  # each has a field of its own that is wrong
        kind.model_validate(
            {name: {"x": {"y": [SECRET]}}, **dict.fromkeys(kind.model_fields.keys() - {name}, SECRET)}
        )
    shown += [str(wrong.value), repr(wrong.value)]
    for form in list_forms(SECRET):
        assert form not in "\n".join(shown).encode()


def test_every_password_and_token_of_a_block_is_a_secret_field() -> None:
    secret = {(slug, name) for slug, name, _ in secret_fields()}
    words = ("password", "token", "secret", "credentials", "passphrase", "private")
    named = {
        (slug, name)
        for slug in TYPES
        for name in find_block_class(slug).model_fields
        if any(word in name for word in words)
    }
    assert named <= secret


class DumpingSuites(Suites):
    """As a process that hangs is looked at: the stack of each thread, in the midst of a gate."""

    def evaluate(self, *arguments: Any) -> Any:
        with (self.docs.parent / "crash.txt").open("w") as file:
            faulthandler.dump_traceback(file, all_threads=True)
        return super().evaluate(*arguments)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[JiraDesk]:
    with jira_desk(tmp_path, cloud=True, version="3", project="BK") as desk:
        asked = {"analysis": "comparison", "dimensions": ["station"], "data_sources": ["bikes"]}
        told = {"description": "Subscribers: dana@example.com"}
        desk.file("BK-1", metrics=["rides", "minutes_per_ride"], title="Which?", **asked, **told)
        # somebody's own, pasted where it does not belong: what is proposed of its words is kept, they are not
        words = f"Show rides by station, month by month. The login is {SECRET} for now."
        desk.file("BK-2", metrics=[], dimensions=[], data_sources=[], title="Rides?", description=words)
        yield desk


@contextmanager
def log_everything(file: Path) -> Iterator[None]:
    """Every logger's every line, at the lowest level, in a file."""
    root, log = logging.getLogger(), logging.FileHandler(file)
    level = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(log)
    try:
        yield
    finally:
        root.removeHandler(log)
        root.setLevel(level)
        log.close()


def preview_branches(project: Path, suites: Path, warehouse: DuckDBWarehouse, reports: Path) -> None:
    """The reports of a branch that passes, one that fails, and one that is not there, of a repository with a login."""
    top = project.parent
    git(top, "init", "-q", "-b", "main", str(top))
    git(top, "remote", "add", "origin", f"https://bot:{quote(SECRET, safe='')}@127.0.0.1:1/models.git")
    git(top, "add", "-A")
    git(top, "commit", "-qm", "one")
    model = project / "models" / "station_days.sql"
    plain = model.read_text()
    changes = {
        "twice": ("count(*) as rides", "2 * count(*) as rides"),
        "broken": ("    station,\n", "    null as station,\n"),
    }
    reports.mkdir()
    for branch, (old, new) in changes.items():
        assert old in plain
        git(top, "checkout", "-qb", branch, "main")
        model.write_text(plain.replace(old, new))
        git(top, "commit", "-qam", branch)
        block = DbtProject(folder=project, state=reports.parent / "preview")
        found = preview(
            branch,
            find_commit(project, branch),
            block,
            warehouse,
            Suites(folder=suites, docs=reports / branch),
        )
        assert found.gate.passed == (branch == "twice")
        (reports / f"{branch}.md").write_text(write_report(found))
        (reports / f"{branch}.json").write_text(describe_preview(found))
    with pytest.raises(PlatformError) as refused:
        find_commit(project, "nowhere")
    (reports / "refused.txt").write_text(f"{refused.value} {refused.value!r}")


def dump_control(warehouse: DuckDBWarehouse) -> str:
    """Every line of every control table, the journal's reports unpacked: in the file they are compressed."""
    with warehouse.session() as session:
        tables = session.rows(
            "select table_name from information_schema.tables where table_schema = 'control'"
        )
        lines = [
            f"{name}: {row}" for (name,) in tables for row in session.rows(f"select * from control.{name}")
        ]
    return "\n".join(lines + [each.detail for each in control.read_journal(warehouse)])


def test_nothing_that_a_run_leaves_holds_a_secret(
    desk: JiraDesk,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    prefect_server: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that fails its gate, one that waits for a word, one that delivers; with lineage sent, and stacks dumped.

    Then previews of a branch, in Markdown and in JSON.

    A source is refused in each of them. On the ticket stands a secret beside the word, and in what is asked to change.
    """
    from flows.deliver import deliver

    (tmp_path / "rides").mkdir()
    project = shutil.copytree(TINY / "dbt", tmp_path / "project")
    (declared,) = project.glob("models/*.yml")
    declared.write_text(declared.read_text().replace("{ticket: BK-1,", "{ticket: BK-1, approval: requester,"))
    minutes = {"fails its gate": -500, "waits": 12, "delivers": 12}
    login = ("bot", SECRET)
    with Receiver() as lineage, log_everything(tmp_path / "everything.log"), serving_mail(login=login) as box:
        monkeypatch.setenv("OPENLINEAGE_URL", lineage.url)
        monkeypatch.setenv("OPENLINEAGE_API_KEY", SECRET.encode("ascii", "ignore").decode())
        for end, found in minutes.items():
            (tmp_path / "rides" / "1.csv").write_text(
                f"ride_id,started,station,minutes\n1,2026-01-01 08:00:00,North,{found}\n"
            )
            loader = DltLoader(
                locations={
                    "bikes": str(tmp_path / "rides"),
                    "other": "postgresql://someone:pw-in-a-url@127.0.0.1:1/db",
                },
                credentials={"third": {"token": SECRET, "password": PASSWORD}},
                workdir=tmp_path / "loads",
                deadline_seconds=60,
            )
            given: tuple[Any, ...] = (
                desk.tracker,
                [loader],
                DuckDBWarehouse(database=str(tmp_path / "warehouse.duckdb")),
                FolderSite(folder=tmp_path / "site", project="dashboards"),
                DbtProject(folder=project, state=tmp_path / "dbt"),
                DumpingSuites(folder=TINY / "expectations", docs=tmp_path / "docs"),
            )
            told = MailNotifier(
                sender="bot@example.com",
                host="127.0.0.1",
                port=box.port,
                security="none",
                username=login[0],
                password=SecretStr(login[1]),
                recipients=["*@example.com"],
            )
            if end == "delivers":
                desk.say("BK-1", "Dana Whitfield", now(), "accept")
                desk.say(
                    "BK-1", "Dana Whitfield", now(), f"Add minutes. The login is still {SECRET}, only North."
                )
                deliver(*given, notifier=told)
            elif end == "waits":
                deliver(*given, notifier=told)
                assert "### " in desk.comments("BK-1")[-1]
            else:
                with pytest.raises(NotDelivered) as refused:
                    deliver(*given, notifier=told)
                (tmp_path / "refusal.txt").write_text(f"{refused.value} {refused.value!r}")
        repository = shutil.copytree(project, tmp_path_factory.mktemp("repository") / "dbt")
        warehouse = DuckDBWarehouse(database=str(tmp_path / "warehouse.duckdb"))
        preview_branches(repository, TINY / "expectations", warehouse, tmp_path / "reports")
        (tmp_path / "lineage.txt").write_text(lineage.texts())
        for kind in ("START", "COMPLETE"):
            assert f'"{kind}"' in lineage.texts()
    ours = [each for each in desk.comments("BK-1") if not each.startswith("Add minutes.")]
    (tmp_path / "tickets.txt").write_text("\n".join(ours))
    (tmp_path / "mail.txt").write_text("\n".join(str(mail) for _, _, mail in box.taken))
    assert len(box.taken) == 1
    kept = dump_control(DuckDBWarehouse(database=str(tmp_path / "warehouse.duckdb")))
    (tmp_path / "control.txt").write_text(kept)
    for store in (
        "journal",
        "loads",
        "fingerprints",
        "relations",
        "proposals",
        "approvals",
        "standing",
        "notices",
    ):
        assert f"{store}: " in kept
    assert (tmp_path / "everything.log").stat().st_size > 1000
    assert "thread" in (tmp_path / "crash.txt").read_text().lower()
    assert (tmp_path / "lineage.txt").stat().st_size > 1000
    assert "Your dashboard is ready" in (tmp_path / "tickets.txt").read_text()
    secrets = [SECRET, PASSWORD, TOKEN, "pw-in-a-url", SECRET.encode("ascii", "ignore").decode()]
    places = [tmp_path, Path(os.environ["PREFECT_HOME"]), *find_prefect_database()]
    assert find_planted(places, secrets) == []
