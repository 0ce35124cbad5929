"""What every list that comes in pages is held to: no page comes twice, and none that was promised is missing."""

from __future__ import annotations

from blocks.errors import BadAnswer


class PageGuard:
    """The pages of one list that were read. A server that repeats one would never end, or hide the rest.

    asked: what was asked for, as errors name it. name: the list.
    """

    def __init__(self, asked: str, name: str) -> None:
        self._asked, self._name, self._seen = asked, name, set[str]()

    def check(self, page: str) -> None:
        """Take note of a page: its address, its cursor or what is on it. Raises BadAnswer if it was there before."""
        if page in self._seen:
            raise BadAnswer(self._asked, f"{self._name} repeats a page", "Try again later.")
        self._seen.add(page)

    def check_end(self, found: int, total: int) -> None:
        """Raise BadAnswer if a list ends before the total that it promises."""
        if found < total:
            raise BadAnswer(
                self._asked, f"{self._name} ends after {found:,} of {total:,}", "Try again later."
            )
