"""Atlassian Document Format (ADF), the rich text of Jira Cloud's API v3: from Markdown, and to plain text.

Structure: https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/. Text travels as text
nodes, so nothing in it can become markup. To read another kind of node, add its function to `_READERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypedDict

from blocks.tracker.rich_text.markdown import find_address, parse_markdown
from blocks.tracker.rich_text.plain_text import (
    BULLET,
    HEADING,
    join_cell,
    quote_lines,
    show_link,
    split_row,
    write_table_row,
)

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode

DEEPEST, MOST_SPANNED = 40, 100
_CONTAINERS = {
    "bullet_list": "bulletList",
    "ordered_list": "orderedList",
    "list_item": "listItem",
    "blockquote": "blockquote",
    "table": "table",
    "tr": "tableRow",
}
_FITTING = {"paragraph", "bulletList", "orderedList", "codeBlock"}
_CELLS = {"th": "tableHeader", "td": "tableCell"}


class AdfNode(TypedDict, total=False):
    """A node of a document, or a mark on a text, as it is written here."""

    type: str
    version: int
    text: str
    attrs: dict[str, object]
    marks: list[AdfNode]
    content: list[AdfNode]


def to_adf(markdown: str) -> AdfNode:
    """A document that shows the Markdown; what ADF does not have is shown as text."""
    return {"type": "doc", "version": 1, "content": list(_write_blocks(parse_markdown(markdown).children))}


def _write_blocks(nodes: Sequence[SyntaxTreeNode]) -> Iterator[AdfNode]:
    for node in nodes:
        if node.type in ("thead", "tbody"):
            yield from _write_blocks(node.children)
        elif node.type in ("list_item", "blockquote"):
            yield {"type": _CONTAINERS[node.type], "content": _fit_blocks(_write_blocks(node.children))}
        elif node.type in _CONTAINERS:
            yield {"type": _CONTAINERS[node.type], "content": list(_write_blocks(node.children))}
        elif node.type in _CELLS:
            paragraph: AdfNode = {"type": "paragraph", "content": list(_write_inline(node.children))}
            yield {"type": _CELLS[node.type], "attrs": {}, "content": [paragraph]}
        elif node.type == "heading":
            level = int(node.tag[1])
            yield {
                "type": "heading",
                "attrs": {"level": level},
                "content": list(_write_inline(node.children)),
            }
        elif node.type in ("fence", "code_block"):
            yield {"type": "codeBlock", "content": list(_write_text(node.content.rstrip("\n")))}
        elif node.type == "hr":
            yield {"type": "rule"}
        elif node.type == "html_block":
            yield {"type": "paragraph", "content": list(_write_text(node.content))}
        else:
            yield {"type": "paragraph", "content": list(_write_inline(node.children))}


def _fit_blocks(blocks: Iterable[AdfNode]) -> list[AdfNode]:
    """Blocks as items of lists and quotations may hold them: what else there is becomes paragraphs, a text first."""
    fitted: list[AdfNode] = []
    for each in blocks:
        if each["type"] in _FITTING:
            fitted.append(each)
        elif each["type"] in ("heading", "tableCell", "tableHeader"):
            text = each["content"] if each["type"] == "heading" else each["content"][0]["content"]
            fitted.append({"type": "paragraph", "content": text})
        else:
            fitted += _fit_blocks(each.get("content", []))
    starts_with_text = fitted and fitted[0]["type"] in ("paragraph", "codeBlock")
    return fitted if starts_with_text else [{"type": "paragraph", "content": []}, *fitted]


def _write_inline(nodes: Sequence[SyntaxTreeNode], marks: tuple[AdfNode, ...] = ()) -> Iterator[AdfNode]:
    for node in nodes:
        if node.type == "inline":
            yield from _write_inline(node.children, marks)
        elif node.type in ("strong", "em"):
            yield from _write_inline(node.children, (*marks, {"type": node.type}))
        elif node.type == "link":
            url, behind = find_address(node)
            href: AdfNode = {"type": "link", "attrs": {"href": url}}
            yield from _write_inline(node.children, (*marks, href) if url else marks)
            yield from _write_text(behind, marks)
        elif node.type == "code_inline":  # beside code, ADF allows the link mark only
            links = tuple(mark for mark in marks if mark["type"] == "link")
            yield from _write_text(node.content, (*links, {"type": "code"}))
        elif node.type == "hardbreak":
            yield {"type": "hardBreak"}
        else:
            yield from _write_text(" " if node.type == "softbreak" else node.content, marks)


def _write_text(text: str, marks: tuple[AdfNode, ...] = ()) -> Iterator[AdfNode]:
    if text and marks:
        yield {"type": "text", "text": text, "marks": list(marks)}
    elif text:
        yield {"type": "text", "text": text}


@dataclass(frozen=True)
class _Node:
    """A node of a document; members that are malformed are empty. parts: the plain text of its children."""

    type: str
    text: str
    attrs: Mapping[str, object]
    marks: frozenset[str]
    content: Sequence[object]
    parts: Sequence[str] = ()


def from_adf(value: object) -> str:
    """A document's plain text. Text stays as it is; what is not as documented is left out."""
    if not isinstance(value, dict):
        return str(value or "")
    return _read(value, 0).strip()


