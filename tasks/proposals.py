"""Proposals to tickets that lack fields: read from their words, recorded, drawn, and honoured once accepted."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import TypeVar

from prefect import get_run_logger, task

from blocks.catalogue import Catalogue, Dataset
from blocks.errors import PlatformError
from blocks.records import (
    BuildReport,
    Dashboard,
    Incomplete,
    Plan,
    Record,
    Release,
    Requirement,
    State,
    Ticket,
)
from blocks.scratch_folder import open_scratch
from blocks.site.base import Card, DataChoice
from blocks.tracker.base import Tracker
from blocks.warehouse.base import Session, Warehouse
from blocks.warehouse.control import read_last_detail
from blocks.warehouse.dimension_values import read_dimension_values
from blocks.warehouse.proposals import read_proposals, write_proposal
from blocks.warehouse.reads import count_rows, export_rows, read_query_range
from tasks.assignment import estimate_efforts
from tasks.elaboration.acceptance import compute_comment_fingerprint, list_commands
from tasks.elaboration.accepted_change import Known, apply_accepted, name_record
from tasks.elaboration.elaborate import (
    Elaboration,
    Memory,
    elaborate_ticket,
    find_nearest,
    merge,
    replace_memory,
)
from tasks.elaboration.proposal_text import Surroundings, describe_missing, write_accepted
from tasks.elaboration.proposal_text import write_proposal as write_text
from tasks.elaboration.vocabulary import Vocabulary
from tasks.markdown import code, line, listed
from tasks.missing_metrics import ask_modeller, choose_for_task, describe_task, name_task
from tasks.planning import find_dashboards
from tasks.policy import RETRY
from tasks.publication import export_card
from tasks.requirements import check_ticket, shows_gaps

_log = logging.getLogger(__name__)
_Kept = TypeVar("_Kept", bound=Record)
PICTURE, MOST_ROWS = "proposal.png", 2_000_000
NOT_LOOKED = (
    "Readers see none of its data yet, so names in them (of a country, a product) were not looked for. "
    "A later run does, and proposes again if it finds one."
)


class ServedValues:
    """The values of dimensions in what readers see, read when they are first asked for."""

    def __init__(self, warehouse: Warehouse, catalogue: Catalogue) -> None:
        self._warehouse, self._catalogue = warehouse, catalogue
        self._found: dict[str, tuple[str, ...]] | None = None
        self._release: Release | None = None

    @property
    def release(self) -> Release | None:
        """What readers see now."""
        self.read()
        return self._release

    def read(self) -> dict[str, tuple[str, ...]]:
        """Dimension → values; empty where nothing is served, or it can't be asked."""
        if self._found is None:
            try:
                self._release = self._warehouse.read_served()
                self._found = read_dimension_values(self._warehouse, self._catalogue, self._release)
            except PlatformError:  # what it is for can do without
                self._found = {}
        return self._found

    def __call__(self, dimension: str) -> Sequence[str] | None:
        """A dimension's values; None where they are not known, or not of all the data that have it."""
        found = self.read().get(dimension)
        return found if found and self._covers(dimension) else None

    def _covers(self, dimension: str) -> bool:
        """True if readers see every mart that has a dimension: else a value may be on another."""
        served = self._release.marts if self._release else {}
        metrics = {self._catalogue.source_of(name): name for name in self._catalogue.metric_names()}
        return all(
            set(self._catalogue.marts_of((metric,), (dimension,))) <= set(served)
            for source, metric in metrics.items()
            if dimension in self._catalogue.dimensions_of(source)
        )


