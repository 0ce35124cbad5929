// One Vega-Lite chart a panel: compiled once for what it shows, then fed rows. Also the tooltip.

import { make } from "./elements.js";

const tooltip = make("div", { class: "tooltip", hidden: true });
document.body.append(tooltip);

/** Take the tooltip away, as when what it tells of is drawn again. */
export function hideTooltip() {
  tooltip.hidden = true;
}

// A tip is lines of text; a tab parts a name from its value. The nearest point's row is one level deeper.
function showTooltip(_handler, event, item, value) {
  const tip = value && (item.datum.tip ?? item.datum.datum?.tip);
  tooltip.hidden = !tip;
  if (!tip) return;
  tooltip.replaceChildren(
    ...tip.split("\n").map((line, i) => {
      const [name, figure] = line.split("\t");
      const strong = figure === undefined ? "" : make("b", {}, figure);
      return make("div", { class: i ? "" : "tip-title" }, make("span", {}, name), strong);
    }),
  );
  const room = tooltip.getBoundingClientRect();
  const right = event.clientX + 16;
  const left = right + room.width > innerWidth ? event.clientX - room.width - 12 : right;
  tooltip.style.left = `${Math.max(8, left)}px`;
  tooltip.style.top = `${Math.max(8, Math.min(event.clientY + 16, innerHeight - room.height - 8))}px`;
}

/** A chart in an element of the page. */
export class Chart {
  constructor(host, spec, config) {
    Object.assign(this, { host, spec, config, key: null, shown: null, work: Promise.resolve() });
    Chart.all.push(this);
    // Vega measures its place again when the window's size changes only; a panel's changes more often.
    new ResizeObserver(() => requestAnimationFrame(() => dispatchEvent(new Event("resize")))).observe(host);
  }

  /**
   * Draw rows. A change of words makes a new view.
   * @param {object[]} rows
   * @param {object} words what replaces the placeholders in the chart's expressions, or its height
   * @param {object} signals
   * @param {?function(number)} onpick called with the place of a mark that was clicked
   */
  draw(rows, words = {}, signals = {}, onpick = null) {
    Object.assign(this, { rows, signals, onpick });
    this.host.classList.toggle("is-empty", rows.length === 0);
    const key = JSON.stringify(words);
    if (key !== this.key)
      this.work = this.work.then(() => this.embed(words)); // one after the other
    else this.work = this.work.then(() => this.feed());
    this.key = key;
  }

  async embed(words) {
    this.shown?.finalize();
    const put = (_name, value) =>
      typeof value === "string" ? value.replace(/@(axis|when)/g, (_all, word) => words[word]) : value;
    const spec = JSON.parse(JSON.stringify(this.spec), put);
    if (words.height) spec.height = words.height;
    this.shown = await vegaEmbed(this.host, spec, {
      mode: "vega-lite",
      config: this.config,
      renderer: "svg",
      actions: false,
      defaultStyle: false,
      logLevel: 1,
      tooltip: showTooltip,
    });
    this.shown.view.addEventListener("click", (_event, item) => {
      const place = item?.datum?.place;
      if (place !== undefined && this.onpick) this.onpick(place);
    });
    await this.feed();
  }

  feed() {
    const { view } = this.shown;
    for (const [name, value] of Object.entries(this.signals)) view.signal(name, value);
    return view.data("rows", this.rows).resize().runAsync();
  }
}
Chart.all = [];
