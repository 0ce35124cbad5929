// How a figure stands to its target, in what is chosen. The picture's dashboard_view.py says the same.

import { bucketText, short } from "./number_format.js";
import { bucket, finish, start } from "./periods.js";
import { valueIn } from "./rows.js";

/**
 * Whether a metric reaches its target, in words; null where it has none or that can't be said.
 * @param {{selection: object, dataset: object, metric: object}} view
 * @returns {?{text: string, reached: boolean}}
 */
export function standing(view) {
  const { metric } = view;
  if (metric.grows || !metric.targetText) return null;
  if (metric.targetAgainst) return ofEarlierTime(view);
  if (metric.targetPer) return ofBucket(view);
  return metric.adds ? null : judge(metric, valueIn(view, view.selection.range), metric.target);
}

function ofEarlierTime(view) {
  const { metric, selection } = view;
  const compared = selection.compared(metric.lag ?? 0, metric.targetAgainst);
  if (!compared) return null;
  return judge(metric, valueIn(view, compared.now), valueIn(view, compared.before));
}

// Of the last bucket of the target's unit that is whole inside of what is chosen, and final.
function ofBucket(view) {
  const { metric, selection } = view;
  const { model, range } = selection;
  const unit = metric.targetPer;
  if (!model.whole || !model.grains.includes(unit) || metric.needsBucket) return null;
  const isDone = (number) =>
    selection.isWhole(number, unit) && selection.isFinished(number, unit, metric.lag ?? 0);
  const found = selection.bucketsOf(range, unit).findLast(isDone);
  if (found === undefined) return null;
  const [first, last] = [start(found, unit), finish(found, unit)].map((day) => bucket(day, model.grain));
  return judge(metric, valueIn(view, { first, last }), metric.target, bucketText(found, unit));
}

function judge(metric, value, aim, when = "") {
  if (value === null || aim === null || aim === undefined) return null;
  const reached = metric.goal === "down" ? value <= aim : value >= aim;
  const shown = when ? `${short(value, metric)} in ${when}, ` : "";
  return { reached, text: `Target ${metric.targetText}: ${shown}${reached ? "reached" : "not reached"}` };
}