@dataclass
class Elaborated:
    """All tickets of a run, those that lacked fields with what their words come to.

    changes: what is recorded of changes that were asked for in comments, by ticket.
    """

    tickets: list[Ticket]
    found: dict[str, Elaboration] = field(default_factory=dict)
    changes: dict[str, Known] = field(default_factory=dict)

    def annotate(self, plan: Plan) -> Plan:
        """The plan with each proposal on its incomplete ticket, and with what was accepted among the notes."""
        requirements = tuple(self._add_note(each) for each in plan.requirements)
        incomplete = tuple(self._add_proposal(each) for each in plan.incomplete)
        return plan.model_copy(update={"requirements": requirements, "incomplete": incomplete})

    def _add_note(self, requirement: Requirement) -> Requirement:
        known = self.found.get(requirement.key)
        if not known or not known.accepted:
            return requirement
        return requirement.model_copy(update={"notes": (write_accepted(known.accepted), *requirement.notes)})

    def _add_proposal(self, incomplete: Incomplete) -> Incomplete:
        known = self.found.get(incomplete.key)
        if not known or known.proposal is None or known.memory is None:
            return incomplete
        missing = (*map(describe_missing, known.proposal.missing), *known.memory.around.missing)
        tasks = (known.task,) if known.task else ()
        around = known.memory.around.model_copy(
            update={"answers": known.remarks, "missing": (*missing, *tasks)}
        )
        requester = known.ticket.fields.get("requester")
        text = write_text(known.proposal, line(requester, 60) if isinstance(requester, str) else "", around)
        fields = {name: value for name, value in known.proposal.fields.items() if value}
        lines = _fill_lines(incomplete.lines, fields)
        gaps = tuple(each for each in incomplete.gaps if not _is_answered(each, fields))
        due = known.proposal.find("deadline")
        deadline = incomplete.deadline or (date.fromisoformat(due.value) if due and due.read else None)
        return incomplete.model_copy(
            update={"proposal": text, "lines": lines, "gaps": gaps, "deadline": deadline}
        )


def _is_answered(gap: str, fields: Mapping[str, str]) -> bool:
    """True for a gap that says only that a field is missing, or what it can be, where one is proposed."""
    field, _, rest = gap.removeprefix("**").partition("**")
    return field.replace(" ", "_") in fields and rest.startswith((" is missing", " can be:", " are missing"))


def _fill_lines(lines: Sequence[str], fields: dict[str, str]) -> tuple[str, ...]:
    """The lines to paste with what is proposed in them."""
    filled = [
        f"{name}: {fields[name]}" if (name := each.partition(":")[0]) in fields else each for each in lines
    ]
    names = {each.partition(":")[0] for each in lines}
    return (*filled, *(f"{name}: {value}" for name, value in fields.items() if name not in names))


def elaborate_tickets(
    tickets: Sequence[Ticket], catalogue: Catalogue, warehouse: Warehouse, values: ServedValues, today: date
) -> Elaborated:
    """Read the words of tickets that lack fields. Nothing is written; see `record_proposals`."""
    check = partial(check_ticket, catalogue=catalogue, find_values=values)
    lacking = [
        each for each in tickets if "unreadable" not in each.fields and isinstance(check(each), Incomplete)
    ]
    changes = _read_records(warehouse, {name_record(each.key): each.key for each in tickets}, Known)
    found: dict[str, Elaboration] = {}
    if lacking:
        remembered = _read_records(warehouse, {each.key: each.key for each in lacking}, Memory)
        vocabulary = make_vocabulary(catalogue, values)
        found = {
            each.key: elaborate_ticket(each, vocabulary, check, remembered.get(each.key), today)
            for each in lacking
        }
    done = [found[each.key].ticket if each.key in found else each for each in tickets]
    changed = [apply_accepted(*each, changes.get(each[0].key)) for each in zip(tickets, done, strict=True)]
    return Elaborated(changed, found, changes)


def make_vocabulary(catalogue: Catalogue, values: ServedValues) -> Vocabulary:
    """What people's words are compared with."""
    columns = (each.name for each in catalogue.list_columns() if each.is_mart)
    return Vocabulary(catalogue, values.read(), columns)


def _read_records(warehouse: Warehouse, names: Mapping[str, str], kind: type[_Kept]) -> dict[str, _Kept]:
    """Ticket → what was recorded of it; what can't be read, as of another version, is made again. names: → ticket."""
    found = {}
    for name, detail in read_proposals(warehouse, list(names)).items():
        try:
            found[names[name]] = kind.model_validate_json(detail)
        except ValueError:
            _log.warning(
                "%s: what was proposed to it was recorded by another version, and is again", names[name]
            )
    return found


