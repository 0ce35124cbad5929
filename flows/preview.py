"""`preview --ref BRANCH`: what a change of the dbt project would do to readers, built apart and held against live.

Only what the change touches is built, into a schema of the preview's own, of the rows that are loaded already. Its gate
decides nothing: no loads are accepted by it, nothing waits for anybody, nothing of it can be promoted. The schema is
dropped at the end; of a preview that died the next run drops it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import flow

from blocks.catalogue import Catalogue
from blocks.dbt.at_ref import copy_at, find_commit
from blocks.dbt.project import DbtProject
from blocks.errors import NotFound
from blocks.quality.suites import Suites
from blocks.query_tags import tag_queries
from blocks.records import BuildReport, Dashboard, GateReport, MartDiff, Record, Release, State
from blocks.release_names import is_in_release
from blocks.scratch_folder import open_scratch
from blocks.warehouse import control
from blocks.warehouse.base import Warehouse
from flows.flags import Flags
from flows.run_context import RunContext, name_new_run, open_run
from tasks.building import build_release, carry_over, clear_release
from tasks.carried_checks import list_judges, read_carried
from tasks.evidence import write_diff
from tasks.gate import audit_suites, check_diff_budgets, check_marts, check_metrics, compare_with_live, judge
from tasks.markdown import bullets, code, count_of, line, listed, table
from tasks.planning import list_dashboards
from tasks.promotion import find_removed_marts, recover
from tasks.run_lock import run_lock

if TYPE_CHECKING:
    from flows.local import Blocks
    from flows.terminal import Terminal

MOST_FAILURES, MOST_NAMES = 20, 30


class Preview(Record):
    """What a commit would do. removed: marts that readers see and that it does not have.

    left_out: mart → tables of sources that it needs and that nothing was loaded into.
    """

    ref: str
    commit: str
    build: BuildReport
    gate: GateReport
    dashboards: tuple[Dashboard, ...]
    removed: tuple[str, ...]
    left_out: dict[str, tuple[str, ...]]

    @property
    def changed(self) -> list[str]:
        """The marts that it builds again."""
        shown = {each.name for each in self.build.reused}
        return [mart for mart in self.build.marts if mart not in shown]


@flow(name="preview", persist_result=False)
def preview(
    ref: str, commit: str, project: DbtProject, warehouse: Warehouse, suites: Suites, timeout: int = 0
) -> Preview:
    """Build what a commit changes apart from what readers see, and compare.

    Args:
        ref: what the commit was asked for by.
        commit: its hash.
        project: the dbt project as the commit has it.
        warehouse: where it is built; readers see nothing of it.
        suites: the expectation suites as the commit has them.
        timeout: seconds to wait for another run to end, before giving up as Busy.
    """
    run = f"preview_{name_new_run()}"
    tag_queries("preview", run)
    with run_lock(warehouse, timeout):
        recover(warehouse, run)
        with open_run(project, warehouse, run) as context, _drop_after(warehouse, context):
            return _compare(ref, commit, context, warehouse, suites)


@contextmanager
def _drop_after(warehouse: Warehouse, context: RunContext) -> Iterator[None]:
    """Leave nothing: neither a schema, nor a build in the journal that a stage could go on from."""
    control.write_journal(warehouse, context.run, State.building)
    try:
        yield
    finally:
        warehouse.drop_releases(
            [each for each in warehouse.list_releases() if is_in_release(each, context.schema)]
        )
        control.write_journal(warehouse, context.run, State.abandoned)


def _compare(ref: str, commit: str, context: RunContext, warehouse: Warehouse, suites: Suites) -> Preview:
    catalogue = context.catalogue
    everything = Release(run=context.run, marts=dict.fromkeys(catalogue.models, ""))
    dashboards = list_dashboards(catalogue, everything)
    every = dict.fromkeys(mart for each in dashboards for mart in each.marts)
    left_out = _find_not_loaded(catalogue, warehouse, every)
    select = tuple(mart for mart in every if mart not in left_out)
    dashboards = [each for each in dashboards if not set(each.marts) & set(left_out)]
    if not select:
        missing = sorted({table for tables in left_out.values() for table in tables})
        raise NotFound(
            f"preview {code(ref)}",
            f"no mart can be built: {', '.join(missing) or 'no exposure shows one'}"
            + (" is not loaded" if missing else ""),
            "Run the project once before.",
        )
    clear_release(warehouse, context.schema)
    carry_over(warehouse, catalogue, context.schema, select, full_refresh=False)
    build = build_release(context.dbt, warehouse, context.run, context.schema, select)
    carried = read_carried(warehouse, list_judges(build)) if build.reused else None
    checks = audit_suites(suites, warehouse, build, catalogue.find_suite_tests(build.marts), carried)
    diffs = compare_with_live(warehouse, catalogue, build, carried)
    other = [
        *check_marts(warehouse, catalogue, build, dashboards, carried),
        *check_metrics(catalogue, diffs, dashboards),
        *check_diff_budgets(catalogue, diffs),
    ]
    return Preview(
        ref=ref,
        commit=commit,
        build=build,
        gate=judge(build, checks, other, diffs),
        dashboards=tuple(dashboards),
        removed=tuple(find_removed_marts(warehouse, catalogue.models)),
        left_out=left_out,
    )


def _find_not_loaded(
    catalogue: Catalogue, warehouse: Warehouse, marts: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """Mart → tables of sources beneath it that are not there: a preview loads nothing."""
    found: dict[str, tuple[str, ...]] = {}
    with warehouse.session() as session:
        for mart in marts:
            missing = [
                table.full_name
                for table in catalogue.tables_beneath(mart)
                if not warehouse.columns(session, table.schema_name, table.identifier)
            ]
            if missing:
                found[mart] = tuple(missing)
    return found


def show_preview(blocks: Blocks, flags: Flags, terminal: Terminal) -> bool:
    """Print the report, or write it to a file; True if the commit's gate would pass."""
    ref = flags.ref or "HEAD"
    commit = find_commit(blocks.project.folder, ref)
    terminal.show_waiting(f"building what {line(ref, 60)} changes …")
    with open_scratch("preview-") as scratch:
        folder = copy_at(blocks.project.folder, commit, scratch)
        project = DbtProject(
            folder=folder,
            state=flags.state_folder / "preview",
            variables=blocks.project.variables,
            target=blocks.project.target,
        )
        suites = Suites(folder=_find_suites(blocks, folder), docs=scratch / "checks")
        found = preview(ref, commit, project, blocks.warehouse, suites)
    terminal.stop_waiting()
    text = describe_preview(found) if flags.json else write_report(found)
    if flags.output:
        flags.output.write_text(f"{text}\n", encoding="utf-8")
    else:
        terminal.print_text(text)
    return found.gate.passed


