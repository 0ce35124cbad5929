"""Former place of `blocks.http.errors.read_retry_after`; goes when its last user has moved."""

from blocks.http.errors import read_retry_after as retry_after

__all__ = ["retry_after"]
