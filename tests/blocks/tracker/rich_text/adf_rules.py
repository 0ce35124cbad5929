"""What Atlassian's document schema allows, as far as answers use it.

Source: https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/ and the pages of its nodes.
"""

from __future__ import annotations

from typing import Any

BLOCKS = {
    "paragraph",
    "heading",
    "bulletList",
    "orderedList",
    "codeBlock",
    "blockquote",
    "table",
    "rule",
    "panel",
}
INLINE = {"text", "hardBreak", "mention", "emoji", "date", "status", "inlineCard"}
CONTENT = {
    "doc": BLOCKS,
    "paragraph": INLINE,
    "heading": INLINE,
    "codeBlock": {"text"},
    "bulletList": {"listItem"},
    "orderedList": {"listItem"},
    "listItem": {"paragraph", "bulletList", "orderedList", "codeBlock"},
    "blockquote": {"paragraph", "bulletList", "orderedList", "codeBlock"},
    "table": {"tableRow"},
    "tableRow": {"tableCell", "tableHeader"},
    "tableCell": BLOCKS - {"table"},
    "tableHeader": BLOCKS - {"table"},
    "panel": BLOCKS - {"table", "panel"},
}
NOT_EMPTY = {
    "bulletList",
    "orderedList",
    "listItem",
    "table",
    "tableRow",
    "tableCell",
    "tableHeader",
    "blockquote",
}
MARKS = {"strong", "em", "code", "link", "strike", "underline"}


def adf_fault(doc: Any) -> str | None:
    """What is wrong with a document, or None."""
    if not isinstance(doc, dict) or doc.get("type") != "doc" or doc.get("version") != 1:
        return "no document of version 1"
    return _fault(doc)


def _fault(node: dict[str, Any]) -> str | None:
    kind = node["type"]
    if kind == "text":
        return _text_fault(node)
    content = node.get("content", [])
    if kind == "heading" and node.get("attrs", {}).get("level") not in range(1, 7):
        return "a heading has a level from 1 to 6"
    if kind in NOT_EMPTY and not content:
        return f"an empty {kind}"
    for child in content:
        if child.get("type") not in CONTENT.get(kind, set()):
            return f"{child.get('type')} in {kind}"
        if fault := _fault(child):
            return fault
    return None


def _text_fault(node: dict[str, Any]) -> str | None:
    if not isinstance(node.get("text"), str) or not node["text"]:
        return "a text node without text"
    marks = [mark["type"] for mark in node.get("marks", [])]
    if not set(marks) <= MARKS or len(set(marks)) < len(marks):
        return f"marks {marks}"
    if "code" in marks and not set(marks) <= {"code", "link"}:
        return "code beside another mark"
    links = [mark for mark in node.get("marks", []) if mark["type"] == "link"]
    return "a link without an address" if any(not mark["attrs"].get("href") for mark in links) else None
