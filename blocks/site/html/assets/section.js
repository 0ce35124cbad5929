// One dataset's charts and table, as the analysis asks. Choices of its own: metric, breakdown, grain, split.

const ORDER = {
  kpi: ["trend", "bars"],
  trend: ["trend", "bars"],
  comparison: ["bars", "trend"],
  composition: ["shares", "bars", "stacked", "trend"], // bars stand in where a metric's parts don't add up
  detail: ["table", "bars", "trend"],
};

const BAR = 34; // pixels a bar

class Section {
  constructor(dataset, number) {
    Object.assign(this, { dataset, number });
    this.dataset.timed = this.dataset.tables.some((table) => table.buckets);
    this.restart();
    this.panels = new Map();
    const area = make("section", { class: "charts", "aria-label": dataset.label });
    if (model.datasets.length > 1) area.append(make("h2", {}, dataset.label));
    for (const kind of [...ORDER[model.analysis], "table"]) if (this.offers(kind)) this.addPanel(kind, area);
    document.getElementById("sections").append(area);
  }

  restart() {
    this.metric = model.metrics.find((metric) => metric.dataset === this.number);
    Object.assign(this, { by: 0, split: -1, grain: null, per: "" });
  }

  offers(kind) {
    if (this.panels.has(kind)) return false;
    const { timed, dimensions } = this.dataset;
    return { trend: timed, bars: dimensions.length > 0, shares: dimensions.length > 0, stacked: timed && dimensions.length > 0, table: true }[kind];
  }

  addPanel(kind, area) {
    const title = make("h3");
    const tools = make("div", { class: "tools" });
    const body = make("div", { class: `chart chart-${kind}`, ...(kind !== "table" && { role: "img" }) });
    const legend = make("div", { class: "legend" });
    const panel = { title, tools, body, legend };
    panel.element = make("article", { class: `panel panel-${kind}`, "data-panel": kind }, make("header", {}, title, tools), make("div", { class: "body" }, body, legend));
    if (kind === "table") panel.table = new Table(body, "Table");
    else panel.chart = new Chart(body, model.specs[kind === "shares" ? "donut" : kind], model.config);
    this.panels.set(kind, panel);
    this.addTools(kind, tools);
    area.append(panel.element);
  }

  // --- choices beside a panel's title

  addTools(kind, tools) {
    const dimensions = this.dataset.dimensions.map(({ label }, i) => [i, label]);
    if (["bars", "shares", "stacked"].includes(kind)) this.addSelect(tools, "By", dimensions, "by");
    if (kind === "trend" && dimensions.length) this.addSelect(tools, "Split by", [[-1, "nothing"], ...dimensions], "split");
    if (kind === "trend" || kind === "stacked") this.addGrains(tools);
    if (kind === "table" && this.dataset.timed && dimensions.length) {
      this.addSelect(tools, "Per", [["", "whole period"], ...model.grains.map((g) => [g, g])], "per");
    }
  }

  addSelect(tools, label, options, field) {
    const select = make("select", { "data-field": field, onchange: () => {
      this[field] = typeof options[0][0] === "number" || field === "by" ? Number(select.value) : select.value;
      render();
    } }, ...options.map(([value, text]) => make("option", { value: String(value) }, text)));
    tools.append(make("label", {}, make("span", {}, label), select));
  }

  addGrains(tools) {
    const buttons = model.grains.map((grain) => make("button", { type: "button", "data-grain": grain, onclick: () => { this.grain = grain; render(); } }, grain[0].toUpperCase() + grain.slice(1)));
    tools.append(make("div", { class: "segments", role: "group", "aria-label": "Grain of time" }, ...buttons));
  }

