"""JSON files and answers: every digit of a number, nested values, arrays, records over several lines."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from blocks.errors import ContractBroken
from blocks.loader.dlt.rest.api import ExactAnswer, write_json
from blocks.records import SourceTable
from tests.blocks.loader.origins import RATES, Api, Desk, columns, source_table

NUMBERS = {  # as written → a decimal(38,10), a text
    "12345678901234567.89": ("12345678901234567.8900000000", "12345678901234567.89"),
    "-0.1234567891": ("-0.1234567891", "-0.1234567891"),
    "1234567890123456789012345678": (
        "1234567890123456789012345678.0000000000",
        "1234567890123456789012345678",
    ),
    "1.10": ("1.1000000000", "1.10"),
    "1e3": ("1000.0000000000", "1e3"),
    "1.5E-3": ("0.0015000000", "1.5E-3"),
    "0.00001": ("0.0000100000", "0.00001"),
    "9007199254740993": ("9007199254740993.0000000000", "9007199254740993"),
    "-0.0": ("0.0000000000", "-0.0"),
}


def numbers(kind: str = "jsonl", **meta: Any) -> SourceTable:
    declared = columns(
        ("id", "integer", "id", True),
        ("x", "decimal(38,10)", "x", False),
        ("words", "varchar", "words", False),
    )
    settings = {"kind": "files", "format": kind, "path": f"*.{kind}", "load": "append", **meta}
    return source_table("erp", "numbers", declared, **settings)


WORDS = 'say "12345678901234567.89", \\: 1.50, [1e3] \\'


def record(at: int, number: str) -> str:
    words = json.dumps(WORDS)
    more = f'{{"a": [{number}, "{number}"]}}'
    return f'{{"id": {at}, "x": {number}, "words": {words}, "more": {more}, "t": {number}}}'


@pytest.mark.parametrize("kind", ["lines", "array", "objects", "indented"])
def test_numbers_keep_every_digit(desk: Desk, kind: str) -> None:
    """As values of any type, in nested values, and beside strings that look like numbers."""
    records = [record(at, number) for at, number in enumerate(NUMBERS)]
    if kind == "lines":
        (desk.erp / "a.jsonl").write_text("\n".join(records) + "\n")
    elif kind == "objects":
        (desk.erp / "a.json").write_text("\n".join(one.replace(', "', ',\n "', 1) for one in records))
    else:
        comma = ",\n\n" if kind == "indented" else ","
        (desk.erp / "a.json").write_text(f"\n [{comma.join(records)}]\n")
    report = desk.load(numbers("jsonl" if kind == "lines" else "json"))
    assert (report.rows, report.quarantined) == (len(NUMBERS), 0)
    found = desk.rows("select x::varchar, t, words, more from raw_erp.numbers order by id")
    assert [row[:2] for row in found] == list(NUMBERS.values())
    assert {row[2] for row in found} == {WORDS}
    assert [row[3] for row in found] == [f'{{"a":[{n},"{n}"]}}' for n in NUMBERS]


def test_numbers_of_an_api_keep_every_digit(online: Desk, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in files; the answer is written as it is, digit by digit."""
    records = ", ".join(record(at, number) for at, number in enumerate(NUMBERS))
    body = f'{{"data": [{records}]}}'.encode()
    monkeypatch.setattr(api, "answer", lambda handler: api.send(handler, 200, body))
    table = numbers().model_copy(
        update={
            "source": "fx",
            "schema_name": "raw_fx",
            "meta": {**RATES.meta, "load": "replace", "cursor": None, "key": []},
        }
    )
    assert online.load(table).rows == len(NUMBERS)
    found = online.rows("select x::varchar, t from raw_fx.numbers order by id")
    assert [row[0] for row in found] == [x for x, _ in NUMBERS.values()]
    assert [Decimal(row[1]) for row in found] == [Decimal(text) for _, text in NUMBERS.values()]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_an_array_is_its_records(desk: Desk, name: str) -> None:
    """Whatever the file is called; what is no object is a bad row."""
    (desk.erp / name).write_text('[{"id":1},\n {"id":2, "x": 1.5}, 7]\n')
    kind = name.rpartition(".")[2]
    report = desk.load(numbers(kind))
    assert (report.rows, report.quarantined) == (2, 1)
    ((reason,),) = desk.rows("select _reason from raw_erp.numbers__quarantine")
    assert reason.startswith("the row: not a JSON object")
    (desk.erp / f"b.{kind}").write_text('[{"id":3},\n {"id":\n')
    with pytest.raises(ContractBroken, match=f"b.{kind}"):
        desk.load(numbers(kind))


