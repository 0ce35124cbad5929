// What the reader has chosen (dates, filters, drill-down) and how time is drawn for it. No elements here.

import {
  findBucket,
  lastDayOf,
  isOfBuckets,
  lastFinished,
  previousRange,
  shiftDay,
  firstDayOf,
  rangeAYearBefore,
} from "./periods.js";

/** Values of a dimension: those that are shown alone, or, excluded, those that are not. None: all are shown. */
export class Choice {
  /**
   * @param {Iterable<string>} texts
   * @param {boolean} excluded
   */
  constructor(texts = [], excluded = false) {
    this.texts = new Set(texts);
    this.excluded = excluded;
  }

  get isSet() {
    return this.texts.size > 0;
  }

  /** True if a value is shown. */
  accepts(text) {
    return !this.isSet || this.texts.has(text) !== this.excluded;
  }
}

const OUT_OF_REACH = {
  previous: "the data has no full earlier period of this length to compare with",
  year: "the data does not reach over the same period last year",
};

/** Why what is chosen is compared with nothing. */
export function explainUncompared(selection) {
  const isOpen = !selection.finishedPart(selection.range, 0);
  return isOpen ? "nothing of the chosen time is finished" : OUT_OF_REACH[selection.against];
}

/** The choices that every tile, chart and table of a page follows. */
export class Selection {
  /** @param {object} model the page's: grain, grains, drawn, and whole and opening (null without time) */
  constructor(model) {
    this.model = model;
    this.coarser = new Map();
    this.reset();
  }

  /** Back to what the page opens with. */
  reset() {
    this.range = this.model.opening ?? { first: 0, last: 0 };
    this.picked = new Map(); // dimension name → Choice
    this.path = []; // drill-down: {dimension, texts, label, section, by}
    this.against = "previous"; // or "year": the same time a year before
  }

  /**
   * What of the chosen range is compared with which range before: finished buckets with as many.
   * @param {number} lag days after its end until a bucket's figures are final
   * @param {string} against `previous` or `year`; the chosen one, unless another is asked for
   * @returns {?{now: object, before: object}} null if the data does not reach over the range before, or if
   *   nothing chosen is finished
   */
  compared(lag = 0, against = this.against) {
    const { model } = this;
    const now = this.finishedPart(this.range, lag);
    if (!now) return null;
    const before = against === "year" ? rangeAYearBefore(now, model.grain) : previousRange(now);
    return before.first >= model.whole.first ? { now, before } : null;
  }

  /**
   * The same with a range of the reader's own, of which the finished part counts, too; null: as the page compares.
   * @returns {{now: ?object, before: ?object}} null for what is not there
   */
  comparedWith(earlier, lag = 0) {
    if (!earlier) return this.compared(lag) ?? { now: this.finishedPart(this.range, lag), before: null };
    return { now: this.finishedPart(this.range, lag), before: this.finishedPart(earlier, lag) };
  }

  // Null if nothing of a range is finished, or there is no time.
  finishedPart({ first, last }, lag) {
    if (!this.model.whole) return null;
    const end = Math.min(last, this.lastFinished(lag));
    return end < first ? null : { first, last: end };
  }

  /** The last bucket of the rows' grain that is finished; the last of all where it is not known where data end. */
  lastFinished(lag = 0) {
    const { end, grain, whole } = this.model;
    return end === undefined || end === null ? whole.last : lastFinished(end - lag, grain);
  }

  /** True if all the time of a bucket lies before the end of the data. */
  isFinished(number, grain, lag = 0) {
    const { end } = this.model;
    return end === undefined || end === null || lastDayOf(number, grain) <= end - lag;
  }

  /** True if some of the chosen range is not finished. */
  isCut(lag = 0) {
    return Boolean(this.model.whole) && this.range.last > this.lastFinished(lag);
  }

  /** The range before, as long as what is compared with it. */
  get before() {
    return this.compared()?.before ?? previousRange(this.range);
  }

  /** True if the data reaches back over the whole range before. */
  get hasBefore() {
    return this.compared() !== null;
  }

  /** What is chosen of a dimension's values. */
  choice(name) {
    return this.picked.get(name) ?? new Choice();
  }

  /** What is chosen but the range, as a text: the same filters have the same. */
  filterKey(dataset) {
    const parts = dataset.dimensions.map(({ name }) => {
      const sets = this.path.filter((step) => step.dimension === name).map((step) => [...step.texts].sort());
      const { texts, excluded } = this.choice(name);
      return [[...texts].sort(), excluded, sets];
    });
    return JSON.stringify(parts);
  }

