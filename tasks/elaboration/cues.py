"""Words of time, grain, kind, cadence, chart, target and deadline in a sentence, in English and German.

Each cue is a field's text as docs/tickets.md has it. Nothing here knows a catalogue.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from tasks.dates import end_month, read_days
from tasks.elaboration.lexicon import GRAIN_ADJECTIVES, MONTHS, NUMBERS, ONE_UNIT, ORDINALS, UNITS, WEEKDAYS
from tasks.elaboration.text import Sentence


@dataclass(frozen=True)
class Cue:
    """What words say of a field. strength: of an analysis, how plainly; close: another value that may be meant."""

    field: str
    value: str
    start: int
    end: int
    sentence: int
    typed: str
    strength: int = 2
    close: str = ""


def _join(words: object) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))  # type: ignore[call-overload]


_N = rf"\d{{1,3}}|{_join(NUMBERS)}"
_U = _join(UNITS)
_M = _join(name for name in MONTHS if len(name) > 3 or name in ("may", "mai"))
_DATE = (
    rf"\d{{4}}-\d{{2}}-\d{{2}}|\d{{1,2}}\.\s?\d{{1,2}}\.\s?\d{{4}}|\d{{1,2}}/\d{{1,2}}/\d{{4}}|"
    rf"\d{{1,2}}(?:st|nd|rd|th|\.)?\s(?:of\s)?(?:{_M})\s\d{{4}}|(?:{_M})\s\d{{1,2}}(?:st|nd|rd|th)?,?\s\d{{4}}"
)
_ADJECTIVE = _join(GRAIN_ADJECTIVES)
_WEEKDAY = _join(WEEKDAYS)

_LAST = re.compile(
    rf"(?P<than>\b(?:than|als|compared (?:with|to)|versus|vs\.?|against|gegenüber|zum|zur|mit dem|mit der)\s+)?"
    rf"(?:\b(?:in|over|for|during|within|of|from|just|only|nur|für|der|die|den|im|in den|"
    rf"während der)\s+)?(?:the\s+|den\s+|der\s+|die\s+|dem\s+)?"
    rf"\b(?:last|past|previous|letzte[nrs]?|vergangene[nrs]?|vorige[nrs]?)\s+(?P<n>{_N})?\s*(?:full\s+|"
    rf"complete\s+)?(?P<u>{_U})\b"
)
_THIS = re.compile(
    r"\b(?:(?:this|current|diese[snrm]?|aktuelle[nrs]?|laufende[nrs]?)\s+(?P<u>year|quarter|month|week|jahr(?:es)?|"
    r"quartals?|monats?|woche)|(?P<ytd>year[ -]to[ -]date|ytd|seit jahresbeginn))\b"
)
_SINCE = re.compile(
    rf"\b(?:since|seit|from|ab)\s+(?:the\s+)?(?:(?:start|beginning|anfang|beginn)\s+(?:of\s+|"
    rf"von\s+)?)?(?P<d>{_DATE}|(?:(?:{_M})\s)?20\d{{2}})(?:\s+(?:on|onwards|an))?\b"
)
_IN = re.compile(
    rf"\b(?:in|for|during|im jahr|im|für|of|aus|von|just|only|nur|(?:whole|full|entire) year|"
    rf"ganzes jahr)\s+(?:the year\s+|the whole year\s+|all of\s+|"
    rf"das jahr\s+)?(?P<d>(?:{_M})\s20\d{{2}}|20\d{{2}}|q[1-4][ /-]?20\d{{2}}|20\d{{2}}[ -]?q[1-4]|"
    r"h[12][ /-]?20\d{2}|"
    rf"(?:the\s+|das\s+)?(?:{_join(ORDINALS)})\s+(?:quarter|quartal|half|halbjahr)(?:\s+(?:of|von|in))?\s+20\d{{2}})"
    r"\b(?![-./]\d)"
)
_TIME = re.compile(
    rf"\b(?:(?:the\s+)?(?:last|past|previous|this|current|next|letzte[nrs]?|diese[snrm]?|nächste[nrs]?)\s+(?:{_N}\s+)?(?:{_U})|"
    rf"(?:(?:{_M})\s+)?20\d{{2}}|q[1-4](?:[ /-]?20\d{{2}})?|h[12][ /-]?20\d{{2}}|{_M})\b(?![-./]\d)"
)
_LEFT_OUT = re.compile(
    r"\b(?:without|except(?: for)?|excluding|exclude|not(?: including)?|other than|leave out|ignor(?:e|ing)|ohne|außer|"
    r"nicht|kein\w*)\s+(?:(?:the|for|in|of|den|das|die|im|für)\s+)*$"
)
_YEARS = re.compile(
    r"\b(?:in|for|during|im|für|of|aus|von|just|only|nur)\s+(?:the years\s+|den jahren\s+)?(?P<a>20\d{2})"
    r"\s*(?:and|und|&)\s*(?P<b>20\d{2})\b"
)
_PART_OF = re.compile(
    r"\b(?:hal(?:f|ves)|quarters?|weeks?|months?|days?|start|beginning|end|middle|hälfte|halbjahr|quartal|wochen?|monate?n?|"
    r"tagen?|anfang|ende|mitte)\s*$"
)
"""What a year behind it is only the name of: `the first weeks of 2026` is not 2026, `by week in 2026` is."""
_BY_UNIT = re.compile(r"\b(?:by|per|each|every|pro|je|jede[nrsm]?|nach)\s+\w+\s*$")
_AND_NOW = re.compile(
    r"\b(?:last|previous|past|letzte[sn]?|vergangene[sn]?)(?:\s+(?:year|jahr))?\s*(?:and|und|&)\s*$"
)
_AND_BEFORE = re.compile(r"\s*(?:and|und|&)\s+(?:the\s+)?(?:last|previous|past|letzte[sn]?)\b")
_BETWEEN = re.compile(
    rf"\b(?:between|from|zwischen|von)\s+(?P<a>{_DATE}|(?:(?:{_M})\s)?20\d{{2}}|{_M})\s+(?:and|to|until|till|und|"
    rf"bis)\s+(?P<b>{_DATE}|(?:(?:{_M})\s)?20\d{{2}})\b"
)
_YEAR_AGO = re.compile(
    r"\b(?:(?:compar\w+|versus|vs\.?|against|next to|beside)\s+(?:it\s+|them\s+|this\s+)?(?:with\s+|"
    r"to\s+)?(?:the\s+)?"
    r"(?:same (?:period|time|month|week|quarter)s?\s*(?:of|in)?\s*(?:the\s*)?)?(?:last|previous|prior|"
    r"preceding) year(?:'s)?|"
    r"year[ -](?:over|on)[ -]year|yoy|(?:im )?vergleich (?:zum|mit dem) vorjahr\w*|gegenüber (?:dem )?vorjahr\w*|"
    r"vorjahresvergleich|same (?:period|time) last year)\b"
)
_VERSUS = r"compared\s+(?:with|to)|versus|vs\.?|against|gegenüber"
_BESIDE = rf"{_VERSUS}|(?:im )?vergleich (?:zu|mit)|verglichen mit"
_TWO_YEARS = re.compile(
    rf"\b(?P<a>20\d{{2}})\s*,?\s*(?P<to>(?:as\s+(?=compared)|)(?:{_BESIDE})\s+(?P<b>20\d{{2}}))\b"
)
_AGAINST = re.compile(
    rf"\b(?:{_BESIDE})\s+(?:in\s+)?(?P<d>(?:{_M})\s20\d{{2}}|q[1-4][ /-]?20\d{{2}}|h[12][ /-]?20\d{{2}})\b"
)
_YEAR_BEFORE_THIS = re.compile(
    rf"\b(?:last|previous|letztes|voriges)\s+(?:year|jahr)\s*(?:{_VERSUS})\s+"
    r"(?=(?:this|current|dieses?|diesem)\s+(?:year|jahr)\b)"
)
_PERIOD_AGO = re.compile(
    r"\b(?:(?:compar\w+|versus|vs\.?|against)\s+(?:it\s+|them\s+)?(?:with\s+|to\s+)?(?:the\s+)?"
    r"(?:previous|prior|preceding|last) (?:period|month|quarter|week)|"
    r"(?:month[ -]over[ -]month|quarter[ -]over[ -]quarter|week[ -]over[ -]week|period[ -]over[ -]period)|"
    r"(?:im )?vergleich (?:zum|mit dem|zur) (?:vormonat|vorquartal|vorwoche|vorperiode|vorzeitraum)|"
    r"gegenüber (?:dem |der )?(?:vormonat|vorquartal|vorwoche|vorperiode))\b"
)
_GRAIN = re.compile(
    rf"\b(?P<u>{_U})\s+(?:by|for|für|um)\s+(?P=u)\b|"
    r"\b(?:by|per|each|every|pro|je|jede[nrsm]?|nach)\s+(?:(?:calendar|single|cohort)\s+)?(?P<v>day|week|month|quarter|"
    r"year|tag(?:en)?|"
    r"wochen?|monat(?:en)?|quartal(?:en)?|jahr(?:en)?)\b(?!\s+of\b(?!\s+20\d{2}))|\b(?:a|the)\s+(?:point|bar|line|"
    r"value)\s+(?:for\s+)?(?:each|every|per|a)\s+(?P<w>day|week|month|quarter|year)\b|"
    r"\bin\s+(?P<x>weekly|monthly|daily|quarterly)\s+(?:steps|buckets|intervals)\b|\bauf (?P<y>tages|wochen|"
    r"monats|quartals)(?:ebene|basis)\b"
)
_AND_GRAIN = re.compile(
    r"\b(?:by|per|nach|je|pro)\s+[^\W\d_]+(?:(?:[ -]|,\s*)[^\W\d_]+){0,5}?(?:\s+(?:and|und|sowie)\s+|\s*[,&+]\s*"
    r"(?:(?:and|und)\s+)?)"
    rf"(?P<v>{ONE_UNIT})\b(?!\s+of\b(?!\s+20\d{{2}}))"
)
"""The last one of a list that begins with another split: `by country and month`."""
_OVER = re.compile(
    r"\s+(?:over|for|during|across|in|für|über|während)\s+(?:the\s+|die\s+|den\s+|der\s+)?"
    r"(?:last|past|previous|letzte[nrs]?|vergangene[nrs]?|(?:q[1-4]\s)?20\d{2})\b"
)
"""Behind `weekly`: a stretch of time is shown week by week, not refreshed so."""
_BASIS = {"tages": "day", "wochen": "week", "monats": "month", "quartals": "quarter"}
_ADJECTIVE_OF = re.compile(rf"\b(?P<a>{_ADJECTIVE})\b(?:\s+(?P<next>[^\W\d_]+))?")
_REPORTS = frozenset(
    [
        "report",
        "reports",
        "reporting",
        "dashboard",
        "dashboards",
        "update",
        "updates",
        "refresh",
        "refreshed",
        "updated",
        "mail",
        "email",
        "summary",
        "digest",
        "bericht",
        "berichte",
        "berichten",
        "aktualisierung",
        "aktualisiert",
        "auswertung",
        "übersicht",
        "page",
    ]
)
_FIGURES = frozenset(
    [
        "figures",
        "numbers",
        "values",
        "data",
        "totals",
        "view",
        "trend",
        "trends",
        "breakdown",
        "werte",
        "zahlen",
    ]
)
_REFRESH = re.compile(
    r"\b(?:updat\w*|refresh\w*|fresh|sent|send|deliver\w*|receiv\w*|renew\w*|aktualis\w*|auffrisch\w*|geschickt|"
    r"schick\w*|"
    r"erneuer\w*|neue daten|new data|kept current|up to date)\b"
)
_WORK = re.compile(
    r"\b(?:copy|copying|collect|compile|spend|paste|type|put together|cobble|kopier\w*|sammle|tippe|verbringe|"
    r"meet|meeting|"
    r"meets|treffen|stand-up|complain\w*)\b"
)
_EACH = re.compile(
    rf"\b(?:(?:each|every|on|jeden|jede|am)\s+(?P<d>{_WEEKDAY})s?|(?P<p>{_WEEKDAY})s|(?P<m>montags|dienstags|"
    rf"mittwochs|donnerstags|freitags))\b"
)
_EACH_TIME = re.compile(
    r"\b(?:(?:each|every|jeden|jede)\s+(?P<u>day|morning|night|week|month|tag|morgen|woche|monat)|once (?:a|"
    r"per) (?P<v>day|week|month)|"
    r"(?P<first>(?:on the )?(?:first|1st)(?: day)? of (?:each|every|the) month|(?:zum|am) (?:ersten|"
    r"monatsersten|1\.)(?: (?:jeden|des) monats)?))\b"
)
_ENOUGH = re.compile(
    rf"\b(?:(?P<a>{_ADJECTIVE})|(?:each|every|jeden?)\s+(?P<d>{_WEEKDAY})|once a (?P<u>day|week|month))\s+"
    r"(?:(?:is|would be|will be|ist|wäre)\s+(?:quite\s+|völlig\s+)?(?:enough|fine|sufficient|plenty|okay|ok|"
    r"ausreichend)|(?:reicht|genügt)(?!\s+(?:\w+\s+)?nicht))\b"
)
_ONCE = re.compile(
    r"\b(?:just once|only once|one[- ]off|one[- ]time (?:report|look|analysis)|nur einmal|einmalig\w*)\b"
)
_DONE = re.compile(
    r"\b(?:who|that|which|bought|ordered|purchased|paid|visited|came|gekauft|bestellt)\b[^.,;]{0,40}$"
)
"""What people did once, as `who bought only once`."""
_KINDS: dict[str, tuple[str, ...]] = {
    "composition": (
        r"\bshares? of\b",
        r"\bproportions?\b",
        r"\bpercentage of\b",
        r"\bmake[s]? up\b",
        r"\bmix\b",
        r"\bbreak ?downs?\b",
        r"\bbroken down\b",
        r"\bcomposition\b",
        r"\banteile?n?\b",
        r"\bzusammensetzung\b",
        r"\baufteilung\b",
        r"\bverteilung\b",
        r"\bdistribution\b",
        r"\bpie charts?\b",
        r"\bcomes? from\b",
        r"\bparts? of the whole\b",
        r"\btortendiagramm\b",
        r"\bsetzt sich\b",
        r"\bsplit of\b",
        r"\bzusammensetzt\b",
        r"\bwhat share\b",
        r"\bcontribut\w+\b",
    ),
    "trend": (
        r"\btrends?\b",
        r"\bover time\b",
        r"\bdevelop(?:ed|s|ing|ment)?\b",
        r"\bevol(?:ve[ds]?|ving|ution)\b",
        r"\bhistory of\b",
        r"\bentwicklung\w*\b",
        r"\bentwickel\w*\b",
        r"\bverlauf\b",
        r"\bline charts?\b",
        r"\bliniendiagramm\b",
        r"\ba line (?:is|would be|will do)\b",
        r"\btime series\b",
        r"\bzeitverlauf\b",
        r"\bgoing up or down\b",
        r"\bup or down\b",
        r"\bgrow(?:n|th|ing|s)?\b",
        r"\bzeitreihe\b",
        r"\bmoved?\b",
    ),
    "comparison": (
        r"\bcompar(?:e|ed|es|ing|ison|isons)\b(?! (?:it |them |this )?(?:with|to) (?:the )?(?:same|last|"
        r"previous|prior))",
        r"\brank(?:ed|ing|s)?\b",
        r"\btop[ -]?\d+\b",
        r"\bversus\b",
        r"\bvs\b",
        r"\b(?:best|worst)\b",
        r"\b(?:highest|lowest)\b",
        r"\bwhich \w+(?: \w+)? (?:is|are|has|have|sells?|earns?|do|does|bring|brings)\b",
        r"\bvergleich(?:en|e)?\b(?! (?:zum|mit dem|zur) vor)",
        r"\bverglichen\b",
        r"\bbeste[nrs]?\b",
        r"\bschlechteste[nrs]?\b",
        r"\brangliste\b",
        r"\bbar charts?\b",
        r"\bbalkendiagramm\b",
        r"\bside by side\b",
        r"\bnebeneinander\b",
        r"\bbusiest\b",
        r"\bleaderboard\b",
        r"\bunterscheid\w*\b",
    ),
    "detail": (
        r"\blist of (?:all|every|each)\b",
        r"\b(?:list of|liste der|liste von) (?:\w+ ){1,3}(?:with|mit)\b",
        r"\brow by row\b",
        r"\bin detail\b",
        r"\bdetails?\b",
        r"\bdetailed\b",
        r"\bas a table\b",
        r"\bin a table\b",
        r"\btable of\b",
        r"\beinzelne? auflist\w*\b",
        r"\bdetail\w*\b",
        r"\bals tabelle\b",
        r"\bliste (?:aller|der)\b",
        r"\bline by line\b",
        r"\btabelle mit\b",
        r"\bin einer tabelle\b",
        r"\bone row per\b",
    ),
    "kpi": (
        r"\bkpis?\b",
        r"\bkey figures?\b",
        r"\bat a glance\b",
        r"\bheadline\b",
        r"\bscorecard\b",
        r"\bone number\b",
        r"\bbig number\b",
        r"\bkennzahl(?:en)?\b",
        r"\bauf einen blick\b",
        r"\bhow (?:much|many)\b",
        r"\bwie ?viele?\b",
        r"\bon one page\b",
        r"\bbig screen\b",
        r"\bsnapshot\b",
        r"\bjust the (?:total|number)s?\b",
        r"\btiles?\b",
        r"\bgesamtzahl\b",
    ),
}
_WEAK_KINDS = frozenset(
    (
        r"\bhow (?:much|many)\b",
        r"\bwie ?viele?\b",
        r"\bdetails?\b",
        r"\bmoved?\b",
        r"\bgrow(?:n|th|ing|s)?\b",
        r"\bon one page\b",
        r"\b(?:best|worst)\b",
        r"\bbeste[nrs]?\b",
        r"\bcomes? from\b",
    )
)
_CHARTS = {
    "trend": r"\b(?:line (?:charts?|graphs?)|liniendiagramme?|a line (?:is|would be|will do))\b",
    "bars": r"\b(?:bar (?:charts?|graphs?)|column charts?|balkendiagramme?|säulendiagramme?)\b",
    "shares": r"\b(?:pie charts?|donut charts?|tortendiagramme?|kreisdiagramme?)\b",
    "table": r"\b(?:(?:as|in) a table|table of|als tabelle|in einer tabelle)\b",
}
_TARGET = re.compile(
    r"\b(?:target|goal|ziel(?:wert)?|plan|budget)\b\s*(?:of|is|are|was|:|von|ist|sind|beträgt|liegt bei|at|for it is|"
    r"should be|stays at)?\s*(?:at\s+)?"
    r"(?P<n>[€$£]?\s?\d[\d.,]*\s?(?:%|percent|prozent|k\b|m\b|mio\.?|million(?:en)?|thousand|tausend)?)"
    r"(?:\s*(?:pounds|gbp|eur|euros?|usd|dollars?|pfund))?(?:\s*(?:per|a|each|every|pro|im)\s+(?P<u>day|week|"
    r"month|quarter|year|tag|woche|monat|quartal|jahr)\b)?"
)
_TOP = re.compile(r"\b(?:top|best|worst|bottom)[ -]?(?P<n>\d{1,3})\b")
_DEADLINE = re.compile(
    r"\b(?:(?P<pre>by|before|until|till|due(?: on| by)?|needed (?:on|by)|deadline(?: is|:)?|no later than|"
    r"latest(?: by)?|at the latest on|fällig(?: am| zum| bis)?|"
    r"bis(?: zum| zu| spätestens| spätestens zum)?|spätestens(?: am| zum| bis)?|vor dem|on)\s+)"
    rf"(?:the\s+|dem\s+|den\s+)?(?P<what>{_DATE}|(?:next\s+|this\s+|nächste[nrs]?\s+|"
    rf"kommende[nrs]?\s+)?(?:{_WEEKDAY})|"
    r"(?:the\s+)?end of (?:the\s+|this\s+|next\s+)?(?:week|month|quarter|year)|"
    rf"(?:the\s+)?end of (?:{_M})(?:\s20\d{{2}})?|ende (?:{_M})(?:\s20\d{{2}})?|"
    r"ende (?:der |des |dieser |dieses |nächster |nächsten )?(?:woche|monats|quartals|jahres)|tomorrow|morgen|"
    r"next week|next month)\b"
)
_WITHIN = re.compile(
    rf"\b(?:in|within|innerhalb(?: von)?)\s+(?:the next\s+|den nächsten\s+|"
    rf"der nächsten\s+)?(?P<n>{_N})\s+(?P<u>days?|weeks?|months?|tagen?|wochen?|monaten?)\b"
    r"(?!\s+(?:steps|buckets|of|after))"
)
_URGENT = re.compile(
    r"\b(?:urgent(?:ly)?|asap|as soon as possible|dringend|eilt|so schnell wie möglich|schnellstmöglich)\b"
)


def find_cues(sentence: Sentence, number: int, asked_on: date) -> list[Cue]:
    """All cues of a sentence. asked_on: the day that `by Friday` counts from."""
    if sentence.skipped:
        return []
    found: list[Cue] = []
    for find in (
        _find_comparisons,
        _find_deadlines,
        _find_periods,
        _find_cadence,
        _find_grains,
        _find_kinds,
        _find_charts,
    ):
        for cue in find(sentence, number, asked_on):
            if cue.field == "period" and _LEFT_OUT.search(sentence.low[: cue.start]):
                continue  # which no request can say
            if cue.field in ("analysis", "chart") or not any(
                cue.start < other.end and other.start < cue.end for other in found
            ):
                found.append(cue)
    for cue in found:
        if cue.field != "analysis":  # its words may be a part of a name, too
            sentence.use(cue.start, cue.end)
    return found


def list_unread_times(sentence: Sentence) -> list[str]:
    """Times that a sentence names and nothing was made of, as they are written."""
    found = []
    for match in _TIME.finditer(sentence.low):
        places = {n for n, t in enumerate(sentence.tokens) if t.start < match.end() and t.end > match.start()}
        is_name = match.start() > 0 and sentence.text[match.start()].isupper()
        if places and not places & sentence.used and (is_name or match[0] not in MONTHS):  # `it may be`
            found.append(sentence.text[match.start() : match.end()])
    return found


def find_targets(sentence: Sentence) -> list[tuple[str, str, int, int]]:
    """The numbers that are named as targets: number, unit of time, start, end."""
    if sentence.skipped:
        return []
    found = []
    for match in _TARGET.finditer(sentence.low):
        unit = UNITS.get(match["u"] or "", "")
        found.append((_write_target(match["n"]), unit, match.start(), match.end()))
    return [each for each in found if each[0]]


def find_top(sentence: Sentence) -> re.Match[str] | None:
    """`top 10` and the like."""
    return None if sentence.skipped else _TOP.search(sentence.low)


def _make(
    sentence: Sentence, number: int, found: re.Match[str], field: str, value: str, **more: object
) -> Cue:
    typed = sentence.text[found.start() : found.end()].strip()
    return Cue(field, value, found.start(), found.end(), number, typed, **more)  # type: ignore[arg-type]


def _find_comparisons(sentence: Sentence, number: int, _: date) -> Iterator[Cue]:
    year = "same period last year"
    for pattern, value in ((_YEAR_AGO, year), (_YEAR_BEFORE_THIS, year), (_PERIOD_AGO, "previous period")):
        for found in pattern.finditer(sentence.low):
            yield _make(sentence, number, found, "comparison", value)
    for found in _AGAINST.finditer(sentence.low):
        if _read_part(found["d"]) in [_move_back(each["d"]) for each in _IN.finditer(sentence.low)]:
            yield _make(sentence, number, found, "comparison", year)
    for found in _TWO_YEARS.finditer(sentence.low):
        first, second = sorted((int(found["a"]), int(found["b"])))
        if second == first + 1:
            middle, end = found.start("to"), found.end()
            typed = sentence.text[found.start() : end]
            yield Cue("comparison", year, middle, end, number, typed)
            yield Cue("period", str(second), found.start(), middle, number, typed)


def _move_back(text: str) -> tuple[date, date] | None:
    """The same part of the year before."""
    part = _read_part(text)
    if part is None:
        return None
    first, last = part
    return first.replace(year=first.year - 1), end_month(last.year - 1, last.month)


def _find_periods(sentence: Sentence, number: int, asked_on: date) -> Iterator[Cue]:
    low = sentence.low
    for found in _BETWEEN.finditer(low):
        named, last = found["a"], _read_part(found["b"])
        if last and named in MONTHS:  # of the same year, or of that before
            named = f"{named} {last[1].year - (MONTHS[named] > last[1].month)}"
        first = _read_part(named)
        if first and last and first[0] <= last[0]:
            yield _make(sentence, number, found, "period", f"{first[0]}..{last[1]}")
    for found in _LAST.finditer(low):
        unit = UNITS[found["u"]]
        count = _read_number(found["n"]) if found["n"] else 1
        if found["than"] or (
            not found["n"]
            and not re.match(r"(?:in|over|for|during|within|from|im|just|only|nur|für)\s", found[0])
        ):
            continue  # a remark on another time, as `fewer than last year`
        yield _make(sentence, number, found, "period", f"last {count} {unit}{'s' if count > 1 else ''}")
    yield from _find_current(sentence, number, asked_on)
    for found in _SINCE.finditer(low):
        if part := _read_part(found["d"]):
            yield _make(sentence, number, found, "period", f"since {part[0]}")
    yield from _find_parts(sentence, number)


def _find_parts(sentence: Sentence, number: int) -> Iterator[Cue]:
    """A year, a month, a quarter or a half of a year by name; two years that follow one another."""
    low = sentence.low
    for found in _YEARS.finditer(low):
        if int(found["b"]) == int(found["a"]) + 1:
            yield _make(sentence, number, found, "period", f"{found['a']}-01-01..{found['b']}-12-31")
    for found in _IN.finditer(low):
        if _YEARS.match(low, found.start()):
            continue
        ahead = low[: found.start()]
        if _PART_OF.search(ahead) and not _BY_UNIT.search(ahead):
            continue
        if part := _read_part(found["d"]):
            yield _make(sentence, number, found, "period", _write_span(found["d"], part))


def _find_current(sentence: Sentence, number: int, asked_on: date) -> Iterator[Cue]:
    """`this year`, `year to date`, `last year and this year`; not `by the end of this year`."""
    low = sentence.low
    for found in _THIS.finditer(low):
        unit = UNITS.get((found["u"] or "year").removesuffix("es").removesuffix("s"), "")
        unit = unit or UNITS.get(found["u"] or "", "year")
        if re.search(r"\b(?:by the end of|end of|ende|bis)\s*(?:the\s*)?$", low[: found.start()]):
            continue
        if _AND_NOW.search(low[: found.start()]) or _AND_BEFORE.match(low, found.end()):
            if unit == "year":
                yield _make(sentence, number, found, "period", f"since {asked_on.year - 1}-01-01")
            continue
        yield _make(sentence, number, found, "period", f"this {unit}")


def _find_grains(sentence: Sentence, number: int, _: date) -> Iterator[Cue]:
    for found in _GRAIN.finditer(sentence.low):
        word = found["u"] or found["v"] or found["w"] or ""
        unit = UNITS.get(word) or UNITS.get(word.removesuffix("en")) or GRAIN_ADJECTIVES.get(found["x"] or "")
        unit = unit or _BASIS.get(found["y"] or "", "")
        if unit and not (found["v"] and _is_cadence(sentence, found)):
            yield _make(sentence, number, found, "grain", unit)
    for found in _AND_GRAIN.finditer(sentence.low):
        start, end = found.span("v")
        yield Cue("grain", UNITS[found["v"]], start, end, number, sentence.text[start:end])
    for found in _ADJECTIVE_OF.finditer(sentence.low):
        unit, following = GRAIN_ADJECTIVES[found["a"]], found["next"] or ""
        if (
            following in _REPORTS
            or following in ("and", "und", "or")
            or _REFRESH.search(sentence.low)
            or not (following or found["a"].endswith("weise"))
        ):
            continue
        end = found.start("next") if following else found.end()
        typed = sentence.text[found.start() : found.end("a")]
        plain = following in _FIGURES or found["a"].endswith("weise")
        plain |= bool(_OVER.match(sentence.low, found.end("a")))
        yield Cue("grain", unit, found.start(), end, number, typed, strength=2 if plain else 1)


def _is_cadence(sentence: Sentence, found: re.Match[str]) -> bool:
    return bool(re.match(r"each|every|jede", found[0])) and bool(
        _REFRESH.search(sentence.low) or _WORK.search(sentence.low)
    )


def _find_cadence(sentence: Sentence, number: int, _: date) -> Iterator[Cue]:
    low = sentence.low
    yield from _find_once(sentence, number)
    if enough := _ENOUGH.search(low):
        unit = GRAIN_ADJECTIVES[enough["a"]] if enough["a"] else enough["u"] or ""
        if value := f"weekly on {WEEKDAYS[enough['d']]}" if enough["d"] else _write_cadence(unit):
            yield _make(sentence, number, enough, "cadence", value)
        return
    fresh = bool(_REFRESH.search(low))
    reported = re.search(rf"\b(?P<a>{_ADJECTIVE})\s+(?:{_join(_REPORTS)})\b", low)
    adjective = reported or (re.search(rf"\b(?P<a>{_ADJECTIVE})\b", low) if fresh else None)
    if adjective and (value := _write_cadence(GRAIN_ADJECTIVES[adjective["a"]])):
        yield _make(sentence, number, adjective, "cadence", value)
    if not fresh or _WORK.search(low):
        return
    for found in _EACH.finditer(low):
        if re.match(r"on|am", found[0]) and re.search(
            r"\b(?:last|latest|since|letzte[nrs]?|seit)\b", low[: found.start()]
        ):
            continue  # the one that was, as `since the last update on Monday`
        day = found["d"] or found["p"] or (found["m"] or "").removesuffix("s")
        yield _make(sentence, number, found, "cadence", f"weekly on {WEEKDAYS[day]}")
    for found in _EACH_TIME.finditer(low):
        word = found["u"] or found["v"] or ""
        unit = {"morning": "day", "night": "day", "morgen": "day"}.get(word) or UNITS.get(word, "month")
        if value := _write_cadence(unit):
            yield _make(sentence, number, found, "cadence", value)


def _find_once(sentence: Sentence, number: int) -> Iterator[Cue]:
    for found in _ONCE.finditer(sentence.low):
        if not _DONE.search(sentence.low[: found.start()]):
            yield _make(sentence, number, found, "cadence", "once")


def _write_cadence(unit: str) -> str:
    """A cadence of a unit; none of those that can't be kept."""
    return {"day": "daily", "week": "weekly on Monday", "month": "monthly on day 1"}.get(unit, "")


