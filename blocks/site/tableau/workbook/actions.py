"""What is around the sheets: the drill-down actions, and the windows in which sheets open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote

from blocks.site.tableau.workbook.datasource import Source
from blocks.site.tableau.workbook.fields import Field
from blocks.site.tableau.workbook.layout import FIRST
from blocks.site.tableau.workbook.worksheets import Sheet
from blocks.site.tableau.workbook.xml import Element, element, stable_id

FIRST_GROUP = 2


def connect_sheets(sheets: Sequence[Sheet]) -> list[Sheet]:
    """The sheets of a workbook, each with the number of its filters and the actions that filter it.

    Filters of one number act together, whatever their columns: each column of each source has a number of its own.
    """
    columns = [(sheet.source.ref(each)) for sheet in sheets for each in sheet.filters()]
    groups = {column: number for number, column in enumerate(dict.fromkeys(columns), FIRST_GROUP)}
    starts = _list_starts(sheets)
    return [
        replace(
            sheet,
            groups=groups,
            actions={name: by for name, start, by in starts if _is_filtered_by(sheet, start)},
        )
        for sheet in sheets
    ]


def _list_starts(sheets: Sequence[Sheet]) -> list[tuple[str, Sheet, Field]]:
    """The actions of a workbook: name, sheet that starts it, dimension that it filters by."""
    starts = [(sheet, drill) for sheet in sheets if sheet.drills and (drill := sheet.source.drill)]
    return [(_name_action(number, sheet), sheet, drill) for number, (sheet, drill) in enumerate(starts, 1)]


def _name_action(number: int, sheet: Sheet) -> str:
    return f"[Action{number}_{stable_id('action', sheet.name)[1:-1].replace('-', '')}]"


def _is_filtered_by(sheet: Sheet, start: Sheet) -> bool:
    return sheet.filtered and sheet.source.name == start.source.name and sheet.name != start.name


def make_actions(dashboard: str, sheets: Sequence[Sheet]) -> Element | None:
    """The `actions`: a click on a bar filters the other sheets of its source; None without one."""
    starts = _list_starts(sheets)
    if not starts:
        return None
    sources = {sheet.source.name: (sheet.source, drill) for _, sheet, drill in starts}
    needs = [source.needs([drill], []) for source, drill in sources.values()]
    pointers = element("datasources", {}, *(source.pointer() for source, _ in sources.values()))
    return element(
        "actions",
        {},
        *(_action(dashboard, name, start, drill, sheets) for name, start, drill in starts),
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


def _action(dashboard: str, name: str, start: Sheet, drill: Field, sheets: Sequence[Sheet]) -> Element:
    source = start.source
    caption = f"Filter by {drill.caption}"
    others = [each.name for each in sheets if each is not start and not _is_filtered_by(each, start)]
    params = {"exclude": ",".join([start.name, *others]), "target": dashboard}
    return element(
        "action",
        {"caption": caption, "name": name},
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
            *(element("param", {"name": key, "value": value}) for key, value in params.items()),
        ),
    )


def _expression(dashboard: str, source: Source, drill: Field) -> str:
    """Tableau's address of a filter: the column that is set, and the column whose selected values it takes."""
    column = source.full(drill.ref)
    return f"tsl:{quote(dashboard, safe='')}?{quote(column, safe='.')}~s0=<{column}~na>"


def _sheet_window(name: str, hidden: bool) -> Element:
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
    attributes = {"class": "worksheet", "name": name} | ({"hidden": "true"} if hidden else {})
    return element(
        "window",
        attributes,
        element("cards", {}, *edges),
        element("viewpoint", {}, element("zoom", {"type": "entire-view"})),
        element("simple-id", {"uuid": stable_id("window", name)}),
    )


def _strip(size: str, *kinds: str) -> Element:
    return element("strip", {"size": size}, *(element("card", {"type": kind}) for kind in kinds))


def _viewpoint(name: str) -> Element:
    return element("viewpoint", {"name": name}, element("zoom", {"type": "entire-view"}))
