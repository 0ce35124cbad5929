"""Atlassian Document Format, the rich text of Jira Cloud's API v3: from Markdown, and to plain text.

Structure: https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/. Text travels as text
nodes, so nothing in it can become markup.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

DEEPEST = 40
Node = dict[str, Any]
_BLOCKS = {
    "bullet_list": "bulletList",
    "ordered_list": "orderedList",
    "list_item": "listItem",
    "blockquote": "blockquote",
    "table": "table",
    "tr": "tableRow",
}
_CELLS = {"th": "tableHeader", "td": "tableCell"}


def to_adf(markdown: str) -> Node:
    """A document that shows the Markdown; what ADF does not have is shown as text."""
    from blocks.tracker.rich_text.markdown import tree

    return {"type": "doc", "version": 1, "content": list(_blocks(tree(markdown).children))}


def _blocks(nodes: Sequence[Any]) -> Iterator[Node]:
    for node in nodes:
        if node.type in ("thead", "tbody"):
            yield from _blocks(node.children)
        elif node.type in _BLOCKS:
            yield {"type": _BLOCKS[node.type], "content": list(_blocks(node.children))}
        elif node.type in _CELLS:
            paragraph = {"type": "paragraph", "content": list(_inline(node.children))}
            yield {"type": _CELLS[node.type], "attrs": {}, "content": [paragraph]}
        elif node.type == "heading":
            level = int(node.tag[1])
            yield {"type": "heading", "attrs": {"level": level}, "content": list(_inline(node.children))}
        elif node.type in ("fence", "code_block"):
            yield {"type": "codeBlock", "content": list(_text(node.content.rstrip("\n")))}
        elif node.type == "hr":
            yield {"type": "rule"}
        elif node.type == "html_block":
            yield {"type": "paragraph", "content": list(_text(node.content))}
        else:
            yield {"type": "paragraph", "content": list(_inline(node.children))}


def _inline(nodes: Sequence[Any], marks: tuple[Node, ...] = ()) -> Iterator[Node]:
    for node in nodes:
        if node.type == "inline":
            yield from _inline(node.children, marks)
        elif node.type in ("strong", "em"):
            yield from _inline(node.children, (*marks, {"type": node.type}))
        elif node.type == "link":
            href = {"type": "link", "attrs": {"href": str(node.attrs.get("href", ""))}}
            yield from _inline(node.children, (*marks, href))
        elif node.type == "code_inline":  # beside code, ADF allows the link mark only
            links = tuple(mark for mark in marks if mark["type"] == "link")
            yield from _text(node.content, (*links, {"type": "code"}))
        elif node.type == "hardbreak":
            yield {"type": "hardBreak"}
        else:
            yield from _text(" " if node.type == "softbreak" else node.content, marks)


def _text(text: str, marks: tuple[Node, ...] = ()) -> Iterator[Node]:
    if text:
        yield {"type": "text", "text": text, **({"marks": list(marks)} if marks else {})}


def from_adf(value: Any) -> str:
    """A document's plain text: bullets as `- `, headings as `### `, tables with pipes. Text stays as it is."""
    if not isinstance(value, dict):
        return str(value or "")
    return _said(value, 0).strip()


def _said(node: Any, depth: int) -> str:  # noqa: C901, PLR0911
    if not isinstance(node, dict) or depth > DEEPEST:
        return ""
    kind, attrs = node.get("type"), node.get("attrs")
    attrs = attrs if isinstance(attrs, dict) else {}
    children = node.get("content") if isinstance(node.get("content"), list) else []
    parts = [_said(child, depth + 1) for child in children or []]
    if kind == "text":
        return str(node.get("text") or "")
    if kind == "hardBreak":
        return "\n"
    if kind in ("mention", "emoji", "status", "placeholder", "inlineCard", "blockCard"):
        return str(next((attrs[name] for name in ("text", "shortName", "url") if attrs.get(name)), ""))
    if kind == "date":
        return _day(attrs.get("timestamp"))
    if kind == "heading":
        return "### " + "".join(parts)
    if kind in ("listItem", "taskItem", "decisionItem"):
        return "- " + "\n".join(part for part in parts if part)
    if kind in ("bulletList", "orderedList", "taskList", "decisionList"):
        return "\n".join(parts)
    if kind in ("tableCell", "tableHeader"):
        return " ".join(" ".join(parts).split())
    if kind == "tableRow":
        return f"| {' | '.join(parts)} |" + _rule(children or [])
    if kind == "table":
        return "\n".join(parts)
    inline = kind in ("paragraph", "codeBlock")
    return ("" if inline else "\n\n").join(part for part in parts if part)


def _rule(cells: Sequence[Any]) -> str:
    """The line under a table's head."""
    head = cells and all(isinstance(cell, dict) and cell.get("type") == "tableHeader" for cell in cells)
    return f"\n| {' | '.join('---' for _ in cells)} |" if head else ""


def _day(timestamp: Any) -> str:
    try:
        return f"{datetime.fromtimestamp(int(timestamp) / 1000, UTC):%Y-%m-%d}"
    except (TypeError, ValueError, OverflowError, OSError):
        return ""
