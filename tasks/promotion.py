"""Promotion: the journalled flip, recovery after a crash, rollback, retention. Verbs of the warehouse do the SQL.

Whoever calls these holds `warehouse.exclusive()`: one promotion at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from prefect import task

from blocks.errors import GateFailed, LeaseLost, NotFound, Rejected
from blocks.records import BuildReport, GateReport, Release, State
from blocks.release_names import is_in_release, release_schema
from blocks.warehouse import control
from blocks.warehouse.base import Warehouse
from blocks.warehouse.relation_states import forget_states, record_states
from blocks.warehouse.release_history import (
    forget_relations,
    is_whole,
    list_kept_releases,
    list_kept_schemas,
    list_published_releases,
    list_seen_releases,
    record_relations,
)
from tasks.policy import RETRY

UNFINISHED = "the publication could not be finished"


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
    served = warehouse.read_served()
    marts = {**(served.marts if served else {}), **build.marts}
    release = Release(run=build.run, marts=marts, published_at=control.now())
    if served and served.marts == marts and served.run == build.run:
        release = served
    _publish(warehouse, release, build)
    return release


def publish_accepted(
    warehouse: Warehouse, run: str, marts: Mapping[str, str], relations: Mapping[str, str]
) -> Release:
    """Let readers see relations that were validated before and have waited; other marts stay as they are.

    relations: id → relation of what they are made of, for later runs to go on from.
    """
    served = warehouse.read_served()
    shown = {**(served.marts if served else {}), **marts}
    release = Release(run=run, marts=shown, published_at=control.now())
    build = BuildReport(run=run, marts=dict(marts), relations=dict(relations))
    _publish(warehouse, release, build)
    return release


def _publish(warehouse: Warehouse, release: Release, build: BuildReport | None = None) -> None:
    """Flip readers over. build: what the run built, where it is published for the first time.

    What the flip needs is looked at before the journal says `publishing`: that has to be finished by whoever is next.
    """
    warehouse.check_flip(release)
    control.write_journal(warehouse, release.run, State.publishing, release.model_dump_json())
    if build is not None:
        _record_build(warehouse, build, warehouse.read_served())
    warehouse.flip(release)
    control.write_journal(warehouse, release.run, State.published, release.model_dump_json())


@task(task_run_name="recover", **RETRY)
def recover(warehouse: Warehouse, run: str) -> list[str]:
    """Finish or close what a dead run left: what was publishing is published, the rest abandoned.

    A publication that can't be finished is closed as well, once: readers are led back to what they saw before it,
    and the journal says why. run: the present run, left alone. Returns what was done, line by line.
    """
    entries = control.read_journal(warehouse, details=False)
    last = {entry.run: entry for entry in entries}
    published = {entry.run for entry in entries if entry.state is State.published}
    done = []
    for entry in sorted(last.values(), key=lambda entry: entry.seq):
        if entry.state is State.publishing:
            detail = control.read_last_detail(warehouse, State.publishing, entry.run) or ""
            release, served = Release.model_validate_json(detail), warehouse.read_served()
            if entry.run not in published and (served is None or served.run != entry.run):
                _record_build(warehouse, _read_build(warehouse, entry.run), served)
            if reason := _finish(warehouse, release):
                control.write_journal(warehouse, entry.run, State.abandoned, reason)
                done.append(f"{UNFINISHED} of run {entry.run}: {reason}")
                continue
            control.write_journal(warehouse, entry.run, State.published, detail)
            done.append(f"run {entry.run} had died while publishing; it is published now")
        elif entry.state in {State.building, State.validated} and entry.run != run:
            control.write_journal(warehouse, entry.run, State.abandoned)
            done.append(f"run {entry.run} had died while {entry.state}; it is abandoned")
    _mend(warehouse, done)
    return [*done, *warehouse.mend_readers()]


def list_unfinished(done: Sequence[str]) -> list[str]:
    """Of the lines of `recover`, those about publications that were closed without being finished."""
    return [line for line in done if line.startswith(UNFINISHED)]


def _finish(warehouse: Warehouse, release: Release) -> str:
    """Flip to a release whose run died meanwhile; why it can't be done, empty if it is."""
    try:
        if not warehouse.is_shown(release):
            warehouse.check_flip(release)
            warehouse.flip(release)
    except LeaseLost:
        raise
    except Rejected as error:  # the same again would fail again, in every run from now on
        return str(error)
    return ""