def record_proposals(
    elaborated: Elaborated, tracker: Tracker, catalogue: Catalogue, warehouse: Warehouse, values: ServedValues
) -> None:
    """Record new proposals and acceptances, each with what it is shown with. One ticket's trouble is its own."""
    for key, each in list(elaborated.found.items()):
        try:
            each = elaborated.found[key] = _ask_modeller(key, each, tracker, catalogue, warehouse, values)
            if not (each.fresh or each.accepted_now or each.asked_now) or each.memory is None:
                continue
            if each.fresh and each.proposal:
                around = look_around(key, each, catalogue, warehouse, values)
                each = elaborated.found[key] = replace_memory(each, around)
                if around.picture:
                    draw_proposal(tracker, key, each, catalogue, warehouse, values)
            record_proposal(warehouse, tracker, key, each)
        except PlatformError as error:
            get_run_logger().error("%s: %s", key, error)


def _ask_modeller(
    key: str,
    elaboration: Elaboration,
    tracker: Tracker,
    catalogue: Catalogue,
    warehouse: Warehouse,
    values: ServedValues,
) -> Elaboration:
    """The elaboration with the modellers' task for what is missing, opened if it is not there, and its state."""
    memory, proposal = elaboration.memory, elaboration.proposal
    if memory is None or proposal is None:
        return elaboration
    missing = choose_for_task(proposal.missing, catalogue)
    if not missing:
        return elaboration
    about, task_key = name_task(missing), memory.task
    asked_now = memory.about != about
    if asked_now:
        task_key = ask_modeller(tracker, key, missing, catalogue, warehouse, values.release)
    memory = memory.model_copy(update={"task": task_key, "about": about})
    return replace(elaboration, memory=memory, asked_now=asked_now, task=describe_task(tracker, task_key))


def record_shown(elaborated: Elaborated, plan: Plan, warehouse: Warehouse) -> None:
    """Record of new proposals that a comment of an earlier run, of the same words, shows them already."""
    for incomplete in plan.incomplete:
        known = elaborated.found.get(incomplete.key)
        if known and known.fresh and known.memory and shows_gaps(incomplete):
            memory = known.memory.model_copy(update={"before": None})
            write_proposal(warehouse, incomplete.key, memory.model_dump_json())


@task(task_run_name="record proposal {key}", **RETRY)
def record_proposal(warehouse: Warehouse, tracker: Tracker, key: str, elaboration: Elaboration) -> None:
    """Record a proposal before it is written on its ticket, so that no older answer counts for it."""
    memory = elaboration.memory
    if memory is None:
        return
    stale = elaboration.ticket.accepted is not None  # as nothing was proposed when the status was set
    if elaboration.fresh and stale:
        tracker.move(key, "incomplete")
    if elaboration.fresh and (memory.version > 1 or stale) and elaboration.proposal:
        (now,) = tracker.read_tickets([key])  # an answer to the one before may have come meanwhile
        seen = map(compute_comment_fingerprint, list_commands(now.answers, elaboration.proposal))
        memory = memory.model_copy(update={"seen": tuple(seen)})
    write_proposal(warehouse, key, memory.model_dump_json())


def look_around(
    key: str, elaboration: Elaboration, catalogue: Catalogue, warehouse: Warehouse, values: ServedValues
) -> Surroundings:
    """Dashboards that are like a proposal, and what to expect of it: freshness, what is built, how long it takes."""
    wanted = _make_requirement(elaboration, catalogue, values)
    if wanted is None:
        return Surroundings()
    marts = find_dashboards(wanted, catalogue)[0].marts
    served = values.release.marts if values.release else {}
    unbuilt = [mart for mart in marts if mart not in served]
    is_served = values.release is not None and not unbuilt
    expect: list[str] = []
    missing: list[str] = []
    if is_served:
        expect.append(f"Nothing new is built: readers see {listed(marts)} already.")
        fresh, missing = _describe_freshness(wanted, catalogue, warehouse)
        expect += fresh
    else:
        expect += [
            f"{listed(unbuilt)} has to be built first.",
            NOT_LOOKED,
        ]
    expect += _describe_duration(warehouse, marts)
    return Surroundings(
        nearest=tuple(find_nearest(wanted, catalogue.exposures)),
        expect=tuple(expect),
        picture=PICTURE if is_served else "",
        missing=tuple(missing),
    )


