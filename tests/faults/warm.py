"""The process that the deliveries of a soak are forked from: `python -m tests.faults.warm ADDRESS`."""

from __future__ import annotations

import sys

from tests.warm_process import become, serve

if __name__ == "__main__":
    import tests.faults.one_delivery  # noqa: F401  # what each of them imports, too
    from blocks.loader.dlt.extract import import_dlt

    import_dlt()
    become(serve(sys.argv[1]))
