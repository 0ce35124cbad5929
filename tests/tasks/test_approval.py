"""A definition waits for its requester's word: nothing is promoted without it, exactly one candidate with it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.logging import disable_run_logger

from blocks.catalogue import Catalogue
from blocks.dbt.fingerprints import Fingerprints
from blocks.errors import NotFound
from blocks.records import (
    Analysis,
    BuildReport,
    Comment,
    Dashboard,
    MartDiff,
    Plan,
    Publication,
    State,
    Ticket,
)
from blocks.tracker.base import compute_fingerprint
from blocks.tracker.files import tracker as files_tracker
from blocks.tracker.jira.session import JiraSession
from blocks.warehouse import control
from blocks.warehouse.approvals import Step, find_candidate, list_last, read_approvals, read_question
from blocks.warehouse.duckdb.session import DuckDBSession
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from blocks.warehouse.release_history import read_last_relations
from blocks.warehouse.standing import Standing, write_standing
from flows.deliver import _hold_back
from flows.delivery import Delivery
from tasks import approval
from tasks.approval import (
    NOT_TAKEN,
    TOPIC,
    Decision,
    close_approvals,
    decide_approvals,
    hold_for_approval,
    list_due_pages,
    list_held,
    list_superseded,
    list_waiting,
)
from tasks.candidates import ask_for_approval, tell_decisions
from tasks.planning import plan_tickets
from tasks.promotion import promote_release, recover, retain, roll_back
from tests.blocks.tracker.desks import DESKS
from tests.tasks import test_planning
from tests.tasks.test_promotion import build_release, gate


class SuiteStub:
    """Suites of which only the hash matters here."""

    def __init__(self) -> None:
        self.content = "one"

    def hash_suite(self, mart: str) -> str:
        return self.content


class TrackerStub:
    """A ticket's comments."""

    def __init__(self) -> None:
        self.comments: list[Comment] = []
        self.told: dict[tuple[str, str], str] = {}

    def comment(self, key: str, topic: str, body: str) -> None:
        self.told[key, topic] = body

    def move(self, key: str, status: str | None) -> None:
        pass

    def say(self, body: str, account: str = "dana", later: timedelta = timedelta(seconds=1)) -> None:
        self.comments.append(
            Comment(author="Dana", account=account, created=datetime.now(UTC) + later, body=body)
        )

    def read_tickets(self, keys: Any) -> list[Ticket]:
        return [
            Ticket(
                key=keys[0],
                title="",
                status="done",
                fields={},
                comments=tuple(self.comments),
                requester_account="dana",
                comment_fingerprints={
                    topic: compute_fingerprint(body) for (_, topic), body in self.told.items()
                },
            )
        ]

    def find_account(self, key: str, person: str) -> str:
        return "dana" if person == "Owner" else ""


class ProjectStub:
    """A dbt project of one model that calls a macro and reads a variable."""

    def __init__(self) -> None:
        meta = {"board": {"approval": "requester", "ticket": "AN-7"}}
        self.catalogue: Catalogue = test_planning.catalogue(meta=meta, board=["minutes"])
        self.macro, self.variables, self.platform = "round(x)", "least: 1", "dbt 1.11"

    def read_fingerprints(self, sources: Any) -> Fingerprints:
        code = {
            "raw_code": "select {{ cents('x') }} where x > {{ var('least') }}",
            "depends_on": {"nodes": []},
        }
        macro = {"unique_id": "macro.p.cents", "name": "cents", "package_name": "p", "macro_sql": self.macro}
        manifest = {"nodes": {"model.p.calls": test_planning.NODE | code}, "macros": {"macro.p.cents": macro}}
        return Fingerprints(manifest, sources, self.platform, self.variables)


