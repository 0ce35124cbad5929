"""Frozen values that cross stages. No behaviour beyond reading them, no vendor types.

Identifiers in them (sources, metrics, dimensions, marts) are dbt's own names, taken from the
manifest; text that people wrote on a ticket is only ever in `Ticket`, `Requirement.title` and `Comment.body`.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from difflib import get_close_matches
from enum import IntEnum, StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from blocks.wishes import Wishes

GRAINS = ("day", "week", "month", "quarter", "year")
"""Grains of time that a dashboard can show, the finest first."""


DBT_TEST = "dbt test"
"""The kind of check that a test of dbt is."""


class Record(BaseModel):
    """Base of all records: immutable, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Analysis(StrEnum):
    """What the requester wants to see."""

    kpi = "kpi"
    trend = "trend"
    comparison = "comparison"
    composition = "composition"
    detail = "detail"


class Priority(IntEnum):
    """Jira's five default priorities, the most urgent first."""

    highest = 1
    high = 2
    medium = 3
    low = 4
    lowest = 5


class Comment(Record):
    """A person's comment on a ticket. created is in UTC; account: what the tracker knows the author by."""

    author: str
    created: datetime
    body: str
    account: str = ""


class Ticket(Record):
    """A request as the tracker holds it: untrusted text. fields: requirement fields by plain name.

    comments: people's, not ours. restricted: fewer people may read the ticket than a dashboard. answered: when we
    last commented how a run ended; both in UTC.
    comment_fingerprints: the fingerprint of each of our comments, by topic. requester_account: what the tracker knows
    the one by who asked, whatever the ticket's text says. changed: a change that a comment asked for was accepted.
    accepted: of a ticket with the status `accepted`, who moved it there and when, as a comment that says so.
    """

    key: str
    title: str
    status: str
    fields: dict[str, object]
    comments: tuple[Comment, ...] = ()
    restricted: bool = False
    updated: datetime | None = None
    created: datetime | None = None
    answered: datetime | None = None
    comment_fingerprints: dict[str, str] = {}
    requester_account: str = ""
    changed: bool = False
    accepted: Comment | None = None

    @property
    def answers(self) -> tuple[Comment, ...]:
        """What people said, and the status that accepts as if its mover had said `accept`."""
        return (*self.comments, self.accepted) if self.accepted else self.comments


class Requirement(Record):
    """A checked ticket: every name in it exists in the catalogue. notes: what to say of it in the answer.

    created: when it was filed, where the tracker says so. assigned: why somebody was made its assignee.

    live: its dashboard is to read what is served itself, where a site can. wishes: how it opens, when and for whom.
    changed: it has changes that comments asked for.

    People's words are excluded from serialization: Prefect stores flow parameters.
    """

    key: str
    title: str = Field("", exclude=True)
    analysis: Analysis
    metrics: tuple[str, ...]
    dimensions: tuple[str, ...]
    sources: tuple[str, ...]
    deadline: date
    priority: Priority
    requester: str
    assignee: str | None = None
    status: str = "open"
    created: datetime | None = None
    assigned: str = ""
    notes: tuple[str, ...] = ()
    live: bool = False
    wishes: Wishes = Wishes()
    changed: bool = False
    feedback: tuple[Comment, ...] = Field((), exclude=True)


class Incomplete(Record):
    """A ticket that stays out of the run, and why, line by line (for the ticket, not for logs).

    lines: the request as far as it was understood, to paste and fill in. proposal: what its prose was read as, in
    Markdown. gap_fields: what the gaps are about. status: the ticket's; gaps_fingerprint: of our last comment on its
    gaps.
    """

    key: str
    gaps: tuple[str, ...] = Field((), exclude=True)
    lines: tuple[str, ...] = Field((), exclude=True)
    proposal: str = Field("", exclude=True)
    gap_fields: tuple[str, ...] = ()
    deadline: date | None = None
    status: str = "open"
    gaps_fingerprint: str | None = None


class Column(Record):
    """A declared column of a source table. data_type: dbt's; origin: its name in the source; meta: how it is read."""

    name: str
    data_type: str | None = None
    origin: str
    required: bool = False
    meta: dict[str, object] = {}


LOADERS = ("dlt", "fivetran", "stitch")
"""The kinds of loader that there are, as dbt's `loader:` names them."""
_ALMOST = 0.6


