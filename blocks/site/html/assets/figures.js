// Numbers and dates as people read them. blocks/site/number_format.py does the picture's, by the same rules.

const NONE = "–";
const STEPS = [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "K"]];
const DAY = 86400000;
const grouped = (least, most) => new Intl.NumberFormat("en-US", { minimumFractionDigits: least, maximumFractionDigits: most });
const [whole, one, two, upToFour] = [grouped(0, 0), grouped(1, 1), grouped(2, 2), grouped(0, 4)];
const shortDay = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });

// A short figure: 1,234 · 48.1K · £1.24M · 12.3%.
function short(value, metric) {
  if (value === null || !Number.isFinite(value)) return NONE;
  const sign = value < 0 ? "-" : "";
  if (metric.form === "percent") return `${one.format(value * 100)}%`;
  return sign + metric.unit + shortSize(Math.abs(value), metric.unit !== "");
}

function shortSize(size, money) {
  for (const [step, letter] of STEPS) {
    if (size >= step * 0.99995 && size >= 9999.5) {
      const scaled = size / step;
      return scaled.toFixed(scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0) + letter;
    }
  }
  if (Number.isInteger(size) || size >= 1000) return whole.format(size);
  return (money || size < 10 ? two : one).format(size);
}

// The figure with all its digits, for a title or a table.
function exact(value, metric) {
  if (value === null || !Number.isFinite(value)) return NONE;
  if (metric.form === "percent") return `${two.format(value * 100)}%`;
  return (value < 0 ? "-" : "") + metric.unit + (metric.unit ? two : upToFour).format(Math.abs(value));
}

// What changed since the period before: text, direction, and whether that is good. Null where undefined.
function change(value, before, metric) {
  if (value === null || before === null) return null;
  const points = metric.form === "percent";
  if (!points && before === 0) return null;
  const size = points ? (value - before) * 100 : ((value - before) / Math.abs(before)) * 100;
  const direction = Math.abs(size) < 0.05 ? "flat" : size > 0 ? "up" : "down";
  const text = `${{ up: "+", down: "-", flat: "" }[direction]}${one.format(Math.abs(size))}${points ? " pp" : "%"}`;
  const judged = direction !== "flat" && metric.goal !== "none";
  return { text, direction, tone: judged ? (direction === metric.goal ? "good" : "bad") : "even" };
}

const dayText = (day) => shortDay.format(day * DAY);
const spanText = (first, last) => (first === last ? dayText(first) : `${dayText(first)} – ${dayText(last)}`);
const isoDay = (day) => new Date(day * DAY).toISOString().slice(0, 10);

// A bucket as a reader names it: 3 Mar 2025 · Week of 3 Mar 2025 · Mar 2025 · Q1 2025 · 2025.
function bucketText(number, grain) {
  const day = start(number, grain);
  if (grain === "day") return dayText(day);
  if (grain === "week") return `Week of ${dayText(day)}`;
  const date = new Date(day * DAY);
  if (grain === "month") return dayText(day).replace(/^\d+ /, "");
  return grain === "quarter" ? `Q${date.getUTCMonth() / 3 + 1} ${date.getUTCFullYear()}` : String(date.getUTCFullYear());
}
