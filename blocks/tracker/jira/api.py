"""Jira's REST API as far as Cloud and Data Center agree. What differs is in `cloud` and `data_center`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, TypeVar

from pydantic import ValidationError

from blocks.errors import BadAnswer
from blocks.http.paging import PageGuard
from blocks.tracker.jira.responses import (
    AnswerMark,
    CommentPage,
    History,
    Issue,
    IssueComment,
    User,
    read_time,
)
from blocks.tracker.jira.session import JiraSession
from blocks.tracker.rich_text.adf import AdfNode, from_adf, to_adf
from blocks.tracker.rich_text.wiki import from_wiki, to_wiki

ANSWER_PROPERTY = "analytics.answer"  # the comment property that marks our comments, and tells topics apart
PAGE, MOST_PAGES = 100, 1_000
Item = TypeVar("Item")


class JiraApi(ABC):
    """A session, and the requests of its edition. me: the account that is logged in.

    user_ids: the members of a user that identify an account in this edition; user_query: how one is searched by its
    name. search_hides_notes: whether a search does not tell internal notes of a service desk from other comments.
    """

    user_ids: ClassVar[tuple[str, ...]]
    user_query: ClassVar[str]
    search_hides_notes: ClassVar[bool] = False

    def __init__(self, session: JiraSession, version: str) -> None:
        self.session, self.version = session, version
        self.me = session.read(User, "ask which account this is", "GET", "myself")

    def to_rich_text(self, markdown: str) -> str | AdfNode:
        """Markdown as this version of the API takes it: ADF from version 3 on, wiki text before."""
        return to_adf(markdown) if self.version == "3" else to_wiki(markdown)

    def to_plain_text(self, rich_text: object) -> str:
        """The plain text of a description or a comment."""
        return from_adf(rich_text) if self.version == "3" else from_wiki(rich_text)

    def is_own(self, author: User | None) -> bool:
        """True if it is our account."""
        return author is not None and any(
            getattr(self.me, name) and getattr(author, name) == getattr(self.me, name)
            for name in self.user_ids
        )

    def find_assignable(self, key: str, person: str) -> dict[str, str] | None:
        """What an issue is assigned by to the one account that may have it and has this name or address."""
        user = self.find_user(key, person)
        return self.write_account(user) if user else None

    def find_user(self, key: str, person: str) -> User | None:
        """The one account that may have an issue and has this name or address."""
        asked = f"look who can have {key}"
        query = {self.user_query: person, "issueKey": key, "maxResults": PAGE}
        found = self.session.read(list[User], asked, "GET", "user/assignable/search", **query)
        wanted = person.casefold().strip()
        named = [
            each
            for each in found
            if wanted in {(name or "").casefold() for name in (each.display_name, each.email_address)}
        ]
        return named[0] if len(named) == 1 else None

    @abstractmethod
    def write_account(self, user: User) -> dict[str, str]:
        """How this edition names an account in a request."""

    def read_comments(self, key: str, **query: str) -> Iterator[IssueComment]:
        """All comments of an issue, page by page. Raises BadAnswer where pages repeat or never end."""
        start, asked = 0, f"read the comments of {key}"
        guard = PageGuard(asked, "the list of comments")
        for _ in range(MOST_PAGES):
            page = self.session.read(
                CommentPage, asked, "GET", f"issue/{key}/comment", startAt=start, maxResults=PAGE, **query
            )
            if page.comments:
                guard.check(" ".join(comment.id for comment in page.comments))
            yield from page.comments
            start += len(page.comments)
            if not page.comments or start >= page.total:
                return
        raise BadAnswer(asked, f"more than {MOST_PAGES:,} pages", "Move the request to a ticket of its own.")

    def read_last_move(self, key: str) -> tuple[str, History] | None:
        """The status that an issue was moved to last, and the change that did it; None where none is told of."""
        issue = self.session.read(
            Issue, f"look who moved {key}", "GET", f"issue/{key}", fields="status", expand="changelog"
        )
        moves = [
            (item.to_string or "", each)
            for each in (issue.changelog.histories if issue.changelog else ())
            for item in each.items
            if item.field == "status"
        ]
        return max(moves, key=lambda move: read_time(move[1].created), default=None)

    def read_own_marks(self, key: str) -> Iterator[tuple[str, AnswerMark]]:
        """Ids and marks of our comments on an issue."""
        own = [comment for comment in self.read_comments(key) if self.is_own(comment.author)]
        yield from self.read_marks(own).items()

    @abstractmethod
    def search(self, jql: str, fields: Sequence[str]) -> list[Issue]:
        """All issues that match, from all pages."""

    @abstractmethod
    def read_issues(self, keys: Sequence[str], fields: Sequence[str]) -> list[Issue]:
        """The issues with these keys; keys without an issue are left out."""

    @abstractmethod
    def read_marks(self, comments: Sequence[IssueComment]) -> dict[str, AnswerMark]:
        """The marks of our account's comments, of whatever issues, by comment id; unmarked ones are left out."""

    def build_comment(self, body: str, mark: AnswerMark) -> dict[str, object]:
        """A comment of ours as it is sent: text and mark at once."""
        properties = [{"key": ANSWER_PROPERTY, "value": mark.model_dump()}]
        return {"body": self.to_rich_text(body), "properties": properties}

    def update_comment(self, key: str, comment: str, body: str, mark: AnswerMark) -> None:
        """Replace the text of a comment of ours."""
        path = f"issue/{key}/comment/{comment}"
        self.session.send(f"update a comment on {key}", "PUT", path, self.build_comment(body, mark))


def split_batches(items: Sequence[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of at most `size`."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def find_marks(comments: Iterable[IssueComment]) -> dict[str, AnswerMark]:
    """The marks in comments' properties, by comment id."""
    values = {
        comment.id: each.value
        for comment in comments
        for each in comment.properties or ()
        if each.key == ANSWER_PROPERTY and isinstance(each.value, Mapping)
    }
    return {id_: mark for id_, value in values.items() if (mark := _read_mark(value)) is not None}


def _read_mark(value: Mapping[str, object]) -> AnswerMark | None:
    try:
        return AnswerMark.model_validate(value)
    except ValidationError:
        return None
