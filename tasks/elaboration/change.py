"""A comment on a delivered dashboard, read as a change of its request: `add orders by segment`, `only Germany`.

A sentence is a change only if every word of it is understood. All else is for a person, and is never guessed at.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from blocks.records import Requirement
from blocks.tracker.description_template import list_own_lines, read_request
from blocks.tracker.request_lines import Line
from blocks.wishes import Filter
from tasks.elaboration.cues import Cue, find_cues
from tasks.elaboration.lexicon import ADDING, ASKING, DROPPING, INSTEAD, POLITE, SAYING, WISHING
from tasks.elaboration.mentions import ONLY, PLACES, Mention, find_mentions
from tasks.elaboration.text import Sentence, read_sentences
from tasks.elaboration.vocabulary import Vocabulary
from tasks.markdown import code, listed

ASKED = "What should change:"
"""What a page writes before the words of who asks for a change of it (`askForChange` in share.js)."""
CHANGEABLE = (
    "analysis",
    "metrics",
    "dimensions",
    "data_sources",
    "filters",
    "period",
    "comparison",
    "grain",
    "target",
    "cadence",
    "chart",
)
"""Parts of a request that a comment may change; names of people and addresses are changed on the ticket itself."""
MOST_UNREAD = 5
_Mode = Literal["", "add", "drop", "only"]


def write_fields(requirement: Requirement) -> dict[str, str]:
    """The parts of a request that a comment may change, as they are written."""
    lines = requirement.wishes.list_lines()
    found = {
        "analysis": requirement.analysis.value,
        "metrics": ", ".join(requirement.metrics),
        "dimensions": ", ".join(requirement.dimensions),
        "data_sources": ", ".join(requirement.sources),
        **{name: lines[name] for name in CHANGEABLE if name in lines},
    }
    return {name: text for name, text in found.items() if text}


@dataclass
class Change:
    """What comments say of a request. fields: its parts as they are to be; filters: by dimension; why: part → the words
    that say so.

    unread: what could not be read, and why, in Markdown.
    """

    fields: dict[str, str]
    filters: dict[str, Filter] = field(default_factory=dict)
    why: dict[str, list[str]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)


class _UnreadError(Exception):
    """A sentence that is no change; its text says why, or nothing."""


def read_change(
    bodies: Sequence[str],
    fields: Mapping[str, str],
    filters: Sequence[Filter],
    vocabulary: Vocabulary,
    today: date,
) -> Change:
    """What people's comments, in their order, make of a request. fields: part → text, as it is now."""
    change = Change(dict(fields), {each.dimension: each for each in filters})
    for body in bodies:
        _read_comment(body.rpartition(ASKED)[2], change, vocabulary, today)
    change.unread = list(dict.fromkeys(change.unread))[:MOST_UNREAD]
    return change


def _read_comment(body: str, change: Change, vocabulary: Vocabulary, today: date) -> None:
    reading = read_request(body)
    for name, text in reading.fields.items():
        if name in CHANGEABLE:
            _set(change, name, ", ".join(text.split("\n")), f"{name.replace('_', ' ')}: {text}")
        else:
            change.unread.append(f"{code(name.replace('_', ' '))} is changed on the ticket itself")
    change.unread += [code(f"{each.name}: {each.text}") for each in reading.unplaced]
    placed = {each.name for each in reading.unplaced}
    for sentence in read_sentences("", list(_list_prose(body, reading.fields.keys() | placed))):
        if all(each.is_filler or each.low in POLITE for each in sentence.tokens):
            continue  # `thank you`
        before = copy.deepcopy((change.fields, change.filters, change.why))
        try:
            _read_sentence(sentence, change, vocabulary, today)
        except _UnreadError as reason:
            change.fields, change.filters, change.why = before
            more = f": {reason}" if str(reason) else ""
            change.unread.append(f"{code(sentence.text)}{more}")


def _list_prose(body: str, named: set[str]) -> Iterator[str]:
    """The lines of a comment that are no part of a request as `Metrics: orders` is."""
    for each in list_own_lines(body.split("\n")):
        line = Line.parse(each)
        if not ((line.field in named or line.name in named) and (line.separated or line.heading)):
            yield each


def _set(change: Change, name: str, value: str, typed: str) -> None:
    if value != change.fields.get(name, ""):
        change.fields[name] = value
        change.why.setdefault(name, []).append(code(typed))


