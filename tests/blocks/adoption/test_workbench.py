"""Untidy folders: read as they are spelled; what `init` can't read or type is said, never passed over."""

from __future__ import annotations

from pathlib import Path

from blocks.adoption.workbench import open_workbench

ORDERS = """Nr;PLZ;Datum;Betrag;Anzahl;Geliefert;Gesehen
1;01067;31.12.2025;1.234,50;3;02.01.26;1/13/2026
2;04109;01.01.2026;12;4;03.01.26;2/1/2026
3;04109;;-0,5;4;;
"""


def read(tmp_path: Path, text: str) -> tuple[dict[str, tuple[str | None, dict[str, object]]], list[str]]:
    (tmp_path / "orders.csv").write_text(text)
    with open_workbench(keep_names=False) as bench:
        bench.add("shop", str(tmp_path))
    (table,) = bench.tables
    return {each.name: (each.data_type, each.meta) for each in table.columns}, bench.notes


def test_numbers_and_dates_are_read_as_they_are_spelled_there(tmp_path: Path) -> None:
    columns, notes = read(tmp_path, ORDERS)
    assert columns == {
        "nr": ("integer", {}),
        "plz": ("varchar", {}),
        "datum": ("date", {"format": "%d.%m.%Y"}),
        "betrag": ("decimal(18,2)", {"decimal": ",", "thousands": "."}),
        "anzahl": ("integer", {}),
        "geliefert": ("varchar", {}),
        "gesehen": ("date", {"format": "%m/%d/%Y"}),
    }
    (two_digits,) = notes
    assert two_digits.startswith("orders.geliefert stays a text: its values look like dates")


def test_what_can_be_read_in_two_ways_stays_a_text_and_is_said(tmp_path: Path) -> None:
    columns, notes = read(tmp_path, 'nr,when,much\n1,03/04/2026,"1,234"\n2,05/06/2026,"2,345"\n')
    assert columns == {"nr": ("integer", {}), "when": ("varchar", {}), "much": ("varchar", {})}
    assert [note.split(" stays")[0] for note in notes] == ["orders.when", "orders.much"]
    assert all("in two ways" in note for note in notes)


def test_files_that_are_not_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "costs.xlsx").write_bytes(b"PK")
    (tmp_path / ".hidden.xlsx").write_bytes(b"PK")
    (unread,) = read(tmp_path, "a\n1\n")[1]
    assert unread.startswith("not read: costs.xlsx; init reads .csv, ")


def test_keys_and_references_are_found_by_german_names_too(tmp_path: Path) -> None:
    (tmp_path / "kunden.csv").write_text("Kunde;Name\nK1;A\nK2;B\nK3;C\n")
    (tmp_path / "artikel.csv").write_text("Artikelnummer;Name\n7;A\n8;B\n")
    lines = ["1;K1;7;01.01.2026", "2;K2;7;02.01.2026", "3;K1;8;03.01.2026"]  # a day each, for now
    (tmp_path / "orders.csv").write_text("\n".join(["Bestellnr;Kunde;Artikelnummer;Datum", *lines]))
    with open_workbench(keep_names=False) as bench:
        bench.add("shop", str(tmp_path))
        references = bench.find_references()
    keys = {table.name: table.profile.key for table in bench.tables}
    assert keys == {"kunden": ("kunde",), "artikel": ("artikelnummer",), "orders": ("bestellnr",)}
    assert references == {
        ("orders", "kunde"): ("kunden", "kunde"),
        ("orders", "artikelnummer"): ("artikel", "artikelnummer"),
    }
