"""Small real sources for the loader's tests: CSV files, an SQLite file, an HTTP server that can fail."""

from __future__ import annotations

import json
import socket
import sqlite3
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from blocks.loader.dlt.loader import DltLoader
from blocks.records import Column, SourceTable
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse

HEADER = "InvoiceNo,Quantity,InvoiceDate,UnitPrice,Country"
SECRET = "k3y-that-nobody-may-see"


def columns(*declared: tuple[str, str, str, bool]) -> tuple[Column, ...]:
    """Columns from (name, type, name at the source, required)."""
    return tuple(Column(name=n, data_type=t, origin=o, required=r) for n, t, o, r in declared)


def source_table(source: str, name: str, declared: Sequence[Column], **meta: Any) -> SourceTable:
    """A dbt source table that dlt loads."""
    return SourceTable(
        source=source,
        name=name,
        schema_name=f"raw_{source}",
        identifier=name,
        loader="dlt",
        meta=meta,
        columns=tuple(declared),
    )


LINES = source_table(
    "erp",
    "invoice_lines",
    columns(
        ("invoice_no", "varchar", "InvoiceNo", True),
        ("quantity", "integer", "Quantity", True),
        ("invoiced_at", "timestamp", "InvoiceDate", False),
        ("unit_price", "decimal(18,4)", "UnitPrice", False),
        ("country", "varchar", "Country", False),
    ),
    kind="files",
    path="*.csv",
    format="csv",
    load="append",
    final_newline=True,
)
ACCOUNTS = source_table(
    "crm",
    "accounts",
    columns(("account_id", "integer", "account_id", True), ("segment", "varchar", "segment", False)),
    kind="sql",
    table="accounts",
    load="replace",
)
DEALS = source_table(
    "crm",
    "opportunities",
    columns(
        ("opportunity_id", "integer", "opportunity_id", True),
        ("stage", "varchar", "stage", False),
        ("amount", "decimal(18,2)", "amount", False),
        ("updated_at", "timestamp", "updated_at", True),
    ),
    kind="sql",
    table="opportunities",
    load="merge",
    key=["opportunity_id"],
    cursor="updated_at",
)
RATES = source_table(
    "fx",
    "rates",
    columns(
        ("rate_date", "date", "rate_date", True),
        ("currency", "varchar", "currency", True),
        ("rate", "double", "rate", True),
    ),
    kind="rest",
    endpoint="rates",
    records="data",
    cursor="rate_date",
    cursor_param="since",
    paginator="next_url",
    load="merge",
    key=["rate_date", "currency"],
)


