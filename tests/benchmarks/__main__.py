"""The README's figures: `make bench`, or `python -m tests.benchmarks NAME ...` for some of them."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.measure import Measured, measure
from tests.conftest import REAL_ERP

TEN_MILLION = 165


def demo(folder: Path) -> None:
    """The main job at demo scale, from nothing, against the same work by a plain script."""
    ours = measure("flows/main.py", "--quiet", "--state", folder / "ours")
    plain = measure("-m", "tests.benchmarks.plain", folder / "plain")
    say("demo, the workflow", ours)
    say("demo, a plain script", plain)
    print(f"ratio {ours.seconds / plain.seconds:.2f}")


def real(folder: Path) -> None:
    """The 541,909 real invoice lines, end to end."""
    if not REAL_ERP.is_dir():
        print("real lines: ../shared/data is not here")
        return
    say(
        "541,909 real lines",
        measure("flows/main.py", "--quiet", "--state", folder, "--source", f"erp={REAL_ERP}"),
    )


def large(folder: Path) -> None:
    """Ten million generated lines, end to end; making them is not counted."""
    measure("-m", "demo", "--folder", folder / "demo", "--scale", TEN_MILLION)
    say("10 million lines", measure("flows/main.py", "--quiet", "--state", folder, "--scale", TEN_MILLION))


def load(folder: Path) -> None:
    """One million rows by the loader, from CSV and from PostgreSQL, against plain ways over the same input."""
    from tests.benchmarks import bench_load, bench_postgresql

    bench_load.main()
    if Path("/usr/lib/postgresql").is_dir():
        bench_postgresql.main()
    else:
        print("PostgreSQL is not installed")


def hyper(folder: Path) -> None:
    """Five million rows into a Tableau extract, against Parquet alone."""
    from tests.benchmarks import bench_hyper

    bench_hyper.main()


def journal(folder: Path) -> None:
    """What a run reads of the journal after 1,000 runs, before and after pruning."""
    from tests.benchmarks import bench_journal

    bench_journal.main()


def history(folder: Path) -> None:
    """The real lines day by day against the gate's history: false alarms a year, which faults are seen, a referee."""
    from tests.benchmarks import bench_history, referee_history

    bench_history.main()
    referee_history.main()


def prose(folder: Path) -> None:
    """Requests in people's own words: precision and recall of what is proposed, on tickets tuned on and others."""
    from tests.prose import read_cases, score_cases

    parts = {
        "tuned": "that the reader was tuned on",
        "held_out": "that were held back",
        "later": "of later, whose mistakes were mended",
    }
    for part, what in parts.items():
        cases = read_cases(part)
        print(f"{len(cases)} tickets {what}: {score_cases(cases)}", flush=True)


def reuse(folder: Path) -> None:
    """Runs in which little is new, over projects of 13 to 300 models, against their cold run."""
    from tests.benchmarks import bench_reuse

    bench_reuse.main(folder)


def page(folder: Path) -> None:
    """A page of 50,000 rows in Chromium, the CPU slowed four times."""
    from tests.benchmarks import bench_page

    bench_page.main()


BENCHMARKS: dict[str, Callable[[Path], None]] = {
    "demo": demo,
    "real": real,
    "large": large,
    "load": load,
    "hyper": hyper,
    "journal": journal,
    "history": history,
    "page": page,
    "reuse": reuse,
    "prose": prose,
}


def say(what: str, measured: Measured) -> None:
    """One figure on one line."""
    print(f"{what}: {measured.seconds:.1f} s, {measured.megabytes:,.0f} MB at the peak", flush=True)


if __name__ == "__main__":
    for name in sys.argv[1:] or BENCHMARKS:
        scratch = Path(tempfile.mkdtemp(prefix=f"bench-{name}-"))
        try:
            BENCHMARKS[name](scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