def _find_suites(blocks: Blocks, folder: Path) -> Path:
    """The suites' folder in the commit, as far from the project as it is here; where it has none, the one here."""
    there = folder / os.path.relpath(blocks.suites.folder.resolve(), blocks.project.folder.resolve())
    return there.resolve() if there.is_dir() else blocks.suites.folder


def describe_preview(found: Preview) -> str:
    """The same as JSON."""
    return json.dumps(
        {
            "ref": found.ref,
            "commit": found.commit,
            "passed": found.gate.passed,
            "built": [each.name for each in found.build.states if each.built],
            "shown_again": [each.name for each in found.build.reused],
            "changed_marts": found.changed,
            "removed_marts": list(found.removed),
            "left_out": {mart: list(tables) for mart, tables in found.left_out.items()},
            "failures": [each.model_dump(mode="json") for each in found.gate.failures],
            "diffs": [each.model_dump(mode="json") for each in found.gate.diffs],
        },
        indent=2,
    )


def write_report(found: Preview) -> str:
    """The report as Markdown, for a pull request."""
    gate = found.gate
    verdict = (
        "its checks pass" if gate.passed else "**its checks do not pass: readers would keep what they see**"
    )
    parts = [
        f"## What {code(found.ref)} would change",
        f"Commit {code(found.commit[:12])}: {verdict}. {_count(found)}",
        _write_failures(found),
        _write_changes(found),
        _write_dashboards(found),
        f"**Marts that it does not have any more**, and that readers see: {listed(found.removed, MOST_NAMES)}. Take "
        "them from readers with the command `retire`."
        if found.removed
        else "",
        _write_left_out(found),
        "Built apart, of the rows that are loaded now; nothing of it was shown to readers, and it is dropped again.",
    ]
    return "\n\n".join(part for part in parts if part)


def _count(found: Preview) -> str:
    checks = f"{count_of(len(found.gate.checks), 'check')}, {len(found.gate.failures)} failed"
    built = count_of(found.build.models, "model")
    return f"{built} built, {len(found.build.reused)} as readers have them, {checks}."


def _write_failures(found: Preview) -> str:
    rows = [(each.told, each.scope, each.observed) for each in found.gate.root_failures[:MOST_FAILURES]]
    return table(["failed check", "about", "found"], rows) if rows else ""


def _write_changes(found: Preview) -> str:
    changed = set(found.changed)
    moved = [diff for diff in found.gate.diffs if diff.mart in changed and not diff.first]
    new = sorted(diff.mart for diff in found.gate.diffs if diff.first)
    same = [diff.mart for diff in moved if not _has_moved(diff)]
    parts = [
        write_diff([diff for diff in moved if diff.mart not in same]),
        f"Built again, and the same as readers have: {listed(same, MOST_NAMES)}." if same else "",
        f"New marts: {listed(new, MOST_NAMES)}." if new else "",
        "" if changed else "No mart is built again: readers would see what they see.",
    ]
    return "\n\n".join(part for part in parts if part)


def _has_moved(diff: MartDiff) -> bool:
    differences = diff.added, diff.removed, diff.changed, diff.columns, diff.not_compared
    return any(differences) or diff.rows_before != diff.rows_after


def _write_left_out(found: Preview) -> str:
    lines = [
        f"{code(mart)}, as nothing is loaded of {listed(tables, MOST_NAMES)}"
        for mart, tables in found.left_out.items()
    ]
    return f"**Left out:**\n\n{bullets(lines[:MOST_NAMES])}" if lines else ""


def _write_dashboards(found: Preview) -> str:
    touched = [each for each in found.dashboards if set(each.marts) & set(found.changed)]
    lines = [f"{code(each.name)}{f' ({code(each.ticket)})' if each.ticket else ''}" for each in touched]
    return f"**Dashboards that show it:**\n\n{bullets(lines[:MOST_NAMES])}" if lines else ""
