"""What a person sees in the terminal while flows run: stage by stage, then a summary."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from prefect import Flow, State
from prefect.client.schemas.objects import FlowRun
from rich.console import Console, HighlighterType, JustifyMethod, OverflowMethod
from rich.markup import escape
from rich.status import Status
from rich.style import Style
from rich.table import Table
from rich.text import Text

from blocks.errors import PlatformError, strip_controls
from blocks.records import Incomplete, Outcome, Plan, RelationState
from flows.flags import MAIN
from flows.json_output import write_json
from tasks.markdown import count_of, line

OURS = str(Path(__file__).parent)
MOST_STATES = 40  # models, of which each is told; of more, those that are built


class PlainConsole(Console):
    """A console that sends none of the control characters in what it is given; colours are rich's own markup."""

    def render_str(  # rich's own
        self,
        text: str,
        *,
        style: str | Style = "",
        justify: JustifyMethod | None = None,
        overflow: OverflowMethod | None = None,
        emoji: bool | None = None,
        markup: bool | None = None,
        highlight: bool | None = None,
        highlighter: HighlighterType | None = None,
    ) -> Text:
        """A text without escapes: a name of a ticket, file or column could move the cursor or rename the window."""
        return super().render_str(
            strip_controls(text),
            style=style,
            justify=justify,
            overflow=overflow,
            emoji=emoji,
            markup=markup,
            highlight=highlight,
            highlighter=highlighter,
        )


