"""From a ticket's prose to a proposal: mentions and cues are weighed against each other and against the catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from blocks.records import Analysis
from blocks.wishes import Filter
from tasks.elaboration.cues import Cue, find_cues, find_targets, find_top, list_unread_times
from tasks.elaboration.lexicon import FILLERS
from tasks.elaboration.mentions import SHOWING, Mention, find_mentions, list_unread_beside, read_condition
from tasks.elaboration.missing import find_missing
from tasks.elaboration.proposal import ORDER, Item, Missing, Proposal, Question
from tasks.elaboration.text import Sentence, find_keys, read_sentences
from tasks.elaboration.vocabulary import Vocabulary, Words, read_words
from tasks.markdown import code, listed
from tasks.request_shape import SPLIT

USUAL_WAIT = timedelta(days=14)
MOST_LEFTOVERS, MOST_OPTIONS = 8, 4


@dataclass
class _Draft:
    """A proposal in the making. metrics: name → the mention that led to it."""

    words: Words
    items: dict[str, Item] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    metrics: dict[str, str] = field(default_factory=dict)
    open_metrics: tuple[str, ...] = ()
    dimensions: dict[str, str] = field(default_factory=dict)

    @property
    def sources(self) -> list[str]:
        """Row sources of the metrics that were found, or may be."""
        names = list(self.metrics) or list(self.open_metrics)
        return list(dict.fromkeys(self.words.source_of(name) for name in names))

    def add(self, name: str, value: str, why: str, read: bool = True) -> None:
        """Propose a field."""
        self.items.setdefault(name, Item(field=name, value=value, why=why, read=read))

    def ask(self, name: str, options: Sequence[str], words: str, hints: Sequence[str] = ()) -> None:
        """Ask which of several readings is meant."""
        shown = tuple(dict.fromkeys(options))[:MOST_OPTIONS]
        if not any(each.field == name and set(each.options) == set(shown) for each in self.questions):
            self.questions.append(Question(field=name, options=shown, words=words, hints=tuple(hints)))


def read_prose(
    title: str,
    lines: Sequence[str],
    vocabulary: Vocabulary,
    asked_on: date,
    given: Mapping[str, Sequence[str]] | None = None,
) -> Proposal:
    """What a title and a description ask for. asked_on: the day from which `by Friday` counts.

    given: metrics and dimensions that the ticket's own fields name already.
    """
    sentences = read_sentences(title, lines)
    draft = _Draft(vocabulary.catalogue)
    cues = [cue for number, each in enumerate(sentences) for cue in find_cues(each, number, asked_on)]
    cues = [
        cue
        for cue in cues
        if cue.field != "grain" or cue.strength > 1 or _is_of_metric(cue, sentences, vocabulary)
    ]
    targets = [(number, each) for number, sentence in enumerate(sentences) for each in find_targets(sentence)]
    mentions = find_mentions(sentences, vocabulary)
    wanted = _drop_covered([each for each in mentions if not each.refused], sentences, vocabulary)
    given = given or {}
    if not _asks_for_figures(sentences, wanted, cues):
        wanted = []
    draft.metrics |= dict.fromkeys(given.get("metrics", ()), "")
    _choose_metrics(draft, [each for each in wanted if each.kind == "metric"], wanted, vocabulary, sentences)
    draft.dimensions |= dict.fromkeys(given.get("dimensions", ()), "")
    _choose_dimensions(draft, [each for each in wanted if each.kind == "dimension"])
    compared = any(each.field == "analysis" and each.value == "comparison" for each in cues)
    _choose_filters(draft, [each for each in wanted if each.kind == "value"], compared)
    missing = find_missing(sentences, vocabulary)
    if not (draft.metrics or draft.open_metrics):
        draft.items.clear()
        if not any(each.kind == "metric" for each in missing):
            draft.dimensions.clear()
            cues = []
        cues = [cue for cue in cues if cue.field in ("analysis", "grain", "period", "comparison")]
    if not draft.metrics:
        cues = [cue for cue in cues if cue.strength > 1]
    _write_names(draft, given)
    _choose_cues(draft, cues)
    _choose_targets(draft, targets, mentions, sentences)
    _choose_analysis(draft, cues, sentences)
    _add_usual(draft, asked_on)
    _list_leftovers(draft, sentences, mentions, missing)
    items = sorted(draft.items.values(), key=lambda each: ORDER.index(each.field))
    return Proposal(
        items=tuple(items),
        questions=tuple(draft.questions),
        missing=tuple(missing),
        leftovers=tuple(dict.fromkeys(draft.leftovers))[:MOST_LEFTOVERS],
    )


def _asks_for_figures(sentences: Sequence[Sentence], wanted: Sequence[Mention], cues: Sequence[Cue]) -> bool:
    """False for a ticket that speaks of things without asking to see them, or asks for something to be done."""
    plain = [cue for cue in cues if cue.field in ("analysis", "grain", "chart", "period", "cadence")]
    if any(cue.strength > 1 for cue in plain) or any(each.by for each in wanted):
        return True
    if any(each.skipped.startswith("asks") for each in sentences):
        return False
    metrics = [each for each in wanted if each.kind == "metric"]
    return any(
        sentences[each.sentence].in_title
        or SHOWING.search(sentences[each.sentence].low)
        or (each.source == "label" and each.end - each.first > 1)
        for each in metrics
    )


def _is_of_metric(cue: Cue, sentences: Sequence[Sentence], vocabulary: Vocabulary) -> bool:
    """True for `monthly` before a metric's name, not for that of a monthly meeting."""
    tokens = [each for each in sentences[cue.sentence].tokens if each.start >= cue.end][:1]
    return any(phrase.kind == "metric" for token in tokens for phrase in vocabulary.find_phrases(token))


