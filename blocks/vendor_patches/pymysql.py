"""pymysql has no public way to break off what a connection is doing; its socket has.

On another version than it was seen with, what holds no such socket is closed, which may wait for the query to end.
"""

from __future__ import annotations

import socket

SEEN = "1.2"


def find_socket(connection: object) -> socket.socket | None:
    """The socket of a driver's connection, if it is one of pymysql's; None for any other."""
    found = getattr(connection, "_sock", None)
    return found if isinstance(found, socket.socket) else None