class Terminal(logging.Handler):
    """Shows the flows' own log lines and their ends; quiet: only failures and the summary's paths."""

    def __init__(self, quiet: bool) -> None:
        super().__init__(logging.INFO)
        self.console = PlainConsole(stderr=False, highlight=False)
        self.problems = PlainConsole(stderr=True, highlight=False)
        self._quiet, self._begun = quiet, False
        self._starts: dict[str, float] = {}
        self._lines: dict[str, str] = {}
        self._faulty: set[str] = set()
        self._status: Status | None = None
        logging.getLogger("prefect.flow_runs").addHandler(self)

    def watch(self, stages: list[Flow[..., Any]]) -> None:
        """Show each of these flows as one line."""
        for stage in stages:
            stage.on_running(self._show_start)
            stage.on_completion(self._show_end)
            stage.on_failure(self._show_end)
            stage.on_crashed(self._show_end)

    def show_waiting(self, text: str) -> None:
        """Say what is being waited for; the next call replaces it."""
        self.stop_waiting()
        if not self._quiet:
            self._status = self.console.status(escape(text))
            self._status.start()

    def stop_waiting(self) -> None:
        """Stop saying what is being waited for."""
        if self._status:
            self._status.stop()
            self._status = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a stage's last line for its end; show warnings and errors at once."""
        if not record.pathname.startswith(OURS):
            return  # what Prefect says of itself
        if record.levelno >= logging.WARNING and not record.exc_info:
            colour = "red" if record.levelno >= logging.ERROR else "yellow"
            if record.levelno >= logging.ERROR:
                self._faulty.add(getattr(record, "flow_name", ""))
            self.problems.print(f"  [{colour}]{escape(record.getMessage())}[/]", soft_wrap=True)
        elif record.levelno == logging.INFO:
            self._lines[getattr(record, "flow_name", "")] = record.getMessage()

    @property
    def has_begun(self) -> bool:
        """True once a stage has begun: from there on the run itself tells its tickets."""
        return self._begun

    def _show_start(self, flow: Flow[..., object], flow_run: FlowRun, state: State) -> None:
        self._begun = True
        self._starts[flow.name] = monotonic()
        self.show_waiting(f"{flow.name} …")

    def _show_end(self, flow: Flow[..., object], flow_run: FlowRun, state: State) -> None:
        self.stop_waiting()
        seconds = monotonic() - self._starts.pop(flow.name, monotonic())
        if not self._quiet:
            well = state.is_completed() and flow.name not in self._faulty
            mark = "[green]✓[/]" if well else "[red]✗[/]"
            line = escape(self._lines.pop(flow.name, "") if state.is_completed() else "failed")
            self.console.print(f"{mark} {flow.name:<13}{seconds:6.1f} s  {line}", soft_wrap=True)

    def print_summary(self, outcome: Outcome, index: Path | None = None, printed: bool = True) -> None:
        """The run in one table, what went wrong, and the addresses to open; printed: false shows what went wrong alone.

        index: of the dashboards on this machine.
        """
        self.stop_waiting()
        shown = printed and not self._quiet
        if shown and outcome.plan and not outcome.plan.dashboards:
            if not any(
                load.error for load in outcome.loads
            ):  # else something was asked for, and did not come
                self.print_nothing_to_build(outcome.plan)
        elif shown and outcome.publications:
            self._print_dashboards(outcome, index)
        for error in outcome.errors:
            self.problems.print(f"[red]✗ {escape(error)}[/]", soft_wrap=True)
        for load in outcome.loads:
            if load.impact:
                self.problems.print(
                    f"  {escape(f'{load.source}.{load.table}: {load.impact}')}", soft_wrap=True
                )
        if outcome.gate and outcome.gate.data_docs and shown:
            self.console.print(f"Checks      {outcome.gate.data_docs}", soft_wrap=True)
        none = "nothing yet" if outcome.looked else "what they saw before (the warehouse could not be asked)"
        served = f"run {outcome.release.run}" if outcome.release else none
        rolled_back = outcome.published and outcome.plan is None
        if printed and rolled_back:
            self.console.print(f"Rolled back in {outcome.seconds:.1f} s; readers see {served}")
        elif printed:
            self.console.print(f"Run {outcome.run} took {outcome.seconds:.1f} s; readers see {served}")

    def _print_dashboards(self, outcome: Outcome, index: Path | None) -> None:
        table = Table("dashboard", "ticket", "rows", "seconds", box=None, pad_edge=False, header_style="bold")
        for item in outcome.publications:
            ended = "[red]failed[/]" if item.error else f"{item.seconds:.1f}"
            ended = "unchanged" if item.unchanged_since else ended
            table.add_row(item.dashboard, item.ticket or "", f"{item.rows:,}", ended)
        self.console.print()
        self.console.print(table)
        for item in outcome.publications:
            if not item.error:
                self.console.print(item.url, soft_wrap=True)
        if index and self.console.is_terminal:
            self.console.print(f"Index       {index.as_uri()}, or `{MAIN} open`", soft_wrap=True)

    def print_interrupted(self) -> None:
        """The last line of a run that was stopped by Ctrl-C or SIGTERM."""
        self.stop_waiting()
        self.problems.print(f"Interrupted; `{MAIN} status` says what readers see.", soft_wrap=True)

    def print_text(self, text: str) -> None:
        """Print a text as it stands, without control characters."""
        self.stop_waiting()
        self.console.print(text, soft_wrap=True, markup=False, highlight=False)

    def print_json(self, content: dict[str, object]) -> None:
        """Print JSON as it stands, for other programs."""
        self.stop_waiting()
        sys.stdout.write(f"{write_json(content)}\n")

    def print_nothing_to_build(self, plan: Plan) -> None:
        """Why there is nothing to build, and what to do."""
        waiting = ", ".join(f"{each.key} ({_describe_gaps(each)})" for each in plan.incomplete)
        if waiting:
            why = f"these tickets are incomplete: {waiting}. What is missing is written on them."
        elif plan.faults:
            why = "what is scheduled can't be shown, as said below."
        elif plan.waiting:
            why = f"nothing is due now: {'; '.join(plan.waiting)}."
        else:
            why = (
                "no open ticket and no schedule asks for a dashboard. Write a ticket, or `schedule: daily` into an "
                f"exposure's config.meta; `{MAIN} check` says what a project lacks."
            )
        self.console.print(f"Nothing to build: {escape(why)}", soft_wrap=True)

    def print_warning(self, text: str) -> None:
        """What may go wrong, before it does."""
        self.stop_waiting()
        self.problems.print(f"[yellow]{escape(text)}[/]", soft_wrap=True)

    def print_problem(self, error: PlatformError) -> None:
        """What went wrong, for a run that has no outcome."""
        self.stop_waiting()
        self.problems.print(f"[red]✗ {escape(str(error))}[/]", soft_wrap=True)

    def plan(self, plan: Plan) -> None:
        """A dry run's plan."""
        self.stop_waiting()
        table = Table(
            "ticket",
            "analysis",
            "priority",
            "deadline",
            "assignee",
            "metrics",
            "by",
            box=None,
            header_style="bold",
        )
        for item in plan.requirements:
            table.add_row(
                item.key,
                item.analysis,
                item.priority.name,
                str(item.deadline),
                escape(line(item.assignee or "nobody", 40)),
                ", ".join(item.metrics),
                ", ".join(item.dimensions),
            )
        if plan.requirements:
            self.console.print(table)
        for item in plan.requirements:
            for comment in item.feedback:
                comment_line = line(
                    f"{comment.author}, {comment.created:%Y-%m-%d %H:%M}: {comment.body}", 200
                )
                self.console.print(f"{item.key}: new comment by {escape(comment_line)}", soft_wrap=True)
        self._explain_order(plan)
        for gaps in plan.incomplete:
            self.console.print(
                f"{gaps.key}: incomplete, {_describe_gaps(gaps)} would be answered on the ticket"
            )
            for gap in gaps.gaps:
                self.console.print(f"  - {escape(line(gap.replace('**', ''), 500))}", soft_wrap=True)
        left = [f"can't be shown: {fault}" for fault in plan.faults]
        for text in (*left, *(f"not due: {wait}" for wait in plan.waiting)):
            self.console.print(escape(text), soft_wrap=True)
        for label, values in (
            ("sources", plan.sources),
            ("models", [f"+{mart}" for mart in plan.select]),
            ("suites", [f"{mart}.json" for mart in plan.select]),
            ("dashboards", [dashboard.name for dashboard in plan.dashboards]),
        ):
            self.console.print(f"{label:<11} {', '.join(values) or 'none'}", soft_wrap=True)
        if not plan.dashboards:
            self.print_nothing_to_build(plan)

    def _explain_order(self, plan: Plan) -> None:
        """Why tickets come in their order, and which will be late."""
        from tasks.assignment import explain_order, list_at_risk

        today = datetime.now(UTC).date()
        for place, item in enumerate(plan.requirements, 1):
            self.console.print(f"{place}. {item.key}: {explain_order(item, today)}", soft_wrap=True)
        for late in list_at_risk(plan, today):
            self.console.print(f"won't make its day: {late}", soft_wrap=True)

    def print_states(self, head: str, states: Sequence[RelationState]) -> None:
        """Below a line, models that are built or shown again, and why; nothing where that is not known."""
        if states:
            self.console.print(head)
        shown = [each for each in states if each.built or len(states) <= MOST_STATES]
        for each in shown:
            did = "build" if each.built else "show again"
            self.console.print(f"  {did:<11} {each.name:<28} {each.why}", soft_wrap=True, markup=False)
        if len(shown) < len(states):
            self.console.print(
                f"  show again  {len(states) - len(shown)} others, of which nothing has changed"
            )


def _describe_gaps(incomplete: Incomplete) -> str:
    """How many gaps a ticket has, or that only its requester's word is missing."""
    return count_of(len(incomplete.gaps), "gap") if incomplete.gaps else "a proposal"
