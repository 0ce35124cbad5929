// The data part of the page: filters, adding up, drill-down, the rows of charts, the order of the table.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import * as page from "./page.js";

const { day } = page;
const SALES = { name: "sales", label: "Sales", form: "number", unit: "", goal: "up", scale: 1, adds: true };
const METRIC = { ...SALES, formula: ["measure", "sales"] };
const BUYERS = { ...METRIC, name: "buyers", label: "Buyers", scale: 4, formula: ["measure", "buyer"] };
const COUNTRIES = ["Malta", "Spain", "Italy"];

// Five days of sales by country, a missing figure among them, and buyers sampled one in four.
function salesOf() {
  const time = ["2025-03-01", "2025-03-02", "2025-03-02", "2025-03-03", "2025-03-05"].map(day);
  const codes = [[0, 1, 0, 2, 1]];
  const facts = { rows: 5, time, codes, columns: [[10, 5, null, -2, 7]] };
  const buyers = { rows: 3, time: time.slice(0, 3), codes: [[0, 1, 0]], columns: [[0, 1, 0]] };
  const measures = [
    { name: "sales", function: "sum" },
    { name: "buyer", function: "count_distinct" },
  ];
  const dimensions = [{ name: "country", label: "Country", values: COUNTRIES }];
  return { dimensions, measures, tables: [facts, { ...buyers, distinct: "buyer", scale: 4 }] };
}

let dataset, selection, view;
beforeEach(() => {
  dataset = page.prepareDataset(salesOf(), "day");
  selection = new page.Selection({
    grain: "day",
    grains: ["day", "week", "month", "quarter", "year"],
    drawn: [
      [62, "day"],
      [1e9, "week"],
    ],
    whole: { first: day("2025-03-01"), last: day("2025-03-05") },
    opening: { first: day("2025-03-01"), last: day("2025-03-05") },
  });
  view = { selection, dataset, metric: METRIC };
});

const totals = () => page.totalsOf(selection, dataset);

test("all rows add up, a missing figure is left out, and a sampled count is scaled", () => {
  assert.deepEqual(totals(), { now: { sales: 20, buyer: 8 }, before: null });
});

test("a range of dates keeps both its ends", () => {
  selection.range = { first: day("2025-03-02"), last: day("2025-03-03") };
  assert.deepEqual(totals().now, { sales: 3, buyer: 8 });
});

test("the range before is as long, and only there if the data reaches back over all of it", () => {
  selection.range = { first: day("2025-03-03"), last: day("2025-03-04") };
  assert.equal(selection.hasBefore, true);
  assert.deepEqual(totals().before, { sales: 15, buyer: 8 });
  selection.range = { first: day("2025-03-03"), last: day("2025-03-05") };
  assert.equal(selection.hasBefore, false);
  assert.equal(totals().before, null);
});

test("a picked value filters, and none picked means all", () => {
  selection.picked.set("country", new page.Choice(["Spain"]));
  assert.deepEqual(totals().now, { sales: 12, buyer: 4 });
  selection.picked.set("country", new page.Choice());
  assert.equal(totals().now.sales, 20);
});

test("values that are left out leave all others, also those that no address knows", () => {
  selection.picked.set("country", new page.Choice(["Spain"], true));
  assert.equal(totals().now.sales, 8);
  const key = selection.filterKey(dataset);
  selection.picked.set("country", new page.Choice(["Spain"]));
  assert.notEqual(selection.filterKey(dataset), key);
  page.readState("not.country=Spain&is.country=Italy&not.country=Malta", selection.model, selection, [
    { dataset, restart() {}, choose() {} },
  ]);
  assert.deepEqual(selection.picked.get("country"), new page.Choice(["Spain", "Malta"], true));
  assert.deepEqual(page.describeFilters(selection, new Map()), ["country: all but Spain, Malta"]);
});

test("filters on a dimension that a dataset lacks leave it alone", () => {
  selection.picked.set("channel", new page.Choice(["Web"]));
  assert.deepEqual(selection.where(dataset), [null]);
});

