"""Candidates shown to those who accept them: a preview in a place of its own, and the question on the ticket."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from shutil import copyfile

from prefect import get_run_logger, task

from blocks.catalogue import Catalogue
from blocks.errors import NotFound, PlatformError
from blocks.records import Dashboard, GateReport, Publication, Release
from blocks.scratch_folder import open_scratch
from blocks.site.base import BiSite
from blocks.tracker.base import Tracker, compute_fingerprint
from blocks.warehouse.approvals import (
    EXPIRES,
    Candidate,
    Question,
    find_candidate,
    read_question,
)
from blocks.warehouse.approvals import write_question as record_question
from blocks.warehouse.base import Warehouse
from blocks.warehouse.standing import read_standing
from tasks.approval import TOPIC, Decision, list_superseded, list_waiting
from tasks.decision_text import write_decision
from tasks.elaboration.acceptance import compute_comment_fingerprint
from tasks.evidence import write_diff
from tasks.markdown import code, count_of, link
from tasks.policy import RETRY
from tasks.publication import find_ticket_page, make_card
from tasks.shown_checks import find_build_times, find_gate, read_gates


def preview_candidates(
    site: BiSite,
    warehouse: Warehouse,
    catalogue: Catalogue,
    tracker: Tracker,
    dashboards: Sequence[Dashboard],
    gate: GateReport | None = None,
) -> list[tuple[Candidate, Publication]]:
    """Publish each candidate of these dashboards that waits, as it would be, where only candidates are.

    Nothing that readers look at changes. What can't be shown is asked about all the same.
    """
    waiting, found = list_waiting(warehouse, dashboards), []
    served = warehouse.read_served() if waiting else None
    with open_scratch("candidates-") as folder:
        for each in dashboards:
            if (step := waiting.get(each.name)) and (candidate := find_candidate(warehouse, step)):
                shown = {**(served.marts if served else {}), **candidate.marts}
                release = Release(run=candidate.run, marts=shown)
                try:
                    publication = _preview(
                        site, warehouse, catalogue, tracker, each, candidate, release, folder
                    )
                except PlatformError as error:
                    publication = Publication(
                        dashboard=each.name,
                        ticket=each.ticket,
                        run=candidate.run,
                        url="",
                        rows=0,
                        error=str(error),
                    )
                found.append((candidate, publication))
    remove_previews(site, list_superseded(warehouse, waiting.values()))
    return found


def _preview(
    site: BiSite,
    warehouse: Warehouse,
    catalogue: Catalogue,
    tracker: Tracker,
    dashboard: Dashboard,
    candidate: Candidate,
    release: Release,
    folder: Path,
) -> Publication:
    journal = read_gates(warehouse, release)
    card = make_card(
        site,
        warehouse,
        catalogue,
        dashboard,
        release,
        find_gate(catalogue, journal, release, dashboard.marts),
        folder,
        find_ticket_page(tracker, dashboard.ticket),
        (),
        None,
        find_build_times(journal, release),
        candidate.marts,
    )
    return site.publish_candidate(card)


PICTURE, LIVE_PICTURE = "candidate.png", "dashboard.png"
"""What a candidate's picture on its ticket is called, and every site's of what went out."""


@task(task_run_name="ask on {candidate.ticket}", **RETRY)
def ask_for_approval(
    tracker: Tracker,
    warehouse: Warehouse,
    candidate: Candidate,
    publication: Publication,
    gate: GateReport | None,
) -> None:
    """Ask on the ticket, in one comment that is kept up to date; safe to repeat.

    What was said there before is recorded first: no clock tells a word on this candidate from an older one.
    """
    if not candidate.ticket:
        get_run_logger().warning("%s waits for acceptance, and has no ticket to ask on", candidate.dashboard)
        return
    try:
        is_shown = candidate.dashboard in read_standing(warehouse)
        text = write_question(candidate, publication, gate, is_shown)
        tracker.move(
            candidate.ticket, "in_progress"
        )  # first: the status may still be that of an older acceptance
        _record(tracker, warehouse, candidate, compute_fingerprint(text))
        tracker.comment(candidate.ticket, TOPIC, text)
        if publication.image:
            with open_scratch("candidate-") as folder:  # beside the picture of what readers see
                tracker.attach(candidate.ticket, Path(copyfile(publication.image, folder / PICTURE)))
    except NotFound:  # an exposure may name any ticket, of another tracker or gone
        get_run_logger().warning("%s is no ticket of this tracker; nobody is asked", candidate.ticket)


def _record(tracker: Tracker, warehouse: Warehouse, candidate: Candidate, text: str) -> None:
    """Record what was said before, unless the question is on the ticket already. text: its new fingerprint."""
    (ticket,) = tracker.read_tickets([candidate.ticket])
    shown, known = ticket.comment_fingerprints.get(TOPIC, ""), read_question(warehouse, candidate)
    if known and shown in known.texts:
        new = known.model_copy(update={"texts": tuple(dict.fromkeys((shown, text)))})
    else:
        seen = tuple(map(compute_comment_fingerprint, ticket.answers))
        new = Question(fingerprint=candidate.fingerprint, seen=seen, texts=(text,))
    if new != known:
        record_question(warehouse, candidate, new)


def write_question(
    candidate: Candidate, publication: Publication, gate: GateReport | None, is_shown: bool = False
) -> str:
    """The comment that asks for a word. is_shown: readers see the dashboard in an earlier definition."""
    who = f"the owner, {code(candidate.owner)}," if candidate.approver == "owner" else "the one who asked"
    before = f", {code(LIVE_PICTURE)} beside it that of what readers see" if is_shown else ""
    seen = (
        f"{link('The candidate', publication.url)} shows it, with {count_of(publication.rows, 'row')}."
        + (f" {code(PICTURE)} is its picture{before}." if publication.image else "")
        if not publication.error
        else f"It could not be shown: {code(publication.error, 300)}"
    )
    word = f"`accept {candidate.run}`"
    word += ", as there was another candidate before" if candidate.named else ", or just `accept`"
    marts = ", ".join(map(code, candidate.marts))
    parts = (
        f"### Waiting for acceptance\n\n{code(candidate.dashboard)} is new, or is defined otherwise than before. "
        "Readers see what they saw until it is accepted; everything else goes on being refreshed.",
        seen,
        f"New or made otherwise: {marts}." if marts else "Its data are made as before; what it shows is not.",
        write_diff([each for each in gate.diffs if each.mart in candidate.marts]) if gate else "",
        f"**It is for {who} to say:** comment {word}; "
        "`changes` sends it back. Only what is said after this question counts. "
        f"Without a word it expires after {EXPIRES.days} days.",
    )
    return "\n\n".join(part for part in parts if part)


def remove_previews(site: BiSite, places: Sequence[tuple[str, str]]) -> None:
    """Remove the previews of candidates that wait no more. places: dashboard and run. What stays is logged."""
    with site.session() if places else nullcontext():
        for dashboard, run in places:
            try:
                site.remove_candidate(dashboard, run)
            except PlatformError as error:
                get_run_logger().warning("the preview of %s of run %s stays: %s", dashboard, run, error)


@task(name="tell decisions", **RETRY)
def tell_decisions(tracker: Tracker, decisions: Sequence[Decision]) -> None:
    """Say on each ticket what became of its candidate, in place of the question."""
    for candidate, step, newer in decisions:
        try:
            if candidate.ticket:
                tracker.comment(candidate.ticket, TOPIC, write_decision(candidate, step, newer))
        except PlatformError as error:
            get_run_logger().warning("%s was not told: %s", candidate.ticket, error)
