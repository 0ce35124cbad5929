"""Our answers' Markdown as a tree, for those who write it in a tracker's own rich text."""

from __future__ import annotations

from typing import Any


def tree(markdown: str) -> Any:
    """The tree of CommonMark with tables."""
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

    return SyntaxTreeNode(MarkdownIt("commonmark").enable("table").parse(markdown))