test("drill-down narrows further, also inside of what is picked", () => {
  selection.picked.set("country", new page.Choice(["Spain", "Italy"]));
  selection.path.push({ dimension: "country", texts: new Set(["Italy", "Malta"]) });
  assert.deepEqual(selection.where(dataset), [new Set([2])]);
  assert.equal(totals().now.sales, -2);
});

test("nothing left is null, and a count of nothing is 0", () => {
  selection.picked.set("country", new page.Choice(["Atlantis"]));
  assert.deepEqual(totals().now, { sales: null, buyer: 0 });
});

test("reset goes back to what the page opens with", () => {
  selection.range = { first: 0, last: 1 };
  selection.picked.set("country", new page.Choice(["Spain"]));
  selection.path.push({});
  selection.reset();
  assert.deepEqual(selection.range, selection.model.opening);
  assert.equal(selection.picked.size + selection.path.length, 0);
});

test("shares leave out what is not above zero, and say how many", () => {
  const { rows, total, left } = page.shareRows(view, page.groupsOf(view, 0, page.MOST.series));
  assert.deepEqual([rows.map(({ label }) => label), total, left], [["Spain", "Malta"], 22, 1]);
  assert.match(rows[0].tip, /^Spain\nSales\t12\nShare\t54.5%$/);
});

test("a bar says that an estimate is one, and what it was before", () => {
  selection.range = { first: day("2025-03-02"), last: day("2025-03-02") };
  view.metric = BUYERS;
  const [first] = page.barRows(view, page.groupsOf(view, 0, 10));
  assert.equal(first.text, "≈ 4");
  assert.equal(first.tip, "Malta\nBuyers\t≈ 4\nPrevious period\t4\nChange\t0.0%");
});

test("points over time are in order of bucket and group, without what is missing", () => {
  const ranking = page.groupsOf(view, 0, page.MOST.series);
  const points = page.findGroupsOverTime(view, "week", ranking.placeOf);
  const monday = page.findBucket(day("2025-03-03"), "week");
  const found = points.map(({ bucket, place, v }) => [bucket - monday, ranking.groups[place].label, v]);
  const wanted = [
    [-1, "Spain", 5],
    [-1, "Malta", 10],
    [0, "Spain", 7],
    [0, "Italy", -2],
  ];
  assert.deepEqual(found, wanted);
});

test("buckets before 1970 keep their group", () => {
  dataset.tables[0].buckets[0] = -1;
  selection.range = { first: -1, last: -1 };
  const [point] = page.findGroupsOverTime(view, "day", () => 5);
  assert.deepEqual(point, { bucket: -1, place: 5, v: 10 });
});

test("an incomplete end of a trend is a dotted piece that starts at its neighbour", () => {
  const points = page.findGroupsOverTime(view, "week", () => 0);
  const rows = page.trendRows(view, points, "week", [{ label: "Sales", others: false }], []);
  assert.deepEqual(
    rows.map(({ kind, part, v }) => [kind, part, v]),
    [
      ["partial", "0-0", 15],
      ["partial", "0-0", 5],
      ["partial", "0-1", 5],
      ["partial", "0-1", 15],
    ],
  );
  assert.match(rows[0].tip, /^Week of 24 Feb 2025 \(not complete\)\nSales\t15$/);
});

test("the line of the period before lies beside the chosen one", () => {
  selection.range = { first: day("2025-03-03"), last: day("2025-03-04") };
  const points = page.earlierPoints(view, "day");
  assert.deepEqual(points, [
    { bucket: day("2025-03-03"), v: 10 },
    { bucket: day("2025-03-04"), v: 5 },
  ]);
  assert.equal(page.earlierRows(points, "day")[0].t, Date.parse("2025-03-03"));
});

test("the table has a row a combination and a column a metric", () => {
  const { columns, rows } = page.tableOf(view, [METRIC, BUYERS], "", () => {});
  assert.deepEqual(
    columns.map(({ label }) => label),
    ["Country", "Sales", "Buyers"],
  );
  const texts = rows.map(({ cells }) => cells.map(({ text }) => text));
  assert.deepEqual(texts, [
    ["Malta", "10", "≈ 4"],
    ["Spain", "12", "≈ 4"],
    ["Italy", "-2", "≈ 0"],
  ]);
  const byMonth = page.tableOf(view, [METRIC], "month", () => {});
  assert.equal(byMonth.columns[0].label, "Month");
  assert.equal(byMonth.rows[0].cells[0].text, "Mar 2025");
});