def test_objects_on_one_line_are_records(desk: Desk) -> None:
    (desk.erp / "a.jsonl").write_text('{"id": 1, "v": "}{"}{"id": 2, "v": "b"}\n{"id": 3, "v": "c"}\n')
    declared = columns(("id", "integer", "id", True), ("v", "varchar", "v", False))
    desk.load(source_table("erp", "t", declared, kind="files", path="a.jsonl", format="jsonl"))
    assert desk.rows("select v from raw_erp.t order by id") == [("}{",), ("b",), ("c",)]


@pytest.mark.parametrize(
    "text",
    [
        '{\n  "id": 1\n}\n{"id":\n2}\n',
        '{"id": 1}\n{\n"id": 2\n}\n',
        '{"id": 1\n, "words": "a"}\n{"id": 2}\n',
        '{"id":\n1}\n{"id": 2}\n',
        '{ "id": 1 }\r\n\r\n{ "id": 2,\r\n  "x": 2 }\r\n',
    ],
)
def test_objects_over_several_lines_need_no_declaration(desk: Desk, text: str) -> None:
    (desk.erp / "a.jsonl").write_text(text)
    assert desk.load(numbers()).rows == 2


def test_objects_over_several_lines_far_behind_are_refused_with_what_to_declare(desk: Desk) -> None:
    """Which lines there are is seen at a file's begin."""
    lines = '{"id": 1}\n' * 8_000 + '{"id":\n2}\n' * 9_000
    (desk.erp / "a.jsonl").write_text(lines)
    with pytest.raises(ContractBroken, match="Declare `format: json` if its records go over several lines"):
        desk.load(numbers())
    assert desk.load(numbers("jsonl", format="json")).rows == 17_000


def test_lines_and_arrays_come_together_as_they_do_one_by_one(desk: Desk) -> None:
    (desk.erp / "a.json").write_text('{"id": 1}\n{"id": 2}\n')
    (desk.erp / "b.json").write_text('\ufeff[{"id": 3, "x": 0.10}]')
    (desk.erp / "c.json").write_text('{\n "id": 4,\n "x": 2.5\n}\n')
    assert desk.load(numbers("json")).rows == 4
    assert desk.rows("select id, x::varchar from raw_erp.numbers order by id") == [
        (1, None),
        (2, None),
        (3, "0.1000000000"),
        (4, "2.5000000000"),
    ]


REPEATED = '{"id": 7, "x": 1, "x": 2}'


@pytest.mark.parametrize("kind", ["jsonl", "json"])
def test_a_name_that_is_there_twice_makes_a_bad_row(desk: Desk, kind: str) -> None:
    """Neither value wins in silence; in a nested value both arrive."""
    good = '{"id": 1, "x": 1.50, "words": {"a": 1, "a": 2}}'
    lines = [good, REPEATED, good.replace("1.50", "2")]
    text = "\n".join(lines) if kind == "jsonl" else f"[{','.join(lines)}]"
    (desk.erp / f"a.{kind}").write_text(f"{text}\n")
    report = desk.load(numbers(kind))
    assert (report.rows, report.quarantined) == (2, 1)
    waste = "select _row, _reason from raw_erp.numbers__quarantine"
    assert desk.rows(waste) == [(REPEATED, "the row: a name is there more than once")]
    assert desk.rows("select distinct words from raw_erp.numbers") == [('{"a":1,"a":2}',)]


@pytest.mark.parametrize("other", ["Words", "WORDS", " words"])
def test_a_declared_name_in_another_spelling_makes_a_bad_row(desk: Desk, other: str) -> None:
    """Its value would be in a column of its own, and the declared one empty. Beside the declared name it is another."""
    plain = '{"id": 1, "words": "a"}\n{"id": 2, "words": null, "other": "b"}\n{"id": 3, "words": "c", "other": "d"}\n'
    plain = plain.replace('"other"', f'"{other}"')
    (desk.erp / "a.jsonl").write_text(f'{plain}{{"id": 4, "{other}": "e"}}\n{{"id": 5, "{other}": null}}\n')
    report = desk.load(numbers())
    assert (report.rows, report.quarantined) == (4, 1)
    waste = desk.rows("select _row, _reason from raw_erp.numbers__quarantine")
    assert waste == [(f'{{"id": 4, "{other}": "e"}}', "the row: words is there in another spelling")]
    found = desk.rows("select id, words, words_2 from raw_erp.numbers order by id")
    assert found == [(1, "a", None), (2, None, "b"), (3, "c", "d"), (5, None, None)]


