"""The control tables of a warehouse: the load ledger and the promotion journal, in portable SQL.

Both are the truth after a crash. Not here: the data itself, and what readers see (serving's `_release`).
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar
from zlib import compress, decompress

from blocks.records import LedgerEntry, Record, State
from blocks.warehouse.lease import fence_writes
from blocks.warehouse.settings import Session, WarehouseConnection, WarehouseSettings

LEDGER = {
    "source_name": "varchar",
    "table_name": "varchar",
    "item": "varchar",
    "fingerprint": "varchar",
    "row_count": "bigint",
    "quarantined": "bigint",
    "byte_count": "bigint",
    "watermark": "varchar",
    "run_id": "varchar",
    "loaded_at": "timestamp",
}
JOURNAL = {
    "run_id": "varchar",
    "seq": "bigint",
    "state": "varchar",
    "reached_at": "timestamp",
    "detail": "varchar",
}
JUDGED = {"source_name": "varchar", "table_name": "varchar", "run_id": "varchar"}
"""Which runs' rows of a source table a gate that passed has judged."""
HISTORY = {
    "run_id": "varchar",
    "dataset": "varchar",
    "recorded_at": "timestamp",
    "part": "bigint",
    "detail": "varchar",
}
"""What each run saw of each dataset, packed as the journal's reports and cut into parts."""

LONGEST_DETAIL = 20_000  # bytes; Dremio's fields hold 32,000 up to version 25
PACKED = "zlib:"  # before a detail that was longer; JSON begins otherwise
PRUNED_AT_ONCE = 20  # runs
ENDED = {State.published, State.rejected, State.abandoned, State.awaiting}
LINES_AT_ONCE = 100  # a statement for each line would take a second or so for every ten


_T = TypeVar("_T")


class JournalEntry(Record):
    """A state a run reached. at: UTC, naive. detail: JSON of the report that goes with the state."""

    run: str
    seq: int
    state: State
    at: datetime
    detail: str = ""


class HistoryEntry(Record):
    """What a run saw of a dataset: JSON. at: UTC, naive."""

    run: str
    dataset: str
    at: datetime
    detail: str


def prepare_control(warehouse: WarehouseConnection, session: Session) -> None:
    """Create the control schema and tables where they are missing."""
    warehouse.make_schema(session, warehouse.control)
    for table, columns in (("loads", LEDGER), ("journal", JOURNAL)):
        warehouse.make_table(session, warehouse.control, table, columns)


def write_ledger(warehouse: WarehouseSettings, session: Session, entries: Iterable[LedgerEntry]) -> None:
    """Replace the ledger's lines for these items; call it in the transaction that loads their rows."""
    table, todo = warehouse.quote(warehouse.control, "loads"), list(entries)
    for part in split_lines(todo):
        forget_items(warehouse, session, part)
        insert_lines(session, table, [_list_values(entry) for entry in part])


def forget_items(warehouse: WarehouseSettings, session: Session, entries: Sequence[LedgerEntry]) -> None:
    """Take these items' lines out of the ledger; without transactions that comes before their rows are touched."""
    table = warehouse.quote(warehouse.control, "loads")
    for part in split_lines(entries):
        same = " or ".join(["(source_name = ? and table_name = ? and item = ?)"] * len(part))
        session.rows(
            f"delete from {table} where {same}", [v for e in part for v in (e.source, e.table, e.item)]
        )


def _list_values(entry: LedgerEntry) -> tuple[object, ...]:
    return (
        entry.source,
        entry.table,
        entry.item,
        entry.fingerprint,
        entry.rows,
        entry.quarantined,
        entry.bytes,
        entry.watermark,
        entry.run,
        now(),
    )


def clear_ledger(warehouse: WarehouseSettings, session: Session, source: str, table: str) -> None:
    """Take a table's lines out of the ledger; call it in the transaction that replaces its rows."""
    ledger = warehouse.quote(warehouse.control, "loads")
    session.rows(f"delete from {ledger} where source_name = ? and table_name = ?", (source, table))


def read_ledger(warehouse: WarehouseConnection, source: str | None = None) -> list[LedgerEntry]:
    """The ledger, oldest line first, of one source or of all; empty before the first load."""
    names = ", ".join(list(LEDGER)[:-1])
    with warehouse.session() as session:
        if not warehouse.columns(session, warehouse.control, "loads"):
            return []
        rows = session.rows(
            f"select {names} from {warehouse.quote(warehouse.control, 'loads')} order by loaded_at, item"
        )
    fields = ("source", "table", "item", "fingerprint", "rows", "quarantined", "bytes", "watermark", "run")
    entries = [LedgerEntry(**dict(zip(fields, row, strict=True))) for row in rows]
    return [entry for entry in entries if source is None or entry.source == source]


