"""Foreign keys of dbt's contracts: the columns of a model whose values another model has."""

from __future__ import annotations

import re
from collections.abc import Iterator

from blocks.manifest import Node
from blocks.records import Record

_REF = re.compile(
    r"""\bref\(\s*(?:(['"])[\w-]+\1\s*,\s*)?(['"])(?P<name>\w+)\2\s*"""
    r"""(?:,\s*v(?:ersion)?\s*=\s*(['"]?)(?P<version>[\w.]+)\4\s*)?\)"""
)


class ForeignKey(Record):
    """A foreign key of a model's contract. parent: the id of the model that has the values; to_columns: its columns."""

    columns: tuple[str, ...]
    parent: str
    to_columns: tuple[str, ...]


def read_foreign_keys(node: Node) -> Iterator[ForeignKey]:
    """Those of an enforced contract that name their model by `ref`; others only the warehouse can read."""
    if not (node["config"].get("contract") or {}).get("enforced"):
        return
    declared = [(tuple(each.get("columns") or ()), each) for each in node.get("constraints") or ()]
    for name, column in (node.get("columns") or {}).items():
        declared += [((name,), each) for each in column.get("constraints") or ()]
    for columns, each in declared:
        found = _REF.search(str(each.get("to") or "")) if each.get("type") == "foreign_key" else None
        if not found:
            continue
        end = f".{found['name']}" + (f".v{found['version']}" if found["version"] else "")
        parent = next((key for key in node["depends_on"]["nodes"] if key.endswith(end)), "")
        to_columns = tuple(each.get("to_columns") or ())
        if parent and len(columns) == len(to_columns) > 0:
            yield ForeignKey(columns=columns, parent=parent, to_columns=to_columns)
