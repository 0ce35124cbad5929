"""A picture of a dashboard that does not exist yet, drawn of what readers see now. Nothing of it is published."""

from __future__ import annotations

from contextlib import ExitStack

from blocks.site.base import Card
from blocks.site.extract import Extract
from blocks.site.html.dashboard_view import DashboardView
from blocks.site.html.picture import draw_picture


def draw_mock(card: Card) -> bytes:
    """The PNG of a dashboard as it would open."""
    with ExitStack() as opened:
        pairs = zip(card.datasets, card.extracts, strict=True)
        return draw_picture(
            DashboardView(card, [opened.enter_context(Extract(dataset, path)) for dataset, path in pairs])
        )
