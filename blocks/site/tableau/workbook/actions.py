"""What is around the sheets: what a click or a pointer on them does, and the windows in which sheets open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from blocks.site.tableau.workbook.datasource import Source
from blocks.site.tableau.workbook.fields import Field
from blocks.site.tableau.workbook.layout import DashboardLayout
from blocks.site.tableau.workbook.worksheets import Sheet
from blocks.site.tableau.workbook.xml import Element, element, stable_id

FIRST_GROUP = 2


@dataclass(frozen=True)
class Start:
    """A sheet from which a click filters others by a dimension. name: its action's."""

    name: str
    sheet: Sheet
    by: Field

    def does_filter(self, sheet: Sheet) -> bool:
        """True if the click acts on a sheet."""
        return (
            sheet.filtered and sheet.source.name == self.sheet.source.name and sheet.name != self.sheet.name
        )


def connect_sheets(sheets: Sequence[Sheet]) -> list[Sheet]:
    """The sheets of a workbook, each with the number of its filters and the actions that filter it.

    Filters of one number act together, whatever their columns: each column of each source has a number of its own.
    """
    columns = [(sheet.source.ref(each)) for sheet in sheets for each in sheet.list_filters()]
    groups = {column: number for number, column in enumerate(dict.fromkeys(columns), FIRST_GROUP)}
    starts = _list_starts(sheets)
    return [
        replace(
            sheet, groups=groups, actions={each.name: each.by for each in starts if each.does_filter(sheet)}
        )
        for sheet in sheets
    ]


def _list_starts(sheets: Sequence[Sheet]) -> list[Start]:
    """The filter actions of a workbook: one a dimension of a source, from the first sheet that shows its values."""
    first = dict[tuple[str, str], tuple[Sheet, Field]]()
    for sheet in sheets:
        if sheet.drills:
            first.setdefault((sheet.source.name, sheet.drills.name), (sheet, sheet.drills))
    return [Start(_name_action(n, sheet), sheet, by) for n, (sheet, by) in enumerate(first.values(), 1)]


def _name_action(number: int, sheet: Sheet) -> str:
    return f"[Action{number}_{stable_id('action', sheet.name)[1:-1].replace('-', '')}]"


def make_actions(dashboard: str, sheets: Sequence[Sheet]) -> Element | None:
    """The `actions`; None without one.

    A click on a bar filters the other sheets of its source, a pointer on it highlights the same elsewhere, a click on
    a link opens it.
    """
    starts = _list_starts(sheets)
    links = [sheet for sheet in sheets if sheet.link]
    number = len(starts)
    lights = [_make_highlight(dashboard, number + place, start) for place, start in enumerate(starts, 1)]
    opens = [_open(dashboard, 2 * number + place, sheet) for place, sheet in enumerate(links, 1)]
    if not starts:
        return element("actions", {}, *opens) if opens else None
    sources = {start.sheet.source.name: start.sheet.source for start in starts}
    needs = [
        source.make_dependencies([start.by for start in starts if start.sheet.source.name == name], [])
        for name, source in sources.items()
    ]
    pointers = element("datasources", {}, *(source.make_pointer() for source in sources.values()))
    filters = [_filter(dashboard, start, sheets) for start in starts]
    return element("actions", {}, *filters, *lights, *opens, pointers, *needs)


def make_windows(layout: DashboardLayout, sheets: Sequence[Sheet]) -> Element:
    """The `windows`: the dashboard's is the one that opens; no sheet has a tab of its own."""
    made = [_make_sheet_window(sheet) for sheet in sheets]
    points = element(
        "viewpoints", {}, *(_make_viewpoint(sheet, {"name": sheet.name}) for sheet in layout.sheets)
    )
    own = element(
        "window",
        {"class": "dashboard", "maximized": "true", "name": layout.name},
        points,
        element("active", {"id": layout.active}),
        element("simple-id", {"uuid": stable_id("window", layout.name)}),
    )
    return element("windows", {"source-height": "30"}, *made, own)


def _begin(dashboard: str, caption: str, name: str, kind: str, sheet: Sheet, *parts: Element) -> Element:
    """An action with what starts it. kind: on-select or on-hover."""
    return element(
        "action",
        {"caption": caption, "name": name},
        element("activation", {"auto-clear": "true", "type": kind}),
        element("source", {"dashboard": dashboard, "type": "sheet", "worksheet": sheet.name}),
        *parts,
    )


def _make_command(command: str, **params: str) -> Element:
    made = [
        element("param", {"name": name.replace("_", "-"), "value": text}) for name, text in params.items()
    ]
    return element("command", {"command": command}, *made)


def _filter(dashboard: str, start: Start, sheets: Sequence[Sheet]) -> Element:
    caption = f"Filter by {start.by.caption}"
    others = [each.name for each in sheets if each.name != start.sheet.name and not start.does_filter(each)]
    link = {
        "caption": caption,
        "delimiter": ",",
        "escape": "\\",
        "expression": _write_expression(dashboard, start.sheet.source, start.by),
        "include-null": "true",
        "multi-select": "true",
        "url-escape": "true",
    }
    command = _make_command("tsc:tsl-filter", exclude=",".join([start.sheet.name, *others]), target=dashboard)
    return _begin(dashboard, caption, start.name, "on-select", start.sheet, element("link", link), command)


def _make_highlight(dashboard: str, number: int, start: Start) -> Element:
    caption = f"Highlight {start.by.caption}"
    command = _make_command(
        "tsc:brush", exclude=start.sheet.name, field_captions=start.by.caption, target=dashboard
    )
    return _begin(dashboard, caption, _name_action(number, start.sheet), "on-hover", start.sheet, command)


def _open(dashboard: str, number: int, sheet: Sheet) -> Element:
    link = element("link", {"caption": sheet.title, "expression": sheet.link})
    return _begin(dashboard, sheet.title, _name_action(number, sheet), "on-select", sheet, link)


def _write_expression(dashboard: str, source: Source, drill: Field) -> str:
    """Tableau's address of a filter: the column that is set, and the column whose selected values it takes."""
    column = source.qualify(drill.ref)
    return f"tsl:{quote(dashboard, safe='')}?{quote(column, safe='.')}~s0=<{column}~na>"


def _make_sheet_window(sheet: Sheet) -> Element:
    edges = [
        element("edge", {"name": "left"}, _strip("160", "pages", "filters", "marks")),
        element(
            "edge",
            {"name": "top"},
            _strip("2147483647", "columns"),
            _strip("2147483647", "rows"),
            _strip("31", "title"),
        ),
    ]
    return element(
        "window",
        {"class": "worksheet", "hidden": "true", "name": sheet.name},
        element("cards", {}, *edges),
        _make_viewpoint(sheet),
        element("simple-id", {"uuid": stable_id("window", sheet.name)}),
    )


def _strip(size: str, *kinds: str) -> Element:
    return element("strip", {"size": size}, *(element("card", {"type": kind}) for kind in kinds))


def _make_viewpoint(sheet: Sheet, attributes: dict[str, object] | None = None) -> Element:
    """How a sheet fits its place: into all of it, or, if it has many rows, into its width, so that it scrolls.

    With many axes side by side it is as wide as these are (Tableau's *Standard*), and scrolls both ways: a phone's
    width can't be another one than a screen's, as both show the same view.
    """
    zoom = element("zoom", {"type": "fit-width" if sheet.scrolls else "entire-view"})
    return element("viewpoint", attributes or {}, None if sheet.is_wide else zoom)
