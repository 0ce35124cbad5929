// How a figure stands to its target, in what is chosen. The picture's dashboard_view.py says the same.

import { writeBucket, writeCompact } from "./number_format.js";
import { findBucket, lastDayOf, firstDayOf } from "./periods.js";
import { valueIn } from "./rows.js";

/**
 * Whether a metric reaches its target, in words; null where it has none or that can't be said.
 * @param {{selection: object, dataset: object, metric: object}} view
 * @returns {?{text: string, reached: boolean}}
 */
export function compareWithTarget(view) {
  const { metric } = view;
  if (metric.grows || !metric.targetText) return null;
  if (metric.targetAgainst) return compareWithEarlier(view);
  if (metric.targetPer) return compareLastBucket(view);
  return metric.adds ? null : describeStanding(metric, valueIn(view, view.selection.range), metric.target);
}

function compareWithEarlier(view) {
  const { metric, selection } = view;
  const compared = selection.compared(metric.lag ?? 0, metric.targetAgainst);
  if (!compared) return null;
  return describeStanding(metric, valueIn(view, compared.now), valueIn(view, compared.before));
}

// Of the last bucket of the target's unit that is whole inside of what is chosen, and final.
function compareLastBucket(view) {
  const { metric, selection } = view;
  const { model, range } = selection;
  const unit = metric.targetPer;
  if (!model.whole || !model.grains.includes(unit) || metric.needsBucket) return null;
  const isDone = (number) =>
    selection.isWhole(number, unit) && selection.isFinished(number, unit, metric.lag ?? 0);
  const found = selection.bucketsOf(range, unit).findLast(isDone);
  if (found === undefined) return null;
  const [first, last] = [firstDayOf(found, unit), lastDayOf(found, unit)].map((day) =>
    findBucket(day, model.grain),
  );
  return describeStanding(metric, valueIn(view, { first, last }), metric.target, writeBucket(found, unit));
}

function describeStanding(metric, value, aim, when = "") {
  if (value === null || aim === null || aim === undefined) return null;
  const reached = metric.goal === "down" ? value <= aim : value >= aim;
  const shown = when ? `${writeCompact(value, metric)} in ${when}, ` : "";
  return { reached, text: `Target ${metric.targetText}: ${shown}${reached ? "reached" : "not reached"}` };
}