class Stage:
    """A warehouse, a dashboard over mart `calls` that has to be accepted, and runs of it."""

    def __init__(self, folder: Path) -> None:
        self.warehouse = DuckDBWarehouse(database=str(folder / "w.duckdb"), keep=2)
        self.suites = SuiteStub()
        self.tracker: Any = TrackerStub()
        self.dbt = ProjectStub()

    @property
    def dashboards(self) -> Any:
        return plan_tickets([], self.dbt.catalogue, "r", scheduled=True).dashboards

    def hold(self, build: BuildReport) -> BuildReport:
        return hold_for_approval(self.warehouse, self.dbt, self.suites, build, self.dashboards)  # type: ignore[arg-type]

    def run(self, run: str, value: int) -> BuildReport:
        """Build, hold what has to wait, promote the rest."""
        left = self.hold(build_release(self.warehouse, run, value, ("calls",)))
        control.write_journal(self.warehouse, run, State.validated, gate(run).model_dump_json())
        if left.marts:
            promote_release.fn(self.warehouse, left, gate(run))
        else:
            control.write_journal(self.warehouse, run, State.awaiting)
        self.ask()
        retain.fn(self.warehouse)
        return left

    def ask(self, rows: int = 1) -> None:
        """Ask about what waits, as the end of a run does."""
        tracker: Any = self.tracker
        for name, step in list_waiting(self.warehouse, self.dashboards).items():
            candidate = find_candidate(self.warehouse, step)
            assert candidate
            seen = Publication(dashboard=name, ticket="AN-7", run=step.run, url="http://x", rows=rows)
            ask_for_approval.fn(tracker, self.warehouse, candidate, seen, None)

    def settle(self) -> list[tuple[str, Step]]:
        """As a delivery does."""
        tracker: Any = self.tracker
        decisions = decide_approvals.fn(tracker, self.warehouse)
        tell_decisions.fn(tracker, decisions)
        close_approvals(self.warehouse, decisions)
        return [(each.candidate.run, each.step) for each in decisions]

    def told(self) -> str:
        """What the ticket says of the last decision: its heading."""
        return self.tracker.told.get(("AN-7", TOPIC), "").partition("\n")[0]

    def seen(self) -> int | None:
        """What readers see of the mart; None for nothing."""
        served = self.warehouse.read_served()
        if not served or "calls" not in served.marts:
            return None
        with self.warehouse.session() as session:
            return int(session.rows("select value from serving.calls")[0][0])

    def steps(self) -> dict[str, Step]:
        return {each.run: each.step for each in list_last(read_approvals(self.warehouse))}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    found = Stage(tmp_path)
    with found.warehouse.session():  # held, so that the file is opened once
        yield found


def test_a_new_dashboard_is_seen_when_the_requester_says_so_and_new_data_without_a_word(stage: Stage) -> None:
    assert stage.run("a", 1).marts == {}
    assert stage.settle() == []
    assert stage.seen() is None
    assert [
        each.dashboard.name for each in list_held(stage.warehouse, stage.dbt, None, stage.dashboards)
    ] == ["board"]  # nor is it published by another way
    stage.tracker.say("accept")
    assert stage.settle() == [("a", Step.accepted)]
    assert (stage.seen(), stage.steps()) == (1, {"a": Step.promoted})
    assert stage.settle() == []  # once is enough
    assert list_due_pages(stage.warehouse) == ["board"]  # until a run has published it
    assert stage.run("b", 2).marts == {"calls": "rel_b.calls"}
    assert stage.seen() == 2
    assert list_due_pages(stage.warehouse) == []
    assert list_held(stage.warehouse, stage.dbt, None, stage.dashboards) == []


@pytest.mark.parametrize(
    ("body", "account", "told"),
    [
        ("accept", "mallory", "`accept`: it is for the one who asked to say."),
        ("accept", "", "`accept`: it is for the one who asked to say."),
        ("I would accept it if", "dana", ""),
        ("> accept", "dana", ""),
        ("accept another_run", "dana", "`accept another_run`: it names another run than `a`, which waits."),
        ("accept; drop table serving.calls", "dana", ""),
    ],
)
def test_what_is_no_word_of_the_requester_on_this_candidate_promotes_nothing(
    stage: Stage, body: str, account: str, told: str
) -> None:
    stage.run("a", 1)
    stage.tracker.say(body, account)
    assert stage.settle() == []
    assert stage.seen() is None
    assert stage.tracker.told.get(("AN-7", NOT_TAKEN), "").rpartition("- ")[2] == told


