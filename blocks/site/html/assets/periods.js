// Time as numbered buckets, counted as in Python's periods.py: bucket 0 of every grain holds 1 January 1970.
// A day is a number too, counted from that day.

export const DAY = 86400000; // milliseconds

const MONTHS = { month: 1, quarter: 3, year: 12 };

/**
 * The number of the bucket that holds a day.
 * @param {number} day
 * @param {string} grain day, week (Monday to Sunday), month, quarter or year
 * @returns {number}
 */
export function bucket(day, grain) {
  if (grain === "day") return day;
  if (grain === "week") return Math.floor((day + 3) / 7); // day 0 was a Thursday
  const date = new Date(day * DAY);
  return Math.floor(((date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth()) / MONTHS[grain]);
}

/** The first day of a bucket. */
export function start(number, grain) {
  if (grain === "day") return number;
  if (grain === "week") return number * 7 - 3;
  return Date.UTC(1970, number * MONTHS[grain], 1) / DAY;
}

/** The last day of a bucket. */
export function finish(number, grain) {
  return start(number + 1, grain) - 1;
}

/** As many buckets as a range has, just before it. */
export function previous({ first, last }) {
  return { first: first - (last - first + 1), last: first - 1 };
}

/** The last bucket that ends on a day or before it. */
export function lastFinished(day, grain) {
  return bucket(day + 1, grain) - 1;
}

// Weeks of a year: what falls beside each other are the same weekdays.
const YEAR = { week: 52, month: 12, quarter: 4, year: 1 };

/** As many buckets as a range has, a year before it; days by their date. */
export function yearBefore({ first, last }, grain) {
  if (grain !== "day") return { first: first - YEAR[grain], last: last - YEAR[grain] };
  const date = new Date(first * DAY);
  const begin = Date.UTC(date.getUTCFullYear() - 1, date.getUTCMonth(), date.getUTCDate()) / DAY;
  return { first: begin, last: begin + last - first };
}
