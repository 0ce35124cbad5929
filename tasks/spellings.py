"""How people write names that the catalogue knows: with blanks, as labels, in plural, with quotes or `and` beside."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

MOST_JOINED, MOST_HINTS, MOST_COMPARED, NEAR = 4, 2, 20, 0.6
_AND = re.compile(r"\s+(?:and|und|plus|as well as|&)\s+", re.IGNORECASE)
_BEFORE = re.compile(r"^(?:(?:and|und|or|also|plus|the|our|my|please|only|just)\s+)+", re.IGNORECASE)
BY = re.compile(
    r"^(?:(?:and|split|sliced|grouped|broken|down|by|per|pro|je|nach|for|each)\s+)+", re.IGNORECASE
)
"""What people write before a dimension."""
_COUNTING = re.compile(
    r"^(?:(?:#|how (?:many|much)|number|numbers|nr\.?|no\.?|num|count|amount|sum|total|overall|all|the|of)\s+)+"
    r"|(?:\s+(?:count|number|numbers|total|totals|amount|figures?|kpis?|metrics?|trend|development))+$",
    re.IGNORECASE,
)
_SPLIT = re.compile(
    r"\s+(?:by|per|split|sliced|grouped|broken|over|in|for|during|since|last|this|each|every)\b.*$",
    re.IGNORECASE,
)
"""What people write around a metric: how it is counted, and by what it is split."""
_AROUND = frozenset("\"'“”‘’«»„‚`*_.,;:!…·()[]<>")
Labels = Mapping[str, str | Sequence[str]]


class Spellings:
    """The ways to write known names. A label that two names share stands for none of them.

    known: the names; labels: name → what dashboards call it, in one or several ways; before: words before a name
    that don't belong to it.
    """

    def __init__(self, known: Sequence[str], labels: Labels, before: re.Pattern[str] = _BEFORE) -> None:
        self.known, self._before = tuple(known), before
        meant: dict[str, set[str]] = defaultdict(set)
        for name in known:
            own = labels.get(name, ())
            for label in (own,) if isinstance(own, str) else own:
                meant[_spell(label)].add(name)
        self.shared = {spelling: sorted(names) for spelling, names in meant.items() if len(names) > 1}
        self.names = {spelling: min(names) for spelling, names in meant.items() if len(names) == 1}
        self.names |= {_spell(name): name for name in known} | {name: name for name in known}

    def find(self, text: str) -> list[str]:
        """The names that a text means: one, or several with `and` between them; none if one is not known."""
        if name := self._find_one(text):
            return [name]
        found = [self._find_one(part) for part in _AND.split(text) if part]
        return [name for name in found if name] if found and all(found) else []

    def split(self, text: str) -> Iterator[str]:
        """The words of a list with commas; a comma inside a known label does not end it."""
        parts = text.split(",")
        while parts:
            joined = (count for count in range(min(len(parts), MOST_JOINED), 1, -1))
            length = next((count for count in joined if self._find_one(",".join(parts[:count]))), 1)
            yield ",".join(parts[:length])
            parts = parts[length:]

    def find_shared(self, text: str) -> list[str]:
        """The names that share a label."""
        return next((self.shared[form] for form in self._list_forms(text) if form in self.shared), [])

    def suggest(self, text: str) -> list[str]:
        """The names that may be meant, the likeliest first."""
        form = _spell(self._before.sub("", _BEFORE.sub("", _strip(text[:100]))))
        spelled = {_spell(spelling): name for spelling, name in self.names.items()}
        words = set(form.split("_"))
        near = difflib.get_close_matches(form, spelled, n=MOST_COMPARED, cutoff=NEAR / 2)
        near += [each for each in spelled if words & set(each.split("_"))][:MOST_COMPARED]
        scores: dict[str, float] = {}
        for spelling in dict.fromkeys(near):
            name = spelled[spelling]
            scores[name] = max(_score_likeness(form, spelling), scores.get(name, 0))
        best = [name for _, name in sorted((-score, name) for name, score in scores.items() if score >= NEAR)]
        core = self._find_one(_COUNTING.sub("", _COUNTING.sub("", _SPLIT.sub("", _strip(text[:100])))))
        return list(dict.fromkeys([core, *best] if core else best))[:MOST_HINTS]

    def _list_forms(self, text: str) -> Iterator[str]:
        """A text as names may be spelled, the most faithful form first."""
        bare = _strip(text)
        alone = _BEFORE.sub("", bare)
        for each in dict.fromkeys((text, bare, alone, self._before.sub("", alone))):
            form = _spell(each)
            yield form
            yield from _inflect(form)

    def _find_one(self, text: str) -> str | None:
        return self.names.get(text) or next(
            (self.names[form] for form in self._list_forms(text) if form in self.names), None
        )


def _strip(text: str) -> str:
    """Text without quotes, emphasis, emoji and full stops around it."""
    start, end = 0, len(text)
    while start < end and _is_around(text[start]):
        start += 1
    while end > start and _is_around(text[end - 1]):
        end -= 1
    return text[start:end]


def _is_around(sign: str) -> bool:
    return sign in _AROUND or sign.isspace() or unicodedata.category(sign) == "So"


def _inflect(form: str) -> Iterator[str]:
    """Singular of a plural, and plural of a singular."""
    if form.endswith("ies"):
        yield f"{form[:-3]}y"
    if form.endswith("s"):
        yield form[:-1]
    else:
        yield f"{form}s"


def _spell(text: str) -> str:
    return re.sub(r"[\s_\-\u2010-\u2015\u2212]+", "_", unicodedata.normalize("NFKC", text).casefold().strip())


def _score_likeness(text: str, spelling: str) -> float:
    """How alike two spellings are, from 0 to 1: half sign by sign, half word by word in any order."""
    words, others = text.split("_"), spelling.split("_")
    if sorted(words) == sorted(others):
        return 1
    matched = sum(len(word) * max(_compare_letters(word, other) for other in others) for word in words)
    matched += sum(len(other) * max(_compare_letters(word, other) for word in words) for other in others)
    return _compare_letters(text, spelling) / 2 + matched / max(sum(map(len, (*words, *others))), 1) / 2


def _compare_letters(first: str, second: str) -> float:
    return difflib.SequenceMatcher(None, first, second, autojunk=False).ratio()