@pytest.mark.parametrize("clock", [timedelta(days=-400), timedelta(0), timedelta(days=400)])
def test_a_word_counts_from_the_question_on_whatever_clocks_say(stage: Stage, clock: timedelta) -> None:
    stage.tracker.say("accept", later=clock)  # of a proposal
    stage.run("a", 1)
    assert stage.settle() == []
    assert "Only what is said after this question counts" in stage.tracker.told["AN-7", TOPIC]
    stage.ask(rows=2)  # by a later run: what was said meanwhile still counts
    stage.tracker.say("accept", later=clock)
    stage.ask(rows=3)
    assert stage.settle() == [("a", Step.accepted)]
    assert stage.seen() == 1


@pytest.mark.parametrize("name", list(DESKS))
def test_on_every_tracker_a_word_counts_whose_clock_is_behind_ours(
    stage: Stage, tmp_path: Path, name: str
) -> None:
    (tmp_path / "desk").mkdir()
    with DESKS[name](tmp_path / "desk") as desk:
        desk.file("AN-7")
        stage.tracker = desk.tracker
        desk.say("AN-7", "Dana Whitfield", "2020-01-01T10:00:00+00:00", "accept")
        stage.run("a", 1)
        assert stage.settle() == []
        desk.say("AN-7", "Mallory", "2020-01-01T10:00:01+00:00", "accept")
        assert stage.settle() == []
        assert "Not taken" in desk.comments("AN-7")[-1]
        desk.say("AN-7", "Dana Whitfield", "2020-01-01T10:00:01+00:00", "accept a")
        assert stage.settle() == [("a", Step.accepted)]
    assert stage.seen() == 1


@pytest.mark.parametrize("name", ["files", "jira-cloud-v3", "jira-data-center"])
def test_on_every_tracker_the_requesters_status_accepts_what_was_asked_about_before_it(
    stage: Stage, tmp_path: Path, name: str
) -> None:
    (tmp_path / "desk").mkdir()
    with DESKS[name](tmp_path / "desk") as desk:
        desk.file("AN-7")
        desk.accept("AN-7", "Dana Whitfield")  # of the request, say
        stage.tracker = desk.tracker
        stage.run("a", 1)
        assert desk.status("AN-7") == "in_progress"
        assert stage.settle() == []
        desk.accept("AN-7", "Mallory")
        assert stage.settle() == []
        assert "it is for the one who asked to say" in desk.comments("AN-7")[-1]
        desk.accept("AN-7", "Dana Whitfield")
        assert stage.settle() == [("a", Step.accepted)]
    assert stage.seen() == 1


def test_the_picture_of_a_candidate_stands_beside_that_of_what_readers_see(
    stage: Stage, tmp_path: Path
) -> None:
    (tmp_path / "desk").mkdir()
    image = tmp_path / "dashboard.png"
    with DESKS["files"](tmp_path / "desk") as desk:
        desk.file("AN-7")
        image.write_bytes(b"live")
        desk.tracker.attach("AN-7", image)
        image.write_bytes(b"candidate")
        stage.tracker = desk.tracker
        stage.run("a", 1)
        (step,) = list_last(read_approvals(stage.warehouse))
        candidate = find_candidate(stage.warehouse, step)
        assert candidate
        shown = Publication(dashboard="board", ticket="AN-7", run="a", url="http://x", rows=1, image=image)
        ask_for_approval.fn(desk.tracker, stage.warehouse, candidate, shown, None)
        assert desk.attachments("AN-7") == {"dashboard.png": b"live", "candidate.png": b"candidate"}
        assert "`candidate.png` is its picture." in desk.comments("AN-7")[-1]
        write_standing(stage.warehouse, [], [Standing(dashboard="board", ticket="AN-7", run="z")])
        diff = MartDiff(
            mart="calls",
            rows_before=3,
            rows_after=1,
            metrics={"calls": (3.0, 1.0)},
            formats={"calls": "number"},
        )
        report = gate("a").model_copy(update={"diffs": (diff,)})
        ask_for_approval.fn(desk.tracker, stage.warehouse, candidate, shown, report)
        asked = desk.comments("AN-7")[-1]
        assert "`candidate.png` is its picture, `dashboard.png` beside it that of what readers see." in asked
        assert re.search(r"\| calls \| 3 \| 1 \| -66\.7%", asked), asked


