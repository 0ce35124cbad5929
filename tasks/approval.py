"""Definitions that somebody has to accept before readers see them: held back, decided, promoted.

A dashboard's definition is its analysis, metrics, dimensions and wishes, and of each of its marts the models with what
their code calls (macros, variables), the suite and the metrics. What only brings new data is never held. One word
promotes one candidate, and no other.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from itertools import takewhile
from typing import NamedTuple

from prefect import get_run_logger, task

from blocks.catalogue import Catalogue
from blocks.dbt.fingerprints import Fingerprints
from blocks.dbt.run import DbtRun
from blocks.errors import NotFound, PlatformError
from blocks.hashing import hash_value
from blocks.quality.suites import Suites
from blocks.records import BuildReport, Comment, Dashboard, State
from blocks.tracker.base import Tracker, compute_fingerprint
from blocks.warehouse import control
from blocks.warehouse.approvals import (
    EXPIRES,
    Approval,
    Candidate,
    Candidates,
    Step,
    find_candidate,
    list_last,
    read_approvals,
    read_question,
    write_approvals,
)
from blocks.warehouse.base import Warehouse
from blocks.warehouse.release_history import (
    list_published_releases,
    read_last_relations,
    record_relations,
)
from tasks.decision_text import write_decision
from tasks.elaboration.acceptance import list_new
from tasks.markdown import code
from tasks.policy import RETRY
from tasks.promotion import publish_accepted

TOPIC, NOT_TAKEN = "approval", "approval_words"
"""Topics of our comments: the question and what became of it, and which words were not taken and why."""
SHOWN = "*"
"""Beside the marts' names: what a dashboard shows, whatever its suites ask."""
APPROVERS, MOST_REFUSED = ("requester", "owner"), 5
_WORD = re.compile(
    r"(?:please\s+)?(?P<word>accept(?:ed)?|changes)(?:\s+(?P<run>[A-Za-z0-9_]{1,60}))?\s*[.!]*", re.IGNORECASE
)


class Decision(NamedTuple):
    """What became of a candidate. step: accepted, rejected, expired or withdrawn.

    newer: of an accepted one, marts that readers see newer rows of than it holds, and which it left as they are.
    """

    candidate: Candidate
    step: Step
    newer: tuple[str, ...] = ()


def compute_definition(
    catalogue: Catalogue, fingerprints: Fingerprints, suites: Suites | None, dashboard: Dashboard
) -> tuple[str, dict[str, str]]:
    """What tells one definition of a dashboard from another, and the same of each of its marts, and of what is `SHOWN`.

    suites: None where suites don't matter: what is shown is then the whole.
    """
    code = {mart: _hash_mart(catalogue, fingerprints, mart) for mart in dashboard.marts}
    shape = (dashboard.title, dashboard.analysis, dashboard.metrics, dashboard.dimensions)
    lines = {
        **dashboard.wishes.list_lines(),
        "cadence": "",
        "subscribers": "",
        "alerts": "",
    }  # not of what it is
    shown = hash_value([str(each) for each in shape], lines, code)
    if suites is None:
        return shown, {SHOWN: shown}
    marts = _mark_marts(catalogue, fingerprints, suites, dashboard.marts)
    return hash_value(shown, marts), {**marts, SHOWN: shown}


def _mark_marts(
    catalogue: Catalogue, fingerprints: Fingerprints, suites: Suites, marts: Iterable[str]
) -> dict[str, str]:
    """Mart → what tells its definition from another: what it is made of, and its suite."""
    return {
        mart: f"{_hash_mart(catalogue, fingerprints, mart)}.{_hash_suite(suites, mart)}" for mart in marts
    }


def _hash_mart(catalogue: Catalogue, fingerprints: Fingerprints, mart: str) -> str:
    """Of all that its lineage is made of, and of the metrics on it."""
    metrics = [catalogue.metric(name) for name in catalogue.metric_names()]
    return hash_value(
        fingerprints.hash_definition(catalogue.find_lineage(mart)),
        [each.model_dump(mode="json") for each in metrics if each.mart == mart],
    )


