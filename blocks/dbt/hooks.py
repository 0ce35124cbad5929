"""Which hooks of a project may change rows: read from their text as it was written, and in doubt yes.

A model whose own Jinja, or a macro that it calls, runs statements that write is one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from blocks.dbt.macros import JINJA, Macros, find_jinja
from blocks.manifest import Node, list_hooks

RUN_HOOK = "operation"  # dbt's kind of a hook on the start or the end of a run
_COMMENTS = re.compile(r"\{#.*?#\}|/\*.*?\*/|--[^\n]*", re.DOTALL)
_ITSELF = re.compile(r"\{\{-?\s*this\s*-?\}\}")
_CALL = re.compile(r"\b(\w+)\s*\(")
_RUNS = re.compile(r"\b(?:run_query|statement|execute|add_query)\s*\(")
_WRITES = re.compile(r"\b(?:alter|copy|create|delete|drop|insert|merge|truncate|update)\b", re.IGNORECASE)
_WRITES_BY_ITSELF = re.compile(
    r"\{%-?\s*do\s+(?:dbt\s*\.\s*)?run_query\s*\("  # whose answer nobody reads
    r"|\b(?:drop|rename|truncate)_(?:relation|schema)\w*\s*\("
)
_STATEMENT = re.compile(
    r"\b(?:insert\s+(?:into|overwrite)|delete\s+from|update\s+\S+\s+set|merge\s+into|truncate|copy\s+(?:into|\S+\s+from)"
    r"|(?:create|drop|alter)\s+(?:or\s+replace\s+)?(?:temp\w*\s+|transient\s+)?(?:table|view|schema))\b",
    re.IGNORECASE,
)
"""Words that begin a statement that writes, as macros hold them beside many others."""
_KNOWN_CALLS = {"env_var", "ref", "source", "var"}
_WITHOUT_ROWS = {"analyze", "comment", "grant", "revoke", "select", "set", "show", "vacuum"}


def writes_rows(node: Node) -> bool:
    """True if a hook of a node, or one on the start or end of a run, may change rows of any table."""
    return any(map(_may_write, _list_hooks(node)))


def writes_elsewhere(node: Node, macros: Macros) -> bool:
    """True if a hook, the body or a macro of a node may change rows of another table than its own; of a run, of any."""
    if node["resource_type"] == RUN_HOOK:
        return writes_rows(node)
    place = str(node.get("schema") or "").lower()
    return any(
        _may_write(hook) and (bool(JINJA.search(rest := _ITSELF.sub("", hook))) or place in rest.lower())
        for hook in _list_hooks(node)
    ) or runs_statements(node, macros)


def runs_statements(node: Node, macros: Macros) -> bool:
    """True if the macros that a node's own code may call run statements that may write, wherever these are written."""
    code = str(node.get("raw_code") or "")
    called = macros.reach(find_jinja(_COMMENTS.sub(" ", code))).values()
    texts = [_COMMENTS.sub(" ", text) for text in (code, *called)]
    if any(map(_WRITES_BY_ITSELF.search, texts)):
        return True
    return any(map(_RUNS.search, texts)) and any(map(_STATEMENT.search, texts))


def _list_hooks(node: Node) -> Iterator[str]:
    code = str(node.get("raw_code") or "")
    if node["resource_type"] == RUN_HOOK or (_RUNS.search(code) and _WRITES.search(_COMMENTS.sub(" ", code))):
        yield code
    for before in (True, False):
        yield from list_hooks(node["config"], before)


def _may_write(hook: str) -> bool:
    """False only for statements that change no row, without Jinja that may run others."""
    text = _COMMENTS.sub(" ", hook)
    if any(call not in _KNOWN_CALLS for part in JINJA.findall(text) for call in _CALL.findall(part)):
        return True
    statements = [part.split() for part in JINJA.sub(_keep_value, text).split(";")]
    return any(words[0].lower() not in _WITHOUT_ROWS for words in statements if words)


def _keep_value(found: re.Match[str]) -> str:
    """Something in the place of what Jinja prints, nothing in that of its tags."""
    return " x " if found[0].startswith("{{") else " "
