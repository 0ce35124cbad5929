"""What people call the parts of a request. To let them call a part something else, add the name to `NAMES`."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping


def _split_names(names: str) -> tuple[str, ...]:
    return tuple(names.split(", "))


NAMES: Mapping[str, tuple[str, ...]] = {
    "analysis": _split_names(
        "analysis, analysis type, type of analysis, kind of analysis, analysis kind, "
        "report type, type of report, "
        "analyse, art der analyse, analyseart, auswertung, art der auswertung, berichtsart"
    ),
    "metrics": _split_names(
        "metrics, metric, kpis, kpi, measures, measure, key figures, key figure, indicators, indicator, "
        "key performance indicators, key performance indicator, "
        "kennzahlen, kennzahl, metriken, metrik, messgrößen, messgröße, messwerte"
    ),
    "dimensions": _split_names(
        "dimensions, dimension, by, slice by, sliced by, slices, split by, splits, group by, grouped by, "
        "grouping, groupings, "
        "break down by, broken down by, breakdown, breakdowns, breakdown by, segment by, segmented by, cut by, "
        "dims, dim, per, pro, je, split, split on, slicers, sliced on, segments, segmentation, attributes, "
        "drill down, drill down by, view by, viewed by, slice and dice by, slice dice by, break it down by, "
        "break down, "
        "dimensionen, aufgeschlüsselt nach, aufschlüsselung, aufschlüsselung nach, aufgeteilt nach, aufteilung, "
        "aufteilung nach, gegliedert nach, gliederung, gliederung nach, aufgliederung, aufgliederung nach, "
        "gruppiert nach, gruppierung, gruppierung nach, nach"
    ),
    "data_sources": _split_names(
        "data sources, data source, datasources, datasource, sources, source, source systems, source system, "
        "sources of data, source of data, "
        "datenquellen, datenquelle, quellen, quelle, quellsysteme, quellsystem"
    ),
    "deadline": _split_names(
        "deadline, due, due date, due by, due on, needed by, needed on, required by, date needed, date required, "
        "by when, delivery date, deadline date, deliver by, delivery by, wanted by, needed before, eta, "
        "target date, when do you need it, when is it needed, when is it due, when needed, "
        "frist, termin, fällig, fällig am, fällig bis, fälligkeit, fälligkeitsdatum, bis wann, benötigt bis, "
        "gewünscht bis, liefertermin, abgabetermin, zieltermin, zieldatum, wunschtermin, "
        "fertig bis, abgabe bis, gebraucht bis, wann gebraucht, wann benötigt"
    ),
    "requester": _split_names(
        "requester, requestor, requested by, asked by, requester name, "
        "auftraggeber, auftraggeberin, angefordert von, anforderer, gewünscht von"
    ),
    "assignee": _split_names("assignee, assigned to, bearbeiter, bearbeiterin, zugewiesen an, zuständig"),
    "priority": _split_names("priority, prio, urgency, priorität, dringlichkeit"),
    "filters": _split_names(
        "filters, filter, filter by, filtered by, restricted to, limited to, "
        "gefiltert nach, eingeschränkt auf, beschränkt auf, nur"
    ),
    "period": _split_names(
        "period, time period, time range, date range, time frame, timeframe, time span, zeitraum, zeitspanne"
    ),
    "comparison": _split_names(
        "comparison, compare with, compare to, compared with, compared to, comparison period, "
        "vergleich, vergleich mit, verglichen mit, vergleichszeitraum"
    ),
    "grain": _split_names("grain, granularity, time grain, granularität, zeitraster"),
    "target": _split_names("target, targets, target value, target values, ziel, ziele, zielwert, zielwerte"),
    "cadence": _split_names(
        "cadence, schedule, refresh, frequency, refresh frequency, update frequency, how often, "
        "rhythmus, turnus, häufigkeit, aktualisierung, wie oft"
    ),
    "audience": _split_names(
        "audience, readers, viewers, who may read, shared with, visible to, "
        "leser, leserkreis, sichtbar für, zielgruppe"
    ),
    "chart": _split_names(
        "chart, charts, graph, graphs, graph type, chart type, chart types, type of chart, visualisation, "
        "visualization, diagramm, diagramme, diagrammart, diagrammtyp, darstellung"
    ),
    "layout": _split_names("layout, layout order, order of charts, anordnung, reihenfolge"),
    "subscribers": _split_names(
        "subscribers, subscriber, subscribe, subscription, subscriptions, notify, send to, sent to, e mail to, "
        "email to, mail to, "
        "abonnenten, benachrichtigen, benachrichtigung an, senden an"
    ),
    "alerts": _split_names(
        "alerts, alert, alert if, alert when, alert me if, alert me when, warn if, warn when, thresholds, threshold, "
        "warnung, warnungen, warnen wenn, schwellenwert, schwellenwerte, schwellwert"
    ),
}
LISTS = (
    *("metrics", "dimensions", "data_sources", "filters", "target", "audience", "chart", "layout"),
    *("subscribers", "alerts"),
)
"""Parts with several values; the others have one."""
REMARKS = frozenset(
    _split_names(
        "notes, note, comments, comment, remarks, remark, example, examples, description, explanation, hint, hints, "
        "help, details, why, reason, purpose, background, context, guidance, instructions, nr, no, number, "
        "bemerkung, bemerkungen, anmerkung, anmerkungen, hinweis, hinweise, beispiel, beispiele, beschreibung, "
        "erläuterung, grund, zweck, hintergrund, warum, notiz, notizen, nummer"
    )
)
"""What heads a column, or a line, of remarks: they are free text, no part of the request."""
VALUES = frozenset(
    _split_names(
        "value, values, answer, answers, input, entry, entries, content, part, parts, field, fields, item, "
        "wert, werte, angabe, angaben, antwort, antworten, eingabe, feld, felder"
    )
)
_WITHOUT_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
_FIELDS = {
    spelled: field
    for field, names in NAMES.items()
    for name in names
    for spelled in (name.casefold(), name.casefold().translate(_WITHOUT_UMLAUTS))  # ß is ss
}
_FILLERS = frozenset(
    spelled
    for name in _split_names(
        "required, requested, needed, wanted, desired, relevant, optional, mandatory, the, our, my, your, key, main, "
        "which, what, all, please, i, we, you, do, does, need, want, would, like, should, be, is, are, see, show, "
        "shown, include, used, of, interest, name, names, list, lists, following, "
        "benötigt, benötigte, gewünscht, gewünschte, erforderlich, pflicht, pflichtfeld, die, der, das, unsere, welche"
    )
    for spelled in (name, name.translate(_WITHOUT_UMLAUTS))
)
_NEAR = 0.8  # of difflib's ratio


def find_field(name: str) -> str | None:
    """The part of a request that people call this, whatever stands around the words: numbers, stars, `(required)`."""
    if len(name) > 120:
        return None
    spelled = re.sub(r"['’]s\b", "s", unicodedata.normalize("NFKC", name).casefold().replace("_", " "))
    without_brackets = re.sub(r"\([^()]*\)|\[[^\[\]]*\]|<[^<>]*>", " ", spelled)
    fields = {_find_words(each) for each in re.split(r"/|&|\b(?:and|or|und|oder)\b", without_brackets)}
    return fields.pop() if len(fields) == 1 else None


def _find_words(text: str) -> str | None:
    words = re.findall(r"[^\W_]+", re.sub(r"\bto (?:see|have|show)\b", " ", text))
    while words and (words[0].isdigit() or (len(words) > 1 and len(words[0]) == 1 and words[0] != "i")):
        words = words[1:]
    while len(words) > 1 and words[-1].isdigit():  # one of several, as in `Metric 2`
        words = words[:-1]
    shorter = [word for word in words if word not in _FILLERS]
    return _FIELDS.get(" ".join(words)) or _FIELDS.get(" ".join(shorter))


def is_remark(name: str) -> bool:
    """True for what heads remarks, as in `Notes`, and for a number or an empty head."""
    words = re.findall(r"[^\W\d_]+", name.casefold())
    return not words or bool(REMARKS.intersection(words))


def is_head(name: str) -> bool:
    """True for what heads a column of names, values or remarks."""
    return is_remark(name) or bool(VALUES.intersection(re.findall(r"[^\W\d_]+", name.casefold())))


def find_near_field(name: str) -> str | None:
    """The part whose name this nearly is, as `Metrcs`; None if there is none."""
    word = " ".join(re.findall(r"[^\W\d_]+", name.casefold()))
    if not 4 <= len(word) <= 40:
        return None
    near = difflib.get_close_matches(
        word, [each for each in _FIELDS if each[0] == word[0]], n=1, cutoff=_NEAR
    )
    return _FIELDS[near[0]] if near else None