def _make_requirement(
    elaboration: Elaboration, catalogue: Catalogue, values: ServedValues
) -> Requirement | None:
    """The request that the proposal would be, if it is complete."""
    proposal = elaboration.proposal
    checked = (
        check_ticket(merge(elaboration.ticket, proposal.fields), catalogue, values) if proposal else None
    )
    return checked if isinstance(checked, Requirement) else None


def _describe_freshness(
    wanted: Requirement, catalogue: Catalogue, warehouse: Warehouse
) -> tuple[list[str], list[str]]:
    """From when to when the data reach, and whether the period that is asked for has any."""
    bounds = []
    with warehouse.open_readers() as session:
        for dataset in catalogue.datasets(wanted.metrics, wanted.dimensions):
            if dataset.time:
                serving = {mart: warehouse.quote(warehouse.serving, mart) for mart in dataset.marts}
                query = dataset.sql(serving[dataset.mart], serving)
                if found := read_query_range(warehouse, session, query, dataset.time):
                    bounds.append((found[0][:10], found[1][:10]))
    if not bounds:
        return [], []
    first, last = min(low for low, _ in bounds), min(high for _, high in bounds)
    span = wanted.wishes.period
    outside = span and ((span.first and str(span.first) > last) or (span.last and str(span.last) < first))
    missing = (
        [f"There are no data for {code(str(span))}: they reach from {first} to {last}."] if outside else []
    )
    return [f"The data reach to {last} now, and are as fresh as each run."], missing


def read_efforts(warehouse: Warehouse, plan: Plan) -> dict[str, float]:
    """Ticket → the seconds that its marts took in the last build; nothing where there is no order to explain."""
    report = _read_last_build(warehouse) if len(plan.requirements) > 1 else None
    return estimate_efforts(plan, report.seconds, list(report.marts)) if report else {}


def _read_last_build(warehouse: Warehouse) -> BuildReport | None:
    detail = read_last_detail(warehouse, State.building)
    return BuildReport.model_validate_json(detail) if detail else None


def _describe_duration(warehouse: Warehouse, marts: Sequence[str]) -> list[str]:
    """How long the last build of these marts took."""
    report = _read_last_build(warehouse)
    if report is None or not set(marts) & set(report.marts):
        return []
    return [f"The last build, of {len(report.marts)} marts, took {report.seconds:.0f} s."]


@task(task_run_name="draw proposal {key}", **RETRY)
def draw_proposal(
    tracker: Tracker,
    key: str,
    elaboration: Elaboration,
    catalogue: Catalogue,
    warehouse: Warehouse,
    values: ServedValues,
) -> None:
    """Attach a picture of what is proposed, drawn of what readers see now; none where that is too much for one."""
    wanted = _make_requirement(elaboration, catalogue, values)
    if wanted is None or values.release is None:
        return
    with open_scratch("proposal-") as folder:
        card = _make_mock_card(wanted, catalogue, warehouse, values.release, folder)
        if card is None:
            return
        from blocks.site.html.mock import draw_mock

        path = folder / PICTURE
        path.write_bytes(draw_mock(card))
        tracker.attach(key, path)


def _make_mock_card(
    wanted: Requirement, catalogue: Catalogue, warehouse: Warehouse, release: Release, folder: Path
) -> Card | None:
    """A card of what is proposed, with its rows out of serving; None where they are too many for a sketch."""
    (dashboard, *_) = find_dashboards(wanted, catalogue)
    titled: Dashboard = dashboard.model_copy(update={"title": f"Proposed for {wanted.key}, not published"})
    marts = {each.mart for each in catalogue.datasets(dashboard.metrics, dashboard.dimensions)}
    with warehouse.session() as session:
        if any(count_rows(warehouse, session, f"{warehouse.serving}.{mart}") > MOST_ROWS for mart in marts):
            return None
        return export_card(warehouse, catalogue, titled, release.run, folder, _export_all)


def _export_all(session: Session, _: Dataset, query: str, path: Path) -> tuple[int, DataChoice]:
    return export_rows(session, query, path), DataChoice()
