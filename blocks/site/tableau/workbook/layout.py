"""The dashboard: where each sheet and filter stands, on a screen and on a phone, as its XML.

Rows have heights in pixels, in which they are drawn well: a window that is lower than all of them scrolls, one that is
higher stretches them. Zones are written in Tableau's space of 100,000 × 100,000.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, pairwise

from blocks.site.tableau.workbook.fields import Instance
from blocks.site.tableau.workbook.parameters import Parameter, need_parameters, point_at_parameters
from blocks.site.tableau.workbook.worksheets import Sheet
from blocks.site.tableau.workbook.xml import Element, element, stable_id

WHOLE = 100_000
FIRST = 3  # the title's number; sheets follow
WIDTH = 1000  # the least, in pixels
HEAD, CONTROL, KPI_ROW = 72, 64, 110
A_ROW, CHARTS_A_ROW = 5, 2
LEGEND = {1: 16, 2: 28}  # hundredths of a chart's width, by the number of charts in a row
PHONE_KPI, PHONE_CHART, PHONE_LEGEND = 110, 300, 120


@dataclass(frozen=True)
class Box:
    """A rectangle of the dashboard."""

    x: int
    y: int
    w: int
    h: int

    def split_columns(self, parts: int) -> list[Box]:
        """Cut into boxes side by side, as equal as whole numbers allow."""
        edges = [self.x + self.w * part // parts for part in range(parts + 1)]
        return [Box(left, self.y, right - left, self.h) for left, right in pairwise(edges)]

    def split(self, hundredths: int) -> tuple[Box, Box]:
        """Cut in two side by side; hundredths: what the right one gets."""
        right = self.w * hundredths // 100
        left = self.w - right
        return Box(self.x, self.y, left, self.h), Box(self.x + left, self.y, right, self.h)


@dataclass(frozen=True)
class Zone:
    """What stands in one place. sheet: with a title, if any; phone: its height there in pixels, 0: not there."""

    attributes: Mapping[str, object]
    sheet: Sheet | None = None
    words: tuple[tuple[str, str], ...] = ()
    phone: int = CONTROL
    legend: Zone | None = None


@dataclass(frozen=True)
class Row:
    """Zones side by side, so many places wide. height: in pixels."""

    height: int
    zones: Sequence[Zone]
    places: int


@dataclass(frozen=True)
class DashboardLayout:
    """All that a dashboard shows. note: a line below its title; head: sheets beside it."""

    name: str
    title: str
    note: str
    head: Sequence[Sheet] = ()
    kpis: Sequence[Sheet] = ()
    charts: Sequence[Sheet] = ()
    parameters: Sequence[Parameter] = field(default_factory=tuple)

    @property
    def sheets(self) -> list[Sheet]:
        """Every sheet that it shows."""
        return [*self.head, *self.kpis, *self.charts]

    @property
    def active(self) -> int:
        """The number of the zone that is chosen at first: that of a sheet."""
        zones = (pair for row in _number_zones(list(self._list_rows())) for pair in row)
        return next(number for number, zone, _ in zones if zone.sheet)

    def xml(self) -> Element:
        """The `dashboard`."""
        rows = list(self._list_rows())
        height = sum(row.height for row in rows)
        sources = {sheet.source.name: sheet.source for sheet in self.sheets}
        needs = [source.make_dependencies([], self._list_filters(name)) for name, source in sources.items()]
        numbered = _number_zones(rows)
        return element(
            "dashboard",
            {"enable-sort-zone-taborder": "true", "name": self.name},
            element("style"),
            element("size", {"minheight": height, "minwidth": WIDTH, "sizing-mode": "range"}),
            element(
                "datasources",
                {},
                *(source.make_pointer() for source in sources.values()),
                point_at_parameters(self.parameters),
            ),
            *needs,
            need_parameters(self.parameters),
            element("zones", {}, _draw(numbered, rows, height)),
            _draw_phone(numbered),
            element("simple-id", {"uuid": stable_id("dashboard", self.name)}),
        )

    def _list_filters(self, name: str) -> list[Instance]:
        first = next((each for each in self.sheets if each.source.name == name and each.filtered), None)
        return first.list_filters() if first else []

    def _list_rows(self) -> Iterator[Row]:
        words = ((self.title, "18"), (self.note, "9"))
        title = Zone({"type-v2": "text"}, words=words, phone=HEAD)
        yield Row(HEAD, [title, *(_place(each, titled=False) for each in self.head)], 0)
        yield from _split_rows(CONTROL, list(self._list_controls()))
        yield from _split_rows(KPI_ROW, [_place(each, PHONE_KPI) for each in self.kpis])
        yield from _make_chart_rows(self.charts)

    def _list_controls(self) -> Iterator[Zone]:
        """The parameters, then the filters of every source."""
        for parameter in self.parameters:
            yield Zone({"mode": "compact", "param": parameter.ref, "type-v2": "paramctrl"})
        seen = set()
        for sheet in (*self.charts, *self.kpis):
            if sheet.source.name not in seen:
                seen.add(sheet.source.name)
                for each in sheet.list_filters():
                    kind = {} if each.type == "quantitative" else {"mode": "checkdropdown"}
                    yield Zone(
                        {"type-v2": "filter", "name": sheet.name, "param": sheet.source.ref(each), **kind}
                    )


Numbered = list[list[tuple[int, Zone, int]]]  # of each row its zones, each with its number and its legend's


def _number_zones(rows: Sequence[Row]) -> Numbered:
    number = count(FIRST)
    return [[(next(number), zone, next(number) if zone.legend else 0) for zone in row.zones] for row in rows]


def _place(sheet: Sheet, phone: int = CONTROL, titled: bool = True) -> Zone:
    legend = None
    if sheet.legend:
        param = sheet.source.ref(sheet.legend)
        words = {"type-v2": "color", "name": sheet.name, "pane-specification-id": "0", "param": param}
        legend = Zone(words, phone=PHONE_LEGEND)
    attributes = {"name": sheet.name, "show-title": "true" if titled else "false"}
    return Zone(attributes, sheet, phone=phone, legend=legend)


def _split_rows(height: int, zones: Sequence[Zone]) -> Iterator[Row]:
    """As few rows as may be, of as many zones each as may be."""
    rows = -(-len(zones) // A_ROW)
    edges = [len(zones) * row // rows for row in range(rows + 1)] if rows else []
    for start, end in pairwise(edges):
        yield Row(height, zones[start:end], end - start)


def _make_chart_rows(charts: Sequence[Sheet]) -> Iterator[Row]:
    """The first chart takes the whole width, as does what is higher or has more axes; the rest stands in twos."""
    row: list[Sheet] = []
    for place, chart in enumerate(charts):
        alone = (place == 0 and len(charts) != CHARTS_A_ROW) or chart.is_wide
        if row and (row[0].height != chart.height or len(row) == CHARTS_A_ROW or alone):
            yield _make_chart_row(row)
            row = []
        row.append(chart)
        if alone:
            yield _make_chart_row(row)
            row = []
    if row:
        yield _make_chart_row(row)


def _make_chart_row(charts: Sequence[Sheet]) -> Row:
    zones = [_place(each, max(PHONE_CHART, each.height)) for each in charts]
    return Row(max(each.height for each in charts), zones, len(charts))


def _draw(numbered: Numbered, rows: Sequence[Row], height: int) -> Element:
    """The zones on a screen: each row as high as its part of all."""
    made, done = list[Element](), 0
    for row, zones in zip(rows, numbered, strict=True):
        top, done = WHOLE * done // height, done + row.height
        box = Box(0, top, WHOLE, WHOLE * done // height - top)
        for (number, zone, legend), place in zip(zones, _place_zones(row, box), strict=True):
            own, beside = place.split(LEGEND[row.places]) if zone.legend else (place, place)
            made.append(_make_zone(number, own, zone))
            if zone.legend:
                made.append(_make_zone(legend, beside, zone.legend))
    return _wrap(2, "layout-basic", made)


def _place_zones(row: Row, box: Box) -> list[Box]:
    """The places of a row; its last zone takes what is left. 0 places: the first takes half, the others the rest."""
    zones = len(row.zones)
    if not row.places:
        left, right = box.split(50) if zones > 1 else (box, box)
        return [left, *(right.split_columns(zones - 1) if zones > 1 else [])]
    found = box.split_columns(row.places)[:zones]
    last = found[-1]
    return [*found[:-1], replace(last, w=WHOLE - last.x)]


def _draw_phone(numbered: Numbered) -> Element:
    """The same zones one below the other, for a phone that scrolls; a chart's colours are explained below it."""
    flat = list[tuple[int, Zone]]()
    for number, zone, legend in (zones for row in numbered for zones in row):
        flat.append((number, zone))
        flat += [(legend, zone.legend)] if zone.legend else []
    height = sum(zone.phone for _, zone in flat)
    made, done = [], 0
    for number, zone in flat:
        top, done = WHOLE * done // height, done + zone.phone
        box = Box(0, top, WHOLE, WHOLE * done // height - top)
        made.append(_make_zone(number, box, zone, {"fixed-size": zone.phone, "is-fixed": "true"}))
    last = max(max(number, legend) for row in numbered for number, _, legend in row)
    flow = _wrap(last + 1, "layout-flow", made, {"param": "vert"})
    size = element("size", {"maxheight": height, "minheight": height, "sizing-mode": "vscroll"})
    zones = element("zones", {}, _wrap(last + 2, "layout-basic", [flow]))
    phone = element("devicelayout", {"auto-generated": "true", "name": "Phone"}, size, zones)
    return element("devicelayouts", {}, phone)


def _wrap(number: int, kind: str, zones: list[Element], more: dict[str, object] | None = None) -> Element:
    place = {"h": WHOLE, "id": number, "type-v2": kind, "w": WHOLE, "x": 0, "y": 0}
    return element("zone", {**place, **(more or {})}, *zones)


def _make_zone(number: int, box: Box, zone: Zone, more: dict[str, object] | None = None) -> Element:
    place = {"h": box.h, "id": number, "w": box.w, "x": box.x, "y": box.y}
    words = None
    if zone.words:
        (title, large), (note, small) = zone.words
        words = element(
            "formatted-text",
            {},
            element("run", {"bold": "true", "fontsize": large}, text=title),
            element("run", {}, text="Æ\n"),
            element("run", {"fontsize": small}, text=note),
        )
    return element("zone", {**zone.attributes, **(more or {}), **place}, words)
