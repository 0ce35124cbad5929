// One Vega-Lite chart a panel: compiled once for what it shows, then fed rows. Also the tooltip.

const tooltip = document.createElement("div");
tooltip.className = "tooltip";
tooltip.hidden = true;
document.body.append(tooltip);

// A tip is lines of text; a tab parts a name from its value. The nearest point's row is one level deeper.
function showTip(_handler, event, item, value) {
  const tip = value && (item.datum.tip ?? item.datum.datum?.tip);
  tooltip.hidden = !tip;
  if (!tip) return;
  tooltip.replaceChildren(...tip.split("\n").map((line, i) => {
    const [name, figure] = line.split("\t");
    return make("div", { class: i ? "" : "tip-title" }, make("span", {}, name), figure === undefined ? "" : make("b", {}, figure));
  }));
  const room = tooltip.getBoundingClientRect();
  const left = event.clientX + 16 + room.width > innerWidth ? event.clientX - room.width - 12 : event.clientX + 16;
  tooltip.style.left = `${Math.max(8, left)}px`;
  tooltip.style.top = `${Math.max(8, Math.min(event.clientY + 16, innerHeight - room.height - 8))}px`;
}

// An element with attributes and children; text is only ever text.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

class Chart {
  constructor(host, spec, config) {
    Object.assign(this, { host, spec, config, key: null, shown: null, work: Promise.resolve() });
    Chart.all.push(this);
    // Vega measures its place again when the window's size changes only; a panel's changes more often.
    new ResizeObserver(() => requestAnimationFrame(() => dispatchEvent(new Event("resize")))).observe(host);
  }

  // words replaces the placeholders in the chart's expressions, or its height; a change makes a new view.
  draw(rows, words = {}, signals = {}, onpick = null) {
    Object.assign(this, { rows, signals, onpick });
    this.host.classList.toggle("is-empty", rows.length === 0);
    const key = JSON.stringify(words);
    if (key !== this.key) this.work = this.work.then(() => this.embed(words)); // one after the other
    else this.work = this.work.then(() => this.feed());
    this.key = key;
  }

  async embed(words) {
    this.shown?.finalize();
    const put = (_name, value) => (typeof value === "string" ? value.replace(/@(axis|when)/g, (_all, word) => words[word]) : value);
    const spec = JSON.parse(JSON.stringify(this.spec), put);
    if (words.height) spec.height = words.height;
    this.shown = await vegaEmbed(this.host, spec, {
      mode: "vega-lite", config: this.config, renderer: "svg", actions: false, defaultStyle: false, logLevel: 1, tooltip: showTip,
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