  renderTools(panel) {
    panel.tools.querySelectorAll("select").forEach((select) => { select.value = String(this[select.dataset.field]); });
    panel.tools.querySelectorAll("[data-grain]").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.grain === drawnGrain(this.grain))));
  }

  // --- drawing

  render() {
    for (const [kind, panel] of this.panels) {
      this.renderTools(panel);
      this[kind](panel);
      panel.body.setAttribute("aria-label", panel.title.textContent);
    }
  }

  ranked(dimension, most) {
    return ranked(this.dataset, dimension, this.metric, chosen.range, where(this.dataset), most);
  }

  // Each group's value now and before, in the order of the groups.
  compared({ groups, placeOf }) {
    const value = (range) => {
      const found = addUp(this.dataset, range, where(this.dataset), placeOf);
      return (place) => (found.has(place) ? evaluate(this.metric.formula, found.get(place)) : null);
    };
    const [now, then] = [value(chosen.range), hasBefore() && this.dataset.timed ? value(before()) : () => null];
    return groups.map((group, place) => ({ ...group, place, v: now(place), previous: then(place) }));
  }

  tip(title, now, then, share = null) {
    const lines = [`${title}`, `${this.metric.label}\t${rough(this.metric)}${exact(now, this.metric)}`];
    if (share !== null) lines.push(`Share\t${one.format(share * 100)}%`);
    if (then !== null && then !== undefined) lines.push(`Previous period\t${exact(then, this.metric)}`, `Change\t${change(now, then, this.metric)?.text ?? NONE}`);
    return lines.join("\n");
  }

  bars(panel) {
    const dimension = this.dataset.dimensions[this.by];
    const ranking = this.ranked(this.by, MOST.bars);
    const rows = this.compared(ranking).map((row) => ({ ...row, codes: null, text: rough(this.metric) + short(row.v, this.metric), tip: this.tip(row.label, row.v, row.previous) }));
    panel.title.textContent = `${this.metric.label} by ${dimension.label.toLowerCase()}`;
    panel.element.hidden = this.panels.has("shares") && this.metric.adds;
    const keys = hasBefore() && this.dataset.timed ? [make("p", { class: "key" }, make("i", { class: "tick" }), "previous period")] : [];
    panel.legend.replaceChildren(...keys, make("p", { class: "key" }, "Click a bar to look inside it"));
    panel.chart.draw(rows, { height: Math.max(rows.length, 1) * BAR }, {}, (place) => drill(this, this.by, ranking.groups[place]));
  }

  shares(panel) {
    const dimension = this.dataset.dimensions[this.by];
    panel.title.textContent = `${this.metric.label} by ${dimension.label.toLowerCase()}`;
    panel.element.hidden = !this.metric.adds;
    const ranking = this.ranked(this.by, MOST.series);
    const all = this.compared(ranking);
    const parts = this.metric.adds ? all.filter(({ v }) => v > 0) : [];
    const total = parts.reduce((sum, { v }) => sum + v, 0);
    const rows = parts.map((part) => ({ ...part, codes: null, slot: slotOf(part), tip: this.tip(part.label, part.v, part.previous, part.v / total) }));
    const pick = (place) => drill(this, this.by, ranking.groups[place]);
    panel.chart.draw(rows, {}, { total: rows.length ? short(total, this.metric) : "" }, pick);
    const left = all.length - parts.length;
    const note = left ? [make("p", { class: "note" }, `${left} at or below zero not drawn`)] : [];
    panel.legend.replaceChildren(...this.legend(rows, pick, (row) => `${one.format((row.v / total) * 100)}%`), ...note);
  }

  legend(rows, pick, share) {
    return rows.map((row) => make("button", { type: "button", class: "entry", onclick: () => pick(row.place), title: "Look inside" },
      make("i", { class: `dot slot-${row.slot + 1}` }), make("span", { dir: "auto" }, row.label), make("b", {}, short(row.v, this.metric)), make("em", {}, share(row))));
  }

  // The groups of a dimension over time: [{bucket, place, v}].
  overTime(grain, placeOf) {
    const found = addUp(this.dataset, chosen.range, where(this.dataset), (table, row) => {
      const place = placeOf(table, row);
      return place === undefined ? undefined : coarse(table.buckets[row], grain) * 16 + place;
    });
    return [...found].map(([key, totals]) => ({ bucket: Math.floor(key / 16), place: ((key % 16) + 16) % 16, v: evaluate(this.metric.formula, totals) }))
      .filter(({ v }) => v !== null).sort((a, b) => a.bucket - b.bucket || a.place - b.place);
  }

  stacked(panel) {
    const grain = drawnGrain(this.grain);
    const dimension = this.dataset.dimensions[this.by];
    const ranking = this.ranked(this.by, MOST.series);
    const rows = (this.metric.adds ? this.overTime(grain, ranking.placeOf) : []).map(({ bucket: b, place, v }) => {
      const group = ranking.groups[place];
      return { when: start(b, grain) * DAY, place, v, slot: slotOf({ ...group, place }), tip: this.tip(`${group.label}\n${bucketText(b, grain)}`, v, null) };
    });
    panel.title.textContent = `${this.metric.label} by ${dimension.label.toLowerCase()} and ${grain}`;
    panel.element.hidden = !this.metric.adds;
    panel.chart.draw(rows, { axis: this.metric.axis, when: model.when[grain] }, {}, (place) => drill(this, this.by, ranking.groups[place]));
  }

  trend(panel) {
    const grain = drawnGrain(this.grain);
    const parted = this.split >= 0;
    const ranking = parted ? this.ranked(this.split, MOST.series) : { groups: [{ label: this.metric.label, others: false }], placeOf: () => 0 };
    const points = this.overTime(grain, ranking.placeOf);
    const earlier = parted || !hasBefore() ? [] : this.earlier(grain);
    panel.title.textContent = `${this.metric.label} per ${grain}${parted ? ` by ${this.dataset.dimensions[this.split].label.toLowerCase()}` : ""}`;
    panel.chart.draw([...earlier, ...this.lines(points, grain, ranking.groups, earlier)], { axis: this.metric.axis });
    const names = parted ? ranking.groups.map((group, place) => make("p", { class: "key" }, make("i", { class: `dot slot-${slotOf({ ...group, place }) + 1}` }), make("span", { dir: "auto" }, group.label))) : [];
    const extra = [earlier.length ? ["dash", "previous period"] : null, points.some(({ bucket: b }) => !isWhole(b, grain, chosen.range)) ? ["dots", `${grain} not complete`] : null].filter(Boolean);
    panel.legend.replaceChildren(...names, ...extra.map(([mark, text]) => make("p", { class: "key" }, make("i", { class: mark }), text)));
  }

  // Points as rows of lines: whole buckets in one piece, an incomplete end as a dotted piece of its own.
  lines(points, grain, groups, earlier) {
    const titles = new Map();
    const one = groups.length === 1 && this.split < 0;
    for (const { bucket: b, place, v } of points) {
      const then = earlier.find((row) => row.bucket === b);
      const text = one ? this.tip(bucketText(b, grain), v, then?.v ?? null).split("\n").slice(1).join("\n") : `${groups[place].label}\t${exact(v, this.metric)}`;
      titles.set(b, [...(titles.get(b) ?? [bucketText(b, grain) + (isWhole(b, grain, chosen.range) ? "" : " (not complete)")]), text]);
    }
    return groups.flatMap((group, place) => {
      const own = points.filter((point) => point.place === place);
      const row = ({ bucket: b, v }, kind, part) => ({ t: start(b, grain) * DAY, v, slot: slotOf({ ...group, place }), kind, part: `${place}${part}`, fill: one && kind === "now", tip: titles.get(b).join("\n") });
      const full = own.filter(({ bucket: b }) => isWhole(b, grain, chosen.range));
      const ends = own.flatMap((point, i) => {
        if (full.includes(point)) return [];
        const other = i === 0 ? own[1] : own[i - 1];
        return [row(point, "partial", `-${i}`), ...(other ? [row(other, "partial", `-${i}`)] : [])];
      });
      return [...full.map((point) => row(point, "now", "")), ...ends];
    });
  }

  // The period before, moved onto the chosen one; only its whole buckets. `bucket` is the one it falls beside.
  earlier(grain) {
    const range = before();
    const found = addUp(this.dataset, range, where(this.dataset), (table, row) => coarse(table.buckets[row], grain));
    const base = [coarse(range.first, grain), coarse(chosen.range.first, grain)];
    return bucketsOf(range, grain).flatMap((b) => {
      const v = found.has(b) && isWhole(b, grain, range) ? evaluate(this.metric.formula, found.get(b)) : null;
      const beside = b - base[0] + base[1];
      if (v === null || beside > coarse(chosen.range.last, grain)) return [];
      return [{ t: start(beside, grain) * DAY, bucket: beside, v, slot: MOST.series, kind: "previous", part: "previous", fill: false, tip: "" }];
    });
  }

  table(panel) {
    const { dataset } = this;
    const per = dataset.timed && (this.per || !dataset.dimensions.length) ? (this.per || drawnGrain()) : "";
    const groups = addUp(dataset, chosen.range, where(dataset), (table, row) => [per ? coarse(table.buckets[row], per) : "", ...table.codes.map((codes) => codes[row])].join(","));
    const metrics = metricsOf(this.number);
    const columns = [...(per ? [{ label: per[0].toUpperCase() + per.slice(1), figure: false }] : []), ...dataset.dimensions.map(({ label }) => ({ label, figure: false })), ...metrics.map(({ label }) => ({ label, figure: true }))];
    const rows = [...groups].map(([key, totals]) => {
      const [when, ...codes] = key.split(",");
      const time = per ? [{ text: bucketText(Number(when), per), value: Number(when) }] : [];
      const keys = codes.map((code, i) => {
        const text = dataset.dimensions[i].values[code];
        return { text, value: text, pick: () => drill(this, i, { label: text, codes: [Number(code)], others: false }) };
      });
      return { cells: [...time, ...keys, ...metrics.map((metric) => {
        const value = evaluate(metric.formula, totals);
        return { text: rough(metric) + exact(value, metric), value };
      })] };
    });
    panel.title.textContent = dataset.dimensions.length ? `By ${dataset.dimensions.map(({ label }) => label.toLowerCase()).join(", ")}` : "Table";
    panel.table.name = `${model.title} ${panel.title.textContent}`;
    panel.table.show(columns, rows);
  }
}

const slotOf = ({ others, place }) => (others ? MOST.series : place);
