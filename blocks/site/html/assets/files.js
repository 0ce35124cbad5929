// Files that a page gives to its reader.

import { makeElement } from "./elements.js";

/** The name of a file of this view, without what no file's name can hold. */
export function nameFile(title, dates, filters) {
  const words = [title, dates, ...filters].filter(Boolean).join(" ");
  return (
    words
      .replace(/[^\p{L}\p{N} ,.–-]/gu, "")
      .replace(/\s+/g, " ")
      .trim()
      .slice(0, 120) || "dashboard"
  );
}

/** Give a file to the reader. */
export function download(name, content, type) {
  const file = new Blob(content, { type });
  const link = makeElement("a", { href: URL.createObjectURL(file), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
