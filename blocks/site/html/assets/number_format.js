// Numbers and dates as people read them; Python's number_format.py writes those of the picture, by the same
// rules. Halves are rounded away from zero, on the digits that the number is written with.

import { DAY, start } from "./periods.js";

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
export function short(value, metric) {
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

/** The figure with all its digits, for a title or a table. */
export function exact(value, metric) {
  if (value === null || !Number.isFinite(value)) return NONE;
  if (metric.form === "percent") return `${two.format(value * 100)}%`;
  return (value < 0 ? "-" : "") + metric.unit + (metric.unit ? two : upToFour).format(Math.abs(value));
}

/** What stands before a figure that is an estimate. */
export function estimateMark(metric) {
  return metric.scale > 1 ? "≈ " : "";
}

/** A share of a whole, 0 to 1, as 12.3%. */
export function shareText(share) {
  return `${one.format(share * 100)}%`;
}

/** A whole number: 1,234. */
export function countText(count) {
  return whole.format(count);
}

/**
 * What changed since the period before; null where that is undefined.
 * @param {?number} value
 * @param {?number} before
 * @param {{form: string, goal: string}} metric goal: the good direction, `up`, `down` or `none`
 * @returns {?{text: string, direction: string, tone: string}}
 */
export function change(value, before, metric) {
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
export function dayText(day) {
  const date = new Date(day * DAY);
  return `${date.getUTCDate()} ${monthText(date)}`;
}

const monthText = (date) => `${MONTH_NAMES[date.getUTCMonth()]} ${date.getUTCFullYear()}`;

/** 3 Mar 2025 – 5 Apr 2025, or one day alone. */
export function spanText(first, last) {
  return first === last ? dayText(first) : `${dayText(first)} – ${dayText(last)}`;
}

/** 2025-03-03, as a date field wants it. */
export function isoDay(day) {
  return new Date(day * DAY).toISOString().slice(0, 10);
}

/** A bucket as a reader names it: 3 Mar 2025 · Week of 3 Mar 2025 · Mar 2025 · Q1 2025 · 2025. */
export function bucketText(number, grain) {
  const day = start(number, grain);
  if (grain === "day") return dayText(day);
  if (grain === "week") return `Week of ${dayText(day)}`;
  const date = new Date(day * DAY);
  if (grain === "month") return monthText(date);
  const year = String(date.getUTCFullYear());
  return grain === "quarter" ? `Q${date.getUTCMonth() / 3 + 1} ${year}` : year;
}
