"""A picture of a dashboard that does not exist yet, drawn of what readers see now. Nothing of it is published."""

from __future__ import annotations

from blocks.site.base import Card
from blocks.site.html.dashboard_view import open_view
from blocks.site.html.picture import draw_picture


def draw_mock(card: Card) -> bytes:
    """The PNG of a dashboard as it would open."""
    with open_view(card) as view:
        return draw_picture(view)
