"""What people say of a delivered dashboard: a change is proposed and counts once accepted, all else is passed on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from prefect.logging import disable_run_logger

from blocks.catalogue import Catalogue
from blocks.records import Plan
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from blocks.warehouse.proposals import read_proposals
from blocks.wishes import Filter
from tasks import changes
from tasks.elaboration.accepted_change import Known, apply_accepted, name_record
from tasks.elaboration.change import ASKED, Change, read_change
from tasks.occasion import plan_requests
from tests.blocks.tracker.desks import Desk
from tests.conftest import ROOT
from tests.prose import ASKED_ON, make_vocabularies
from tests.tasks.conftest import KilledError
from tests.tasks.test_requirements import HOSTILE

SHOP = make_vocabularies()["shop"]
NOW = {"analysis": "trend", "metrics": "net_revenue, refund_rate", "dimensions": "country"}
RIDES: dict[str, Any] = {
    "title": "Rides",
    "analysis": "comparison",
    "metrics": ["rides"],
    "dimensions": ["station"],
    "data_sources": ["bikes"],
}


def read(*bodies: str, filters: tuple[Filter, ...] = ()) -> Change:
    shown = {"filters": "; ".join(map(str, filters))} if filters else {}
    return read_change(bodies, {**NOW, **shown}, filters, SHOP, ASKED_ON)


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        (
            "add orders by segment",
            {"metrics": "net_revenue, refund_rate, orders", "dimensions": "country, segment"},
        ),
        ("Orders by customer segment, please.", {"metrics": "net_revenue, refund_rate, orders"}),
        ("I would like to see gross revenue, too.", {"metrics": "net_revenue, refund_rate, gross_revenue"}),
        ("only Germany", {"filters": "country = Germany"}),
        ("Nur Deutschland, bitte.", {"filters": "country = Germany"}),
        ("Only Germany and France.", {"filters": "country = Germany, France"}),
        ("weekly is enough", {"cadence": "weekly on Monday"}),
        ("wöchentlich reicht", {"cadence": "weekly on Monday"}),
        ("each Friday would be fine", {"cadence": "weekly on Friday"}),
        ("without the refund rate", {"metrics": "net_revenue"}),
        ("Please remove the refund rate.", {"metrics": "net_revenue"}),
        ("by segment instead of country", {"dimensions": "segment"}),
        ("by month", {"grain": "month"}),
        ("last 12 months, compared with last year", {"period": "last 12 months"}),
        ("as a bar chart", {"chart": "bars"}),
        ("Period: last 12 months\nMetrics: orders", {"period": "last 12 months", "metrics": "orders"}),
        (
            f"Dashboard: x\nShown: Country: Spain\nRun: r\n\n{ASKED} only Germany",
            {"filters": "country = Germany"},
        ),
    ],
)
def test_a_change_is_read_from_words_and_from_lines(said: str, fields: dict[str, str]) -> None:
    found = read(said)
    assert found.unread == []
    assert {name: found.fields.get(name) for name in fields} == fields


@pytest.mark.parametrize(
    "said",
    [
        "looks great!",
        "The revenue of Germany looks wrong",
        "The numbers for Germany are fine",
        "why is the refund rate so high?",
        "Is the refund rate by country?",
        "we see orders in Germany",
        "weekly is not enough",
        "täglich reicht nicht",
        "no longer by country",
        "not Germany",
        "don't show the refund rate",
        "can we have it monthly?",  # its figures, or the refresh?
        "delete all orders",
        "add orders'; drop table serving.orders",
        "{{ env_var('TOKEN') }} add orders",
        "show net revenue",  # which it does
        "Deadline: 2027-01-01",
    ],
)
def test_what_is_not_understood_to_its_last_word_changes_nothing_and_is_passed_on(said: str) -> None:
    found = read(said)
    assert found.fields == NOW
    assert found.unread


@pytest.mark.parametrize("text", HOSTILE, ids=[text[:12] for text in HOSTILE])
def test_hostile_words_change_nothing_and_stay_in_their_quotes(text: str) -> None:
    start = monotonic()
    found = read(text, f"add {text}", "add " * 9_000)
    assert monotonic() - start < 10
    assert found.fields == NOW
    assert all(each.startswith("`") and "\n" not in each for each in found.unread)


def test_values_are_added_to_and_taken_from_those_that_are_shown() -> None:
    shown = (Filter(dimension="country", values=("Germany", "France")),)
    assert read("add Spain", filters=shown).fields["filters"] == "country = Germany, France, Spain"
    assert read("without France", filters=shown).fields["filters"] == "country = Germany"
    assert read("for France and Spain", filters=shown).fields["filters"] == "country = France, Spain"


def test_values_are_left_out_and_come_back() -> None:
    left = Filter(dimension="country", values=("United Kingdom",), excluded=True)
    assert read("without the United Kingdom").fields["filters"] == "country != United Kingdom"
    assert read("Please exclude Spain and France").fields["filters"] == "country != Spain, France"
    assert read("exclude Spain", filters=(left,)).fields["filters"] == "country != United Kingdom, Spain"
    assert read("add the United Kingdom", filters=(left,)).fields["filters"] == ""
    assert read("only Spain", filters=(left,)).fields["filters"] == "country = Spain"
    shown = Filter(dimension="country", values=("Germany",))
    assert "nothing would be left" in str(read("without Germany", filters=(shown,)).unread)
    assert read("add Spain").unread  # all are shown


def test_thanks_are_no_business_of_anybody() -> None:
    assert read("Thank you! Add orders.").unread == []


class Stage:
    """A delivered ticket, and runs after it."""

    def __init__(self, desk: Desk, warehouse: DuckDBWarehouse, catalogue: Catalogue) -> None:
        self.desk, self.warehouse, self.catalogue = desk, warehouse, catalogue
        self.clock = datetime.now(UTC)
        desk.file("AN-7", "done", **RIDES)
        desk.tracker.comment("AN-7", "run_1", "built")

    def say(self, body: str, author: str = "Dana Whitfield") -> None:
        self.clock = max(self.clock + timedelta(seconds=1), datetime.now(UTC) + timedelta(seconds=2))
        self.desk.say("AN-7", author, self.clock.isoformat(), body)

    def edit(self, title: str = "Rides", metrics: tuple[str, ...] = ("rides",)) -> None:
        """A person edits the ticket, and says so."""
        self.desk.edit("AN-7", title, [*metrics])
        self.say("I have edited it.")

    def run(self) -> Plan:
        with disable_run_logger():
            tracker = self.desk.tracker
            tickets = tracker.list_open_tickets()
            return plan_requests(
                tracker, self.warehouse, self.catalogue, tickets, "r", scheduled=True, record=True
            )

    def told(self) -> str:
        """Our comment on what people said."""
        found = [each for each in self.desk.comments("AN-7") if "change" in each.partition("\n")[0]]
        return found[-1].replace("`", "") if found else ""


@pytest.fixture
def stage(desk: Desk, tmp_path: Path, tiny: Catalogue, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(changes, "record_reaction", changes.record_reaction.fn)
    monkeypatch.setattr(changes, "assign_tickets", changes.assign_tickets.fn)
    warehouse = DuckDBWarehouse(database=str(tmp_path / "w.duckdb"))
    with warehouse.session():
        yield Stage(desk, warehouse, tiny)


def test_a_change_is_proposed_and_delivered_once_the_requester_accepts_it(stage: Stage) -> None:
    assert stage.run().requirements == ()
    assert stage.told() == ""
    stage.say("Please add minutes per ride.", "Otto Brandt")
    assert stage.run().requirements == ()
    assert "rides, minutes_per_ride" in stage.told()
    assert "readers keep the dashboard they have" in stage.told()
    stage.say("accept", "Otto Brandt")
    assert stage.run().requirements == ()
    assert "does not count; it is for the one who asked" in stage.told()
    stage.say("accept")
    for _ in range(2):  # also after a run that died before it delivered
        (found,) = stage.run().requirements
        assert (found.metrics, found.changed, found.status) == (
            ("rides", "minutes_per_ride"),
            True,
            "changes_requested",
        )
    assert "accepted" in stage.told()
    kept = " ".join(read_proposals(stage.warehouse, [name_record("AN-7")]).values())
    assert "minutes_per_ride" in kept
    assert "Please" not in kept
    assert "Otto" not in kept


def test_a_done_ticket_that_is_named_is_delivered_whatever_is_said_on_it(stage: Stage) -> None:
    for _ in range(2):
        tickets = stage.desk.tracker.read_tickets(["AN-7"])
        with disable_run_logger():
            plan = plan_requests(
                stage.desk.tracker,
                stage.warehouse,
                stage.catalogue,
                tickets,
                "r",
                scheduled=False,
                record=True,
            )
        (found,) = plan.requirements
        assert (found.metrics, found.changed) == (("rides",), False)
        stage.say("add minutes per ride")


def test_a_second_comment_is_added_to_what_is_proposed_and_a_number_takes_a_part(stage: Stage) -> None:
    stage.say("add minutes per ride")
    stage.run()
    stage.say("weekly is enough")
    stage.run()
    assert "rides, minutes_per_ride" in stage.told()
    assert "weekly on Monday" in stage.told()
    stage.say("accept 2\nchange 2: Weekly on Friday")
    (found,) = stage.run().requirements
    assert (found.metrics, str(found.wishes.cadence)) == (("rides",), "weekly on Friday")
    kept = " ".join(read_proposals(stage.warehouse, [name_record("AN-7")]).values())
    assert "weekly on Friday" in kept
    assert "Weekly" not in kept  # but as it is understood


def test_what_is_no_change_goes_to_the_assignee_once_and_the_ticket_says_so(stage: Stage) -> None:
    stage.say("The rides of Monday look wrong.")
    assert stage.run().requirements == ()
    assert "The rides of Monday look wrong." in stage.told()
    assert "Operations" in stage.told() or "assign it by hand" in stage.told()
    stage.desk.tracker.assign("AN-7", "Piotr Zielinski")
    before = stage.desk.state()
    stage.run()
    assert stage.desk.state() == before
    stage.say("I have a look.", "Piotr Zielinski")
    stage.run()
    assert stage.desk.state() != before  # his own words alone
    assert "have a look" not in stage.told()
    stage.say("And Tuesday?")
    stage.run()
    assert "It is for Piotr Zielinski, who has this ticket." in stage.told()


def test_a_change_counts_no_more_once_the_tickets_own_text_is_another(stage: Stage) -> None:
    stage.say("add minutes per ride")
    stage.run()
    stage.say("accept")
    assert stage.run().requirements
    stage.desk.tracker.comment("AN-7", "run_2", "built")
    known = Known.model_validate_json(
        read_proposals(stage.warehouse, [name_record("AN-7")])[name_record("AN-7")]
    )
    (ticket,) = stage.desk.tracker.read_tickets(["AN-7"])
    assert apply_accepted(ticket, ticket, known).changed
    other = ticket.model_copy(update={"title": "Rides and more"})
    assert not apply_accepted(other, other, known).changed


def test_what_was_accepted_of_a_ticket_that_is_edited_since_waits_for_a_word_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.say("add minutes per ride")
    stage.run()
    stage.say("accept")
    assert stage.run().requirements
    stage.desk.tracker.comment("AN-7", "run_2", "built")
    stage.edit(title="Rides and more")
    with monkeypatch.context() as killed:
        killed.setattr(type(stage.desk.tracker), "comment", die)
        with pytest.raises(KilledError):
            stage.run()
    stage.say("accept")  # which nobody has been asked about
    for _ in range(2):  # also where the first one died before it said so
        assert stage.run().requirements == ()
        assert "rides, minutes_per_ride" in stage.told()
    stage.say("accept")
    (found,) = stage.run().requirements
    assert found.metrics == ("rides", "minutes_per_ride")


def test_what_was_accepted_of_an_edited_ticket_and_fits_no_more_is_told(stage: Stage) -> None:
    stage.say("add minutes per ride")
    stage.run()
    stage.say("accept")
    assert stage.run().requirements
    stage.edit(metrics=("rides", "minutes_per_ride"))
    stage.run()
    assert "What was accepted before is what the ticket now says" in stage.told()


def die(*_: object) -> None:
    raise KilledError


def test_killed_before_the_ticket_has_it_no_word_counts_and_it_is_proposed_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.say("add minutes per ride")
    with monkeypatch.context() as killed:
        killed.setattr(type(stage.desk.tracker), "comment", die)
        with pytest.raises(KilledError):
            stage.run()
    stage.say("accept")
    assert stage.run().requirements == ()
    assert "rides, minutes_per_ride" in stage.told()
    stage.say("accept")
    assert stage.run().requirements


def test_the_page_and_the_reader_have_the_same_words() -> None:
    page = (ROOT / "blocks" / "site" / "html" / "assets" / "share.js").read_text(encoding="utf-8")
    assert f'"{ASKED} "' in page
