// The key figures: a tile a metric, with its value, what changed, and a small line.

import { closeWhenLeft, makeElement } from "./elements.js";
import { describeChange, estimateMark, writeExact, NONE, writeCompact } from "./number_format.js";
import { bucketNote, findSparkPoints, valueIn } from "./rows.js";
import { compareWithTarget } from "./target.js";

const SVG = "http://www.w3.org/2000/svg";

/** The tile of one metric. */
export class Tile {
  /**
   * @param {object} metric
   * @param {object} dataset its dataset
   * @param {function()} onclick
   */
  constructor(metric, dataset, onclick) {
    Object.assign(this, { metric, dataset });
    this.value = makeElement("span", { class: "value" });
    this.change = makeElement("span", { class: "change" });
    this.target = makeElement("span", { class: "target", hidden: true });
    this.spark = makeElement("span", { class: "spark", "aria-hidden": "true" });
    const title = metric.description || null;
    const attributes = { type: "button", class: "tile", "data-metric": metric.name, title, onclick };
    this.label = makeElement("span", { class: "label" }, metric.label);
    this.button = makeElement(
      "button",
      attributes,
      this.label,
      this.value,
      this.change,
      this.target,
      this.spark,
    );
    this.element = makeElement("div", { class: "tile-place" }, this.button, aboutMetric(metric));
  }

  /**
   * Show what is chosen.
   * @param {object} selection
   * @param {boolean} pressed whether the charts show this metric
   */
  render(selection, pressed) {
    const { metric, dataset } = this;
    const view = { selection, dataset, metric };
    const now = valueIn(view, selection.range);
    this.label.textContent = metric.label + bucketNote(view);
    this.value.textContent = now === null ? NONE : estimateMark(metric) + writeCompact(now, metric);
    const note = metric.scale > 1 ? ` (estimated from one in ${metric.scale} values)` : "";
    this.value.title = writeExact(now, metric) + note;
    this.button.setAttribute("aria-pressed", String(pressed));
    this.renderTarget(view);
    this.change.hidden = !dataset.timed;
    this.spark.replaceChildren();
    if (!dataset.timed) return;
    this.renderChange(view);
    this.renderSpark(findSparkPoints(view));
  }

  renderTarget(view) {
    const found = compareWithTarget(view);
    this.target.hidden = !found;
    this.target.className = `target ${found?.reached ? "good" : "bad"}`;
    this.target.textContent = found?.text ?? "";
  }

  renderChange(view) {
    const { metric } = this;
    const { selection } = view;
    const compared = metric.grows ? null : selection.compared(metric.lag ?? 0);
    const [now, then] = compared
      ? [valueIn(view, compared.now), valueIn(view, compared.before)]
      : [null, null];
    const found = describeChange(now, then, metric);
    this.change.className = `change ${found?.tone ?? "even"}`;
    if (!found) {
      this.change.textContent = explainNoChange(metric, compared, then);
      return;
    }
    const arrow = { up: "▲", down: "▼", flat: "■" }[found.direction];
    const judged = { good: "better: ", bad: "worse: ", even: "" }[found.tone];
    const cut = selection.isCut(metric.lag ?? 0) ? ", finished time only" : "";
    this.change.replaceChildren(
      makeElement("span", { "aria-hidden": "true" }, arrow),
      makeElement("span", { class: "hidden" }, judged),
      ` ${found.text} `,
      makeElement(
        "span",
        { class: "then", title: writeExact(then, metric) },
        `from ${writeCompact(then, metric)}${cut}`,
      ),
    );
  }

  renderSpark(points) {
    if (points.length < 3) return;
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 100 24");
    svg.setAttribute("preserveAspectRatio", "none");
    const line = document.createElementNS(SVG, "polyline");
    line.setAttribute("points", polyline(points));
    svg.append(line);
    this.spark.append(svg);
  }
}

// What a figure means, behind an "i": its definition, how it is computed, from what, and its checks.
function aboutMetric(metric) {
  const about = metric.about ?? [];
  const summary = makeElement("summary", { "aria-label": `About ${metric.label}` }, "i");
  const lines = about.flatMap(([name, text, url]) => [
    makeElement("dt", {}, name),
    makeElement(
      "dd",
      { dir: "auto" },
      url ? makeElement("a", { href: url, rel: "noopener noreferrer" }, text) : text,
    ),
  ]);
  const element = makeElement(
    "details",
    { class: "about", hidden: !about.length },
    summary,
    makeElement("dl", {}, ...lines),
  );
  closeWhenLeft(element, summary);
  return element;
}

// Why a tile says nothing of what changed.
function explainNoChange(metric, compared, then) {
  if (metric.grows) return "not compared: younger ones had less time";
  if (!compared) return "no earlier period";
  return then === null ? "no earlier value" : `from ${writeCompact(then, metric)}`;
}

/** Points [x, y] as those of a polyline that fills 100 by 24 units, with a margin of 2 above and below. */
export function polyline(points) {
  const values = points.map(([, value]) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const [first, last] = [points[0][0], points.at(-1)[0]];
  const x = (number) => (((number - first) / (last - first)) * 100).toFixed(2);
  const y = (value) => (22 - ((value - low) / (high - low || 1)) * 20).toFixed(2);
  return points.map(([number, value]) => `${x(number)},${y(value)}`).join(" ");
}
