"""docs/limits.md says what the code holds."""

from __future__ import annotations

import yaml

import blocks.dbt.worker
import blocks.http.session
import blocks.loader.dlt.files.archives
import blocks.loader.dlt.files.csv
import blocks.loader.dlt.files.json
import blocks.loader.dlt.rest.pages
import blocks.metric_rows
import blocks.semantic_models
import blocks.tracker.description_template
import blocks.tracker.files.storage
import blocks.tracker.files.ticket_reader
import blocks.tracker.files.yaml_events
import blocks.tracker.jira.comments
import blocks.tracker.jira.ticket_reader
import blocks.warehouse.control
import flows.receive
import tasks.evidence
import tasks.fields
import tasks.incidents
import tasks.markdown
import tasks.polling
import tasks.requirements
from tests.conftest import ROOT

MEGABYTE = 1 << 20


def test_each_limit_is_as_documented() -> None:
    reader, archives = blocks.tracker.files.ticket_reader, blocks.loader.dlt.files.archives
    events = blocks.tracker.files.yaml_events
    template, packed = blocks.tracker.description_template, archives.LARGEST_RATIO
    declared = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    look = next(each for each in declared if each["name"] == "on-ticket")
    (trigger,) = look["triggers"]
    assert look["parameters"]["settle_seconds"] > trigger["within"]  # or an event could be passed over
    limits = {
        "a ticket's file": f"{blocks.tracker.files.storage.LIMIT_BYTES:,} bytes",
        "its nodes": f"{events.NODES:,} and {events.DEPTH}",
        "a ticket's description": f"{reader.LONGEST_TEXT:,} characters",
        "lines of a description": f"{template.MOST_LINES:,} of {template.LONGEST:,} characters",
        "values of a list": f"{tasks.fields.LONGEST_LIST}",
        "people's comments": f"{tasks.requirements.MOST_FEEDBACK}, {tasks.requirements.LONGEST_FEEDBACK:,} characters",
        "our comment on a Jira": f"{blocks.tracker.jira.comments.LONGEST:,} characters",
        "failed checks and": f"{tasks.evidence.MOST_FAILURES}, and {tasks.evidence.MOST_VALUES} of each",
        "incidents that one run": f"{tasks.incidents.MOST_OPENED}",
        "a cell of a table": f"{tasks.markdown.LONGEST_CELL} characters",
        "an answer of a server": f"{blocks.http.session.HttpLimits().max_bytes // MEGABYTE} MB",
        "empty pages of an API": f"{blocks.loader.dlt.rest.pages.MOST_EMPTY}",
        "a file that is packed": f"{packed} times its size, {archives.MOST_MEMBERS:,} members",
        "one record of a JSON": f"{blocks.loader.dlt.files.json.LARGEST_OBJECT // MEGABYTE} MB",
        "a header of a CSV": f"{blocks.loader.dlt.files.csv.LONGEST_LINE:,} characters",
        "a report in the journal": f"{blocks.warehouse.control.LONGEST_DETAIL:,} bytes",
        "warnings of dbt": f"{blocks.dbt.worker.MOST_WARNINGS}",
        "the window of a cumulative": f"less than {blocks.semantic_models.LONGEST_REACH:,} buckets",
        "metrics that a metric is made of": f"{blocks.semantic_models.MOST_NESTED}",
        "the days from the first": f"{blocks.metric_rows.MOST_DAYS:,} ",
        "looks that events start": f"{trigger['threshold']} every {trigger['within']} seconds",
        "what the receiver takes": (
            f"{flows.receive.LARGEST_BODY // MEGABYTE} MB in {flows.receive.BODY_SECONDS:.0f} seconds, "
            f"{flows.receive.MOST_AT_ONCE} connections of {flows.receive.CONNECTION_SECONDS:.0f} seconds, "
            f"{flows.receive.MOST_A_MINUTE} events a minute"
        ),
        "deliveries that looks started": "1",
        "tickets that the state": f"{tasks.polling.MOST}",
    }
    assert blocks.tracker.jira.ticket_reader.LONGEST_TEXT == reader.LONGEST_TEXT
    text = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")][2:]
    assert len(rows) == len(limits)
    for row, (start, limit) in zip(rows, limits.items(), strict=True):
        assert row.startswith(f"| {start}"), row
        assert limit in row.split(" | ")[1], row
