// The table: every combination of the dimensions with its metrics; sorted, paged, and to be taken along as CSV.

const PAGE_ROWS = 20;

class Table {
  // columns: [{label, figure}], rows: [{cells: [{text, value, pick}]}]; pick() drills into a cell's value.
  constructor(host, name) {
    Object.assign(this, { host, name, sorted: null, down: true, page: 0, columns: [], rows: [] });
  }

  show(columns, rows) {
    if (this.sorted === null || this.sorted >= columns.length || columns.length !== this.columns.length) {
      this.sorted = Math.max(columns.findIndex((column) => column.figure), 0);
      this.down = true;
    }
    Object.assign(this, { columns, rows, page: 0 });
    this.render();
  }

  render() {
    const focused = document.activeElement?.closest?.("[data-focus]")?.dataset.focus;
    const rows = this.inOrder();
    const pages = Math.max(1, Math.ceil(rows.length / PAGE_ROWS));
    this.page = Math.min(this.page, pages - 1);
    const seen = rows.slice(this.page * PAGE_ROWS, (this.page + 1) * PAGE_ROWS);
    const head = make("thead", {}, make("tr", {}, ...this.columns.map((column, i) => this.heading(column, i))));
    const body = make("tbody", {}, ...seen.map((row) => make("tr", {}, ...row.cells.map((cell, i) => this.cell(cell, i)))));
    const table = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": this.name }, make("table", {}, head, body));
    this.host.replaceChildren(seen.length ? table : make("p", { class: "none" }, "No rows for these filters"), this.pager(rows.length, pages));
    if (focused) this.host.querySelector(`[data-focus="${focused}"]`)?.focus();
  }

  inOrder() {
    const value = (row) => row.cells[this.sorted].value;
    const sign = this.down ? -1 : 1;
    return [...this.rows].sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      if (x === null || y === null) return (x === null) - (y === null); // missing ones last, either way
      return sign * (typeof x === "string" ? x.localeCompare(y, "en", { numeric: true }) : x - y);
    });
  }

  heading(column, i) {
    const sorted = i === this.sorted ? (this.down ? "descending" : "ascending") : "none";
    const sort = () => {
      this.down = i === this.sorted ? !this.down : column.figure;
      this.sorted = i;
      this.render();
    };
    const button = make("button", { type: "button", "data-focus": `sort-${i}`, onclick: sort }, column.label,
      make("span", { "aria-hidden": "true" }, sorted === "none" ? "" : this.down ? " ↓" : " ↑"));
    return make("th", { scope: "col", "aria-sort": sorted, class: column.figure ? "figure" : "" }, button);
  }

  cell(cell, i) {
    const kind = this.columns[i].figure ? "figure" : "";
    const text = cell.pick
      ? make("button", { type: "button", class: "link", dir: "auto", title: "Look inside", onclick: cell.pick }, cell.text)
      : cell.text;
    return make("td", { class: kind }, text);
  }

  pager(count, pages) {
    const turn = (label, by, name) => make("button", {
      type: "button", "data-focus": name, "aria-label": label, disabled: this.page + by < 0 || this.page + by >= pages,
      onclick: () => { this.page += by; this.render(); },
    }, by < 0 ? "←" : "→");
    const said = `${whole.format(count)} ${count === 1 ? "row" : "rows"} · page ${this.page + 1} of ${pages}`;
    const save = make("button", { type: "button", class: "plain", onclick: () => this.save() }, "Download CSV");
    return make("div", { class: "pager" }, make("span", { role: "status" }, said), turn("Previous page", -1, "back"), turn("Next page", 1, "on"), save);
  }

  // A cell that starts like a formula would run in a spreadsheet, so it is quoted off.
  save() {
    const quoted = (value) => {
      const text = value === null ? "" : typeof value === "number" ? String(value) : String(value).replace(/^[=+\-@\t\r]/, "'$&");
      return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    const lines = [this.columns.map((c) => quoted(c.label)), ...this.inOrder().map((row) => row.cells.map((c, i) => quoted(this.columns[i].figure ? c.value : c.text)))];
    const file = new Blob(["\ufeff" + lines.map((line) => line.join(",")).join("\r\n")], { type: "text/csv" });
    const link = make("a", { href: URL.createObjectURL(file), download: `${this.name.replace(/[^\w -]/g, "") || "table"}.csv` });
    link.click();
    URL.revokeObjectURL(link.href);
  }
}