test("a cell of the table drills into its value", () => {
  const picked = [];
  const { rows } = page.tableOf(view, [METRIC], "day", (...pick) => picked.push(pick));
  rows[0].cells[1].pick();
  assert.deepEqual(picked, [[0, { label: "Malta", codes: [0], others: false }]]);
});

const column = (...values) => values.map((value) => ({ cells: [{ value, text: String(value) }] }));
const sorted = (values, down) => page.sortRows(column(...values), 0, down).map(({ cells }) => cells[0].value);

test("the table is ordered by number or by text, missing values last either way", () => {
  assert.deepEqual(sorted([3, null, -1, 20], true), [20, 3, -1, null]);
  assert.deepEqual(sorted([3, null, -1, 20], false), [-1, 3, 20, null]);
  assert.deepEqual(sorted(["b 10", "B 9", "a"], false), ["a", "B 9", "b 10"]);
  assert.deepEqual(sorted(["b 10", "B 9", "a"], true), ["b 10", "B 9", "a"]);
});

test("CSV has figures as numbers, quotes what needs it, and lets no cell be a formula", () => {
  const columns = [
    { label: "Name, full", figure: false },
    { label: "Sales", figure: true },
  ];
  const row = (text, value) => ({
    cells: [
      { text, value: text },
      { text: "shown", value },
    ],
  });
  const rows = [row('a "b"', 1.5), row("=1+1", -2), row("@x", null), row("two\nlines", 0)];
  const wanted = ['"Name, full",Sales', '"a ""b""",1.5', "'=1+1,-2", "'@x,", '"two\nlines",0'];
  assert.equal(page.toCsv(columns, rows), wanted.join("\r\n"));
});

test("no text of a CSV starts a formula where a spreadsheet separates cells by a semicolon or a tab", () => {
  const columns = [{ label: "Name", figure: false }];
  const cellOf = (text) => page.toCsv(columns, [{ cells: [{ text, value: text }] }]).split("\r\n")[1];
  const signs = ["=", "+", "-", "@", "＝", "＋", "－", "＠"];
  for (const before of ["", ";", "\t", "a;", "a; ", 'a;"', "a\n"]) {
    for (const sign of signs)
      assert.match(cellOf(`${before}${sign}1+1`), new RegExp(`'\\${sign}1`), before + sign);
  }
  assert.equal(cellOf("a; b-c = d"), '"a; b-c = d"');
  assert.equal(cellOf("\tx"), '"\'\tx"');
});

test("date fields are read in either order and stay inside the whole", () => {
  const dates = { whole: { first: day("2025-03-01"), last: day("2025-03-31") }, grain: "day" };
  const read = (from, to) => {
    const { first, last } = page.readRange(from, to, dates);
    return [page.writeIsoDay(first), page.writeIsoDay(last)];
  };
  assert.deepEqual(read("2025-03-20", "2025-03-10"), ["2025-03-10", "2025-03-20"]);
  assert.deepEqual(read("1999-01-01", "2099-01-01"), ["2025-03-01", "2025-03-31"]);
  assert.deepEqual(read("", "2025-03-10"), ["2025-03-01", "2025-03-10"]);
  assert.deepEqual(read("2025-03-10", ""), ["2025-03-10", "2025-03-31"]);
});

test("values of a filter are listed once each, in the order people expect", () => {
  assert.deepEqual(page.sortTexts(["b", "10", "9", "B", "b", "a"]), ["9", "10", "a", "b", "B"]);
});

