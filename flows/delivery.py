"""What a delivery has come to so far, so that the tickets hear of failures too."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from time import monotonic
from types import TracebackType

from blocks.catalogue import Catalogue
from blocks.errors import BadInput, NotFound, explain_error
from blocks.records import BuildReport, GateReport, LoadReport, Outcome, Plan, Publication, Release
from blocks.warehouse.base import Warehouse
from flows.interruption import find_interrupt, find_reason
from flows.reach import explain_api_failure
from tasks.planning import remove_failed

INTERRUPTED = "the run was interrupted before it was done. Nothing is wrong with the ticket; run it again."
UNEXPECTED = (
    "the run met an error that nobody expected, which is not the ticket's fault. The people who run the "
    "platform find the details under the run's name; run it again when they have mended it."
)


class Delivery:
    """Collects each stage's report; as a context manager it keeps what ended the run for the outcome.

    A PlatformError ends with the outcome. Anything else is kept in `crash`: the tickets are answered first, then
    the caller raises it again. api_failed: Prefect's API ended it, and can't be used for what comes after.
    """

    def __init__(self, run: str) -> None:
        self._run, self._start = run, monotonic()
        self._errors: list[str] = []
        self.crash: BaseException | None = None
        self.holds_lock, self.api_failed, self._asked_wrongly = False, False, False
        self.unfinished: tuple[str, ...] | None = None
        self.plan: Plan | None = None
        self.loads: list[LoadReport] = []
        self.build: BuildReport | None = None
        self.gate: GateReport | None = None
        self.release: Release | None = None
        self.publications: list[Publication] = []
        self._kept_back: set[str] = set()

    def __enter__(self) -> Delivery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        unrecorded = (find_reason() if error else None) or explain_api_failure(error)
        self.api_failed = unrecorded is not None
        known = unrecorded or explain_error(f"deliver run {self._run}", error)
        self._asked_wrongly = isinstance(known, NotFound)
        if known:
            self._errors.append(str(known))
        elif error is not None:
            interrupt = find_interrupt(error)
            self.crash = interrupt or error
            # its text may hold data or a ticket's words: only the kind of error is told
            self._errors.append(INTERRUPTED if interrupt else UNEXPECTED)
        return True

    @property
    def ended_unplanned(self) -> bool:
        """True if something else than its caller's words ended it before it had read tickets, which have to hear of it.

        Without the run lock another run works, and tells them.
        """
        return self.plan is None and self.holds_lock and not self._asked_wrongly

    def remove_failed_sources(self, catalogue: Catalogue) -> Plan:
        """The plan without what failed sources feed. Raises BadInput if nothing is left to build."""
        if self.plan is None:
            raise RuntimeError("there is no plan yet")
        failed = sorted({load.source for load in self.loads if load.error})
        self._errors += [f"{load.source}.{load.table}: {load.error}" for load in self.loads if load.error]
        self.plan = remove_failed(self.plan, catalogue, self.loads)
        if not self.plan.select:
            answer = f"no dashboard is left to build: source {', '.join(failed)} failed"
            raise BadInput("build a release", answer)
        return self.plan

    def leave_out(self, left: BuildReport) -> None:
        """Go on with what is left of the build: marts that wait for somebody's word are not in it."""
        if self.build:
            self._kept_back |= self.build.marts.keys() - left.marts.keys()
        self.build = left

    def take(self, publications: Sequence[Publication]) -> None:
        """What went out, each with a line for its ticket where it shows a mart as it was before."""
        marts = {each.name: each.marts for each in self.plan.dashboards} if self.plan else {}
        for each in publications:
            kept = sorted(self._kept_back & set(marts.get(each.dashboard, ())))
            note = f"{', '.join(kept)}: as readers saw it before, as its new definition waits for acceptance"
            notes = (*each.notes, note) if kept else each.notes
            self.publications.append(each.model_copy(update={"notes": notes}))

    def hold(self, names: Collection[str]) -> Plan:
        """The plan without dashboards that wait for somebody's word, and without tickets that ask for nothing else."""
        if self.plan is None:
            raise RuntimeError("there is no plan yet")
        kept = tuple(each for each in self.plan.dashboards if each.name not in names)
        waiting = {each.ticket for each in self.plan.dashboards if each.name in names}
        waiting -= {each.ticket for each in kept}
        requirements = tuple(each for each in self.plan.requirements if each.key not in waiting)
        self.plan = self.plan.model_copy(
            update={
                "dashboards": kept,
                "requirements": requirements,
                "waiting": (*self.plan.waiting, *(f"{name}: waits for acceptance" for name in sorted(names))),
            }
        )
        return self.plan

    def outcome(self, warehouse: Warehouse) -> Outcome:
        """All of it, frozen, with the release that readers see now: the new one or the one before."""
        release, looked = self.release, self.release is not None
        if release is None:
            with suppress(Exception):  # after a crash the warehouse may be what is broken
                release, looked = warehouse.read_served(), True
        faults = self.plan.faults if self.plan else ()
        errors = [
            *self._errors,
            *faults,
            *(f"{p.dashboard}: {p.error}" for p in self.publications if p.error),
        ]
        return Outcome(
            run=self._run,
            published=self.release is not None,
            plan=self.plan,
            loads=tuple(self.loads),
            build=self.build,
            gate=self.gate,
            release=release,
            publications=tuple(self.publications),
            errors=tuple(errors),
            # an interrupt is somebody's will, and no incident
            crash=type(self.crash).__name__ if isinstance(self.crash, Exception) else None,
            looked=looked,
            unfinished=self.unfinished,
            seconds=monotonic() - self._start,
        )
