"""A whole workbook from a card: a .twbx, deterministic, of nothing but what files that Tableau saved have."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from pathlib import Path

from blocks.site.base import Card
from blocks.site.opening import choose_grain as choose_opening_grain
from blocks.site.plan import Chart, DashboardPlan
from blocks.site.tableau.workbook.actions import connect_sheets, make_actions, make_windows
from blocks.site.tableau.workbook.axes import choose_axis_forms
from blocks.site.tableau.workbook.colours import choose_colours
from blocks.site.tableau.workbook.datasource import Captions, Source, colour_source, plan_source
from blocks.site.tableau.workbook.derived import make_choices
from blocks.site.tableau.workbook.fields import Field
from blocks.site.tableau.workbook.grammar import ALWAYS, VERSION, declare_features
from blocks.site.tableau.workbook.layout import DashboardLayout
from blocks.site.tableau.workbook.parameters import make_parameters, quote_text
from blocks.site.tableau.workbook.presets import find_presets
from blocks.site.tableau.workbook.sheet_plan import plan_check, plan_date, plan_kpi, plan_links, plan_panel
from blocks.site.tableau.workbook.worksheets import MAP, Sheet
from blocks.site.tableau.workbook.xml import USER, Element, as_title, element
from blocks.site.text import check_link

BUILD = "0.0.0 (0000.0.0.0)"  # written by no Tableau product
DASHBOARD = "Dashboard"  # sheets and dashboards share one room of names
STAMP = (2020, 1, 1, 0, 0, 0)  # in the package: the same content gives the same file


@dataclass(frozen=True)
class Workbook:
    """A workbook. checks: sheets that are on no dashboard, to be read back."""

    layout: DashboardLayout
    checks: Sequence[Sheet]
    sources: Sequence[Source]

    @property
    def kpis(self) -> Sequence[Sheet]:
        """The figures."""
        return self.layout.kpis

    @property
    def charts(self) -> Sequence[Sheet]:
        """The charts."""
        return self.layout.charts

    @property
    def hidden(self) -> list[str]:
        """Sheets that are no views of the site; check sheets are, as only a view can be read.

        In the file every sheet is hidden: for publishing, the request alone decides which sheets become views.
        """
        return [sheet.name for sheet in self.layout.sheets]

    def xml(self) -> Element:
        """The `workbook`."""
        from lxml import etree

        sheets, name = [*self.layout.sheets, *self.checks], self.layout.name
        maps = any(sheet.mark == MAP for sheet in sheets)
        sources = [*(source.xml() for source in self.sources), make_parameters(self.layout.parameters)]
        root = element(
            "workbook",
            {
                "original-version": VERSION,
                "source-build": BUILD,
                "source-platform": "win",
                "version": VERSION,
            },
            element("preferences"),
            element("datasources", {}, *sources),
            element("mapsources", {}, element("mapsource", {"name": "Tableau"})) if maps else None,
            make_actions(name, self.layout.sheets),
            element("worksheets", {}, *(sheet.xml() for sheet in sheets)),
            element("dashboards", {}, self.layout.xml()),
            make_windows(self.layout, sheets),
        )
        root.insert(0, declare_features(root, *ALWAYS))
        etree.cleanup_namespaces(root, top_nsmap={"user": USER}, keep_ns_prefixes=["user"])
        return root


def make_workbook(card: Card, sources: Sequence[Source]) -> Workbook:
    """The workbook of a card's plan; sources pair with its datasets."""
    plan = card.plan
    planned = _plan_sources(card, plan, sources)
    own = {dataset.name: source for dataset, source in zip(card.datasets, planned, strict=True)}
    figures = [
        plan_kpi(own[name], next(each for each in own[name].metrics if each.name == f"Calculation_{metric}"))
        for name, metric in plan.figures
    ]
    drawn = [
        _name_data(sheet, section.label) if len(plan.sections) > 1 else sheet
        for section in plan.sections
        for panel in section.panels
        for sheet in plan_panel(own[section.dataset], panel)
    ]
    heads = [sheet for source in planned for sheet in plan_date(source)]
    heads += plan_links(planned[0], list(_list_links(card).values()))
    checks = [plan_check(source, place) for place, source in enumerate(planned)]
    taken, sizes = {DASHBOARD.casefold()}, (len(heads), len(figures), len(drawn), len(checks))
    # The check sheets' names are looked for, so they are taken first.
    names = [_name_apart(each, taken) for each in (*checks, *heads, *figures, *drawn)]
    sheets = connect_sheets([*names[len(checks) :], *names[: len(checks)]])
    edges = [0, *accumulate(sizes)]
    head, kpis, charts, checks = (sheets[start:end] for start, end in pairwise(edges))
    choices = [each.derived.choices for each in planned]
    parameters = {parameter.number: parameter for each in choices for parameter in each.every}
    layout = DashboardLayout(
        name=DASHBOARD,
        title=as_title(card.dashboard.title) or card.dashboard.name,
        note=_note(card),
        head=head,
        kpis=kpis,
        charts=charts,
        parameters=[parameters[number] for number in sorted(parameters)],
    )
    return Workbook(layout, checks, tuple(planned))


