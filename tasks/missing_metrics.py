"""What a ticket asks for and the data do not have: one linked task for the modeller, with a draft attached."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import task

from blocks.catalogue import Catalogue, DeclaredColumn
from blocks.errors import PlatformError
from blocks.hashing import hash_text
from blocks.records import Release
from blocks.scratch_folder import open_scratch
from blocks.tracker.base import Tracker
from blocks.warehouse.base import Warehouse
from blocks.warehouse.reads import read_value_range
from tasks.elaboration.columns import LikelyColumn, find_likely_columns, write_draft
from tasks.elaboration.proposal import Missing
from tasks.elaboration.proposal_text import describe_missing
from tasks.elaboration.vocabulary import read_words
from tasks.markdown import code, link, table
from tasks.policy import RETRY

DRAFT = "draft.yml"


def name_task(missing: Sequence[Missing]) -> str:
    """The word that stands for what is missing, the same for all tickets that ask for it in the same words."""
    words = sorted({word for each in missing for word in read_words(each.words)})
    return f"model:{hash_text(' '.join(words))}"


def choose_for_task(missing: Sequence[Missing], catalogue: Catalogue) -> list[Missing]:
    """What is worth a modeller's look: missing metrics, and dimensions for which there is a column."""
    columns = list(catalogue.list_columns())
    return [
        each
        for each in missing
        if each.kind == "metric" or (each.kind == "dimension" and find_likely_columns(each, columns))
    ]


@task(task_run_name="ask a modeller for {key}", **RETRY)
def ask_modeller(
    tracker: Tracker,
    key: str,
    missing: Sequence[Missing],
    catalogue: Catalogue,
    warehouse: Warehouse,
    release: Release | None,
) -> str:
    """Open the task, or find the one that is open, with a draft attached where there is a column; return its key."""
    columns = list(catalogue.list_columns())
    likely = {each.words: find_likely_columns(each, columns) for each in missing}
    body = "\n\n".join(
        (
            f"### {code(key)} asks for what the data do not have",
            *(
                f"{describe_missing(each)}\n\n{_describe_columns(likely[each.words], catalogue, warehouse, release)}"
                for each in missing
            ),
            "**What to do next:** add it to dbt's semantic layer, or say on the ticket that it can't be had, and close "
            "this task. The next run reads the ticket again by itself.",
        )
    )
    task_key = tracker.open_incident(name_task(missing), f"Missing in the data for {key}", body, [key])
    drafts = [
        draft
        for each in missing
        for found in likely[each.words][:1]
        if (draft := write_draft(each.kind, found.column, catalogue))
    ]
    if drafts:
        with open_scratch("draft-") as folder:
            path = folder / DRAFT
            path.write_text(drafts[0], encoding="utf-8")
            tracker.attach(task_key, path)
    return task_key


def _describe_columns(
    likely: Sequence[LikelyColumn], catalogue: Catalogue, warehouse: Warehouse, release: Release | None
) -> str:
    """The columns that look like it, with their owners and what is in them."""
    if not likely:
        return "No column of a mart or a source looks like it."
    rows = [
        (
            code(f"{each.column.place}.{each.column.name}"),
            each.column.description[:200],
            _read_range(each.column, warehouse, release),
            _find_owner(each.column, catalogue),
        )
        for each in likely
    ]
    return table(["column that looks like it", "description", "values from, to", "owner"], rows)


def _read_range(column: DeclaredColumn, warehouse: Warehouse, release: Release | None) -> str:
    """The values of a served mart's column; nothing of others."""
    if release is None or column.place not in release.marts:
        return ""
    try:
        with warehouse.open_readers() as session:
            found = read_value_range(warehouse, session, f"{warehouse.serving}.{column.place}", column.name)
    except PlatformError:  # declared, but not there
        return ""
    return " to ".join(each[:40] for each in found) if found else ""


def _find_owner(column: DeclaredColumn, catalogue: Catalogue) -> str:
    if column.is_mart:
        return catalogue.owner_of_mart(column.place)
    return next(iter(catalogue.list_source_owners([column.place.partition(".")[0]])), "")


def describe_task(tracker: Tracker, task_key: str) -> str:
    """The task's state for the one who asked."""
    (found,) = tracker.read_tickets([task_key])
    state = {"done": "done: it will be read again", "in_progress": "somebody works on it"}.get(
        found.status, "open"
    )
    url = tracker.make_url(task_key)
    return f"The modellers have it as {link(task_key, url) if url else code(task_key)}: {state}."
