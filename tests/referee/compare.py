"""Holds everything served to the referee's answers, and counts."""

from __future__ import annotations

import math
import random
import re
import shutil
from pathlib import Path

from blocks.catalogue import Catalogue
from blocks.metrics import Metric, evaluate, evaluate_empty
from tests.conftest import ROOT
from tests.referee.metricflow import Answer, Question, Referee, connect
from tests.referee.served import Served


def compare_all(
    catalogue: Catalogue,
    semantic_manifest: str,
    database: Path,
    schema: str,
    folder: Path,
    most: int = 10**6,
    documented: str = "",
) -> str:
    """Compare page, picture and Tableau with MetricFlow; returns the count in a line. most: questions a metric.

    documented: how the row of docs/metrics.md begins that says how many questions and figures there are at least.
    """
    with connect(str(database)) as connection:
        served = Served(catalogue, connection, schema, folder, shutil.which("node"))
        referee = Referee(semantic_manifest, catalogue, connection, served.bounds())
        questions = _draw(served.questions(), most)
        expected = {question: referee.ask(question) for question in questions}
    counts = {}
    ways = {"picture": served.picture, "tableau": served.tableau} | (
        {"page": served.page} if served.node else {}
    )
    for way, ask in ways.items():
        found = ask(questions)
        different = [
            _difference(way, q, expected[q], answer, catalogue.metric(q.metric))
            for q, answer in found.items()
        ]
        wrong = [each for each in different if each]
        assert not wrong, f"{len(wrong)} of {len(found)} answers differ:\n" + "\n".join(wrong[:20])
        counts[way] = (len(found), sum(len(expected[q]) for q in found))
    if documented and "page" in counts:
        least = _read_documented(documented)
        assert len(questions) > least[0], (documented, len(questions))
        assert counts["page"][1] > least[1], (documented, counts)
    told = ", ".join(
        f"{way} {asked:,} questions with {cells:,} figures" for way, (asked, cells) in counts.items()
    )
    return f"{len(questions):,} questions to MetricFlow about {len(catalogue.metric_names())} metrics; equal: {told}"


def _read_documented(start: str) -> tuple[int, int]:
    """The questions and the figures of a row of docs/metrics.md."""
    lines = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8").splitlines()
    (row,) = (line for line in lines if line.startswith(f"| {start}"))
    questions, figures = (int(found.replace(",", "")) for found in re.findall(r"more than ([\d,]+)", row))
    return questions, figures


def _draw(questions: list[Question], most: int) -> list[Question]:
    """As many questions of each metric, the same in every run."""
    drawn: list[Question] = []
    for name in dict.fromkeys(question.metric for question in questions):
        own = [question for question in questions if question.metric == name]
        drawn += random.Random(name).sample(own, min(most, len(own)))
    return drawn


def _values_of_nothing(metric: Metric) -> list[float | None]:
    """What a metric is over no rows: null, unless it fills that in. MetricFlow has no row then, a page's group may.

    A distinct count of nothing is 0, or, with a filter and in a group, null.
    """
    counts = [m for m in metric.measures if m.function == "count_distinct"]
    in_groups = {m.name: 0 for m in counts if not m.filtered}
    return [evaluate(metric.formula, {m.name: 0 for m in counts}), evaluate(metric.formula, in_groups)]


def _difference(way: str, question: Question, expected: Answer, found: Answer, metric: Metric) -> str:
    """Where an answer is another than the referee's; empty where it is the same."""
    nothing = _values_of_nothing(metric)
    if (
        question.grain and not question.by
    ):  # a line is drawn through time without rows at what adds up to nothing
        nothing.append(evaluate_empty(metric.formula))
    for key in expected.keys() | found.keys():
        if (
            metric.fills_buckets
            and question.grain
            and question.by
            and key[1] == "(blank)"
            and key not in found
        ):
            continue  # MetricFlow gives time without rows to a group without a name; a split line has no such group
        right, answer = expected.get(key), found.get(key)
        if right == answer or (right is None and answer in nothing):
            continue
        if right is None or answer is None or not math.isclose(right, answer, rel_tol=1e-9, abs_tol=1e-9):
            return f"{way}: {question} at {key}: {answer}, MetricFlow says {right}"
    return ""
