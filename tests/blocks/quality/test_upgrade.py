"""Suites of before 1.0 in today's form: shown, written when asked, and nothing of them lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from blocks.errors import Misconfigured, NotFound
from blocks.quality.upgrade import plan_upgrade
from flows.suites import show_suites
from flows.terminal import Terminal

OLD: dict[str, Any] = {
    "expectation_suite_name": "sales.warning",
    "ge_cloud_id": "c-1",
    "data_asset_type": None,
    "meta": {"great_expectations_version": "0.18.22"},
    "expectations": [
        {
            "expectation_type": "expect_column_values_to_not_be_null",
            "kwargs": {"column": "ü", "result_format": "BASIC", "parse_strings_as_datetimes": False},
            "meta": {"notes": "Ask Ada"},
        },
        {
            "expectation_type": "expect_column_parameterized_distribution_ks_test",
            "kwargs": {"column": "k"},
            "meta": {},
        },
        {
            "expectation_type": "expect_column_values_to_be_between",
            "kwargs": {"column": "d", "min_value": "2026-01-01", "parse_strings_as_datetimes": True},
        },
    ],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sales.json").write_text(json.dumps(OLD, ensure_ascii=False), encoding="utf-8")
    new = {"name": "today", "expectations": [{"type": "expect_column_to_exist", "kwargs": {"column": "k"}}]}
    (tmp_path / "today.json").write_text(json.dumps(new, indent=7), encoding="utf-8")
    return tmp_path


def run_check(folder: Path, capsys: pytest.CaptureFixture[str], **flags: bool) -> tuple[bool, str]:
    well = show_suites(folder, Terminal(quiet=False), flags.get("upgrade", False), flags.get("apply", False))
    return well, capsys.readouterr().out


def test_what_can_be_converted_is_and_the_rest_stays_and_is_named(folder: Path) -> None:
    found = plan_upgrade(folder / "sales.json")
    after = json.loads(found.text)
    assert after["name"] == "sales.warning"
    assert after["meta"] == {**OLD["meta"], "former": {"ge_cloud_id": "c-1"}}
    assert after["expectations"][0] == {
        "type": "expect_column_values_to_not_be_null",
        "kwargs": {"column": "ü"},
        "meta": {"notes": "Ask Ada"},
    }
    assert after["expectations"][1:] == OLD["expectations"][1:]
    assert ["ks_test" in found.unusable[0], "parse_strings_as_datetimes" in found.unusable[1]] == [True, True]
    (dropped,) = found.dropped
    assert dropped.endswith(": parse_strings_as_datetimes, result_format")


def test_nothing_is_written_unless_it_is_applied(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    well, text = run_check(folder, capsys)
    assert well
    assert "sales.json: in the form of a version before 1.0" in text
    well, text = run_check(folder, capsys, upgrade=True)
    assert '+      "type": "expect_column_values_to_not_be_null"' in text
    assert "can't be evaluated" in text
    assert "today.json: in today's form" in text
    run_check(folder, capsys, apply=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    well, text = run_check(folder, capsys, upgrade=True, apply=True)
    assert (well, "sales.json: upgraded" in text) == (True, True)
    assert (folder / "today.json").read_bytes() == before["today.json"]
    once = (folder / "sales.json").read_bytes()
    assert once != before["sales.json"]
    run_check(folder, capsys, upgrade=True, apply=True)
    assert (folder / "sales.json").read_bytes() == once
    assert {path.name for path in folder.iterdir()} == set(before)


def test_a_file_that_is_none_is_named_and_the_others_go_on(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, content in (("a", "{"), ("b", "[]"), ("c", '{"expectations": 1}'), ("d", "[" * 100_000)):
        (folder / f"{name}.json").write_text(content)
        with pytest.raises(Misconfigured, match=f"{name}.json"):
            plan_upgrade(folder / f"{name}.json")
    well, text = run_check(folder, capsys, upgrade=True, apply=True)
    assert not well
    assert "sales.json: upgraded" in text
    with pytest.raises(NotFound):
        run_check(folder / "none", capsys)
