"""Holds everything served to the referee's answers, and counts."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

from blocks.catalogue import Catalogue
from tests.referee.metricflow import Answer, Question, Referee, connect
from tests.referee.served import Served


def compare_all(
    catalogue: Catalogue, semantic_manifest: str, database: Path, schema: str, folder: Path
) -> str:
    """Compare page, picture and Tableau with MetricFlow; returns the count in a line."""
    with connect(str(database)) as connection:
        referee = Referee(semantic_manifest, catalogue, connection)
        served = Served(catalogue, connection, schema, folder, shutil.which("node"))
        questions = served.questions()
        expected = {question: referee.ask(question) for question in questions}
    counts = {}
    ways = {"picture": served.picture, "tableau": served.tableau} | (
        {"page": served.page} if served.node else {}
    )
    for way, ask in ways.items():
        found = ask(questions)
        different = [_difference(way, q, expected[q], answer) for q, answer in found.items()]
        wrong = [each for each in different if each]
        assert not wrong, f"{len(wrong)} of {len(found)} answers differ:\n" + "\n".join(wrong[:20])
        counts[way] = (len(found), sum(len(expected[q]) for q in found))
    told = ", ".join(
        f"{way} {asked:,} questions with {cells:,} figures" for way, (asked, cells) in counts.items()
    )
    return f"{len(questions):,} questions to MetricFlow about {len(catalogue.metric_names())} metrics; equal: {told}"


def _difference(way: str, question: Question, expected: Answer, found: Answer) -> str:
    """Where an answer is another than the referee's; empty where it is the same."""
    for key in expected.keys() | found.keys():
        right, answer = expected.get(key), found.get(key)
        if right == answer:
            continue
        if right is None or answer is None or not math.isclose(right, answer, rel_tol=1e-9, abs_tol=1e-9):
            return f"{way}: {question} at {key}: {answer}, MetricFlow says {right}"
    return ""
