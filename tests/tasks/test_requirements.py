"""Tickets become requirements, or hear everything that is missing at once."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar

import pytest

from blocks.records import Analysis, Comment, Incomplete, Priority, Requirement, Ticket
from blocks.tracker.description_template import read_request
from blocks.tracker.files.tracker import FilesTracker
from tasks.requirements import (
    answer_gaps,
    check_ticket,
    gather_feedback,
    knows_gaps,
    rank,
    read_tickets,
    write_gap_comment,
)
from tests.tasks.reading import codes, count, texts

GOOD: dict[str, Any] = {
    "requester": "Dana Whitfield",
    "analysis": "trend",
    "metrics": ["net_revenue", "orders"],
    "dimensions": ["country"],
    "data_sources": ["erp"],
    "deadline": "2027-02-26",
    "priority": "High",
}
HOSTILE = [
    "'; drop table accounts; --",
    "{{ env_var('SECRET') }}",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "`` ` ``` ~~~",
    "x\n\n# Approved\n\n- [x] done\n",
    "[click](javascript:alert(1)) ![i](http://evil/x.png) <http://evil> www.evil.com",
    "a | b |\n| --- |",
    "@channel @dana [~admin]",
    "\u202edrawkcab \u2066x\u2069",
    "👩‍💻🔥",
    "a\x00b\x1b[31m",
    "x" * 1_000_000,
    "**bold** <!-- gone",
]


class Shop:
    """A catalogue of two marts with time and one without."""

    marts: ClassVar[dict[str, tuple[tuple[str, ...], tuple[str, ...], str | None]]] = {
        "daily": (("net_revenue", "orders"), ("day", "country", "segment"), "day"),
        "products": (("units",), ("month", "product_line"), "month"),
        "stock": (("stock_value",), ("warehouse",), None),
    }

    def metric_names(self) -> list[str]:
        return sorted(name for names, _, _ in self.marts.values() for name in names)

    def metric_labels(self) -> dict[str, str]:
        return {
            "net_revenue": "Revenue, net of returns",
            "orders": "Number of orders",
            "units": "Pieces and sets",
        }

    def dimension_labels(self) -> dict[str, str]:
        return {"country": "Market"}

    def list_unusable(self) -> dict[str, str]:
        return {"median_value": "its measure aggregates by `median`, which can't be added up under filters"}

    def unusable_labels(self) -> dict[str, str]:
        return {"median_value": "The usual basket"}

    def source_of(self, metric: str) -> str:
        return next(mart for mart, (names, _, _) in self.marts.items() if metric in names)

    def dimensions_of(self, mart: str) -> tuple[str, ...]:
        return self.marts[mart][1]

    def time_of(self, mart: str) -> str | None:
        return self.marts[mart][2]

    def grain_of(self, mart: str) -> str:
        return {"day": "day", "month": "month"}.get(self.time_of(mart) or "", "day")

    def adds_up(self, metric: str) -> bool:
        return metric != "stock_value"

    def form_of(self, metric: str) -> str:
        return "number"

    def list_source_names(self) -> list[str]:
        return ["crm", "erp", "fx"]

    def sources_feeding(self, metric: str) -> list[str]:
        return ["crm", "erp"]


def ticket(
    key: str = "AN-1", title: str = "Revenue", comments: tuple[Comment, ...] = (), **fields: Any
) -> Ticket:
    known = {name: value for name, value in {**GOOD, **fields}.items() if value is not None}
    return Ticket(key=key, title=title, status="open", fields=known, comments=comments)


def accepted(**fields: Any) -> Requirement:
    found = check_ticket(ticket(**fields), Shop())
    assert isinstance(found, Requirement), found
    return found


def gaps(**fields: Any) -> list[str]:
    found = check_ticket(ticket(**fields), Shop())
    assert isinstance(found, Incomplete), found
    return list(found.gaps)


def test_a_complete_ticket_is_a_requirement() -> None:
    assert accepted(assignee=" Piotr\n Z ") == Requirement(
        key="AN-1",
        title="Revenue",
        analysis=Analysis.trend,
        metrics=("net_revenue", "orders"),
        dimensions=("country",),
        sources=("erp",),
        deadline=date(2027, 2, 26),
        priority=Priority.high,
        requester="Dana Whitfield",
        assignee="Piotr Z",
    )


@pytest.mark.parametrize(
    "metrics",
    [
        "net_revenue, orders",
        "net_revenue\norders\n",
        "- Net Revenue\n- ORDERS\n- net_revenue",
        ["net-revenue", "orders", "net_revenue"],
        "net_revenue; orders,,",
    ],
)
def test_names_are_read_as_people_write_them_each_once(metrics: object) -> None:
    assert accepted(metrics=metrics).metrics == ("net_revenue", "orders")


@pytest.mark.parametrize(
    "metrics",
    [
        "net_revenue and orders",
        "Net Revenue & 'orders'.",
        '"net_revenue", “number of orders”',
        ["Revenue, net of returns", "Number of Orders"],
    ],
)
def test_labels_quotes_and_sentences_are_read(metrics: object) -> None:
    found = accepted(metrics=metrics, dimensions="by market")
    assert (found.metrics, found.dimensions) == (("net_revenue", "orders"), ("country",))


def test_a_label_with_and_in_it_is_one_name_and_a_hint_names_what_is_meant() -> None:
    assert accepted(metrics="pieces and sets", dimensions="product_line").metrics == ("units",)
    (unknown, _) = gaps(metrics="numbers of orders")
    assert "did you mean `orders`" in unknown
    assert "`zebra and orders` is not known" in gaps(metrics="zebra and orders")[0]


def test_priority_is_medium_unless_said_and_words_may_be_capitals() -> None:
    assert accepted(priority=None).priority is Priority.medium
    assert accepted(priority="HIGHEST", analysis="Comparison").priority is Priority.highest


def test_every_gap_is_said_at_once() -> None:
    found = gaps(
        title=" ",
        requester=None,
        analysis="trnd",
        metrics=["net_revenu"],
        dimensions=["contry"],
        data_sources=["erb"],
        deadline="tomorrow",
        priority="urgent",
    )
    text = "\n".join(found)
    for word in (
        "title",
        "requester",
        "analysis",
        "metrics",
        "dimensions",
        "data sources",
        "deadline",
        "priority",
    ):
        assert f"**{word}**" in text
    for word in ("`trend`", "`net_revenue`", "`country`", "`erp`", "`2026-07-31`"):
        assert word in text
    assert text.count("did you mean") == 4
    assert "did you mean `net_revenue`?\n" in text


def test_an_empty_ticket_hears_of_every_required_field() -> None:
    found = check_ticket(Ticket(key="AN-1", title="", status="open", fields={}), Shop())
    assert isinstance(found, Incomplete)
    assert len(found.gaps) == 6  # title, requester, analysis, metrics, data sources, deadline
    assert all("missing" in gap for gap in found.gaps)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("deadline", "2026-02-31", "not a date"),
        ("deadline", "26.02.27", "not a date"),
        ("deadline", "02/03/2027", "can be `2027-02-03` or `2027-03-02`"),
        ("deadline", "20270226", "not a date"),
        ("deadline", ["2027-02-26"], "must be text"),
        ("analysis", {"a": "kpi"}, "must be text"),
        ("requester", ["Dana"], "must be text"),
        ("priority", ["High"], "must be text"),
        ("assignee", ["Piotr"], "must be text"),
        ("metrics", {"net_revenue": "yes"}, "must be names"),
        ("metrics", [["net_revenue"]], "must be names"),
        ("metrics", " , ", "is missing"),
        ("metrics", ["m"] * 51, "50 at most"),
        ("dimensions", [7], "must be names"),
        ("data_sources", "oracle", "not known"),
    ],
)
def test_a_wrong_value_is_said_of_its_field(field: str, value: object, message: str) -> None:
    found = gaps(**{field: value})
    assert all(gap.startswith(f"**{field.replace('_', ' ')}**") for gap in found)
    assert message in found[0]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"analysis": "trend", "metrics": ["stock_value"], "dimensions": ["warehouse"]}, "no time"),
        ({"analysis": "kpi", "metrics": ["stock_value"], "dimensions": []}, "don't split `stock_value`"),
        ({"analysis": "comparison", "dimensions": []}, "needs one besides time. Known: `country`, `segment`"),
        ({"analysis": "composition", "dimensions": ["day"]}, "needs one besides time"),
        ({"analysis": "detail", "dimensions": []}, "needs one besides time"),
        ({"dimensions": ["country", "warehouse"]}, "`warehouse` is on none of the metrics"),
    ],
)
def test_what_does_not_fit_together_is_said(fields: dict[str, Any], message: str) -> None:
    (gap,) = gaps(**fields)
    assert message in gap


@pytest.mark.parametrize(
    "fields",
    [
        {"analysis": "kpi", "dimensions": []},
        {"analysis": "trend", "dimensions": None},
        {"analysis": "kpi", "metrics": ["stock_value"], "dimensions": ["warehouse"]},
        {"analysis": "comparison", "metrics": ["net_revenue", "units"], "dimensions": ["product_line"]},
        {"deadline": "2001-01-01"},
    ],
)
def test_what_fits_together_is_accepted(fields: dict[str, Any]) -> None:
    accepted(**fields)


def test_a_ticket_that_cannot_be_read_says_why() -> None:
    broken = Ticket(key="AN-1", title="", status="open", fields={"unreadable": "line 3: not valid YAML"})
    found = check_ticket(broken, Shop())
    assert isinstance(found, Incomplete)
    assert found.gaps == ("The ticket can't be read: `line 3: not valid YAML`",)


@pytest.mark.parametrize("text", HOSTILE, ids=[text[:12] for text in HOSTILE])
def test_hostile_text_stays_in_its_quotes(text: str) -> None:
    start = monotonic()
    fields = dict.fromkeys(("analysis", "deadline", "priority"), text)
    found = check_ticket(
        ticket(title=text, metrics=[text], dimensions=[text], data_sources=[text], **fields), Shop()
    )
    assert monotonic() - start < 30
    assert isinstance(found, Incomplete)
    comment = write_gap_comment(found)
    assert len(comment) < 5_000
    assert count(comment, "heading_open") == 1
    assert count(comment, "list_item_open") == len(found.gaps)
    for kind in ("link_open", "image", "html_block", "html_inline", "fence", "table_open", "hr", "em_open"):
        assert count(comment, kind) == 0, kind
    for sign in ("@", "[", "<", "drop", "passwd", "evil", "{{", "xxx", "Approved"):
        assert sign not in texts(comment)
    assert not any(0x202A <= ord(char) <= 0x2069 or ord(char) < 10 or char == "\x1b" for char in comment)


def test_a_title_keeps_its_words_but_not_its_control_characters() -> None:
    assert accepted(title="a\u202e b\n\tc " + "x" * 400).title == "a b c " + "x" * 193 + "…"


def test_the_gap_comment_says_what_is_missing_what_is_possible_and_how_to_go_on() -> None:
    comment = write_gap_comment(Incomplete(key="AN-1", gaps=tuple(gaps(metrics=[], deadline=None))))
    assert count(comment, "list_item_open") == 2
    assert set(Shop().metric_names()) <= set(codes(comment))
    assert "How to go on" in comment
    assert "edit the ticket" in comment


@pytest.mark.parametrize("word", ["Median value", "The usual basket"])
def test_a_metric_that_can_not_be_shown_is_answered_with_its_reason(word: str) -> None:
    message = gaps(metrics=[word, "orders"])
    assert "is known, but can't be shown, because `its measure aggregates by 'median'" in message[0]


def test_long_lists_of_what_is_possible_are_bounded() -> None:
    class Large(Shop):
        def list_source_names(self) -> list[str]:
            return [f"source_{number}" for number in range(5_000)]

    found = check_ticket(ticket(data_sources=["nothing"]), Large())
    assert isinstance(found, Incomplete)
    assert "and 4,970 more" in found.gaps[-1]
    assert len(write_gap_comment(found)) < 3_000


def test_the_most_urgent_comes_first() -> None:
    wanted = [
        accepted(key="AN-7", priority="Highest", deadline="2027-12-01"),
        accepted(key="AN-9", priority="High", deadline="2027-01-01"),
        accepted(key="AN-2", priority="High", deadline="2027-01-02"),
        accepted(key="AN-10", priority="High", deadline="2027-01-02"),
        accepted(key="AN-1", priority=None, deadline="2026-01-01"),
    ]
    assert [each.key for each in rank(reversed(wanted))] == ["AN-7", "AN-9", "AN-2", "AN-10", "AN-1"]


def make_comment(day: int, body: str) -> Comment:
    return Comment(author="Dana", created=datetime(2026, 11, day, tzinfo=UTC), body=body)


def test_feedback_is_what_was_said_since_our_last_answer() -> None:
    comments = (make_comment(3, "new"), make_comment(1, "old"), make_comment(5, "newest"))
    asked = ticket(comments=comments).model_copy(update={"answered": datetime(2026, 11, 2, tzinfo=UTC)})
    found = check_ticket(asked, Shop())
    assert isinstance(found, Requirement)
    assert [comment.body for comment in found.feedback] == ["new", "newest"]
    assert len(gather_feedback(comments, None)) == 3


def test_feedback_is_bounded() -> None:
    (*_, last) = feedback = gather_feedback([make_comment(day, "x" * 9_000) for day in range(1, 29)], None)
    assert (len(feedback), len(last.body), last.created.day) == (20, 2_000, 28)


def test_an_incomplete_ticket_gets_one_comment_and_its_file_then_stays(
    tmp_path: Path, prefect_server: str
) -> None:
    path = tmp_path / "AN-1.yaml"
    path.write_text("key: AN-1\ntitle: Screen\nstatus: open\nmetrics: [net_revenu]  # please\n")
    tracker = FilesTracker(folder=tmp_path, project="AN")

    def stage() -> None:
        (found,) = read_tickets(tracker)
        checked = check_ticket(found, Shop())
        assert isinstance(checked, Incomplete)
        answer_gaps(tracker, checked)

    stage()
    once = path.read_bytes()
    stage()
    assert path.read_bytes() == once
    assert once.count(b"author: analytics-bot") == 1
    assert b"status: incomplete\n" in once
    assert b"did you mean `net_revenue`?" in once
    assert b"[net_revenu]  # please\n" in once
    assert [each.key for each in read_tickets(tracker, ["AN-1"])] == ["AN-1"]
    assert read_tickets(tracker, []) == []


def test_a_ticket_that_says_all_of_it_already_is_not_asked_for_again(tmp_path: Path) -> None:
    path = tmp_path / "AN-1.yaml"
    path.write_text("key: AN-1\ntitle: x\n")
    tracker = FilesTracker(folder=tmp_path, project="AN")

    def gaps() -> Incomplete:
        found = check_ticket(tracker.list_open_tickets()[0], Shop())
        assert isinstance(found, Incomplete)
        return found

    assert not knows_gaps(gaps())
    tracker.comment("AN-1", "requirements", write_gap_comment(gaps()))
    assert not knows_gaps(gaps())  # killed before its status was set
    tracker.move("AN-1", "incomplete")
    assert knows_gaps(gaps())
    path.write_text(path.read_text() + "deadline: 2027-02-26\n")
    assert not knows_gaps(gaps())


@pytest.mark.parametrize("known", [(), ("erp",)])
def test_metrics_of_a_projects_own_seeds_need_no_data_source(known: tuple[str, ...]) -> None:
    class Seeds(Shop):
        def list_source_names(self) -> list[str]:
            return list(known)

        def sources_feeding(self, metric: str) -> list[str]:
            return []

    found = check_ticket(ticket(data_sources=None), Seeds())
    assert isinstance(found, Requirement)
    assert (found.sources, found.notes) == ((), ())
    assert isinstance(check_ticket(ticket(data_sources=["oracle"]), Seeds()), Incomplete)


def test_title_and_comments_of_a_restricted_ticket_go_no_further() -> None:
    """A dashboard has other readers; its title is what pages, pictures, workbooks and the index show."""
    comment = Comment(author="Dana", created=datetime(2026, 11, 2, tzinfo=UTC), body="before the merger")
    open_to_all = ticket(title="Revenue before the merger", comments=(comment,))
    assert isinstance(shown := check_ticket(open_to_all, Shop()), Requirement)
    assert (shown.title, len(shown.feedback)) == ("Revenue before the merger", 1)
    found = check_ticket(open_to_all.model_copy(update={"restricted": True}), Shop())
    assert isinstance(found, Requirement)
    assert (found.title, found.feedback) == ("AN-1", ())
    assert "merger" not in repr(found)
    assert "on no dashboard" in found.notes[-1]


OPTIONAL = (
    "What should it be split by? country",
    "### How to split?\n- country",
    "| How to split? | country |",
)
OPTIONAL += (
    "Please split it by country.",
    "Dimensions country",
    "(Dimensions: country)",
    "### Dimensoins\n\ncountry",
)
FREE = (
    "### Notes\nby country",
    "Thanks,\nDana\nCountry",
    "Sold by country managers.",
    "We look at it by day.",
)


@pytest.mark.parametrize("text", [*OPTIONAL, *FREE])
@pytest.mark.parametrize("first", [True, False])
def test_free_text_that_lists_known_names_is_asked_about(text: str, first: bool) -> None:
    """Wherever it stands; not in remarks, nor where the request has them."""
    request = "Metrics: orders\nSources: erp\n\n"
    if text in FREE and first:
        return
    for more, asks in (("", text in OPTIONAL), ("Dimensions: country\n\n", False)):
        reading = read_request(f"{text}\n\n{more}{request}" if first else f"{more}{request}{text}")
        unplaced = [asdict(each) for each in reading.unplaced]
        unplaced += [{"text": line, "reason": "free"} for line in reading.free]
        fields = {"requester": "D", "analysis": "trend", "dimensions": None, "unplaced": unplaced}
        found = check_ticket(ticket(**{**fields, **reading.fields}), Shop())
        assert isinstance(found, Incomplete) == asks, found
