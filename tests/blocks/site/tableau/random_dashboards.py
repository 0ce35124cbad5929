"""Random dashboards: 1 to 8 metrics, 0 to 6 dimensions, 1 to 3 marts, every analysis, wishes, odd names.

Every kind of measure that the catalogue reads out of a project is drawn, also those that no workbook can compute.

No rows: a workbook's XML is made of names and types alone.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import strategies as st

from blocks.catalogue import Dataset
from blocks.metrics import (
    Balance,
    Measure,
    Metric,
    Percentile,
    Shift,
    Window,
    measures_of,
)
from blocks.records import GRAINS, Analysis, Check, Dashboard, GateReport
from blocks.site.base import Card
from blocks.site.opening import apply_targets
from blocks.site.tableau.workbook.connections import (
    LiveConnection,
    PackedExtract,
    PublishedSource,
    TableauConnection,
)
from blocks.site.tableau.workbook.datasource import make_source
from blocks.site.tableau.workbook.left_out import leave_out
from blocks.site.tableau.workbook.workbook import Workbook, make_workbook
from blocks.warehouse.bi_connection import LiveSource
from blocks.wishes import Against, Chart, Filter, Span, Target, Wishes

ODD = (
    "Dashboard",
    "Release check",
    "Data to",
    "Link",
    "Parameters",
    "Country",
    "Größe, netto",
    "a <[b].[c]> & \"d\" 'e'",
    "]]> --",
    "100 % \\ / ; | ~",
    "‮right to left",
    "日本語 😀",
    " ",
    "x" * 300,
    "nothing",
    "Split by",
    "Period",
    "Share of Country",
    "Country [x]",
    "Country (x)",
    "Action (Country)",
    "See all checks",
    "Open ticket AN-1",
    "COUNTRY",
    "Coun\u200btry",
    '"Country"',
    "Nothing",
    "All",
    "whole period",
    "{metric} by {dimension}",
    "<[Parameters].[Parameter 1]>",
    "مبيعات الشهر (صافي)",
    "👩‍👩‍👧 🇩🇪 é",
    "m0 (column)",
    "Data to",
    "((",
    "long " * 40,
)
LABELS = st.one_of(st.sampled_from(ODD), st.text(max_size=40))
TYPES = ("TEXT", "BIGINT", "BOOL", "DATE", "TIMESTAMP", "NUMERIC(18, 2)", "DOUBLE PRECISION", "VARCHAR(20)")
NUMBERS_TYPES = ("BIGINT", "NUMERIC(18, 0)", "NUMERIC(18, 2)", "DOUBLE PRECISION")
KINDS = (
    *("sum", "sum", "sum", "min", "max", "count_distinct", "filtered count_distinct", "balance"),
    *("balance within", "percentile", "shift", "window"),
)
"""Of a measure; the last four are such as Tableau computes none of."""
MOMENT, WITHIN, ROWS = "m__moment", "m__within", "m__rows"
LIVE = LiveSource(
    kind="snowflake", server="a.example.com", database="A", schema_name="S", warehouse="W", role="R"
)


class Drawn(NamedTuple):
    """A random dashboard: its card, the types of each dataset's columns, how its rows are reached."""

    card: Card
    types: tuple[dict[str, str], ...]
    connections: tuple[TableauConnection, ...]

    def list_kinds(self) -> set[str]:
        """The kinds of measures that its metrics are made of."""
        measures = [m for data in self.card.datasets for metric in data.metrics for m in metric.measures]
        found = {each.function for each in measures}
        marks = {"balance": "balance", "shift": "another time", "window": "a window", "filtered": "some rows"}
        return found | {words for name, words in marks.items() if any(getattr(m, name) for m in measures)}

    def leave_out(self) -> tuple[Drawn, tuple[str, ...]]:
        """It without what no workbook computes, as sites leave it out, and the notes on that."""
        card, notes = leave_out(self.card)
        left = {dataset.name for dataset in card.datasets}
        kept = [place for place, dataset in enumerate(self.card.datasets) if dataset.name in left]
        types, ways = (tuple(each[place] for place in kept) for each in (self.types, self.connections))
        return Drawn(card, types, ways), notes

    def make(self) -> Workbook:
        """Its workbook."""
        return make_workbook(
            self.card,
            [
                make_source(self.card.dashboard.name, dataset, types, way, f"random-{dataset.name}")
                for dataset, types, way in zip(self.card.datasets, self.types, self.connections, strict=True)
            ],
        )


