"""pymysql's socket, found where it was seen; no other driver's."""

from __future__ import annotations

import socket
import sqlite3

import pytest

from blocks.vendor_patches import versions
from blocks.vendor_patches.pymysql import SEEN, find_socket

pymysql = pytest.importorskip("pymysql")


def test_a_connections_socket_is_found() -> None:
    assert versions.is_version("PyMySQL", SEEN)
    connection = pymysql.connections.Connection(defer_connect=True)
    assert connection._sock is None, "it is kept elsewhere now"
    assert find_socket(connection) is None
    here, there = socket.socketpair()
    with here, there:
        connection._sock = here
        assert find_socket(connection) is here
        connection._sock = None  # its own end would say good-bye to the other side


def test_another_drivers_connection_has_none() -> None:
    connection = sqlite3.connect(":memory:")
    assert find_socket(connection) is None
    connection.close()
