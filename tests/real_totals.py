"""The real invoices' totals, computed from the CSVs with the csv module: nothing of the project is used.

Definitions. A line is one row of a file. Lines equal in every column count once. A cancellation's invoice
number starts with C, an adjustment's with A. A sale is any other line with a positive quantity (some cost
nothing). Gross revenue is the sales' quantity times price; net revenue is gross less what was cancelled.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

REAL = Path(__file__).parents[1] / ".." / "shared" / "data" / "online-retail"
HEADER = [
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
]

Amounts = defaultdict[tuple[str, str], Decimal]


@dataclass
class Totals:
    """gross and net: pounds by (country, month as 2011-03). cancelled: a positive amount."""

    lines: int = 0
    different_lines: int = 0
    cancellations: int = 0
    cancelled: Decimal = Decimal(0)
    adjusted: Decimal = Decimal(0)
    gross: Amounts = field(default_factory=lambda: defaultdict(Decimal))
    net: Amounts = field(default_factory=lambda: defaultdict(Decimal))


def read_totals(folder: Path = REAL) -> Totals:
    """Add up every CSV of a folder."""
    totals = Totals()
    for path in sorted(folder.glob("*.csv")):
        seen: set[tuple[str, ...]] = set()  # the date is in every line, so no line repeats in another file
        for line in _lines(path):
            totals.lines += 1
            if line not in seen:
                seen.add(line)
                _add(totals, line)
    return totals


def _lines(path: Path) -> Iterator[tuple[str, ...]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        header = next(rows)
        assert header == HEADER
        yield from map(tuple, rows)


def _add(totals: Totals, line: tuple[str, ...]) -> None:
    invoice, _, _, quantity, moment, price, _, country = line
    place, amount = (country, moment[:7]), int(quantity) * Decimal(price)
    totals.different_lines += 1
    if invoice.startswith("A"):
        totals.adjusted += amount
    elif invoice.startswith("C"):
        totals.cancellations += 1
        totals.cancelled -= amount
        totals.net[place] += amount
    elif int(quantity) > 0:
        totals.gross[place] += amount
        totals.net[place] += amount
