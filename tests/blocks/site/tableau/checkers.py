"""What other people's programs say of a workbook: cwtwb, py-tbparse, tableau-inspector and tableaudocumentapi.

None of them is Tableau. What one of them says wrongly, or as a matter of taste, is left out by name, with the reason.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

# Text that aggregates, or is a parameter, is a measure in files that people saved.
TEXT_MEASURE = "CF_STRING_MEASURE"
TASTE = {
    "Orphan worksheet",  # the check sheets are views of their own, to be read back
    "Missing Filter toggle button",
    "Duplicate calculation name with different formulas",  # of two data sources, each for its own rows
    "Duplicate calculation formula",  # two metrics that a project defines alike
}
SAME_FORMULA = "A002"  # the same in py-tbparse's words


def list_findings(path: Path) -> list[str]:
    """Faults of a .twbx, each with the program that finds it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs
        return [*_ask_cwtwb(path), *_ask_tbparse(path), *_ask_inspector(path), *_ask_document_api(path)]


def _ask_cwtwb(path: Path) -> Iterator[str]:
    from cwtwb.calculated_field_audit import audit_calculated_fields
    from cwtwb.formula_validator import validate_formula_functions
    from cwtwb.validator import (
        TWBValidationError,
        load_workbook_root,
        validate_twb,
        validate_workbook_file,
    )

    try:
        ending = validate_workbook_file(path, require_schema=True).compatibility_warnings
    except TWBValidationError as error:
        yield f"cwtwb: {error}"
        return
    # what the schema asks for after `windows` is not in files that people saved (test_workbook.py)
    yield from (f"cwtwb: {words}" for words in ending if "Element 'workbook': Missing child" not in words)
    root = load_workbook_root(path)
    yield from (f"cwtwb: {words}" for words in validate_twb(root))
    for issue in audit_calculated_fields(root):
        if issue.code != TEXT_MEASURE:
            yield f"cwtwb: {issue.code} {issue.field_name}"
    for each in root.iter("calculation"):
        if not (result := validate_formula_functions(each.get("formula"))).valid:
            yield f"cwtwb: {result} in {each.get('formula')}"


def _ask_tbparse(path: Path) -> Iterator[str]:
    from py_tbparse.verify import validate_workbook
    from py_tbparse.workbook_audit import audit

    for each in validate_workbook(path).itertuples():
        yield f"py-tbparse: {each.check} {each.object}: {each.detail}"
    for each in audit(path).itertuples():
        if each.severity != "info" and each.rule != SAME_FORMULA:
            yield f"py-tbparse: {each.rule} {each.object}: {each.detail}"


def _ask_inspector(path: Path) -> Iterator[str]:
    from tableau_inspector.analyzer import analyze

    for issue in analyze(str(path)).issues:
        if issue.severity != "insight" and issue.title not in TASTE:
            yield f"tableau-inspector: {issue.severity} {issue.title}: {issue.message}"


def _ask_document_api(path: Path) -> Iterator[str]:
    from tableaudocumentapi import Workbook

    book = Workbook(str(path))
    if not book.worksheets or book.dashboards != ["Dashboard"]:
        yield f"tableaudocumentapi: {book.dashboards} of {len(book.worksheets)} sheets"
    if not all(source.fields for source in book.datasources):
        yield "tableaudocumentapi: a data source without fields"