@st.composite
def _measures(draw: st.DrawFn, timed: bool) -> tuple[tuple[Measure, ...], dict[str, str]]:
    """Measures of every kind, and the types of the columns that they need."""
    found, types = list[Measure](), dict[str, str]()
    balance = Balance(moment=MOMENT, last=draw(st.booleans()), rows=draw(st.sampled_from(("", ROWS))))
    for number, kind in enumerate(draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=4))):
        name, types[f"m{number}"] = f"m{number}", draw(st.sampled_from(NUMBERS_TYPES))
        match kind:
            case "balance" | "balance within" if timed:
                within = (WITHIN,) if kind == "balance within" else ()
                types |= {MOMENT: "DATE", WITHIN: "TEXT", ROWS: "BIGINT"}
                own = balance.model_copy(update={"within": within})
                found.append(Measure(name=name, function="sum", balance=own))
            case "percentile":
                types[ROWS] = "BIGINT"
                at = draw(st.sampled_from((0.5, 0.9)))
                asked = Percentile(at=at, rows=ROWS, discrete=draw(st.booleans()))
                found.append(Measure(name=name, function="percentile", percentile=asked))
            case "shift" if timed:
                shift = Shift(count=draw(st.integers(0, 12)), grain=draw(st.sampled_from(GRAINS)))
                found.append(Measure(name=f"{name}@{shift}", function="sum", shift=shift))
            case "window" if timed:
                window = Window(count=draw(st.integers(0, 12)), grain=draw(st.sampled_from(GRAINS)))
                found.append(Measure(name=f"{name}@{window}", function="sum", window=window))
            case "count_distinct" | "filtered count_distinct":
                types[name] = draw(st.sampled_from(("TEXT", "BIGINT")))
                found.append(
                    Measure(name=name, function="count_distinct", filtered=kind.startswith("filtered"))
                )
            case "min" | "max":
                found.append(Measure(name=name, function=kind))
            case _:
                found.append(Measure(name=name, function="sum"))
    return tuple(found), types


def _formulas(names: list[str]) -> st.SearchStrategy[Any]:
    """Formulas over measures, as JSON."""
    measure = st.sampled_from(names).map(lambda name: ["measure", name])
    number = st.sampled_from((2, 0.5, -3)).map(lambda value: ["number", value])
    return st.recursive(
        measure,
        lambda part: st.one_of(
            st.tuples(st.sampled_from("+-*/"), part, part).map(list),
            st.tuples(st.just("*"), part, number).map(list),
            part.map(lambda inner: ["fill", inner, 0]),
            st.tuples(part, number, part).map(lambda p: ["case", [">", p[0], p[1]], p[2]]),
            st.tuples(part, number).map(lambda p: ["coalesce", *p]),
        ),
        max_leaves=4,
    )


@st.composite
def _metrics(draw: st.DrawFn, mart: str, measures: tuple[Measure, ...], count: int) -> tuple[Metric, ...]:
    formula = _formulas([measure.name for measure in measures])
    found = [
        Metric(
            name=f"{mart}_metric_{place}",
            label=draw(LABELS),
            description="",
            mart=mart,
            measures=measures,
            formula=draw(formula),
            form=draw(st.sampled_from(("number", "percent", "currency:GBP", "currency:CHF"))),
            target=draw(st.sampled_from((None, None, 12.5, -3e9))),
            target_per=draw(st.sampled_from(("", "", *GRAINS))),
            target_against=draw(st.sampled_from(("", "", "previous", "year"))),
            target_by=draw(st.sampled_from((None, date(2026, 12, 31)))),
            goal=draw(st.sampled_from(("up", "down", "none"))),
            maturity_days=draw(st.sampled_from((0, 0, 7))),
            grows=draw(st.sampled_from((False, False, True))),
            events=draw(st.sampled_from(((), ((date(2026, 3, 1), "Sale <b>"),)))),
            fills_buckets=draw(st.sampled_from((False, False, True))),
        )
        for place in range(count)
    ]
    return tuple(each.model_copy(update={"measures": measures_of(each.formula)}) for each in found)


@st.composite
def _datasets(draw: st.DrawFn, place: int, metrics: int) -> tuple[Dataset, dict[str, str]]:
    mart = f"mart_{place}"
    odd = ("dim_{}", "Größe {}", "a,b & <c> {}", "x]y{}", "q'r\"s{}", "日本{}", "Action (Country)")
    names = [draw(st.sampled_from(odd)).format(number) for number in range(draw(st.integers(0, 6)))]
    dimensions = tuple(dict.fromkeys(names))
    dimensions += ("country",) if draw(st.booleans()) and len(dimensions) < 6 else ()
    time = "day" if draw(st.booleans()) else None
    measures, columns = draw(_measures(timed=time is not None))
    dataset = Dataset(
        mart=mart,
        time=time,
        grain=draw(st.sampled_from(GRAINS)),
        dimensions=dimensions,
        labels={name: draw(LABELS) for name in (*dimensions, "day")},
        metrics=draw(_metrics(mart, measures, metrics)),
        measures=tuple(each.base for each in measures),
        columns=(),
    )
    kinds = {name: draw(st.sampled_from(TYPES)) for name in dimensions}
    kinds |= {"country": "TEXT"} if "country" in kinds else {}
    times = {"day": draw(st.sampled_from(("DATE", "TIMESTAMP")))} if time else {}
    return dataset, {**times, **kinds, **columns}


