"""Things that prose asks for and that no metric or dimension of the catalogue is called like."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tasks.elaboration.lexicon import GENERIC, UNITS, WEEKDAYS
from tasks.elaboration.mentions import ARTICLES, SHOWING
from tasks.elaboration.proposal import Missing
from tasks.elaboration.text import Sentence, find_stems, lower
from tasks.elaboration.vocabulary import Vocabulary

MOST = 4
MEASURES = frozenset(
    [
        "margin",
        "margins",
        "profit",
        "profits",
        "profitability",
        "churn",
        "conversion",
        "conversions",
        "cost",
        "costs",
        "expense",
        "expenses",
        "nps",
        "satisfaction",
        "headcount",
        "traffic",
        "clicks",
        "impressions",
        "ctr",
        "ebitda",
        "cashflow",
        "inventory",
        "stock",
        "utilisation",
        "utilization",
        "occupancy",
        "leads",
        "bounce",
        "lifetime",
        "ltv",
        "cac",
        "arpu",
        "mrr",
        "arr",
        "gewinn",
        "gewinne",
        "marge",
        "margen",
        "deckungsbeitrag",
        "kosten",
        "zufriedenheit",
        "bestand",
        "lagerbestand",
        "auslastung",
        "besucher",
        "klicks",
        "konversion",
        "kündigungsrate",
        "abwanderung",
        "salary",
        "salaries",
        "wages",
        "delay",
        "delays",
        "punctuality",
        "complaints",
        "beschwerden",
        "emissions",
        "discount",
        "discounts",
        "rabatt",
        "rabatte",
        "forecast",
        "prognose",
        "shrinkage",
        "turnover",
        "overtime",
        "sickness",
    ]
)
"""Words of business that stand for figures."""
_COUNTED = frozenset(
    ("number", "count", "anzahl", "many", "average", "durchschnittliche", "durchschnittlicher", "total")
)
_MORE = frozenset(("and", "also", "plus", "und", "auch", "außerdem"))
_BY = frozenset(("by", "per", "nach", "pro", "je"))
_NO_SPLIT = frozenset(
    [
        "hand",
        "mail",
        "email",
        "e-mail",
        "phone",
        "mistake",
        "accident",
        "default",
        "law",
        "now",
        "then",
        "us",
        "me",
        "you",
        "him",
        "her",
        "them",
        "the",
        "way",
        "our",
        "chance",
        "next",
        "end",
        "today",
        "tomorrow",
        "night",
        "morning",
        "noon",
        "far",
        "itself",
        "themselves",
        "se",
        "cent",
        "order",
        "request",
        "design",
        "nature",
        "definition",
        "hause",
        "möglichkeit",
        "wie",
        "dem",
        "oben",
        "unten",
        "links",
        "rechts",
        "vorne",
        "hinten",
        "person",
        "us",
        "ours",
    ]
)


def find_missing(sentences: Sequence[Sentence], vocabulary: Vocabulary) -> list[Missing]:
    """What is asked for and is not there: figures, then splits."""
    found: dict[str, Missing] = {}
    columns = [_Name.read(name) for name in vocabulary.columns]
    unusable = [_Name.read(name, reason) for name, reason in vocabulary.unusable.items()]
    for sentence in sentences:
        if not sentence.skipped:
            for each in (
                *_find_names(sentence, [*unusable, *columns]),
                *_find_metrics(sentence),
                *_find_splits(sentence),
            ):
                if not any(each.words.casefold() in known for known in found):
                    found[each.words.casefold()] = each
    return list(found.values())[:MOST]


@dataclass(frozen=True)
class _Name:
    """What a column or a metric is called, as the stems of its words. reason: why the metric can't be shown."""

    words: tuple[frozenset[str], ...]
    reason: str = ""

    @classmethod
    def read(cls, name: str, reason: str = "") -> _Name:
        return cls(tuple(find_stems(word) for word in re.split(r"[\W_]+", lower(name)) if word), reason)


def _find_names(sentence: Sentence, names: Sequence[_Name]) -> Iterator[Missing]:
    """Words asked for that name a metric which can't be shown, or a column that is no metric or dimension yet."""
    unused = set(sentence.list_unused())
    for place in sorted(unused):
        goes_on = sentence.tokens[0].low in _MORE
        if not (sentence.in_title or goes_on or SHOWING.search(sentence.read_clause(place))):
            continue
        for name in names:
            span = range(place, place + len(name.words))
            here = all(
                at in unused and sentence.tokens[at].keys & stems
                for at, stems in zip(span, name.words, strict=True)
            )
            if here and name.words:
                before = sentence.tokens[place - 1].low if place else ""
                kind = "dimension" if before in _BY and not name.reason else "metric"
                tokens = sentence.tokens[place : place + len(name.words)]
                words = sentence.text[tokens[0].start : tokens[-1].end]
                yield Missing(kind=kind, words=words, reason=name.reason)
                break


def _find_metrics(sentence: Sentence) -> Iterator[Missing]:
    unused = set(sentence.list_unused())
    for place, token in enumerate(sentence.tokens):
        if place not in unused:
            continue
        asked = sentence.in_title or SHOWING.search(sentence.read_clause(place))
        before = next(
            (each.low for each in reversed(sentence.tokens[:place]) if each.low not in (*ARTICLES, "of")), ""
        )
        counted = (
            before in _COUNTED and token.low.isalpha() and len(token.low) > 3 and token.low not in GENERIC
        )
        if asked and (token.low in MEASURES or (counted and token.is_plural and token.low not in UNITS)):
            yield Missing(kind="metric", words=_read_around(sentence, place, unused))


def _read_around(sentence: Sentence, place: int, unused: set[int]) -> str:
    """A word with the word before and after it, where they belong to it."""
    tokens, first, end = sentence.tokens, place, place + 1
    before = tokens[place - 1].low if place else ""
    if (
        place - 1 in unused
        and not tokens[place].gap.strip()
        and not SHOWING.search(before)
        and len(before) > 3
    ):
        first = place - 1
    if end in unused and end < len(tokens) and tokens[end].low in GENERIC and not tokens[end].gap.strip():
        end += 1
    return sentence.text[tokens[first].start : tokens[end - 1].end]


def _find_splits(sentence: Sentence) -> Iterator[Missing]:
    unused = set(sentence.list_unused())
    for place, token in enumerate(sentence.tokens[:-1]):
        if token.low not in _BY:
            continue
        at = place + 1
        while at < len(sentence.tokens) - 1 and sentence.tokens[at].low in ARTICLES:
            at += 1
        word = sentence.tokens[at]
        known = word.low in UNITS or word.low in WEEKDAYS or word.low in _NO_SPLIT or word.low[:1].isdigit()
        if (
            at in unused
            and not known
            and len(word.low) > 2
            and not word.low.endswith("ing")
            and word.low not in MEASURES
        ):
            yield Missing(kind="dimension", words=word.text)
