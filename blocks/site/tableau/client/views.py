"""What people see of a published workbook: its views, read back; the picture; how often it was opened."""

from __future__ import annotations

import csv
import io
import re
import time
from collections.abc import Sequence
from typing import Any

from blocks.errors import Unavailable
from blocks.site.readback import Shown, compare
from blocks.site.tableau.client.session import Session
from blocks.site.tableau.workbook.check_sheet import PATTERN, SHEET

PAUSES = (2.0, 5.0, 10.0, 20.0, 30.0)
FRESH = 1  # the oldest picture or data to take, in minutes; the server knows no less


def views_of(session: Session, item: Any) -> list[Any]:
    """A workbook's views with how often each was opened."""

    def ask(server: Any) -> list[Any]:
        server.workbooks.populate_views(item, usage=True)
        return list(item.views)

    return session.call(f"List the views of {item.name}", ask)


def opened(views: Sequence[Any]) -> int:
    """How often a workbook's views were opened, ever."""
    return sum(view._total_views or 0 for view in views)


def read_back(
    session: Session, name: str, views: Sequence[Any], expected: Sequence[Shown], seconds: float
) -> str | None:
    """What the check sheets show, in words; None if the workbook has none.

    Asked again for so many seconds while it is not what is expected, as views are cached; then Unavailable.
    """
    sheets = sorted((view for view in views if re.fullmatch(rf"{SHEET}( \d+)?", view.name)), key=_place)
    if not sheets:
        return None
    end = time.monotonic() + seconds
    for pause in (*PAUSES, *PAUSES[-1:] * 100):
        try:
            return compare(name, expected, [_shown(session, sheet) for sheet in sheets])
        except Unavailable:
            if time.monotonic() + pause > end:
                raise
        time.sleep(pause)
    return None


def picture(session: Session, name: str, views: Sequence[Any]) -> bytes | None:
    """The dashboard as a PNG; None if the workbook has no view."""
    view = front(views)
    if view is None:
        return None

    def ask(server: Any) -> bytes:
        import tableauserverclient as client

        high = client.ImageRequestOptions.Resolution.High
        server.views.populate_image(view, client.ImageRequestOptions(imageresolution=high, maxage=FRESH))
        return bytes(view.image)

    return session.call(f"Take a picture of {name}", ask)


def front(views: Sequence[Any]) -> Any:
    """The view to open: the first that is no check sheet; None if there is none."""
    return next((view for view in views if not view.name.startswith(SHEET)), None)


def _shown(session: Session, view: Any) -> Shown:
    def ask(server: Any) -> bytes:
        import tableauserverclient as client

        server.views.populate_csv(view, client.CSVRequestOptions(maxage=FRESH))
        return b"".join(view.csv)

    text = session.call(f"Read the data of view {view.name}", ask).decode("utf-8-sig", "replace")
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    found = next((match for match in map(PATTERN.fullmatch, cells) if match), None)
    return Shown(rows=int(found[1]), newest=found[2]) if found else Shown(rows=0)


def _place(view: Any) -> tuple[int, str]:
    return len(view.name), view.name
