"""Jira Data Center: search by offset; the properties of comments come issue by issue only.

Source: https://docs.atlassian.com/software/jira/docs/api/REST/9.17.0/ (search, comment, comment properties).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from blocks.errors import BadAnswer
from blocks.http.paging import PageGuard
from blocks.tracker.jira.api import ANSWER_PROPERTY, MOST_PAGES, PAGE, JiraApi, find_marks, split_batches
from blocks.tracker.jira.responses import AnswerMark, Issue, IssueComment, SearchPage, User

_ANCHOR = re.compile(r"(?<!\\)\{anchor:analytics\.answer\.([\w-]{1,100})\.([0-9a-f]{1,64})\}")


class DataCenterApi(JiraApi):
    """The requests of Jira Data Center."""

    user_ids = ("name", "key")
    user_query = "username"

    def write_account(self, user: User) -> dict[str, str]:
        """By user name."""
        return {"name": user.name or ""}

    search_hides_notes = True  # it has no properties, which hold it

    def search(self, jql: str, fields: Sequence[str]) -> list[Issue]:
        """POST search, page by page."""
        return self._search(jql, fields, validate=True)

    def read_issues(self, keys: Sequence[str], fields: Sequence[str]) -> list[Issue]:
        """POST search without validation, which would refuse the whole query for one unknown key."""
        queries = [f"key in ({', '.join(batch)})" for batch in split_batches(keys, PAGE)]
        return [issue for jql in queries for issue in self._search(jql, fields, validate=False)]

    def _search(self, jql: str, fields: Sequence[str], validate: bool) -> list[Issue]:
        found: dict[str, Issue] = {}
        start, guard = 0, PageGuard("search for tickets", "the search")
        body = {"jql": jql, "fields": list(fields), "maxResults": PAGE, "validateQuery": validate}
        for _ in range(MOST_PAGES):
            page_body = {**body, "startAt": start}
            page = self.session.read(SearchPage, "search for tickets", "POST", "search", page_body)
            found |= {issue.key: issue for issue in page.issues}
            start += len(page.issues)
            if page.issues:
                guard.check(" ".join(issue.key for issue in page.issues))
            if not page.issues or start >= page.total:
                guard.check_end(start, page.total)
                return list(found.values())
        raise BadAnswer("search for tickets", f"more than {MOST_PAGES:,} pages", "Narrow the block's jql.")

    def read_comments(self, key: str, **query: str) -> Iterator[IssueComment]:
        """All comments of an issue, with their properties."""
        return super().read_comments(key, expand="properties", **query)

    def read_marks(self, comments: Sequence[IssueComment]) -> dict[str, AnswerMark]:
        """Read comments' marks from their properties; after a search, which brings none, from the texts' anchors."""
        return {**_find_anchors(comments), **find_marks(comments)}

    def build_comment(self, body: str, mark: AnswerMark) -> dict[str, object]:
        """Make a comment with an invisible anchor that repeats the mark: a search brings texts, but no properties."""
        comment = super().build_comment(body, mark)
        anchor = f"{{anchor:{ANSWER_PROPERTY}.{mark.topic}.{mark.fingerprint}}}"
        return {**comment, "body": f"{comment['body']}\n{anchor}"}

    def update_comment(self, key: str, comment: str, body: str, mark: AnswerMark) -> None:
        """The text, then the mark: Data Center does not document that an update takes properties."""
        super().update_comment(key, comment, body, mark)
        path = f"comment/{comment}/properties/{ANSWER_PROPERTY}"
        self.session.send(f"mark a comment on {key}", "PUT", path, mark.model_dump())


def _find_anchors(comments: Sequence[IssueComment]) -> dict[str, AnswerMark]:
    """The marks in comments' texts, by comment id; the last one of a text counts."""
    found = {each.id: _ANCHOR.findall(str(each.body or ""))[-1:] for each in comments}
    return {
        id_: AnswerMark(topic=topic, fingerprint=fingerprint)
        for id_, last in found.items()
        for topic, fingerprint in last
    }