def test_the_last_of_two_words_of_one_time_counts(stage: Stage) -> None:
    stage.run("a", 1)
    stage.tracker.say("accept")
    stage.tracker.say("changes")
    stage.tracker.comments[1] = stage.tracker.comments[1].model_copy(
        update={"created": stage.tracker.comments[0].created}
    )
    assert stage.settle() == [("a", Step.rejected)]


def test_nothing_counts_before_the_question_is_on_the_ticket(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(TrackerStub, "comment", KilledError.raise_)
        with pytest.raises(KilledError):
            stage.run("a", 1)
    stage.tracker.say("accept")
    assert stage.settle() == []
    stage.ask()
    assert stage.settle() == []
    stage.tracker.say("accept", later=timedelta(seconds=2))
    assert stage.settle() == [("a", Step.accepted)]


def test_a_retry_with_another_definition_is_asked_about_anew(stage: Stage) -> None:
    stage.run("a", 1)
    (step,) = list_last(read_approvals(stage.warehouse))
    candidate = find_candidate(stage.warehouse, step)
    assert candidate
    assert read_question(stage.warehouse, candidate)
    assert not read_question(stage.warehouse, candidate.model_copy(update={"fingerprint": "other"}))


def test_a_word_promotes_that_release_and_no_newer_one(stage: Stage) -> None:
    stage.run("a", 1)
    stage.tracker.say("Accept.")
    stage.settle()
    stage.suites.content = "two"  # a change of the suite is one of the definition
    assert stage.run("c", 3).marts == {}
    assert stage.run("d", 4).marts == {}  # the same definition, asked about already
    assert (stage.seen(), stage.steps()) == (1, {"a": Step.promoted, "c": Step.awaiting})
    stage.tracker.say("accept c", later=timedelta(seconds=3))
    assert stage.settle() == [("c", Step.accepted)]
    assert stage.seen() == 3  # not 4, though that is newer
    assert stage.run("e", 5).marts == {"calls": "rel_e.calls"}
    assert stage.seen() == 5


@pytest.mark.parametrize(
    ("what", "value", "is_held"),
    [("macro", "floor(x)", True), ("variables", "least: 2", True), ("platform", "dbt 1.12", False)],
)
def test_what_the_models_code_calls_is_part_of_the_definition(
    stage: Stage, what: str, value: str, is_held: bool
) -> None:
    stage.run("a", 1)
    stage.tracker.say("accept")
    stage.settle()
    setattr(stage.dbt, what, value)
    assert (stage.run("b", 2).marts == {}) is is_held
    assert stage.seen() == (1 if is_held else 2)


def test_a_newer_definition_takes_the_place_of_the_one_that_waits_and_has_to_be_named(stage: Stage) -> None:
    stage.run("a", 1)
    stage.suites.content = "two"
    stage.run("b", 2)
    assert stage.steps() == {"a": Step.superseded, "b": Step.awaiting}
    waiting = list_waiting(stage.warehouse, stage.dashboards).values()
    assert list_superseded(stage.warehouse, waiting) == [("board", "a")]
    for body in ("accept", "accept a"):  # which may have been written when only the first was known
        stage.tracker.say(body)
        assert stage.settle() == []
    told = stage.tracker.told["AN-7", NOT_TAKEN]
    assert "- `accept`: there was another candidate before, so it has to name the run: `b`." in told
    assert "- `accept a`: it names another run than `b`, which waits." in told
    assert stage.seen() is None
    stage.tracker.say("accept b", later=timedelta(seconds=2))
    assert stage.settle() == [("b", Step.accepted)]
    assert stage.seen() == 2


def test_changes_send_it_back_and_silence_expires(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.run("a", 1)
    stage.tracker.say("changes\n\nPlease by segment.")
    assert stage.settle() == [("a", Step.rejected)]
    assert stage.run("b", 2).marts == {}  # the same again is not asked again
    assert stage.steps() == {"a": Step.rejected}
    stage.suites.content = "two"
    stage.run("c", 3)
    monkeypatch.setattr(approval, "EXPIRES", timedelta(0))
    stage.tracker.comments.clear()
    assert stage.settle() == [("c", Step.expired)]
    assert stage.seen() is None
    retain.fn(stage.warehouse)


def test_what_waits_is_kept_however_many_runs_come(stage: Stage) -> None:
    stage.run("a", 1)
    for number, run in enumerate("bcdef", 2):
        stage.run(run, number)
    stage.tracker.say("accept")
    stage.settle()
    assert stage.seen() == 1


def test_what_an_accepted_mart_is_made_of_is_what_later_runs_go_on_from(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An incremental model below the mart, and those of other marts: nothing else would know where their rows are.

    Also where the run that promotes dies before it has said so, and another finishes that.
    """
    manifest: Any = stage.dbt.catalogue._manifest
    manifest["parent_map"] = {"model.p.calls": ["model.p.history"]}
    other = build_release(stage.warehouse, "o", 7, ("other",), {"model.p.other": "rel_o.other"})
    promote_release.fn(stage.warehouse, other, gate("o"))
    places = {"model.p.calls": "rel_a.calls", "model.p.history": "rel_a.history"}
    left = stage.hold(build_release(stage.warehouse, "a", 1, ("calls",), places))
    assert left.relations == {}
    for number, run in enumerate("bcd", 2):  # more than are kept
        promote_release.fn(
            stage.warehouse, build_release(stage.warehouse, run, number, ("other",)), gate(run)
        )
        retain.fn(stage.warehouse)
    stage.ask()
    stage.tracker.say("accept")
    with monkeypatch.context() as killed:
        killed.setattr("tasks.promotion._record_build", KilledError.raise_)
        with pytest.raises(KilledError):
            stage.settle()
    recover.fn(stage.warehouse, "later")
    assert stage.settle() == [("a", Step.accepted)]
    served = stage.warehouse.read_served()
    assert served
    assert served.marts["calls"] == "rel_a.calls"
    assert read_last_relations(stage.warehouse, served) == {"model.p.other": "rel_o.other", **places}
    retain.fn(stage.warehouse)
    stage.run("e", 5)
    assert roll_back.fn(stage.warehouse, None).run == "a_accepted"
    assert stage.seen() == 1


class KilledError(BaseException):
    """Stands for a kill: nothing catches it."""

    @classmethod
    def raise_(cls, *_: object) -> None:
        raise cls


def kill_at_each(
    tmp_path: Path,
    prepare: Callable[[Stage], None],
    act: Callable[[Stage], object],
    check: Callable[[Stage], None],
    stride: int = 1,
) -> int:
    """Act on a fresh copy of what was prepared, killed before statement 1, 2, 3 ... that writes, until it ends; check.

    stride: 5 for every fifth.
    """
    base = tmp_path / "base"
    base.mkdir()
    first = Stage(base)
    prepare(first)
    rows, moment = DuckDBSession.rows, 0
    while True:
        moment += stride
        folder = tmp_path / str(moment)
        shutil.copytree(base, folder)
        stage, left = Stage(folder), moment
        stage.tracker.comments = list(first.tracker.comments)
        stage.tracker.told = dict(first.tracker.told)

        def run(self: DuckDBSession, *args: Any) -> Any:
            nonlocal left
            left -= (
                not str(args[0]).lstrip().lower().startswith(("select", "from", "with", "describe", "show"))
            )
            if left < 0:
                raise KilledError
            return rows(self, *args)

        DuckDBSession.rows = run  # type: ignore[method-assign]
        try:
            with stage.warehouse.session():  # held, so that the file is opened once
                act(stage)
            done = True
        except KilledError:
            done = False
        finally:
            DuckDBSession.rows = rows  # type: ignore[method-assign]
        with stage.warehouse.session():
            check(stage)
        shutil.rmtree(folder)
        if done:
            return moment


@pytest.mark.parametrize("stride", [5, pytest.param(1, marks=pytest.mark.soak)])
def test_killed_at_each_step_of_waiting_nothing_is_promoted(tmp_path: Path, stride: int) -> None:
    def check(stage: Stage) -> None:
        assert stage.seen() is None
        recover.fn(stage.warehouse, "later")
        assert stage.settle() == []
        assert stage.seen() is None
        stage.run("z", 9)  # and the next run asks, if this one did not
        assert stage.seen() is None
        assert Step.awaiting in stage.steps().values()

    assert kill_at_each(tmp_path, lambda stage: None, lambda stage: stage.run("a", 1), check, stride) > 10


@pytest.mark.parametrize("stride", [6, pytest.param(1, marks=pytest.mark.soak)])
def test_killed_at_each_step_of_accepting_it_is_that_candidate_or_what_was_there(
    tmp_path: Path, stride: int
) -> None:
    def prepare(stage: Stage) -> None:
        stage.run("a", 1)
        stage.tracker.say("accept")

    def check(stage: Stage) -> None:
        accepted = stage.steps()["a"] in (Step.accepted, Step.promoted)
        assert stage.seen() in ((1, None) if accepted else (None,))
        stage.run("b", 2)  # of the same definition, while it is not known yet what was said
        assert stage.seen() in (None, 1, 2)
        recover.fn(stage.warehouse, "later")
        stage.settle()
        assert stage.seen() in (1, 2)
        assert stage.steps()["a"] is Step.promoted
        assert stage.told() == "### Accepted"

    assert kill_at_each(tmp_path, prepare, lambda stage: stage.settle(), check, stride) > 10


def test_killed_at_each_step_of_expiring_nothing_is_promoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approval, "EXPIRES", timedelta(0))

    def check(stage: Stage) -> None:
        recover.fn(stage.warehouse, "later")
        stage.settle()
        assert (stage.seen(), stage.steps()) == (None, {"a": Step.expired})
        assert stage.told() == "### Expired"

    assert (
        kill_at_each(tmp_path, lambda stage: stage.run("a", 1) and None, lambda stage: stage.settle(), check)
        > 2
    )


class Writes:
    """Ends what is done before its nth write, to control, to a file or to Jira."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 10**6
        reading = ("select", "from", "with", "describe", "show")
        self._wrap(
            monkeypatch, DuckDBSession, "rows", lambda a: not a[1].lstrip().lower().startswith(reading)
        )
        self._wrap(monkeypatch, JiraSession, "send", lambda a: a[2] != "GET")
        self._wrap(monkeypatch, files_tracker, "replace_file", lambda _: True)

    def _wrap(
        self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, writes: Callable[[Any], bool]
    ) -> None:
        real = getattr(owner, name)

        def counted(*args: Any, **more: Any) -> Any:
            if writes(args):
                self.left -= 1
                if self.left < 0:
                    raise KilledError
            return real(*args, **more)

        monkeypatch.setattr(owner, name, counted)

    def is_killed(self, moment: int, warehouse: DuckDBWarehouse, act: Callable[[], object]) -> bool:
        """Whether something was done that ended before this many writes; its connection ends with it."""
        self.left = moment
        try:
            with warehouse.session():
                act()
        except KilledError:
            return True
        finally:
            self.left = 10**6
        return False


@pytest.mark.parametrize("step", ["awaiting", "accepted", "by status", "expired", "rejected"])
@pytest.mark.parametrize(
    ("name", "stride"),
    [
        ("jira-cloud-v3", 21),
        *(
            pytest.param(each, 1, marks=[pytest.mark.soak, pytest.mark.timeout(3_600)])
            for each in ("files", "jira-cloud-v3", "jira-data-center")
        ),
    ],
)
def test_killed_at_each_write_also_to_the_tracker_nothing_is_promoted_unaccepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, stride: int, step: str
) -> None:
    writes, moment, expires = Writes(monkeypatch), 0, approval.EXPIRES
    killed = True
    while killed:
        folder = tmp_path / str(moment)
        (folder / "desk").mkdir(parents=True)
        stage = Stage(folder)
        with DESKS[name](folder / "desk") as desk:
            stage.tracker = desk.tracker
            desk.file("AN-7", "done")
            if step == "awaiting":
                killed = writes.is_killed(moment, stage.warehouse, partial(stage.run, "a", 1))
                assert stage.seen() is None
                recover.fn(stage.warehouse, "later")
                assert stage.settle() == []
                stage.run("z", 9)  # which asks, where this one did not
                assert stage.seen() is None
                assert desk.status("AN-7") == "in_progress"
                assert "Waiting for acceptance" in desk.comments("AN-7")[-1]
            else:
                stage.run("a", 1)
                if step == "accepted":
                    desk.say("AN-7", "Dana Whitfield", "2026-11-26T10:00:00+00:00", "accept")
                elif step == "by status":
                    desk.accept("AN-7", "Dana Whitfield")
                elif step == "rejected":
                    desk.say("AN-7", "Dana Whitfield", "2026-11-26T10:00:00+00:00", "changes")
                else:
                    monkeypatch.setattr(approval, "EXPIRES", timedelta(0))
                killed = writes.is_killed(moment, stage.warehouse, stage.settle)
                assert stage.seen() in ((None, 1) if step in ("accepted", "by status") else (None,))
                recover.fn(stage.warehouse, "later")
                stage.settle()
                refused = {"expired": Step.expired, "rejected": Step.rejected}.get(step)
                assert (stage.seen(), stage.steps()["a"]) == (
                    (None, refused) if refused else (1, Step.promoted)
                )
                heads = {each.partition("\n")[0].strip("# ") for each in desk.comments("AN-7")}
                assert (refused.capitalize() if refused else "Accepted") in heads
                monkeypatch.setattr(approval, "EXPIRES", expires)
        shutil.rmtree(folder)
        moment += stride
    assert moment > 2


def die_before_telling(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(TrackerStub, "comment", KilledError.raise_)
        with pytest.raises(KilledError):
            stage.settle()


@pytest.mark.parametrize(
    ("word", "step", "told"), [("accept", "promoted", "Accepted"), ("changes", "rejected", "Rejected")]
)
def test_killed_before_the_ticket_was_told_the_next_run_tells_it(
    stage: Stage, word: str, step: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.run("a", 1)
    stage.tracker.say(word)
    die_before_telling(stage, monkeypatch)
    seen = stage.seen()
    stage.settle()
    assert (stage.steps(), stage.seen(), stage.told()) == ({"a": step}, seen, f"### {told}")


def test_killed_after_the_ticket_was_told_that_it_was_sent_back_the_next_run_records_it(stage: Stage) -> None:
    stage.run("a", 1)
    stage.tracker.say("changes")
    (step,) = list_last(read_approvals(stage.warehouse))
    candidate = find_candidate(stage.warehouse, step)
    assert candidate
    with disable_run_logger():
        tell_decisions.fn(stage.tracker, [Decision(candidate, Step.rejected, ())])  # type: ignore[arg-type]
    assert stage.steps() == {"a": Step.awaiting}
    assert stage.settle() == [("a", Step.rejected)]


def test_what_was_rolled_back_before_its_run_could_be_finished_stays_so(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.run("a", 1)
    stage.tracker.say("accept")
    stage.settle()
    stage.suites.content = "two"
    stage.run("b", 2)
    stage.tracker.say("accept b", later=timedelta(seconds=2))
    die_before_telling(stage, monkeypatch)
    assert stage.seen() == 2
    roll_back.fn(stage.warehouse, None)
    assert stage.settle() == [("b", Step.accepted)]  # and told
    assert stage.seen() == 1


def test_a_late_word_leads_nobody_back_to_older_rows(stage: Stage) -> None:
    """Another dashboard, which asks nobody, has brought newer rows of the mart meanwhile."""
    stage.run("a", 1)
    build = build_release(stage.warehouse, "b", 2, ("calls",), {"model.p.calls": "rel_b.calls"})
    control.write_journal(stage.warehouse, "b", State.building, build.model_dump_json())
    promote_release.fn(stage.warehouse, build, gate("b"))
    stage.tracker.say("accept")
    assert stage.settle() == [("a", Step.accepted)]
    assert stage.seen() == 2
    assert "`calls` they see newer rows" in stage.tracker.told["AN-7", TOPIC]
    assert (
        list_held(stage.warehouse, stage.dbt, None, stage.dashboards) == []
    )  # and its page may be published
    served = stage.warehouse.read_served()
    assert served
    assert read_last_relations(stage.warehouse, served) == {"model.p.calls": "rel_b.calls"}
    assert roll_back_is_refused(stage.warehouse)
    assert stage.run("c", 3).marts == {"calls": "rel_c.calls"}
    assert list_due_pages(stage.warehouse) == []


def roll_back_is_refused(warehouse: DuckDBWarehouse) -> bool:
    try:
        roll_back.fn(warehouse, None)
    except NotFound:
        return True
    return False


def test_what_is_made_as_before_again_is_withdrawn(stage: Stage) -> None:
    stage.run("a", 1)
    stage.tracker.say("accept")
    stage.settle()
    stage.suites.content = "two"
    assert stage.run("b", 2).marts == {}
    stage.suites.content = "one"
    assert stage.run("c", 3).marts == {"calls": "rel_c.calls"}
    stage.tracker.say("accept b", later=timedelta(seconds=3))
    assert stage.settle() == [("b", Step.withdrawn)]
    assert (stage.seen(), stage.told()) == (3, "### Withdrawn")
    assert stage.settle() == []
    stage.suites.content = "two"
    assert stage.run("d", 4).marts == {}
    assert stage.steps()["d"] is Step.awaiting  # asked about again
    assert stage.run("e", 5).marts == {}
    stage.tracker.say("accept d", later=timedelta(seconds=4))
    stage.settle()
    assert stage.seen() == 4


def test_a_run_for_another_dashboard_does_not_show_what_was_accepted_otherwise(stage: Stage) -> None:
    stage.run("a", 1)
    stage.tracker.say("accept")
    stage.settle()
    stage.suites.content = "two"
    build = build_release(stage.warehouse, "b", 2, ("calls",))
    dbt: Any = stage.dbt
    suites: Any = stage.suites
    with disable_run_logger():
        left = hold_for_approval(stage.warehouse, dbt, suites, build, [])
    assert left.marts == {}
    delivery, context = Delivery("b"), SimpleNamespace(dbt=dbt)
    other = Dashboard(name="other", analysis=Analysis.kpi, metrics=(), dimensions=(), marts=("calls",))
    delivery.plan = Plan(run="b", dashboards=(other,))
    delivery.build = build
    assert _hold_back(delivery, context, stage.warehouse, suites) == []  # type: ignore[arg-type]
    assert delivery.build == left  # and that is what is promoted
    delivery.take([Publication(dashboard="other", ticket="AN-8", run="b", url="", rows=1)])
    assert "calls: as readers saw it before" in delivery.publications[0].notes[0]
    stage.suites.content = "one"
    assert hold_for_approval(stage.warehouse, dbt, suites, build, []).marts == build.marts
