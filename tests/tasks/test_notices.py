"""Subscribers hear of new figures once, and of an alert as a metric crosses its line and as it comes back."""

from __future__ import annotations

import logging
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import duckdb
import pytest

from blocks.errors import Unavailable
from blocks.notifier.base import Message
from blocks.notifier.files.notifier import FolderNotifier
from blocks.records import Analysis, Dashboard, Publication
from blocks.site.base import Card, DataChoice
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from blocks.warehouse.notices import read_notices
from blocks.wishes import Alert, Wishes
from tasks.notices import tell_subscribers
from tests.blocks.site.conftest import GATE, ORDERS, dataset

LOW = Alert(metric="orders", above=False, value=50, per="day")


class Desk:
    """A dashboard with subscribers, of days that each have as many orders as a test says."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.outbox = folder, folder / "outbox"
        self.warehouse = DuckDBWarehouse(database=str(folder / "w.duckdb"))
        self.notifier: Any = FolderNotifier(folder=self.outbox)
        self.choices: tuple[DataChoice, ...] = ()
        self.runs = 0

    def run(self, orders: list[int], **wishes: Any) -> list[str]:
        """Publish these days, the last of them 30 November 2025; return what the ticket hears."""
        self.runs += 1
        given = {"subscribers": ("dana@example.com",), "alerts": (LOW,), **wishes}
        publication = Publication(
            dashboard="sales", ticket="AN-1", run=f"r{self.runs}", url="https://site.example/", rows=1
        )
        (picture := self.folder / "p.png").write_bytes(b"\x89PNG")
        publication = publication.model_copy(update={"image": picture})
        with self.warehouse.exclusive():
            (found,) = tell_subscribers.fn(
                self.notifier,
                self.warehouse,
                f"r{self.runs}",
                [self._card(orders, Wishes(**given))],
                [publication],
            )
        return list(found.asked)

    def read_mails(self) -> list[EmailMessage]:
        """What was sent since the last look, the oldest first."""
        found = []
        for path in sorted(self.outbox.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns):
            mail = message_from_bytes(path.read_bytes(), policy=policy.default)
            assert isinstance(mail, EmailMessage)
            found.append(mail)
            path.unlink()
        return found

    def _card(self, orders: list[int], wishes: Wishes) -> Card:
        days = ", ".join(
            f"(date '2025-12-01' - {n}, 'Spain', {count})" for n, count in enumerate(orders[::-1], 1)
        )
        path = self.folder / f"{self.runs}.parquet"
        with duckdb.connect() as connection:
            connection.execute(
                f"copy (select day, country, n::bigint as orders from (values {days}) t(day, country, n)) to '{path}'"
            )
        dashboard = Dashboard(
            name="sales",
            title="Sales",
            analysis=Analysis.trend,
            metrics=("orders",),
            dimensions=("country",),
            marts=("sales",),
            ticket="AN-1",
            wishes=wishes,
        )
        return Card(
            dashboard=dashboard,
            run=f"r{self.runs}",
            datasets=(dataset((ORDERS,), ("country",)),),
            gate=GATE,
            as_of="2025-11-30",
            extracts=(path,),
            choices=self.choices,
        )


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr("tasks.notices.get_run_logger", logging.getLogger)
    return Desk(tmp_path)


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def test_new_figures_are_told_once(desk: Desk) -> None:
    assert desk.run([60, 70]) == ["1 message for its subscribers, kept as files and not sent."]
    (mail,) = desk.read_mails()
    assert mail["Subject"] == "Sales: new figures, to 30 Nov 2025"
    assert "Orders: 130" in text_of(mail)
    assert "29 Nov" in text_of(mail)
    assert "7 of 7 checks passed." in text_of(mail)
    assert "take yourself off" in text_of(mail)
    assert desk.run([60, 70]) == []
    assert desk.read_mails() == []
    assert desk.run([60, 80]) == ["1 message for its subscribers, kept as files and not sent."]
    assert "Orders: 140" in text_of(*desk.read_mails())


def test_an_alert_comes_as_the_line_is_crossed_and_as_all_is_well_again(desk: Desk) -> None:
    desk.run([60, 70])
    desk.read_mails()
    subjects = []
    for orders in ([70, 49], [49, 48], [48, 50], [50, 90], [90, 1]):
        desk.run(orders)
        subjects.append([str(mail["Subject"]).split(":")[0] for mail in desk.read_mails()[1:]])
    low, back, lower = "Orders is 49, below 50", "Orders is 50, at the line again", "Orders is 1, below 50"
    assert subjects == [[low], [], [back], [], [lower]]
    desk.run([1, 80])
    assert "Orders is 80, again above 50 (30 Nov 2025)." in text_of(desk.read_mails()[1])


def test_an_unfinished_day_crosses_nothing(desk: Desk) -> None:
    week = Alert(metric="orders", above=False, value=50, per="week")  # 30 November 2025 is a Sunday
    assert desk.run([10] * 7, alerts=(week,)) == [
        "1 message for its subscribers, kept as files and not sent."
    ]
    assert desk.run([9, 9, 9, 8, 8, 3], alerts=(week,)) == [
        "1 message for its subscribers, kept as files and not sent."
    ]  # six days of it
    assert desk.run([7, 7, 7, 7, 7, 7, 7], alerts=(week,)) == [
        "2 messages for its subscribers, kept as files and not sent."
    ]


def test_what_is_not_for_everybody_is_not_in_the_message(desk: Desk) -> None:
    desk.run([60, 40], audience=("Board",))
    for mail in desk.read_mails():
        assert "40" not in text_of(mail)
        assert "40" not in mail["Subject"]
        assert not [part for part in mail.walk() if part.get_content_maintype() == "image"]


def test_a_subscriber_who_cannot_be_told_is_told_to_the_ticket_and_tried_again(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    class Down(FolderNotifier):
        def find_fault(self, subscriber: str) -> str:
            return "there is no such channel" if subscriber == "board" else ""

        def send(self, message: Message) -> None:
            raise Unavailable("send by mail.example", "no usable answer")

    folder_notifier, desk.notifier = desk.notifier, Down(folder=desk.outbox)
    found = desk.run([60, 70], subscribers=("board", "dana@example.com"))
    assert found[0] == "board was not told: there is no such channel."
    assert "dana@example.com was not told: send by mail.example" in found[1]
    assert read_notices(desk.warehouse) == {}
    assert "dana" not in caplog.text
    desk.notifier = folder_notifier
    assert desk.run([60, 70]) == ["1 message for its subscribers, kept as files and not sent."]


def test_without_a_notifier_or_a_copy_of_the_data_the_ticket_hears_that_nobody_was_told(desk: Desk) -> None:
    desk.choices = (DataChoice(live=True, reason="live"),)
    assert "live data" in desk.run([60])[0]
    desk.notifier = None
    assert "no notifier is set up" in desk.run([60])[0]


def test_no_address_is_kept(desk: Desk) -> None:
    desk.run([60, 40])
    with desk.warehouse.session() as session:
        rows = session.rows(f"select * from {desk.warehouse.quote(desk.warehouse.control, 'notices')}")
    assert len(rows) == 2
    assert "dana" not in str(rows)
