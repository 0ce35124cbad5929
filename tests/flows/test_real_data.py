"""The 541,909 real invoice lines through the whole main job, held to totals computed straight from the CSVs."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from tests.conftest import REAL_ERP
from tests.flows.conftest import Place
from tests.real_totals import Totals, read_totals

pytestmark = pytest.mark.skipif(
    not REAL_ERP.is_dir(), reason="the real invoices (../shared/data) are not here"
)
LAST = "2011-12-09.csv"


@pytest.fixture(scope="module")
def totals() -> Totals:
    return read_totals(REAL_ERP)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, command_line) -> Place:  # type: ignore[no-untyped-def]
    """All days but the last, then one more day, whose largest order was cancelled at once: held back until expected."""
    folder = tmp_path_factory.mktemp("real")
    erp: Path = shutil.copytree(REAL_ERP, folder / "erp")
    (erp / LAST).rename(folder / LAST)
    place = Place(folder / "state", command_line)
    place.run("--source", f"erp={erp}")
    (folder / LAST).rename(erp / LAST)
    last_day = ("--source", f"erp={erp}", "--tickets", "AN-1,AN-2,AN-3")
    held = place.run(*last_day, expect=1)
    assert "daily_revenue: average_order_value is not as usual: 2011-12-09" in held
    ticket = place.state / "tickets" / "AN-1.yaml"
    message = "comments:\n  - author: Dana\n    created: '2099-01-01T00:00:00+00:00'\n    body: expected\n"
    ticket.write_text(ticket.read_text().replace("comments:\n", message, 1))
    (folder / "second.txt").write_text(place.run(*last_day))
    return place


def test_every_line_is_loaded_or_quarantined(real: Place, totals: Totals) -> None:
    (loaded,), (bad,) = (
        real.rows(f"select count(*) from raw_erp.invoice_lines{suffix}")[0] for suffix in ("", "__quarantine")
    )
    assert (loaded, bad) == (541_909, 0) == (totals.lines, 0)


def test_one_more_day_loaded_that_day_alone(real: Place) -> None:
    runs = real.rows(
        "select run_id, count(*), sum(row_count), min(item) from control.loads"
        " where table_name = 'invoice_lines' group by 1 order by 1"
    )
    lines = len((REAL_ERP / LAST).read_text(encoding="utf-8").splitlines()) - 1
    assert [tuple(row[1:3]) for row in runs] == [(304, 541_909 - lines), (1, lines)]
    assert runs[1][3] == LAST


def test_revenue_per_country_and_month_is_right_to_the_penny(real: Place, totals: Totals) -> None:
    found = {
        (country, month): (Decimal(gross), Decimal(net))
        for country, month, gross, net in real.rows(
            "select country, strftime(revenue_date, '%Y-%m'), sum(gross_revenue), sum(net_revenue)"
            " from serving.daily_revenue group by all"
        )
    }
    expected = {key: (totals.gross[key], totals.net[key]) for key in totals.gross.keys() | totals.net.keys()}
    assert found.keys() >= {key for key, value in expected.items() if any(value)}
    for key, value in found.items():
        wanted = expected.get(key, (Decimal(0), Decimal(0)))
        assert [round(v, 2) for v in value] == [round(v, 2) for v in wanted], key


def test_cancellations_are_told_apart_from_sales(real: Place, totals: Totals) -> None:
    release = real.rows("select relation from serving._release where mart = 'daily_revenue'")[0][0]
    classified = f"{str(release).split('.')[0]}.int_invoice_lines_classified"
    (count, amount), (lines,) = (
        real.rows(f"select count(*), -sum(amount) from {classified} where line_type = 'cancellation'")[0],
        real.rows(f"select count(*) from {classified}")[0],
    )
    assert (count, round(Decimal(str(amount)), 2)) == (totals.cancellations, round(totals.cancelled, 2))
    assert lines == totals.different_lines
