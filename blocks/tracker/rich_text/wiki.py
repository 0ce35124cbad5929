"""Jira's wiki text, the rich text of Data Center and of Cloud's API v2: from Markdown, and to plain text.

Notation: https://jira.atlassian.com/secure/WikiRendererHelpAction.jspa?section=all. Signs that mean something are
escaped; a backslash can only be had as an entity, as two of them break the line.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from blocks.tracker.rich_text.adf import from_adf
from blocks.tracker.rich_text.markdown import find_address, parse_markdown
from blocks.tracker.rich_text.plain_text import join_cell, quote_lines, show_link, write_table_row

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode

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
    return "\n\n".join(_write_block(node) for node in parse_markdown(markdown).children)


def escape(text: str) -> str:
    """Text without any sign that means something in wiki text."""
    escaped = _SIGNS.sub(lambda found: _ENTITIES.get(found[0], f"\\{found[0]}"), text)
    return _BLOCK_START.sub(r"\1&#46;", escaped)


def _write_block(node: SyntaxTreeNode, depth: int = 1) -> str:
    if write := _BLOCKS.get(node.type):
        return write(node, depth)
    return escape(node.content.strip()) if node.type == "html_block" else _write_inline(node.children)


def _list(node: SyntaxTreeNode, depth: int) -> str:
    sign = "*" if node.type == "bullet_list" else "#"
    return "\n".join(_write_item(child, sign, depth) for child in node.children)


def _write_item(item: SyntaxTreeNode, sign: str, depth: int) -> str:
    parts = [
        f"\n{_write_block(child, depth + 1)}" if child.type.endswith("_list") else _write_block(child)
        for child in item.children
    ]
    return f"{sign * depth} {''.join(parts)}"


def _write_row(cells: Sequence[SyntaxTreeNode]) -> str:
    bar = "||" if cells and cells[0].type == "th" else "|"
    return bar + bar.join(f" {_write_inline(cell.children)} " for cell in cells) + bar


def _write_table(node: SyntaxTreeNode, depth: int) -> str:
    return "\n".join(_write_row(row.children) for part in node.children for row in part.children)


def _write_code(node: SyntaxTreeNode, depth: int) -> str:
    return f"{{noformat}}\n{node.content.rstrip().replace('{noformat}', '{ noformat }')}\n{{noformat}}"


def _quote(node: SyntaxTreeNode, depth: int) -> str:
    return "{quote}\n" + "\n\n".join(_write_block(child) for child in node.children) + "\n{quote}"


def _write_inline(nodes: Sequence[SyntaxTreeNode]) -> str:
    parts = []
    for node in nodes:
        if node.type in ("inline", "strong", "em"):
            sign = {"strong": "*", "em": "_"}.get(node.type, "")
            parts.append(f"{sign}{_write_inline(node.children)}{sign}")
        elif node.type == "code_inline":
            parts.append(f"{{{{{escape(node.content)}}}}}")
        elif node.type == "link":
            address, behind = find_address(node)
            words, url = _write_inline(node.children), re.sub(r"[\[\]|{}\\\s]", "", address)
            parts.append(f"[{words}|{url}]" if url else f"{words}{escape(behind)}")
        elif node.type in ("softbreak", "hardbreak"):
            parts.append(" " if node.type == "softbreak" else "\n")
        else:
            parts.append(escape(node.content))
    return "".join(parts)


_BLOCKS: dict[str, Callable[[SyntaxTreeNode, int], str]] = {
    "bullet_list": _list,
    "ordered_list": _list,
    "table": _write_table,
    "heading": lambda node, depth: f"{node.tag}. {_write_inline(node.children)}",
    "fence": _write_code,
    "code_block": _write_code,
    "blockquote": _quote,
    "hr": lambda node, depth: "----",
}


_ESCAPED = re.compile(r"\\([^A-Za-z0-9\s\\])")
_MACRO = re.compile(
    r"\{(panel|color|anchor|expand|info|tip|note|warning|status|section|column|toc|center|align|excerpt|details|div"
    r"|span|bgcolor|size)(?::([^}\n]{0,200}))?\}"
)
_CODE = re.compile(
    r"(?<!\\)\{(code|noformat)(?::([^}\n]{0,200}))?\}(.{0,20000}?)(?<!\\)\{\1\}", re.DOTALL
)  # nothing in it is mark-up
_ADF = re.compile(  # what Cloud has and wiki text has no words for
    r"(?<!\\)\{adf(?::[^}\n]{0,200})?\}\s{0,9}(\{.{0,20000}?\})\s{0,9}\{adf\}", re.DOTALL
)
_LINK = re.compile(r"\[([^\[\]|\n]{1,1000})\|([^\]\n]{1,2000})\]|\[(https?://[^\]|\s]{1,2000})\]")
_TITLE = re.compile(r"(?:^|\|)title=([^|]{1,200})")
_KEPT, _KEPT_MARK, _PIPE_MARK = re.compile("\ue000(\\d+)\ue001"), "\ue000{}\ue001", "\ue002"
_PLAIN: tuple[tuple[str, str], ...] = (
    # as Jira's editor writes emphasis beside other signs
    (r"\{-\}(?=\S)[^\n]{1,1000}?\{-\}", ""),
    (r"\{(?:[*_+^~-]|\?\?)\}", ""),
    (r"(?m)^[ \t]*(?:[*#]+|-)[ \t]+", "- "),
    (r"(?m)^[ \t]*h[1-6]\.[ \t]*", "### "),
    (r"(?m)^[ \t]*bq\.[ \t]*", "> "),
    (r"(?m)^[ \t]*-{4,}[ \t]*$", ""),
    (r"\{\{([^{}\n]{1,2000})\}\}", r"\1"),
    (r"\[~(?:accountid:)?([^\]\n]{1,200})\]", r"@\1"),
    (r"!\S[^!\n]{0,300}\.(?:png|jpe?g|gif|svg|webp)(?:\|[^!\n]{0,200})?!", ""),
    # struck out, between blanks or signs as Jira asks; a hyphen inside a word is none
    (
        r"""(?<![^\s|*_+"'(])-(?=[^\s-])(?:[^-|\n]|(?<=\w)-(?=\w)){1,1000}?(?<=\S)-(?![^\s|*_+"'.,;:!?)])""",
        "",
    ),
    (r"(?<![\w*])\*(?=\S)([^*\n]{1,1000}?)(?<=\S)\*(?![\w*])", r"\1"),
    (r"(?<![\w_])_(?=\S)([^_\n]{1,1000}?)(?<=\S)_(?![\w_])", r"\1"),
    (r"(?<![\w+])\+(?=\S)([^+\n]{1,1000}?)(?<=\S)\+(?![\w+])", r"\1"),
    (r"(?<![\w?])\?\?(?=\S)([^?\n]{1,1000}?)(?<=\S)\?\?(?![\w?])", r"\1"),
)
_BULLET = re.compile(r"^(?:[*#]+|-)[ \t]+")
_PIPE = "\\|"


