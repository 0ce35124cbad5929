"""No address of a block holds a login: a block's fields are shown in clear."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from blocks.errors import Misconfigured
from blocks.http.address import find_served, refuse_login, refuse_login_in_host
from blocks.prefect.block_types import find_block_class

SECRET = "planted-Pa55word"
LOGIN = {"user": "u", "password": "p"}
DREMIO = {"database": "d", "host": "h", "landing": "l", "landing_url": "/mnt/l", "token": "t"}
FIELDS: list[tuple[str, str, dict[str, Any]]] = [
    ("jira-tracker", "server", {"project": "AN", "token": "t"}),
    ("tableau-site", "server", {}),
    ("folder-site", "address", {"folder": "f"}),
    ("fivetran-loader", "address", {"api_key": "k", "api_secret": "s"}),
    ("stitch-loader", "address", {"client_id": 1, "token": "t"}),
    ("dremio-warehouse", "landing_url", DREMIO),
]
HOSTS = [
    ("dremio-warehouse", "host", DREMIO),
    ("dremio-warehouse", "flight_host", DREMIO),
    ("postgres-warehouse", "host", {"database": "d", **LOGIN}),
]


@pytest.mark.parametrize(("slug", "field", "others"), FIELDS + HOSTS)
def test_a_login_in_a_blocks_address_is_refused_without_showing_it(
    slug: str, field: str, others: dict[str, Any]
) -> None:
    address = f"someone:{SECRET}@bi.example.com"
    for given in (
        (address,) if (slug, field, others) in HOSTS else (f"https://{address}", f"https://{SECRET}@b")
    ):
        with pytest.raises(Misconfigured, match="a user or a password") as refused:
            find_block_class(slug)(**{**others, field: given})
        assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "address",
    [
        "https://bi.example.com/a@b",
        "/mnt/a@b",
        "s3://bucket/a@b",
        "abfss://landing@account.dfs.core.windows.net/x",
        "",
    ],
)
def test_other_addresses_stay_as_they_are(address: str) -> None:
    assert refuse_login(address) == address


@pytest.mark.parametrize(
    "address", ["abfss://u:p@account", "https:u:p@host", "postgresql+x://u@h/d", " ftp://a@b"]
)
def test_a_login_is_found_in_every_form(address: str) -> None:
    with pytest.raises(Misconfigured):
        refuse_login(address)


def test_a_host_is_a_name_alone() -> None:
    assert refuse_login_in_host("db.example.com") == "db.example.com"
    assert refuse_login_in_host(None) is None


def test_a_file_of_a_served_folder_has_an_address_without_spaces(tmp_path: Path) -> None:
    file = tmp_path / "team sales" / "index.html"
    assert find_served("https://bi.example.com/", tmp_path, file) == (
        "https://bi.example.com/team%20sales/index.html"
    )
    with pytest.raises(ValueError, match="subpath"):
        find_served("https://bi.example.com", tmp_path / "other", file)
