// The table: every combination of the dimensions with its metrics; sorted, paged, and to be taken along as CSV.

import { makeElement } from "./elements.js";
import { download, nameFile } from "./files.js";
import { writeCount } from "./number_format.js";
import { toXlsx } from "./xlsx.js";

const PAGE_ROWS = 20;
const ORDER = new Intl.Collator("en", { numeric: true });
const PRINTED = 5000; // rows on paper, at most

/**
 * Rows in the order of one column; missing values come last either way.
 * @param {Array<{cells: Array<{value: *}>}>} rows
 * @param {number} column
 * @param {boolean} down
 */
export function sortRows(rows, column, down) {
  const sign = down ? -1 : 1;
  const keyed = rows.map((row) => ({
    row,
    key: row.valueAt ? row.valueAt(column) : row.cells[column].value,
  }));
  const before = ({ key: x }, { key: y }) => {
    if (x === null || y === null) return (x === null) - (y === null);
    return sign * (typeof x === "string" ? ORDER.compare(x, y) : x - y);
  };
  return keyed.sort(before).map(({ row }) => row);
}

/** Columns and rows as plain values: figures as numbers, without what adding up left behind; days as 2025-03-03. */
export function plainLines(columns, rows) {
  const plain = (cell, i) => (columns[i].figure ? writePlainNumber(cell.value) : (cell.plain ?? cell.text));
  return [columns.map(({ label }) => label), ...rows.map((row) => row.cells.map(plain))];
}

// 41.85, not 41.849999999999994.
function writePlainNumber(value) {
  return value === null || !Number.isFinite(value) ? null : Number(value.toPrecision(13));
}

/** Columns and rows as the text of a CSV file. */
export function toCsv(columns, rows) {
  return plainLines(columns, rows)
    .map((line) => line.map(writeCsvField).join(","))
    .join("\r\n");
}

// A cell that starts like a formula would run in a spreadsheet, so it is quoted off. Spreadsheets of many languages
// separate cells by `;` or a tab whatever the file says: what follows one of these inside a text starts a cell there.
const FORMULA = /(^|[;\t\r\n])([\s\u200b\ufeff"]*)(?=[=+\-@\t\r＝＋－＠])/g;

function writeCsvField(value) {
  if (value === null) return "";
  const text = typeof value === "number" ? String(value) : String(value).replace(FORMULA, "$1$2'");
  return /[",;\t\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The table in an element of the page. */
export class Table {
  constructor(host, name) {
    Object.assign(this, {
      host,
      name,
      sorted: null,
      down: true,
      page: 0,
      columns: [],
      rows: [],
      whole: false,
    });
    addEventListener("beforeprint", () => this.showWhole(true));
    addEventListener("afterprint", () => this.showWhole(false));
  }

  /**
   * Show rows from the first page on, ordered as before if the columns are as many.
   * @param {Array<{label: string, figure: boolean}>} columns
   * @param {Array<{cells: Array<{text: string, value: *, pick: Function}>}>} rows pick drills into a value
   */
  show(columns, rows) {
    if (this.sorted === null || this.sorted >= columns.length || columns.length !== this.columns.length) {
      this.sorted = Math.max(
        columns.findIndex((column) => column.figure),
        0,
      );
      this.down = true;
    }
    Object.assign(this, { columns, rows, page: 0 });
    this.render();
  }

  render() {
    const focused = document.activeElement?.closest?.("[data-focus]")?.dataset.focus;
    const rows = this.sortedRows();
    const pages = Math.max(1, Math.ceil(rows.length / PAGE_ROWS));
    this.page = Math.min(this.page, pages - 1);
    const seen = this.whole
      ? rows.slice(0, PRINTED)
      : rows.slice(this.page * PAGE_ROWS, (this.page + 1) * PAGE_ROWS);
    const shown = seen.length
      ? this.grid(seen)
      : makeElement("p", { class: "none" }, "No rows for these filters");
    this.host.replaceChildren(shown, this.pager(rows.length, pages));
    if (focused) this.host.querySelector(`[data-focus="${focused}"]`)?.focus();
  }

  // On paper nobody turns pages.
  showWhole(whole) {
    this.whole = whole;
    this.render();
  }

  grid(rows) {
    const headings = this.columns.map((column, i) => this.heading(column, i));
    const head = makeElement("thead", {}, makeElement("tr", {}, ...headings));
    const lines = rows.map((row) => makeElement("tr", {}, ...row.cells.map((cell, i) => this.cell(cell, i))));
    const region = { class: "scroll", tabindex: "0", role: "region", "aria-label": this.name };
    return makeElement("div", region, makeElement("table", {}, head, makeElement("tbody", {}, ...lines)));
  }

  heading(column, i) {
    const sorted = i === this.sorted ? (this.down ? "descending" : "ascending") : "none";
    const sort = () => {
      this.down = i === this.sorted ? !this.down : column.figure;
      this.sorted = i;
      this.render();
    };
    const arrow = { none: "", ascending: " ↑", descending: " ↓" }[sorted];
    const button = makeElement(
      "button",
      { type: "button", "data-focus": `sort-${i}`, onclick: sort },
      column.label,
      makeElement("span", { "aria-hidden": "true" }, arrow),
    );
    return makeElement(
      "th",
      { scope: "col", "aria-sort": sorted, class: column.figure ? "figure" : "" },
      button,
    );
  }

  cell({ text, pick }, i) {
    const link = { type: "button", class: "link", dir: "auto", title: "Look inside", onclick: pick };
    const shown = pick ? makeElement("button", link, text) : text;
    return makeElement("td", { class: this.columns[i].figure ? "figure" : "" }, shown);
  }

  pager(count, pages) {
    const rows = `${writeCount(count)} ${count === 1 ? "row" : "rows"}`;
    const status = makeElement("span", { role: "status" }, `${rows} · page ${this.page + 1} of ${pages}`);
    const save = makeElement(
      "button",
      { type: "button", class: "plain", onclick: () => this.saveCsv() },
      "Download CSV",
    );
    const back = this.pageButton("Previous page", "back", -1, pages);
    return makeElement(
      "div",
      { class: "pager" },
      status,
      back,
      this.pageButton("Next page", "on", 1, pages),
      save,
    );
  }

  pageButton(label, focus, by, pages) {
    const onclick = () => {
      this.page += by;
      this.render();
    };
    const disabled = this.page + by < 0 || this.page + by >= pages;
    const attributes = { type: "button", "data-focus": focus, "aria-label": label, disabled, onclick };
    return makeElement("button", attributes, by < 0 ? "←" : "→");
  }

  /** Give the reader the whole table as CSV. */
  saveCsv(name = this.name) {
    const text = toCsv(this.columns, this.sortedRows());
    download(`${nameFile(name, "", [])}.csv`, ["\ufeff" + text], "text/csv");
  }

  /** Give the reader the whole table as an Excel workbook. */
  saveXlsx(name = this.name) {
    const type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    const lines = plainLines(this.columns, this.sortedRows());
    download(`${nameFile(name, "", [])}.xlsx`, toXlsx(lines), type);
  }

  sortedRows() {
    return sortRows(this.rows, this.sorted, this.down);
  }
}