def _drop_covered(
    wanted: Sequence[Mention], sentences: Sequence[Sentence], vocabulary: Vocabulary
) -> list[Mention]:
    """Without those that a fuller mention elsewhere names more exactly, as `revenue` beside `gross revenue`.

    A title names in short what the text names in full, even where the short one is a name of its own.
    """
    kept = []
    titled = [each for each in wanted if sentences[each.sentence].in_title]
    plain = {each.names for each in wanted if each not in titled}
    for mention in wanted:
        in_full = any(_is_part(mention.typed, each.typed) for each in titled)
        in_short = mention in titled and mention.names not in plain and not in_full
        vague = in_short or mention.source in ("part", "synonym") or mention.kind == "dimension"
        fuller = any(
            other is not mention
            and other.kind in ("metric", mention.kind)
            and _is_part(mention.typed, other.typed)
            and not (
                mention.kind == "dimension" and other.kind == "metric" and (mention.by or mention.sentence)
            )
            for other in wanted
        )
        if not (vague and fuller):
            kept.append(mention)
    return kept


def _is_part(typed: str, other: str) -> bool:
    """True if all words of one are among the words of the other, and some more are there."""
    words, others = ([find_keys(w) for w in read_words(each) if w not in FILLERS] for each in (typed, other))
    return len(words) < len(others) and all(any(keys & each for each in others) for keys in words)


def _choose_metrics(
    draft: _Draft,
    mentions: Sequence[Mention],
    wanted: Sequence[Mention],
    vocabulary: Vocabulary,
    sentences: Sequence[Sentence],
) -> None:
    """First those that one name alone means, then those that the others decide."""
    words = draft.words
    splits = [
        set(each.names) for each in wanted if each.kind == "value" or (each.kind == "dimension" and each.by)
    ]
    unclear = []
    for mention in mentions:
        names = _fit(mention.names, splits, words)
        if mention.source == "synonym" and not _has_all(mention.names[0], splits, words):
            token = sentences[mention.sentence].tokens[mention.first]
            others = [
                each.name for each in vocabulary.find_heads(token) if _has_all(each.name, splits, words)
            ]
            names = tuple(dict.fromkeys(others)) or names
        sure = mention.whole or names != mention.names or mention.end - mention.first > 1
        if len(names) == 1 and sure:
            draft.metrics.setdefault(names[0], _explain(mention, names[0], words))
        else:
            unclear.append((mention, names))
    for mention, names in unclear:
        near = (
            [each for each in names if words.source_of(each) in draft.sources]
            if draft.metrics
            else list(names)
        )
        known = [each for each in names if each in draft.metrics]
        if known:
            continue
        if len(near) == 1 and (len(names) > 1 or mention.whole):
            draft.metrics.setdefault(near[0], _explain(mention, near[0], words))
            continue
        options = near or list(names)
        draft.open_metrics += tuple(options)
        labels, descriptions = words.metric_labels(), words.metric_descriptions()
        draft.ask(
            "metrics",
            options,
            mention.typed,
            [f"{labels.get(n, n)}: {descriptions.get(n, '')}" for n in options],
        )


