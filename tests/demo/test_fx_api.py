"""The FX server: pages, `since`, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from demo.company import generate
from demo.fx_api import serve


@pytest.fixture(scope="module")
def rates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("fx") / "demo", 0.01).fx


@pytest.fixture(scope="module")
def base(rates: Path) -> Iterator[str]:
    with serve(rates) as url:
        yield url


def get(url: str) -> Any:
    with urlopen(url, timeout=120) as answer:
        assert answer.headers["Content-Type"] == "application/json"
        return json.load(answer)


def follow(url: str | None) -> Iterator[list[dict[str, Any]]]:
    while url:
        page = get(url)
        yield page["data"]
        url = page["next"]


def test_pages_bring_every_rate_once(base: str, rates: Path) -> None:
    pages = list(follow(base + "rates"))
    assert len(pages) > 1
    every = [rate for page in pages for rate in page]
    assert every == json.loads(rates.read_text())
    assert all(set(rate) == {"rate_date", "currency", "rate"} and rate["rate"] > 0 for rate in every)


def test_since_brings_that_day_and_later_over_all_pages(base: str) -> None:
    days = [rate["rate_date"] for page in follow(base + "rates?since=2011-02-01") for rate in page]
    assert days[0] == "2011-02-01"
    assert days == sorted(days)
    assert len(days) > 500
    assert get(base + "rates?since=2012-01-01") == {"data": [], "next": None}


def test_there_are_no_rates_on_weekends(base: str) -> None:
    days = {rate["rate_date"] for rate in get(base + "rates?since=2011-12-01")["data"]}
    assert days == {f"2011-12-0{day}" for day in (1, 2, 5, 6, 7, 8, 9)}


@pytest.mark.parametrize(
    ("address", "status"),
    [("rates?since=today", 400), ("rates?page=0", 400), ("rates?page=x", 400), ("prices", 404), ("", 404)],
)
def test_a_bad_request_is_refused(base: str, address: str, status: int) -> None:
    with pytest.raises(HTTPError) as refusal:
        get(base + address)
    assert refusal.value.code == status
    refusal.value.close()


def test_the_server_ends_with_its_block(rates: Path) -> None:
    with serve(rates) as base:
        assert get(base + "rates")["data"]
    with pytest.raises(URLError):
        get(base + "rates")
