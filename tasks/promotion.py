"""Promotion: the journalled flip, recovery after a crash, rollback, retention. Verbs of the warehouse do the SQL.

Whoever calls these holds `warehouse.exclusive()`: one promotion at a time.
"""

from __future__ import annotations

from prefect import task

from blocks.errors import GateFailed, NotFound
from blocks.records import BuildReport, GateReport, Release, State
from blocks.warehouse import control
from blocks.warehouse.base import RELEASE_PREFIX, Warehouse
from tasks.policy import RETRY


def release_schema(run: str) -> str:
    """The release schema of a run."""
    return f"{RELEASE_PREFIX}{run}"


@task(task_run_name="promote {build.run}", **RETRY)
def promote_release(warehouse: Warehouse, build: BuildReport, gate: GateReport) -> Release:
    """Let readers see a release that passed; marts it does not hold stay as they are.

    Raises GateFailed where the gate did not pass. Killed at any step, it ends with the old release or the
    new one, and `recover` or a repetition finishes it.
    """
    if not gate.passed or gate.run != build.run:
        raise GateFailed(
            f"promote {build.run}", "its gate did not pass", "Readers keep the previous release."
        )
    served = warehouse.served()
    marts = {**(served.marts if served else {}), **build.marts}
    release = Release(run=build.run, marts=marts, published_at=control.now())
    if served and served.run == build.run:
        release = served
    _publish(warehouse, release)
    return release


def _publish(warehouse: Warehouse, release: Release) -> None:
    control.record(warehouse, release.run, State.publishing, release.model_dump_json())
    warehouse.flip(release)
    control.record(warehouse, release.run, State.published, release.model_dump_json())


@task(task_run_name="recover", **RETRY)
def recover(warehouse: Warehouse, run: str) -> list[str]:
    """Finish or close what a dead run left: what was publishing is published, the rest abandoned.

    run: the present run, left alone. Returns what was done, line by line.
    """
    last = {entry.run: entry for entry in control.journal(warehouse)}
    done = []
    for entry in sorted(last.values(), key=lambda entry: entry.seq):
        if entry.state is State.publishing:
            release = Release.model_validate_json(entry.detail)
            if warehouse.served() != release:
                warehouse.flip(release)
            control.record(warehouse, entry.run, State.published, entry.detail)
            done.append(f"run {entry.run} had died while publishing; it is published now")
        elif entry.state in {State.building, State.validated} and entry.run != run:
            control.record(warehouse, entry.run, State.abandoned)
            done.append(f"run {entry.run} had died while {entry.state}; it is abandoned")
    return done


@task(task_run_name="roll back", **RETRY)
def roll_back(warehouse: Warehouse, to: str | None) -> Release:
    """Flip back to the release published before the served one, or to run `to`. Raises NotFound."""
    served, published = warehouse.served(), published_releases(warehouse)
    if served is None:
        raise NotFound("roll back", "nothing is published yet")
    order = [release for release in published if release.run != served.run]
    if to is None:
        at = next((n for n, release in enumerate(published) if release.run == served.run), len(published))
        order = published[:at]
    target = next((release for release in reversed(order) if to in (None, release.run)), None)
    if target is None or not _complete(warehouse, target):
        kept = ", ".join(release.run for release in published if _complete(warehouse, release))
        raise NotFound(f"roll back to {to or 'the previous release'}", "it is not kept", f"Kept: {kept}.")
    _publish(warehouse, target)
    return target


@task(task_run_name="retain", **RETRY)
def retain(warehouse: Warehouse) -> list[str]:
    """Drop releases that nobody needs: not among the last `keep` published, not referenced by serving."""
    published = published_releases(warehouse)
    kept = [*published[-warehouse.keep :], *([served] if (served := warehouse.served()) else [])]
    needed = {relation.rsplit(".", 1)[0] for release in kept for relation in release.marts.values()}
    latest = control.journal(warehouse)[-1:]  # the newest run stays for a look, whatever became of it
    needed |= {release_schema(entry.run) for entry in latest}
    gone = [
        schema
        for schema in warehouse.releases()
        if not any(schema == n or schema.startswith(f"{n}_") for n in needed)
    ]
    warehouse.drop(gone)
    return gone


def published_releases(warehouse: Warehouse) -> list[Release]:
    """Every release that readers once saw, the oldest first, each once, by its first publication."""
    found: dict[str, Release] = {}
    for entry in control.journal(warehouse):
        if entry.state is State.published and entry.detail:
            found.setdefault(entry.run, Release.model_validate_json(entry.detail))
    return list(found.values())


def _complete(warehouse: Warehouse, release: Release) -> bool:
    """True if every relation the release shows still exists."""
    schemas = set(warehouse.releases())
    return {relation.rsplit(".", 1)[0] for relation in release.marts.values()} <= schemas