def _fit(names: Sequence[str], splits: Sequence[set[str]], words: Words) -> tuple[str, ...]:
    """Those metrics that have every dimension asked for; all of them, if none has."""
    return tuple(each for each in names if _has_all(each, splits, words)) or tuple(names)


def _has_all(metric: str, splits: Sequence[set[str]], words: Words) -> bool:
    known = set(words.dimensions_of(words.source_of(metric)))
    return all(known & names for names in splits)


def _choose_dimensions(draft: _Draft, mentions: Sequence[Mention]) -> None:
    for mention in mentions:
        known = {name for source in draft.sources for name in draft.words.dimensions_of(source)}
        names = [each for each in mention.names if each in known] if draft.sources else list(mention.names)
        if len(names) == 1:
            draft.dimensions.setdefault(names[0], f"{code(mention.typed)} is the dimension {code(names[0])}")
        elif names:
            draft.ask("dimensions", names, mention.typed)
        else:
            draft.leftovers.append(
                f"{code(mention.typed)} is a dimension ({listed(mention.names)}), but not of these metrics"
            )


def _choose_filters(draft: _Draft, mentions: Sequence[Mention], compared: bool) -> None:
    """Values of dimensions. compared: several of one are to be set against each other, so it is split by them."""
    found: dict[str, dict[str, str]] = {}
    excluded: dict[str, bool] = {}
    for mention in mentions:
        names = [each for each in mention.names if _is_on_all(draft, each)]
        if len(names) > 1:
            names = [each for each in names if each in draft.dimensions or each in found] or names
        if len(names) == 1 and excluded.setdefault(names[0], mention.excluded) is not mention.excluded:
            draft.leftovers.append(f"{code(mention.typed)}: values are either shown alone or left out")
        elif len(names) == 1:
            found.setdefault(names[0], {})[mention.value] = mention.typed
        elif names:
            options = [
                str(Filter(dimension=name, values=(mention.value,), excluded=mention.excluded))
                for name in names
            ]
            draft.ask("filters", options, mention.typed)
        else:
            draft.leftovers.append(
                f"{code(mention.typed)} is a value of {listed(mention.names)}, which these metrics do not have"
            )
    for name in (name for name, values in found.items() if compared and len(values) > 1):
        draft.dimensions.setdefault(name, f"values of {code(name)} are compared")
    if found:
        wishes = (
            Filter(dimension=name, values=tuple(values), excluded=excluded[name])
            for name, values in found.items()
        )
        value = "; ".join(map(str, wishes))
        why = "; ".join(
            f"{code(typed)} is a value of {code(name)}{', to be left out' if excluded[name] else ''}"
            for name, values in found.items()
            for typed in values.values()
        )
        draft.add("filters", value, why)


def _is_on_all(draft: _Draft, dimension: str) -> bool:
    sources = draft.sources
    return all(dimension in draft.words.dimensions_of(source) for source in sources)


def _write_names(draft: _Draft, given: Mapping[str, Sequence[str]]) -> None:
    """The metrics and dimensions, those that the ticket's fields have first."""
    for name, found in (("metrics", draft.metrics), ("dimensions", draft.dimensions)):
        fresh = [each for each in found if each not in given.get(name, ())]
        if fresh:
            draft.add(name, ", ".join(found), "; ".join(why for why in found.values() if why))


