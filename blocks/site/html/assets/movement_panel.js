// The panel that says why a metric moved between two periods: which members of which dimensions did how much of it.

import { capitalize, makeElement } from "./elements.js";
import { readRange, showDate } from "./filters.js";
import { explain } from "./movement.js";
import { writeDay, writeExact, readDay, writeSpan } from "./number_format.js";
import { lastDayOf, firstDayOf } from "./periods.js";
import { explainUncompared } from "./selection.js";

const MEANINGS = {
  "Own rate": "What its own rate did to the whole, at its mean share of the denominator",
  Mix: "What its larger or smaller share of the denominator did, as its rate is above or below the mean",
};

/** A change as it is written: +£1,234.50 · -3 · +1.25 pp. */
export function writeSigned(value, metric) {
  const sign = value > 0 ? "+" : "";
  if (metric.form === "percent")
    return `${sign}${writeExact(Number((value * 100).toFixed(2)), { form: "number", unit: "" })} pp`;
  return sign + writeExact(value, metric);
}

/** The part of a page that explains a metric's change. */
export class MovementPanel {
  /**
   * @param {HTMLElement} host
   * @param {HTMLElement} tools where the other period is chosen
   * @param {object} model the page's
   * @param {function(?object)} set called with the range to compare with; null: what the page compares with
   */
  constructor(host, tools, model, set) {
    Object.assign(this, { host, model });
    const changed = () => set(readRange(this.from.value, this.to.value, model));
    const input = (label) => {
      const words = { "aria-label": label, placeholder: "3 Mar 2025", title: "As 3 Mar 2025 or 2025-03-03" };
      const oninput = ({ target }) => (Number.isNaN(readDay(target.value)) ? null : changed());
      const onblur = ({ target }) => (target.value = target.shown ?? target.value);
      const attributes = { type: "text", class: "date", autocomplete: "off", spellcheck: "false", ...words };
      return makeElement("input", { ...attributes, oninput, onchange: changed, onblur });
    };
    [this.from, this.to] = [input("Compared with, from"), input("Compared with, to")];
    this.back = makeElement(
      "button",
      { type: "button", class: "plain", onclick: () => set(null) },
      "Period before",
    );
    const dates = makeElement(
      "div",
      { class: "range" },
      this.from,
      makeElement("span", { "aria-hidden": "true" }, "to"),
      this.to,
    );
    tools.append(makeElement("span", {}, "Compared with"), dates, this.back);
  }

  /**
   * Show why a metric moved.
   * @param {object} view
   * @param {?object} earlier a range that was chosen, instead of what the page compares with
   * @param {function(number, object)} onpick called with a dimension and a group
   */
  render(view, earlier, onpick) {
    const { selection, metric } = view;
    const { now, before } = selection.comparedWith(earlier, metric.lag ?? 0);
    const { grain } = this.model;
    const shown = before ?? earlier;
    showDate(this.from, shown ? writeDay(firstDayOf(shown.first, grain)) : "");
    showDate(this.to, shown ? writeDay(lastDayOf(shown.last, grain)) : "");
    this.back.hidden = earlier === null;
    const found = now && before && explain(view, before, now);
    this.host.replaceChildren(
      ...(found
        ? [this.headline(found, metric, now, before), ...this.tables(view, found, onpick)]
        : [
            makeElement(
              "p",
              { class: "none" },
              now && before ? "No value in one of the periods" : explainMissing(now, selection),
            ),
          ]),
      ...(metric.released ? [releasedNote(metric)] : []),
    );
  }

  headline({ before, after, change }, metric, now, then) {
    const { grain } = this.model;
    const text = ({ first, last }) => writeSpan(firstDayOf(first, grain), lastDayOf(last, grain));
    const days = ({ first, last }) => lastDayOf(last, grain) - firstDayOf(first, grain) + 1;
    const uneven = days(now) === days(then) ? "" : ` (${days(now)} days against ${days(then)})`;
    return makeElement(
      "p",
      { class: "moved" },
      makeElement(
        "b",
        {},
        `${writeExact(before, metric)} → ${writeExact(after, metric)}, `,
        makeElement("span", { class: "unbroken" }, writeSigned(change, metric)),
      ),
      ` ${text(now)}, compared with ${text(then)}${uneven}`,
    );
  }

