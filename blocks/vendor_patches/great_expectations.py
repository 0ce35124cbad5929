"""Great Expectations takes the types of a dialect from a module that it knows by the dialect's name.

Seen with great-expectations 1.24: for a dialect named `dremio` it imports `sqlalchemy_dremio.pyodbc`, the public
dialect, which fails (docs/dremio.md). Add here: what else is named to it.
"""

from __future__ import annotations

import sys
from types import ModuleType

from blocks.vendor_patches.versions import require_version

SEEN = "1.24"


def name_type_module(name: str, module: ModuleType) -> None:
    """Let `import name` (`package.module`) find the dialect's types; a real package that is in use stays.

    Raises Misconfigured for another version than this was seen with.
    """
    require_version("great-expectations", SEEN)
    package = name.partition(".")[0]
    sys.modules.setdefault(package, ModuleType(package))
    sys.modules.setdefault(name, module)
