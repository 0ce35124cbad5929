"""Addresses that no source or webhook may have: those of a cloud's metadata service, and of the link alone.

A metadata service gives the machine's own credentials to whoever asks it from inside. A source's address comes from
a project or a block, its next page from a server: none of them may lead there. `ALLOW_LINK_LOCAL=1` in the environment
allows it, for networks that use such addresses.
"""

from __future__ import annotations

import os
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from blocks.errors import Misconfigured

ALLOWED_BY = "ALLOW_LINK_LOCAL"
FORBIDDEN_NETWORKS = (
    IPv4Network("169.254.0.0/16"),  # link-local: AWS, Azure, Google and others answer at 169.254.169.254
    IPv4Network("100.100.100.200/32"),  # Alibaba's metadata
    IPv4Network("168.63.129.16/32"),  # Azure's platform
    IPv4Network("192.0.0.192/32"),  # Oracle's metadata
    IPv6Network("fe80::/10"),
    IPv6Network("fd00:ec2::/32"),  # AWS over IPv6
    IPv6Network("fd20:ce::/64"),  # Google over IPv6
)
FORBIDDEN_NAMES = {"metadata", "metadata.google.internal", "metadata.goog", "instance-data"}


def check_address(address: str, asked: str) -> None:
    """Raise Misconfigured for an address (of IPv4 or IPv6) that is not to be reached."""
    if os.environ.get(ALLOWED_BY) == "1":
        return
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and (inner := found.ipv4_mapped or found.sixtofour):
        found = inner
    if any(found in network for network in FORBIDDEN_NETWORKS if network.version == found.version):
        raise _make_refusal(asked)


def check_host(host: str, asked: str) -> None:
    """Raise Misconfigured for a host's name or literal address that is not to be reached; names are not resolved."""
    if host.rstrip(".").lower() in FORBIDDEN_NAMES and os.environ.get(ALLOWED_BY) != "1":
        raise _make_refusal(asked)
    try:
        check_address(host.strip("[]"), asked)
    except ValueError:  # a name: its address is checked once it is connected
        return


def _make_refusal(asked: str) -> Misconfigured:
    return Misconfigured(
        asked,
        "it leads to a link-local address or a cloud's metadata service",
        f"Correct the address; {ALLOWED_BY}=1 in the environment allows it.",
    )


class _CheckedHTTP(HTTPConnection):
    """Checks whom it reached before anything is sent."""

    def connect(self) -> None:
        """Connect; whatever the name resolved to now is what is checked."""
        super().connect()
        _check_peer(self)


class _CheckedHTTPS(HTTPSConnection):
    """The same, after the handshake, which carries no request."""

    def connect(self) -> None:
        """Connect; whatever the name resolved to now is what is checked."""
        super().connect()
        _check_peer(self)


def _check_peer(connection: HTTPConnection) -> None:
    try:
        check_address(connection.sock.getpeername()[0], f"call {connection.host}")
    except BaseException:
        connection.close()
        raise


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _CheckedHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _CheckedHTTPS


class CheckedAdapter(HTTPAdapter):
    """requests' adapter whose connections are checked. Through a proxy it is the proxy's address that is seen."""

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **options: object
    ) -> None:
        """Make the pools, of checked connections."""
        super().init_poolmanager(connections, maxsize, block, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
