// A chart in a panel: draws what it is given, again when its place changes, and lets its marks be reached by
// pointer and keyboard. Which shapes there are is the drawing's: draw_trend.js and its kin.

import { hideTooltip, showTooltip } from "./tooltip.js";

const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/** A chart in an element of the page. */
export class Chart {
  /**
   * @param {HTMLElement} host
   * @param {function(HTMLElement, object, object): SVGElement[]} drawing puts shapes into the host and returns the
   *   marks that can be reached, each with a `tip`, and a `place` where a click on it looks inside
   */
  constructor(host, drawing) {
    Object.assign(this, { host, drawing, data: null, marks: [], current: 0, width: 0, height: 0 });
    host.addEventListener("keydown", (event) => this.onKey(event));
    host.addEventListener("pointerleave", hideTooltip);
    new ResizeObserver(([{ contentRect }]) => {
      const { width, height } = contentRect;
      // what has no height of its own is as high as what is drawn in it
      const isHigher = this.height > 0 && Math.abs(height - this.height) > 1;
      if (this.data && (Math.abs(width - this.width) > 1 || isHigher)) this.redraw();
    }).observe(host);
  }

  /**
   * Draw.
   * @param {object} data as the drawing takes it; `rows` is empty where there is nothing to show
   * @param {?function(number)} onpick called with the place of a mark that was clicked
   */
  draw(data, onpick = null) {
    Object.assign(this, { data, onpick });
    this.redraw();
  }

  redraw() {
    const { host, data } = this;
    const focused = host.contains(document.activeElement) ? this.current : -1;
    const empty = data.rows.length === 0;
    host.classList.toggle("is-empty", empty);
    this.width = host.clientWidth;
    host.replaceChildren();
    this.height = host.clientHeight;
    this.marks = empty ? [] : this.drawing(host, data, { width: this.width, height: this.height });
    this.current = Math.min(Math.max(focused, 0), Math.max(this.marks.length - 1, 0));
    this.marks.forEach((mark, number) => this.listen(mark, number));
    if (focused >= 0) this.marks[this.current]?.element.focus();
  }

  listen({ element, tip, place }, number) {
    const acts = this.onpick && place !== undefined;
    element.setAttribute("tabindex", number === this.current ? "0" : "-1");
    element.setAttribute("role", acts ? "button" : "img");
    element.setAttribute("aria-label", tip.replaceAll("\t", ": ").replaceAll("\n", ", "));
    element.addEventListener("pointermove", (event) => showTooltip(tip, event.clientX, event.clientY));
    element.addEventListener("focus", () => {
      if (!element.matches(":focus-visible")) return;
      const { right, top } = element.getBoundingClientRect();
      showTooltip(tip, right, top);
    });
    element.addEventListener("blur", hideTooltip);
    if (acts) element.addEventListener("click", () => this.onpick(place));
  }

  onKey(event) {
    const { key } = event;
    const mark = this.marks[this.current];
    if (!mark) return;
    if (key === "Escape") hideTooltip();
    else if (key === "Enter" || key === " ") {
      event.preventDefault();
      if (this.onpick && mark.place !== undefined) this.onpick(mark.place);
    } else if (STEPS[key] || key === "Home" || key === "End") {
      event.preventDefault();
      this.move(this.next(key));
    }
  }

  next(key) {
    const last = this.marks.length - 1;
    if (key === "Home") return 0;
    if (key === "End") return last;
    return Math.min(Math.max(this.current + STEPS[key], 0), last);
  }

  move(to) {
    this.marks[this.current].element.setAttribute("tabindex", "-1");
    this.current = to;
    this.marks[to].element.setAttribute("tabindex", "0");
    this.marks[to].element.focus();
  }
}
