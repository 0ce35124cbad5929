"""Jira Cloud: search by page token, which lags behind writes by some seconds, and bulk reads, which do not.

Source: https://developer.atlassian.com/cloud/jira/platform/rest/v3/ (search/jql, issue/bulkfetch, comment/list).
"""

from __future__ import annotations

from collections.abc import Sequence

from blocks.errors import BadAnswer, Unavailable
from blocks.http.paging import PageGuard
from blocks.tracker.jira.api import MOST_PAGES, PAGE, JiraApi, find_marks, split_batches
from blocks.tracker.jira.responses import (
    AnswerMark,
    BulkIssues,
    CommentList,
    Issue,
    IssueComment,
    SearchPage,
    User,
)

MOST_IDS = 1_000


class CloudApi(JiraApi):
    """The requests of Jira Cloud."""

    user_ids = ("account_id",)
    user_query = "query"

    def write_account(self, user: User) -> dict[str, str]:
        """By account id."""
        return {"accountId": user.account_id or ""}

    def search(self, jql: str, fields: Sequence[str]) -> list[Issue]:
        """POST search/jql, page by page."""
        found: list[Issue] = []
        body: dict[str, object] = {"jql": jql, "fields": list(fields), "maxResults": PAGE}
        guard = PageGuard("search for tickets", "the search")
        for _ in range(MOST_PAGES):
            page = self.session.read(SearchPage, "search for tickets", "POST", "search/jql", body)
            found += page.issues
            if not page.next_page_token or page.is_last:
                return found
            guard.check(page.next_page_token)
            body = {**body, "nextPageToken": page.next_page_token}
        raise BadAnswer("search for tickets", f"more than {MOST_PAGES:,} pages", "Narrow the block's jql.")

    def read_issues(self, keys: Sequence[str], fields: Sequence[str]) -> list[Issue]:
        """POST issue/bulkfetch, a hundred at a time."""
        found: list[Issue] = []
        for batch in split_batches(keys, PAGE):
            body = {"issueIdsOrKeys": batch, "fields": list(fields)}
            page = self.session.read(BulkIssues, "read tickets", "POST", "issue/bulkfetch", body)
            if page.issue_errors:
                raise Unavailable("read tickets", f"{len(page.issue_errors)} could not be read just now")
            found += page.issues
        return found

    def read_marks(self, comments: Sequence[IssueComment]) -> dict[str, AnswerMark]:
        """POST comment/list, a thousand at a time."""
        found: dict[str, AnswerMark] = {}
        for batch in split_batches([int(each.id) for each in comments], MOST_IDS):
            asked, body = "read the properties of comments", {"ids": batch}
            page = self.session.read(CommentList, asked, "POST", "comment/list", body, expand="properties")
            found |= find_marks(page.values)
        return found
