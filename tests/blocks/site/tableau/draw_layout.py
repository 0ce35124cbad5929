"""A picture of a generated workbook, from its XML alone: zones, titles, marks, fields; on a screen and on a phone.

`python -m tests.blocks.site.tableau.draw_layout book.twb docs/tableau-workbook.svg`. It shows where things stand, not
what Tableau makes of them: the marks are signs, without data.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from lxml import etree

from blocks.site.palette import SERIES

WIDTH, PHONE, GAP, EDGE = 1000, 260, 40, 3
AXIS = 120  # pixels, of one of many side by side
INK, PALE, LINE = "#182033", "#5b6579", "#c9d1de"


def draw_workbook(root: Any) -> str:
    """The SVG of a workbook's first dashboard."""
    board = root.find("dashboards/dashboard")
    high = int(board.find("size").get("minheight"))
    phone = int(board.find("devicelayouts/devicelayout/size").get("minheight"))
    scale = PHONE / 375
    parts = [
        *_draw_zones(root, board.find("zones"), 0, WIDTH, high),
        *_draw_zones(root, board.find("devicelayouts/devicelayout/zones"), WIDTH + GAP, PHONE, phone * scale),
    ]
    size = f'width="{WIDTH + GAP + PHONE}" height="{max(high, round(phone * scale))}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="Liberation Sans, sans-serif">'
    return "\n".join([head, f'<rect {size} fill="#ffffff"/>', *parts, "</svg>", ""])


def _draw_zones(root: Any, zones: Any, left: float, width: float, height: float) -> Iterator[str]:
    for zone in zones.iter("zone"):
        if zone.find("zone") is not None:
            continue
        x, w = (int(zone.get(key)) * width / 100_000 for key in ("x", "w"))
        y, h = (int(zone.get(key)) * height / 100_000 for key in ("y", "h"))
        box = (left + x + EDGE, y + EDGE, w - 2 * EDGE, h - 2 * EDGE)
        yield _rectangle(*box, "#ffffff", LINE)
        yield from _draw_zone(root, zone, *box)


def _draw_zone(root: Any, zone: Any, x: float, y: float, w: float, h: float) -> Iterator[str]:
    kind, name = zone.get("type-v2"), zone.get("name")
    if kind == "text":
        lines = [run.text or "" for run in zone.iter("run") if (run.text or "").strip("Æ\n")]
        for place, line in enumerate(lines):
            yield _text(x + 8, y + 24 + 20 * place, line, 18 if place == 0 else 11, w)
    elif kind in ("filter", "paramctrl", "color"):
        words = {"filter": "Filter", "paramctrl": "Choice", "color": "Colours"}[kind]
        yield _text(x + 8, y + 18, f"{words}: {_caption(root, zone.get('param'))}", 11, w, PALE)
        if kind != "color":
            yield _rectangle(x + 8, y + 26, w - 16, min(20, h - 30), "#f4f6f9", LINE)
        for place, colour in enumerate(SERIES[:4] if kind == "color" else ()):
            yield _rectangle(x + 8, y + 30 + 18 * place, 12, 12, colour, colour)
    else:
        sheet = next(each for each in root.iter("worksheet") if each.get("name") == name)
        yield from _draw_sheet(root, sheet, zone.get("show-title") == "true", (x, y, w, h))


def _draw_sheet(root: Any, sheet: Any, titled: bool, box: tuple[float, float, float, float]) -> Iterator[str]:
    x, y, w, h = box
    top = 0.0
    if titled:
        title = fill_in(root, "".join(run.text or "" for run in sheet.iterfind("layout-options/title//run")))
        yield _text(x + 8, y + 18, title, 12, w)
        top = 26
    mark = sheet.find("table/panes/pane/mark").get("class")
    rows, cols = (sheet.findtext(f"table/{shelf}") or "" for shelf in ("rows", "cols"))
    measures = max(1, len([p for p in sheet.iterfind("table/panes/pane") if p.get("id")]))
    if mark == "Text":
        first, *below = (_caption(root, each.get("column")) for each in sheet.iter("text"))
        low = y + top + 24
        yield _text(x + 8, low, first, 18 if titled else 11, w, PALE)
        for place, words in enumerate(below, 1):
            yield _text(x + 8, low + 14 * place, words, 9, w, PALE)
        return
    if h < 60:
        return
    shelves = " · ".join(
        f"{words}: {', '.join(_captions(root, shelf))}"
        for words, shelf in (("rows", rows), ("columns", cols))
        if shelf
    )
    yield _text(x + 8, y + top + 12, shelves, 9, w, PALE)
    inner = (x + 8, y + top + 20, w - 16, h - top - 28)
    views = root.iterfind("windows/window/viewpoints/viewpoint")
    own_width = any(each.get("name") == sheet.get("name") and each.find("zoom") is None for each in views)
    yield from _draw_marks(mark, measures, inner, "qk" in rows.rsplit(":")[-1], own_width)
    yield from _draw_reference_lines(sheet, cols, measures, inner)


