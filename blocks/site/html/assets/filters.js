// The filter bar: dates, presets, and a list of values to tick for each dimension.

const LISTED = 200;

// dates: {whole, grain, presets}. set(range) is called with a range of buckets inside the whole.
function dateFilter(dates, set) {
  const begin = start(dates.whole.first, dates.grain);
  const end = finish(dates.whole.last, dates.grain);
  const input = (label) => make("input", { type: "date", "aria-label": label, min: isoDay(begin), max: isoDay(end) });
  const [from, to] = [input("From"), input("To")];
  const read = (field, fallback) => {
    const day = Date.parse(field.value) / DAY;
    return bucket(Number.isFinite(day) ? Math.min(Math.max(day, begin), end) : fallback, dates.grain);
  };
  const changed = () => {
    const ends = [read(from, begin), read(to, end)].sort((a, b) => a - b);
    set({ first: ends[0], last: ends[1] });
  };
  from.addEventListener("change", changed);
  to.addEventListener("change", changed);
  const lengths = [...dates.presets, [dates.whole.last - dates.whole.first + 1, "All"]];
  const buttons = lengths.map(([length, label]) => make("button", {
    type: "button", onclick: () => set({ first: dates.whole.last - length + 1, last: dates.whole.last }),
  }, label));
  const element = make("div", { class: "dates" },
    make("div", { class: "segments", role: "group", "aria-label": "Length of the period" }, ...buttons),
    make("div", { class: "range" }, from, make("span", { "aria-hidden": "true" }, "to"), to));
  const update = (range) => {
    from.value = isoDay(start(range.first, dates.grain));
    to.value = isoDay(finish(range.last, dates.grain));
    buttons.forEach((button, i) => {
      const pressed = range.last === dates.whole.last && range.last - range.first + 1 === lengths[i][0];
      button.setAttribute("aria-pressed", String(pressed));
    });
  };
  return { element, update };
}

// A multi-select of one dimension's values; nothing ticked means all. set(values) gets a Set of texts.
function valueFilter(label, texts, set) {
  const sorted = [...new Set(texts)].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  let picked = new Set();
  const said = make("b", {}, "All");
  const search = make("input", { type: "search", placeholder: "Search", "aria-label": `Search ${label}` });
  const list = make("div", { class: "choices" });
  const clear = make("button", { type: "button", class: "plain", onclick: () => set(new Set()) }, "Clear");
  const summary = make("summary", {}, make("span", {}, label), said);
  const element = make("details", { class: "pick" }, summary, make("div", { class: "menu" }, search, list, clear));
  const fill = () => {
    const wanted = search.value.trim().toLowerCase();
    const found = sorted.filter((text) => text.toLowerCase().includes(wanted));
    list.replaceChildren(...found.slice(0, LISTED).map((text) => make("label", {},
      make("input", { type: "checkbox", value: text, ...(picked.has(text) && { checked: true }), onchange: (event) => toggle(text, event.target.checked) }),
      make("span", { dir: "auto" }, text))));
    if (found.length > LISTED) list.append(make("p", {}, `${found.length - LISTED} more: type to find them`));
    if (!found.length) list.append(make("p", {}, "Nothing found"));
  };
  const toggle = (text, on) => {
    const next = new Set(picked);
    if (on) next.add(text); else next.delete(text);
    set(next);
  };
  search.addEventListener("input", fill);
  element.addEventListener("toggle", () => { if (element.open) { search.value = ""; fill(); search.focus(); } });
  element.addEventListener("keydown", (event) => { if (event.key === "Escape") { element.open = false; summary.focus(); } });
  document.addEventListener("pointerdown", (event) => { if (!element.contains(event.target)) element.open = false; });
  const update = (values) => {
    picked = values;
    said.textContent = picked.size === 0 ? "All" : picked.size === 1 ? [...picked][0] : `${picked.size} chosen`;
    element.classList.toggle("is-set", picked.size > 0);
    clear.disabled = picked.size === 0;
    list.querySelectorAll("input").forEach((box) => { box.checked = picked.has(box.value); });
  };
  return { element, update };
}
