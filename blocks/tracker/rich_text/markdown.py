"""Our answers' Markdown as a syntax tree, for the modules that write a tracker's own rich text."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode


def parse_markdown(markdown: str) -> SyntaxTreeNode:
    """The markdown-it syntax tree of CommonMark with tables; links to files are links, too."""
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

    parser = MarkdownIt("commonmark").enable("table")
    is_valid = parser.validateLink
    parser.validateLink = lambda url: url.startswith("file:") or is_valid(url)  # type: ignore[method-assign]
    return SyntaxTreeNode(parser.parse(markdown))


def find_address(link: SyntaxTreeNode) -> tuple[str, str]:
    """A link's address, and what is to stand behind its words: the address of a file, which no tracker opens."""
    url = str(link.attrs.get("href", ""))
    return ("", f" ({unquote(url)})") if url.startswith("file:") else (url, "")
