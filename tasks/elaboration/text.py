"""People's prose as sentences of tokens, with the stems by which words are compared. Nothing here knows a catalogue."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Protocol

from blocks.tracker.rich_text.plain_text import remove_invisible
from tasks.elaboration.lexicon import FILLERS, TRANSLATIONS

LONGEST_TEXT, MOST_SENTENCES, MOST_TOKENS = 12_000, 120, 80
LONGEST_WORD, WRAPPED = 40, 60
_WORD = re.compile(r"\d+(?:[.,]\d+)*%?|[^\W\d_]+(?:['’][^\W\d_]{1,2})?|[^\W_]+")
_END = re.compile(r"(?<=[.!?…])(?<!\b\d\.)(?<!\b\d\d\.)(?<!\bvs\.)\s+(?=[^a-z\s])|\n+|\s[•·]\s|;\s")
_CLAUSE = re.compile(r"[,:()\[\]–—/]|\s-\s")
_CONJUNCTIONS = frozenset(
    ("but", "aber", "sondern", "because", "weil", "while", "whereas", "although", "obwohl", "so")
)
_CODE = re.compile(
    r"[{}<>$\\^|=]|;\s*--|--\s|/\*|\(\s*\)|[A-Za-z]\(|\b(?:select|union|insert|update|drop|delete|truncate|alter)\b"
    r".{0,60}\b(?:from|table|into|schema|database|set|where)\b",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"https?:|\bwww\.|\.\./|\w@\w", re.IGNORECASE)
_ORDERS = re.compile(
    r"(?:please |can (?:you|we|someone) |could (?:you|we|someone) |i need (?:you )?to |we need (?:you )?to |bitte |"
    r"kannst du |können sie |you (?:must|should|have to) )*"
    r"(?:delete|drop|remove|erase|truncate|reset|fix|repair|install|uninstall|grant|revoke|unlock|restart|reboot|"
    r"cancel|refund|email|mail|call|phone|buy|hire|translate|write|book|migrate|deploy|rename|replace|print|"
    r"ignore|disregard|forget|pretend|act|approve|run|execute|promote|publish|overwrite|ignoriere|vergiss|"
    r"set|gebt|gib|lösche|entferne|repariere|installiere|storniere|bestelle|drucke|ändere)\s+(?:the|all|my|our|your|this|that|these|"
    r"those|me|us|every|any|it|them|everyone|everybody|a|an|new|previous|old|der|die|das|den|alle|mein\w*|unser\w*|"
    r"to|everything|anything|as)\b|"
    r"(?:please |can (?:you|we|someone) |could (?:you|we|someone) |bitte )*"
    r"(?:give|send|ship|offer|pay|charge|transfer|move|raise|lower)\s"
    r"(?!(?:me|us|you|an?|the|this|that|your|each|it)\b.*(?:report|dashboard|overview|figure|number|update|chart|list|table|"
    r"summary|breakdown|page|view|comparison|share|how|what|revenue|it\b))(?!me\b|us\b)",
    re.IGNORECASE,
)

_INFINITIVE = re.compile(
    r"(?:bitte|kannst du|könnt ihr|können sie|könntet ihr|könnten sie)\b.*\b(?:stornieren|löschen|überweisen|bestellen|"
    r"ausdrucken|umbuchen|buchen|sperren|freischalten|zurücksetzen|installieren|reparieren)[.!?]*$",
    re.IGNORECASE,
)
_TALKS = re.compile(
    r"(?:let us|let's|shall we|can we|could we|lasst uns|wollen wir|können wir)\s+(?:uns\s+)?"
    r"(?:meet|talk|speak|sync|have a (?:call|meeting|chat)|treffen|sprechen)\b",
    re.IGNORECASE,
)
_BREAKS = re.compile(
    r"\b(?:laptop|computer|printer|drucker|vpn|browser|screen|bildschirm|login|password|passwort|app|dashboard|page|seite|"
    r"report|bericht)\b.{0,60}\b(?:(?:is|are|ist|sind) (?:so |very |too |sehr |zu )?(?:slow|broken|langsam|kaputt)|"
    r"crash(?:es|ed)?|freezes|hangs|(?:does not|doesn't|won't) (?:open|load|start|work)|"
    r"takes? .{0,20}to (?:open|load|start))\b",
    re.IGNORECASE,
)
"""Of what is broken or slow, which is nothing to show."""


class _Stemmer(Protocol):
    """What is used of a Snowball stemmer."""

    def stemWord(self, word: str) -> str: ...  # noqa: N802  # the package's name


@dataclass(frozen=True)
class Token:
    """A word. low: in small letters; keys: what it is compared by; clause: which part of its sentence it is in.

    start, end: its place in the sentence; gap: what stands between it and the word before.
    """

    text: str
    low: str
    keys: frozenset[str]
    start: int
    end: int
    gap: str
    clause: int

    @property
    def is_filler(self) -> bool:
        """True for a word that says nothing by itself."""
        return self.low in FILLERS

    @property
    def is_capital(self) -> bool:
        """True for a word that begins with a capital."""
        return self.text[:1].isupper()

    @property
    def is_plural(self) -> bool:
        """True if it looks like an English plural, or is a German word that was translated."""
        german = self.low.endswith(("n", "e", "er")) and is_translated(self.low)
        return german or (self.low.endswith("s") and not self.low.endswith("ss"))


@dataclass
class Sentence:
    """A sentence of a title or a description. used: places of tokens that were understood.

    skipped: why it is not read at all; "" for one that is.
    """

    text: str
    tokens: tuple[Token, ...]
    in_title: bool = False
    skipped: str = ""
    used: set[int] = field(default_factory=set)

    @property
    def low(self) -> str:
        """All of it in small letters, place for place."""
        return lower(self.text)

    def use(self, start: int, end: int) -> None:
        """Mark the tokens between two places of the text as understood."""
        self.used |= {n for n, each in enumerate(self.tokens) if each.start < end and each.end > start}

    def list_unused(self) -> list[int]:
        """Places of the tokens that were not understood and say something."""
        return [n for n, each in enumerate(self.tokens) if n not in self.used and not each.is_filler]

    def read_clause(self, place: int) -> str:
        """The words of the clause around a token, in small letters."""
        number = self.tokens[place].clause
        return " ".join(each.low for each in self.tokens if each.clause == number)

    def read_before(self, place: int, count: int) -> str:
        """Up to so many words before a token, of its clause, in small letters."""
        number = self.tokens[place].clause
        return " ".join(
            each.low for each in self.tokens[max(place - count, 0) : place] if each.clause == number
        )


def lower(text: str) -> str:
    """Small letters, place for place: `İ` and its like, which would become two, stay."""
    return "".join(each.lower() if len(each.lower()) == 1 else each for each in text)


def read_sentences(title: str, lines: Sequence[str]) -> list[Sentence]:
    """The sentences of a title, and of the writer's own lines of a description."""
    found = [_make_sentence(*part, in_title=True) for part in _split(title[:300])]
    body = _join_wrapped(lines)[:LONGEST_TEXT]
    found += [_make_sentence(*part) for part in _split(body)]
    return [each for each in found if each.tokens][:MOST_SENTENCES]


