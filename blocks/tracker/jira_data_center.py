"""Jira Data Center: search by offset; a comment's properties come with its ticket's comments only.

Source: https://docs.atlassian.com/software/jira/docs/api/REST/9.17.0/ (search, comment, comment properties).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from blocks.errors import BadAnswer
from blocks.tracker.jira_edition import MARK, MOST_PAGES, PAGE, Edition, Raw, marked, parts


class DataCenter(Edition):
    """Jira Data Center: search by offset; a comment's properties come with its ticket's comments only."""

    user = ("name", "key")

    def search(self, jql: str, fields: Sequence[str]) -> list[Raw]:
        """POST search, page by page."""
        return self._search(jql, fields, True)

    def by_keys(self, keys: Sequence[str], fields: Sequence[str]) -> list[Raw]:
        """POST search without validation, which would refuse all for one key that there is not."""
        queries = [f"key in ({', '.join(part)})" for part in parts(keys, PAGE)]
        return [each for jql in queries for each in self._search(jql, fields, False)]

    def _search(self, jql: str, fields: Sequence[str], strict: bool) -> list[Raw]:
        found: dict[str, Raw] = {}
        start = 0
        for _ in range(MOST_PAGES):
            body = {
                "jql": jql, "fields": list(fields), "startAt": start, "maxResults": PAGE, "validateQuery": strict,
            }  # fmt: skip
            page = self.session.ask("search for tickets", "POST", "search", body)
            found |= {issue["key"]: issue for issue in page["issues"]}
            start += len(page["issues"])
            if not page["issues"] or start >= page["total"]:
                return list(found.values())
        raise BadAnswer("search for tickets", f"more than {MOST_PAGES:,} pages", "Narrow the block's jql.")

    def marks(self, comments: Mapping[str, Sequence[str]]) -> dict[str, Raw]:
        """The comments of each ticket that has some of ours, with their properties."""
        return {
            name: mark
            for key, ids in comments.items()
            if ids
            for name, mark in marked(self.comments(key, expand="properties")).items()
            if name in ids
        }

    def rewrite(self, key: str, comment: str, body: str, mark: Raw) -> None:
        """The text, then the mark, as an update may leave properties alone."""
        super().rewrite(key, comment, body, mark)
        self.session.ask(f"mark a comment on {key}", "PUT", f"comment/{comment}/properties/{MARK}", mark)