class SourceTable(Record):
    """A dbt source table and how it is loaded (`loader:` and `meta:` of the dbt source).

    event_time, loaded_at: columns, as dbt's `event_time` and `loaded_at_field` name them; "" where they don't. seed:
    the id of the seed that makes it in each release, if one does.
    """

    source: str
    name: str
    schema_name: str
    identifier: str
    loader: str
    meta: dict[str, object]
    columns: tuple[Column, ...] = ()
    event_time: str = ""
    loaded_at: str = ""
    seed: str = ""

    @property
    def full_name(self) -> str:
        """source.table, as a person says it."""
        return f"{self.source}.{self.name}"

    @property
    def is_loaded(self) -> bool:
        """True if a loader of ours brings it; not if a seed makes it, or another tool that the word names.

        A word that is nearly one of ours is taken for it, so that its load fails and says so.
        """
        return not self.seed and bool(get_close_matches(self.loader.lower(), LOADERS, 1, _ALMOST))


class Dashboard(Record):
    """A dbt exposure, or one derived from a requirement that no exposure names yet.

    live: it is to read serving itself, where a site can. wishes: how it opens, when and for whom; fingerprint: of all
    that its ticket asks for; "" where none does. changed: its ticket's changes count for more than what dbt declares.
    """

    name: str
    title: str = Field("", exclude=True)  # a derived one's is its ticket's
    analysis: Analysis
    metrics: tuple[str, ...]
    dimensions: tuple[str, ...]
    marts: tuple[str, ...]
    ticket: str | None = None
    description: str = ""
    declared: bool = True
    owner: str = ""
    live: bool = False
    wishes: Wishes = Wishes()
    fingerprint: str = ""
    changed: bool = False


class Plan(Record):
    """What one run will do. select: marts to build with their parents; sources: to load.

    faults: `dashboard: reason` for scheduled dashboards that can't be shown as dbt declares them. waiting: `dashboard:
    when` for those that this run neither refreshes nor answers, as it is not their time. known: dashboards of which
    control keeps when they were refreshed.
    """

    run: str
    requirements: tuple[Requirement, ...] = ()
    incomplete: tuple[Incomplete, ...] = ()
    dashboards: tuple[Dashboard, ...] = ()
    sources: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    known: tuple[str, ...] = ()

    @property
    def tickets(self) -> tuple[str, ...]:
        """Keys of the tickets it works for."""
        return tuple(requirement.key for requirement in self.requirements)


class LedgerEntry(Record):
    """One thing loaded once: a file (item: its path) or a cursor window (item: its upper bound).

    fingerprint tells a changed file; watermark is the highest cursor value seen, as text.
    rows counts loaded rows, without the quarantined ones; bytes is the size read.
    """

    source: str
    table: str
    item: str
    fingerprint: str
    rows: int
    quarantined: int = 0
    bytes: int = 0
    watermark: str | None = None
    run: str = ""


class LoadReport(Record):
    """What one source table brought. deleted: rows the source no longer has. notes: what else to know.

    error: why nothing of it was loaded. broken: its declared columns that this is about, if it is about some; retyped:
    they are there, but not of their type. impact: who depends on them; it names other tickets, so it is on none.
    """

    source: str
    table: str
    loader: str
    rows: int = 0
    bytes: int = 0
    seconds: float = 0.0
    items: int = 0
    watermark: str | None = None
    quarantined: int = 0
    deleted: int = 0
    schema_changes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    error: str | None = None
    broken: tuple[str, ...] = ()
    retyped: bool = False
    impact: str = ""


_CLAIM = re.compile(r"\b(is|are)\b (.*\bas usual)$")


