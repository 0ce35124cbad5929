"""Our comments on an issue: one a topic, found again by its property, of a length that Jira takes."""

from __future__ import annotations

from blocks.tracker.base import compute_fingerprint
from blocks.tracker.jira.api import JiraApi
from blocks.tracker.jira.responses import AnswerMark
from blocks.tracker.rich_text.wiki import to_wiki

LONGEST = 32_500  # characters of wiki text; Jira takes 32,767


def write_comment(api: JiraApi, key: str, topic: str, body: str) -> None:
    """Write our comment on a topic, or update it. It looks first: a request that timed out may have been done."""
    mark, text = AnswerMark(topic=topic, fingerprint=compute_fingerprint(body)), shorten_to_fit(body)
    for comment, old in api.read_own_marks(key):
        if old.topic == topic:
            if old.fingerprint != mark.fingerprint:
                api.update_comment(key, comment, text, mark)
            return
    api.session.send(f"comment on {key}", "POST", f"issue/{key}/comment", api.build_comment(text, mark))


def shorten_to_fit(body: str) -> str:
    """The text, cut at the end of a line if Jira would refuse its length."""
    while (length := len(to_wiki(body))) > LONGEST:
        kept = body[: len(body) * LONGEST * 9 // (length * 10)]
        body = (kept.rpartition("\n")[0] or kept).rstrip(" …\n") + "\n\n…"
    return body
