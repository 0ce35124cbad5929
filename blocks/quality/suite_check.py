"""The suites' files against the marts of a project, before anything is built. Evaluating them is suites.py's."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from blocks.errors import Misconfigured, NotFound
from blocks.findings import Finding, make_error, suggest_column, suggest_name, warn
from blocks.quality.expectations import (
    name_expectation,
    read_expectations,
    read_suite,
    refuse_expectations,
    upgrade_expectation,
)
from blocks.quality.suites import Suites


def check_suites(
    suites: Suites,
    columns: Mapping[str, Collection[str]],
    marts: Collection[str],
    shown: Collection[str],
    disabled: Collection[str] = (),
    tested: Collection[str] = (),
    dialect: str = "",
) -> Iterator[Finding]:
    """Marts without a suite, suites without a mart, and what can't be evaluated in each.

    columns: model → the columns that its YAML declares; marts: models that could be shown; shown: those that are;
    disabled: those that are switched off; tested: marts whose dbt tests are suite enough; dialect: the warehouse's, as
    SQLAlchemy names it.
    """
    files = {path.stem: path for path in sorted(suites.folder.glob("*.json"))}
    for mart in sorted(set(marts) - set(files) - set(tested)):
        found = make_error if mart in shown else warn
        yield found(
            f"mart {mart}",
            str(suites.folder),
            f"it has no suite {mart}.json{_find_near(mart, set(files) - set(marts))}: it is never published",
            "Write one; `init` proposes it from dbt's tests and from the data.",
        )
    yield from _check_places(suites.folder)
    for name, path in files.items():
        if name in columns:
            yield from _check_file(path, name, columns[name], dialect)
            if name not in marts:
                yield warn(
                    f"suite {path.name}",
                    str(path),
                    f"no dashboard and no metric needs {name}, so it is never evaluated",
                    "Show the mart on a dashboard, or delete the suite.",
                )
        elif name in disabled:
            yield warn(
                f"suite {path.name}",
                str(path),
                f"the model {name} is switched off (enabled: false), so it checks nothing",
                "Switch the model on, or delete the suite.",
            )
        else:
            yield warn(
                f"suite {path.name}",
                str(path),
                f"there is no model {name}{suggest_name(name, columns)}, so it checks nothing",
                "Rename it as its mart, or delete it.",
            )


def _check_places(folder: Path) -> Iterator[Finding]:
    """Suites in folders below that of the suites, where nobody reads them."""
    for path in sorted(folder.glob("*/**/*.json")):
        place = path.relative_to(folder)
        if any(part.startswith(".") for part in place.parts):
            continue
        try:
            _, content = read_suite(path)
        except (Misconfigured, NotFound):
            continue  # anybody's file
        if isinstance(content, dict) and "expectations" in content:
            yield make_error(
                f"suite {place.as_posix()}",
                str(path),
                "it lies in a folder below that of the suites, where nobody reads it",
                f"Move it to {folder / path.name}: a suite is found by its mart's name.",
            )


def _find_near(mart: str, files: Collection[str]) -> str:
    near = suggest_name(mart, files)
    return near.replace("did you mean ", "is it ").replace("?", ".json?") if near else ""


def _check_file(path: Path, mart: str, columns: Collection[str], dialect: str) -> Iterator[Finding]:
    about = f"suite {path.name}"
    try:
        _, suite = read_suite(path)
        _, faults = refuse_expectations(mart, read_expectations(mart, suite), dialect)
    except (Misconfigured, NotFound) as wrong:
        yield make_error(about, str(path), wrong.answer, wrong.remedy)
        return
    for fault in faults:
        yield make_error(
            about, str(path), f"{fault.name} can't be evaluated: {fault.observed}", "Correct or delete it."
        )
    yield from _check_twice(path, suite)
    known = {column.lower() for column in columns}
    for each in suite["expectations"] if known and isinstance(suite, dict) else ():
        for column in _list_columns(upgrade_expectation(each)):
            # `init` saw the column of what it proposed in the data
            if column.lower() not in known and not _is_unreviewed(each):
                near = suggest_column(column, known)
                found = make_error if near else warn
                yield found(
                    about,
                    str(path),
                    f"{name_expectation(each)}: the YAML of {mart} declares no column {column}{near}",
                    "Correct the name, or declare the column.",
                )


def _check_twice(path: Path, suite: object) -> Iterator[Finding]:
    """Expectations of one kind with the same arguments."""
    seen: dict[str, None] = {}
    for each in suite["expectations"] if isinstance(suite, dict) else ():
        expectation = upgrade_expectation(each)
        if not isinstance(expectation, dict):
            continue
        asked = json.dumps([expectation.get("type"), expectation.get("kwargs")], sort_keys=True, default=str)
        if asked in seen:
            yield warn(
                f"suite {path.name}",
                str(path),
                f"{name_expectation(expectation)} stands twice: it is evaluated and counted twice",
                "Delete one of both.",
            )
        seen[asked] = None


def _is_unreviewed(expectation: object) -> bool:
    """True for an expectation as `init` has proposed it."""
    meta = expectation.get("meta") if isinstance(expectation, dict) else None
    return isinstance(meta, dict) and meta.get("unreviewed") is True


def _list_columns(expectation: object) -> list[str]:
    """The columns that an expectation names."""
    kwargs = expectation.get("kwargs") if isinstance(expectation, dict) else None
    if not isinstance(kwargs, dict):
        return []
    named = [value for key, value in kwargs.items() if key == "column" or key.startswith("column_")]
    found = [each for value in named for each in (value if isinstance(value, list) else [value])]
    return [each for each in found if isinstance(each, str)]