def _find_kinds(sentence: Sentence, number: int, _: date) -> Iterator[Cue]:
    for kind, patterns in _KINDS.items():
        for pattern in patterns:
            for found in re.finditer(pattern, sentence.low):
                if _is_unwanted(sentence, found):
                    continue
                strength = (1 if pattern in _WEAK_KINDS else 2) + sentence.in_title
                yield _make(sentence, number, found, "analysis", kind, strength=strength)


def _is_unwanted(sentence: Sentence, found: re.Match[str]) -> bool:
    """True for what is named as not wanted, as in `no trend` and `lines are not needed`."""
    before = re.split(r"[,;:()]|\bbut\b|\baber\b", sentence.low[: found.start()])[-1]
    after = re.split(r"[,;:()]|\bbut\b|\baber\b", sentence.low[found.end() :])[0]
    return bool(
        re.search(r"\b(?:no|not|without|don't|kein\w*|ohne|nicht)\s(?:\w+\s){0,3}$", before)
        or re.search(
            r"^.{0,30}\b(?:not needed|not necessary|aren't needed|nicht nötig|isn't needed)\b", after
        )
    )


def _find_charts(sentence: Sentence, number: int, _: date) -> Iterator[Cue]:
    for chart, pattern in _CHARTS.items():
        if found := re.search(pattern, sentence.low):
            yield _make(sentence, number, found, "chart", chart)


