"""Where prose mentions metrics, dimensions and values of a vocabulary, and how: asked for, negated, or by the way."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

from tasks.elaboration.lexicon import COMMON_VALUES, CONDITIONS, FILLERS, LINKS, NO_CONDITION, ONE_UNIT
from tasks.elaboration.text import Sentence, Token
from tasks.elaboration.vocabulary import INITIALS, Phrase, PhraseWord, Vocabulary

ARTICLES = frozenset(
    [
        "the",
        "a",
        "an",
        "our",
        "their",
        "my",
        "his",
        "her",
        "its",
        "your",
        "of",
        "der",
        "die",
        "das",
        "dem",
        "den",
        "des",
        "unser",
        "unsere",
        "unseren",
        "unserer",
    ]
)
BY = frozenset(
    [
        "by",
        "per",
        "across",
        "among",
        "between",
        "each",
        "every",
        "single",
        "different",
        "individual",
        "which",
        "what",
        "nach",
        "pro",
        "je",
        "jede",
        "jedes",
        "jeder",
        "jeden",
        "welche",
        "welcher",
        "welches",
        "einzelne",
        "einzelnen",
        "einzelner",
        "verschiedene",
        "verschiedenen",
    ]
)
REST = frozenset(["other", "others", "all", "any", "none", "unknown", "andere", "anderen", "alle", "keine"])
ONLY = frozenset(["only", "just", "nur", "ausschließlich", "solely"])
LONGEST_CONDITION = 6
PLACES = frozenset(["in", "for", "from", "within", "aus", "für", "innerhalb", "at", "to"])
COUNTING = frozenset(["many", "number", "count", "total", "anzahl", "viele", "zahl", "volume", "of"])
SHOWING = re.compile(
    r"show|see|want|need|display|chart|plot|track|compare|view|report|give|know|monitor|list|includ|zeig|brauch|"
    r"möchte|"
    r"seh|hätte|woll|will|vergleich|benötig|darstell|bitte|about|regarding|über|figures|numbers|overview|trend"
)
AFTER_COUNT = frozenset(
    [
        "by",
        "per",
        "over",
        "each",
        "trend",
        "trends",
        "count",
        "counts",
        "volume",
        "nach",
        "pro",
        "je",
        "vs",
        "versus",
    ]
)
VERBS = frozenset(
    [
        "to",
        "who",
        "complain",
        "complained",
        "ask",
        "asked",
        "want",
        "wanted",
        "are",
        "is",
        "were",
        "was",
        "have",
        "had",
        "has",
        "keep",
        "kept",
        "say",
        "said",
        "tell",
        "told",
        "call",
        "die",
        "haben",
        "hat",
        "sind",
        "wollen",
        "fragen",
        "beschweren",
        "sagen",
        "like",
        "need",
        "would",
        "will",
        "can",
        "could",
        "should",
        "that",
        "from",
    ]
)
PEOPLE = frozenset(
    [
        "team",
        "teams",
        "office",
        "offices",
        "colleagues",
        "colleague",
        "manager",
        "managers",
        "department",
        "branch",
        "board",
        "büro",
        "kollegen",
        "kollegin",
        "niederlassung",
        "chef",
        "people",
        "folks",
        "guys",
        "sales-team",
        "abteilung",
    ]
)
THINGS = frozenset(
    [
        "page",
        "pages",
        "dashboard",
        "report",
        "reports",
        "seite",
        "bericht",
        "button",
        "column",
        "spalte",
        "screen",
        "meeting",
        "meetings",
        "call",
        "tab",
        "heading",
        "process",
        "policy",
        "form",
        "law",
        "rep",
        "reps",
        "order",
        "orders",
        "list",
    ]
)
PRONOUNS = frozenset(["we", "i", "they", "to", "you", "wir", "ich", "sie", "us", "nobody", "everybody"])
_LEAVING_OUT = r"without|except|excluding|excludes?|minus|ignoring|other than|ohne|außer|ausgenommen"
_NEGATED = re.compile(
    rf"\b(?:{_LEAVING_OUT}|excluded|not(?! only)|no|isn't|aren't|don't|doesn't|won't|can't|never|nothing|nobody|"
    r"rather than|instead of|besides|than|kein\w*|nicht(?! nur)|statt|anstatt)\b"
)
_RANKED = re.compile(r"\b(?:top|bottom|best|worst|largest|biggest|größten?|besten?)[ -]?\d{1,3}\b")
"""What makes a count after `by` what things are ranked by: `top 10 countries by orders`."""
_AFTER_GRAIN = re.compile(
    rf"\b(?:by|per|each|every|nach|je|pro)\s+(?:{ONE_UNIT})\s*(?:,|&|\+|\band|\bund|\bsowie)"
    r"\s*(?:(?:and|und|the)\s+)?$"
)
"""What makes the next one of a list a split, too: `by month and country`."""
_SPLITS = (_AFTER_GRAIN, re.compile(_RANKED.pattern + r"\s+$"))
_IS_NOT = (("is", "not"), ("are", "not"), ("ist", "nicht"), ("isn't",), ("aren't",))
_EXCLUDED = re.compile(
    rf"\b(?:{_LEAVING_OUT}|except for|excl|but not|not including|(?:leave|leaving) out|exkl)$"
)
"""What a value that is to be left out stands behind, articles aside."""
_OUT = re.compile(
    r"\b(?:leave|leaving|left|keep) (?:\w+ ){0,3}?out\b|\b(?:weglassen|weggelassen|ausgeschlossen)\b"
)
_ALL_BUT = re.compile(
    r"\b(?:all|every|everything|everyone|any|alle|alles|jede[rsmn]?)\b.* (?:but|bis auf)$|\bw o$"
)
_LEFT = re.compile(
    r"(?:(?:is|are|should|to|be|being) ){0,3}(?:excluded|omitted|left out|ausgeschlossen|ausgenommen|weggelassen)\b"
)
"""What stands behind values that are to be left out."""
_NOT_NEEDED = re.compile(r"\bnot (?:needed|necessary|interested)\b|\bnicht (?:nötig|gebraucht)\b")
_LEAVE_OUT = "it is named as something to leave out"
_TALK = re.compile(
    r"\b(?:(?:talk\w*|discuss\w*|meeting|call|workshop|training|complain\w*|complaints?|reden|sprechen|diskutier\w*|"
    r"beschwer\w*)\b.{0,40}\b(?:about|on|over|regarding|of|über|zu|zum|zur)|why|warum|woran|wieso|weshalb)\b"
)
_SUBJECT = re.compile(
    r"\b(?:something|anything|everything|stuff|etwas|irgendetwas|irgendwas|was)\s(?:about|on|around|regarding|über|zu|zum|zur)\b"
)
"""What comes after is only what a wish is about: it does not say which figures."""
_EXAMPLE = re.compile(
    r"\b(?:especially|particularly|e g|eg|such as|like|example|including|beispielsweise|beispiel|insbesondere|"
    r"vor allem|"
    r"z b|zb|above all|mainly|mostly)$"
)


@dataclass(frozen=True)
class Mention:
    """Words that stand for something of the catalogue.

    names: what they may mean; whole: all words of a name are there. value: of a dimension. by: a word before them asks
    for a split; only: it restricts; excluded: a value is to be left out. refused: why they are read as no wish; empty
    for a wish. typed: as it was written.
    """

    kind: str
    names: tuple[str, ...]
    sentence: int
    first: int
    end: int
    typed: str
    source: str
    whole: bool = True
    value: str = ""
    by: bool = False
    only: bool = False
    excluded: bool = False
    corrected: str = ""
    refused: str = ""
    inflected: bool = False
    counts: bool = False


@dataclass(frozen=True)
class _Match:
    phrase: Phrase
    first: int
    end: int
    corrected: str = ""
    moved: bool = False

    @property
    def weight(self) -> float:
        """Words; where they have changed places over a link, what has its own in order goes first."""
        return len(self.phrase.words) - (1.5 if self.moved else 0)


def find_mentions(sentences: Sequence[Sentence], vocabulary: Vocabulary) -> list[Mention]:
    """All mentions, in the order of the text. Marks their words as used, where they are read."""
    found: list[Mention] = []
    for number, sentence in enumerate(sentences):
        if not sentence.skipped:
            found += _find_in_sentence(sentence, number, vocabulary)
    return found


def _find_in_sentence(sentence: Sentence, number: int, vocabulary: Vocabulary) -> Iterator[Mention]:
    corrected = [vocabulary.correct(token) for token in sentence.tokens]
    tokens = [better or token for better, token in zip(corrected, sentence.tokens, strict=True)]
    matches = list(_list_matches(sentence, tokens, vocabulary))
    taken: set[int] = set(sentence.used)
    groups: dict[tuple[int, int], list[_Match]] = {}
    for match in sorted(matches, key=lambda each: (-each.weight, each.first, each.phrase.source == "name")):
        span = set(range(match.first, match.end))
        if (match.first, match.end) in groups:
            groups[match.first, match.end].append(match)
        elif not span & taken:
            groups[match.first, match.end] = [match]
            taken |= span
    mentions = [_make_mention(sentence, number, group, corrected) for group in groups.values()]
    mentions += _list_partial(sentence, number, tokens, vocabulary, taken)
    before: Mention | None = None
    for mention in sorted(mentions, key=lambda each: each.first):
        judged = _judge(mention, sentence, before, mentions)
        before = judged
        if not judged.refused:
            sentence.used |= set(range(judged.first, judged.end))
        yield judged


def _list_matches(sentence: Sentence, tokens: Sequence[Token], vocabulary: Vocabulary) -> Iterator[_Match]:
    """Every phrase that stands at every place, whole."""
    for place, token in enumerate(tokens):
        if token.is_filler or place in sentence.used:
            continue
        for phrase in vocabulary.find_phrases(token):
            if phrase.source == INITIALS and not token.text.isupper():
                continue
            end, moved = _match_at(tokens, place, phrase, sentence.used)
            if end:
                changed = [each for each in tokens[place:end] if each.low != each.text.lower()]
                yield _Match(phrase, place, end, changed[0].low if changed else "", moved)
        if parts := vocabulary.split_compound(token):
            for phrase in vocabulary.phrases:
                pairs = zip(phrase.words, parts, strict=True) if len(phrase.words) == 2 else ()
                if phrase.kind != "value" and pairs and all(word.keys & keys for word, keys in pairs):
                    yield _Match(phrase, place, place + 1)


def _match_at(tokens: Sequence[Token], place: int, phrase: Phrase, used: set[int]) -> tuple[int, bool]:
    """The end of a phrase that begins at a place, 0 if it does not; whether its words changed places over a split."""
    window, at = list[int](), place
    while at < len(tokens) and len(window) < len(phrase.words):
        if tokens[at].clause != tokens[place].clause or at in used:
            return 0, False
        if not tokens[at].is_filler:
            window.append(at)
        at += 1
    if len(window) < len(phrase.words):
        return 0, False
    words, end = [tokens[each] for each in window], window[-1] + 1
    if all(_is_same(token, word, phrase) for token, word in zip(words, phrase.words, strict=True)):
        return end, False
    links = {each.low for each in tokens[window[0] : window[-1]]} & LINKS
    if links and 1 < len(words) <= 3 and phrase.kind != "value":
        orders = permutations(phrase.words)
        if any(all(_is_same(t, w, phrase) for t, w in zip(words, order, strict=True)) for order in orders):
            return end, bool(links & BY)
    return 0, False


def _is_same(token: Token, word: PhraseWord, phrase: Phrase) -> bool:
    """True if a token is a word of a name: the same stem, and not a verb where the name has a noun."""
    if not token.keys & word.keys:
        return False
    if token.low == word.word:
        return True
    if phrase.kind == "value":
        return False
    for ending in ("ed", "ing"):
        if token.low.endswith(ending) and not word.word.endswith(ending):
            return False
    alone = len(phrase.words) == 1
    return not (alone and phrase.kind == "metric" and word.plural and not token.is_plural)


def _make_mention(
    sentence: Sentence, number: int, group: Sequence[_Match], corrected: Sequence[Token | None]
) -> Mention:
    first, end = group[0].first, group[0].end
    cue = _read_cue(sentence, first)
    kinds = [each.phrase.kind for each in group]
    both = "metric" in kinds and "dimension" in kinds and cue not in COUNTING
    order = ("dimension", "value", "metric") if cue in BY or both else ("metric", "dimension", "value")
    kind = next(each for each in order if each in kinds)
    tokens = sentence.tokens[first:end]
    chosen = [each for each in group if each.phrase.kind == kind]
    exact = {id(each): _count_exact(each.phrase, tokens) for each in chosen}
    chosen = [each for each in chosen if exact[id(each)] == max(exact.values())]
    declared = [each for each in chosen if each.phrase.source in ("label", "name")] or chosen
    return Mention(
        kind=kind,
        names=tuple(dict.fromkeys(each.phrase.name for each in declared)),
        sentence=number,
        first=first,
        end=end,
        typed=sentence.text[tokens[0].start : tokens[-1].end],
        source=declared[0].phrase.source,
        value=declared[0].phrase.value,
        by=cue in BY or any(each.search(sentence.low[: tokens[0].start]) for each in _SPLITS),
        only=cue in ONLY,
        corrected=next((each.low for each in corrected[first:end] if each), ""),
        inflected=tokens[-1].low != declared[0].phrase.words[-1].word,
        counts=kind == "metric" and len(declared[0].phrase.words) == 1 and declared[0].phrase.words[0].plural,
    )


def _count_exact(phrase: Phrase, tokens: Sequence[Token]) -> int:
    """How many words are written as the name has them, in its order."""
    spoken = [token.low for token in tokens if not token.is_filler]
    return sum(word.word == each for word, each in zip(phrase.words, spoken, strict=False))


def _list_partial(
    sentence: Sentence, number: int, tokens: Sequence[Token], vocabulary: Vocabulary, taken: set[int]
) -> Iterator[Mention]:
    """Words that are only a part of names, as `revenue` where there is net and gross revenue."""
    for place, token in enumerate(tokens):
        if place in taken or token.is_filler:
            continue
        by = _read_cue(sentence, place) in BY
        if by and (names := _find_partial_dimensions(token, vocabulary)):
            kind = "dimension"
        else:
            kind, phrases = "metric", vocabulary.find_heads(token)
            phrases = [each for each in phrases if _can_be_head(token, each)]
            phrases, first, end = _narrow(phrases, place, tokens, taken)
            names = tuple(dict.fromkeys(each.name for each in phrases))
        if kind == "dimension":
            first, end = place, place + 1
        if names:
            taken |= set(range(first, end))
            words = sentence.tokens[first:end]
            typed = sentence.text[words[0].start : words[-1].end]
            counts = kind == "metric" and words[-1].low.endswith("s")
            yield Mention(kind, names, number, first, end, typed, "part", whole=False, by=by, counts=counts)


def _can_be_head(token: Token, phrase: Phrase) -> bool:
    """False for a verb, and for a singular where the name has a plural."""
    word = next((each for each in phrase.words if each.keys & token.keys), None)
    if word is None or token.low.endswith(("ed", "ing")):
        return False
    return not (word.plural and not token.is_plural)


def _narrow(
    phrases: list[Phrase], place: int, tokens: Sequence[Token], taken: set[int]
) -> tuple[list[Phrase], int, int]:
    """Those phrases that the words beside a head are a part of, too; and the place of all these words."""
    first, end = place, place + 1
    for other, step in ((place - 1, -1), (place + 1, 1)):
        at = other
        while 0 <= at < len(tokens) and tokens[at].low in FILLERS:
            at += step
        if not 0 <= at < len(tokens) or at in taken or tokens[at].clause != tokens[place].clause:
            continue
        kept = [each for each in phrases if any(word.keys & tokens[at].keys for word in each.words)]
        if kept:
            phrases, first, end = kept, min(first, at), max(end, at + 1)
    return phrases, first, end


def _find_partial_dimensions(token: Token, vocabulary: Vocabulary) -> tuple[str, ...]:
    found = [
        each for each in vocabulary.find_phrases(token) if each.kind == "dimension" and len(each.words) <= 3
    ]
    return tuple(dict.fromkeys(each.name for each in found))


def _read_cue(sentence: Sentence, place: int) -> str:
    """The word before a mention that says how it is meant, articles left out."""
    for token in reversed(sentence.tokens[:place]):
        if token.clause != sentence.tokens[place].clause:
            return ""
        if token.low not in ARTICLES:
            return token.low
    return ""


def _judge(
    mention: Mention, sentence: Sentence, before: Mention | None, others: Sequence[Mention]
) -> Mention:
    """The mention with why it is no wish, and with what a list before it says of it."""
    listed = before is not None and _is_next(before, mention, sentence)
    if listed and before is not None and before.kind == mention.kind:
        mention = replace(mention, by=mention.by or before.by, only=mention.only or before.only)
        if mention.kind == "value" and not before.refused and set(before.names) & set(mention.names):
            return replace(mention, excluded=before.excluded)
        if before.refused and mention.kind != "metric":
            return replace(mention, refused=before.refused)
    mention = replace(mention, excluded=mention.kind == "value" and _is_excluded(mention, sentence, others))
    return replace(mention, refused=_find_refusal(mention, sentence, others))


def _is_excluded(mention: Mention, sentence: Sentence, others: Sequence[Mention]) -> bool:
    """True for a value that the words right before it leave out, or its clause, where that names no other value."""
    clause = sentence.tokens[mention.first].clause
    before = list(sentence.tokens[: mention.first])
    while before and before[-1].low in ARTICLES:
        before.pop()
    said = " ".join(each.low for each in before if each.clause == clause)
    if found := _EXCLUDED.search(said):
        return not _NEGATED.search(said[: found.start()])  # `I don't want to exclude`
    if _ALL_BUT.search(" ".join(each.low for each in before)) or _is_said_not(mention, before, others):
        return True
    last = mention
    values = sorted((each for each in others if each.kind == "value"), key=lambda each: each.first)
    for each in values:
        last = each if each.first >= last.end and _is_next(last, each, sentence) else last
    if _LEFT.match(" ".join(each.low for each in sentence.tokens[last.end : last.end + 5])):
        return True
    beside = [each for each in values if sentence.tokens[each.first].clause == clause]
    return len(beside) == 1 and bool(_OUT.search(sentence.read_clause(mention.first)))


def list_unread_beside(mention: Mention, sentence: Sentence) -> list[str]:
    """Names in a list with a value that are none that readers see, as they are written."""
    tokens, found = sentence.tokens, []
    for place, step in ((mention.end, 1), (mention.first - 1, -1)):
        gap = (
            tokens[max(place, mention.end)].gap
            if step > 0 and place < len(tokens)
            else tokens[mention.first].gap
        )
        joined = 0 <= place < len(tokens) and tokens[place].low in ("and", "or", "und", "oder")
        at = place + step if joined else place
        if (
            0 < at < len(tokens)
            and at not in sentence.used
            and tokens[at].is_capital
            and (joined or "," in gap)
        ):
            found.append(tokens[at].text)
    return found


def read_condition(mention: Mention, sentence: Sentence) -> str:
    """What stands behind a mention as a condition that nothing was made of, as `on weekends`; empty for none."""
    tokens, start = sentence.tokens, mention.end
    if start >= len(tokens) or start in sentence.used or tokens[start].low not in CONDITIONS:
        return ""
    last = start
    for place in range(start + 1, min(start + LONGEST_CONDITION, len(tokens))):
        ends = tokens[place].clause != tokens[start].clause or tokens[place].low in BY
        if place in sentence.used or ends:
            break
        last = place
    said = [
        each for each in tokens[start + 1 : last + 1] if not each.is_filler and each.low not in NO_CONDITION
    ]
    return sentence.text[tokens[start].start : tokens[last].end] if said else ""


def _is_said_not(mention: Mention, before: Sequence[Token], others: Sequence[Mention]) -> bool:
    """True for `country is not Spain`: of its own dimension, or it may be anything that is not Spain."""
    low = tuple(each.low for each in before)
    ends = {len(low) - len(words) for words in _IS_NOT if low[-len(words) :] == words}
    return any(
        each.kind == "dimension" and each.end in ends and set(each.names) & set(mention.names)
        for each in others
    )


def _is_next(before: Mention, mention: Mention, sentence: Sentence) -> bool:
    """True for the next one of a list: a comma, `and` or the like is all that is between."""
    between = sentence.tokens[before.end : mention.first]
    joined = all(
        each.low in ("and", "und", "or", "oder", "sowie", "then", "plus", *ARTICLES) for each in between
    )
    gap = sentence.text[sentence.tokens[before.end - 1].end : sentence.tokens[mention.first].start]
    return joined and bool(between or re.search(r"[,&/+]", gap)) and len(between) <= 2


def _find_refusal(mention: Mention, sentence: Sentence, others: Sequence[Mention]) -> str:
    """Why a mention is read as no wish; "" for one that is."""
    start = sentence.tokens[mention.first]
    ahead = " ".join(each.low for each in sentence.tokens[: mention.first] if each.clause == start.clause)
    clause = sentence.read_clause(mention.first)
    left_out = _NEGATED.search(ahead) or _OUT.search(clause) or _NOT_NEEDED.search(clause)
    if left_out and not mention.excluded:
        return _LEAVE_OUT
    if _TALK.search(ahead):
        return "it is spoken of, not asked for"
    if mention.kind != "value" and _SUBJECT.search(ahead):
        return "it is only what it is about"
    if mention.kind == "value":
        refused = _refuse_value(mention, sentence, ahead, others)
        return _LEAVE_OUT if refused and mention.excluded else refused
    if mention.kind == "dimension":
        return _refuse_dimension(mention, sentence, others)
    return _refuse_metric(mention, sentence, others)


def _refuse_value(mention: Mention, sentence: Sentence, ahead: str, others: Sequence[Mention]) -> str:
    following = sentence.tokens[mention.end].low if mention.end < len(sentence.tokens) else ""
    if _EXAMPLE.search(ahead) or following in ("included", "inklusive", "eingeschlossen"):
        return "it is named as an example"
    if following in PEOPLE:
        return "it says who they are"
    beside = any(
        other.kind == "dimension"
        and set(other.names) & set(mention.names)
        and (other.first == mention.end or other.end == mention.first)
        for other in others
    )
    words = sentence.tokens[mention.first : mention.end]
    alone = len(words) == 1
    if alone and words[0].low in REST:
        return "it may be an everyday word"
    only = mention.only or any(each.low in ONLY for each in sentence.tokens[mention.end : mention.end + 2])
    first_of_all = mention.first == 0 and not sentence.in_title
    proper = words[0].is_capital and mention.value[:1].isupper() and not first_of_all
    common = alone and words[0].low in COMMON_VALUES and not (beside or only or mention.excluded)
    short = alone and len(words[0].low) < 4 and not (words[0].text == mention.value or beside)
    number = alone and words[0].low.isdigit() and not beside
    cued = mention.excluded or _read_cue(sentence, mention.first) in PLACES
    if mention.source == INITIALS:  # `order ID` is nobody's initials
        return "" if cued or beside or only else "it may be short for something else"
    meant = proper or not alone or beside or only or cued
    return "it may be an everyday word" if common or short or number or not meant else ""


def _refuse_dimension(mention: Mention, sentence: Sentence, others: Sequence[Mention]) -> str:
    """A word that is a dimension is one if it is asked for as a split, or stands for several in what is asked for."""
    if mention.by:
        return ""
    if not mention.whole:
        return "it is only a part of a name"
    words = sentence.tokens[mention.first : mention.end]
    beside = [each for each in others if each.kind == "value" and set(each.names) & set(mention.names)]
    if not words[-1].is_plural and any(
        each.end == mention.first or each.first == mention.end for each in beside
    ):
        return "it names a value"
    if any(each.kind == "value" and each.end == mention.first for each in others):
        return "it is what the value before it is of"  # `Christmas products`, shown as one
    shown = sentence.in_title or SHOWING.search(sentence.read_clause(mention.first))
    several = words[-1].is_plural or mention.inflected
    if (shown and several) or len(words) > 1:
        return ""
    return "nothing says that it is to be split by it"


def _refuse_metric(mention: Mention, sentence: Sentence, others: Sequence[Mention]) -> str:
    """A thing that is counted, as orders, is a metric only where it is asked for."""
    words = sentence.tokens[mention.first : mention.end]
    before = sentence.tokens[mention.first - 1].low if mention.first else ""
    following = sentence.tokens[mention.end].low if mention.end < len(sentence.tokens) else ""
    if len(words) > 1:
        return ""
    if following in THINGS | PEOPLE and (before in ARTICLES or not mention.whole or mention.counts):
        return "it names a thing that is there"
    if before in PRONOUNS or (
        before.endswith("s")
        and words[0].low.isalpha()
        and not words[0].is_plural
        and mention.source in ("synonym", "part")
        and before not in ARTICLES | COUNTING
    ):
        return "it may be a verb"
    if not mention.counts:
        return ""
    return _refuse_count(mention, sentence, others, before, following)


def _refuse_count(
    mention: Mention, sentence: Sentence, others: Sequence[Mention], before: str, following: str
) -> str:
    listed = False
    for each in others:
        if each.kind == "metric" and each.first != mention.first:
            first, second = sorted((each, mention), key=lambda one: one.first)
            listed = listed or _is_next(first, second, sentence)
    counted = before in COUNTING
    shown = SHOWING.search(sentence.read_before(mention.first, 4))
    opens = sentence.in_title and mention.first == 0
    if following in VERBS and not counted and not listed:
        return "it is spoken of, not asked for"
    ahead = sentence.read_before(mention.first, 5)
    if following in ("with", "mit") and re.search(r"\b(?:list of|liste (?:der|von|aller))\b", ahead):
        return "it is only what the rows of a list are"
    ranked = before in ("by", "nach") and _RANKED.search(sentence.low)
    if listed or counted or shown or opens or ranked or following in AFTER_COUNT:
        return ""
    return "it is spoken of, not asked for"
