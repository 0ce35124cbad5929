"""Jira Data Center: search by offset; comments' properties come ticket by ticket only.

Source: https://docs.atlassian.com/software/jira/docs/api/REST/9.17.0/ (search, comment, comment properties).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from blocks.errors import BadAnswer
from blocks.tracker.jira.api import MARK, MOST_PAGES, PAGE, Edition, Raw, marked, parts

_ANCHOR = re.compile(r"(?<!\\)\{anchor:analytics\.answer\.([\w-]{1,100})\.([0-9a-f]{1,64})\}")


class DataCenter(Edition):
    """Jira Data Center: search by offset; comments' properties come ticket by ticket only."""

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
                "jql": jql,
                "fields": list(fields),
                "startAt": start,
                "maxResults": PAGE,
                "validateQuery": strict,
            }
            page = self.session.ask("search for tickets", "POST", "search", body)
            found |= {issue["key"]: issue for issue in page["issues"]}
            start += len(page["issues"])
            if not page["issues"] or start >= page["total"]:
                return list(found.values())
        raise BadAnswer("search for tickets", f"more than {MOST_PAGES:,} pages", "Narrow the block's jql.")

    def comments(self, key: str, **query: str) -> Iterator[Raw]:
        """All comments of a ticket, with their properties."""
        return super().comments(key, expand="properties", **query)

    def marks(self, comments: Sequence[Raw]) -> dict[str, Raw]:
        """The properties where they came along; else, as in a search, what the text's anchor says."""
        return {**_anchored(comments), **marked(comments)}

    def content(self, body: str, mark: Raw) -> Raw:
        """With an anchor of the same meaning, which is not shown: a search brings texts, but no properties."""
        content = super().content(body, mark)
        anchor = f"{{anchor:{MARK}.{mark['topic']}.{mark['fingerprint']}}}"
        return {**content, "body": f"{content['body']}\n{anchor}"}

    def rewrite(self, key: str, comment: str, body: str, mark: Raw) -> None:
        """The text, then the mark, as an update may leave properties alone."""
        super().rewrite(key, comment, body, mark)
        self.session.ask(f"mark a comment on {key}", "PUT", f"comment/{comment}/properties/{MARK}", mark)


def _anchored(comments: Sequence[Raw]) -> dict[str, Raw]:
    """Comments' marks by id, from their texts."""
    found = {each["id"]: _ANCHOR.findall(str(each.get("body") or ""))[-1:] for each in comments}
    return {id_: {"topic": topic, "fingerprint": mark} for id_, last in found.items() for topic, mark in last}