test("a sum without rows is 0 and drawn, an average without rows is a gap", () => {
  const sums = { ...METRIC, empty: 0 };
  const summed = { selection, dataset, metric: sums };
  const one = [{ label: "Sales", others: false }];
  const points = page.fillGaps(summed, page.findPoints(summed, "day"), "day", one);
  assert.deepEqual(
    points.map(({ v }) => v),
    [10, 5, -2, 0, 7],
  );
  const average = { ...METRIC, empty: null };
  const gapped = { selection, dataset, metric: average };
  const found = page.fillGaps(gapped, page.findPoints(gapped, "day"), "day", one);
  const rows = page.trendRows(gapped, found, "day", one, []);
  assert.deepEqual(
    rows.map(({ part, v, lone }) => [part, v, lone]),
    [
      ["0", 10, false],
      ["0", 5, false],
      ["0", -2, false],
      ["0/1", 7, true],
    ],
  );
});

test("where a part of a formula is missing there is a gap, where nothing is counted 0", () => {
  const net = { ...METRIC, formula: ["-", ["measure", "sales"], ["measure", "refunds"]], empty: 0 };
  const one = [{ label: "Net", others: false }];
  // Sales are 10, 5, nothing, -2 and `last`.
  const drawn = (last) => {
    const given = salesOf();
    given.measures.push({ name: "refunds", function: "sum" });
    given.tables[0].columns[0][4] = last;
    given.tables[0].columns.push([1, null, 2, 3, null]);
    const netted = { selection, dataset: page.prepareDataset(given, "day"), metric: net };
    const halves = [page.findPoints(netted, "day"), page.findGroupsOverTime(netted, "day", () => 0)];
    const [line, split] = halves.map((points) => page.fillGaps(netted, points, "day", one));
    assert.deepEqual(line, split);
    return line.map(({ bucket, v }) => [bucket - day("2025-03-01"), v]);
  };
  assert.deepEqual(drawn(7), [
    [0, 9],
    [1, 3],
    [2, -5],
    [3, 0],
  ]);
  assert.deepEqual(drawn(null).at(-1), [4, 0]); // a row in which neither is given
});

test("a group without rows is 0 of a sum and has no value of an average", () => {
  selection.range = { first: day("2025-03-04"), last: day("2025-03-04") };
  assert.equal(page.valueIn({ selection, dataset, metric: { ...METRIC, empty: 0 } }, selection.range), 0);
  assert.equal(
    page.valueIn({ selection, dataset, metric: { ...METRIC, empty: null } }, selection.range),
    null,
  );
});

test("what is not finished is left out of the comparison, and a year before is by date", () => {
  const model = { ...selection.model, end: day("2025-03-04") };
  const cut = new page.Selection(model);
  cut.range = { first: day("2025-03-03"), last: day("2025-03-05") };
  assert.deepEqual(cut.compared(), {
    now: { first: day("2025-03-03"), last: day("2025-03-04") },
    before: { first: day("2025-03-01"), last: day("2025-03-02") },
  });
  assert.equal(cut.isCut(), true);
  assert.equal(cut.compared(2), null);
  const leap = page.rangeAYearBefore({ first: day("2024-02-29"), last: day("2024-03-01") }, "day");
  assert.deepEqual([page.writeIsoDay(leap.first), page.writeIsoDay(leap.last)], ["2023-03-01", "2023-03-02"]);
});

test("all others in one never set the scale of the bars", () => {
  const rows = [
    { v: 10, previous: 12, others: false },
    { v: -3, previous: null, others: false },
    { v: 5000, previous: 1, others: true },
  ];
  assert.deepEqual(page.barDomain(rows), { low: -3, high: 12 });
});

test("shares know of a value below zero", () => {
  assert.equal(page.shareRows(view, page.groupsOf(view, 0, page.MOST.series)).negative, true);
});

test("stacked bars are in the order of time, whatever order they came in", () => {
  const rows = [
    { when: 2, place: 0, v: 1 },
    { when: 1, place: 1, v: 2 },
    { when: 1, place: 0, v: -3 },
    { when: 1, place: 2, v: 4 },
  ];
  assert.deepEqual(
    page.stackRows(rows).map(({ when, from, to }) => [when, from, to]),
    [
      [1, 0, -3],
      [1, 0, 2],
      [1, 2, 6],
      [2, 0, 1],
    ],
  );
});

