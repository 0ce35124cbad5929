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
from blocks.records import GateReport, Publication, Record
from blocks.site.base import ARCHIVE, Card
from blocks.site.html.dictionary_page import find_guides
from blocks.site.html.page import build_index_program, render, render_part
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

    again: when a later run found that nothing of it has changed, and left it as it is.
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
    again: str = ""
    rows: int = 0
    tried: str = ""
    error: str | None = None
    held_since: str = ""
    held_reason: str = ""


Link = Callable[[Path], str | None]  # a file's address for readers
_COUNTED = re.compile(r'"Checks","\d+ of \d+ of (\w+) passed[^"]*"')  # as a page's JSON has it
_ENTRIES = TypeAdapter(dict[str, Entry])


def summarize_gate(gate: GateReport | None, anchor: str, link: Link) -> Gate | None:
    """The result of the gate that a dashboard's marts passed, with a link to their checks.

    anchor: the part of its address that leads to those of the dashboard's first mart.
    """
    if gate is None:
        return None
    docs, warnings = gate.data_docs, gate.warnings
    url = gate.docs_url or (link(docs) if docs and docs.exists() else None)
    return Gate(
        passed=gate.passed,
        checks=len(gate.checks),
        failed=len(gate.failures),
        url=url and url + anchor,
        warned=len(warnings),
        carried=len(gate.carried),
        warnings=tuple(
            Warned(
                scope=one_line(each.scope),
                name=one_line(each.told, 200),
                observed=one_line(each.observed, 200),
                evidence=tuple(one_line(value, 200) for value in each.evidence),
            )
            for each in warnings[:MOST_WARNINGS]
        ),
    )


def count_checks(gate: GateReport, mart: str) -> str:
    """How many of a mart's own checks passed, as it stands behind a figure's "i"."""
    mine = [each for each in gate.checks if each.scope == mart]
    passed = sum(each.status in {"passed", "warned"} for each in mine)
    warned = sum(each.status == "warned" for each in mine)
    more = f", {warned} with a warning" if warned else ""
    return f"{passed} of {len(mine)} of {mart} passed{more}"


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
    return _fill(page, "held", notice)


def confirm_entry(entry: Entry, report: GateReport | None, link: Link) -> Entry:
    """An entry of a dashboard that was left as it is, with the gate that it passed again."""
    anchor = entry.gate.url.partition("#")[2] if entry.gate and entry.gate.url else ""
    gate = summarize_gate(report, f"#{anchor}" if anchor else "", link)
    return entry.model_copy(update={"gate": gate, "again": _write_now()})


def confirm_page(page: str, before: Entry, entry: Entry, report: GateReport | None) -> str:
    """The page of a dashboard that was left as it is: when it was checked again, how often, and where that is."""
    parts = {
        "again": f", <span>checked again</span> {escape(write_moment(entry.again))}",
        "gate": render_part("gate", entry.gate),
    }
    for name, text in parts.items():
        page = _fill(page, name, text)
    if report:
        page = _COUNTED.sub(lambda found: f'"Checks","{count_checks(report, found[1])}"', page)
    old, new = (_find_page(each) for each in (before, entry))
    return page.replace(f'"{old}#', f'"{new}#') if old and new else page


def _find_page(entry: Entry) -> str:
    """Of the checks; empty where there is none."""
    return entry.gate.url.partition("#")[0] if entry.gate and entry.gate.url else ""


def _fill(page: str, name: str, text: str) -> str:
    """A page with this between the two marks of a name."""
    marks = f"<!--{name}-->", f"<!--/{name}-->"
    return re.sub(f"{marks[0]}.*?{marks[1]}", lambda _: text.join(marks), page, count=1, flags=re.DOTALL)


def mark_candidate(page: str) -> str:
    """A dashboard's page that says between its two marks that it is a candidate."""
    text = "It waits for acceptance on its ticket. Readers see another release."
    notice = f'<p class="held" role="note"><b>Candidate, not live. </b>{text}</p>'
    return _fill(page, "held", notice)


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
        gate=summarize_gate(card.gate, card.checks_anchor, link),
        comments=len(card.feedback),
        latest_comment=latest,
        **good,
    )


def render_index(folder: Path, entries: dict[str, Entry]) -> str:
    """The HTML over all entries, the newest first."""
    shown = [entry for name, entry in entries.items() if not (folder / ARCHIVE / name).is_dir()]
    listed = sorted(shown, key=lambda entry: entry.title.lower())
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
        "again_text": write_moment(entry.again),
        "held_text": write_moment(entry.held_since),
    }


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file for everybody to read, whole or not at all."""
    write_whole(path, content, mode=0o644)


def dump_entries(entries: dict[str, Entry]) -> str:
    """The entries as published.json holds them."""
    plain: dict[str, object] = {name: entry.model_dump() for name, entry in sorted(entries.items())}
    return json.dumps(plain, indent=1)
