"""What people see of a published workbook: its views, read back; the picture; how often it was opened."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from blocks.deadline import Deadline
from blocks.errors import Unavailable
from blocks.http.polling import Pauses, poll_until
from blocks.site.readback import DatasetSummary, compare
from blocks.site.tableau.client.endpoints import Server
from blocks.site.tableau.client.items import ContentItem, ViewItem
from blocks.site.tableau.client.session import TableauSession
from blocks.site.tableau.workbook.fields import CHECK_PATTERN, CHECK_SHEET

PAUSES = Pauses(first=2, longest=30, factor=2)
FRESH = 1  # the oldest picture or data to take, in minutes; the server knows no less


def list_views(session: TableauSession, item: ContentItem) -> list[ViewItem]:
    """A workbook's views with how often each was opened."""

    def ask(server: Server) -> list[ViewItem]:
        server.workbooks.populate_views(item, usage=True)
        return list(item.views)

    return session.call(f"List the views of {item.name}", ask)


def count_opened(views: Sequence[ViewItem]) -> int:
    """How often a workbook's views were opened, ever."""
    return sum(map(_read_times_opened, views))


def _read_times_opened(view: ViewItem) -> int:
    from tableauserverclient.models.exceptions import UnpopulatedPropertyError

    try:
        return view.total_views
    except UnpopulatedPropertyError:  # the answer has no usage of this view
        return 0


def read_back(
    session: TableauSession,
    name: str,
    views: Sequence[ViewItem],
    expected: Sequence[DatasetSummary],
    seconds: float,
) -> str | None:
    """What the check sheets show, in words; None if the workbook has none.

    Asked again for so many seconds while it is not what is expected, as views are cached; then Unavailable.
    """
    sheets = sorted((view for view in views if re.fullmatch(rf"{CHECK_SHEET}( \d+)?", view.name)), key=_place)
    if not sheets:
        return None
    deadline = Deadline(f"Read {name} back from the site", seconds)

    def look() -> str:
        return compare(name, expected, [_read_summary(session, sheet) for sheet in sheets])

    return poll_until(look, deadline, PAUSES, retry_on=(Unavailable,))


def take_picture(session: TableauSession, name: str, views: Sequence[ViewItem]) -> bytes | None:
    """The dashboard as a PNG; None if the workbook has no view."""
    view = find_main_view(views)
    if view is None:
        return None

    def ask(server: Server) -> bytes:
        import tableauserverclient as client

        high = client.ImageRequestOptions.Resolution.High
        server.views.populate_image(view, client.ImageRequestOptions(imageresolution=high, maxage=FRESH))
        return bytes(view.image)

    return session.call(f"Take a picture of {name}", ask)


def find_main_view(views: Sequence[ViewItem]) -> ViewItem | None:
    """The view to open: the first that is no check sheet; None if there is none."""
    return next((view for view in views if not view.name.startswith(CHECK_SHEET)), None)


def _read_summary(session: TableauSession, view: ViewItem) -> DatasetSummary:
    def ask(server: Server) -> bytes:
        import tableauserverclient as client

        server.views.populate_csv(view, client.CSVRequestOptions(maxage=FRESH))
        return b"".join(view.csv)

    text = session.call(f"Read the data of view {view.name}", ask).decode("utf-8-sig", "replace")
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    found = next((match for match in map(CHECK_PATTERN.fullmatch, cells) if match), None)
    return DatasetSummary(rows=int(found[1]), newest=found[2]) if found else DatasetSummary(rows=0)


def _place(view: ViewItem) -> tuple[int, str]:
    return len(view.name), view.name
