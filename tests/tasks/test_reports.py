"""Artifacts: figures as people read them, and no link that a page of Prefect's could not follow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from blocks.records import GateReport, MartDiff, Publication
from tasks import reports


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts: list[str] = []

    def keep(markdown: str, **_: Any) -> None:
        texts.append(markdown)

    monkeypatch.setattr(reports, "create_markdown_artifact", keep)
    return texts


def test_a_share_is_a_percentage_and_money_has_its_sign(shown: list[str]) -> None:
    diff = MartDiff(
        mart="daily",
        rows_before=1,
        rows_after=1,
        metrics={"refunds": (0.0213, None), "revenue": (-12.5, 1_000_000.0), "orders": (1.0, 2.0)},
        formats={"refunds": "percent", "revenue": "currency:GBP"},
    )
    reports.show_gate(GateReport(run="r1", passed=True, checks=(), diffs=(diff,)))
    assert "refunds | 2.13% |  |" in shown[0]
    assert "revenue | -£12.50 | £1,000,000.00 |" in shown[0]
    assert "orders | 1 | 2 |" in shown[0]


def test_a_file_is_named_and_an_address_linked(shown: list[str], tmp_path: Path) -> None:
    docs = tmp_path / "checks of mine" / "index.html"
    reports.show_gate(GateReport(run="r1", passed=True, checks=(), diffs=(), data_docs=docs))
    of_file = Publication(dashboard="a", ticket=None, run="r1", url=docs.as_uri(), rows=1)
    of_server = of_file.model_copy(update={"dashboard": "b", "url": "https://bi.example/b"})
    reports.show_publications("r1", [of_file, of_server], docs.as_uri())
    text = "\n".join(shown)
    assert "file:" not in text
    assert text.count(f"`{docs}`") == 3
    assert "[open](<https://bi.example/b>)" in text
