// Numbers and dates as people read them; Python's number_format.py writes those of the picture, by the same
// rules. Halves are rounded away from zero, on the digits that the number is written with.

import { findBucket, DAY, firstDayOf } from "./periods.js";

export const NONE = "–";

const STEPS = [
  [1e12, "T"],
  [1e9, "B"],
  [1e6, "M"],
  [1e3, "K"],
];
const MONTH_NAMES = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

const digits = (least, most, useGrouping = true) =>
  new Intl.NumberFormat("en-US", { minimumFractionDigits: least, maximumFractionDigits: most, useGrouping });
const [whole, one, two, upToFour] = [digits(0, 0), digits(1, 1), digits(2, 2), digits(0, 4)];
const scaledDigits = [digits(0, 0, false), digits(1, 1, false), digits(2, 2, false)];

/**
 * A short figure: 1,234 · 48.1K · £1.24M · 12.3%.
 * @param {?number} value
 * @param {{form: string, unit: string}} metric
 * @returns {string}
 */
export function writeCompact(value, metric) {
  if (value === null || !Number.isFinite(value)) return NONE;
  if (metric.form === "percent") return `${one.format(value * 100)}%`;
  return (value < 0 ? "-" : "") + metric.unit + shortSize(Math.abs(value), metric.unit !== "");
}

function shortSize(size, money) {
  for (const [step, letter] of STEPS) {
    if (size >= step * 0.99995 && size >= 9999.5) {
      const scaled = size / step;
      return scaledDigits[scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0].format(scaled) + letter;
    }
  }
  if (Number.isInteger(size) || size >= 1000) return whole.format(size);
  return (money || size < 10 ? two : one).format(size);
}

/** A value along an axis, as short as it can be: £50K · 12.5% · 0.25. */
export function writeAxisFigure(value, metric) {
  const plain = (number) => String(Number(number.toPrecision(3)));
  if (metric.form === "percent") return `${plain(value * 100)}%`;
  const size = Math.abs(value);
  const [step, letter] = STEPS.find(([least]) => size >= least) ?? [1, ""];
  return (value < 0 ? "-" : "") + metric.unit + plain(size / step) + letter;
}

/** The figure with all its digits, for a title or a table. */
export function writeExact(value, metric) {
  if (value === null || !Number.isFinite(value)) return NONE;
  if (metric.form === "percent") return `${two.format(value * 100)}%`;
  return (value < 0 ? "-" : "") + metric.unit + (metric.unit ? two : upToFour).format(Math.abs(value));
}

/** What stands before a figure that is an estimate. */
export function estimateMark(metric) {
  return metric.scale > 1 ? "≈ " : "";
}

/** A share of a whole, 0 to 1, as 12.3%. */
export function writeShare(share) {
  return `${one.format(share * 100)}%`;
}

/** A whole number: 1,234. */
export function writeCount(count) {
  return whole.format(count);
}

/**
 * What changed since the period before; null where that is undefined.
 * @param {?number} value
 * @param {?number} before
 * @param {{form: string, goal: string}} metric goal: the good direction, `up`, `down` or `none`
 * @returns {?{text: string, direction: string, tone: string}}
 */
export function describeChange(value, before, metric) {
  if (value === null || before === null) return null;
  const points = metric.form === "percent";
  const size = points ? (value - before) * 100 : ((value - before) / Math.abs(before)) * 100;
  if (!Number.isFinite(size)) return null; // before was zero, or as good as
  const direction = Math.abs(size) < 0.05 ? "flat" : size > 0 ? "up" : "down";
  const sign = { up: "+", down: "-", flat: "" }[direction];
  const text = `${sign}${one.format(Math.abs(size))}${points ? " pp" : "%"}`;
  return { text, direction, tone: toneOf(direction, metric.goal) };
}

function toneOf(direction, goal) {
  if (direction === "flat" || goal === "none") return "even";
  return direction === goal ? "good" : "bad";
}

/** 3 Mar 2025. */
export function writeDay(day) {
  const date = new Date(day * DAY);
  return `${date.getUTCDate()} ${monthText(date)}`;
}

