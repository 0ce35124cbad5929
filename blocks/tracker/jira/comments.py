"""Our comment on an issue: one a topic, found by its property, of a length that Jira takes."""

from __future__ import annotations

from blocks.tracker.base import fingerprint
from blocks.tracker.jira.api import Edition
from blocks.tracker.rich_text.wiki import to_wiki

LONGEST = 32_500  # of wiki text; Jira takes 32,767 characters


def write_comment(edition: Edition, key: str, topic: str, body: str) -> None:
    """Look for ours first: a request that timed out may have been done."""
    mark, shown = {"topic": topic, "fingerprint": fingerprint(body)}, shorten_to_fit(body)
    for name, old in edition.own(key):
        if old.get("topic") == topic:
            if old.get("fingerprint") != mark["fingerprint"]:
                edition.rewrite(key, name, shown, mark)
            return
    path, content = f"issue/{key}/comment", edition.content(shown, mark)
    edition.session.ask(f"comment on {key}", "POST", path, content)


def shorten_to_fit(body: str) -> str:
    """The text, cut at a line's end where Jira would refuse all of it."""
    while (long := len(to_wiki(body))) > LONGEST:
        kept = body[: len(body) * LONGEST * 9 // (long * 10)]
        body = (kept.rpartition("\n")[0] or kept).rstrip(" …\n") + "\n\n…"
    return body
