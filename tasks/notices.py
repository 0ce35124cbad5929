"""Subscribers of a dashboard: told of new figures once it went out, and of alerts as a metric crosses a line and back.

Only what readers see is told: this comes after the gate, the promotion and the publishing. What was told last is kept
by topic, a hash, so that a run that finds the same figures again says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prefect import get_run_logger, task

from blocks.errors import PlatformError
from blocks.hashing import hash_text
from blocks.notifier.base import Message, Notifier
from blocks.records import Publication
from blocks.site.base import Card
from blocks.site.html.headline import Headline, Reading, read_headline
from blocks.site.number_format import write_day
from blocks.warehouse.base import Warehouse
from blocks.warehouse.notices import read_notices, write_notices
from blocks.wishes import Alert
from tasks.markdown import count_of

CROSSED, WELL = "crossed", "well"


@task(name="tell subscribers", persist_result=False)
def tell_subscribers(
    notifier: Notifier | None,
    warehouse: Warehouse,
    run: str,
    cards: Sequence[Card],
    publications: Sequence[Publication],
) -> list[Publication]:
    """Tell each dashboard's subscribers; return the publications with what their tickets hear of it.

    A message that can't be sent ends nothing: its ticket says so, and the next run tries it again.
    """
    by_name = {card.dashboard.name: card for card in cards}
    known: dict[str, str] | None = None
    found = []
    for publication in publications:
        card = by_name.get(publication.dashboard)
        if card is None or publication.error is not None or not card.dashboard.wishes.subscribers:
            found.append(publication)
            continue
        if known is None:
            known = read_notices(warehouse)
        notes = _tell(notifier, warehouse, run, card, publication, known)
        found.append(publication.model_copy(update={"asked": (*publication.asked, *notes)}))
    return found


def _tell(
    notifier: Notifier | None,
    warehouse: Warehouse,
    run: str,
    card: Card,
    publication: Publication,
    known: dict[str, str],
) -> list[str]:
    """Tell one dashboard's subscribers; what its ticket hears."""
    subscribers = card.dashboard.wishes.subscribers
    if notifier is None:
        return [f"Nobody was told of it: no notifier is set up here, and {len(subscribers)} subscribed."]
    if any(choice.live for choice in card.choices):
        return ["Nobody was told of its figures: it reads live data, of which there is no copy to tell from."]
    try:
        headline = read_headline(card, card.dashboard.wishes.alerts)
    except PlatformError as error:
        get_run_logger().warning("subscribers of %s were not told: %s", card.dashboard.name, error)
        return [f"Nobody was told of it: {error}"]
    told, lines = 0, []
    for subscriber in subscribers:
        if fault := notifier.find_fault(subscriber):
            lines.append(f"{subscriber} was not told: {fault}.")
            continue
        for topic, state, message in _list_news(card, publication, headline, subscriber, known):
            try:
                if message is not None:
                    notifier.send(message)
                    told += 1
                write_notices(warehouse, run, {topic: state})
            except PlatformError as error:
                get_run_logger().warning("a subscriber of %s was not told: %s", card.dashboard.name, error)
                lines.append(f"{subscriber} was not told: {error}")
                break
    how = "went to its subscribers." if notifier.sends else "for its subscribers, kept as files and not sent."
    return [*([f"{count_of(told, 'message')} {how}"] if told else []), *lines]


def _list_news(
    card: Card, publication: Publication, headline: Headline, subscriber: str, known: dict[str, str]
) -> Iterator[tuple[str, str, Message | None]]:
    """(topic, its new state, message) of all that has changed for a subscriber; no message: only to be remembered."""
    name, wishes = card.dashboard.name, card.dashboard.wishes
    topic = hash_text(f"{name}\n{subscriber.casefold()}")
    state = hash_text("\n".join((str(card.as_of), headline.period, *headline.figures)))
    if known.get(topic) != state:
        yield topic, state, _write_news(card, publication, headline, subscriber, f"{topic}-{state}")
    for alert, reading in zip(wishes.alerts, headline.readings, strict=True):
        if reading.value is None:
            continue
        topic = hash_text(f"{name}\n{subscriber.casefold()}\n{alert}")
        state = CROSSED if alert.is_crossed(reading.value) else WELL
        before = known.get(topic, WELL)
        if state != before:
            mark = f"{topic}-{hash_text(f'{state} {reading.when} {reading.text}')}"
            yield topic, state, _write_alert(card, publication, alert, reading, subscriber, mark)
        elif topic not in known:
            yield topic, state, None


def _write_news(
    card: Card, publication: Publication, headline: Headline, subscriber: str, name: str
) -> Message:
    when = f", to {write_day(card.as_of)}" if card.as_of else ""
    lines = headline.period, "\n".join(headline.figures)
    if card.dashboard.wishes.audience:  # a message would show them to whoever gets it
        lines = "", "It has new figures."
    return _make_message(
        card, publication, subscriber, name, f"{card.dashboard.title}: new figures{when}", lines
    )


def _write_alert(
    card: Card, publication: Publication, alert: Alert, reading: Reading, subscriber: str, name: str
) -> Message:
    crossed = reading.value is not None and alert.is_crossed(reading.value)
    side = "above" if alert.above is crossed else "below"
    again = "" if crossed else "again "
    subject, line = card.dashboard.title, f"{reading.label} crossed the line that you asked about."
    if not card.dashboard.wishes.audience:
        is_at = f"{reading.label} is {reading.text}, {again}{side} {reading.line}"
        if not crossed and reading.text == reading.line:
            is_at = f"{reading.label} is {reading.text}, at the line again"
        subject, line = f"{is_at}: {subject}", f"{is_at} ({reading.when})." if reading.when else f"{is_at}."
    return _make_message(card, publication, subscriber, name, subject, (line,))


def _make_message(
    card: Card, publication: Publication, subscriber: str, name: str, subject: str, lines: Sequence[str]
) -> Message:
    """A message with the dashboard's address, and its picture if that is for everybody."""
    return Message(
        name=name,
        subscriber=subscriber,
        subject=subject,
        lines=tuple(line for line in lines if line),
        foot=_write_foot(card),
        url=publication.url,
        picture=None if card.dashboard.wishes.audience else publication.image,
    )


def _write_foot(card: Card) -> str:
    gate = card.gate
    passed = f"{len(gate.checks) - len(gate.failures)} of {len(gate.checks)} checks passed. " if gate else ""
    where = f"ticket {card.dashboard.ticket}" if card.dashboard.ticket else "the dashboard's exposure in dbt"
    return f"{passed}Run {card.run}. You are a subscriber by {where}: take yourself off there."
