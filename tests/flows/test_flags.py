"""What the command line makes of the flags that say what is loaded; wrong ones end with 2 and say why."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from blocks.errors import Misconfigured
from blocks.load_range import NEW_ROWS, LoadRange
from flows.flags import build_parser


def test_days_and_names_are_read() -> None:
    flags = build_parser().parse_args(["--backfill", "2026-01-01:2026-01-31", "--only-sources", "crm, erp"])
    assert flags.backfill == (date(2026, 1, 1), date(2026, 1, 31))
    assert flags.only_sources == ["crm", "erp"]
    assert build_parser().parse_args(["--backfill", "2026-01-01:"]).backfill == (date(2026, 1, 1), None)
    plain = build_parser().parse_args([])
    assert (plain.backfill, plain.full_refresh, plain.only_sources) == ((None, None), False, None)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--backfill", "2026-01-01"], "is not FROM:TO"),
        (["--backfill", "yesterday:today"], "is not FROM:TO"),
        (["--backfill", "2026-02-30:2026-03-01"], "is not FROM:TO"),
        (["--backfill", ":2026-01-01"], "is not FROM:TO"),
        (["--backfill", "2026-02-01:2026-01-01"], "ends before it starts"),
        (["--backfill", "2999-01-01:"], "ends before it starts"),
        (["--backfill", "0001-01-01:9999-12-31"], "years 1900 and 2200"),
        (["--scale", "-1"], "from 0.3 to 1000"),
        (["--scale", "0.1"], "from 0.3 to 1000"),
        (["--scale", "nan"], "from 0.3 to 1000"),
        (["--scale", "much"], "from 0.3 to 1000"),
        (["--backfill", "2026-01-01:", "--full-refresh"], "not allowed with"),
    ],
)
def test_wrong_days_and_sizes_are_wrong_flags(
    wrong: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        build_parser().parse_args(wrong)
    assert left.value.code == 2
    assert said in capsys.readouterr().err


def test_a_reload_that_cannot_be_is_refused_wherever_it_comes_from() -> None:
    day, later = date(2026, 1, 1), datetime.now(UTC).date() + timedelta(days=3)
    assert LoadRange(since=day, until=day) != NEW_ROWS
    for wrong in ({"until": day}, {"since": later}, {"since": day, "full": True}):
        with pytest.raises(Misconfigured, match="days to load again"):
            LoadRange(**wrong)  # type: ignore[arg-type]
