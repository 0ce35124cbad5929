// The page's answers to the cases in tests/cases; tests/blocks/site/test_cases.py asks Python the same.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as page from "./page.js";

const { cases, day } = page;
const figures = cases("number_format");
const formulas = cases("formulas");
const periods = cases("periods");
const movements = cases("movements");
const { titles } = cases("titles");
const EVER = { first: 0, last: 0 };

test("short figures", () => {
  for (const { value, form, text } of figures.short) {
    assert.equal(page.writeCompact(value, { form, unit: figures.forms[form] }), text, `${value} as ${form}`);
  }
});

test("titles", () => {
  for (const { title, words, text } of titles) assert.equal(page.writeTitle(title, words), text, title);
});

test("changes", () => {
  for (const { value, before, form, goal, text, tone } of figures.changes) {
    const found = page.describeChange(value, before, { form, goal });
    const shown = { text: found?.text ?? null, tone: found?.tone ?? "even" };
    assert.deepEqual(shown, { text, tone }, `${before} to ${value} as ${form}`);
  }
});

test("days and spans", () => {
  for (const { first, last, text } of figures.spans) {
    assert.equal(page.writeSpan(day(first), day(last)), text);
  }
});

// Rows as Python's Reduction hands them to the page: one table of sums, one of each distinct count's values.
function datasetOf(rows, measures) {
  const names = Object.keys(measures);
  const sums = names.filter((name) => measures[name] !== "count_distinct");
  const codes = () => [rows.map((_row, i) => i)];
  const tables = [{ rows: rows.length, codes: codes(), columns: sums.map((n) => rows.map((row) => row[n])) }];
  for (const name of names.filter((one) => !sums.includes(one))) {
    const values = [...new Set(rows.map((row) => row[name]))].filter((value) => value !== null);
    const members = rows.flatMap((row, i) => (row[name] === null ? [] : [[i, values.indexOf(row[name])]]));
    const columns = [members.map(([, value]) => value)];
    tables.push({
      rows: members.length,
      codes: [members.map(([i]) => i)],
      columns,
      distinct: name,
      scale: 1,
    });
  }
  const dimension = { name: "label", label: "Label", values: rows.map((row) => row.label) };
  const listed = [...sums, ...names.filter((name) => !sums.includes(name))];
  const described = listed.map((name) => ({ name, function: measures[name] }));
  return page.prepareDataset({ dimensions: [dimension], measures: described, tables }, "day");
}

test("formulas", () => {
  for (const { rows, formula, value } of formulas.formulas) {
    const dataset = datasetOf(formulas.rows[rows], formulas.measures);
    const totals = page.addUp(dataset, EVER, [null]).get("") ?? page.totalsOfNothing(dataset);
    assert.equal(page.evaluate(formula, totals), value, `${JSON.stringify(formula)} over ${rows}`);
  }
});

test("rankings", () => {
  for (const { values, most, groups } of formulas.rankings) {
    const dataset = datasetOf(
      values.map(([label, gross]) => ({ label, gross })),
      { gross: "sum" },
    );
    const metric = { formula: ["measure", "gross"] };
    const selection = new page.Selection({ grain: "day", whole: null, opening: null });
    const view = { selection, dataset, metric };
    const found = page.compareGroups(view, page.groupsOf(view, 0, most));
    assert.deepEqual(
      found.map(({ label, v }) => [label, v]),
      groups,
    );
  }
});

for (const { name, formula, step, change, uneven, parts, ...sides } of movements.divided) {
  test(`a change in parts: ${name}`, () => {
    const [before, after] = [sides.before, sides.after].map((side) => new Map(Object.entries(side)));
    const found = page.divide(formula, before, after);
    if (parts === null) {
      assert.equal(found, null);
      return;
    }
    found.sort((a, b) => (a.member < b.member ? -1 : 1));
    const size = Number(step);
    const wholes = found.map(({ rate, mix }) => rate + mix);
    const shown = page.roundParts(wholes, change, size);
    assert.deepEqual(
      found.map(({ member, kind, mix }, i) => ({
        member,
        change: shown[i] + 0, // -0 is 0
        mix: page.roundValue(mix, size) + 0,
        kind,
      })),
      parts,
    );
    const valueOf = (side) => {
      const all = { top: 0, bottom: 0 };
      for (const totals of side.values()) for (const key of Object.keys(all)) all[key] += totals[key] ?? 0;
      return page.evaluate(formula, all);
    };
    const [old, now] = [valueOf(before), valueOf(after)];
    assert.ok(Math.abs(wholes.reduce((sum, value) => sum + value, 0) - (now - old)) < 1e-9);
    assert.ok(Math.abs(page.measureUnevenness(formula, found, before, old, now) - uneven) < 1e-9);
  });
}

test("labels along an axis of time", () => {
  for (const { first, last, grain, most, ticks } of periods.ticks) {
    const found = page.findTimeTicks(day(first), day(last), grain, most);
    assert.deepEqual(
      found.map((tick) => `${page.writeIsoDay(tick.day)} ${tick.label}`),
      ticks,
    );
  }
});

test("the last finished bucket", () => {
  for (const { day: end, grain, last } of periods.finished)
    assert.equal(
      page.writeIsoDay(page.firstDayOf(page.lastFinished(day(end), grain), grain)),
      last,
      `${end} ${grain}`,
    );
});

test("buckets", () => {
  for (const { day: text, grain, number, start, finish } of periods.buckets) {
    assert.equal(page.findBucket(day(text), grain), number, `${text} by ${grain}`);
    assert.equal(page.writeIsoDay(page.firstDayOf(number, grain)), start, `start of ${grain} ${number}`);
    assert.equal(page.writeIsoDay(page.lastDayOf(number, grain)), finish, `end of ${grain} ${number}`);
  }
});

for (const { name, grain, begin, end, drawn, before, in: coarse, whole, besides } of periods.periods) {
  test(name, () => {
    const bucket = (text, of) => page.findBucket(day(text), of);
    const opening = { first: bucket(begin, grain), last: bucket(end, grain) };
    const { drawn: limits, coarser } = periods;
    const selection = new page.Selection({ grain, grains: coarser[grain], drawn: limits, opening });
    assert.equal(selection.drawnGrain(), drawn);
    const { first, last } = selection.before;
    assert.deepEqual([first, last], [bucket(before[0], grain), bucket(before[1], grain)]);
    assert.equal(page.writeIsoDay(page.firstDayOf(first, grain)), before[0]);
    assert.equal(page.writeIsoDay(page.lastDayOf(last, grain)), before[1]);
    const days = (numbers) => numbers.map((number) => page.writeIsoDay(page.firstDayOf(number, coarse)));
    assert.deepEqual(days(selection.wholeBuckets(coarse)), whole);
    assert.deepEqual(selection.besides(coarse).map(days), besides);
  });
}