@pytest.mark.parametrize("kind", ["files", "rest"])
def test_a_declared_name_that_is_written_otherwise_everywhere_is_refused(
    online: Desk, api: Api, kind: str
) -> None:
    records = [{"ID": at, "Words": "a", "id": at} for at in range(3)]
    table = numbers()
    if kind == "files":
        (online.erp / "a.jsonl").write_text("\n".join(map(json.dumps, records)))
    else:
        api.answer = lambda handler: api.send(handler, 200, json.dumps({"data": records}).encode())  # type: ignore[method-assign]
        table = table.model_copy(
            update={"source": "fx", "meta": {"kind": "rest", "endpoint": "rates", "records": "data"}}
        )
    with pytest.raises(ContractBroken, match=r"words is there in another spelling\. Write its `origin`"):
        online.load(table)


@pytest.mark.parametrize("records", [[[{"id": 1}], [{"id": 2}]], [1, 2, 3]])
def test_records_of_an_api_that_are_no_objects_say_where_these_may_be(
    online: Desk, api: Api, records: list[object]
) -> None:
    api.answer = lambda handler: api.send(handler, 200, json.dumps({"data": records}).encode())  # type: ignore[method-assign]
    settings = {"kind": "rest", "endpoint": "rates", "records": "data"}
    with pytest.raises(ContractBroken, match="Let `records` lead to the objects"):
        online.load(numbers().model_copy(update={"source": "fx", "meta": settings}))


def test_a_name_that_an_api_gives_twice_makes_a_bad_row() -> None:
    exact = ExactAnswer()
    exact._content = f'{{"data": [{REPEATED}, {{"n": {{"a": 1.10, "a": "x"}}}}]}}'.encode()
    found = exact.json()
    assert isinstance(found, dict)
    assert write_json(found["data"][0]) == REPEATED
    assert write_json(found["data"][1]) == '{"n": {"a": 1.10, "a": "x"}}'


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 60, "-1e400"])
def test_a_number_beyond_all_bounds_makes_a_bad_row(desk: Desk, value: str) -> None:
    (desk.erp / "a.jsonl").write_text(
        f'{{"id": 1, "x": 1}}\n{{"id": 2, "x": {value}}}\n{{"id": 3, "x": 1}}\n'
    )
    report = desk.load(numbers())
    assert (report.rows, report.quarantined) == (2, 1)
    reason = "larger than decimal(38,10) holds" if value[-1].isdigit() else "not a number"
    assert desk.rows("select _reason from raw_erp.numbers__quarantine") == [(f"x: {reason}",)]


def test_an_empty_line_is_no_record(desk: Desk) -> None:
    (desk.erp / "a.jsonl").write_text('{"id": 1}\n\n  \n{"id": 2}\n\n')
    report = desk.load(numbers())
    assert (report.rows, report.quarantined) == (2, 0)


def test_records_inside_of_an_object_are_not_taken_for_one_without_values(desk: Desk) -> None:
    table = numbers()
    loose = tuple(column.model_copy(update={"required": False}) for column in table.columns)
    (desk.erp / "a.jsonl").write_text('{"data": [{"id": 1}, {"id": 2}]}\n')
    with pytest.raises(ContractBroken, match="its columns are data"):
        desk.load(table.model_copy(update={"columns": loose}))


@pytest.mark.parametrize("end", [",", ",\n", ""])
def test_an_array_that_was_cut_off_is_refused(desk: Desk, end: str) -> None:
    """DuckDB takes one that ends behind a comma for a whole one."""
    (desk.erp / "a.json").write_text('[{"id": 1, "x": 1}' + end)
    with pytest.raises(ContractBroken, match=r"a\.json: it can't be read as JSON: it is cut off"):
        desk.load(numbers("json"))