def _join_wrapped(lines: Sequence[str]) -> str:
    """The lines, with those joined that an editor has only wrapped: long ones that end within a sentence."""
    found = ""
    for line in lines:
        last = found.rpartition("\n")[2].rstrip()
        wrapped = len(last) > WRAPPED and last[-1] not in ".!?:;" and line[:1].isalnum()
        found = f"{found.rstrip()} {line}" if wrapped else f"{found}\n{line}" if found else line
    return found


def _split(text: str) -> Iterator[tuple[str, str]]:
    """Sentences, each with why it is not read; of a line with code none is."""
    clean = unicodedata.normalize("NFKC", remove_invisible(text)).replace("’", "'")
    for line in clean.split("\n"):
        code = "looks like code" if _CODE.search(line) else ""
        for part in _END.split(line):
            if words := part.strip()[:1_000]:
                yield words, code or _find_reason_to_skip(words)


def _make_sentence(text: str, skipped: str, in_title: bool = False) -> Sentence:
    tokens: list[Token] = []
    clause, last = 0, 0
    for number, found in enumerate(_WORD.finditer(text)):
        if number == MOST_TOKENS:
            break
        gap = text[last : found.start()]
        low = lower(found[0])
        if tokens and (_CLAUSE.search(gap) or low in _CONJUNCTIONS):
            clause += 1
        last = found.end()
        tokens.append(Token(found[0], low, find_keys(low), found.start(), last, gap, clause))
    return Sentence(text, tuple(tokens), in_title, skipped)


def _find_reason_to_skip(text: str) -> str:
    """Why a sentence is not read: it holds an address, or asks for something to be done instead of to be shown."""
    if _ADDRESS.search(text):
        return "holds an address"
    words = text.strip(" -*>•\"'“„")
    if any(each.match(words) for each in (_ORDERS, _INFINITIVE, _TALKS)):
        return "asks for something to be done, not to be shown"
    if _BREAKS.search(words):
        return "asks about something that does not work"
    return ""


@lru_cache(maxsize=4_096)
def find_stems(word: str) -> frozenset[str]:
    """A word and its stems in English and German."""
    if len(word) > LONGEST_WORD:
        return frozenset((word,))
    english, german = _load_stemmers()
    return frozenset((word, english.stemWord(word), german.stemWord(word)))


@lru_cache(maxsize=4_096)
def find_keys(word: str) -> frozenset[str]:
    """What a word of prose is compared by: its stems, and those of its English translation."""
    keys = find_stems(word)
    translated = _load_translations()
    return keys.union(*(translated.get(key, frozenset()) for key in _list_german_forms(word)))


@lru_cache(maxsize=4_096)
def is_translated(word: str) -> bool:
    """True for a general German word, whose English is compared, too."""
    return bool(_list_german_forms(word) & _load_translations().keys())


def _list_german_forms(word: str) -> set[str]:
    return {word} if len(word) > LONGEST_WORD else {word, _load_stemmers()[1].stemWord(word)}


@cache
def _load_stemmers() -> tuple[_Stemmer, _Stemmer]:
    import snowballstemmer

    return snowballstemmer.stemmer("english"), snowballstemmer.stemmer("german")


@cache
def _load_translations() -> dict[str, frozenset[str]]:
    """German stem → stems of its English translations."""
    english, german = _load_stemmers()
    found: dict[str, frozenset[str]] = {}
    for word, others in TRANSLATIONS.items():
        stems = frozenset(key for other in others.split() for key in (other, english.stemWord(other)))
        for key in (word, german.stemWord(word)):
            found[key] = found.get(key, frozenset()) | stems
    return found