def _read_sentence(sentence: Sentence, change: Change, vocabulary: Vocabulary, today: date) -> None:
    """Make a sentence's change. Raises _UnreadError where a word of it is not understood, or it says nothing."""
    if sentence.skipped and not _begins_with_change(sentence):
        raise _UnreadError(sentence.skipped)
    sentence.skipped = ""
    words = [each.low for each in sentence.tokens]
    if words[0] in ASKING or (SAYING.intersection(words) and not WISHING.intersection(words)):
        raise _UnreadError
    cues = [each for each in find_cues(sentence, 0, today) if each.field in CHANGEABLE]
    plain = [each for each in cues if each.strength > 1]
    cued = {place for each in plain for place in _list_places(sentence, each)}
    weak = {place for each in cues if each.field == "grain" for place in _list_places(sentence, each)} - cued
    found = sorted(find_mentions([sentence], vocabulary), key=lambda each: each.first)
    mentions = [each for each in found if not cued & set(range(each.first, each.end))]
    taken = {place for each in mentions for place in range(each.first, each.end)}
    known = {place for place, each in enumerate(sentence.tokens) if each.is_filler or each.low in _KNOWN}
    if weak or set(range(len(sentence.tokens))) - taken - cued - known:
        raise _UnreadError
    if not (plain or mentions):
        raise _UnreadError
    before = dict(change.fields)
    charts = any(each.field == "chart" for each in plain)
    for cue in plain:
        if cue.field != "analysis" or not (mentions or charts):
            _set(change, cue.field, cue.value, cue.typed)
    begun: set[str] = set()
    for mention, mode in _list_modes(sentence, mentions):
        if mention.kind == "value":
            _apply_value(mention, mode, sentence, change, vocabulary, begun)
        else:
            _apply_name(mention, mode, change, begun)
    if change.fields == before:
        raise _UnreadError("it is so already")


def _list_places(sentence: Sentence, cue: Cue) -> Iterator[int]:
    """The places of a cue's words."""
    for place, token in enumerate(sentence.tokens):
        if token.start < cue.end and token.end > cue.start:
            yield place


_KNOWN = frozenset((*ADDING, *DROPPING, *INSTEAD, *POLITE, *ONLY, *PLACES, "by", "nach", "je", "and", "und"))


def _begins_with_change(sentence: Sentence) -> bool:
    """True for `remove refunds`, which in a new request would ask for something to be done."""
    words = [each.low for each in sentence.tokens if each.low not in POLITE]
    return sentence.skipped.startswith("asks") and words[:1] != [] and words[0] in (*ADDING, *DROPPING)


def _list_modes(sentence: Sentence, mentions: Sequence[Mention]) -> Iterator[tuple[Mention, _Mode]]:
    """Each mention with what the words before it say is to become of it."""
    mode: _Mode = ""
    at = 0
    for mention in mentions:
        for token in sentence.tokens[at : mention.first]:
            if token.low in (*DROPPING, *INSTEAD):
                mode = "drop"
            elif token.low in ADDING:
                mode = "add"
            elif token.low in ONLY:
                mode = "only"
        at = mention.end
        yield mention, mode


def _apply_name(mention: Mention, mode: _Mode, change: Change, begun: set[str]) -> None:
    """A metric or dimension more, or less, or alone. begun: parts of which the sentence has said what is left."""
    part = "metrics" if mention.kind == "metric" else "dimensions"
    current = [each for each in change.fields.get(part, "").split(", ") if each]
    fitting = [each for each in mention.names if mode == "only" or (each in current) == (mode == "drop")]
    if len(fitting) > 1:
        raise _UnreadError(f"{code(mention.typed)} can be {listed(fitting)}")
    if not fitting and mode == "drop":
        raise _UnreadError(f"{code(mention.typed)} is not shown")
    if mode == "drop":
        kept = [each for each in current if each not in fitting]
    elif mode == "only" and part not in begun:
        kept = fitting
        begun.add(part)
    else:
        kept = [*current, *fitting]
    if part == "metrics" and not kept:
        raise _UnreadError("nothing would be left to show")
    _set(change, part, ", ".join(dict.fromkeys(kept)), mention.typed)


def _apply_value(
    mention: Mention,
    mode: _Mode,
    sentence: Sentence,
    change: Change,
    vocabulary: Vocabulary,
    begun: set[str],
) -> None:
    """A value is what is shown alone, as in `only Germany`, or one more or less of those that are."""
    words = vocabulary.catalogue
    metrics = [each for each in change.fields.get("metrics", "").split(", ") if each]
    known = [set(words.dimensions_of(words.source_of(metric))) for metric in metrics]
    names = [each for each in mention.names if all(each in names for names in known)]
    names = [each for each in names if each in change.fields.get("dimensions", "").split(", ")] or names
    if len(names) != 1:
        why = f"can be of {listed(names)}" if names else "is a value that these metrics don't have"
        raise _UnreadError(f"{code(mention.typed)} {why}")
    (name,), value = names, mention.value
    before = sentence.tokens[mention.first - 1].low if mention.first else ""
    alone = mode == "only" or mention.only or (before in PLACES and mode != "drop")
    current = change.filters.get(name)
    if name not in begun and alone:
        current = Filter(dimension=name)
        begun.add(name)
    elif current is None and mode == "drop":
        current = Filter(dimension=name, excluded=True)
    elif current is None or (name not in begun and (not mode or current.is_range)):
        raise _UnreadError("say `only` before the values that are to be left")
    if (mode == "drop") is current.excluded:
        values = tuple(dict.fromkeys((*current.values, value)))
    else:
        values = tuple(each for each in current.values if each != value)
    if not values and not current.excluded:
        raise _UnreadError("nothing would be left to show")
    change.filters[name] = current.model_copy(update={"values": values})
    if not values:
        del change.filters[name]
    _set(change, "filters", "; ".join(map(str, change.filters.values())), mention.typed)