@pytest.mark.parametrize("kind", ["jsonl", "api"])
def test_a_number_is_not_read_as_texts_beside_it_are_written(
    desk: Desk, online: Desk, api: Api, kind: str
) -> None:
    """A number 1.234 is no 1234, where texts have points between thousands."""
    values = [{"id": 1, "x": 1.234}, {"id": 2, "x": "1.234,5"}, {"id": 3, "x": 1.5}]
    first, second, third = numbers().columns
    spelled = second.model_copy(update={"meta": {"decimal": ",", "thousands": "."}})
    table = numbers().model_copy(update={"columns": (first, spelled, third)})
    if kind == "jsonl":
        (desk.erp / "a.jsonl").write_text("".join(json.dumps(value) + "\n" for value in values))
    else:
        desk, api.records = online, values
        rest = {"kind": "rest", "endpoint": "rates", "records": "data", "paginator": "next_url"}
        table = table.model_copy(update={"source": "fx", "meta": rest})
    assert desk.load(table).rows == 3
    assert desk.rows("select x::varchar from raw_erp.numbers order by id") == [
        ("1.2340000000",),
        ("1234.5000000000",),
        ("1.5000000000",),
    ]


def test_a_text_that_looks_like_our_mark_costs_no_digit(desk: Desk) -> None:
    (desk.erp / "a.jsonl").write_text('{"id": 1, "words": "\\u0001#", "x": 12345678901234567.125}\n')
    assert (desk.load(numbers()).quarantined, desk.rows("select count(*) from raw_erp.numbers")) == (
        1,
        [(0,)],
    )


def test_what_is_no_json_stays_none_with_odd_numbers_in_it(desk: Desk) -> None:
    """1.5.2 would be a text, once numbers are made texts."""
    lines = [
        '{"id": 1, "v": 1.5.2}',
        '{"id": 2, "v": 1.50}',
        '{"id": 3, "v": 2}',
        "[4]",
        ' {"id": 5, "v": 1e3} ',
    ]
    (desk.erp / "a.jsonl").write_text("\n".join(lines) + "\n")
    declared = columns(("id", "integer", "id", True), ("v", "varchar", "v", False))
    table = source_table("erp", "odd", declared, kind="files", path="a.jsonl", format="jsonl")
    assert (desk.load(table).rows, desk.rows("select v from raw_erp.odd order by id")) == (
        3,
        [("1.50",), ("2",), ("1e3",)],
    )
    assert desk.rows("select distinct _reason from raw_erp.odd__quarantine") == [
        ("the row: not a JSON object; id: missing",)
    ]


def test_zeros_at_the_end_stay_in_texts_whatever_stands_beside_them(desk: Desk) -> None:
    """Of what is read as a number alone they say nothing, and are not kept: that would take twice as long."""
    words = {
        1: '"12.30"',
        2: "12.30",
        3: '{"x": 7.50}',
        4: "[7.50]",
        5: r'"a \", \"x\": 7.50, "',
        6: '"x: 7.50,"',
        7: "1.5",
    }
    lines = [
        f'{{"id": {at}, "x": 1.50, "y": 2.250, "words": {text}, "z": "0.10"}}' for at, text in words.items()
    ]
    declared = columns(
        ("id", "integer", "id", True),
        ("x", "decimal(9,2)", "x", False),
        ("y", "double", "y", False),
        ("words", "varchar", "words", False),
        ("z", "varchar", "z", False),
        ("quoted", "varchar", 'b"x', False),
    )
    lines[-1] = lines[-1].replace('"z"', r'"b\"x": 7.50, "z"')
    (desk.erp / "a.jsonl").write_text("\n".join(lines) + "\n")
    table = source_table("erp", "zeros", declared, kind="files", path="a.jsonl", format="jsonl")
    assert desk.load(table).rows == len(words)
    found = desk.rows("select x::varchar, y, words, z from raw_erp.zeros order by id")
    assert {row[:2] for row in found} == {("1.50", 2.25)}
    assert [row[2].replace(": ", ":") for row in found] == [
        "12.30",
        "12.30",
        '{"x":7.50}',
        "[7.50]",
        'a ", "x":7.50, ',
        "x:7.50,",
        "1.5",
    ]
    assert {row[3] for row in found} == {"0.10"}
    assert desk.rows("select quoted from raw_erp.zeros where quoted is not null") == [("7.50",)]
    for null in ("1.50", "1.5"):  # a text that stands for nothing is told from others by its zeros
        nothing = declared[1].model_copy(update={"meta": {"null_values": [null]}})
        table = table.model_copy(update={"columns": (declared[0], nothing), "name": f"zeros_{len(null)}"})
        table = table.model_copy(update={"identifier": table.name})
        desk.load(table)
        counted = desk.rows(f"select count(x) from raw_erp.{table.name}")
        assert counted == [(0 if null == "1.50" else len(words),)]