def _read(value: object, depth: int) -> str:
    """A node's plain text; empty for what is struck out, and below a depth that no editor makes."""
    if not isinstance(value, dict) or depth > DEEPEST:
        return ""
    attrs, content, marks = value.get("attrs"), value.get("content"), value.get("marks")
    children = content if isinstance(content, list) else []
    node = _Node(
        type=str(value.get("type")),
        text=str(value.get("text") or ""),
        attrs=attrs if isinstance(attrs, dict) else {},
        marks=frozenset(_mark_types(marks if isinstance(marks, list) else [])),
        content=children,
        parts=_add_addresses(children, [_read(child, depth + 1) for child in children]),
    )
    return "" if "strike" in node.marks else _READERS.get(node.type, _read_blocks)(node)


def _mark_types(marks: Sequence[object]) -> Iterator[str]:
    return (str(mark.get("type")) for mark in marks if isinstance(mark, dict))


def _find_href(value: object) -> str:
    """The address that a text links to."""
    marks = value.get("marks") if isinstance(value, dict) else None
    for mark in marks if isinstance(marks, list) else []:
        attrs = mark.get("attrs") if isinstance(mark, dict) and mark.get("type") == "link" else None
        if isinstance(attrs, dict):
            return str(attrs.get("href") or "")
    return ""


def _add_addresses(children: Sequence[object], parts: Sequence[str]) -> list[str]:
    """The children's text, with the address of a link behind the last of the texts that it covers."""
    shown, words = list(parts), ""
    addresses = [*map(_find_href, children), ""]
    for place, address in enumerate(addresses[:-1]):
        words += parts[place]
        if address and words and addresses[place + 1] != address:
            shown[place] = parts[place] + show_link(words, address).removeprefix(words)
        if addresses[place + 1] != address:
            words = ""
    return shown


def _read_blocks(node: _Node) -> str:
    return "\n\n".join(part for part in node.parts if part)


def _read_inline(node: _Node) -> str:
    return "".join(node.parts)


def _read_lines(node: _Node) -> str:
    return "\n".join(part for part in node.parts if part)


def _read_label(node: _Node) -> str:
    """The text that stands for a mention, an emoji, a status, a card or an app's content; a card's address too."""
    data = node.attrs.get("data")
    attrs = {**(data if isinstance(data, dict) else {}), **node.attrs}
    label = next((attrs[name] for name in ("text", "shortName", "title", "name") if attrs.get(name)), "")
    shown = show_link(str(label), str(attrs.get("url") or ""))
    return "\n\n".join(part for part in (shown, *node.parts) if part)


