"""Our answers' Markdown as a syntax tree, for the modules that write a tracker's own rich text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode


def parse_markdown(markdown: str) -> SyntaxTreeNode:
    """The markdown-it syntax tree of CommonMark with tables."""
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

    return SyntaxTreeNode(MarkdownIt("commonmark").enable("table").parse(markdown))