const monthText = (date) => `${MONTH_NAMES[date.getUTCMonth()]} ${date.getUTCFullYear()}`;

/** 3 Mar 2025 – 5 Apr 2025, or one day alone. */
export function writeSpan(first, last) {
  return first === last ? writeDay(first) : `${writeDay(first)} – ${writeDay(last)}`;
}

/** 2025-03-03, as a date field wants it. */
export function writeIsoDay(day) {
  return new Date(day * DAY).toISOString().slice(0, 10);
}

/** A bucket as a reader names it: 3 Mar 2025 · Week of 3 Mar 2025 · Mar 2025 · Q1 2025 · 2025. */
export function writeBucket(number, grain) {
  const day = firstDayOf(number, grain);
  if (grain === "day") return writeDay(day);
  if (grain === "week") return `Week of ${writeDay(day)}`;
  const date = new Date(day * DAY);
  if (grain === "month") return monthText(date);
  const year = String(date.getUTCFullYear());
  return grain === "quarter" ? `Q${date.getUTCMonth() / 3 + 1} ${year}` : year;
}

// How many buckets apart labels along an axis of time may stand.
const APART = {
  day: [1, 2, 7, 14, 28],
  week: [1, 2, 4, 8, 13, 26, 52],
  month: [1, 2, 3, 6, 12, 24, 60],
  quarter: [1, 2, 4, 8, 20],
  year: [1, 2, 5, 10, 20, 50, 100],
};

/**
 * The buckets of a grain that are labelled along an axis from one day to another, no more than `most`; the year
 * stands where it changes. Python's periods.py has the same.
 * @returns {Array<{day: number, label: string}>}
 */
export function findTimeTicks(first, last, grain, most) {
  const [from, to] = [findBucket(first, grain), findBucket(last, grain)];
  const count = to - from + 1;
  const step = APART[grain].find((each) => Math.ceil(count / each) <= most) ?? Math.ceil(count / most);
  const aligned = grain === "day" || grain === "week" ? from : Math.ceil(from / step) * step;
  let year = null;
  const ticks = [];
  for (let number = aligned; number <= to; number += step) {
    const day = firstDayOf(number, grain);
    const own = new Date(day * DAY).getUTCFullYear();
    ticks.push({ day, label: writeTick(day, grain) + (own === year || grain === "year" ? "" : ` ${own}`) });
    year = own;
  }
  return ticks;
}

function writeTick(day, grain) {
  const date = new Date(day * DAY);
  if (grain === "year") return String(date.getUTCFullYear());
  if (grain === "quarter") return `Q${date.getUTCMonth() / 3 + 1}`;
  const month = MONTH_NAMES[date.getUTCMonth()];
  return grain === "month" ? month : `${date.getUTCDate()} ${month}`;
}

/**
 * The day that a person typed, as 2025-03-03, 3 Mar 2025 or 3.3.2025 (day before month); NaN for anything else.
 * @param {string} text
 * @returns {number}
 */
export function readDay(text) {
  const words = text.trim().toLowerCase();
  const iso = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(words);
  const named = /^(\d{1,2})\.?\s+([a-z]{3})[a-z]*\.?,?\s+(\d{4})$/.exec(words);
  const dotted = /^(\d{1,2})\.(\d{1,2})\.(\d{4})$/.exec(words);
  if (iso) return dayOf(iso[1], iso[2] - 1, iso[3]);
  if (dotted) return dayOf(dotted[3], dotted[2] - 1, dotted[1]);
  if (!named) return NaN;
  const month = MONTH_NAMES.findIndex((name) => name.toLowerCase() === named[2]);
  return month < 0 ? NaN : dayOf(named[3], month, named[1]);
}

// NaN for 30 February.
function dayOf(year, month, day) {
  const date = new Date(Date.UTC(Number(year), month, Number(day)));
  return date.getUTCMonth() === month && date.getUTCDate() === Number(day) ? date.getTime() / DAY : NaN;
}