class Desk:
    """A folder with one source of each kind, a warehouse and a loader over them."""

    def __init__(self, folder: Path, api: Api | None = None) -> None:
        self.folder, self.erp, self.crm, self.api = folder, folder / "erp", folder / "crm.sqlite", api
        self.erp.mkdir(exist_ok=True)
        self.warehouse = DuckDBWarehouse(database=str(folder / "warehouse.duckdb"))
        self.loader = self.loader_with()
        self.run = 0

    def loader_with(self, **changes: Any) -> DltLoader:
        """The loader, with other settings."""
        locations = {"erp": str(self.erp), "crm": f"sqlite:///{self.crm}"}
        if self.api:
            locations["fx"] = self.api.url
        settings = {"locations": locations, "credentials": {"fx": {"token": SECRET}}, "deadline_seconds": 60}
        return DltLoader(**{**settings, "workdir": self.folder / "work", **changes})

    def load(self, *tables: SourceTable) -> Any:
        """Load tables of one source in a run of its own; the report of a single table alone."""
        self.run += 1
        reports = self.loader.load_source(tables, self.warehouse, f"run{self.run}")
        return reports[0] if len(reports) == 1 else reports

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Look into the warehouse."""
        with self.warehouse.session() as session:
            return session.rows(sql, parameters)

    def day(self, name: str, *lines: str, header: str = HEADER, end: str = "\n") -> Path:
        """Write a CSV file of the ERP."""
        path = self.erp / name
        path.write_text("\n".join([header, *lines]) + end, encoding="utf-8")
        return path

    def sql(self, statement: str, *rows: Sequence[Any]) -> None:
        """Change the CRM."""
        with sqlite3.connect(self.crm) as database:
            if rows:
                database.executemany(statement, rows)
            else:
                database.execute(statement)
        database.close()


class Api:
    """An HTTP server with pages of records. fault: what the next requests meet instead."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.fault, self.faults, self.at, self.seen = "", 0, "", list[tuple[str, str | None]]()
        self.page, self.next_is_a_cursor = 3, False
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                api.seen.append((self.path, self.headers.get("Authorization")))
                if api.fault and api.faults != 0 and api.at in f"{self.command} {self.path}":
                    api.faults -= 1
                    getattr(api, f"_{api.fault}")(self)
                else:
                    api.answer(self)

            def do_POST(self) -> None:
                api.post(self)

            def log_message(self, *args: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self) -> None:
        """Stop serving."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def fail(self, fault: str, times: int = -1, at: str = "") -> None:
        """Let the next requests fail; -1: all. at: only those that have this in `METHOD /path`."""
        self.fault, self.faults, self.at = fault, times, at

    def post(self, handler: BaseHTTPRequestHandler) -> None:
        """Nothing may be sent here."""
        self.seen.append((handler.path, "POST"))
        self.send(handler, 200, b"{}")

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """A page of the records since the cursor, with the next page's URL in the body and in a header."""
        query = parse_qs(urlsplit(handler.path).query)
        since, page = query.get("since", [""])[0], int(query.get("page", ["0"])[0])
        begin = int(query["offset"][0]) if "offset" in query else page * self.page
        chosen = [r for r in self.records if not isinstance(r, dict) or str(r.get("rate_date", "")) >= since]
        end = begin + self.page
        following: Any = f"{self.url}rates?since={since}&page={page + 1}" if end < len(chosen) else None
        link = {"Link": f'<{following}>; rel="next"'} if following else {}
        if following and self.next_is_a_cursor:
            following = str(page + 1)
        body = json.dumps({"data": chosen[begin:end], "next": following})
        self.send(handler, 200, body.encode(), **link)

    def send(self, handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
        """One answer."""
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    def _unauthorized(self, handler: BaseHTTPRequestHandler) -> None:
        self.send(handler, 401, f"bad token {handler.headers['Authorization']}".encode())

    def _forbidden(self, handler: BaseHTTPRequestHandler) -> None:
        self.send(handler, 403, b"{}")

    def _missing(self, handler: BaseHTTPRequestHandler) -> None:
        self.send(handler, 404, b"{}")

    def _crash(self, handler: BaseHTTPRequestHandler) -> None:
        self.send(handler, 500, b"oops")

    def _moved(self, handler: BaseHTTPRequestHandler) -> None:
        self.send(handler, 302, b"", Location="http://elsewhere.invalid/")

    def _limit(self, handler: BaseHTTPRequestHandler) -> None:
        self.send(handler, 429, b"{}", Retry_After="1")

    def _limit_date(self, handler: BaseHTTPRequestHandler) -> None:
        soon = datetime.now(UTC) + timedelta(seconds=2)
        self.send(handler, 429, b"{}", Retry_After=format_datetime(soon, usegmt=True))

    def _limit_long(self, handler: BaseHTTPRequestHandler) -> None:
        self.send(handler, 429, b"{}", Retry_After="3600")

    def _html(self, handler: BaseHTTPRequestHandler) -> None:
        self.send(handler, 200, b"<!doctype html><title>Log in</title>")

    def _broken(self, handler: BaseHTTPRequestHandler) -> None:
        self.send(handler, 200, b'{"data": [')

    def _renamed(self, handler: BaseHTTPRequestHandler) -> None:
        self.send(handler, 200, b'{"items": []}')

    def _loop(self, handler: BaseHTTPRequestHandler) -> None:
        self.send(handler, 200, json.dumps({"data": [], "next": f"{self.url}rates"}).encode())

    def _stranger(self, handler: BaseHTTPRequestHandler) -> None:
        url = self.url.replace("127.0.0.1", "localhost")
        self.send(handler, 200, json.dumps({"data": [], "next": f"{url}rates?page=1"}).encode())

    def _slow(self, handler: BaseHTTPRequestHandler) -> None:
        time.sleep(3)

    def _drip(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        with suppress(BrokenPipeError, ConnectionResetError):  # who asked had enough
            for _ in range(40):
                handler.wfile.write(b" ")
                handler.wfile.flush()
                time.sleep(0.1)

    def _drop(self, handler: BaseHTTPRequestHandler) -> None:
        handler.connection.shutdown(socket.SHUT_RDWR)

    def _half(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"data": []')
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RDWR)


def rate(day: str, currency: str = "EUR", value: Any = 1.25, **more: Any) -> dict[str, Any]:
    """A record of the FX API."""
    return {"rate_date": day, "currency": currency, "rate": value, **more}
