"""The one tree of errors. It says whether trying again can help; it holds no retry numbers.

PlatformError                what was asked, what came back, what to do next
├── Transient                the same call may succeed later; tasks retry it
│   ├── Unavailable          no answer, a dropped connection, a 5xx
│   ├── RateLimited          429; `retry_after` seconds if the server named them
│   ├── TimedOut             a deadline passed
│   └── Busy                 another run or process holds what this one needs
└── Rejected                 the same call fails again; never retried
    ├── Misconfigured        a setting, a block or the dbt project is wrong
    ├── Unauthorized         401: the credential is wrong or expired
    ├── Forbidden            403: the credential lacks a right
    ├── NotFound             404, or a name the project does not have
    ├── BadAnswer            an answer that can't be read (HTML for JSON, invalid XML)
    ├── BadInput             a ticket, file or row that breaks its contract
    │   └── ContractBroken   a source lost a column, changed a type, or can't be read
    ├── BuildFailed          dbt ended with errors
    ├── LeaseLost            another run may write by now; this one must not go on
    ├── GateFailed           checks failed; readers keep the previous release
    └── NotDelivered         a run ended without all that was asked for; `outcome` says what

Messages are for people: no secret, no ticket text.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

_CONTROLS = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # a terminal's command, as for colours
    r"|\x1b\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)?"  # one with text, as for the window's title or the clipboard
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]"  # controls, and signs that turn the reading direction
)


def strip_controls(text: str) -> str:
    """A text without escapes and controls, which would steer a terminal; tabs and newlines stay."""
    return _CONTROLS.sub("", text)


class PlatformError(Exception):
    """An error with the three things its reader needs.

    asked: what was being done. answer: what came back. remedy: what to do next.
    """

    def __init__(self, asked: str, answer: str, remedy: str = "") -> None:
        super().__init__(asked, answer, remedy)
        self.asked, self.answer, self.remedy = asked, answer, remedy

    def __str__(self) -> str:
        text = f"{self.asked}: {self.answer}"
        return strip_controls(f"{text.rstrip('.')}. {self.remedy}" if self.remedy else text)


class Transient(PlatformError):  # noqa: N818
    """Trying the same call again may help."""


class Unavailable(Transient):
    """No usable answer: connection refused or dropped, or a 5xx."""


class RateLimited(Transient):
    """The server asked for a pause of `retry_after` seconds (None: it did not say)."""

    def __init__(self, asked: str, answer: str, remedy: str = "", retry_after: float | None = None) -> None:
        super().__init__(asked, answer, remedy)
        self.retry_after = retry_after


class TimedOut(Transient):
    """A deadline passed before the work was done."""


class Busy(Transient):
    """Another run or process holds what this one needs."""


class Rejected(PlatformError):  # noqa: N818
    """Trying the same call again can't help. table: `source.table`, if the fault is one table's alone."""

    table = ""


class Misconfigured(Rejected):
    """A setting, a block or the dbt project is wrong."""


class Unauthorized(Rejected):
    """The credential is wrong or has expired (401)."""


class Forbidden(Rejected):
    """The credential lacks a right (403)."""


class NotFound(Rejected):
    """The named thing does not exist."""


class BadAnswer(Rejected):
    """The answer can't be read."""


class BadInput(Rejected):
    """A ticket, file or row breaks its contract."""


class ContractBroken(BadInput):
    """A source's table lost a column, changed a type, or can't be read; nothing of it was loaded.

    columns: those that it is about, as they are declared, if it is about some;
    retyped: they are there, but not of their type.
    """

    def __init__(
        self,
        asked: str,
        answer: str,
        remedy: str = "",
        table: str = "",
        columns: Iterable[str] = (),
        retyped: bool = False,
    ) -> None:
        super().__init__(asked, answer, remedy)
        self.table, self.columns, self.retyped = table, tuple(columns), retyped


class BuildFailed(Rejected):
    """dbt ended with errors."""


