"""The YAML text of one ticket, edited where it stands. No files are opened here.

People's text, order and comments stay as they are: an edit replaces or inserts a span of characters, is read
back, and is refused if it would say anything else than what was meant.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from blocks.tracker.files.ticket_reader import compose, read, to_plain_value
from blocks.tracker.files.yaml_events import UnreadableError

if TYPE_CHECKING:
    from ruamel.yaml.nodes import CollectionNode, MappingNode


def set_value(text: str, name: str, value: str) -> str:
    """The text with a plain word as the value of a top-level name."""
    root = compose(text)
    node, start, end = _find_entry(text, root, name)
    before = to_plain_value(root)
    if before.get(name) == value:
        return text
    if node is None:
        edited = _insert(text, end, f"{name}: {value}\n")
    else:
        space = "" if text[:start].endswith(" ") else " "
        newline = _detect_newline(text) if text[start:end].endswith("\n") else ""
        edited = text[:start] + space + value + newline + text[end:]
    return _verify_edit(before, edited, {name: value})


def set_list_item(text: str, name: str, match: Mapping[str, str], item: Mapping[str, str]) -> str:
    """The text with an item in a top-level list: it replaces the first that has `match`, or comes last.

    The item's values are drop_unprintable().
    """
    root = compose(text)
    node, start, end = _find_entry(text, root, name)
    before = to_plain_value(root)
    old = before.get(name) or []
    if not isinstance(old, list):
        raise UnreadableError(f"`{name}` is not a list")
    place = next((n for n, each in enumerate(old) if _has(each, match)), None)
    if place is not None and old[place] == item:
        return text
    expected = [*old, item] if place is None else [*old[:place], item, *old[place + 1 :]]
    if node is None:
        edited = _insert(text, end, f"{name}:\n" + _write_block(item, 2))
    elif not old:
        edited = _open_list(text, start, end, item)
    elif node.flow_style:
        edited = _edit_flow_list(text, node, place, item)
    else:
        edited = _edit_block_list(text, node, place, item)
    return _verify_edit(before, edited, {name: expected})


def _find_entry(text: str, root: MappingNode, name: str) -> tuple[CollectionNode | None, int, int]:
    """A name's value and where it stands, or None and the end of the text.

    An empty value's own mark is after the remarks that follow: it stands right after its colon.
    """
    for key, value in root.value:
        if key.value == name:
            start, end = value.start_mark.index, value.end_mark.index
            colon = text.index(":", key.end_mark.index) + 1
            return (value, start, end) if start < end else (value, colon, colon)
    return None, len(text), len(text)


def _has(each: object, match: Mapping[str, str]) -> bool:
    return isinstance(each, dict) and match.items() <= each.items()


def _detect_newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _write_block(item: Mapping[str, str], column: int) -> str:
    """An item as a block list's lines, its dash at a column; long texts stay readable."""
    from ruamel.yaml import YAML
    from ruamel.yaml.scalarstring import LiteralScalarString

    yaml, stream = YAML(), io.StringIO()
    yaml.width = 1 << 30
    yaml.dump({k: LiteralScalarString(v) if "\n" in v else v for k, v in item.items()}, stream)
    margin = " " * (column + 2)
    lines = [margin + line if line.strip() else line for line in stream.getvalue().splitlines(keepends=True)]
    return " " * column + "- " + "".join(lines)[column + 2 :]


def _find_line_end(text: str, index: int) -> int:
    end = text.find("\n", index)
    return len(text) if end < 0 else end + 1


def _insert(text: str, place: int, lines: str) -> str:
    before = text[:place]
    if before and not before.endswith("\n"):
        before += _detect_newline(text)
    return before + lines.replace("\n", _detect_newline(text)) + text[place:]


def _open_list(text: str, start: int, end: int, item: Mapping[str, str]) -> str:
    """`comments: []` or `comments:` becomes a block list; a remark on that line stays."""
    head = text[:start].rstrip(" ")
    text = head + text[end:]
    return _insert(text, _find_line_end(text, len(head)), _write_block(item, 2))


def _edit_flow_list(text: str, node: CollectionNode, place: int | None, item: Mapping[str, str]) -> str:
    words = json.dumps(dict(item), ensure_ascii=False)
    if place is None:
        end = node.end_mark.index - 1
        return text[:end].rstrip() + ", " + words + text[end:]
    each = node.value[place]
    return text[: each.start_mark.index] + words + text[each.end_mark.index :]


def _edit_block_list(text: str, node: CollectionNode, place: int | None, item: Mapping[str, str]) -> str:
    end = _find_line_end(
        text, len(text[: _find_content_end(node.value[-1 if place is None else place])].rstrip())
    )
    if place is None:
        return _insert(text, end, _write_block(item, node.start_mark.column))
    start = node.value[place].start_mark.index
    column = node.value[place].start_mark.column
    return (
        text[:start]
        + _write_block(item, column - 2).lstrip()[2:].replace("\n", _detect_newline(text))
        + text[end:]
    )


def _find_content_end(node: Any) -> int:
    """Where a node's last value ends; a block's own mark also covers the remarks after it."""
    if node.id == "scalar" or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _find_content_end(last[1] if isinstance(last, tuple) else last)


def _verify_edit(before: Mapping[str, object], after: str, change: Mapping[str, object]) -> str:
    """The edited text, if it reads as the old with just this change."""
    try:
        same = read(after) == {**before, **change}
    except UnreadableError:
        same = False
    if not same:
        raise UnreadableError("its layout can't be edited safely; write one `name: value` a line")
    return after
