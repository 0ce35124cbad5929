"""What the Tableau stand-in does with files: opens workbooks and extracts, and computes a sheet's text from rows.

Tableau's functions as its help lists them (Tableau Functions, alphabetical), as SQL that Hyper and DuckDB take.
"""

from __future__ import annotations

import atexit
import io
import re
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
from lxml import etree
from tableauhyperapi import Connection, HyperException, HyperProcess, Name, TableName, Telemetry


class Refused(Exception):
    """The file can't be published; the text says why."""


class Extracts:
    """Hyper files, asked through one hyperd."""

    def __init__(self) -> None:
        quiet = {"log_config": ""}
        self._process = HyperProcess(Telemetry.DO_NOT_SEND_USAGE_DATA_TO_TABLEAU, parameters=quiet)

    def ask(self, path: Path, expression: str) -> Any:
        with Connection(self._process.endpoint, path) as connection:
            return connection.execute_list_query(f'SELECT {expression} FROM "Extract"."Extract"')[0][0]

    def change(self, data: bytes, payload: bytes, actions: list[dict[str, Any]], folder: Path) -> bytes:
        """An extract after a batch of actions with a payload, as Tableau's reference maps these to SQL."""
        names = {name: folder / f"change-{name}.hyper" for name in ("target", "source")}
        for path, content in zip(names.values(), (data, payload), strict=True):
            path.write_bytes(content)
        with Connection(self._process.endpoint) as connection:
            for name, path in names.items():
                connection.catalog.attach_database(path, alias=name)
            try:
                for action in actions:
                    connection.execute_command(change_sql(connection, action))
            except HyperException as fault:
                raise Refused(str(fault).splitlines()[0]) from None
            finally:
                connection.catalog.detach_all_databases()
        return names["target"].read_bytes()

    def check(self, path: Path) -> None:
        try:
            self.ask(path, "count(*)")
        except HyperException:
            raise Refused(f"{path.name} is no extract, or not all of it arrived") from None


def change_sql(connection: Connection, action: dict[str, Any]) -> str:
    """The statement of one action of the Hyper Update API. Raises Refused for what the reference refuses."""
    source = f'"source"."{action["source-schema"]}"."{action["source-table"]}"'
    target = f'"target"."{action["target-schema"]}"."{action["target-table"]}"'
    columns = [str(Name(name)) for name in list_columns(connection, source)]
    if action["action"] == "insert":
        return f"INSERT INTO {target} ({', '.join(columns)}) SELECT {', '.join(columns)} FROM {source}"
    assert action["action"] == "delete"
    condition = action["condition"]
    assert condition["op"] == "eq"
    if columns != [str(Name(condition["source-col"]))]:
        raise Refused("the source table has columns that the condition does not name")
    same = f"{target}.{Name(condition['target-col'])} = {source}.{Name(condition['source-col'])}"
    return f"DELETE FROM {target} WHERE EXISTS (SELECT * FROM {source} WHERE {same})"


def list_columns(connection: Connection, table: str) -> list[str]:
    name = TableName(*(part.strip('"') for part in table.split(".")))
    return [column.name.unescaped for column in connection.catalog.get_table_definition(name).columns]


@cache
def extracts() -> Extracts:
    """The one for all stand-ins of a process; hyperd ends with it."""
    made = Extracts()
    atexit.register(made._process.close)
    return made


def workbook_of(data: bytes) -> tuple[Any, dict[str, bytes]]:
    """The .twb of a .twb or .twbx, and the other files of its package."""
    try:
        if not zipfile.is_zipfile(io.BytesIO(data)):
            return etree.fromstring(data), {}
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            files = {name: package.read(name) for name in package.namelist()}
        (name,) = (each for each in files if each.endswith(".twb"))
        return etree.fromstring(files.pop(name)), files
    except (etree.XMLSyntaxError, zipfile.BadZipFile, ValueError):
        raise Refused("it is no workbook, or not all of it arrived") from None


def packed(root: Any, files: dict[str, bytes]) -> bytes:
    """A .twbx of these."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr("workbook.twb", etree.tostring(root))
        for name, content in files.items():
            package.writestr(name, content)
    return buffer.getvalue()


def sheet_formula(root: Any, sheet: str) -> tuple[str, str, str]:
    """Caption and formula of the field on a sheet's text shelf, and the data source it is of."""
    (found,) = (each for each in root.iter("worksheet") if each.get("name") == sheet)
    shelf = found.find("table/panes/pane/encodings/text")
    if shelf is None:
        raise Refused(f"sheet {sheet} has no text")
    source, instance = re.fullmatch(r"\[([^\]]+)\]\.(\[.+\])", shelf.get("column")).groups()
    used = next(i for i in found.iter("column-instance") if i.get("name") == instance)
    (column,) = (
        c
        for c in found.iter("column")
        if c.get("name") == used.get("column") and c.find("calculation") is not None
    )
    return column.get("caption"), column.find("calculation").get("formula"), source


def as_sql(formula: str) -> str:
    """A Tableau formula as SQL."""
    sql = re.sub(r'"([^"]*)"', r"'\1'", formula)
    sql = re.sub(r"\[((?:[^\]]|\]\])+)\]", lambda m: '"' + m[1].replace("]]", "]") + '"', sql)
    sql = sql.replace("IFNULL(", "COALESCE(").replace("COUNTD(", "COUNT(DISTINCT ")
    sql = sql.replace("ELSEIF ", "WHEN ").replace("IF ", "CASE WHEN ")
    for function, template in {"STR(": "CAST({} AS TEXT)", "ISNULL(": "(({}) IS NULL)"}.items():
        while (at := sql.find(function)) >= 0:
            end, depth = at + len(function), 1
            while depth:
                depth += {"(": 1, ")": -1}.get(sql[end], 0)
                end += 1
            sql = f"{sql[:at]}{template.format(sql[at + len(function) : end - 1])}{sql[end:]}"
    return sql.replace(" + ", " || ") if "'" in sql else sql


def live_query(root: Any) -> tuple[str, str]:
    """Driver and query of a .tds; in its text < and > stand doubled."""
    inner = root.find("connection/named-connections/named-connection/connection")
    relation = root.find("connection/relation")
    if inner is None or relation is None:
        raise Refused("it is no data source")
    return inner.get("class"), (relation.text or "").replace("<<", "<").replace(">>", ">")


def ask_live(database: Path, query: str, expression: str) -> Any:
    """A live source's answer, out of the DuckDB file that plays the warehouse."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(f"SELECT {expression} FROM ({query}) AS live").fetchall()[0][0]