  tables(view, { dimensions, change }, onpick) {
    if (change === 0) return [makeElement("p", { class: "none" }, "It did not move")];
    const tables = dimensions.map((found) => moversTable(view, found, onpick));
    return tables.length
      ? [makeElement("div", { class: "movers" }, ...tables)]
      : [makeElement("p", { class: "none" }, "No dimension has two members here to tell apart")];
  }
}

function explainMissing(now, selection) {
  if (!now) return "Nothing of the chosen time is finished";
  return `${capitalize(explainUncompared(selection))}: choose other dates`;
}

// What the release that this data came with changed of days that readers had seen.
function releasedNote(metric) {
  const [seen, fresh] = metric.released.map((value) => writeSigned(value, metric));
  const text = `When this data was released, days that readers had seen changed by ${seen}; new days brought ${fresh}.`;
  return makeElement("p", { class: "note" }, text);
}

// One dimension's members, those that did most first.
function moversTable({ dataset, metric }, { dimension, movers }, onpick) {
  const { label } = dataset.dimensions[dimension];
  const parted = !metric.adds; // a ratio: each member's own rate, and the mix of them
  const reach = reachOf(movers);
  const heads = ["Change", ...(parted ? ["Own rate", "Mix"] : []), "Before", "Now"];
  const head = [
    makeElement("th", { scope: "col" }, label),
    makeElement("td", { "aria-hidden": "true" }), // above the bars, which the next column has as figures
    ...heads.map((text) =>
      makeElement("th", { scope: "col", class: "figure", title: MEANINGS[text] ?? null }, text),
    ),
  ];
  const figures = (mover) => [
    writeSigned(mover.change, metric),
    ...(parted ? [mover.rate, mover.mix].map((value) => writeSigned(value, metric)) : []),
    writeExact(mover.before, metric),
    writeExact(mover.after, metric),
  ];
  const rows = movers.map((mover) => {
    const cells = figures(mover).map((text) => makeElement("td", { class: "figure" }, text));
    return makeElement(
      "tr",
      {},
      nameCell(mover, () => onpick(dimension, mover)),
      barCell(mover, reach),
      ...cells,
    );
  });
  const table = makeElement(
    "table",
    {},
    makeElement("thead", {}, makeElement("tr", {}, ...head)),
    makeElement("tbody", {}, ...rows),
  );
  const name = `By ${label.toLowerCase()}`;
  const region = { class: "scroll", tabindex: "0", role: "region", "aria-label": name };
  return makeElement("section", {}, makeElement("h4", {}, name), makeElement("div", region, table));
}

function nameCell({ label, kind, others = false }, onclick) {
  const link = { type: "button", class: "link", dir: others ? null : "auto", title: "Look inside", onclick };
  const note = kind ? [makeElement("em", { class: "kind" }, kind)] : [];
  return makeElement("td", {}, makeElement("button", link, label), ...note);
}

// How far the changes go down and up from where they are nothing, together 100.
function reachOf(rows) {
  const changes = rows.map(({ change }) => change);
  const [low, high] = [Math.min(0, ...changes), Math.max(0, ...changes)];
  return { zero: high > low ? (-low / (high - low)) * 100 : 0, unit: high > low ? 100 / (high - low) : 0 };
}

function barCell({ change }, { zero, unit }) {
  const width = Math.abs(change) * unit;
  const style = `left:${(change < 0 ? zero - width : zero).toFixed(2)}%;width:${width.toFixed(2)}%`;
  const axis = makeElement("b", { style: `left:${zero.toFixed(2)}%` });
  const bar = makeElement("i", { class: change < 0 ? "down" : "up", style });
  return makeElement("td", { class: "delta", "aria-hidden": "true" }, makeElement("span", {}, axis, bar));
}
