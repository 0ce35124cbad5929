"""The dbt project reads as dbt Labs' guides say: names by layer, import CTEs on top, `final` at the end."""

from __future__ import annotations

import csv
import re
from itertools import takewhile
from pathlib import Path

import pytest

from tests.conftest import ROOT

DBT = ROOT / "dbt"
MODELS = sorted((DBT / "models").rglob("*.sql"))
SINGULAR_TESTS = sorted((DBT / "tests").glob("*.sql"))
READ = re.compile(r"\{\{ (?:ref|source)\(.*?\) \}\}")
IMPORT = re.compile(r"select \* from \{\{ (?:ref|source)\([^{}]*\) \}\}")
CTE = re.compile(r"^(?:with )?(\w+) as \(\n(.*?)^\),?$", re.MULTILINE | re.DOTALL)
NAMES = {
    "staging": r"stg_(?P<folder>[a-z]+)__[a-z_]+s",
    "intermediate": r"int_(?:[a-z]+_)*[a-z]+s_[a-z]+ed(?:_to_[a-z]+)?",
    "marts": r"(?!stg_|int_)[a-z_]+",
    "utilities": r"(?!stg_|int_)[a-z_]+",
}


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_a_models_name_says_its_layer(path: Path) -> None:
    layer = path.relative_to(DBT / "models").parts[0]
    found = re.fullmatch(NAMES[layer], path.stem)
    assert found, path.stem
    assert found.groupdict().get("folder", path.parent.name) == path.parent.name


@pytest.mark.parametrize("path", [*MODELS, *SINGULAR_TESTS], ids=lambda path: path.stem)
def test_a_query_imports_on_top_and_ends_with_final(path: Path) -> None:
    sql = path.read_text(encoding="utf-8")
    ctes = CTE.findall(sql)
    imports = list(takewhile(lambda cte: IMPORT.fullmatch(cte[1].strip()), ctes))
    assert len(imports) == len(READ.findall(sql)), (
        "something is read below the import CTEs, or not as a whole"
    )
    assert ctes[-1][0] == "final"
    assert sql.endswith("\n)\n\nselect * from final\n")


def test_staging_alone_reads_sources_and_nothing_else() -> None:
    for path in MODELS:
        sql = path.read_text(encoding="utf-8")
        staging = path.relative_to(DBT / "models").parts[0] == "staging"
        assert ("source(" in sql) is staging, path
        assert not (staging and "ref(" in sql), path


def test_every_keyword_is_one_upper_case_word_and_has_one_line() -> None:
    with (DBT / "seeds" / "product_line_keywords.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(re.fullmatch(r"[A-Z-]+", row["keyword"]) for row in rows)
    assert len({row["keyword"] for row in rows}) == len(rows) == 100
    assert len({(row["product_line"], row["precedence"]) for row in rows}) == len(
        {row["product_line"] for row in rows}
    )