test("days are read as people type them", () => {
  for (const text of ["2025-03-03", "3 Mar 2025", "3 March 2025", "03.03.2025", " 3. mar 2025 "])
    assert.equal(page.readDay(text), day("2025-03-03"), text);
  for (const text of ["", "2025", "3 Mär 2025", "3/4/2025", "30 Feb 2025", "2025-13-01"])
    assert.equal(page.readDay(text), NaN, text);
});

test("values along an axis are round and short", () => {
  assert.deepEqual(page.niceTicks(0, 49_700), [0, 10000, 20000, 30000, 40000, 50000]);
  assert.deepEqual(page.niceTicks(-3, 9), [-5, 0, 5, 10]);
  const texts = [
    [50000, { form: "currency:GBP", unit: "£" }, "£50K"],
    [-1.25e9, { form: "number", unit: "" }, "-1.25B"],
    [0.125, { form: "percent", unit: "" }, "12.5%"],
    [0, { form: "number", unit: "" }, "0"],
  ];
  for (const [value, metric, text] of texts) assert.equal(page.writeAxisFigure(value, metric), text);
});

test("a state is written as what differs from the opening, and read back", () => {
  const model = { ...selection.model, whole: selection.model.whole, opening: selection.model.opening };
  const section = {
    dataset,
    restart() {
      this.kept = {};
    },
    choices() {
      return this.kept;
    },
    choose(field, value) {
      this.kept[field] = value;
    },
  };
  section.restart();
  assert.equal(page.writeState(model, selection, [section]), "");
  selection.picked.set("country", new page.Choice(["Spain", "a & b"]));
  selection.path.push({
    dimension: "country",
    texts: new Set(["Malta"]),
    label: "Country: Malta",
    section,
    by: 0,
  });
  selection.range = { first: day("2025-03-02"), last: day("2025-03-03") };
  section.kept = { metric: "sales" };
  const text = page.writeState(model, selection, [section]);
  const other = new page.Selection(model);
  page.readState(text, model, other, [section]);
  assert.deepEqual(other.range, selection.range);
  assert.deepEqual(other.picked, selection.picked);
  assert.deepEqual(other.path[0].texts, new Set(["Malta"]));
  assert.deepEqual(section.kept, { metric: "sales" });
  assert.deepEqual(page.describeFilters(other, new Map([["country", "Country"]])), [
    "Country: Spain, a & b",
    "Country: Malta",
  ]);
});

test("CSV and Excel have plain numbers and ISO days", () => {
  const columns = [
    { label: "Day", figure: false },
    { label: "Sales", figure: true },
  ];
  const rows = [
    {
      cells: [
        { text: "2 Mar 2025", value: 1, plain: "2025-03-02" },
        { text: "£41.85", value: 41.849999999999994 },
      ],
    },
  ];
  assert.equal(page.toCsv(columns, rows), "Day,Sales\r\n2025-03-02,41.85");
});

// Sales of two days, what they add up to on each of five, and a comparison with the day before.
function timesOf() {
  const time = ["2025-03-01", "2025-03-03"].map(day);
  const days = ["2025-03-01", "2025-03-02", "2025-03-03", "2025-03-04", "2025-03-05"].map(day);
  const codes = [[0, 0, 0, 0, 0]];
  const ever = { balance: "sales@all", last: false, grouped: true, perBucket: true, atEnd: true };
  const shift = { count: 1, grain: "day", whole: false, mark: "1 day before" };
  const zeros = [0, 0, 0, 0, 0];
  return page.prepareDataset(
    {
      dimensions: [{ name: "country", label: "Country", values: COUNTRIES }],
      measures: [
        { name: "sales", function: "sum", column: "sales" },
        { name: "sales@all", function: "sum", balance: true, column: "sales@all" },
        { name: "sales@before", function: "sum", column: "sales", shift },
      ],
      tables: [
        { rows: 2, time, codes: [[0, 0]], columns: [[10, 5]] },
        { rows: 5, time: days, codes, columns: [[10, 10, 15, 15, 15], days, zeros], ...ever },
      ],
      until: days.at(-1),
      finest: true,
    },
    "day",
  );
}