def _draw_marks(
    mark: str, measures: int, box: tuple[float, float, float, float], upright: bool, own_width: bool
) -> Iterator[str]:
    """A sign of what is drawn, once a measure. own_width: axes have one, so that a narrow place scrolls sideways."""
    x, y, w, h = box
    for place in range(measures):
        if mark == "Pie":
            r = min(w, h) / 2 - 4
            yield f'<circle cx="{x + w / 2:.0f}" cy="{y + h / 2:.0f}" r="{r:.0f}" fill="{SERIES[0]}"/>'
            cut = f"M{x + w / 2:.0f} {y + h / 2:.0f} v{-r:.0f} a{r:.0f} {r:.0f} 0 0 1 {r:.0f} {r:.0f} z"
            yield f'<path d="{cut}" fill="{SERIES[1]}"/>'
        elif mark == "Line":
            low, step = y + h * (place + 1) / measures - 6, h / measures
            points = " ".join(
                f"{x + w * n / 8:.0f},{low - step * (0.2 + 0.5 * (n * 37 % 11) / 11):.0f}" for n in range(9)
            )
            yield f'<polyline points="{points}" fill="none" stroke="{SERIES[0]}" stroke-width="2"/>'
        elif mark == "Automatic":
            middle = f'cx="{x + w / 2:.0f}" cy="{y + h / 2:.0f}"'
            yield f'<ellipse {middle} rx="{w / 3:.0f}" ry="{h / 2.5:.0f}" fill="#d6e4fa"/>'
            yield _text(x + w / 2 - 14, y + h / 2, "map", 12, w, PALE)
        elif upright:
            low, step = y + h * (place + 1) / measures - 4, h / measures
            for n in range(12):
                size = step * (0.25 + 0.5 * (n * 37 % 11) / 11)
                yield _rectangle(x + w * n / 12 + 2, low - size, w / 12 - 4, size, SERIES[0], SERIES[0])
        else:
            head = min(90, w / 4)
            step = AXIS if own_width else (w - head) / measures
            left = x + head + step * place
            for n in range(max(1, int(h // 22)) if left < x + w else 0):
                size = min(step * 0.8 * (1 - min(0.08 * n, 0.9)), x + w - left)
                yield _rectangle(left, y + 22 * n, max(size, 3), 14, SERIES[0], SERIES[0])
            if place == measures - 1 and left + step > x + w + 1:
                yield _rectangle(x, y + h - 2, w, 4, "#f4f6f9", LINE)
                yield _rectangle(x, y + h - 2, w * w / (left + step - x), 4, LINE, LINE)


def _draw_reference_lines(
    sheet: Any, cols: str, measures: int, box: tuple[float, float, float, float]
) -> Iterator[str]:
    """A dashed line for each reference line: across its measure's part, or from top to bottom on the columns' axis."""
    x, y, w, h = box
    upright = 0
    for pane in sheet.iterfind("table/panes/pane"):
        for line in pane.iterfind("reference-line"):
            words = line.get("label").removesuffix(" <Value>")
            if line.get("axis-column") == cols:
                at = x + w * (0.9 - 0.06 * upright)
                yield _dashed(at, y, at, y + h)
                yield _text(at - 6 * len(words), y + 10 + 12 * upright, words, 9, w, PALE)
                upright += 1
            else:
                at = y + h * (int(pane.get("id") or 1) - 0.75) / measures
                yield _dashed(x, at, x + w, at)
                yield _text(x, at - 3, words, 9, w, PALE)


def _dashed(x: float, y: float, to_x: float, to_y: float) -> str:
    ends = f'x1="{x:.0f}" y1="{y:.0f}" x2="{to_x:.0f}" y2="{to_y:.0f}"'
    return f'<line {ends} stroke="{PALE}" stroke-dasharray="4 3"/>'


def fill_in(root: Any, text: str) -> str:
    """A text with what its parameters say when the workbook is opened."""
    known = {
        each.get("name"): each.get("value").strip('"')
        for each in root.iterfind("datasources/datasource[@name='Parameters']/column")
    }
    return re.sub(r"<\[Parameters\]\.(\[[^\]]+\])>", lambda place: known[place[1]], text)


def _captions(root: Any, shelf: str) -> list[str]:
    return [_caption(root, each) for each in re.findall(r"\[[^\]]+\]\.\[(?:[^\]]|\]\])+\]", shelf)]


def _caption(root: Any, full: str) -> str:
    """The words for a field on a shelf, or for a parameter."""
    source, _, name = full.partition("].")
    inner = re.sub(r"^\[(?:\w+:)(.*):\w\w\]$", r"[\1]", name)
    for each in root.iterfind("datasources/datasource"):
        if each.get("name") == source[1:]:
            found = next((c for c in each.findall("column") if c.get("name") in (inner, name)), None)
            if found is not None:
                return str(found.get("caption"))
    return inner.strip("[]")


def _text(x: float, y: float, words: str, size: int, width: float, colour: str = INK) -> str:
    most = max(3, int((width - 12) / (size * 0.52)))
    shown = words if len(words) <= most else f"{words[: most - 1]}…"
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" fill="{colour}">{escape(shown)}</text>'


def _rectangle(x: float, y: float, w: float, h: float, fill: str, stroke: str) -> str:
    size = f'x="{x:.0f}" y="{y:.0f}" width="{max(w, 1):.0f}" height="{max(h, 1):.0f}"'
    return f'<rect {size} fill="{fill}" stroke="{stroke}"/>'


if __name__ == "__main__":
    book, picture = map(Path, sys.argv[1:3])
    picture.write_text(draw_workbook(etree.parse(str(book)).getroot()), encoding="utf-8")
