"""The small language in which a requester answers a proposal: `accept`, `accept 1 3 A2`, `change 2: gross_revenue`.

A command is a line of its own in a comment. Everything else in a comment is no command.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from blocks.hashing import hash_text
from blocks.records import Comment
from blocks.tracker.description_template import list_own_lines
from tasks.elaboration.proposal import LETTERS, Proposal

_ACCEPT = re.compile(
    r"(?:please\s+|bitte\s+)?(?:accept|accepted|annehmen|angenommen)\b(?P<rest>[\s,;:&\w]*)[.!]*",
    re.IGNORECASE,
)
_CHANGE = re.compile(
    r"(?:please\s+|bitte\s+)?(?:change|ändere|ändern|aendere)\s+(?P<number>\d{1,2})\s*(?::|to|zu|auf)\s*(?P<value>\S.{0,500})",
    re.IGNORECASE,
)
_PART = re.compile(rf"(?P<number>\d{{1,2}})|(?P<letter>[{LETTERS}])(?P<option>[1-9])", re.IGNORECASE)
_WORDS = frozenset(("all", "alles", "everything", "and", "und", "the", "proposal", "it"))
MOST_COMMENTS, LONGEST_COMMENT = 50, 5_000


@dataclass(frozen=True)
class Answer:
    """What a comment says of a proposal. numbers: item → another value, or ""; None: all of them.

    answers: question's place → option's place, both from 0. fault: why it can't be followed; "" if it can.
    """

    numbers: dict[int, str] | None
    answers: dict[int, int]
    fault: str = ""


def read_answer(body: str, proposal: Proposal) -> Answer | None:
    """What a comment's commands say of a proposal; None for one without a command."""
    accepted, taken, changes, answers = False, dict[int, str](), dict[int, str](), dict[int, int]()
    for line in list_own_lines(body[:LONGEST_COMMENT].split("\n")):
        text = line.strip().strip("`*_")
        if found := _CHANGE.fullmatch(text):
            changes[int(found["number"])] = found["value"].strip().strip("`")
        elif (found := _ACCEPT.fullmatch(text)) and _is_list(found["rest"]):
            accepted = True
            for part in _PART.finditer(found["rest"]):
                if part["number"]:
                    taken[int(part["number"])] = ""
                else:
                    answers[LETTERS.index(part["letter"].upper())] = int(part["option"]) - 1
    if not (accepted or changes):
        return None
    every = range(1, len(proposal.items) + 1)
    numbers = {**(taken or dict.fromkeys(every, "")), **changes} if taken or changes else None
    return Answer(numbers, answers, _find_fault(numbers or {}, answers, proposal))


def _is_list(rest: str) -> bool:
    """True for numbers, answers to questions and words like `all` behind `accept`, and nothing else."""
    words = re.findall(r"\w+", rest)
    return all(_PART.fullmatch(word) or word.casefold() in _WORDS for word in words)


def _find_fault(numbers: Iterable[int], answers: dict[int, int], proposal: Proposal) -> str:
    if wrong := [number for number in numbers if not 1 <= number <= len(proposal.items)]:
        return f"there is no number {wrong[0]}; they go from 1 to {len(proposal.items)}"
    for question, option in answers.items():
        if question >= len(proposal.questions) or option >= len(proposal.questions[question].options):
            return f"there is no {LETTERS[question]}{option + 1} among the questions"
    return ""


def choose_fields(answer: Answer, proposal: Proposal) -> dict[str, str]:
    """Field → text, as the answer has it. A question's answer is added to names that are proposed already."""
    chosen = proposal.choose(answer.numbers)
    for place, option in answer.answers.items():
        question = proposal.questions[place]
        value = question.options[option]
        if question.field in ("metrics", "dimensions") and question.field in chosen:
            names = chosen[question.field].split(", ")
            value = ", ".join(dict.fromkeys((*names, value)))
        if question.field == "filters" and question.field in chosen:
            value = f"{chosen[question.field]}; {value}"
        chosen[question.field] = value
    return chosen


def list_commands(comments: Sequence[Comment], proposal: Proposal) -> list[Comment]:
    """The comments that hold a command, the newest so many."""
    return [each for each in comments if read_answer(each.body, proposal)][-MOST_COMMENTS:]


def compute_comment_fingerprint(comment: Comment) -> str:
    """What tells a comment from others of its ticket."""
    text = "\n".join((comment.account, comment.created.isoformat(), comment.body))
    return hash_text(text)


def list_new(comments: Sequence[Comment], seen: Sequence[str]) -> list[Comment]:
    """The comments that were not there when a proposal was made. seen: fingerprints of those that were."""
    left = Counter(seen)
    found = []
    for comment in comments:
        mark = compute_comment_fingerprint(comment)
        if left[mark] > 0:
            left[mark] -= 1
        else:
            found.append(comment)
    return found
