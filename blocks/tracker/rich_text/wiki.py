"""Jira's wiki text, the rich text of Data Center and of Cloud's API v2: from Markdown, and to plain text.

Notation: https://jira.atlassian.com/secure/WikiRendererHelpAction.jspa?section=all. Signs that mean something are
escaped; a backslash can only be had as an entity, as two of them break the line.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any

_SIGNS = re.compile(
    r"[\\{}\[\]*_+^~|!#-]"
    r"|&(?=#?\w+;)"  # what would be an entity
    r"|[:;](?=[()DPp])|:(?=//)|\((?=[!/xyi*+?-]\)|off?\)|on\))"  # a smiley, an address, a sign
    r"|\?(?=\?)|(?<=\?)\?|(?<=\bwww)\."
)
_BLOCK_START = re.compile(r"^(h[1-6]|bq)\.")
_ENTITIES = {"\\": "&#92;", "&": "&amp;", ":": "&#58;", ";": "&#59;", ".": "&#46;"}


def to_wiki(markdown: str) -> str:
    """Wiki text that shows the Markdown; values in it stay text."""
    from blocks.tracker.rich_text.markdown import tree

    return "\n\n".join(_block(node) for node in tree(markdown).children)


def escape(text: str) -> str:
    """Text without any sign that means something in wiki text."""
    escaped = _SIGNS.sub(lambda found: _ENTITIES.get(found[0], f"\\{found[0]}"), text)
    return _BLOCK_START.sub(r"\1&#46;", escaped)


def _block(node: Any, depth: int = 1) -> str:  # noqa: PLR0911
    if node.type in ("bullet_list", "ordered_list"):
        sign = "*" if node.type == "bullet_list" else "#"
        return "\n".join(_item(child, sign, depth) for child in node.children)
    if node.type == "table":
        rows = [row for part in node.children for row in part.children]
        return "\n".join(_row(row.children) for row in rows)
    if node.type == "heading":
        return f"{node.tag}. {_inline(node.children)}"
    if node.type in ("fence", "code_block"):
        return f"{{noformat}}\n{node.content.rstrip().replace('{noformat}', '{ noformat }')}\n{{noformat}}"
    if node.type == "blockquote":
        return "{quote}\n" + "\n\n".join(_block(child) for child in node.children) + "\n{quote}"
    if node.type == "hr":
        return "----"
    return escape(node.content.strip()) if node.type == "html_block" else _inline(node.children)


def _item(item: Any, sign: str, depth: int) -> str:
    parts = [
        f"\n{_block(child, depth + 1)}" if child.type.endswith("_list") else _block(child)
        for child in item.children
    ]
    return f"{sign * depth} {''.join(parts)}"


def _row(cells: Sequence[Any]) -> str:
    bar = "||" if cells and cells[0].type == "th" else "|"
    return bar + bar.join(f" {_inline(cell.children)} " for cell in cells) + bar


def _inline(nodes: Sequence[Any]) -> str:
    parts = []
    for node in nodes:
        if node.type in ("inline", "strong", "em"):
            sign = {"strong": "*", "em": "_"}.get(node.type, "")
            parts.append(f"{sign}{_inline(node.children)}{sign}")
        elif node.type == "code_inline":
            parts.append(f"{{{{{escape(node.content)}}}}}")
        elif node.type == "link":
            url = re.sub(r"[\[\]|{}\\\s]", "", str(node.attrs.get("href", "")))
            parts.append(f"[{_inline(node.children)}|{url}]")
        elif node.type in ("softbreak", "hardbreak"):
            parts.append(" " if node.type == "softbreak" else "\n")
        else:
            parts.append(escape(node.content))
    return "".join(parts)


_ESCAPED = re.compile(r"\\([^A-Za-z0-9\s\\])")
_MACRO = re.compile(r"\{(?:code|noformat|quote|panel|color|anchor|expand)(?::[^}\n]{0,200})?\}")
_KEPT, _KEPT_MARK = re.compile("\ue000(\\d+)\ue001"), "\ue000{}\ue001"
_PLAIN: tuple[tuple[str, str], ...] = (
    (r"(?m)^[ \t]*(?:[*#]+|-)[ \t]+", "- "),
    (r"(?m)^[ \t]*h[1-6]\.[ \t]*", "### "),
    (r"(?m)^[ \t]*bq\.[ \t]*", ""),
    (r"(?m)^[ \t]*-{4,}[ \t]*$", ""),
    (r"\{\{([^{}\n]{1,2000})\}\}", r"\1"),
    (r"\[~(?:accountid:)?([^\]\n]{1,200})\]", r"@\1"),
    (r"\[([^\[\]|\n]{1,1000})\|[^\]\n]{1,2000}\]", r"\1"),
    (r"\[(https?://[^\]|\s]{1,2000})\]", r"\1"),
    (r"!\S[^!\n]{0,300}\.(?:png|jpe?g|gif|svg|webp)(?:\|[^!\n]{0,200})?!", ""),
    (r"(?<![\w*])\*(?=\S)([^*\n]{1,1000}?)(?<=\S)\*(?![\w*])", r"\1"),
    (r"(?<![\w_])_(?=\S)([^_\n]{1,1000}?)(?<=\S)_(?![\w_])", r"\1"),
)


def from_wiki(value: Any) -> str:
    """Wiki text as plain text: bullets as `- `, headings as `### `, tables with pipes, no emphasis."""
    kept: list[str] = []

    def keep(found: re.Match[str]) -> str:
        kept.append(found[1])
        return _KEPT_MARK.format(len(kept) - 1)

    text = re.sub("[\ue000\ue001]", " ", str(value or "")).replace("\r\n", "\n")
    text = _MACRO.sub("", _ESCAPED.sub(keep, text))
    for pattern, plain in _PLAIN:
        text = re.sub(pattern, plain, text)
    lines = [_table_line(line) for line in text.replace("\\\\", "\n").split("\n")]
    return html.unescape(_KEPT.sub(lambda found: kept[int(found[1])], "\n".join(lines))).strip()


def _table_line(line: str) -> str:
    """A row as Markdown has it; a head gets the line below it."""
    line = line.strip() if line.lstrip().startswith("|") else line.rstrip()
    if not line.startswith("||"):
        return line
    cells = [cell.strip() for cell in line.strip("|").split("||")]
    return f"| {' | '.join(cells)} |\n| {' | '.join('---' for _ in cells)} |"
