"""A whole workbook from a card: a .twbx, deterministic, of nothing but what files that Tableau saved have."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from blocks.site.base import Card
from blocks.site.tableau.workbook.actions import connect_sheets, make_actions, make_windows
from blocks.site.tableau.workbook.datasource import Source
from blocks.site.tableau.workbook.grammar import ALWAYS, VERSION, declare_features
from blocks.site.tableau.workbook.layout import lay_out_dashboard
from blocks.site.tableau.workbook.sheet_plan import plan_check, plan_kpis, plan_sheets
from blocks.site.tableau.workbook.worksheets import Sheet
from blocks.site.tableau.workbook.xml import USER, Element, as_title, element

BUILD = "0.0.0 (0000.0.0.0)"  # written by no Tableau product
STAMP = (2020, 1, 1, 0, 0, 0)  # in the package: the same content gives the same file


@dataclass(frozen=True)
class Workbook:
    """A workbook. hidden: sheets that are seen on the dashboard only."""

    title: str
    kpis: Sequence[Sheet]
    charts: Sequence[Sheet]
    checks: Sequence[Sheet]
    sources: Sequence[Source]

    @property
    def hidden(self) -> list[str]:
        """Sheets that are seen on the dashboard only; the check sheets are read through views of their own."""
        return [sheet.name for sheet in (*self.kpis, *self.charts)]

    def xml(self) -> Element:
        """The `workbook`."""
        from lxml import etree

        sheets = [*self.kpis, *self.charts, *self.checks]
        root = element(
            "workbook",
            {
                "original-version": VERSION,
                "source-build": BUILD,
                "source-platform": "win",
                "version": VERSION,
            },
            element("preferences"),
            element("datasources", {}, *(source.xml() for source in self.sources)),
            make_actions(self._name, sheets),
            element("worksheets", {}, *(sheet.xml() for sheet in sheets)),
            element(
                "dashboards",
                {},
                lay_out_dashboard(self._name, self.title, self.kpis, self.charts, self.checks),
            ),
            make_windows(self._name, sheets, self.hidden),
        )
        root.insert(0, declare_features(root, *ALWAYS))
        etree.cleanup_namespaces(root, top_nsmap={"user": USER}, keep_ns_prefixes=["user"])
        return root

    @property
    def _name(self) -> str:
        """The dashboard's name: sheets and dashboards share one room of names."""
        return "Dashboard"


def make_workbook(card: Card, sources: Sequence[Source]) -> Workbook:
    """The workbook of a card; sources pair with its datasets."""
    figures, drawn, checks = list[Sheet](), list[Sheet](), list[Sheet]()
    for place, (source, dataset) in enumerate(zip(sources, card.datasets, strict=True)):
        figures += plan_kpis(source)
        drawn += plan_sheets(source, card.dashboard.analysis, dataset.metrics)
        checks.append(plan_check(source, place))
    taken = Counter[str]()
    figures, drawn = (
        [_name_apart(each, taken) for each in figures],
        [_name_apart(each, taken) for each in drawn],
    )
    title = as_title(card.dashboard.title) or card.dashboard.name
    sheets = connect_sheets([*figures, *drawn, *checks])
    first, last = len(figures), len(figures) + len(drawn)
    return Workbook(title, sheets[:first], sheets[first:last], sheets[last:], tuple(sources))


def _name_apart(sheet: Sheet, taken: Counter[str]) -> Sheet:
    """A sheet under a name of its own, without the comma that separates names in actions."""
    name = sheet.name.replace(",", " ")
    taken[name] += 1
    return replace(sheet, name=name if taken[name] == 1 else f"{name} {taken[name]}")


def to_bytes(root: Element) -> bytes:
    """An element as the bytes of a file of its own."""
    from lxml import etree

    return bytes(etree.tostring(root, xml_declaration=True, encoding="utf-8", pretty_print=True))


def pack_workbook(path: Path, workbook: Workbook, files: Mapping[str, Path]) -> None:
    """Write a .twbx; files: by their path inside it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        info = zipfile.ZipInfo(f"{path.stem}.twb", STAMP)
        info.compress_type = zipfile.ZIP_DEFLATED
        package.writestr(info, to_bytes(workbook.xml()))
        for name, file in files.items():
            package.write(file, name)