test("values of other times stand beside those of the time that is shown, and add nothing to them", () => {
  dataset = timesOf();
  const one = [{ label: "Sales", others: false }];
  const ask = (more) => ({ selection, dataset, metric: { ...METRIC, ...more } });
  const line = (asked) => page.fillGaps(asked, page.findPoints(asked, "day"), "day", one).map(({ v }) => v);
  const sales = ask({ empty: 0 });
  const ever = ask({ formula: ["measure", "sales@all"], elsewhere: true });
  const before = { formula: ["measure", "sales@before"], elsewhere: true, needsBucket: true };
  const compared = ask({ ...before, shifts: [{ count: 1, grain: "day" }] });
  assert.deepEqual(line(sales), [10, 0, 5, 0, 0]);
  assert.deepEqual(
    line(ask({ formula: ["fill", ["measure", "sales"], 7], fillsBuckets: true, empty: 0 })),
    [10, 7, 5, 7, 7],
  );
  assert.deepEqual(line(ever), [10, 10, 15, 15, 15]);
  assert.deepEqual(line(compared), [10, 5]);
  assert.deepEqual(
    [sales, ever].map((each) => page.valueIn(each, selection.range)),
    [15, 15],
  );
  selection.range = { first: day("2025-03-03"), last: day("2025-03-04") };
  assert.deepEqual(
    [sales, ever, compared].map((each) => page.valueIn(each, selection.range)),
    [5, 15, 5],
  );
  assert.equal(page.bucketNote(compared), ", 4 Mar 2025");
  const [group] = page.compareGroups(compared, page.groupsOf(compared, 0, 10));
  assert.deepEqual([group.label, group.v], ["Malta", 5]);
  selection.range = { first: day("2025-03-05"), last: day("2025-03-05") };
  assert.deepEqual(
    [sales, ever, compared].map((each) => page.valueIn(each, selection.range)),
    [0, 15, null],
  );
});

test("an offset in the data's own days is not shown for longer buckets of rows that have no days", () => {
  dataset = { ...timesOf(), finest: false };
  const shifts = [{ count: 1, grain: "day", whole: false }];
  const metric = {
    ...METRIC,
    formula: ["measure", "sales@before"],
    elsewhere: true,
    needsBucket: true,
    shifts,
  };
  assert.deepEqual(page.findPoints({ selection, dataset, metric }, "week"), []);
  assert.equal(page.findPoints({ selection, dataset, metric }, "day").length, 2);
});

// Values by day and country, and how many rows have each: 1, 1, 4 and 10 in all; 2 and 10 of Malta.
function valuesOf(percentile) {
  const time = ["2025-03-01", "2025-03-02", "2025-03-02", "2025-03-03"].map(day);
  const columns = [
    [10, 1, 4, 2],
    [1, 2, 1, 1],
  ];
  const table = { rows: 4, time, codes: [[0, 1, 1, 0]], columns, distinct: "value", scale: 1 };
  const measures = [{ name: "value", function: "percentile", percentile }];
  const dimensions = [{ name: "country", label: "Country", values: COUNTRIES }];
  return page.prepareDataset({ dimensions, measures, tables: [table] }, "day");
}

const percentileOf = (at, discrete) => {
  dataset = valuesOf({ at, discrete });
  return totals().now.value;
};

test("a percentile is of all rows, of which several may have one value", () => {
  assert.equal(percentileOf(0.5, false), 2); // of 1, 1, 2, 4, 10
  assert.equal(percentileOf(0.25, false), 1);
  assert.equal(percentileOf(0.875, false), 7);
  assert.equal(percentileOf(0, false), 1);
  assert.equal(percentileOf(1, false), 10);
});

test("a discrete percentile is one of the values", () => {
  assert.equal(percentileOf(0.6, true), 2);
  assert.equal(percentileOf(0.61, true), 4);
  assert.equal(percentileOf(0, true), 1);
  assert.equal(percentileOf(1, true), 10);
});