def _mend(warehouse: Warehouse, done: list[str]) -> None:
    """Lead readers back to what the journal says they see, where something else changed a view.

    That is a publication that was closed halfway, or a late statement of a stopped run. What can't be mended is
    said, and holds up no run: one that builds the marts again does it.
    """
    seen = list_seen_releases(warehouse, 1)
    if not seen or warehouse.is_shown(seen[-1]):
        return
    if reason := _finish(warehouse, seen[-1]):
        done.append(f"{UNFINISHED} of run {seen[-1].run}, which readers saw: {reason}")
    else:
        done.append(f"readers saw another release than run {seen[-1].run}; they see that one again")


@task(task_run_name="roll back", **RETRY)
def roll_back(warehouse: Warehouse, to: str | None) -> Release:
    """Flip back to the release published before the served one, or to run `to`. Raises NotFound."""
    served = warehouse.read_served()
    if served is None:
        raise NotFound("roll back", "nothing is published yet")
    before = [release for release in list_seen_releases(warehouse) if release.run != served.run]
    published = list_published_releases(warehouse)
    named = [release for release in published if to == release.run != served.run]
    target = next(reversed(before if to is None else named), None)
    there = warehouse.list_releases()
    if target is None or not is_whole(warehouse, target, there):
        kept = ", ".join(each.run for each in published if is_whole(warehouse, each, there))
        raise NotFound(
            f"roll back to {to or 'the previous release'}",
            "it is not kept" if to or target else "readers saw none before this one",
            f"Kept: {kept}.",
        )
    _publish(warehouse, target)
    return target


@task(task_run_name="retire marts", **RETRY)
def retire_marts(warehouse: Warehouse, marts: Sequence[str]) -> Release:
    """Take marts out of what readers see; the release and the rest of it stay. Raises NotFound for others."""
    served = warehouse.read_served()
    shown = served.marts if served else {}
    if served is None or (unknown := sorted(set(marts) - shown.keys())):
        raise NotFound(
            f"retire {', '.join(marts)}",
            "readers see nothing yet" if served is None else f"readers see no {', '.join(unknown)}",
            f"They see {', '.join(sorted(shown))}." if shown else "",
        )
    left = {mart: relation for mart, relation in shown.items() if mart not in marts}
    if not left:
        raise NotFound(f"retire {', '.join(marts)}", "nothing would be left for readers", "Keep one mart.")
    release = Release(run=served.run, marts=left, published_at=control.now())
    _publish(warehouse, release)
    return release


def find_removed_marts(warehouse: Warehouse, models: Collection[str]) -> list[str]:
    """Marts that readers see and the project does not have any more."""
    served = warehouse.read_served()
    return sorted(set(served.marts) - set(models)) if served else []


@task(task_run_name="retain", **RETRY)
def retain(warehouse: Warehouse) -> list[str]:
    """Drop release schemas that nobody needs, and return them.

    Kept are those that serving shows, of the last `keep` releases that readers saw, that a model goes on from, and
    the newest run's, for a look, whatever became of it.
    """
    kept, entries = list_kept_releases(warehouse), control.read_journal(warehouse, details=False)
    schemas, needed = warehouse.list_releases(), list_kept_schemas(warehouse, kept)
    built_needed = {
        run
        for run in {entry.run for entry in entries}
        if any(is_in_release(name, release_schema(run), attempts=True) for name in needed)
    }
    for latest in entries[-1:]:
        needed |= {name for name in schemas if is_in_release(name, release_schema(latest.run), attempts=True)}
    gone = [name for name in schemas if not any(is_in_release(name, each) for each in needed)]
    warehouse.check_lease(ask=True)  # what a run that was overtaken does not know of would be dropped
    warehouse.drop_releases(gone)
    kept_runs = {release.run for release in kept}
    forget_relations(warehouse, kept_runs)
    forget_states(warehouse)
    control.prune_journal(warehouse, entries, built_needed | kept_runs)
    return gone


def _record_build(warehouse: Warehouse, build: BuildReport, served: Release | None) -> None:
    """Write where each node stands, and what it is made of, before readers change over."""
    record_relations(warehouse, build.run, build.relations, served)
    record_states(warehouse, build.run, build.states)


def _read_build(warehouse: Warehouse, run: str) -> BuildReport:
    """What a run built, from its last report in the journal."""
    if detail := control.read_last_detail(warehouse, State.building, run):
        return BuildReport.model_validate_json(detail)
    return BuildReport(run=run, marts={})
