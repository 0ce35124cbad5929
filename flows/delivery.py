"""What a delivery has come to so far, so that the tickets hear of failures too."""

from __future__ import annotations

from time import monotonic
from types import TracebackType

from blocks.dbt.project import DbtProject
from blocks.errors import BadInput, PlatformError
from blocks.records import BuildReport, GateReport, LoadReport, Outcome, Plan, Publication, Release
from blocks.warehouse.base import Warehouse
from tasks.planning import without_failed
from tasks.promotion import schema_of


class Delivery:
    """Collects each stage's report; as a context manager it keeps a PlatformError for the outcome.

    Any other exception goes on: a crash is a crash.
    """

    def __init__(self, run: str) -> None:
        self._run, self._start = run, monotonic()
        self._errors: list[str] = []
        self.plan: Plan | None = None
        self.loads: list[LoadReport] = []
        self.build: BuildReport | None = None
        self.gate: GateReport | None = None
        self.release: Release | None = None
        self.publications: list[Publication] = []

    def __enter__(self) -> Delivery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, PlatformError):
            self._errors.append(str(error))
            return True
        return False

    def loadable(self, project: DbtProject, warehouse: Warehouse) -> Plan:
        """The plan without what failed sources feed. Raises BadInput if nothing is left to build."""
        if self.plan is None:
            raise RuntimeError("there is no plan yet")
        failed = sorted({load.source for load in self.loads if load.error})
        self._errors += [f"{load.source}.{load.table}: {load.error}" for load in self.loads if load.error]
        catalogue = project.catalogue(warehouse, schema_of(self._run))
        self.plan = without_failed(self.plan, catalogue, self.loads)
        if not self.plan.select:
            said = f"no dashboard is left to build: source {', '.join(failed)} failed"
            raise BadInput("build a release", said)
        return self.plan

    def outcome(self, warehouse: Warehouse) -> Outcome:
        """All of it, frozen, with the release that readers see now: the new one or the one before."""
        try:
            release = self.release or warehouse.served()
        except PlatformError:
            release = None
        errors = [*self._errors, *(f"{p.dashboard}: {p.error}" for p in self.publications if p.error)]
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
            seconds=monotonic() - self._start,
        )
