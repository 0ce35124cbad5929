"""PostgreSQL's errors as ours, by their SQLSTATE."""

from __future__ import annotations

from contextlib import AbstractContextManager

from blocks.errors import PlatformError, replace_vendor_errors
from blocks.warehouse.sqlstate import make_sqlstate_error


def replace_errors(asked: str) -> AbstractContextManager[None]:
    """Raise psycopg's errors as ours."""
    import psycopg

    def translate(error: BaseException) -> PlatformError:
        return make_sqlstate_error(asked, getattr(error, "sqlstate", None), str(error))

    return replace_vendor_errors(psycopg.Error, translate)