class Check(Record):
    """One check. scope: the mart or source table; evidence: failing values, at most a few.

    name: stands for it, from run to run; statement: the same in a sentence for those who read the dashboard.
    passed: it lets the release through, which a warning does too (warned). not_run: it could not be evaluated;
    the project's policy says whether it passes all the same, as a warning. days: the buckets of time that it found
    unusual; figures: its numbers by name, as observed, expected, low, high, where it has any. because_of:
    `scope: name` of the failed checks that kept this one from being evaluated; empty for what stands for itself.
    made_of: a hash of all that its answer depends on; empty where that can't be told, and it is evaluated in each run.
    made_by: the earlier run that evaluated it, where its answer was carried over; else empty.
    """

    scope: str
    name: str
    passed: bool
    kind: str
    observed: str = ""
    evidence: tuple[str, ...] = ()
    warned: bool = False
    not_run: bool = False
    days: tuple[date, ...] = ()
    figures: tuple[tuple[str, float], ...] = ()
    statement: str = ""
    because_of: tuple[str, ...] = ()
    made_of: str = ""
    made_by: str = ""

    @property
    def title(self) -> str:
        """What people read: the sentence, or the name where there is none."""
        return self.statement or self.name

    @property
    def told(self) -> str:
        """What people read before what was found: a name is a claim, so one that is not met is told as not being so."""
        if self.status == "passed":
            return self.title
        if self.not_run:
            return f"not evaluated: {self.title}"
        denied = _CLAIM.sub(r"\1 not \2", self.title, count=1)
        return denied if denied != self.title else f"not met: {self.title}"

    @property
    def full_name(self) -> str:
        """`scope: name`, as other checks name it."""
        return f"{self.scope}: {self.name}"

    @classmethod
    def from_unanswered(cls, scope: str, name: str, kind: str, reason: str) -> Check:
        """One that could not be evaluated, and why."""
        return cls(scope=scope, name=name, passed=False, not_run=True, kind=kind, observed=reason)

    @property
    def status(self) -> str:
        """`passed`, `warned`, `failed` or `not run`."""
        if self.not_run:
            return "not run"
        return "failed" if not self.passed else "warned" if self.warned else "passed"


class RelationState(Record):
    """A node of dbt that holds rows, in a release: where it is, what it is made of, and why it was built or not.

    relation: of the release, or of an earlier one that is shown again; empty where there is none. fingerprint: JSON of
    what it is made of. limited: empty where it stays right while that is the same, a day for which it does, or why it
    is never shown again. built: false where it is shown again. why: in a few words. judged_by: the run whose gate
    judged it last.
    """

    unique_id: str
    relation: str = ""
    fingerprint: str = ""
    limited: str = ""
    rows: int | None = None
    name: str = ""
    built: bool = True
    why: str = ""
    judged_by: str = ""


class BuildReport(Record):
    """What dbt built. marts: name → relation in the release; relations: model's unique id → likewise, for every
    model, snapshot and seed that holds rows of its own.

    states: what each of them is made of, and whether it was built or an earlier release's is shown again; empty where
    everything is built and nothing is written down.
    """

    run: str
    marts: dict[str, str]
    models: int = 0
    tests: int = 0
    seconds: float = 0
    rows: dict[str, int] = {}
    relations: dict[str, str] = {}
    checks: tuple[Check, ...] = ()
    states: tuple[RelationState, ...] = ()

    @property
    def reused(self) -> tuple[RelationState, ...]:
        """What is shown again instead of built."""
        return tuple(each for each in self.states if not each.built)

    @property
    def passed(self) -> bool:
        """True if no dbt test failed."""
        return all(check.passed for check in self.checks)


class MartDiff(Record):
    """Candidate against live: rows, keys added, removed and changed, metric totals (live, candidate).

    first: there is no live. keyed: counted by the declared key, otherwise row by row. not_compared: columns that
    the warehouse can't compare. broken_metrics: those it can't compute on the candidate, and why. formats: metric →
    how its numbers are written. made_of: a hash of what the metrics' totals depend on, for a later run to look up.
    """

    mart: str
    rows_before: int
    rows_after: int
    added: int | None = None
    removed: int | None = None
    changed: int | None = None
    metrics: dict[str, tuple[float | None, float | None]] = {}
    columns: tuple[str, ...] = ()
    first: bool = False
    keyed: bool = False
    not_compared: tuple[str, ...] = ()
    broken_metrics: dict[str, str] = {}
    formats: dict[str, str] = {}
    made_of: str = ""


class Mover(Record):
    """What one member of a dimension did to a metric. mix: of a ratio, the part of it that is the member's weight.

    kind: `new`, `gone` or nothing.
    """

    dimension: str
    member: str
    change: float
    mix: float | None = None
    kind: str = ""


