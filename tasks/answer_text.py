"""The text of an answer on a ticket, in Markdown: how the run ended and what to do. It sends nothing.

The evidence below it (checks, diff, loads) is in evidence.py.
"""

from __future__ import annotations

from blocks.quality.history.findings import KIND
from blocks.records import Outcome, Publication, Release, Requirement
from tasks.evidence import write_evidence
from tasks.markdown import bullets, code, count_of, line, link, table

MOST_REASONS = 5
AFTER_SUCCESS = (
    "**What to do next:** open the dashboard. If something is to be different, say so in a comment, as `by month` "
    "or `weekly is enough`: the next run proposes the change. Anything else goes to the assignee."
)
AFTER_FAILURE = (
    "**What to do next:** nothing has to change on this ticket. Once what is named above is corrected, the "
    "next run tries again by itself, as the ticket stays open."
)
SAY_EXPECTED = (
    " If what is unusual is right as it is, comment `expected` here, or `expected until 2026-12-31` for days to come:"
    " the next run lets it through."
)


def _is_held_by_history(outcome: Outcome) -> bool:
    failures = outcome.gate.failures if outcome.gate else ()
    return any(check.kind == KIND for check in failures)


def list_delivered(outcome: Outcome, key: str) -> list[Publication]:
    """The ticket's dashboards that went out."""
    return [each for each in outcome.publications if each.ticket == key and each.error is None]


def is_delivered(outcome: Outcome, key: str) -> bool:
    """True if every dashboard of the ticket went out, and there was one."""
    failed = any(each.error for each in outcome.publications if each.ticket == key)
    return outcome.published and not failed and bool(list_delivered(outcome, key))


def answer_text(outcome: Outcome, requirement: Requirement) -> str:
    """How the run ended for one ticket: what was built or why not, the evidence, and what to do next."""
    notes = bullets(requirement.notes)
    if is_delivered(outcome, requirement.key):
        parts = (
            _describe_delivery(outcome, requirement.key),
            notes,
            write_evidence(outcome, requirement),
            AFTER_SUCCESS,
        )
    else:
        after = AFTER_FAILURE + (SAY_EXPECTED if _is_held_by_history(outcome) else "")
        parts = (
            _describe_refusal(outcome, requirement.key),
            notes,
            write_evidence(outcome, requirement),
            after,
        )
    return "\n\n".join(part for part in parts if part)


def describe_rollback(release: Release, publication: Publication) -> str:
    """What a ticket hears when readers went back to an earlier release."""
    if publication.error:
        refreshed = f"The dashboard could not be refreshed: {code(publication.error, 500)}"
    else:
        refreshed = (
            f"{link('The dashboard', publication.url)} shows it, with {count_of(publication.rows, 'row')}."
        )
    return f"### Back to an earlier release\n\nReaders see {_name_release(release)} again. {refreshed}"


def _describe_delivery(outcome: Outcome, key: str) -> str:
    out = list_delivered(outcome, key)
    shown = _name_release(outcome.release) if outcome.release else f"run {code(outcome.run)}"
    columns: dict[str, list[object]] = {
        "dashboard": [link(f"Open {each.dashboard}", each.url) for each in out],
        "rows": [each.rows for each in out],
        "read back from the site": [each.canary for each in out],
        "opened since the last time": [each.views for each in out],
    }
    known = {head: cells for head, cells in columns.items() if any(cell is not None for cell in cells)}
    built = table(list(known), zip(*known.values(), strict=True))
    notes = bullets(line(note, 400) for each in out for note in (*each.data_notes, *each.notes))
    asked = bullets(code(note, 400) for each in out for note in each.asked)
    dictionary = next((each.dictionary for each in out if each.dictionary), None)
    docs = next((each.dbt_docs for each in out if each.dbt_docs), None)
    sentences = [
        f"{link('The data dictionary', dictionary)} says what each column is and is made of."
        if dictionary
        else "",
        f"{link('dbt docs', docs)} has every model's SQL." if docs else "",
    ]
    explained = " ".join(sentence for sentence in sentences if sentence)
    parts = (f"### Your dashboard is ready\n\nIt shows {shown}.", built, notes, asked, explained)
    return "\n\n".join(part for part in parts if part)


def _describe_refusal(outcome: Outcome, key: str) -> str:
    reasons = list(outcome.errors)
    if outcome.published:
        message = f"The data of run {code(outcome.run)} is published, but this ticket's dashboard is not."
        reasons = [
            each.error for each in outcome.publications if each.ticket == key and each.error
        ] or reasons
    else:
        seen = _name_release(outcome.release) if outcome.release else "what they saw before, if anything"
        message = f"Nothing of run {code(outcome.run)} was published. Readers still see {seen}."
    why = bullets(code(reason, 500) for reason in reasons[:MOST_REASONS])
    return f"### Not delivered this time\n\n{message}" + (f"\n\nWhy:\n\n{why}" if why else "")


def _name_release(release: Release) -> str:
    when = f", published on {release.published_at:%Y-%m-%d at %H:%M} UTC" if release.published_at else ""
    return f"the release of run {code(release.run)}{when}"
