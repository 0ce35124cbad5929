"""What is around the sheets: the drill-down actions, and the windows in which sheets open."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from blocks.site.tableau.workbook.datasource import Source
from blocks.site.tableau.workbook.fields import Field, use_plain
from blocks.site.tableau.workbook.layout import FIRST
from blocks.site.tableau.workbook.worksheets import Sheet
from blocks.site.tableau.workbook.xml import Element, element, stable_id


def make_actions(dashboard: str, sheets: Sequence[Sheet]) -> Element | None:
    """The `actions`: a click on a bar filters the other sheets of its source; None without one."""
    starts = [(sheet, drill) for sheet in sheets if sheet.drills and (drill := sheet.source.drill)]
    if not starts:
        return None
    sources = {sheet.source.name: (sheet.source, drill) for sheet, drill in starts}
    needs = [source.needs([], [use_plain(drill)]) for source, drill in sources.values()]
    pointers = element("datasources", {}, *(source.pointer() for source, _ in sources.values()))
    return element(
        "actions",
        {},
        *(_action(dashboard, start, drill, sheets) for start, drill in starts),
        pointers,
        *needs,
    )


def make_windows(dashboard: str, sheets: Sequence[Sheet], hidden: Sequence[str]) -> Element:
    """The `windows`: the dashboard's is the one that opens."""
    made = [_sheet_window(sheet.name, sheet.name in hidden) for sheet in sheets]
    points = element("viewpoints", {}, *(_viewpoint(sheet.name) for sheet in sheets))
    board = element(
        "window",
        {"class": "dashboard", "maximized": "true", "name": dashboard},
        points,
        element("active", {"id": FIRST + 1}),
        element("simple-id", {"uuid": stable_id("window", dashboard)}),
    )
    return element("windows", {"source-height": "30"}, *made, board)


def _action(dashboard: str, start: Sheet, drill: Field, sheets: Sequence[Sheet]) -> Element:
    source = start.source
    caption = f"Filter by {drill.caption}"
    others = [each.name for each in sheets if each.source is not source or not each.filtered]
    params = {"exclude": ",".join([start.name, *others]), "target": dashboard}
    return element(
        "action",
        {"caption": caption, "name": f"[Action_{stable_id('action', start.name)[1:-1].replace('-', '')}]"},
        element("activation", {"auto-clear": "true", "type": "on-select"}),
        element("source", {"dashboard": dashboard, "type": "sheet", "worksheet": start.name}),
        element(
            "link",
            {
                "caption": caption,
                "delimiter": ",",
                "escape": "\\",
                "expression": _expression(dashboard, source, drill),
                "include-null": "true",
                "multi-select": "true",
                "url-escape": "true",
            },
        ),
        element(
            "command",
            {"command": "tsc:tsl-filter"},
            *(element("param", {"name": name, "value": value}) for name, value in params.items()),
        ),
    )


def _expression(dashboard: str, source: Source, drill: Field) -> str:
    """Tableau's address of a filter: the field that is set, and the field whose selected values it takes."""
    field = quote(source.ref(use_plain(drill)), safe="")
    return f"tsl:{quote(dashboard, safe='')}?{field}~s0=<{drill.ref}~na>"


def _sheet_window(name: str, hidden: bool) -> Element:
    cards = [("left", "160", ("pages", "filters", "marks")), ("top", "31", ("columns", "rows", "title"))]
    edges = [element("edge", {"name": edge}, _strip(size, kinds)) for edge, size, kinds in cards]
    attributes = {"class": "worksheet", "name": name} | ({"hidden": "true"} if hidden else {})
    return element(
        "window",
        attributes,
        element("cards", {}, *edges),
        element("viewpoint", {}, element("zoom", {"type": "entire-view"})),
        element("simple-id", {"uuid": stable_id("window", name)}),
    )


def _strip(size: str, kinds: Sequence[str]) -> Element:
    return element("strip", {"size": size}, *(element("card", {"type": kind}) for kind in kinds))


def _viewpoint(name: str) -> Element:
    return element("viewpoint", {"name": name}, element("zoom", {"type": "entire-view"}))