def _hash_suite(suites: Suites, mart: str) -> str:
    try:
        return suites.hash_suite(mart)
    except PlatformError:  # the gate says what is wrong with it
        return ""


class Held(NamedTuple):
    """A dashboard that has to wait. marts: those of its that readers don't see so; last: where its candidates stand."""

    dashboard: Dashboard
    fingerprint: str
    fingerprints: dict[str, str]
    marts: set[str]
    last: list[Approval]

    @property
    def was_asked(self) -> bool:
        """True if this very definition waits already, or was sent back, or met with silence."""
        return any(
            each.fingerprint == self.fingerprint
            for each in self.last
            if each.step not in (Step.superseded, Step.withdrawn)
        )


def list_held(
    warehouse: Warehouse, dbt: DbtRun, suites: Suites | None, dashboards: Sequence[Dashboard]
) -> list[Held]:
    """Which of these dashboards have to wait for somebody's word.

    suites: None: whatever their suites ask. Marts that readers see already, and of which no definition was ever
    accepted, are taken for accepted as they are: what is asked for from then on is their change.
    """
    catalogue = dbt.catalogue
    asking = {each.name for each in catalogue.exposures if each.approval in APPROVERS}
    wanted = [each for each in dashboards if each.name in asking]
    if not wanted:
        return []
    fingerprints = dbt.read_fingerprints({})  # whatever rows there are
    approvals, served = read_approvals(warehouse), warehouse.read_served()
    shown, found = set(served.marts) if served else set(), list[Held]()
    for each in wanted:
        whole, marts = compute_definition(catalogue, fingerprints, suites, each)
        known = _find_accepted(approvals, each.name)
        before = known.marts if known else {}
        if known and whole == (known.fingerprint if suites else before.get(SHOWN)):
            continue
        changed = {
            mart
            for mart, mark in marts.items()
            if mart != SHOWN and (before[mart] != mark if mart in before else mart not in shown)
        }
        last = [one for one in list_last(approvals) if one.dashboard == each.name]
        found.append(Held(each, whole, marts, changed, last))
    return found


def hold_for_approval(
    warehouse: Warehouse,
    dbt: DbtRun,
    suites: Suites,
    build: BuildReport,
    dashboards: Sequence[Dashboard],
) -> BuildReport:
    """The build without what has to wait; what waits is written down, before anything could be promoted.

    dashboards: those that are to go out.
    """
    steps, candidates, held = list[Approval](), list[Candidate](), set[str]()
    catalogue = dbt.catalogue
    exposures = {each.name: each for each in catalogue.exposures}
    all_held = list_held(warehouse, dbt, suites, dashboards)
    for one in all_held:
        each, changed = one.dashboard, one.marts & build.marts.keys()
        held |= changed
        if one.was_asked:
            continue
        waiting = [step for step in one.last if step.step is Step.awaiting]
        exposure = exposures[each.name]
        candidate = Candidate(
            dashboard=each.name,
            run=build.run,
            ticket=each.ticket or "",
            approver=exposure.approval,
            owner=catalogue.owner_of(each.name),
            fingerprint=one.fingerprint,
            fingerprints=one.fingerprints,
            marts={mart: build.marts[mart] for mart in sorted(changed)},
            named=bool(waiting),
        )
        candidates.append(candidate)
        steps += [step.model_copy(update={"step": Step.superseded}) for step in waiting]
        steps.append(candidate.reach(Step.awaiting))
    held |= _find_accepted_otherwise(warehouse, dbt, suites, build, dashboards)
    steps += _withdraw(warehouse, dashboards, {one.dashboard.name for one in all_held})
    if not held and not candidates:
        write_approvals(warehouse, steps)
        return build
    left = _leave_out(catalogue, build, held)
    control.write_journal(warehouse, build.run, State.building, left.model_dump_json())
    if candidates:
        items = [_add_relations(catalogue, build, left, each) for each in candidates]
        detail = Candidates(items=tuple(items)).model_dump_json()
        control.write_journal(warehouse, build.run, State.awaiting, detail)
    write_approvals(warehouse, steps)
    return left


