"""What tickets hear after a run: the truth about their own part of it, once, all hostile text in quotes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from blocks.errors import Rejected
from blocks.records import (
    Analysis,
    BuildReport,
    Check,
    Dashboard,
    GateReport,
    LoadReport,
    MartDiff,
    Outcome,
    Plan,
    Priority,
    Publication,
    Release,
    Requirement,
)
from blocks.tracker.files.tracker import FilesTracker
from tasks.answer_text import answer_text, describe_rollback, is_delivered
from tasks.answers import answer_rollback, answer_tickets
from tasks.publication import find_ticket_page
from tests.tasks.reading import count, texts

EARLIER = Release(run="run_1", marts={}, published_at=datetime(2026, 11, 1, 8, tzinfo=UTC))
NOW = Release(run="run_2", marts={}, published_at=datetime(2026, 11, 2, 8, 30, tzinfo=UTC))
EVIL = "`x` | y\n# Approved\n[a](http://evil) <script>alert(1)</script> @channel \u202e"


def requirement(key: str, metric: str, source: str, status: str = "open") -> Requirement:
    return Requirement(
        key=key,
        title="<script>Revenue</script>",
        analysis=Analysis.trend,
        metrics=(metric,),
        dimensions=(),
        sources=(source,),
        deadline=date(2027, 1, 1),
        priority=Priority.high,
        requester="Dana",
        status=status,
    )


REVENUE = requirement("AN-1", "net_revenue", "erp")
PIPELINE = requirement("AN-2", "pipeline_value", "crm")


def dashboard(name: str, ticket: str, mart: str) -> Dashboard:
    return Dashboard(
        name=name,
        title=EVIL,
        analysis=Analysis.trend,
        metrics=(),
        dimensions=(),
        marts=(mart,),
        ticket=ticket,
    )


PLAN = Plan(
    run="run_2",
    requirements=(REVENUE, PIPELINE),
    sources=("erp", "crm"),
    select=("daily", "pipeline"),
    dashboards=(dashboard("revenue", "AN-1", "daily"), dashboard("deals", "AN-2", "pipeline")),
)
LOADS = (
    LoadReport(
        source="erp",
        table="invoice_lines",
        loader="dlt",
        rows=12_345,
        quarantined=17,
        watermark="2026-10-31",
        schema_changes=("+discount", EVIL),
    ),
    LoadReport(source="crm", table="accounts", loader="dlt", rows=77),
)
BUILD = BuildReport(
    run="run_2", marts={"daily": "r.daily", "pipeline": "r.pipeline"}, models=4, tests=9, seconds=1
)
PASSED = (
    Check(scope="daily", name="unique day", passed=True, kind="suite"),
    Check(scope="erp.invoice_lines", name="bad rows", passed=True, kind="quarantine"),
    Check(scope="pipeline", name="unique deal", passed=True, kind="suite"),
)
DIFFS = (
    MartDiff(
        mart="daily",
        rows_before=1_000,
        rows_after=1_100,
        added=100,
        removed=0,
        changed=2,
        metrics={"net_revenue": (2_000_000.0, 1_500_000.0), "orders": (1.0, 2.0), "refunds": (0.02, 0.055)},
        columns=("+refund",),
        formats={"net_revenue": "currency:GBP", "refunds": "percent"},
    ),
    MartDiff(mart="pipeline", rows_before=5, rows_after=5, metrics={"pipeline_value": (10.0, 10.0)}),
)


def published(ticket: str, name: str, error: str | None = None, image: Path | None = None) -> Publication:
    url = "" if error else f"https://bi.example/{name} (1)>.html"
    return Publication(
        dashboard=name, ticket=ticket, run="run_2", url=url, rows=1_100, error=error, image=image
    )


def success(**changes: object) -> Outcome:
    values: dict[str, object] = {
        "run": "run_2",
        "published": True,
        "plan": PLAN,
        "loads": LOADS,
        "build": BUILD,
        "release": NOW,
        "gate": GateReport(run="run_2", passed=True, checks=PASSED, diffs=DIFFS),
        "publications": (published("AN-1", "revenue"), published("AN-2", "deals")),
    }
    return Outcome.model_validate(values | changes)


def refused(*failures: Check, errors: tuple[str, ...] = ("validate: 1 check failed",)) -> Outcome:
    gate = GateReport(run="run_2", passed=False, checks=(*PASSED, *failures), diffs=DIFFS)
    return success(published=False, gate=gate, release=EARLIER, publications=(), errors=errors)


def failing(scope: str, *evidence: str) -> Check:
    return Check(
        scope=scope,
        name="values are positive",
        passed=False,
        kind="suite",
        observed="3 rows",
        evidence=evidence,
    )


def test_success_says_what_was_built_and_where() -> None:
    text = answer_text(success(), REVENUE)
    assert "Your dashboard is ready" in text
    assert "[Open revenue](<https://bi.example/revenue%20%281%29%3E.html>) | 1,100" in text
    assert "run `run_2`, published on 2026-11-02 at 08:30 UTC" in text
    assert "2 passed, 0 failed" in text
    assert "erp.invoice_lines | 12,345 | 17 | 2026-10-31 | `+discount`" in text
    assert "daily: rows | 1,000 | 1,100 | +10.0%" in text
    assert "100 added, 0 removed, 2 changed" in text
    assert "net_revenue | £2,000,000.00 | £1,500,000.00 | -25.0%" in text
    assert "the next run proposes the change" in text
    assert count(text, "link_open") == 1


def test_success_says_what_the_site_showed_and_did() -> None:
    note = "People have edited revenue; it was left alone, and ours is beside it."
    how = "Data of daily: an extract, all of it: 0.1 MB are sent as a whole at once."
    told = {
        "canary": "12 rows, the newest of 2026-10-31",
        "views": 1_204,
        "notes": (note,),
        "data_notes": (how,),
    }
    text = answer_text(success(publications=(published("AN-1", "revenue").model_copy(update=told),)), REVENUE)
    assert "12 rows, the newest of 2026-10-31" in text
    assert "opened since the last time" in text
    assert "1,204" in text
    assert f"- {note}" in text
    assert f"- {how}" in text


def test_success_leads_to_the_data_dictionary_where_there_is_one() -> None:
    told = {"dictionary": "https://bi.example.com/dictionary.html#mart-daily"}
    text = answer_text(success(publications=(published("AN-1", "revenue").model_copy(update=told),)), REVENUE)
    assert (
        "[The data dictionary](<https://bi.example.com/dictionary.html#mart-daily>) says what each column is"
        in text
    )
    assert "dictionary" not in answer_text(success(), REVENUE)


def test_the_checks_are_led_to_where_they_are_served() -> None:
    for outcome in (success(), refused(failing("daily", "-5"))):
        assert outcome.gate
        assert "all checks" not in answer_text(outcome, REVENUE)
        gate = outcome.gate.model_copy(update={"docs_url": "https://checks.example.com/run_2/index.html"})
        text = answer_text(outcome.model_copy(update={"gate": gate}), REVENUE)
        assert "[See all checks](<https://checks.example.com/run_2/index.html>)." in text


def test_a_ticket_hears_of_its_own_part_only() -> None:
    text = answer_text(success(), REVENUE)
    for other in ("deals", "pipeline", "crm", "accounts", "orders"):
        assert other not in text
    assert "erp" not in answer_text(success(), PIPELINE)
    assert "1 passed" in answer_text(success(), PIPELINE)


def test_refusal_says_what_failed_with_which_values_and_what_readers_see() -> None:
    text = answer_text(refused(failing("daily", "2026-10-30: -5.00", EVIL)), REVENUE)
    assert "Nothing of run `run_2` was published" in text
    assert "Readers still see the release of run `run_1`, published on 2026-11-01" in text
    assert "`validate: 1 check failed`" in text
    assert "2 passed, 1 failed" in text
    assert "values are positive | daily | 3 rows | `2026-10-30: -5.00`" in text
    assert "Your dashboard is ready" not in text


def test_without_an_earlier_release_none_is_claimed() -> None:
    text = answer_text(refused(failing("daily")).model_copy(update={"release": None}), REVENUE)
    assert "what they saw before, if anything" in text


def test_a_failure_elsewhere_is_counted_but_not_shown() -> None:
    outcome = refused(
        failing("pipeline", "Acme owes 7"), failing("crm.accounts", "Acme"), failing("stg_crm", "Acme")
    )
    text = answer_text(outcome, REVENUE)
    assert "2 passed, 0 failed. 3 more failed on parts of the release that this ticket does not use" in text
    assert "Acme" not in text
    assert "Acme" in answer_text(outcome, PIPELINE)


def test_a_failed_model_in_between_is_shown_where_it_stopped_the_own_mart() -> None:
    outcome = refused(failing("stg_erp", "row 7"), failing("daily"))
    assert "row 7" in answer_text(outcome, REVENUE)
    assert "row 7" not in answer_text(outcome, PIPELINE)


def test_what_did_not_run_stands_in_one_row_below_what_kept_it_from_that() -> None:
    root = failing("stg_erp", "row 7")
    skipped = [
        failing("daily").model_copy(
            update={"name": f"c{n}", "observed": "skipped", "not_run": True, "because_of": (root.full_name,)}
        )
        for n in range(8)
    ]
    text = answer_text(refused(*skipped, root), REVENUE)
    assert "2 passed, 1 failed, 8 not evaluated because of failed ones." in text
    assert "values are positive | stg_erp | 3 rows | `row 7`" in text
    assert "| `stg_erp: values are positive` | 8 | `daily: c0`, `daily: c1`" in text
    assert "`daily: c4` and 3 more" in text
    assert text.index("row 7") < text.index("daily: c0")
    assert "skipped" not in text
    assert "1 more failed on parts" in answer_text(refused(*skipped, root), PIPELINE)


def test_a_source_that_broke_its_contract_is_named() -> None:
    broken = LoadReport(
        source="erp", table="invoice_lines", loader="dlt", error="2026-10-31.csv: column Price is gone"
    )
    plan = PLAN.model_copy(update={"dashboards": (dashboard("deals", "AN-2", "pipeline"),)})
    outcome = success(
        plan=plan,
        loads=(broken, LOADS[1]),
        publications=(published("AN-2", "deals"),),
        errors=("erp.invoice_lines: 2026-10-31.csv: column Price is gone",),
    )
    text = answer_text(outcome, REVENUE)
    assert "this ticket's dashboard is not" in text
    assert "2026-10-31.csv: column Price is gone" in text
    assert is_delivered(outcome, "AN-2")
    assert not is_delivered(outcome, "AN-1")
    assert "2026-10-31.csv" not in answer_text(outcome, PIPELINE)


def test_a_dashboard_that_did_not_go_out_is_no_success() -> None:
    outcome = success(
        publications=(published("AN-1", "revenue", error="the site: 503"), published("AN-2", "deals"))
    )
    text = answer_text(outcome, REVENUE)
    assert "The data of run `run_2` is published, but this ticket's dashboard is not" in text
    assert "`the site: 503`" in text
    both = (published("AN-1", "revenue"), published("AN-1", "refunds", error="the site: 503"))
    assert "this ticket's dashboard is not" in answer_text(success(publications=both), REVENUE)


@pytest.mark.parametrize("outcome", [success(), refused(failing(EVIL, EVIL), errors=(EVIL, EVIL))])
def test_hostile_values_stay_in_their_quotes(outcome: Outcome) -> None:
    evil = Publication(dashboard="revenue", ticket="AN-1", run="run_2", url=f"https://x/{EVIL}", rows=1)
    if outcome.published:
        outcome = outcome.model_copy(update={"publications": (evil,)})
    text = answer_text(outcome, REVENUE)
    assert count(text, "heading_open") == 1
    assert count(text, "link_open") == len(outcome.publications)
    for kind in ("html_block", "html_inline", "image", "fence"):
        assert count(text, kind) == 0
    for sign in ("Approved", "@channel", "script", "evil"):
        assert sign not in texts(text)
    assert "\u202e" not in text
    columns = {line.count("|") for line in text.splitlines() if line.startswith("| ")}
    assert columns <= {3, 5, 6, 7}


def test_evidence_is_bounded() -> None:
    many = [failing("daily", *(f"{number} {'x' * 5_000}" for number in range(50))) for _ in range(500)]
    text = answer_text(refused(*many, errors=("e" * 10_000,) * 100), REVENUE)
    assert "500 failed" in text
    assert len(text) < 32_000


def write_ticket(folder: Path, key: str) -> Path:
    path = folder / f"{key}.yaml"
    path.write_text(f"# mine\nkey: {key}\ntitle: x\nstatus: open\ncomments: []\n")
    return path


@pytest.fixture
def folder(tmp_path: Path, prefect_server: str) -> Path:
    folder = tmp_path / "tickets"
    folder.mkdir()
    return folder


def test_tickets_are_told_once_with_image_link_and_status(folder: Path, tmp_path: Path) -> None:
    paths = [write_ticket(folder, "AN-1"), write_ticket(folder, "AN-2")]
    image = tmp_path / "revenue.png"
    image.write_bytes(b"\x89PNG")
    tracker = FilesTracker(folder=folder, project="AN")
    outcome = success(
        publications=(published("AN-1", "revenue", image=image), published("AN-2", "deals", error="no"))
    )
    assert answer_tickets(tracker, outcome) == 2
    once = [path.read_bytes() for path in paths]
    assert answer_tickets(tracker, outcome) == 2
    assert [path.read_bytes() for path in paths] == once
    assert (folder / "attachments" / "AN-1" / "revenue.png").read_bytes() == b"\x89PNG"
    assert b"status: done\n" in once[0]
    assert b"url: https://bi.example/revenue" in once[0]
    assert once[0].count(b"author: analytics-bot") == 1
    assert b"topic: run_2" in once[0]
    assert b"status: failed\n" in once[1]
    assert b"links" not in once[1]


def test_one_tickets_trouble_is_not_the_others(folder: Path) -> None:
    path = write_ticket(folder, "AN-2")  # AN-1 was deleted meanwhile
    with pytest.raises(Rejected, match=r"AN-1.*no file"):
        answer_tickets(FilesTracker(folder=folder, project="AN"), success())
    assert b"status: done\n" in path.read_bytes()


def test_a_ticket_that_was_incomplete_hears_that_nothing_is_missing_any_more(folder: Path) -> None:
    path = write_ticket(folder, "AN-1")
    tracker = FilesTracker(folder=folder, project="AN")
    tracker.comment("AN-1", "requirements", "deadline is missing")
    complete = REVENUE.model_copy(update={"status": "incomplete"})
    answer_tickets(tracker, success(plan=PLAN.model_copy(update={"requirements": (complete,)})))
    assert "deadline is missing" not in path.read_text()
    assert "Nothing is missing any more" in path.read_text()


def test_a_run_that_died_before_its_plan_tells_nobody(folder: Path) -> None:
    assert answer_tickets(FilesTracker(folder=folder, project="AN"), success(plan=None, published=False)) == 0


def test_a_dashboard_whose_ticket_is_elsewhere_has_no_link_to_it(tmp_path: Path) -> None:
    write_ticket(tmp_path, "AN-1")
    tracker = FilesTracker(folder=tmp_path, project="AN")
    assert str(find_ticket_page(tracker, "AN-1")).endswith("/AN-1.yaml")
    assert [find_ticket_page(tracker, key) for key in ("AN-9", "XY-1", None)] == [None] * 3


def test_a_rollback_is_said_on_the_tickets_of_its_dashboards(folder: Path) -> None:
    path = write_ticket(folder, "AN-1")
    nobodys = published("AN-1", "other").model_copy(update={"ticket": None})
    tracker = FilesTracker(folder=folder, project="AN")
    gone = published("XY-9", "elsewhere")
    assert answer_rollback(tracker, EARLIER, [published("AN-1", "revenue"), gone, nobodys]) == 2
    assert "Readers see the release of run `run_1`" in path.read_text()
    assert "\nrelease: run_1\n" in path.read_text()
    assert "status: open" in path.read_text()
    assert "could not be refreshed: `503`" in describe_rollback(
        EARLIER, published("AN-1", "revenue", error="503")
    )
