"""Jira Cloud: search by page token, which follows writes with a delay, and bulk reads, which do not lag.

Source: https://developer.atlassian.com/cloud/jira/platform/rest/v3/ (search/jql, issue/bulkfetch, comment/list).
"""

from __future__ import annotations

from collections.abc import Sequence

from blocks.errors import BadAnswer, Unavailable
from blocks.tracker.jira.api import MOST_PAGES, PAGE, Edition, Raw, marked, parts

MOST_IDS = 1_000


class Cloud(Edition):
    """Jira Cloud: search by page token, which follows writes with a delay; bulk reads, which do not."""

    user = ("accountId",)

    def search(self, jql: str, fields: Sequence[str]) -> list[Raw]:
        """POST search/jql, page by page."""
        found: list[Raw] = []
        body: Raw = {"jql": jql, "fields": list(fields), "maxResults": PAGE}
        for _ in range(MOST_PAGES):
            page = self.session.ask("search for tickets", "POST", "search/jql", body)
            found += page["issues"]
            token = page.get("nextPageToken")
            if not token or page.get("isLast"):
                return found
            body = {**body, "nextPageToken": token}
        raise BadAnswer("search for tickets", f"more than {MOST_PAGES:,} pages", "Narrow the block's jql.")

    def by_keys(self, keys: Sequence[str], fields: Sequence[str]) -> list[Raw]:
        """POST issue/bulkfetch, a hundred at a time."""
        found: list[Raw] = []
        for part in parts(keys, PAGE):
            body = {"issueIdsOrKeys": part, "fields": list(fields)}
            page = self.session.ask("read tickets", "POST", "issue/bulkfetch", body)
            if page.get("issueErrors"):
                raise Unavailable("read tickets", f"{len(page['issueErrors'])} could not be read just now")
            found += page["issues"]
        return found

    def marks(self, comments: Sequence[Raw]) -> dict[str, Raw]:
        """POST comment/list, a thousand at a time."""
        found: dict[str, Raw] = {}
        for part in parts([int(each["id"]) for each in comments], MOST_IDS):
            asked = "read comments' properties"
            page = self.session.ask(asked, "POST", "comment/list", {"ids": part}, expand="properties")
            found |= marked(page["values"])
        return found
