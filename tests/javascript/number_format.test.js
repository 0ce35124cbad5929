// What only the page writes: figures with all their digits, names of buckets, a tile's small line.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as page from "./page.js";

const NUMBER = { form: "number", unit: "" };
const POUNDS = { form: "currency:GBP", unit: "£" };
const PERCENT = { form: "percent", unit: "" };

test("exact figures", () => {
  const exact = [
    [1234567.25, NUMBER, "1,234,567.25"],
    [0.00005, NUMBER, "0.0001"],
    [-3, NUMBER, "-3"],
    [1234.5, POUNDS, "£1,234.50"],
    [-1.005, POUNDS, "-£1.01"],
    [0.12345, PERCENT, "12.35%"],
    [null, POUNDS, "–"],
    [NaN, NUMBER, "–"],
  ];
  for (const [value, metric, text] of exact) assert.equal(page.writeExact(value, metric), text);
});

test("figures that are none", () => {
  for (const value of [null, NaN, Infinity, -Infinity])
    assert.equal(page.writeCompact(value, NUMBER), page.NONE);
});

test("counts, shares and estimates", () => {
  assert.equal(page.writeCount(12345), "12,345");
  assert.equal(page.writeShare(0.1225), "12.3%");
  assert.equal(page.estimateMark({ scale: 1 }), "");
  assert.equal(page.estimateMark({ scale: 8 }), "≈ ");
});

test("a bucket is named as readers name it", () => {
  const named = (grain) => page.writeBucket(page.findBucket(page.day("2025-09-03"), grain), grain);
  assert.deepEqual(["day", "week", "month", "quarter", "year"].map(named), [
    "3 Sep 2025",
    "Week of 1 Sep 2025",
    "Sep 2025",
    "Q3 2025",
    "2025",
  ]);
});

test("a tile's line fills its box, a flat one lies at the bottom", () => {
  const rising = [
    [10, 1],
    [11, 3],
    [12, 5],
  ];
  assert.equal(page.polyline(rising), "0.00,22.00 50.00,12.00 100.00,2.00");
  const flat = rising.map(([number]) => [number, 7]);
  assert.equal(page.polyline(flat), "0.00,22.00 50.00,22.00 100.00,22.00");
});