def from_wiki(value: object) -> str:
    """Wiki text as plain text. Emphasis, pictures and what is struck out are left out."""
    kept: list[str] = []

    def keep(text: str) -> str:
        kept.append(text)
        return _KEPT_MARK.format(len(kept) - 1)

    def restore(text: str) -> str:
        return _KEPT.sub(lambda found: kept[int(found[1])], text)

    def keep_link(found: re.Match[str]) -> str:
        if found[3]:
            return keep(found[3])
        words, address = found[1], restore(found[2].split("|")[0])
        suffix = show_link(restore(words), address).removeprefix(restore(words))
        return words + keep(suffix) if suffix else words

    def keep_code(found: re.Match[str]) -> str:
        before = found.string[: found.start()].rpartition("\n")[2]
        code = restore(found[3].strip("\n"))
        in_row = before.lstrip().startswith("|")  # of a table, whose lines are put together
        return _write_title(found[2] or "") + (code if in_row else keep(code))

    def keep_document(found: re.Match[str]) -> str:
        try:
            return f"\n\n{keep(from_adf(json.loads(found[1])))}\n\n"
        except (ValueError, RecursionError):
            return found[0]

    text = re.sub("[\ue000-\ue002]", " ", str(value or "")).replace("\r\n", "\n")
    text = _CODE.sub(keep_code, _ADF.sub(keep_document, text))
    text = _ESCAPED.sub(lambda found: _PIPE_MARK if found[1] == "|" else keep(found[1]), text)
    *parts, last = _LINK.sub(keep_link, text).split("{quote}")
    plain = [_read_part(part) for part in parts]
    quoted = [quote_lines(restore(part).strip()) if n % 2 else part.strip() for n, part in enumerate(plain)]
    text = "\n\n".join(part for part in (*quoted, _read_part(last).strip()) if part)
    return html.unescape(restore(text).replace(_PIPE_MARK, "|")).strip()


def _read_part(text: str) -> str:
    """Wiki text without quotations and escaped signs as plain text."""
    text = _MACRO.sub(_read_macro, text)
    for pattern, plain in _PLAIN:
        text = re.sub(pattern, plain, text)
    return "\n".join(_read_tables(text.replace("\\\\", "\n").split("\n")))


def _read_macro(found: re.Match[str]) -> str:
    """The title that a macro shows, as a heading; the macro itself is left out."""
    name, parameters = found[1], found[2] or ""
    if name == "status":
        title = _TITLE.search(parameters)
        return f" {title[1].strip()} " if title else ""
    if name == "expand" and parameters.strip() and not _TITLE.search(parameters):
        return f"\nh3. {parameters.strip()}\n\n"
    return "" if name == "anchor" else _write_title(parameters)


def _write_title(parameters: str) -> str:
    """The title among a macro's parameters, as a heading."""
    title = _TITLE.search(parameters)
    return f"\nh3. {title[1].strip()}\n\n" if title else ""


def _read_tables(lines: Sequence[str]) -> Iterator[str]:
    """The lines with rows of tables as Markdown has them: a cell of several lines is one line."""
    row: list[str] = []
    for line in lines:
        starts = line.lstrip().startswith("|")
        if row and (starts or not line.strip()):
            yield _read_row(row)
            row = []
        if starts or row:
            row.append(line.strip())
            if line.rstrip().endswith("|"):
                yield _read_row(row)
                row = []
        else:
            yield line.rstrip()
    if row:
        yield _read_row(row)


def _read_row(lines: Sequence[str]) -> str:
    """A row of a table; its lines are those of its cells. Heads and cells may stand side by side in it."""
    text = "\n".join(lines).replace(_PIPE_MARK, _PIPE)
    if len(lines) == 1 and "||" not in text:
        return text
    bars = re.findall(r"(?<!\\)\|\|?", text)
    cells = re.split(r"(?<!\\)\|\|?", text)[1:]
    if cells and not cells[-1].strip():
        cells.pop()
    return write_table_row([_read_cell(cell) for cell in cells], head=all(bar == "||" for bar in bars))


def _read_cell(text: str) -> str:
    lines = text.replace(_PIPE, "|").split("\n")
    return join_cell([_BULLET.sub("", line.strip()) for line in lines])
