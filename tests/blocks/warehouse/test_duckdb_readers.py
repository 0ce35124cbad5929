"""The file that readers of a DuckDB warehouse open: whole, apart from the runs, and the same as what is served."""

from __future__ import annotations

import stat
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from blocks.errors import Busy, PlatformError
from blocks.records import BuildReport, Release
from blocks.warehouse.duckdb.errors import translate_error
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tasks.promotion import promote_release, recover, retain, retire_marts, roll_back
from tests.blocks.warehouse.readers import MARTS, flip_under_readers, read_file
from tests.documentation import read_blocks
from tests.tasks.test_promotion import gate

AT = datetime(2026, 1, 2, 3, 4, 5)
BOTH = "select s.value, p.value from serving.sales s cross join serving.people p"


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    return DuckDBWarehouse(database=str(tmp_path / "warehouse.duckdb"))


def build(warehouse: DuckDBWarehouse, run: str, value: int) -> dict[str, str]:
    with warehouse.session() as session:
        session.rows(f"create schema rel_{run}")
        for mart in MARTS:
            session.rows(f"create table rel_{run}.{mart} as select {value} as value")
    return {mart: f"rel_{run}.{mart}" for mart in MARTS}


def promote(warehouse: DuckDBWarehouse, run: str, value: int) -> Release:
    report = BuildReport(run=run, marts=build(warehouse, run, value), models=2, tests=0, seconds=0)
    return promote_release.fn(warehouse, report, gate(run))


def shown(warehouse: DuckDBWarehouse) -> Release | None:
    with warehouse.session() as session:
        return warehouse.readers.read_release(session)


def test_readers_in_other_processes_are_never_refused_and_never_see_a_mixture(
    warehouse: DuckDBWarehouse,
) -> None:
    """Four processes open the file again and again while 150 releases flip."""
    seen = flip_under_readers(warehouse, 150)
    assert seen.reads > 50
    assert (seen.refused, seen.mixed, seen.older) == (0, 0, 0)


def test_it_holds_the_marts_and_the_release_and_nothing_else(warehouse: DuckDBWarehouse) -> None:
    with warehouse.session() as session:
        session.rows("create schema raw_crm")
        session.rows("create table raw_crm.people as select 'private' as name")
    release = promote(warehouse, "a", 1)
    path = warehouse.readers.path
    assert path.name == "serving.duckdb"
    tables = read_file(path, "select schema_name, table_name from duckdb_tables() order by all")
    assert tables == [("main", "_release"), ("main", "people"), ("main", "sales")]
    assert read_file(path, "select count(*) from duckdb_views() where not internal") == [(0,)]
    assert b"private" not in path.read_bytes()
    assert shown(warehouse) == release == warehouse.read_served()
    assert read_file(path, BOTH) == [(1, 1)]  # the same words as in the warehouse
    assert sorted(each.name for each in path.parent.iterdir()) == ["serving.duckdb", "warehouse.duckdb"]