def _explain(mention: Mention, name: str, words: Words) -> str:
    label = words.metric_labels().get(name, name)
    how = {
        "label": "is what dashboards call",
        "name": "is dbt's name of",
        "synonym": "is declared as a synonym of",
        "part": "is a part of the name of",
    }[mention.source]
    spelled = f" (read as {code(mention.corrected)})" if mention.corrected else ""
    only = (
        ", the only one that fits what else is asked"
        if len(mention.names) > 1 or name not in mention.names
        else ""
    )
    return f"{code(mention.typed)}{spelled} {how} {code(label)}{only}"


def _choose_cues(draft: _Draft, cues: Sequence[Cue]) -> None:
    """Fields that words of time say; two different values are asked about."""
    for name in ("period", "comparison", "grain", "cadence", "chart", "deadline", "priority"):
        own = [cue for cue in cues if cue.field == name]
        plain = [cue for cue in own if cue.strength > 1]
        own = plain or own  # `before Friday` says more than `on Monday`
        values = list(dict.fromkeys(each for cue in own for each in (cue.value, cue.close) if each))
        if name == "period":
            values = [each for each in values if not _is_within(each, values)]
        if len(values) == 1:
            typed = next(cue.typed for cue in own if cue.value == values[0])
            draft.add(name, values[0], f"{code(typed)}")
        elif values and name != "chart":
            draft.ask(name, values, ", ".join(dict.fromkeys(cue.typed for cue in own)))


def _is_within(value: str, others: Sequence[str]) -> bool:
    """True for a year that another of the periods is a part of."""
    return len(value) == 4 and any(each != value and value in each for each in others)


def _choose_targets(
    draft: _Draft,
    targets: Sequence[tuple[int, tuple[str, str, int, int]]],
    mentions: Sequence[Mention],
    sentences: Sequence[Sentence],
) -> None:
    """A number that is named as a target is of the one metric of its sentence."""
    for number, (value, unit, start, end) in targets:
        near = {
            name
            for each in mentions
            if each.kind == "metric" and each.sentence == number
            for name in each.names
        }
        names = [name for name in draft.metrics if name in near] or (
            list(draft.metrics) if len(draft.metrics) == 1 else []
        )
        typed = sentences[number].text[start:end]
        if len(names) == 1:
            draft.add("target", f"{names[0]} = {value}{f' per {unit}' if unit else ''}", code(typed))
            sentences[number].use(start, end)
        else:
            draft.leftovers.append(f"{code(typed)} is a target, but it is not clear of which metric")


def _choose_analysis(draft: _Draft, cues: Sequence[Cue], sentences: Sequence[Sentence]) -> None:
    scores: dict[str, int] = {}
    typed: dict[str, list[str]] = {}
    for cue in (each for each in cues if each.field == "analysis"):
        scores[cue.value] = scores.get(cue.value, 0) + cue.strength
        typed.setdefault(cue.value, []).append(cue.typed)
        sentences[cue.sentence].use(cue.start, cue.end)
    if grain := draft.items.get("grain"):
        scores["trend"] = scores.get("trend", 0) + 2
        typed.setdefault("trend", []).append(grain.why.strip("`"))
    if any(find_top(each) for each in sentences):
        scores["comparison"] = scores.get("comparison", 0) + 1
    possible = {kind: score for kind, score in scores.items() if _can_show(draft, Analysis(kind))}
    best = sorted(possible, key=lambda kind: -possible[kind])
    if not best:
        return
    if len(best) > 1 and possible[best[0]] == possible[best[1]]:
        tied = [kind for kind in best if possible[kind] == possible[best[0]]]
        draft.ask("analysis", tied, ", ".join(each for kind in tied for each in typed.get(kind, [])))
        return
    draft.add("analysis", best[0], listed(dict.fromkeys(typed.get(best[0], ["top"])), 4))