def _find_accepted_otherwise(
    warehouse: Warehouse,
    dbt: DbtRun,
    suites: Suites,
    build: BuildReport,
    dashboards: Sequence[Dashboard],
) -> set[str]:
    """Marts of the build that another dashboard shows, which is no part of this run, and was accepted otherwise.

    Nobody is asked here: that is done when that dashboard's own run comes.
    """
    approvals, planned, found = read_approvals(warehouse), {each.name for each in dashboards}, set[str]()
    fingerprints = None
    for exposure in dbt.catalogue.exposures if approvals else ():
        known = _find_accepted(approvals, exposure.name) if exposure.approval in APPROVERS else None
        shared = sorted(build.marts.keys() & known.marts.keys()) if known else []
        if known is None or exposure.name in planned or not shared:
            continue
        fingerprints = fingerprints or dbt.read_fingerprints({})
        now = _mark_marts(dbt.catalogue, fingerprints, suites, shared)
        if changed := {mart for mart in shared if now[mart] != known.marts[mart]}:
            get_run_logger().warning(
                "%s stays as readers see it: it was accepted so for %s, which no part of this run is and has to be "
                "asked about",
                ", ".join(sorted(changed)),
                exposure.name,
            )
            found |= changed
    return found


def _withdraw(warehouse: Warehouse, dashboards: Sequence[Dashboard], held: Collection[str]) -> list[Approval]:
    """The steps of candidates that still wait though their dashboard needs nobody's word any more."""
    return [
        each.model_copy(update={"step": Step.withdrawn})
        for name, each in list_waiting(warehouse, dashboards).items()
        if name not in held
    ]


def list_waiting(warehouse: Warehouse, dashboards: Sequence[Dashboard]) -> dict[str, Approval]:
    """Dashboard → its candidate that waits, of these dashboards."""
    names = {each.name for each in dashboards}
    return {
        each.dashboard: each
        for each in list_last(read_approvals(warehouse))
        if each.step is Step.awaiting and each.dashboard in names
    }


def list_superseded(warehouse: Warehouse, waiting: Iterable[Approval]) -> list[tuple[str, str]]:
    """Dashboard and run of the candidate in whose place each of these waits."""
    last = list_last(read_approvals(warehouse)) if (names := {each.dashboard for each in waiting}) else []
    past = {
        each.dashboard: each.run for each in last if each.dashboard in names and each.step is Step.superseded
    }
    return list(past.items())


@task(name="decide approvals", **RETRY)
def decide_approvals(tracker: Tracker, warehouse: Warehouse) -> list[Decision]:
    """Read what was said of candidates that wait, and promote what was accepted; return what was decided.

    The word is written down before readers see anything, and finished by the next run where this one dies, until
    `close_approvals` says that the tickets know. Nothing is asked of the tracker where nothing waits.
    """
    last = [
        each
        for each in list_last(read_approvals(warehouse))
        if each.step in (Step.awaiting, Step.accepted, Step.withdrawn)
    ]
    decisions = []
    for each in last:
        candidate = find_candidate(warehouse, each)
        if candidate is None:  # the journal has forgotten it: nobody could say what would be promoted
            write_approvals(warehouse, [each.model_copy(update={"step": Step.expired})])
            continue
        step = _decide(tracker, warehouse, candidate, each) if each.step is Step.awaiting else each.step
        if step is Step.awaiting:
            continue
        newer = list[str]()
        if step is Step.accepted:
            if each.step is Step.awaiting:
                write_approvals(warehouse, [candidate.reach(step)])
            newer = _promote(warehouse, candidate)
        decisions.append(Decision(candidate, step, tuple(newer)))
    return decisions


def close_approvals(warehouse: Warehouse, decisions: Sequence[Decision]) -> None:
    """Write down that decisions are carried out, after their tickets were told: a run that dies before tells again."""
    ends = {Step.accepted: Step.promoted, Step.withdrawn: Step.superseded}
    write_approvals(warehouse, [each.candidate.reach(ends.get(each.step, each.step)) for each in decisions])


