"""The pages of one endpoint as they come in: none twice, none left out that the server speaks of.

Not here: how a page is asked for (api, paginators), and what an answer says of itself (page_signs).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from blocks.errors import BadAnswer, Busy, Rejected
from blocks.loader.dlt.rest.page_signs import PageSigns
from blocks.loader.dlt.rest.paginators import SINGLE_PAGE

MOST_EMPTY = 10  # pages in a row; a cursor that never ends gives nothing else
MOST_ALIKE = 10  # pages of the same keys in a row where rows come in versions
UNDECLARED = "Declare `paginator` in the dbt source"


class PageWatch:
    """What came of an endpoint so far. paginator: as it is declared, None if it is not.

    partly: whether only new records were asked for, so that the server's total may count others. notes: what to say
    of the load. first_declared: whether the source says which page is the first. merges: whether rows of one key may
    come several times.
    """

    def __init__(
        self,
        asked: str,
        paginator: str | None,
        partly: bool,
        first_declared: bool = False,
        merges: bool = False,
    ) -> None:
        self.notes: list[str] = []
        self._asked, self._paginator, self._partly = asked, paginator, partly
        self._first_declared = first_declared
        self._merges = merges
        self._seen: set[bytes] = set()
        self._seen_keys: set[bytes] = set()
        self._records = self._pages = self._empty = self._first = self._last = self._alike = 0
        self._total: int | None = None
        self._signs = PageSigns()

    def take(self, records: Sequence[str], signs: PageSigns, keys: Sequence[str] = ()) -> bool:
        """Take note of a page; return whether it brings anything. Raises BadAnswer for one that came already.

        One that comes again after the last one is left out: some servers answer every higher number with it.
        keys: of the records, where they are declared to be unique; a server may stamp its records anew each time.
        """
        if signs.failed:
            raise BadAnswer(
                self._asked,
                "an answer speaks of an error, or of a part that is missing",
                "Ask its API what is wrong; try again.",
            )
        repeated = _is_known(records, self._seen)
        self._alike = self._alike + 1 if _is_known(keys, self._seen_keys) else 0
        if repeated or self._alike >= (MOST_ALIKE if self._merges else 1):
            if self._is_counted():
                return False
            start = ", and `first_page`" if self._paginator == "page_number" else ""
            raise BadAnswer(self._asked, "it gave the same page twice", f"Declare how it pages{start}.")
        self._check_total(records, signs)
        self._first = self._first or len(records)
        self._records, self._pages = self._records + len(records), self._pages + 1
        self._empty, self._signs = 0 if records else self._empty + 1, signs
        return True

    def _check_total(self, records: Sequence[str], signs: PageSigns) -> None:
        """Raise Busy if rows went away while pages were read by number or offset: what moved up was left out.

        A number that falls by what came is one of those that are left, and one of the page's own is no total.
        """
        before, last, self._last = self._total, self._last, len(records)
        if self._paginator not in ("page_number", "offset") or not records or signs.total is None:
            return
        self._total = signs.total
        if before is not None and before - last != signs.total < before and before > self._first:
            raise Busy(
                self._asked,
                f"its total fell from {before:,} to {signs.total:,} while its pages were read: rows moved up unseen",
                "Try again when less is deleted there, or page by cursor.",
            )

    def describe_progress(self) -> str:
        """Say what came so far, for a load that does not come to its end."""
        return f"{self._pages:,} pages with {self._records:,} records had come, and its paging did not end"

    def doubts_first_page(self) -> bool:
        """True before the first page of those with numbers, if nobody said that they count from 1."""
        return self._paginator == "page_number" and not self._first_declared and not self._pages

    def doubts_offset(self) -> bool:
        """True after the last page of those by offset, if the server's own count does not say that all came."""
        return self._paginator == "offset" and self._first > 1 and not self._is_counted()

    def build_offset_error(self, counts_pages: bool) -> BadAnswer:
        """Build the error of an offset that counts pages, or something else than records: it passed over some."""
        if not counts_pages:
            found = "its offset does not count records: offset 1 does not begin at the second one"
            return BadAnswer(self._asked, found, "Declare how it pages.")
        return BadAnswer(
            self._asked,
            "its offset counts pages, not records: offset 1 gives other records than those from the second one on",
            "Declare `paginator: page_number` with `page_param` (the offset's name) and `first_page: 0`.",
        )

    def check_page_zero(self, first: Sequence[str], zero: Sequence[str]) -> None:
        """Raise BadAnswer if page 0 has records that page 1 has not: they are not to be left out unasked.

        Many servers answer with page 1 there, or with an error.
        """
        if not set(zero) <= set(first):
            raise BadAnswer(
                self._asked,
                "it has a page 0, with other records than page 1",
                "Declare `first_page`: 0 if its pages count from 0, else 1.",
            )

    def is_last(self) -> bool:
        """True if the page that came says so, or if nothing but empty pages comes."""
        if self._empty >= MOST_EMPTY:
            self._note(f"{MOST_EMPTY} empty pages in a row were taken for the end")
            self._check_shortage()
        return self._signs.more is False or self._empty >= MOST_EMPTY

    def may_end(self) -> bool:
        """True if a page that can't be had is none that is missing: all of it came, or the last ones were empty."""
        return self._empty > 0 or self._signs.ended or self._is_counted()

    def end_at_refusal(self, error: Rejected) -> None:
        """End at a page that was refused. Raises the error if it may be one that is missing.

        A page that had fewer records than the first one was the last, as far as anybody can tell.
        """
        short = 0 < self._last < self._first
        if self.may_end():
            return
        if short and self._paginator in ("page_number", "offset") and not self._signs.goes_on:
            self._note(f"the page after {self._records:,} records was refused, which was taken for the end")
            self._check_shortage()
        elif self._pages:
            came = f"{self._pages:,} pages with {self._records:,} records had come, and nothing says that they are all"
            raise type(error)(error.asked, error.answer, f"Ask what the API allows: {came}.")
        else:
            raise error

    def may_end_at(self, is_own: bool) -> bool:
        """True if a cursor's address that was read already is the end. is_own: it is the last page's own."""
        if self._paginator != "cursor":
            return False
        if is_own and not self.may_end():
            self._note("its last page named itself as the next one, which was taken for the end")
        return is_own or self.may_end()

    def check_end(self) -> None:
        """Raise BadAnswer if the last page names another one; note a total that did not come."""
        if self._signs.goes_on and self._empty:
            self._note("an empty page that says that others follow was taken for the end")
        elif self._signs.goes_on:
            where = ", and where `next` is" if self._paginator not in (None, SINGLE_PAGE) else ""
            raise BadAnswer(self._asked, "its answer has a next page", f"{UNDECLARED}{where}.")
        self._check_shortage()

    def _check_shortage(self) -> None:
        """Note a total that did not come. Raises BadAnswer where nobody said that this is right."""
        short = self._describe_shortage()
        if short and not self._paginator:
            raise BadAnswer(self._asked, short, f"{UNDECLARED}; `single_page` if this is all.")
        if short and self._paginator == "page_number" and self._lacks_page():
            raise BadAnswer(self._asked, short, "Declare `first_page`: 0 if its pages count from 0, else 1.")
        if short:
            self._note(short)

    def _describe_shortage(self) -> str:
        """Say what of the server's own count did not come."""
        signs = self._signs
        if signs.more is False:
            return ""
        if signs.pages and self._pages < signs.pages and self._paginator in (None, SINGLE_PAGE):
            return f"it says that there are {signs.pages:,} pages, and {self._pages:,} came"
        total = max(signs.total or 0, signs.counted or 0)
        if self._records < total and not self._partly:
            return f"it says that there are {total:,} records, and {self._records:,} came"
        if self._paginator or signs.ended or signs.total is not None or signs.pages is not None:
            return ""
        return self._describe_hint(signs)

    def _describe_hint(self, signs: PageSigns) -> str:
        """Say what may mean that others follow, of an answer that has no number of records or pages."""
        if signs.counted is None and (signs.size or 0) > self._records and not self._partly:
            return f"it says `size` {signs.size:,}, and {self._records:,} records came"
        if self._records and self._records == signs.limit:
            return f"it says that a page has up to {signs.limit:,} records, and as many came"
        return f"its answer has {signs.hint}" if signs.hint and self._records else ""

    def _lacks_page(self) -> bool:
        """True if as many records as a page has are missing and nobody said which page is the first: 0 may be it."""
        missing = max(self._signs.total or 0, self._signs.counted or 0) - self._records
        return not self._first_declared and missing >= self._first > 0

    def _is_counted(self) -> bool:
        """True if as many pages or records came as there are by the server's own count."""
        signs = self._signs
        return bool(
            (signs.pages and self._pages >= signs.pages) or (signs.total and self._records >= signs.total)
        )

    def _note(self, text: str) -> None:
        self.notes.append(text)


def _is_known(texts: Sequence[str], seen: set[bytes]) -> bool:
    """True for texts that were on one page before, in whatever order; they are from now on."""
    if not texts:
        return False
    content = sha256("\n".join(sorted(texts)).encode("utf-8", "surrogatepass")).digest()
    known = content in seen
    seen.add(content)
    return known
