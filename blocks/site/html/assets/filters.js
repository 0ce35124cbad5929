// The filter bar: dates, presets, and a list of values to tick for each dimension.

import { closeWhenLeft, makeElement } from "./elements.js";
import { writeDay, readDay } from "./number_format.js";
import { findBucket, lastDayOf, firstDayOf } from "./periods.js";
import { Choice } from "./selection.js";

const LISTED = 200;

/**
 * The range of buckets that two date fields name, whichever is the earlier; an empty or unreadable one
 * stands for its end of the whole.
 * @param {string} from as 2025-03-03 or 3 Mar 2025
 * @param {string} to
 * @param {{whole: {first: number, last: number}, grain: string}} dates
 */
export function readRange(from, to, { whole, grain }) {
  const [begin, end] = [firstDayOf(whole.first, grain), lastDayOf(whole.last, grain)];
  const read = (text, fallback) => {
    const day = readDay(text);
    return findBucket(Number.isFinite(day) ? Math.min(Math.max(day, begin), end) : fallback, grain);
  };
  const [first, last] = [read(from, begin), read(to, end)].sort((a, b) => a - b);
  return { first, last };
}

/** Texts once each, in the order people expect: 2 before 10, upper and lower case together. */
export function sortTexts(texts) {
  return [...new Set(texts)].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
}

/**
 * Two date fields and buttons for the usual lengths.
 * @param {{whole: object, opening: object, grain: string, presets: Array<[number, string]>, timeLabel: string}} dates
 * @param {function({first: number, last: number})} set called with a range inside the whole
 * @returns {{element: HTMLElement, update: function(object)}}
 */
export function makeDateFilter(dates, set) {
  const { whole, opening, grain } = dates;
  const changed = () => set(readRange(from.value, to.value, dates));
  const [from, to] = [makeDateField("From", changed), makeDateField("To", changed)];
  const finished = dates.presets.map(([length, label]) => [
    { first: opening.last - length + 1, last: opening.last },
    label,
  ]);
  const lengths = [...finished, [whole, "All"]];
  const buttons = lengths.map(([range, label]) =>
    makeElement("button", { type: "button", onclick: () => set(range) }, label),
  );
  const segments = { class: "segments", role: "group", "aria-label": "Length of the period" };
  const range = makeElement(
    "div",
    { class: "range" },
    from,
    makeElement("span", { "aria-hidden": "true" }, "to"),
    to,
  );
  const named = dates.timeLabel
    ? [makeElement("span", { class: "dates-label", dir: "auto" }, dates.timeLabel)]
    : [];
  const element = makeElement(
    "div",
    { class: "dates" },
    makeElement("div", segments, ...buttons),
    ...named,
    range,
  );
  const update = ({ first, last }) => {
    showDate(from, writeDay(firstDayOf(first, grain)));
    showDate(to, writeDay(lastDayOf(last, grain)));
    buttons.forEach((button, i) => {
      const [own] = lengths[i];
      button.setAttribute("aria-pressed", String(last === own.last && first === own.first));
    });
  };
  return { element, update };
}

// A date that is typed in full is taken at once, any other when the field is left.
function makeDateField(label, changed) {
  const oninput = (event) => (Number.isNaN(readDay(event.target.value)) ? null : changed());
  const words = { "aria-label": label, placeholder: "3 Mar 2025", title: "As 3 Mar 2025 or 2025-03-03" };
  const attributes = { type: "text", class: "date", autocomplete: "off", spellcheck: "false", ...words };
  const onblur = ({ target }) => (target.value = target.shown ?? target.value);
  return makeElement("input", { ...attributes, oninput, onchange: changed, onblur });
}

/** Write a date into a field; one that is being typed in keeps what is typed, until it is left. */
export function showDate(field, text) {
  field.shown = text;
  if (document.activeElement !== field || Number.isNaN(readDay(field.value))) field.value = text;
}

/** A multi-select of one dimension's values, which are shown alone or left out; nothing ticked means all. */
export class ValueFilter {
  /**
   * @param {string} label
   * @param {string[]} texts
   * @param {function(Choice)} set called with what is chosen
   */
  constructor(label, texts, set) {
    Object.assign(this, { texts: sortTexts(texts), set, picked: new Choice() });
    this.chosen = makeElement("b", {}, "All");
    this.search = makeElement("input", {
      type: "search",
      placeholder: "Search",
      "aria-label": `Search ${label}`,
      oninput: () => this.fill(),
    });
    this.list = makeElement("div", { class: "choices" });
    this.clear = makeElement(
      "button",
      { type: "button", class: "plain", onclick: () => set(new Choice()) },
      "Clear",
    );
    this.modes = ["Only these", "All but these"].map((words, number) => {
      const onclick = () => set(new Choice(this.picked.texts, number === 1));
      return makeElement("button", { type: "button", onclick }, words);
    });
    const modes = makeElement(
      "div",
      { class: "segments", role: "group", "aria-label": `What is ticked of ${label}` },
      ...this.modes,
    );
    this.summary = makeElement("summary", {}, makeElement("span", {}, label), this.chosen);
    const menu = makeElement("div", { class: "menu" }, this.search, this.list, modes, this.clear);
    this.element = makeElement("details", { class: "pick" }, this.summary, menu);
    this.listen();
  }

  listen() {
    const { element, search, summary } = this;
    closeWhenLeft(element, summary); // first: what is focused outside of the window would scroll the page
    element.addEventListener("toggle", () => {
      if (!element.open) return;
      search.value = "";
      this.fill();
      search.focus();
    });
  }

  fill() {
    const wanted = this.search.value.trim().toLowerCase();
    const found = this.texts.filter((text) => text.toLowerCase().includes(wanted));
    this.list.replaceChildren(...found.slice(0, LISTED).map((text) => this.choice(text)));
    if (found.length > LISTED)
      this.list.append(makeElement("p", {}, `${found.length - LISTED} more: type to find them`));
    if (!found.length) this.list.append(makeElement("p", {}, "Nothing found"));
  }

  choice(text) {
    const onchange = (event) => this.toggle(text, event.target.checked);
    const checked = this.picked.texts.has(text);
    const box = makeElement("input", { type: "checkbox", value: text, checked, onchange });
    return makeElement("label", {}, box, makeElement("span", { dir: "auto" }, text));
  }

  toggle(text, on) {
    const next = new Set(this.picked.texts);
    if (on) next.add(text);
    else next.delete(text);
    this.set(new Choice(next, this.picked.excluded && next.size > 0));
  }

  /** Show what is chosen. */
  update(choice) {
    this.picked = choice;
    const { texts, excluded, isSet } = choice;
    const [first] = texts;
    const named = texts.size === 1 ? first : excluded ? texts.size : `${texts.size} chosen`;
    this.chosen.textContent = isSet ? `${excluded ? "All but " : ""}${named}` : "All";
    this.element.classList.toggle("is-set", isSet);
    this.clear.disabled = !isSet;
    this.modes.forEach((button, number) => {
      button.disabled = !isSet;
      button.setAttribute("aria-pressed", String(isSet && excluded === (number === 1)));
    });
    this.list.querySelectorAll("input").forEach((box) => {
      box.checked = texts.has(box.value);
    });
  }
}