def list_due_pages(warehouse: Warehouse) -> list[str]:
    """Dashboards that were accepted, and whose pages no run has published since: it died, or did not come that far."""
    promoted = [each for each in read_approvals(warehouse) if each.step is Step.promoted]
    if not promoted:
        return []
    published = control.read_journal(warehouse, states=[State.published], details=False)
    names = {_name_release(each.run) for each in promoted}
    since = set(takewhile(names.__contains__, (entry.run for entry in reversed(published))))
    last = max((entry.at for entry in published if entry.run not in names), default=datetime.min)
    return list(
        dict.fromkeys(
            each.dashboard
            for each in promoted
            # one whose marts readers saw already had nothing of its own to publish
            if _name_release(each.run) in since or (each.at or datetime.min) > last
        )
    )


def _name_release(run: str) -> str:
    """What the release is called that an accepted candidate of a run is promoted as."""
    return f"{run}_accepted"[-60:]


def _promote(warehouse: Warehouse, candidate: Candidate) -> list[str]:
    """Let readers see exactly the candidate's marts; those that another candidate still holds wait for it.

    Readers are never led back: marts that a later run brought them stay as they are, and are returned. Only once: what
    was rolled back or retired since, before the run that died could be finished, stays so.
    """
    others = {
        mart
        for each in list_last(read_approvals(warehouse))
        if each.step is Step.awaiting
        and each.run == candidate.run
        and (one := find_candidate(warehouse, each))
        for mart in one.marts
    }
    later, served = _read_later_builds(warehouse, candidate), warehouse.read_served()
    shown = served.marts if served else {}
    last = read_last_relations(warehouse, served) if served else {}
    newer = sorted(
        mart
        for mart, relation in candidate.marts.items()
        if relation != shown.get(mart)
        and any(mart in each.marts and each.marts[mart] == shown.get(mart) for each in later)
    )
    marts = {mart: place for mart, place in candidate.marts.items() if mart not in {*others, *newer}}
    relations = {
        node: place
        for node, place in candidate.relations.items()
        if not any(node in each.relations and each.relations[node] == last.get(node) for each in later)
    }
    name = _name_release(candidate.run)
    if not marts:
        return newer
    for each in list_published_releases(warehouse):
        if each.run == name and marts.items() <= each.marts.items():
            # whoever finished it did not know what they are made of
            record_relations(warehouse, name, relations, each)
            return newer
    with warehouse.exclusive():
        publish_accepted(warehouse, name, marts, relations)
    return newer


def _read_later_builds(warehouse: Warehouse, candidate: Candidate) -> list[BuildReport | Candidate]:
    """What runs built, and what of it waited, after the candidate had begun to wait."""
    entries = control.read_journal(warehouse, states=[State.building, State.awaiting], details=False)
    waits = max((each.seq for each in entries if each.run == candidate.run), default=0)
    last = {
        (each.run, each.state): each.seq
        for each in entries
        if each.run != candidate.run and each.detail and each.seq > waits
    }
    found = list[BuildReport | Candidate]()
    for entry in control.read_journal(warehouse, seqs=list(last.values())) if last else ():
        if entry.state is State.building:
            found.append(BuildReport.model_validate_json(entry.detail))
        else:
            found += Candidates.model_validate_json(entry.detail).items
    return found