def _find_deadlines(sentence: Sentence, number: int, asked_on: date) -> Iterator[Cue]:
    low = sentence.low
    if found := _URGENT.search(low):
        yield _make(sentence, number, found, "priority", "high")
    for found in _DEADLINE.finditer(low):
        weak = found["pre"] == "on"
        if weak and not re.search(r"\b(?:need\w*|due|deadline|want\w*|meeting|ready|have it)\b", low):
            continue
        days = _read_deadline(found["what"], asked_on)
        if len(days) == 1:
            yield _make(sentence, number, found, "deadline", str(days[0]), strength=1 if weak else 2)
        elif days:
            yield _make(sentence, number, found, "deadline", str(days[0]), close=str(days[1]))
    if re.search(r"\b(?:need\w*|due|want\w*|ready|have it|brauch\w*|bis|deliver\w*|benötig\w*)\b", low):
        for found in _WITHIN.finditer(low):
            unit, count = UNITS.get(found["u"]) or UNITS[found["u"].rstrip("n")], _read_number(found["n"])
            day = asked_on + timedelta(days=count * {"day": 1, "week": 7, "month": 30}[unit])
            yield _make(sentence, number, found, "deadline", str(day))


def _read_deadline(text: str, asked_on: date) -> tuple[date, ...]:
    """The days that words may mean, counted from a day."""
    if days := read_days(text):
        return days
    words = text.split()
    if words[-1] in WEEKDAYS:
        names = list(dict.fromkeys(WEEKDAYS.values()))
        ahead = (names.index(WEEKDAYS[words[-1]]) - asked_on.weekday()) % 7 or 7
        if words[0] in ("next",) or words[0].startswith(("nächste",)):
            ahead += 7 if ahead + asked_on.weekday() < 7 else 0
        return (asked_on + timedelta(days=ahead),)
    if text in ("tomorrow", "morgen"):
        return (asked_on + timedelta(days=1),)
    if "end of" in text or words[0] == "ende":
        return _read_end(text, words, asked_on)
    return ()


