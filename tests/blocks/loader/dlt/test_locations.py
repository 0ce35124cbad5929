"""A location holds no secret: it is shown in clear in a flow run's parameters."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from blocks.errors import Misconfigured
from blocks.loader.dlt.loader import DltLoader
from blocks.loader.dlt.locations import split_location

SECRET = "s3cr3t-planted"


@pytest.mark.parametrize(
    ("location", "bare"),
    [
        (
            f"postgresql+psycopg://me:{SECRET}@host:5432/db?sslmode=require",
            "postgresql+psycopg://host:5432/db?sslmode=require",
        ),
        (f"postgresql://me:{SECRET}/?#x@host/db", "postgresql://host/db"),
        (f"sftp://me:{SECRET}@host/folder", "sftp://host/folder"),
        (f"mysql+pymysql://me:{SECRET}%40x@host/db", "mysql+pymysql://host/db"),
        (f"mysql+pymysql://me:{SECRET}@x@host/db", "mysql+pymysql://host/db"),
    ],
)
def test_user_and_password_go_to_the_credentials(location: str, bare: str, tmp_path: Path) -> None:
    loader = DltLoader(locations={"crm": location}, workdir=tmp_path, deadline_seconds=1)
    assert loader.locations == {"crm": bare}
    login = loader.credentials.get_secret_value()["crm"]
    assert login["username"] == "me"
    assert login["password"].startswith(SECRET)
    for shown in (
        repr(loader),
        str(loader),
        loader.model_dump_json(),
        json.dumps(loader.model_dump(), default=str),
    ):
        assert SECRET not in shown
    saved = loader.model_dump(mode="json", context={"include_secrets": True})
    saved.pop("block_type_slug", None)
    assert DltLoader(**saved) == loader


def test_credentials_that_are_given_win(tmp_path: Path) -> None:
    loader = DltLoader(
        locations={"crm": "postgresql://me:old@host/db", "erp": "data"},
        credentials={"crm": {"password": SECRET}, "erp": {"key": "k"}},
        workdir=tmp_path,
        deadline_seconds=1,
    )
    assert loader.credentials.get_secret_value() == {
        "crm": {"username": "me", "password": SECRET},
        "erp": {"key": "k"},
    }


@pytest.mark.parametrize(
    "location",
    [
        f"https://me:{SECRET}@api.example.com/",
        f"https://api.example.com/?api_key={SECRET}",
        f"https://files.example.com/a.csv?sv=1&sig={SECRET}",
        f"postgresql://host/db?user=me&password={SECRET}",
        f"snowflake://host/db?private_key_token={SECRET}",
        f"https://{SECRET}@api.example.com/",
        f"https://api.example.com/?auth={SECRET}",
        f"postgresql://host/db?sslpassword={SECRET}",
        f"postgresql://host/db?pass%2577ord={SECRET}",
        f"postgresql://host/db?options=-c%20password={SECRET}",
        f"postgresql://host/db?service=x;password={SECRET}",
        f"mssql+pyodbc:///?odbc_connect=DRIVER%3D%7Bx%7D%3BPWD%3D{SECRET}",
        f"mssql+pyodbc:///?odbc_connect=DRIVER={{x}};UID=u;PWD={{{SECRET}}};",
        f"s3://bucket/erp?aws_secret_access_key={SECRET}",
        f"s3://bucket/erp?storage_options[secret]={SECRET}",
        f"abfs://data@account/erp?account_key={SECRET}",
        f"md:erp?motherduck_token={SECRET}",
        f"host=h password={SECRET} dbname=d",
        f"Server=h;Database=d;Password={SECRET}",
    ],
)
def test_other_secrets_are_refused_with_what_to_do(location: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="credentials") as refusal:
        DltLoader(locations={"crm": location}, workdir=tmp_path, deadline_seconds=1)
    assert SECRET not in str(refusal.value) + repr(refusal.value)


@pytest.mark.parametrize(
    "location",
    [
        "data/erp",
        "sqlite:////tmp/crm.sqlite",
        "postgresql://me@host/db",
        "https://api.example.com/v1?region=eu&keyword=a",
        "s3://bucket/folder@2026:1",
        "file:///tmp/a:b@c",
        "sftp://host:22/folder@2026",
        "data/key=5/pass",
        "data/my folder key=5",
        "postgresql://me@host/db?sslmode=require&sslkey=/x&sslrootcert=/y",
        "https://api.example.com/v1?country=UK&page_size=5&code=US",
    ],
)
def test_a_location_without_a_secret_stays_as_it_is(location: str) -> None:
    assert split_location("crm", location) == (location, {})
