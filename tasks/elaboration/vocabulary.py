"""What a catalogue's metrics, dimensions and values are called: the only source of names that a proposal may hold."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tasks.elaboration.lexicon import FILLERS, GENERIC, PARTICIPLES, PREPOSITIONS, VALUE_TRANSLATIONS
from tasks.elaboration.text import Token, find_keys, find_stems, lower
from tasks.request_shape import Names

LONGEST_PHRASE, NEAR, SHORTEST_TYPO = 6, 88.0, 5
MOST_VALUES, SHORTEST_COLUMN = 20_000, 4
_WORD = re.compile(r"[^\W_]+")


class Words(Names, Protocol):
    """What is asked of a catalogue to understand prose, beside its names and labels."""

    def metric_descriptions(self) -> Mapping[str, str]:
        """Metric → what its project says of it."""

    def metric_synonyms(self) -> Mapping[str, Sequence[str]]:
        """Metric → what else people call it (`meta.synonyms`)."""

    def dimension_synonyms(self) -> Mapping[str, Sequence[str]]:
        """Dimension → what else people call it (`meta.synonyms`)."""


Values = Mapping[str, Sequence[str]]
"""Dimension → its values in the served release, as far as they were read."""


INITIALS = "initials"
"""What calls a value by them: it does in capitals only, as `us` is no country."""


@dataclass(frozen=True)
class PhraseWord:
    """A word of a name. plural: as the name has it, so that a verb is not taken for it."""

    word: str
    keys: frozenset[str]
    plural: bool


@dataclass(frozen=True)
class Phrase:
    """A way to call something. kind: `metric`, `dimension` or `value`; source: what called it so.

    value: of a dimension, as the data has it.
    """

    kind: str
    name: str
    words: tuple[PhraseWord, ...]
    wording: str
    source: str
    value: str = ""


class Vocabulary:
    """All phrases of a catalogue, found by the stems of their words.

    columns: names of the marts' columns, by which a figure is known that is no metric yet. unusable: what metrics are
    called that can't be shown → why.
    """

    def __init__(self, catalogue: Words, values: Values | None = None, columns: Iterable[str] = ()) -> None:
        self.catalogue = catalogue
        self.columns = tuple(dict.fromkeys(name.lower() for name in columns if len(name) > SHORTEST_COLUMN))
        self.values = values or {}
        labels = catalogue.unusable_labels()
        self.unusable = {
            called: reason
            for name, reason in catalogue.list_unusable().items()
            for called in (labels.get(name, name), name)
        }
        self.phrases = tuple(
            dict.fromkeys(
                (*_list_metrics(catalogue), *_list_dimensions(catalogue), *_list_values(self.values))
            )
        )
        self._by_key: dict[str, list[Phrase]] = defaultdict(list)
        for phrase in self.phrases:
            for key in {key for word in phrase.words for key in word.keys}:
                self._by_key[key].append(phrase)
        self._heads = _find_heads(self.phrases)
        self._typed = sorted(
            {word.word for phrase in self.phrases for word in phrase.words if phrase.kind != "value"}
        )

    def find_phrases(self, token: Token) -> list[Phrase]:
        """The phrases that have a word like this one."""
        return list({id(each): each for key in token.keys for each in self._by_key.get(key, ())}.values())

    def find_heads(self, token: Token) -> list[Phrase]:
        """The metrics whose name is about this word, as `Net revenue` is about revenue."""
        found = {id(each): each for key in token.keys for each in self._heads.get(key, ())}
        return list(found.values())

    def correct(self, token: Token) -> Token | None:
        """The token as the catalogue spells it, where it is nearly a word of it; None where it is known, or is none."""
        from rapidfuzz import fuzz, process

        if (
            len(token.low) < SHORTEST_TYPO
            or token.is_filler
            or any(key in self._by_key for key in token.keys)
        ):
            return None
        likely = [word for word in self._typed if len(word) >= SHORTEST_TYPO and word[0] == token.low[0]]
        found = process.extract(token.low, likely, scorer=fuzz.ratio, score_cutoff=NEAR, limit=2)
        if not found or (
            len(found) > 1
            and found[0][1] == found[1][1]
            and not find_keys(found[0][0]) & find_keys(found[1][0])
        ):
            return None
        word = found[0][0]
        return Token(token.text, word, find_keys(word), token.start, token.end, token.gap, token.clause)

    def split_compound(self, token: Token) -> tuple[frozenset[str], frozenset[str]] | None:
        """The keys of both parts of a German compound of known words, as in `Kundensegment`."""
        low = token.low
        if len(low) < 8 or any(key in self._by_key for key in token.keys):
            return None
        for cut in range(4, len(low) - 3):
            first, second = find_keys(low[:cut]), find_keys(low[cut:])
            if low[cut - 1] in "sn" and not self._knows(first):
                first = find_keys(low[: cut - 1])
            if self._knows(first) and self._knows(second):
                return first, second
        return None

    def _knows(self, keys: Iterable[str]) -> bool:
        return any(phrase.kind != "value" for key in keys for phrase in self._by_key.get(key, ()))


def read_words(text: str) -> list[str]:
    """The words of a name, fillers included, in small letters."""
    return _WORD.findall(lower(text))


def make_phrase(kind: str, name: str, wording: str, source: str, value: str = "") -> Phrase | None:
    """A phrase; None where its words say nothing, or are too many."""
    words = [word for word in read_words(wording) if word not in FILLERS]
    if not 0 < len(words) <= LONGEST_PHRASE:
        return None
    german = wording[:1].isupper()
    made = tuple(PhraseWord(word, find_stems(word), _is_plural(word, german)) for word in words)
    return Phrase(kind, name, made, wording, source, value)


def _is_plural(word: str, german: bool) -> bool:
    """True for an English plural, or, where it may be a German noun, one of its most usual plurals."""
    return (word.endswith("s") and not word.endswith("ss")) or (german and word.endswith(("en", "den")))


def _list_metrics(catalogue: Words) -> Iterator[Phrase]:
    labels, synonyms = catalogue.metric_labels(), catalogue.metric_synonyms()
    for name in catalogue.metric_names():
        wordings = {labels.get(name, ""): "label", name.replace("_", " "): "name"}
        wordings |= dict.fromkeys(synonyms.get(name, ()), "synonym")
        yield from _make_phrases("metric", name, wordings)


def _list_dimensions(catalogue: Words) -> Iterator[Phrase]:
    """Dimensions that are no time of a metric: time is asked for by its grain."""
    sources = {catalogue.source_of(metric) for metric in catalogue.metric_names()}
    times = {catalogue.time_of(source) for source in sources}
    labels, synonyms = catalogue.dimension_labels(), catalogue.dimension_synonyms()
    for name in sorted({each for source in sources for each in catalogue.dimensions_of(source)} - times):
        own = labels.get(name, ())
        wordings = dict.fromkeys((own,) if isinstance(own, str) else own, "label")
        wordings |= {name.replace("_", " "): "name"}
        wordings |= dict.fromkeys(synonyms.get(name, ()), "synonym")
        yield from _make_phrases("dimension", name, wordings)


def _make_phrases(kind: str, name: str, wordings: Mapping[str, str]) -> Iterator[Phrase]:
    for words, source in wordings.items():
        if phrase := make_phrase(kind, name, words, source):
            yield phrase


def _list_values(values: Values) -> Iterator[Phrase]:
    german = defaultdict(list)
    for word, english in VALUE_TRANSLATIONS.items():
        german[english.casefold()].append(word)
    left = MOST_VALUES
    for dimension, every in values.items():
        found = every[:left]
        for value in found:
            for wording in (value, *german.get(value.casefold(), ())):
                if phrase := make_phrase("value", dimension, wording, "value", value):
                    yield phrase
        for short, value in _find_initials(found).items():
            if phrase := make_phrase("value", dimension, short, INITIALS, value):
                yield phrase
        left -= len(found)


def _find_initials(values: Sequence[str]) -> dict[str, str]:
    """The initials of values of several capitalized words, as UK, where they stand for one value only and are none."""
    found: dict[str, list[str]] = defaultdict(list)
    for value in values:
        words = re.split(r"[\s-]+", value.strip())
        if len(words) > 1 and all(word[:1].isupper() for word in words):
            found["".join(word[0] for word in words)].append(value)
    known = {value.casefold() for value in values}
    return {
        short: each[0] for short, each in found.items() if len(each) == 1 and short.casefold() not in known
    }


def _find_heads(phrases: Iterable[Phrase]) -> dict[str, list[Phrase]]:
    """Stem → the metrics whose name is about a word of it: the last one before `of`, `from` and the like."""
    found: dict[str, list[Phrase]] = defaultdict(list)
    for phrase in phrases:
        if phrase.kind != "metric" or phrase.source == "name":
            continue
        head = _find_head(read_words(phrase.wording))
        for key in find_stems(head) if head else ():
            found[key].append(phrase)
    return found


def _find_head(words: Sequence[str]) -> str | None:
    stop = next((n for n, word in enumerate(words) if n and word in PREPOSITIONS), len(words))
    telling = [
        word for word in words[:stop] if word not in GENERIC | PARTICIPLES | FILLERS and not word.isdigit()
    ]
    if not telling or (words[stop - 1] != telling[-1] and words[stop - 1] not in PARTICIPLES and stop > 2):
        return None  # of `average order value`, which is about no orders
    return telling[-1]
