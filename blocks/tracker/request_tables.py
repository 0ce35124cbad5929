"""Tables of a request: a part in each row, or one in each column; which of both is seen from the whole table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from blocks.tracker.request_names import find_field, find_near_field, is_head, is_remark

Cells = Sequence[str]


@dataclass(frozen=True)
class Cell:
    """A cell with something for the request. field: the part that it is a value of, None if none is known.

    name: how the part is called there; extra: it stands where no value is expected.
    """

    field: str | None
    name: str
    text: str
    extra: bool = False


def read_table(rows: Sequence[Cells], has_rule: bool) -> Iterator[Cell]:
    """The values of a table, and what can't be placed. has_rule: its first row is a head."""
    if _is_horizontal(rows, has_rule):
        yield from _read_columns(rows)
    else:
        yield from _read_rows(rows, has_rule)


def _is_horizontal(rows: Sequence[Cells], has_rule: bool) -> bool:
    """True if the first row names the columns: all of it names or heads of remarks, and no row starts with a name."""
    if len(rows) < 2:
        return False
    if all(len(row) == 1 for row in rows):
        return bool(find_field(rows[0][0])) and not any(find_field(row[0]) for row in rows[1:])
    fields = [find_field(cell) for cell in rows[0]]
    named = {field for field in fields if field}
    if any(find_field(cell) for row in rows[1:] for cell in row[:1]):
        return False
    others = [cell for cell, field in zip(rows[0], fields, strict=True) if not field and not is_remark(cell)]
    if has_rule:
        return bool(named) and (not others or len(named) > 1)
    return len(named) > 1 and len(others) < len(named)


def _read_columns(rows: Sequence[Cells]) -> Iterator[Cell]:
    for place, name in enumerate(rows[0]):
        field = find_field(name)
        if field or not is_remark(name):
            cells = (row[place] for row in rows[1:] if place < len(row))
            yield from (Cell(field, name, cell, extra=not field) for cell in cells if cell)


def _read_rows(rows: Sequence[Cells], has_rule: bool) -> Iterator[Cell]:
    head: Cells = ()
    if rows and not any(find_field(cell) for cell in rows[0]) and (has_rule or all(map(is_head, rows[0]))):
        head, rows = rows[0], rows[1:]
    remarks = {place for place, name in enumerate(head) if name and is_remark(name)}
    last: Cell | None = None
    any_named = any(find_field(cell) for row in rows for cell in row[:2])
    for row in rows:
        cells = [(place, cell) for place, cell in enumerate(row) if cell]
        if (
            last and cells and cells[0][0] > 0 and not find_field(cells[0][1])
        ):  # its first cell goes on from above
            found = [Cell(last.field, last.name, text) for place, text in cells[:1] if place not in remarks]
        else:
            found = list(_read_row(row, remarks)) if any_named else []
        last = next((cell for cell in found if cell.field), last)
        yield from found


def _read_row(row: Cells, remarks: set[int]) -> Iterator[Cell]:
    """The values of a row: each stands behind its part's name."""
    place = next((n for n, cell in enumerate(row[:2]) if find_field(cell)), None)
    if place is None:
        yield from _read_unknown(row, remarks)
        return
    while place < len(row):
        name, field = row[place], find_field(row[place])
        values = [(n, cell) for n, cell in enumerate(row[place + 1 :], place + 1) if n not in remarks]
        if values:
            yield Cell(field, name, values[0][1])
        place = len(row)
        for n, cell in values[1:]:
            if cell and find_field(cell) and any(row[n + 1 :]):
                place = n
                break
            if cell:
                yield Cell(field, name, cell, extra=True)


def _read_unknown(row: Cells, remarks: set[int]) -> Iterator[Cell]:
    """A row that starts with no known name; numbers in front are none."""
    filled = [(n, cell) for n, cell in enumerate(row) if cell and n not in remarks]
    if filled and filled[0][1].strip(".#)( ").isdigit():
        filled = filled[1:]
    if len(filled) > 1 and (find_near_field(filled[0][1]) or not is_remark(filled[0][1])):
        yield Cell(None, filled[0][1], filled[1][1], extra=True)
