"""What every edition of Jira does alike, and what jira_cloud.py and jira_data_center.py do differently."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

from blocks.tracker.jira.session import Session
from blocks.tracker.rich_text.adf import from_adf, to_adf
from blocks.tracker.rich_text.wiki import from_wiki, to_wiki

Raw = dict[str, Any]
MARK = "analytics.answer"  # the comment property that tells our comments, and one topic from another
PAGE, MOST_PAGES = 100, 1_000


class Edition(ABC):
    """One connection in the words of its edition. me: the account as Jira describes it."""

    user: ClassVar[tuple[str, ...]]

    def __init__(self, session: Session, version: str) -> None:
        self.session = session
        dialects: dict[str, tuple[Callable[[str], Any], Callable[[Any], str]]] = {
            "2": (to_wiki, from_wiki),
            "3": (to_adf, from_adf),
        }
        self.write, self.read = dialects[version]
        self.me: Raw = session.ask("ask who we are", "GET", "myself")

    def mine(self, comment: Raw) -> bool:
        """True if our account wrote it."""
        author = comment.get("author") or {}
        return any(self.me.get(name) and author.get(name) == self.me[name] for name in self.user)

    def comments(self, key: str, **query: str) -> Iterator[Raw]:
        """All comments of a ticket, page by page."""
        start = 0
        for _ in range(MOST_PAGES):
            page = self.session.ask(
                f"read the comments of {key}",
                "GET",
                f"issue/{key}/comment",
                startAt=start,
                maxResults=PAGE,
                **query,
            )
            yield from page["comments"]
            start += len(page["comments"])
            if not page["comments"] or start >= page["total"]:
                return

    def own(self, key: str) -> Iterator[tuple[str, Raw]]:
        """Ids and marks of our comments on a ticket."""
        yield from self.marks([each for each in self.comments(key) if self.mine(each)]).items()

    @abstractmethod
    def search(self, jql: str, fields: Sequence[str]) -> list[Raw]:
        """All issues that match, by page."""

    @abstractmethod
    def by_keys(self, keys: Sequence[str], fields: Sequence[str]) -> list[Raw]:
        """Those of these issues that there are."""

    @abstractmethod
    def marks(self, comments: Sequence[Raw]) -> dict[str, Raw]:
        """What of our account's comments, of whatever tickets, carries our mark: id → mark."""

    def content(self, body: str, mark: Raw) -> Raw:
        """A comment of ours as it is sent: text and mark at once."""
        return {"body": self.write(body), "properties": [{"key": MARK, "value": mark}]}

    def rewrite(self, key: str, comment: str, body: str, mark: Raw) -> None:
        """Put another text in the place of a comment of ours."""
        path = f"issue/{key}/comment/{comment}"
        self.session.ask(f"update a comment on {key}", "PUT", path, self.content(body, mark))


def parts(items: Sequence[Any], size: int) -> list[list[Any]]:
    """Items in lists of at most a size."""
    return [list(items[at : at + size]) for at in range(0, len(items), size)]


def marked(comments: Any) -> dict[str, Raw]:
    """Comments' marks by id."""
    return {
        comment["id"]: each["value"]
        for comment in comments
        for each in comment.get("properties") or ()
        if each.get("key") == MARK and isinstance(each.get("value"), dict)
    }
