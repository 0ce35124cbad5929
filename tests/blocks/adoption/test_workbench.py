"""Untidy folders: what `init` can't read or type is said, never passed over."""

from __future__ import annotations

from pathlib import Path

from blocks.adoption.workbench import open_workbench

ORDERS = """Nr;PLZ;Datum;Betrag;Anzahl
1;01067;31.12.2025;1.234,50;3
2;04109;01.01.2026;12;4
"""


def test_what_is_not_read_or_stays_a_text_is_said(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(ORDERS)
    (tmp_path / "costs.xlsx").write_bytes(b"PK")
    (tmp_path / ".hidden.xlsx").write_bytes(b"PK")
    with open_workbench(keep_names=False) as bench:
        bench.add("shop", str(tmp_path))
    (table,) = bench.tables
    types = {column.name: column.data_type for column in table.columns}
    assert types == {
        "nr": "integer",
        "plz": "varchar",
        "datum": "varchar",
        "betrag": "varchar",
        "anzahl": "integer",
    }
    unread, date, amount = bench.notes
    assert unread.startswith("not read: costs.xlsx; init reads .csv, ")
    assert date.startswith("orders.datum stays a text: all its values are dates")
    assert amount.startswith("orders.betrag stays a text: all its values are numbers with a comma")