def test_who_has_it_open_reads_on_and_holds_up_no_run(warehouse: DuckDBWarehouse) -> None:
    promote(warehouse, "a", 1)
    code = (
        "import sys, duckdb\n"
        f"file = duckdb.connect({str(warehouse.readers.path)!r}, read_only=True)\n"
        f"for line in sys.stdin:\n  print(file.execute({BOTH!r}).fetchall(), flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdin
        assert reader.stdout
        try:
            for run, value in (("", 1), ("b", 2), ("c", 3)):
                if run:
                    promote(warehouse, run, value)
                reader.stdin.write("\n")
                reader.stdin.flush()
                assert reader.stdout.readline() == "[(1, 1)]\n"
                assert read_file(warehouse.readers.path, BOTH) == [(value, value)]
        finally:
            reader.kill()


def test_who_writes_into_it_is_refused(warehouse: DuckDBWarehouse) -> None:
    """Nobody edits what passed its checks, and nobody who opens it for writing keeps the others out."""
    promote(warehouse, "a", 1)
    mode = stat.S_IMODE(warehouse.readers.path.stat().st_mode)
    assert mode & 0o222 == 0
    assert mode & 0o444 == stat.S_IMODE(warehouse.path.stat().st_mode) & 0o444  # who may read is the umask's


def test_changes_that_an_administrator_left_beside_it_do_not_reach_the_next_release(
    warehouse: DuckDBWarehouse,
) -> None:
    promote(warehouse, "a", 1)
    left = warehouse.readers.path.with_name("serving.duckdb.wal")
    left.write_bytes(b"what was never written into the file")
    promote(warehouse, "b", 2)
    assert not left.exists()
    assert read_file(warehouse.readers.path, BOTH) == [(2, 2)]


def test_rollback_and_retirement_write_it(warehouse: DuckDBWarehouse) -> None:
    promote(warehouse, "a", 1)
    promote(warehouse, "b", 2)
    release = roll_back.fn(warehouse, None)
    assert read_file(warehouse.readers.path, BOTH) == [(1, 1)]
    assert shown(warehouse) == release
    release = retire_marts.fn(warehouse, ["people"])
    assert shown(warehouse) == release == warehouse.read_served()
    tables = read_file(warehouse.readers.path, "select table_name from duckdb_tables() order by all")
    assert tables == [("_release",), ("sales",)]


@pytest.mark.parametrize("harm", ["missing", "broken", "older", "leftover"])
def test_the_next_run_mends_it(warehouse: DuckDBWarehouse, harm: str) -> None:
    """Whatever became of it, it is written again; `status` says so until then."""
    promote(warehouse, "a", 1)
    readers = warehouse.readers
    old = readers.path.read_bytes()
    promote(warehouse, "b", 2)
    assert warehouse.describe_readers() == [f"readers open {readers.path}"]
    if harm == "missing":
        readers.path.unlink()
    elif harm != "leftover":
        readers.path.unlink()
        readers.path.write_bytes(old if harm == "older" else b"not a database")
    else:
        for name in (".new", ".new.wal"):
            readers.path.with_name(readers.path.name + name).write_bytes(b"half of a file")
    message = {"missing": "nothing that can be read", "broken": "nothing that can be read", "older": "run a"}
    if harm in message:
        assert f"it shows {message[harm]} instead of run b" in warehouse.describe_readers()[-1]
    done = recover.fn(warehouse, "c")
    assert done == (
        [] if harm == "leftover" else ["serving.duckdb did not show run b as it is served; it does now"]
    )
    assert read_file(readers.path, BOTH) == [(2, 2)]
    assert len(list(readers.path.parent.iterdir())) == 2
    assert recover.fn(warehouse, "c") == []


def test_a_mart_that_cannot_be_copied_changes_nothing(warehouse: DuckDBWarehouse) -> None:
    release = promote(warehouse, "a", 1)
    marts = {**build(warehouse, "b", 2), "gone": "rel_b.gone"}
    with pytest.raises(PlatformError):
        warehouse.flip(Release(run="b", marts=marts, published_at=AT))
    assert warehouse.read_served() == shown(warehouse) == release
    assert len(list(warehouse.path.parent.iterdir())) == 2


def test_views_that_cannot_be_replaced_change_nothing(
    warehouse: DuckDBWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = promote(warehouse, "a", 1)

    def refuse(self: object, *arguments: object) -> None:
        raise Busy("replace a view", "it is held")

    monkeypatch.setattr(DuckDBWarehouse, "replace_view", refuse)
    with pytest.raises(Busy):
        warehouse.flip(Release(run="b", marts=build(warehouse, "b", 2), published_at=AT))
    assert warehouse.read_served() == shown(warehouse) == release
    assert len(list(warehouse.path.parent.iterdir())) == 2


def test_a_system_that_does_not_replace_an_open_file_is_told_and_mended(
    warehouse: DuckDBWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Windows does while a program has the former file open."""
    promote(warehouse, "a", 1)

    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Access is denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        with pytest.raises(Busy, match="a program may have it open"):
            promote(warehouse, "b", 2)
    assert "instead of run b" in warehouse.describe_readers()[-1]
    recover.fn(warehouse, "c")
    assert read_file(warehouse.readers.path, BOTH) == [(2, 2)]


def test_a_warehouse_that_begins_again_leaves_the_former_file_until_its_first_release(
    warehouse: DuckDBWarehouse,
) -> None:
    promote(warehouse, "a", 1)
    warehouse.path.unlink()
    assert warehouse.describe_readers()[-1] == "  it shows run a until the first run corrects that"
    recover.fn(warehouse, "b")
    assert read_file(warehouse.readers.path, BOTH) == [(1, 1)]
    promote(warehouse, "a", 2)
    assert read_file(warehouse.readers.path, BOTH) == [(2, 2)]


def test_two_warehouses_of_one_folder_have_two_files(tmp_path: Path) -> None:
    named = [DuckDBWarehouse(database=str(tmp_path / name)) for name in ("warehouse.duckdb", "east.duckdb")]
    assert [each.readers.path.name for each in named] == ["serving.duckdb", "east_serving.duckdb"]
    other = DuckDBWarehouse(
        database=str(tmp_path / "east.duckdb"), readers_file=str(tmp_path / "bi" / "serving.duckdb")
    )
    promote(other, "a", 1)
    assert read_file(tmp_path / "bi" / "serving.duckdb", BOTH) == [(1, 1)]


KILL = """
import os, signal, sys, threading, time
sys.path.insert(0, os.getcwd())
from tests.blocks.warehouse.test_duckdb_readers import DuckDBWarehouse, promote
from tasks.promotion import recover

warehouse = DuckDBWarehouse(database=sys.argv[1])
recover.fn(warehouse, "")
number = int(sys.argv[2])
print("ready", flush=True)
while True:
    number += 1
    promote(warehouse, str(number), number)
"""


def test_killed_at_any_moment_the_file_is_whole_and_the_next_run_agrees(warehouse: DuckDBWarehouse) -> None:
    """SIGKILL at odd moments of promotions in a row: what readers find is one release, and never an older one."""
    promote(warehouse, "0", 0)
    last = 0
    for kill in range(4):
        victim = subprocess.Popen(
            [sys.executable, "-c", KILL, str(warehouse.path), str(1000 * (kill + 1))],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert victim.stdout
        victim.stdout.readline()
        try:
            victim.wait(0.3 + 0.17 * kill)
        except subprocess.TimeoutExpired:
            victim.kill()
        victim.communicate()
        sales, people = read_file(warehouse.readers.path, BOTH)[0]
        assert sales == people
        assert isinstance(sales, int)
        assert sales >= last
        recover.fn(warehouse, "")
        assert shown(warehouse) == warehouse.read_served()
        served = warehouse.read_served()
        assert served
        last = int(served.run)
        retain.fn(warehouse)
    assert last > 0
    assert not warehouse.readers.path.with_name("serving.duckdb.new").exists()


def test_pandas_opens_it_as_the_documentation_says(
    warehouse: DuckDBWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (example,) = (block.text for block in read_blocks() if "duckdb.connect" in block.text)
    with warehouse.session() as session:
        session.rows("create schema rel_a")
        session.rows("create table rel_a.daily_revenue as select 5 as revenue")
    place = warehouse.model_copy(update={"readers_file": str(tmp_path / ".local" / "serving.duckdb")})
    place.flip(Release(run="a", marts={"daily_revenue": "rel_a.daily_revenue"}, published_at=AT))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(example, "docs/duckdb.md", "exec"), names)
    assert names["revenue"].to_dict("list") == {"revenue": [5]}


@pytest.mark.parametrize("reason", ["Permission denied", "Read-only file system"])
def test_a_file_without_rights_is_not_to_be_moved_away(reason: str) -> None:
    error = translate_error("use w.duckdb", OSError(f'IO Error: Cannot open file "w.duckdb": {reason}'))
    assert "nothing is wrong with the file itself" in str(error)
    assert "move the file away" not in str(error)


def test_a_full_disk_says_what_to_do_and_a_value_with_its_words_is_none() -> None:
    full = 'TransactionContext Error: Failed to commit: Could not write file "w.duckdb.wal": No space left on device'
    assert "Make room on that disk" in str(translate_error("use w.duckdb", OSError(full)))
    value = 'Conversion Error: Could not convert string "No space left on device" to INT32'
    assert "space" not in str(translate_error("use w.duckdb", OSError(value)))