def _can_show(draft: _Draft, kind: Analysis) -> bool:
    """False for an analysis that needs what was not asked for: a dimension, or a time."""
    timed = [draft.words.time_of(source) is not None for source in draft.sources]
    if kind is Analysis.trend:
        return all(timed)
    return kind not in SPLIT or bool(draft.dimensions)


def _add_usual(draft: _Draft, asked_on: date) -> None:
    """What is usual where the ticket says nothing: named as such, and to be accepted like the rest."""
    if not draft.metrics:
        return
    if "analysis" not in draft.items:
        tied = next((each.options[0] for each in draft.questions if each.field == "analysis"), "")
        timed = all(draft.words.time_of(source) for source in draft.sources)
        split = bool(draft.dimensions)
        usual = tied or ("trend" if timed and "grain" in draft.items else "comparison" if split else "kpi")
        draft.add("analysis", usual, "usual for this, as no word says it", read=False)
    sources = sorted({each for name in draft.metrics for each in draft.words.sources_feeding(name)})
    if sources:
        draft.add("data_sources", ", ".join(sources), "what these metrics are computed from", read=False)
    if "deadline" not in draft.items and not any(each.field == "deadline" for each in draft.questions):
        day = asked_on + USUAL_WAIT
        draft.add("deadline", str(day), "no day is named: two weeks from when this was read", read=False)


def _list_leftovers(
    draft: _Draft, sentences: Sequence[Sentence], mentions: Sequence[Mention], missing: Sequence[Missing]
) -> None:
    """What was not read, and why; sentences that were not understood at all are quoted."""
    for sentence in sentences:
        if sentence.skipped:
            draft.leftovers.append(f"{code(sentence.text, 60)} {sentence.skipped}")
    for mention in mentions:
        if mention.refused and not mention.refused.startswith(
            ("it is spoken", "nothing says", "it may be", "it is only")
        ):
            draft.leftovers.append(f"{code(mention.typed)}: {mention.refused}")
    for sentence in sentences:
        if found := find_top(sentence):
            draft.leftovers.append(
                f"{code(sentence.text[found.start() : found.end()])}: bars come with the largest first; no number of "
                "them can be set"
            )
    told = {each.words for each in missing}
    if draft.items:
        conditions = _list_unread_conditions(sentences, mentions)
        draft.leftovers += [*conditions, *_list_unread_times(sentences, conditions)]
    for sentence in sentences:
        unread = not sentence.used and not sentence.skipped and len(sentence.tokens) > 2
        if unread and not any(each in sentence.text for each in told):
            draft.leftovers.append(code(sentence.text, 80))


def _list_unread_times(sentences: Sequence[Sentence], told: Sequence[str]) -> list[str]:
    """Times that are named in sentences of which something else was read. told: what is said of those already."""
    read = [each for each in sentences if each.used and not each.skipped]
    times = [time for each in read for time in list_unread_times(each)]
    return [
        f"{code(time)}: a time that nothing was made of"
        for time in times
        if not any(time in each for each in told)
    ]


def _list_unread_conditions(sentences: Sequence[Sentence], mentions: Sequence[Mention]) -> list[str]:
    """What would have left something out, had it been understood."""
    found = []
    for mention in mentions:
        sentence = sentences[mention.sentence]
        if not mention.refused and (condition := read_condition(mention, sentence)):
            found.append(f"{code(condition, 60)}, after {code(mention.typed)}")
        if mention.kind == "value" and not mention.refused:
            named = list_unread_beside(mention, sentence)
            found += [
                f"{code(each)}, beside {code(mention.typed)}: no value that readers see" for each in named
            ]
    return found


def keep_valid(proposal: Proposal, faults: Mapping[str, str]) -> Proposal:
    """The proposal without the items that would be refused. faults: field → why."""
    bad = [each for each in proposal.items if each.field in faults and each.read]
    if not bad:
        return proposal
    kept = tuple(each for each in proposal.items if each not in bad)
    told = tuple(f"{code(f'{each.field}: {each.value}')}: {faults[each.field]}" for each in bad)
    return proposal.model_copy(update={"items": kept, "leftovers": (*proposal.leftovers, *told)})
