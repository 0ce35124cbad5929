"""Markdown as a renderer reads it, to see whether a value got out of its quotes."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markdown_it.token import Token


def tokens(markdown: str) -> list[Token]:
    """Every token, inline ones too."""
    blocks = MarkdownIt("commonmark").enable("table").parse(markdown)
    return [token for block in blocks for token in (block, *(block.children or ()))]


def count(markdown: str, kind: str) -> int:
    return sum(token.type == kind for token in tokens(markdown))


def texts(markdown: str) -> str:
    """What is shown outside of code spans."""
    return " ".join(token.content for token in tokens(markdown) if token.type == "text")


def codes(markdown: str) -> list[str]:
    return [token.content for token in tokens(markdown) if token.type == "code_inline"]