def _read_expand(node: _Node) -> str:
    """An expandable section; its title counts as a heading, which is how people use it."""
    title = str(node.attrs.get("title") or "").strip()
    return "\n\n".join(part for part in (HEADING + title if title else "", *node.parts) if part)


def _read_item(node: _Node, separator: str) -> str:
    text = separator.join(part for part in node.parts if part)
    state = node.attrs.get("state")  # of a task
    box = {"DONE": "[x] ", "TODO": "[ ] "}.get(state, "") if isinstance(state, str) else ""
    return BULLET + box + text if text else ""


def _read_row(node: _Node) -> str:
    types = {cell.get("type") if isinstance(cell, dict) else None for cell in node.content}
    return write_table_row(node.parts, head=types == {"tableHeader"})


def _read_table(node: _Node) -> str:
    """The rows; an empty cell stands where a cell reaches down from the row above, so that columns stay apart."""
    reaching: dict[int, int] = {}  # column → how many rows below have no cell of their own there
    rows = []
    for row, shown in zip(node.content, node.parts, strict=True):
        cells = row.get("content") if isinstance(row, dict) else None
        spans = [_read_spans(cell) for cell in cells] if isinstance(cells, list) else []
        if not reaching and all(span == (1, 1) for span in spans):
            rows.append(shown)
            continue
        texts, placed, column = split_row(shown.split("\n")[0]), list[str](), 0
        for text, (wide, high) in zip(texts, spans, strict=False):
            while reaching.get(column):
                placed.append("")
                column += 1
            placed += [text, *[""] * (wide - 1)]
            below = {place: high for place in range(column, column + wide) if high > 1}
            reaching, column = {**reaching, **below}, column + wide
        reaching = {place: rest - 1 for place, rest in reaching.items() if rest > 1}
        rows.append(write_table_row([each.replace("|", "\\|") for each in placed], head="\n" in shown))
    return "\n".join(row for row in rows if row)


def _read_spans(cell: object) -> tuple[int, int]:
    """How many columns and rows a cell covers."""
    attrs = cell.get("attrs") if isinstance(cell, dict) else None
    spans = [attrs.get(name) if isinstance(attrs, dict) else 1 for name in ("colspan", "rowspan")]
    wide, high = (each if isinstance(each, int) and 1 < each <= MOST_SPANNED else 1 for each in spans)
    return wide, high


def _read_date(node: _Node) -> str:
    try:
        return f"{datetime.fromtimestamp(int(str(node.attrs.get('timestamp'))) / 1000, UTC):%Y-%m-%d}"
    except (TypeError, ValueError, OverflowError, OSError):
        return ""


_READERS: dict[str, Callable[[_Node], str]] = {
    "text": lambda node: node.text,
    "hardBreak": lambda node: "\n",
    "paragraph": _read_inline,
    "codeBlock": _read_inline,
    "caption": _read_inline,
    "date": _read_date,
    "heading": lambda node: HEADING + "".join(node.parts),
    "blockquote": lambda node: quote_lines(_read_blocks(node)),
    "table": _read_table,
    "tableRow": _read_row,
    **dict.fromkeys(("tableCell", "tableHeader"), lambda node: join_cell("\n".join(node.parts).split("\n"))),
    **dict.fromkeys(("expand", "nestedExpand"), _read_expand),
    **dict.fromkeys(("bulletList", "orderedList", "taskList", "decisionList"), _read_lines),
    **dict.fromkeys(("listItem", "blockTaskItem"), lambda node: _read_item(node, "\n")),
    **dict.fromkeys(
        ("taskItem", "decisionItem"), lambda node: _read_item(node, "")
    ),  # they hold inline nodes
    "placeholder": lambda node: "",  # a hint of the template; nobody wrote it
    **dict.fromkeys(("mention", "emoji", "status"), _read_label),
    **dict.fromkeys(("inlineCard", "blockCard", "embedCard"), _read_label),
    **dict.fromkeys(("extension", "inlineExtension", "bodiedExtension"), _read_label),
}
