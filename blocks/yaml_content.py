"""YAML of projects, blocks and automations, read as a stranger's: it may be wrong, nested or repeat itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from blocks.errors import Misconfigured, replace_vendor_errors
from blocks.plain_file import read_plain

MOST_VALUES = 200_000
"""Of a file, each alias (`*name`) counted as all that it stands for: 9 lines can stand for a thousand million."""


def read_yaml(path: Path, remedy: str) -> dict[str, object]:
    """What a file says by names; nothing for an empty one. Raises Misconfigured, with what to do, for any other."""
    import yaml

    def translate(error: BaseException) -> Misconfigured:
        return Misconfigured(f"read {path}", f"{type(error).__name__}: it can't be read as YAML", remedy)

    with replace_vendor_errors((OSError, ValueError, RecursionError, yaml.YAMLError), translate):
        content = yaml.safe_load(read_plain(path))
        _check_size(content)
    if content is not None and not isinstance(content, dict):
        raise Misconfigured(f"read {path}", "it does not begin with names", remedy)
    return content or {}


def _check_size(content: object) -> None:
    """Raise ValueError for more values than a file has that people wrote."""
    count, waiting = 0, [content]
    while waiting:
        value = waiting.pop()
        count += 1
        inner = (
            [*value, *value.values()]
            if isinstance(value, Mapping)
            else value
            if isinstance(value, list)
            else ()
        )
        waiting += inner
        if count + len(waiting) > MOST_VALUES:
            raise ValueError(f"more than {MOST_VALUES} values")
