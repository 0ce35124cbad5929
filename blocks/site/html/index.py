"""What was ever published in a site's folder, kept in published.json, and the page over all of it.

A dashboard that failed keeps the entry of its last good publication, with the error beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from pydantic import AliasChoices, Field, TypeAdapter, ValidationError

from blocks.errors import Misconfigured, replace_vendor_errors
from blocks.records import Publication, Record
from blocks.site.base import Card
from blocks.site.html.dictionary_page import find_guides
from blocks.site.html.page import build_index_program, render
from blocks.site.number_format import write_day
from blocks.site.text import check_link, check_slug, one_line
from blocks.whole_file import write_whole

STATE = "published.json"
MOST_WARNINGS = 10


class Warned(Record):
    """A check that let a release through with a warning, clipped."""

    scope: str
    name: str
    observed: str = ""
    evidence: tuple[str, ...] = ()


class Gate(Record):
    """A gate's result as pages show it. warnings: the first of those that are counted in `warned`.

    carried: how many of its checks an earlier run answered, of what has not changed since.
    """

    passed: bool
    checks: int
    failed: int
    url: str | None = None
    warned: int = 0
    warnings: tuple[Warned, ...] = ()
    carried: int = 0


class Entry(Record):
    """One dashboard. run, published: of its last good publication; tried, error: of a failed one since.

    held_since, held_reason: when newer data was first held back since then, and why it was last.
    comments: people's on its ticket that this publication takes up; latest_comment: the newest.
    """

    name: str
    title: str
    analysis: str
    description: str = ""
    ticket: str | None = None
    ticket_url: str | None = None
    as_of: str | None = None
    comments: int = 0
    # read under its former name, too: an index of an earlier release is carried on
    latest_comment: str = Field("", validation_alias=AliasChoices("latest_comment", "said"))
    gate: Gate | None = None
    run: str = ""
    published: str = ""
    rows: int = 0
    tried: str = ""
    error: str | None = None
    held_since: str = ""
    held_reason: str = ""


Link = Callable[[Path], str | None]  # a file's address for readers
_ENTRIES = TypeAdapter(dict[str, Entry])


def summarize_gate(card: Card, link: Link) -> Gate | None:
    """The result of the gate that the dashboard's marts passed, with a link to their checks."""
    if card.gate is None:
        return None
    docs, warnings = card.gate.data_docs, card.gate.warnings
    url = card.gate.docs_url or (link(docs) if docs and docs.exists() else None)
    return Gate(
        passed=card.gate.passed,
        checks=len(card.gate.checks),
        failed=len(card.gate.failures),
        url=url and url + card.checks_anchor,
        warned=len(warnings),
        carried=len(card.gate.carried),
        warnings=tuple(
            Warned(
                scope=one_line(each.scope),
                name=one_line(each.name, 200),
                observed=one_line(each.observed, 200),
                evidence=tuple(one_line(value, 200) for value in each.evidence),
            )
            for each in warnings[:MOST_WARNINGS]
        ),
    )


def read_entries(folder: Path) -> dict[str, Entry]:
    """Every entry by name; none if nothing was published yet."""
    state = folder / STATE
    if not state.exists():
        return {}
    refusal = Misconfigured(
        f"Read {state}",
        "it is not the list of published dashboards",
        "Put a good copy back, or delete it: dashboards are listed again when they are next published.",
    )
    with replace_vendor_errors(ValidationError, lambda _: refusal):
        entries = _ENTRIES.validate_json(state.read_bytes())
    return {check_slug(name): entry for name, entry in entries.items()}


def update_entries(
    entries: dict[str, Entry], cards: Sequence[Card], publications: Sequence[Publication], link: Link
) -> dict[str, Entry]:
    """The entries after a run."""
    results = {publication.dashboard: publication for publication in publications}
    found = dict(entries)
    for card in cards:
        result = results.get(card.dashboard.name)
        if result and result.error is None:
            found[card.dashboard.name] = _make_entry(card, result, link)
        elif result:
            kept = found.get(card.dashboard.name) or _make_entry(card, None, link)
            fault = {"tried": card.run, "error": one_line(result.error or "", 300)}
            found[card.dashboard.name] = kept.model_copy(update=fault)
    return found


