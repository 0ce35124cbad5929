"""What a request wished a workbook to open with: values of filters and days, written again with each release.

Readers can choose others. What the data don't have, or a workbook can't be told, is said as a note.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from blocks.catalogue import Dataset
from blocks.site.base import Card
from blocks.site.extract import Extract
from blocks.site.opening import describe_missing_values, describe_wishes, find_days
from blocks.site.periods import find_bucket, finish
from blocks.site.tableau.workbook.parameters import quote_text
from blocks.wishes import AGAINST, Filter

_UNSAFE = frozenset('"\\')


@dataclass(frozen=True)
class Presets:
    """Of one dataset. members: dimension → its chosen values as a filter writes them; days: first and last, if set.

    excluded: the dimensions whose members are those left out.
    """

    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    first: date | None = None
    last: date | None = None
    excluded: frozenset[str] = frozenset()


def find_presets(card: Card, place: int) -> Presets:
    """What the filters of one of the card's datasets open with. place: the dataset's, counted from 0."""
    members = {
        wish.dimension: tuple(_write_member(value) for value, _ in values)
        for wish in card.dashboard.wishes.filters
        if (values := _list_values(card, place, wish))
    }
    first, last = _find_days(card, card.datasets[place])
    excluded = frozenset(wish.dimension for wish in card.dashboard.wishes.filters if wish.excluded)
    return Presets(members, first, last, excluded & members.keys())


def list_notes_on_wishes(card: Card) -> list[str]:
    """What a workbook opens with, as it was asked for; and what of that it does otherwise, or not at all."""
    wishes = card.dashboard.wishes
    found = describe_wishes(wishes, ("filters", "period", "comparison", "grain", "target", "audience"))
    for wish in wishes.filters:
        places = range(len(card.datasets))
        there = [label for place in places for _, label in _list_values(card, place, wish)]
        found += describe_missing_values(wish, there)
    if any(target.against for target in wishes.targets):
        found.append(
            f"A target that is the {' or '.join(AGAINST.values())} is judged for the last finished time of the grain "
            "that is chosen, and drawn as no line."
        )
    return found


def _find_days(card: Card, dataset: Dataset) -> tuple[date | None, date | None]:
    span = card.dashboard.wishes.period
    if span is None or not dataset.time or not card.as_of:
        return None, None
    today = datetime.now(ZoneInfo(card.time_zone) if card.time_zone else UTC).date()
    newest = finish(find_bucket(date.fromisoformat(card.as_of[:10]), dataset.grain), dataset.grain)
    return find_days(span, min(newest, today - timedelta(days=1)), today)


def _list_values(card: Card, place: int, wish: Filter) -> list[tuple[object, str]]:
    """The values of a dataset that a filter names, as its rows have them and as they are shown.

    Those of a dataset that the site reads itself are in a file of their own. Without any file: those that it names.
    """
    dataset, path = card.datasets[place], card.extracts[place]
    if wish.dimension not in dataset.dimensions:
        return []
    path = card.values[place].get(wish.dimension, path) if card.values else path
    if not path.is_file():
        return [(value, value) for value in wish.values if _is_told(value)]
    with Extract(dataset, path) as extract:
        return [pair for pair in extract.list_values(wish) if _is_told(pair[0])]


def _is_told(value: object) -> bool:
    """True if a workbook's filter can name a value of the data."""
    return value is not None and (
        not isinstance(value, str) or (value.isprintable() and _UNSAFE.isdisjoint(value))
    )


def _write_member(value: object) -> str:
    """A value as a filter's `member` writes it: text in quotes, days between #, numbers and booleans as they are."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date):
        return f"#{value.isoformat().replace('T', ' ')}#"
    return quote_text(value) if isinstance(value, str) else str(value)


def list_members(values: Sequence[str], level: str) -> list[dict[str, str]]:
    """The attributes of the members of a filter, a dictionary each."""
    return [{"function": "member", "level": level, "member": value} for value in values]
