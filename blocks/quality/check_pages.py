"""The pages of a run's checks, and the list of runs: plain HTML that fetches nothing and runs nothing of what it shows.

Values out of data, notes and names of suites are hostile: the templates escape them, and the policy of every page
allows one script, which switches its colours. Not here: what a page looks like (blocks/site/html).
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

from blocks.records import Check, GateReport
from blocks.site.html.page import render
from blocks.site.text import clip, make_checks_anchor, one_line

RUNS_LISTED = 10  # their names sort by time
DAYS_KEPT, RUNS_KEPT = 40, 1000
"""Pages of older runs go: a dashboard that is refreshed once a month leads to the checks of then."""
REPORT = "gate.json"
LONGEST_NAME, LONGEST_TEXT = 500, 2000
ORDER = ("failed", "not run", "warned", "passed")


def write_pages(folder: Path, gate: GateReport, notes: Mapping[str, Mapping[str, str]]) -> Path:
    """Write a run's page and the list of the runs kept; return the page, whole and absolute.

    notes: by mart, what its suite says of itself (under no name) and of its expectations, by check. Raises OSError.
    """
    place = folder.resolve() / gate.run
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    page = place / "index.html"
    (place / REPORT).write_text(gate.model_dump_json(), encoding="utf-8")
    page.write_text(_render_run(gate, notes), encoding="utf-8")
    for old in _list_old(folder):
        shutil.rmtree(old, ignore_errors=True)
    (folder / "index.html").write_text(_render_runs(folder), encoding="utf-8")
    return page


def _list_old(folder: Path) -> list[Path]:
    """The folders of runs whose pages nobody needs any more; never those that are listed."""
    runs = sorted(each for each in folder.iterdir() if each.is_dir())
    limit = time.time() - DAYS_KEPT * 86_400
    aged = [each for each in runs[:-RUNS_LISTED] if each.stat().st_mtime < limit]
    return list(dict.fromkeys([*runs[:-RUNS_KEPT], *aged]))


def _render_run(gate: GateReport, notes: Mapping[str, Mapping[str, str]]) -> str:
    scopes = list(dict.fromkeys(check.scope for check in gate.checks))
    by_scope = {scope: [each for each in gate.checks if each.scope == scope] for scope in scopes}
    scopes.sort(key=lambda scope: min(ORDER.index(each.status) for each in by_scope[scope]))
    return render(
        "checks.html.j2",
        run=one_line(gate.run),
        passed=gate.passed,
        total=len(gate.checks),
        counts=_count(gate.checks),
        carried=len(gate.carried),
        scopes=[
            {
                "name": one_line(scope, LONGEST_NAME),
                "counts": _count(by_scope[scope]),
                "notes": clip(notes.get(scope, {}).get("", ""), LONGEST_TEXT),
                "checks": [
                    _show_check(check, notes.get(scope, {}).get(check.name, ""))
                    for check in sorted(by_scope[scope], key=lambda each: ORDER.index(each.status))
                ],
            }
            for scope in scopes
        ],
    )


def _count(checks: Iterable[Check]) -> list[tuple[str, int]]:
    """Statuses that there are, with how many checks have each."""
    found = [check.status for check in checks]
    return [(status, found.count(status)) for status in ORDER if status in found]


def _show_check(check: Check, notes: str) -> dict[str, object]:
    return {
        "status": check.status,
        "held_back": not check.passed,
        "title": one_line(check.told, LONGEST_NAME),
        "name": one_line(check.name, LONGEST_NAME) if check.statement.lower() != check.name.lower() else "",
        "kind": check.kind,
        "observed": clip(check.observed, LONGEST_TEXT),
        "evidence": [one_line(value, LONGEST_NAME) for value in check.evidence],
        "notes": clip(notes, LONGEST_TEXT),
        "made_by": one_line(check.made_by),
    }


def _render_runs(folder: Path) -> str:
    """The list over the last runs, the newest first."""
    runs = []
    for report in sorted(folder.glob(f"*/{REPORT}"), reverse=True)[:RUNS_LISTED]:
        try:
            gate = GateReport.model_validate_json(report.read_bytes())
        except (OSError, ValueError):  # of another version, or half written
            continue
        marts = sorted({diff.mart for diff in gate.diffs})
        runs.append(
            {
                "place": quote(report.parent.name),
                "name": one_line(gate.run),
                "passed": gate.passed,
                "counts": _count(gate.checks),
                "marts": [{"name": one_line(mart), "anchor": make_checks_anchor(mart)} for mart in marts],
            }
        )
    return render("check_runs.html.j2", runs=runs)
