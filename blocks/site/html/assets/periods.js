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
export function findBucket(day, grain) {
  if (grain === "day") return day;
  if (grain === "week") return Math.floor((day + 3) / 7); // day 0 was a Thursday
  const date = new Date(day * DAY);
  return Math.floor(((date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth()) / MONTHS[grain]);
}

/** The first day of a bucket. */
export function firstDayOf(number, grain) {
  if (grain === "day") return number;
  if (grain === "week") return number * 7 - 3;
  return Date.UTC(1970, number * MONTHS[grain], 1) / DAY;
}

/** The last day of a bucket. */
export function lastDayOf(number, grain) {
  return firstDayOf(number + 1, grain) - 1;
}

/** As many buckets as a range has, just before it. */
export function previousRange({ first, last }) {
  return { first: first - (last - first + 1), last: first - 1 };
}

/** The last bucket that ends on a day or before it. */
export function lastFinished(day, grain) {
  return findBucket(day + 1, grain) - 1;
}

const GRAINS = ["day", "week", "month", "quarter", "year"];

/** True if buckets of a grain are compared as they are; false if the shorter ones of the rows in them are. */
export function isOfBuckets({ count, grain: offset, whole }, grain) {
  if (whole) return true;
  return GRAINS.indexOf(grain) <= GRAINS.indexOf(offset) && (count > 0 || grain !== "week");
}

/** The day that a value of another time is of: as many grains before a day, or the first of the grain it is in. */
export function shiftDay(day, { count, grain }) {
  if (!count) return firstDayOf(findBucket(day, grain), grain);
  if (!MONTHS[grain]) return day - count * (grain === "week" ? 7 : 1);
  const date = new Date(day * DAY);
  const month = date.getUTCFullYear() * 12 + date.getUTCMonth() - count * MONTHS[grain];
  const lastDay = new Date(Date.UTC(0, month + 1 - 1900 * 12, 0)).getUTCDate();
  return Date.UTC(0, month - 1900 * 12, Math.min(date.getUTCDate(), lastDay)) / DAY;
}

// Weeks of a year: what falls beside each other are the same weekdays.
const YEAR = { week: 52, month: 12, quarter: 4, year: 1 };

/** As many buckets as a range has, a year before it; days by their date. */
export function rangeAYearBefore({ first, last }, grain) {
  if (grain !== "day") return { first: first - YEAR[grain], last: last - YEAR[grain] };
  const date = new Date(first * DAY);
  const begin = Date.UTC(date.getUTCFullYear() - 1, date.getUTCMonth(), date.getUTCDate()) / DAY;
  return { first: begin, last: begin + last - first };
}
