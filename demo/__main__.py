"""python -m demo: make the embedded company in a folder; with --serve, be its FX source and its ticket desk too."""

from __future__ import annotations

import argparse
import shutil
import threading
from pathlib import Path

from demo.company import generate
from demo.fx_api import serve


def main() -> None:
    """Read the flags and generate."""
    parser = argparse.ArgumentParser(
        prog="python -m demo",
        description="Generate the company's sources.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--folder", type=Path, default=Path(".local/demo"), help="where to put them")
    parser.add_argument("--scale", type=float, default=1.0, help="1 is about 60,000 invoice lines")
    parser.add_argument("--seed", type=int, default=7, help="another seed, another company")
    parser.add_argument("--days", type=int, help="only the ERP's first so many trading days")
    parser.add_argument(
        "--serve", type=int, metavar="PORT", help="serve the FX rates here, until it is stopped"
    )
    flags = parser.parse_args()
    company = generate(flags.folder, flags.scale, flags.seed, flags.days)
    print(f"{company.crm}\n{company.erp}\n{company.fx}", flush=True)
    if flags.serve:
        tickets = flags.folder.parent / "tickets"
        if not tickets.exists():
            shutil.copytree(Path(__file__).parent / "tickets", tickets)
        with serve(company.fx, "0.0.0.0", flags.serve) as address:  # noqa: S104  # other containers read the rates
            print(f"rates at {address}", flush=True)
            threading.Event().wait()


if __name__ == "__main__":
    main()
