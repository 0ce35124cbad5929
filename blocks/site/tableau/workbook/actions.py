"""What is around the sheets: the drill-down actions, and the windows in which sheets open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from blocks.site.tableau.workbook.datasource import Source
from blocks.site.tableau.workbook.fields import plain
from blocks.site.tableau.workbook.layout import FIRST
from blocks.site.tableau.workbook.worksheets import Sheet
from blocks.site.tableau.workbook.xml import element, identity


def actions(dashboard: str, sheets: Sequence[Sheet]) -> Any:
    """The `actions`: a click on a bar filters the other sheets of its source; None without one."""
    starts = [sheet for sheet in sheets if sheet.drills]
    if not starts:
        return None
    sources = {sheet.source.name: sheet.source for sheet in starts}
    needs = [source.needs([], [plain(source.drill)] if source.drill else []) for source in sources.values()]
    pointers = element("datasources", {}, *(source.pointer() for source in sources.values()))
    return element("actions", {}, *(_action(dashboard, start, sheets) for start in starts), pointers, *needs)


def windows(dashboard: str, sheets: Sequence[Sheet], hidden: Sequence[str]) -> Any:
    """The `windows`: the dashboard's is the one that opens."""
    made = [_sheet_window(sheet.name, sheet.name in hidden) for sheet in sheets]
    points = element("viewpoints", {}, *(_viewpoint(sheet.name) for sheet in sheets))
    board = element(
        "window",
        {"class": "dashboard", "maximized": "true", "name": dashboard},
        points,
        element("active", {"id": FIRST + 1}),
        element("simple-id", {"uuid": identity("window", dashboard)}),
    )
    return element("windows", {"source-height": "30"}, *made, board)


def _action(dashboard: str, start: Sheet, sheets: Sequence[Sheet]) -> Any:
    source = start.source
    drill = source.drill
    assert drill  # noqa: S101
    caption = f"Filter by {drill.caption}"
    others = [each.name for each in sheets if each.source is not source or not each.filtered]
    params = {"exclude": ",".join([start.name, *others]), "target": dashboard}
    return element(
        "action",
        {"caption": caption, "name": f"[Action_{identity('action', start.name)[1:-1].replace('-', '')}]"},
        element("activation", {"auto-clear": "true", "type": "on-select"}),
        element("source", {"dashboard": dashboard, "type": "sheet", "worksheet": start.name}),
        element(
            "link",
            {
                "caption": caption,
                "delimiter": ",",
                "escape": "\\",
                "expression": _expression(dashboard, source),
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


def _expression(dashboard: str, source: Source) -> str:
    """Tableau's address of a filter: the field that is set, and the field whose selected values it takes."""
    assert source.drill  # noqa: S101
    field = quote(source.ref(plain(source.drill)), safe="")
    return f"tsl:{quote(dashboard, safe='')}?{field}~s0=<{source.drill.ref}~na>"


def _sheet_window(name: str, hidden: bool) -> Any:
    cards = [("left", "160", ("pages", "filters", "marks")), ("top", "31", ("columns", "rows", "title"))]
    edges = [element("edge", {"name": edge}, _strip(size, kinds)) for edge, size, kinds in cards]
    attributes = {"class": "worksheet", "name": name} | ({"hidden": "true"} if hidden else {})
    return element(
        "window",
        attributes,
        element("cards", {}, *edges),
        element("viewpoint", {}, element("zoom", {"type": "entire-view"})),
        element("simple-id", {"uuid": identity("window", name)}),
    )


def _strip(size: str, kinds: Sequence[str]) -> Any:
    return element("strip", {"size": size}, *(element("card", {"type": kind}) for kind in kinds))


def _viewpoint(name: str) -> Any:
    return element("viewpoint", {"name": name}, element("zoom", {"type": "entire-view"}))