test("a percentile goes by the filters and by the groups, and is none without rows", () => {
  dataset = valuesOf({ at: 0.5, discrete: false });
  const metric = { ...METRIC, formula: ["measure", "value"] };
  const groups = page.groupsOf({ selection, dataset, metric }, 0, 10);
  const values = page.compareGroups({ selection, dataset, metric }, groups).map(({ label, v }) => [label, v]);
  assert.deepEqual(values, [
    ["Malta", 6],
    ["Spain", 1],
  ]);
  selection.picked.set("country", new page.Choice(["Malta"]));
  assert.equal(totals().now.value, 6);
  selection.picked.set("country", new page.Choice(["Italy"]));
  assert.equal(totals().now.value, null);
});

// A random number between two, the same each time.
function randomOf(seed) {
  let state = seed;
  return (low, high) => {
    state = (state * 48271) % 2147483647;
    return low + (state / 2147483647) * (high - low);
  };
}

test("whatever moved, the parts add up to the change to the cent, of sums and of ratios", () => {
  const random = randomOf(20111209);
  for (let round = 0; round < 200; round++) {
    const days = ["2025-03-01", "2025-03-02"].map(day);
    const rows = Array.from({ length: 14 }, () => ({
      time: days[Math.floor(random(0, 2))],
      code: Math.floor(random(0, 9)),
      sales: random(0, 1) < 0.1 ? null : Math.round(random(-1e6, 1e8)) / 100,
      orders: Math.floor(random(0, 50)),
    }));
    const measures = ["sales", "orders"].map((name) => ({ name, function: "sum" }));
    const values = Array.from("abcdefghi");
    const table = {
      rows: rows.length,
      time: rows.map(({ time }) => time),
      codes: [rows.map(({ code }) => code)],
      columns: measures.map(({ name }) => rows.map((row) => row[name])),
    };
    const made = { dimensions: [{ name: "country", label: "Country", values }], measures, tables: [table] };
    const formula = ["/", ["measure", "sales"], ["measure", "orders"]];
    const ratio = { ...METRIC, adds: false, empty: null, formula };
    for (const metric of [{ ...METRIC, empty: 0, unit: "£" }, ratio]) {
      const data = page.prepareDataset(JSON.parse(JSON.stringify(made)), "day");
      const own = { selection, dataset: data, metric };
      const [then, now] = days.map((number) => ({ first: number, last: number }));
      const found = page.explain(own, then, now);
      if (!found) continue;
      assert.equal(page.roundValue(found.after - found.before, found.step), found.change);
      for (const { movers } of found.dimensions) {
        const sum = movers.reduce((all, { change }) => all + change, 0);
        assert.equal(page.roundValue(sum, found.step), found.change);
        assert.ok(movers.length <= page.MOST_MOVERS + 1);
      }
      assert.equal(found.dimensions.length, 1);
    }
  }
});

test("members that are new or gone are said, and those beyond the first few are one", () => {
  const [then, now] = ["2025-03-02", "2025-03-05"].map((text) => ({ first: day(text), last: day(text) }));
  selection.picked.set("country", new page.Choice(["Spain"]));
  const found = page.explain({ ...view, metric: { ...METRIC, empty: 0 } }, then, now);
  assert.deepEqual([found.change, found.dimensions], [2, []]); // one member alone explains nothing
  selection.reset();
  const early = { first: day("2025-03-01"), last: day("2025-03-01") };
  const [by] = page.explain({ ...view, metric: { ...METRIC, empty: 0 } }, early, now).dimensions;
  assert.deepEqual(
    by.movers.map(({ label, kind, before, after, change }) => [label, kind, before, after, change]),
    [
      ["Malta", "gone", 10, 0, -10],
      ["Spain", "new", 0, 7, 7],
    ],
  );
});

test("a change whose parts do not add up to it is not cut into them", () => {
  const made = salesOf();
  Object.assign(made.tables[1], { time: made.tables[0].time.slice(0, 3), columns: [[0, 0, 0]] });
  const own = { ...view, dataset: page.prepareDataset(made, "day"), metric: BUYERS };
  const [then, now] = ["2025-03-01", "2025-03-02"].map((text) => ({ first: day(text), last: day(text) }));
  const { change, dimensions } = page.explain(own, then, now);
  assert.deepEqual([change, dimensions], [0, []]); // the same buyer in two countries
});