def write_journal(warehouse: WarehouseConnection, run: str, state: State, detail: str = "") -> None:
    """Write a state of a run into the journal. Raises LeaseLost."""
    table = warehouse.quote(warehouse.control, "journal")
    with warehouse.session() as session:
        prepare_control(warehouse, session)
        with fence_writes(warehouse, session):
            (last,) = session.rows(f"select max(seq) from {table}")
            session.rows(
                f"insert into {table} values (?, ?, ?, ?, ?)",
                (run, (last[0] or 0) + 1, state.value, now(), _pack(detail)),
            )


def read_journal(
    warehouse: WarehouseConnection,
    run: str | None = None,
    states: Sequence[State] = (),
    seqs: Sequence[int] = (),
    details: bool = True,
) -> list[JournalEntry]:
    """States that runs reached, in order; empty before the first run.

    run, states, seqs: only those, where given. details: with the reports, which are what takes time to read;
    without them, `detail` is a mark where there is one.
    """
    detail = "detail" if details else "case when detail <> '' then '-' else '' end"
    given: dict[str, Sequence[object]] = {
        "run_id": [run] if run else [],
        "state": [state.value for state in states],
        "seq": list(seqs),
    }
    where = " and ".join(f"{name} in ({', '.join('?' * len(v))})" for name, v in given.items() if v)
    with warehouse.session() as session:
        if not warehouse.columns(session, warehouse.control, "journal"):
            return []
        rows = session.rows(
            f"select run_id, seq, state, reached_at, {detail} as detail"
            f" from {warehouse.quote(warehouse.control, 'journal')}{f' where {where}' if where else ''} order by seq",
            [value for values in given.values() for value in values],
        )
    return [
        JournalEntry(run=r, seq=n, state=State(s), at=a, detail=_unpack(d or "")) for r, n, s, a, d in rows
    ]


def read_last_detail(warehouse: WarehouseConnection, state: State, run: str | None = None) -> str | None:
    """The newest report of a state, of one run or of any; None if there is none."""
    found = [each.seq for each in read_journal(warehouse, run, [state], details=False) if each.detail]
    return read_journal(warehouse, seqs=found[-1:])[0].detail if found else None


def prune_journal(
    warehouse: WarehouseConnection, entries: Iterable[JournalEntry], keep_runs: Collection[str]
) -> list[str]:
    """Leave one line, without its report, of all but the newest `journal_runs` runs; return whose were cut.

    entries: the journal without its reports. keep_runs: runs that stay whole, however old. A run that has not ended
    stays, too. Raises LeaseLost.
    """
    lines: dict[str, list[JournalEntry]] = {}
    for entry in entries:
        lines.setdefault(entry.run, []).append(entry)
    order = sorted(lines, key=lambda run: lines[run][-1].seq)
    old = [
        run
        for run in order[: -warehouse.journal_runs]
        if run not in keep_runs
        and lines[run][-1].state in ENDED
        and (len(lines[run]) > 1 or lines[run][-1].detail)
    ]
    if len(old) < PRUNED_AT_ONCE:  # a few statements now and then, not at each run
        return []
    table = warehouse.quote(warehouse.control, "journal")
    with warehouse.session() as session:
        for part in split_lines(old):
            last = [lines[run][-1].seq for run in part]
            places = ", ".join("?" * len(part))
            with fence_writes(warehouse, session):
                session.rows(
                    f"delete from {table} where run_id in ({places}) and seq not in ({places})",
                    [*part, *last],
                )
                session.rows(f"update {table} set detail = '' where seq in ({places})", last)
    return old


def read_judged_loads(warehouse: WarehouseConnection) -> set[tuple[str, str, str]]:
    """Source, table and run of the ledger's lines that a gate which passed has judged."""
    with warehouse.session() as session:
        if not warehouse.columns(session, warehouse.control, "judged"):
            return set()
        table = warehouse.quote(warehouse.control, "judged")
        rows = session.rows(f"select source_name, table_name, run_id from {table}")
    return {(str(source), str(name), str(run)) for source, name, run in rows}


def mark_judged(warehouse: WarehouseConnection, loads: Collection[tuple[str, str, str]]) -> None:
    """Write that a gate which passed has judged these, as `read_judged_loads` gives them. Raises LeaseLost."""
    fresh = sorted(set(loads) - read_judged_loads(warehouse))
    if not fresh:
        return
    table = warehouse.quote(warehouse.control, "judged")
    with warehouse.session() as session:
        warehouse.make_schema(session, warehouse.control)
        warehouse.make_table(session, warehouse.control, "judged", JUDGED)
        with fence_writes(warehouse, session):
            insert_lines(session, table, fresh)