class LeaseLost(Rejected):
    """This run no longer has the right to write: it was stopped for too long, and another may have it."""


class GateFailed(Rejected):
    """Checks failed; readers keep the previous release."""


class NotDelivered(Rejected):
    """A run ended without all that was asked for; outcome: its records.Outcome.

    Pickled, as Prefect stores whatever ends a flow, it is without the outcome: that quotes people's tickets.
    """

    def __init__(self, asked: str, answer: str, remedy: str = "", outcome: object = None) -> None:
        super().__init__(asked, answer, remedy)
        self.outcome = outcome

    def __reduce__(self) -> tuple[type[NotDelivered], tuple[str, str, str]]:
        return type(self), (self.asked, self.answer, self.remedy)


@contextmanager
def replace_vendor_errors(
    kinds: type[BaseException] | tuple[type[BaseException], ...],
    translate: Callable[[BaseException], Exception | None],
) -> Iterator[None]:
    """Raise a vendor's errors as ours, with nothing of the vendor's left on them.

    A vendor's error holds SQL, rows, or the whole text that could not be read, and `__context__` would carry it into
    logs and pickles. Python sets it even outside of the handler where the raise happens inside a context manager's
    `__exit__`, and `from None` only hides it. translate: what is raised instead; None for the error as it is.
    """
    failure: Exception | None = None
    try:
        yield
    except kinds as error:
        failure = translate(error)
        if failure is None:
            raise
    if failure is None:
        return
    try:
        raise failure
    finally:
        failure.__context__ = failure.__cause__ = None


_OF_THE_MACHINE = {
    **dict.fromkeys(
        (errno.ENOSPC, errno.EDQUOT),
        "Make room on that disk, then run it again; readers keep what they have.",
    ),
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM, errno.EROFS),
        "Let the user that runs this write there, or name another folder.",
    ),
    **dict.fromkeys(
        (errno.EMFILE, errno.ENFILE), "Raise the limit of open files (ulimit -n), then run it again."
    ),
    errno.ENOMEM: "Close other programs, or give the machine or its container more memory, then run it again.",
    errno.EFBIG: "Raise the limit of a file's size (ulimit -f), then run it again.",
    errno.ENAMETOOLONG: "Give a shorter name.",
    errno.EIO: "The disk may be damaged: look into the system's log.",
    errno.ENOTDIR: "A folder is needed there: move the file away, or name another folder.",
    errno.EISDIR: "A file is needed there: move the folder away.",
}
"""Numbers of errors that are the machine's fault, not the program's → what to do."""


def explain_os_error(asked: str, error: OSError) -> Misconfigured | None:
    """A fault of the machine (no space, no right, no memory) in our tree; None for another, which is a program's."""
    remedy = _OF_THE_MACHINE.get(error.errno or 0)
    if remedy is None:
        return None
    place = f" ({error.filename})" if isinstance(error.filename, str) else ""
    return Misconfigured(asked, f"{os.strerror(error.errno or 0).lower()}{place}", remedy)


def find_machine_remedy(message: str) -> str:
    """What to do about a fault of the machine that a library tells in the system's words; nothing for another."""
    return next((remedy for number, remedy in _OF_THE_MACHINE.items() if os.strerror(number) in message), "")


def explain_error(asked: str, error: BaseException | None) -> PlatformError | None:
    """An error of the tree, or the machine's fault, as what its reader needs; None for one that nobody expected."""
    if isinstance(error, PlatformError):
        return error
    if isinstance(error, MemoryError):
        return Misconfigured(asked, "there is no memory left", _OF_THE_MACHINE[errno.ENOMEM])
    return explain_os_error(asked, error) if isinstance(error, OSError) else None


def mask_values(text: str) -> str:
    """A message without what stands in quotes or brackets: it may be data."""
    return re.sub(r"'[^']*'|\"[^\"]*\"|\[[^\]]*\]", "'…'", text)