def _decide(tracker: Tracker, warehouse: Warehouse, candidate: Candidate, waiting: Approval) -> Step:
    """What was said of a candidate since it was asked about, by the order of its ticket and no clock of ours.

    Nothing counts before the question is on the ticket; the next run of the dashboard asks it then. The ticket hears
    of words that are not taken.
    """
    at = (waiting.at or datetime.min).replace(tzinfo=UTC)
    try:
        (ticket,) = tracker.read_tickets([candidate.ticket]) if candidate.ticket else (None,)
        owner = (
            tracker.find_account(candidate.ticket, candidate.owner) if candidate.approver == "owner" else ""
        )
    except NotFound:
        ticket, owner = None, ""
    except PlatformError as error:
        get_run_logger().warning("what was said of %s could not be read: %s", candidate.dashboard, error)
        return Step.awaiting
    question = read_question(warehouse, candidate) if ticket else None
    # a run that told the ticket that it was sent back may have died before it recorded that
    texts = (
        (*question.texts, compute_fingerprint(write_decision(candidate, Step.rejected))) if question else ()
    )
    if ticket and question and ticket.comment_fingerprints.get(TOPIC) in texts:
        account = owner if candidate.approver == "owner" else ticket.requester_account
        refused = list[str]()
        newest_last = sorted(list_new(ticket.answers, question.seen), key=lambda each: each.created)
        for comment in reversed(newest_last):
            word = read_word(comment)
            reason = _find_fault(word, comment.account, account, candidate) if word else ""
            if word and not reason:
                return word.step
            if reason:
                refused.append(f"- {code(comment.body.strip().partition(chr(10))[0])}: {reason}.")
        if refused:
            _tell_refused(tracker, candidate, refused)
    return Step.expired if datetime.now(UTC) - at > EXPIRES else Step.awaiting


class Word(NamedTuple):
    """What somebody said of a candidate. run: the one that was named, or empty."""

    step: Step
    run: str


def read_word(comment: Comment) -> Word | None:
    """What a comment says, in a line of its own at its top; None for one without a word."""
    found = _WORD.fullmatch(comment.body.strip().partition("\n")[0].strip())
    if not found:
        return None
    accepts = found["word"].lower().startswith("accept")
    return Word(Step.accepted if accepts else Step.rejected, found["run"] or "")


def _find_fault(word: Word, by: str, account: str, candidate: Candidate) -> str:
    """Why a word is not taken for a candidate; empty if it is. account: whose word it takes."""
    if not account and candidate.approver == "owner":
        return f"the owner, {code(candidate.owner)}, is not one account that this ticket could be assigned to"
    if not account:
        return "the tracker names no account of the one who asked, whose word it takes"
    if by != account:
        who = f"the owner, {code(candidate.owner)}," if candidate.approver == "owner" else "the one who asked"
        return f"it is for {who} to say"
    if word.run and word.run != candidate.run:
        return f"it names another run than {code(candidate.run)}, which waits"
    if candidate.named and not word.run:
        return f"there was another candidate before, so it has to name the run: {code(candidate.run)}"
    return ""


def _tell_refused(tracker: Tracker, candidate: Candidate, refused: Sequence[str]) -> None:
    """Say on a candidate's ticket which words were not taken, the newest few."""
    what = f"{code(candidate.dashboard)} of run {code(candidate.run)} waits on. Not taken:"
    try:
        tracker.comment(
            candidate.ticket, NOT_TAKEN, f"### Not taken\n\n{what}\n\n" + "\n".join(refused[:MOST_REFUSED])
        )
    except PlatformError as error:
        get_run_logger().warning("%s was not told: %s", candidate.ticket, error)


def _find_accepted(approvals: Sequence[Approval], dashboard: str) -> Approval | None:
    steps_promoted = [
        each for each in approvals if each.dashboard == dashboard and each.step is Step.promoted
    ]
    return steps_promoted[-1] if steps_promoted else None


def _add_relations(
    catalogue: Catalogue, build: BuildReport, left: BuildReport, candidate: Candidate
) -> Candidate:
    """A candidate with where the build has what its marts alone are made of."""
    needed = {node for mart in candidate.marts for node in catalogue.find_lineage(mart)}
    relations = {
        node: build.relations[node] for node in needed & build.relations.keys() - left.relations.keys()
    }
    return candidate.model_copy(update={"relations": relations})


def _leave_out(catalogue: Catalogue, build: BuildReport, held: set[str]) -> BuildReport:
    """The build without some marts, and without what only these are made of."""
    kept = {mart: relation for mart, relation in build.marts.items() if mart not in held}
    needed = {node for mart in kept for node in catalogue.find_lineage(mart)}
    return build.model_copy(
        update={
            "marts": kept,
            "rows": {mart: rows for mart, rows in build.rows.items() if mart not in held},
            "relations": {node: place for node, place in build.relations.items() if node in needed},
            "states": tuple(each for each in build.states if each.unique_id in needed),
        }
    )