def hold_entries(entries: dict[str, Entry], dashboards: Sequence[str], reason: str) -> dict[str, Entry]:
    """The entries, these marked as held back; since when stays until they are published."""
    marked = {
        name: entries[name].model_copy(
            update={
                "held_since": entries[name].held_since or _write_now(),
                "held_reason": one_line(reason, 300),
            }
        )
        for name in dashboards
        if name in entries and entries[name].run
    }
    return {**entries, **marked}


def mark_page(page: str, entry: Entry) -> str:
    """A dashboard's page that says between its two marks that newer data is held back."""
    since = write_moment(entry.held_since)
    text = f"Newer data held back since {since}, because {entry.held_reason}"
    dated = f"You see the data of {write_day(entry.as_of)}. " if entry.as_of else ""
    notice = f'<p class="held" role="note" dir="auto"><b>{escape(dated)}</b>{escape(text)}</p>'
    return re.sub(r"<!--held-->.*?<!--/held-->", lambda _: f"<!--held-->{notice}<!--/held-->", page, count=1)


def mark_candidate(page: str) -> str:
    """A dashboard's page that says between its two marks that it is a candidate."""
    text = "It waits for acceptance on its ticket. Readers see another release."
    notice = f'<p class="held" role="note"><b>Candidate, not live. </b>{text}</p>'
    return re.sub(r"<!--held-->.*?<!--/held-->", lambda _: f"<!--held-->{notice}<!--/held-->", page, count=1)


def _write_now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


def write_moment(text: str) -> str:
    """3 Mar 2025, 08:30 UTC of 2025-03-03 08:30 UTC."""
    return f"{write_day(text)}, {text[11:]}" if text else ""


def _make_entry(card: Card, result: Publication | None, link: Link) -> Entry:
    dashboard = card.dashboard
    good = {"run": card.run, "published": _write_now(), "rows": result.rows} if result else {}
    newest = max(card.feedback, key=lambda comment: comment.created, default=None)
    latest = one_line(f"{newest.author}, {newest.created:%Y-%m-%d}: {newest.body}", 280) if newest else ""
    return Entry(
        name=dashboard.name,
        title=one_line(dashboard.title),
        analysis=dashboard.analysis.value,
        description=one_line(dashboard.description, 280),
        ticket=one_line(dashboard.ticket or "", 40) or None,
        ticket_url=check_link(card.ticket_url),
        as_of=card.as_of,
        gate=summarize_gate(card, link),
        comments=len(card.feedback),
        latest_comment=latest,
        **good,
    )


def render_index(folder: Path, entries: dict[str, Entry]) -> str:
    """The HTML over all entries, the newest first."""
    listed = sorted(entries.values(), key=lambda entry: entry.title.lower())
    listed.sort(key=lambda entry: (bool(entry.error), entry.published), reverse=True)
    good = [entry for entry in listed if entry.run]
    return render(
        "index.html.j2",
        scripts=(build_index_program(),),
        program=build_index_program(),
        heading="Dashboards",
        **find_guides(folder)._asdict(),
        broken=sum(1 for entry in listed if entry.error),
        newest=_describe(max(good, key=lambda entry: entry.published)) if good else None,
        entries=[
            {
                **_describe(entry),
                "has_page": (folder / entry.name / "index.html").exists(),
                "has_picture": (folder / entry.name / "dashboard.png").exists(),
            }
            for entry in listed
        ],
    )


def _describe(entry: Entry) -> dict[str, object]:
    """An entry with its times as readers write them."""
    return {
        **entry.model_dump(),
        "as_of_text": write_day(entry.as_of),
        "published_text": write_moment(entry.published),
        "held_text": write_moment(entry.held_since),
    }


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file for everybody to read, whole or not at all."""
    write_whole(path, content, mode=0o644)


def dump_entries(entries: dict[str, Entry]) -> str:
    """The entries as published.json holds them."""
    plain: dict[str, object] = {name: entry.model_dump() for name, entry in sorted(entries.items())}
    return json.dumps(plain, indent=1)