DAYS = st.one_of(st.none(), st.dates(date(2020, 1, 1), date(2030, 1, 1)))
SPANS = st.one_of(
    st.builds(Span, unit=st.sampled_from(GRAINS), count=st.integers(0, 24)),
    st.builds(Span, first=DAYS, last=DAYS),
)
NUMBERS = st.one_of(st.none(), st.floats(-1e9, 1e9))


@st.composite
def _target(draw: st.DrawFn, metric: str) -> Target:
    against = draw(st.sampled_from((None, None, *Against)))
    value = None if against else draw(st.floats(-1e9, 1e9))
    per = draw(st.sampled_from(("", *GRAINS)))
    return Target(metric=metric, value=value, against=against, per=per, by=draw(DAYS))


@st.composite
def _wishes(draw: st.DrawFn, dimensions: tuple[str, ...], metrics: tuple[str, ...]) -> Wishes:
    """How a dashboard opens, as requests wish it."""
    aimed = draw(st.lists(st.sampled_from(metrics), unique=True, max_size=2))
    chosen = draw(st.lists(st.sampled_from(dimensions), unique=True, max_size=3)) if dimensions else []
    values = st.lists(LABELS.filter(bool), min_size=1, max_size=3).map(tuple)
    return Wishes(
        filters=tuple(
            Filter(dimension=each, values=draw(values), excluded=draw(st.booleans()))
            if draw(st.booleans())
            else Filter(dimension=each, low=draw(NUMBERS), high=draw(NUMBERS))
            for each in chosen
        ),
        period=draw(st.one_of(st.none(), SPANS)),
        comparison=draw(st.sampled_from((None, *Against))),
        grain=draw(st.sampled_from(("", *GRAINS))),
        targets=tuple(draw(_target(each)) for each in aimed),
        charts=tuple(draw(st.lists(st.sampled_from(Chart), unique=True, max_size=4))),
    )


@st.composite
def dashboards(draw: st.DrawFn) -> Drawn:
    """A random dashboard."""
    marts = draw(st.integers(1, 3))
    counts = [1] * marts
    for _ in range(draw(st.integers(0, 8 - marts))):
        counts[draw(st.integers(0, marts - 1))] += 1
    found = [draw(_datasets(place, count)) for place, count in enumerate(counts)]
    names = [metric.name for dataset, _ in found for metric in dataset.metrics]
    analysis = draw(st.sampled_from(Analysis))
    cuts = dict.fromkeys(name for dataset, _ in found for name in dataset.dimensions)
    wishes = draw(_wishes(tuple(cuts), tuple(names)))
    passed = draw(st.lists(st.booleans(), min_size=1, max_size=3))
    checks = tuple(Check(scope="x", name=f"c{n}", passed=ok, kind="dbt") for n, ok in enumerate(passed))
    card = Card(
        dashboard=Dashboard(
            name="random",
            title=draw(LABELS),
            analysis=analysis,
            metrics=tuple(draw(st.permutations(names))),
            dimensions=(),
            marts=tuple(dataset.mart for dataset, _ in found),
            ticket=draw(st.sampled_from((None, "AN-1", "<b>"))),
            wishes=wishes,
        ),
        run=draw(st.sampled_from(("r1", "20261126T090000", "<odd>"))),
        datasets=apply_targets([dataset for dataset, _ in found], wishes.targets),
        extracts=tuple(Path(f"{place}.parquet") for place in range(marts)),
        ends=draw(st.sampled_from(((), (date(2026, 11, 25),) * marts))),
        gate=draw(
            st.sampled_from(
                (
                    None,
                    *(
                        GateReport(run="r1", passed=all(passed), checks=checks, docs_url=url)
                        for url in ("", "https://checks.example.com/r1/index.html")
                    ),
                )
            )
        ),
        as_of=draw(st.sampled_from((None, "2026-11-25"))),
        ticket_url=draw(
            st.sampled_from((None, "file:///x", "https://jira.example.com/browse/A-1?a=<b>&c=[d]"))
        ),
    )
    way = draw(st.sampled_from(("packed", "published", "live")))
    ways: dict[str, Any] = {
        "packed": lambda place: PackedExtract(f"Data/random-mart_{place}.hyper"),
        "published": lambda place: PublishedSource(
            f"random-mart_{place}", f"random {place}", "https://bi.example.com", "acme"
        ),
        "live": lambda place: LiveConnection(LIVE, "select 1 as a where 1 <> 2", "reader"),
    }
    return Drawn(card, tuple(types for _, types in found), tuple(ways[way](place) for place in range(marts)))