def write_history(warehouse: WarehouseConnection, run: str, details: Mapping[str, str]) -> None:
    """Write what a run saw of datasets, JSON by name, in place of what it wrote before. Raises LeaseLost."""
    if not details:
        return
    table, at = warehouse.quote(warehouse.control, "history"), now()
    lines = [
        (run, name, at, part, text)
        for name, detail in details.items()
        for part, text in enumerate(_cut(_pack(detail)))
    ]
    with warehouse.session() as session:
        warehouse.make_schema(session, warehouse.control)
        warehouse.make_table(session, warehouse.control, "history", HISTORY)
        with fence_writes(warehouse, session):
            session.rows(f"delete from {table} where run_id = ?", (run,))
            insert_lines(session, table, lines)


def read_history(warehouse: WarehouseConnection, runs: int) -> list[HistoryEntry]:
    """What the newest so many runs saw, oldest first; empty before the first."""
    with warehouse.session() as session:
        if not warehouse.columns(session, warehouse.control, "history"):
            return []
        table = warehouse.quote(warehouse.control, "history")
        names = session.rows(f"select run_id from {table} group by run_id order by max(recorded_at)")
        newest = [str(run) for (run,) in names][-runs:]
        if not newest:
            return []
        rows = session.rows(
            f"select run_id, dataset, recorded_at, detail from {table}"
            f" where run_id in ({', '.join('?' * len(newest))}) order by recorded_at, run_id, dataset, part",
            newest,
        )
    found: dict[tuple[str, str], HistoryEntry] = {}
    for run, name, at, detail in rows:
        before = found.get((run, name))
        text = (before.detail if before else "") + (detail or "")
        found[run, name] = HistoryEntry(run=run, dataset=name, at=at, detail=text)
    return [each.model_copy(update={"detail": _unpack(each.detail)}) for each in found.values()]


def prune_history(warehouse: WarehouseConnection) -> list[str]:
    """Forget what all but the newest `journal_runs` runs saw; return these runs. Raises LeaseLost."""
    with warehouse.session() as session:
        if not warehouse.columns(session, warehouse.control, "history"):
            return []
        table = warehouse.quote(warehouse.control, "history")
        runs = session.rows(f"select run_id from {table} group by run_id order by max(recorded_at)")
        old = [str(run) for (run,) in runs][: -warehouse.journal_runs]
        if len(old) < PRUNED_AT_ONCE:
            return []
        for part in split_lines(old):
            with fence_writes(warehouse, session):
                session.rows(f"delete from {table} where run_id in ({', '.join('?' * len(part))})", part)
    return old


def _cut(text: str) -> list[str]:
    return [text[at : at + LONGEST_DETAIL] for at in range(0, len(text), LONGEST_DETAIL)] or [""]


def insert_lines(session: Session, table: str, lines: Sequence[Sequence[object]]) -> None:
    """Insert lines of one width into a quoted table, many with each statement."""
    for part in split_lines(lines):
        line = f"({', '.join('?' * len(part[0]))})"
        session.rows(
            f"insert into {table} values {', '.join([line] * len(part))}",
            [value for values in part for value in values],
        )


def replace_lines(
    warehouse: WarehouseConnection,
    table: str,
    columns: dict[str, str],
    keys: Sequence[Sequence[object]],
    lines: Sequence[Sequence[object]],
) -> None:
    """Write lines of a table of control in place of those with these keys, the values of its first columns.

    It is made where it is not there yet. Raises LeaseLost.
    """
    names, place = list(columns)[: len(keys[0])], warehouse.quote(warehouse.control, table)
    alike = f"({' and '.join(f'{name} = ?' for name in names)})"
    with warehouse.session() as session:
        warehouse.make_schema(session, warehouse.control)
        warehouse.make_table(session, warehouse.control, table, columns)
        with fence_writes(warehouse, session):
            session.rows(
                f"delete from {place} where {' or '.join([alike] * len(keys))}",
                [value for key in keys for value in key],
            )
            insert_lines(session, place, lines)


def split_lines(lines: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """The lines, so many at once."""
    return (lines[at : at + LINES_AT_ONCE] for at in range(0, len(lines), LINES_AT_ONCE))


def _pack(detail: str) -> str:
    """A detail as it is stored: compressed where it is long."""
    exact = detail.encode()
    return detail if len(exact) <= LONGEST_DETAIL else PACKED + b64encode(compress(exact, 9)).decode()


def _unpack(stored: str) -> str:
    return decompress(b64decode(stored[len(PACKED) :])).decode() if stored.startswith(PACKED) else stored


def now() -> datetime:
    """The time in UTC without zone, in whole milliseconds, which every warehouse keeps."""
    exact = datetime.now(UTC).replace(tzinfo=None)
    return exact.replace(microsecond=exact.microsecond // 1000 * 1000)
