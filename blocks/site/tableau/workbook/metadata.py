"""What a data source's table says of its columns: the `metadata-records`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from blocks.site.tableau.workbook.fields import Field
from blocks.site.tableau.workbook.xml import element


def metadata(fields: Iterable[Field], parent: str, holder: str) -> Any:
    """A record for each column. parent: its table's name; holder: the table's object, where there is a model."""
    records = (_record(field, place, parent, holder) for place, field in enumerate(fields))
    return element("metadata-records", {}, *records)


def _record(field: Field, place: int, parent: str, holder: str) -> Any:
    remote, aggregation = field.remote
    texts = {
        "remote-name": field.name,
        "remote-type": remote,
        "local-name": field.ref,
        "parent-name": f"[{parent}]",
        "remote-alias": field.name,
        "ordinal": str(place),
        "local-type": field.datatype,
        "aggregation": aggregation,
        "contains-null": "true",
    }
    parts = [element(tag, {}, text=text) for tag, text in texts.items()]
    if field.datatype == "string":
        parts.append(element("collation", {"flag": "0", "name": "binary"}))
    if holder:
        parts.append(element("object-id", {}, text=f"[{holder}]"))
    return element("metadata-record", {"class": "column"}, *parts)