def _read_end(text: str, words: list[str], asked_on: date) -> tuple[date, ...]:
    month = next((MONTHS[word] for word in words if word in MONTHS), 0)
    if month:
        year = next((int(word) for word in words if word.isdigit()), 0)
        year = year or asked_on.year + (month < asked_on.month)
        return (end_month(year, month),)
    later = "next" in words or "nächster" in words or "nächsten" in words
    if words[-1] in ("week", "woche"):
        return (asked_on + timedelta(days=4 - asked_on.weekday() + 7 * (later or asked_on.weekday() > 4)),)
    if words[-1] in ("month", "monats"):
        at = end_month(asked_on.year, asked_on.month)
        return (end_month((at + timedelta(days=1)).year, (at + timedelta(days=1)).month) if later else at,)
    if words[-1] in ("quarter", "quartals"):
        return (end_month(asked_on.year, (asked_on.month + 2) // 3 * 3),)
    return (date(asked_on.year + later, 12, 31),)


def _read_part(text: str) -> tuple[date, date] | None:
    """The first and last day of a date, a month, a quarter or a year."""
    if found := re.fullmatch(r"20\d{2}", text):
        return date(int(text), 1, 1), date(int(text), 12, 31)
    if found := re.fullmatch(r"q([1-4])[ /-]?(20\d{2})|(20\d{2})[ -]?q([1-4])", text):
        quarter, year = int(found[1] or found[4]), int(found[2] or found[3])
        return date(year, quarter * 3 - 2, 1), end_month(year, quarter * 3)
    if found := re.fullmatch(r"h([12])[ /-]?(20\d{2})", text):
        half, year = int(found[1]), int(found[2])
        return date(year, half * 6 - 5, 1), end_month(year, half * 6)
    if found := re.fullmatch(r"(?:the\s+|das\s+)?(\S+)\s+(quarter|quartal|half|halbjahr)\b.*(20\d{2})", text):
        length = 3 if found[2].startswith("quart") else 6
        last, year = ORDINALS[found[1]] * length, int(found[3])
        return (date(year, last - length + 1, 1), end_month(year, last)) if last <= 12 else None
    if found := re.fullmatch(rf"({_M})\s(20\d{{2}})", text):
        return date(int(found[2]), MONTHS[found[1]], 1), end_month(int(found[2]), MONTHS[found[1]])
    days = read_days(text)
    return (days[0], days[0]) if len(days) == 1 else None


def _write_span(text: str, part: tuple[date, date]) -> str:
    return text if re.fullmatch(r"20\d{2}", text) else f"{part[0]}..{part[1]}"


def _read_number(text: str) -> int:
    return int(text) if text.isdigit() else NUMBERS.get(text, 1)


def _write_target(text: str) -> str:
    """A number as a target has it; empty for one that can be read in two ways."""
    found = re.match(
        r"[€$£]?\s?(\d[\d.,]*)\s?(%|percent|prozent|k\b|m\b|mio\.?|million(?:en)?|thousand|tausend)?", text
    )
    if not found:
        return ""
    digits = found[1].rstrip(".,")
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+", digits):
        digits = digits.replace(",", "")
    elif not re.fullmatch(r"\d+(?:\.\d{1,2})?", digits):
        return ""
    unit = found[2] or ""
    if unit in ("%", "percent", "prozent"):
        return f"{digits}%"
    scale = 1_000_000 if unit.startswith(("m", "mio")) else 1_000 if unit else 1
    value = float(digits) * scale
    return f"{value:.0f}" if value == int(value) else str(value)