  /** The codes that filters and drill-down leave of each dimension; null where all are left. */
  where(dataset) {
    return dataset.dimensions.map(({ name, values }) => {
      const sets = this.path.filter((step) => step.dimension === name).map((step) => step.texts);
      const choice = this.choice(name);
      if (!sets.length && !choice.isSet) return null;
      const isLeft = (text) => choice.accepts(text) && sets.every((set) => set.has(text));
      return new Set(values.flatMap((text, code) => (isLeft(text) ? [code] : [])));
    });
  }

  /** The grain that the range is drawn with: the one asked for, else the first that its length allows. */
  drawnGrain(asked = null) {
    const { grain, grains, drawn } = this.model;
    const days = lastDayOf(this.range.last, grain) - firstDayOf(this.range.first, grain) + 1;
    const wanted = asked ?? drawn.find(([limit]) => days <= limit)[1];
    return grains.includes(wanted) ? wanted : grain;
  }

  /** The bucket of a coarser grain that holds one of the rows' grain. */
  coarse(number, grain) {
    if (grain === this.model.grain) return number;
    if (!this.coarser.has(grain)) this.coarser.set(grain, new Map());
    const known = this.coarser.get(grain);
    if (!known.has(number)) known.set(number, findBucket(firstDayOf(number, this.model.grain), grain));
    return known.get(number);
  }

  /**
   * How rows fall into buckets of a grain: `bucketOf` a table's row, and `showing`: of what is shown at another time, a
   * table's row → the buckets of the range, up to a last one of the rows, that show it.
   */
  time(grain, range = this.range) {
    const bucketOf = (table, row) => this.coarse(table.buckets[row], grain);
    const showing = (shift, end) => {
      const whole = isOfBuckets(shift, grain); // else the rows' own buckets are compared
      const found = new Map();
      const last = Math.min(range.last, end);
      const joined = whole ? grain : this.model.grain;
      for (const number of last < range.first ? [] : this.bucketsOf({ first: range.first, last }, joined)) {
        const first = firstDayOf(number, joined);
        const shown = whole ? number : this.coarse(number, grain);
        const day = shiftDay(first, shift);
        const other = findBucket(day, joined);
        if (firstDayOf(other, joined) !== day || (!shift.count && firstDayOf(shown, grain) !== first))
          continue;
        found.set(other, [...(found.get(other) ?? []), shown]);
      }
      return (table, row) => found.get(whole ? bucketOf(table, row) : table.buckets[row]) ?? [];
    };
    return { grain, bucketOf, showing };
  }

  /** The bucket that stands for a range where a value is of one alone: the last whole and finished one, or at all. */
  lastBucket(grain, range = this.range) {
    const all = this.bucketsOf(range, grain);
    const isDone = (number) => this.isWhole(number, grain, range) && this.isFinished(number, grain);
    return all.findLast(isDone) ?? all.at(-1);
  }

  /** True if a bucket of a grain lies inside a range with all its days. */
  isWhole(number, grain, range = this.range) {
    const [first, last] = [
      firstDayOf(range.first, this.model.grain),
      lastDayOf(range.last, this.model.grain),
    ];
    return firstDayOf(number, grain) >= first && lastDayOf(number, grain) <= last;
  }

  /** Every bucket of a grain that a range touches. */
  bucketsOf(range, grain) {
    const [first, last] = [this.coarse(range.first, grain), this.coarse(range.last, grain)];
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  }

  /** The whole buckets of the chosen range; all it touches where fewer than three are whole. */
  wholeBuckets(grain) {
    const all = this.bucketsOf(this.range, grain);
    const whole = all.filter((number) => this.isWhole(number, grain) && this.isFinished(number, grain));
    return whole.length > 2 ? whole : all;
  }

  /** The whole buckets of the range before, each with the one of the chosen range that it falls beside. */
  besides(grain) {
    const shift = this.coarse(this.range.first, grain) - this.coarse(this.before.first, grain);
    const last = this.coarse(this.range.last, grain);
    return this.bucketsOf(this.before, grain)
      .filter((number) => this.isWhole(number, grain, this.before) && number + shift <= last)
      .map((number) => [number, number + shift]);
  }
}
