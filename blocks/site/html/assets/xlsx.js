// A table as an Excel workbook: numbers as numbers, days as days, texts as texts that nothing evaluates.

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  let sum = n;
  for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? 0xedb88320 ^ (sum >>> 1) : sum >>> 1;
  return sum;
});

function checksum(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = CRC[(sum ^ byte) & 0xff] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}

const numbers = (...pairs) => {
  const view = new DataView(new ArrayBuffer(pairs.reduce((all, [size]) => all + size, 0)));
  let at = 0;
  for (const [size, value] of pairs) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  return new Uint8Array(view.buffer);
};

/** Files as an uncompressed zip archive: parts of its bytes. */
export function zipFiles(files) {
  const [encoder, parts, entries] = [new TextEncoder(), [], []];
  let at = 0;
  for (const [name, text] of files) {
    const [title, bytes] = [encoder.encode(name), encoder.encode(text)];
    const sizes = [
      [4, checksum(bytes)],
      [4, bytes.length],
      [4, bytes.length],
      [2, title.length],
      [2, 0],
    ];
    const common = [[2, 20], [2, 0x800], [2, 0], [2, 0], [2, 0x21], ...sizes];
    const head = numbers([4, 0x04034b50], ...common);
    const rest = [
      [2, 0],
      [2, 0],
      [2, 0],
      [4, 0],
      [4, at],
    ];
    entries.push(numbers([4, 0x02014b50], [2, 20], ...common, ...rest), title);
    parts.push(head, title, bytes);
    at += head.length + title.length + bytes.length;
  }
  const size = entries.reduce((all, { length }) => all + length, 0);
  const count = files.length;
  const end = numbers([4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, size], [4, at], [2, 0]);
  return [...parts, ...entries, end];
}

// Without what XML can't hold.
const escape = (text) =>
  String(text)
    // eslint-disable-next-line no-control-regex
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "")
    .replace(/[&<>"]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[sign]);

const EPOCH = 25569; // 1 January 1970 as Excel counts days

function writeCell(value) {
  if (value === null || value === undefined) return "<c/>";
  if (typeof value === "number") return `<c><v>${value}</v></c>`;
  const day = /^\d{4}-\d{2}-\d{2}$/.test(value) ? Date.parse(value) / 86400000 + EPOCH : 0;
  if (day > 60) return `<c s="1"><v>${day}</v></c>`;
  return `<c t="inlineStr"><is><t xml:space="preserve">${escape(value)}</t></is></c>`;
}

const HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>';
const MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships";
const OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml";

/** Lines of values as a workbook with one sheet: parts of its bytes. */
export function toXlsx(lines) {
  const rows = lines.map((line) => `<row>${line.map(writeCell).join("")}</row>`).join("");
  const override = (part, kind) => `<Override PartName="${part}" ContentType="${TYPES}.${kind}+xml"/>`;
  const relation = (id, kind, target) =>
    `<Relationship Id="${id}" Type="${OFFICE}/${kind}" Target="${target}"/>`;
  const rels = "application/vnd.openxmlformats-package.relationships+xml";
  const types = `<Default Extension="rels" ContentType="${rels}"/>${override("/book.xml", "sheet.main")}`;
  const parts = `${override("/sheet.xml", "worksheet")}${override("/styles.xml", "styles")}`;
  const one =
    "<fonts><font/></fonts><fills><fill/></fills><borders><border/></borders><cellStyleXfs><xf/></cellStyleXfs>";
  const formats = '<cellXfs><xf/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs>';
  return zipFiles([
    [
      "[Content_Types].xml",
      `${HEAD}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">${types}${parts}</Types>`,
    ],
    [
      "_rels/.rels",
      `${HEAD}<Relationships xmlns="${RELATIONS}">${relation("r1", "officeDocument", "book.xml")}</Relationships>`,
    ],
    [
      "book.xml",
      `${HEAD}<workbook xmlns="${MAIN}" xmlns:r="${OFFICE}"><sheets><sheet name="View" sheetId="1" r:id="r1"/></sheets></workbook>`,
    ],
    [
      "_rels/book.xml.rels",
      `${HEAD}<Relationships xmlns="${RELATIONS}">${relation("r1", "worksheet", "sheet.xml")}${relation("r2", "styles", "styles.xml")}</Relationships>`,
    ],
    ["styles.xml", `${HEAD}<styleSheet xmlns="${MAIN}">${one}${formats}</styleSheet>`],
    ["sheet.xml", `${HEAD}<worksheet xmlns="${MAIN}"><sheetData>${rows}</sheetData></worksheet>`],
  ]);
}
