"""The dashboard: where each sheet and filter stands, in Tableau's 100,000 × 100,000 space, as its XML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, pairwise

from blocks.site.tableau.workbook.worksheets import KPI, PIE, Sheet
from blocks.site.tableau.workbook.xml import Element, element, stable_id

WHOLE = 100_000
FIRST = 3  # the title's number; sheets follow
TITLE, FOOT, SIDE = 7_000, 6_000, 18_000
KPI_ROW, KPIS_A_ROW = 15_000, 5
SIZE = {"maxheight": 900, "maxwidth": 1400, "minheight": 900, "minwidth": 1400}


@dataclass(frozen=True)
class Box:
    """A rectangle of the dashboard."""

    x: int
    y: int
    w: int
    h: int

    def rows(self, parts: int) -> list[Box]:
        """Cut into boxes one above the other, as equal as whole numbers allow."""
        edges = [self.y + self.h * part // parts for part in range(parts + 1)]
        return [Box(self.x, top, self.w, low - top) for top, low in pairwise(edges)]

    def columns(self, parts: int) -> list[Box]:
        """The same side by side."""
        edges = [self.x + self.w * part // parts for part in range(parts + 1)]
        return [Box(left, self.y, right - left, self.h) for left, right in pairwise(edges)]


def lay_out_dashboard(
    name: str, title: str, kpis: Sequence[Sheet], charts: Sequence[Sheet], checks: Sequence[Sheet]
) -> Element:
    """The `dashboard` with all its sheets, filters and legends."""
    sources = {sheet.source.name: sheet.source for sheet in (*kpis, *charts, *checks)}
    first = {sheet.source.name: sheet for sheet in (*kpis, *charts)}
    needs = [source.needs([], first[name].filters()) for name, source in sources.items()]
    return element(
        "dashboard",
        {"name": name},
        element("style"),
        element("size", SIZE),
        element("datasources", {}, *(source.pointer() for source in sources.values())),
        *needs,
        _zones(title, kpis, charts, checks),
        element("simple-id", {"uuid": stable_id("dashboard", name)}),
    )


def _zones(title: str, kpis: Sequence[Sheet], charts: Sequence[Sheet], checks: Sequence[Sheet]) -> Element:
    number = count(FIRST)
    side = list(_side(kpis, charts))
    width = WHOLE - SIDE if side else WHOLE
    kpi_rows = [kpis[start : start + KPIS_A_ROW] for start in range(0, len(kpis), KPIS_A_ROW)]
    foot = WHOLE - FOOT
    top = TITLE + KPI_ROW * len(kpi_rows) if charts else foot
    words = element("formatted-text", {}, element("run", {"bold": "true", "fontsize": "18"}, text=title))
    zones = [_zone(next(number), Box(0, 0, WHOLE, TITLE), {"type-v2": "text"}, words)]
    for row, box in zip(kpi_rows, Box(0, TITLE, width, top - TITLE).rows(len(kpi_rows)), strict=True):
        zones += _sheets(number, row, box.columns(len(row)))
    zones += _sheets(number, charts, _places(Box(0, top, width, foot - top), len(charts)))
    boxes = Box(WHOLE - SIDE, TITLE, SIDE, foot - TITLE).rows(len(side)) if side else []
    zones += [_zone(next(number), box, attributes) for attributes, box in zip(side, boxes, strict=True)]
    zones += _sheets(number, checks, Box(0, foot, WHOLE, FOOT).columns(len(checks)))
    return element("zones", {}, _zone(2, Box(0, 0, WHOLE, WHOLE), {"type-v2": "layout-basic"}, *zones))


def _places(box: Box, charts: int) -> list[Box]:
    """One chart takes it all, two stand side by side, of more the first gets the upper half."""
    if charts <= 2:
        return box.columns(charts) if charts else []
    rows = box.rows((charts + 2) // 2)
    rest = [part for row in rows[1:] for part in row.columns(2)]
    if charts % 2 == 0:
        rest[-2:] = [rows[-1]]
    return [rows[0], *rest]


def _sheets(number: Iterator[int], sheets: Sequence[Sheet], boxes: Sequence[Box]) -> list[Element]:
    pairs = zip(sheets, boxes, strict=True)
    return [
        _zone(next(number), box, {"name": sheet.name, "show-title": _has_title(sheet)})
        for sheet, box in pairs
    ]


def _has_title(sheet: Sheet) -> str:
    return "true" if sheet.filtered or sheet.mark != KPI else "false"


def _side(kpis: Sequence[Sheet], charts: Sequence[Sheet]) -> Iterator[dict[str, object]]:
    """The filters of every source, then the legends."""
    seen = set()
    for sheet in (*charts, *kpis):
        if sheet.source.name not in seen:
            seen.add(sheet.source.name)
            for each in sheet.filters():
                kind = {} if each.type == "quantitative" else {"mode": "checkdropdown"}
                yield {"type-v2": "filter", "name": sheet.name, "param": sheet.source.ref(each), **kind}
    for sheet in charts:
        if sheet.mark == PIE:
            param = sheet.source.ref(sheet.encodings[0][1])
            yield {"type-v2": "color", "name": sheet.name, "pane-specification-id": "0", "param": param}


def _zone(number: int, box: Box, attributes: dict[str, object], *children: Element) -> Element:
    place = {"h": box.h, "id": number, "w": box.w, "x": box.x, "y": box.y}
    return element("zone", {**attributes, **place}, *children)