class Movement(Record):
    """Why a metric is not what it was. about: `release` (what readers see against the candidate) or `period`.

    restated: how much of the change is in days that readers had seen; None where that can't be told. days: of a period,
    its first and last, and those of the one before. form: how the metric's numbers are written.
    """

    metric: str
    about: str
    before: float
    after: float
    movers: tuple[Mover, ...] = ()
    restated: float | None = None
    days: tuple[date, ...] = ()
    form: str = "number"


class GateReport(Record):
    """The audit of one release. passed is false unless every mart had checks and all passed. movements: why metrics
    are not what readers saw, and not what they were in the period before. marts: name → the relation that it judged.
    data_docs: the page of its checks; docs_url: that page's address for people's browsers, empty where it has none.
    """

    run: str
    passed: bool
    checks: tuple[Check, ...]
    diffs: tuple[MartDiff, ...] = ()
    data_docs: Path | None = None
    docs_url: str = ""
    movements: tuple[Movement, ...] = ()
    marts: dict[str, str] = {}

    @property
    def carried(self) -> tuple[Check, ...]:
        """The checks that an earlier run answered of the same relations."""
        return tuple(check for check in self.checks if check.made_by)

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that hold the release back: failed ones, then those not evaluated because of these."""
        return (*self.root_failures, *self.consequences)

    @property
    def root_failures(self) -> tuple[Check, ...]:
        """Failed checks, and those not run that had to, which no other check explains."""
        return tuple(check for check in self.checks if not check.passed and not check.because_of)

    @property
    def consequences(self) -> tuple[Check, ...]:
        """Checks that were not evaluated because others failed."""
        return tuple(check for check in self.checks if not check.passed and check.because_of)

    @property
    def warnings(self) -> tuple[Check, ...]:
        """The checks that let the release through with a warning."""
        return tuple(check for check in self.checks if check.passed and check.warned)


class State(StrEnum):
    """States of a run in the journal, in order; rejected and abandoned end a run that was not published.

    awaiting: something of it waits for somebody's word; of a run with nothing else to publish it is the last state.
    """

    building = "building"
    validated = "validated"
    awaiting = "awaiting"
    publishing = "publishing"
    published = "published"
    rejected = "rejected"
    abandoned = "abandoned"


class Release(Record):
    """What readers see: each mart → the relation its serving view shows."""

    run: str
    marts: dict[str, str]
    published_at: datetime | None = None


class Publication(Record):
    """A dashboard that went out. rows: of its datasets; as_of: the newest date in them.

    extract, image: local copies of its files. canary: what was read back from the site, once it was that of
    the release. views: how often people opened it since it was published before (None: the site does not
    count). notes: lines for the ticket. data_notes: how the site gets the rows of each dataset, and why. dictionary:
    where its mart is in the data dictionary. dbt_docs: where dbt's own documentation is. asked: how it opens as was
    asked for, and what of that it can't, in people's words: they are on no log. unchanged_since: the
    run that published it, where nothing of it has changed since and it was left as it is.
    """

    dashboard: str
    ticket: str | None
    run: str
    url: str
    rows: int
    as_of: str | None = None
    extract: Path | None = None
    image: Path | None = None
    seconds: float = 0.0
    canary: str | None = None
    views: int | None = None
    notes: tuple[str, ...] = ()
    data_notes: tuple[str, ...] = ()
    dictionary: str | None = None
    dbt_docs: str | None = None
    error: str | None = None
    unchanged_since: str = ""
    asked: tuple[str, ...] = Field((), exclude=True)


class Outcome(Record):
    """How a run ended, stage by stage, for the summary, the tickets and the exit code.

    crash: the kind of the exception that nobody expected and that ended it; its text may hold data, so not that.
    looked: false where nobody could ask the warehouse what readers see, so that no release means nothing.
    unfinished: why publications of earlier runs could not be finished and were closed; None: nobody has looked.
    """

    run: str
    published: bool
    plan: Plan | None = None
    loads: tuple[LoadReport, ...] = ()
    build: BuildReport | None = None
    gate: GateReport | None = None
    release: Release | None = None
    publications: tuple[Publication, ...] = ()
    errors: tuple[str, ...] = ()
    crash: str | None = None
    looked: bool = True
    unfinished: tuple[str, ...] | None = None
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """True if everything that was asked for was delivered."""
        return not self.errors and all(p.error is None for p in self.publications)
