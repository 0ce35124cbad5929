"""A ticket's text is read by libyaml as it is by the reader that edits it; what is hostile costs no time."""

from __future__ import annotations

import time

import pytest

from blocks.tracker.files import ticket_reader
from blocks.tracker.files.ticket_reader import compose, read, to_plain_value
from blocks.tracker.files.yaml_events import UnreadableError

SHAPES = [
    "key: BK-1\ntitle: a\n",
    "a: ~\nb: null\nc: ''\nd: \"null\"\ne:\nf: !!null x\ng: !!str null\nh: yes\ni: 1_000\nj: 2026-01-01\nk: 0x1F\n",
    "a: [1, 2, {b: c}]\nd: [x, ]\ne: {}\n",
    "a: |\n  x\n   y  \n\nb: >-\n  folded\n  text\nc: |2\n    x\n",
    "a: &x 1\nb: !foo bar\nc: !!python/object:os.system x\n",
    "---\na: 1\n...\n",
    "%YAML 1.1\n---\na: no\n",
    "\ufeffa: 'x\ty'\n",
    "a: \"\\/x\\u0041\"\n\"b\": 'x''y'\n",
    "a:\n- 1\n-\n- ~\n",
    "# c\na: 1 # d\nb: http://x:1/y#z\n",
    "<<: {a: 1}\nb: 2\nnull: x\n",
    "a: 𝄞 ü 😀\r\nb: y\r\n",
    "a: \u2028x\nb: x\u0085y\n",
]
FAULTS = [
    "a: *x\n",
    "a: &x 1\nb: *x\n",
    "a: 1\na: 2\n",
    "? [a]\n: b\n",
    "[1]\n",
    "",
    "a: b: c\n",
    "\ta: 1\n",
    "a: \x07\n",
    "---\na: 1\n---\nb: 2\n",
    "{" * 100_000,
    "a: " + "[" * 100_000,
    "a: " + "[" * 30 + "]" * 30,
    "a: [" + "1," * 30_000 + "]\n",
]


@pytest.mark.parametrize("text", SHAPES)
def test_it_reads_what_the_editor_reads(text: str) -> None:
    assert read(text) == to_plain_value(compose(text))


@pytest.mark.parametrize("text", FAULTS, ids=lambda text: text[:20])
def test_what_cannot_be_read_is_refused_at_once(text: str) -> None:
    started = time.process_time()
    with pytest.raises(UnreadableError):
        read(text)
    assert time.process_time() - started < 2


def test_without_libyaml_it_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yaml.__with_libyaml__", False)
    assert read(SHAPES[0]) == {"key": "BK-1", "title": "a"}


@pytest.mark.parametrize(
    "text",
    [
        "d: |\n" + "".join(f"  {'word ' * 15}{n}\n" for n in range(18_000)),
        "m:\n" + "".join(f"  - {'m' * 60}{n}\n" for n in range(19_000)),
    ],
    ids=["a long text", "a long list"],
)
def test_the_largest_ticket_costs_a_fraction_of_a_second(text: str) -> None:
    started = time.process_time()
    assert ticket_reader.read(text)
    assert time.process_time() - started < 0.5