def _plan_sources(card: Card, plan: DashboardPlan, sources: Sequence[Source]) -> list[Source]:
    """The sources with the fields that the plan needs, in the plan's words."""
    grains = next((p.grains for section in plan.sections for p in section.panels if p.grains), ())
    tables = any(p.chart is Chart.table and p.grains for section in plan.sections for p in section.panels)
    splits = []
    for source, section in zip(sources, plan.sections, strict=True):
        cut = any(panel.chart in (Chart.trend, Chart.stacked) for panel in section.panels)
        stacked = any(panel.chart is Chart.stacked for panel in section.panels)
        captions = tuple(dimension.caption for dimension in source.dimensions) if cut else ()
        splits.append((section.label if len(sources) > 1 else "", captions, stacked))
    wishes = card.dashboard.wishes
    choices = make_choices(grains, tables, splits, choose_opening_grain(wishes))
    names = [section.label if len(sources) > 1 else "Data" for section in plan.sections]
    sources = _name_fields_apart(sources, names)
    end = min((each for each in card.ends if each), default=None)
    planned = [
        plan_source(*each, end, wishes.comparison)
        for each in zip(sources, card.datasets, plan.sections, choices, names, strict=True)
    ]
    planned = [
        colour_source(source, choose_colours(path, dataset, [d.name for d in source.dimensions], sizes))
        for source, dataset, path, sizes in zip(
            planned, card.datasets, card.extracts, card.sizes or [{}] * len(planned), strict=True
        )
    ]
    planned = [
        replace(
            source, axes=choose_axis_forms(path, dataset, grains, sizes), presets=find_presets(card, place)
        )
        for place, (source, dataset, path, sizes) in enumerate(
            zip(planned, card.datasets, card.extracts, card.sizes or [{}] * len(planned), strict=True)
        )
    ]
    words = [
        Field(f"Derived_link_{place}", planned[0].name_apart(text), "string", formula=quote_text(text))
        for place, text in enumerate(_list_links(card), 1)
    ]
    planned[0] = replace(planned[0], derived=replace(planned[0].derived, links=tuple(words)))
    return planned


def _name_fields_apart(sources: Sequence[Source], names: Sequence[str]) -> list[Source]:
    """The sources, with a field that another source has, too, called after its data: Country (Sales).

    Filters of two sources stand on one dashboard, and each acts on its own.
    """
    used = Counter(
        caption
        for source in sources
        for caption in {each.caption.casefold() for each in _list_filters(source)}
    )
    made = []
    for source, name in zip(sources, names, strict=True):
        captions = Captions((*source.columns.values(), *source.metrics, source.check))
        fields = {
            each.name: replace(each, caption=captions.add(f"{each.caption} ({name})"))
            for each in _list_filters(source)
            if used[each.caption.casefold()] > 1
        }
        made.append(
            replace(
                source,
                columns={key: fields.get(key, each) for key, each in source.columns.items()},
                dimensions=tuple(fields.get(each.name, each) for each in source.dimensions),
                time=fields.get(source.time.name, source.time) if source.time else None,
            )
        )
    return made


def _list_filters(source: Source) -> list[Field]:
    return [*source.dimensions, *([source.time] if source.time else [])]


def _list_links(card: Card) -> dict[str, str]:
    """What the head leads to, for people's browsers: words → address. The checks are those of the first mart."""
    ticket = as_title(card.dashboard.ticket or "", 40)
    docs = card.gate.docs_url if card.gate else ""
    found = {
        f"Open ticket {ticket}".strip(): check_link(card.ticket_url) or "",
        "See all checks": check_link(docs + card.checks_anchor if docs else "") or "",
    }
    # <x> would be filled in by Tableau, with a field
    return {
        words: url.replace("<", "%3C").replace(">", "%3E")
        for words, url in found.items()
        if url.startswith(("http://", "https://"))
    }


def _note(card: Card) -> str:
    """Who checked the data that was there when this was published."""
    words = [f"Published by run {as_title(card.run, 60)}"]
    if card.gate:
        failed, warned, checks = len(card.gate.failures), len(card.gate.warnings), len(card.gate.checks)
        words.append(f"{checks - failed} of {checks} checks passed")
        words += [f"{warned} with a warning"] if warned else []
    return ", ".join(words)


def _name_data(sheet: Sheet, data: str) -> Sheet:
    """A sheet whose note says of which data it is; the page has a heading."""
    return replace(sheet, note=f"{data}, {sheet.note}" if sheet.note else data)


def _name_apart(sheet: Sheet, taken: set[str]) -> Sheet:
    """A sheet under a name of its own, without the comma that separates names in actions."""
    first = name = sheet.name.replace(",", " ")
    number = 1
    while name.casefold() in taken:
        number += 1
        name = f"{first} {number}"
    taken.add(name.casefold())
    return replace(sheet, name=name)


def to_bytes(root: Element) -> bytes:
    """An element as the bytes of a file of its own."""
    from lxml import etree

    return bytes(etree.tostring(root, xml_declaration=True, encoding="utf-8", pretty_print=True))


def pack_workbook(
    path: Path,
    workbook: Workbook,
    files: Mapping[str, Path],
    sign: Callable[[Element], Element] = lambda root: root,
) -> None:
    """Write a .twbx; files: by their path inside it; sign: does what is to be done at last."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        info = zipfile.ZipInfo(f"{path.stem}.twb", STAMP)
        info.compress_type = zipfile.ZIP_DEFLATED
        package.writestr(info, to_bytes(sign(workbook.xml())))
        for name, file in files.items():
            package.write(file, name)
