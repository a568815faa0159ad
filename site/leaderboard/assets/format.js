// @ts-check
// Numbers as people read them; the same rule as leaderboard/base/text.py, and a test holds them together.

/** @type {Intl.NumberFormat[]} by decimal places */
const FORMATS = [];

/** Three significant digits, such as 12,300 or 0.00789.
 * @param {number | null | undefined} value */
export function figure(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (value === 0) return "0";
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  const power = Number(exponent);
  if (power < -4 || power >= 9) return `${mantissa}e${power}`;
  const places = Math.max(0, digits - 1 - power);
  // A formatter takes longer to make than a thousand numbers take to write.
  FORMATS[places] ??= new Intl.NumberFormat("en-US", {
    minimumFractionDigits: places,
    maximumFractionDigits: places,
  });
  return FORMATS[places].format(Number(`${mantissa}e${power}`));
}

const CHINESE = document.documentElement.lang.startsWith("zh");
/** Marks between words, as the page's language has them. */
export const [COMMA, COLON, SEMICOLON] = CHINESE ? ["，", "：", "；"] : [", ", ": ", "; "];
export const [OPEN, CLOSE] = CHINESE ? ["（", "）"] : [" (", ")"];

/** Make an element with a class and content; text is never read as markup.
 * @param {string} tag @param {string} [name] @param {...(Node | string)} content */
export function element(tag, name = "", ...content) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...content);
  return made;
}

/** What names a row. @param {...(Node | string)} content */
export function heading(...content) {
  const made = element("th", "head", ...content);
  made.setAttribute("scope", "row");
  return made;
}

/** An interval, said to be one to those who hear the page: `announced` in parts.html, alive.
 * @param {(key: string) => string} word @param {...(Node | string)} content */
export function interval(word, ...content) {
  return element("span", "ci", element("span", "fm-hidden", `${word("interval")} `), ...content);
}

/** A value with the ends of its interval. @param {number[]} ends */
export function times([middle, low, high]) {
  return [figure(middle), " ", element("span", "ci", `${figure(low)} – ${figure(high)}`)];
}

/** @param {string} href @param {string} text @param {string} [name] */
export function link(href, text, name = "") {
  const made = /** @type {HTMLAnchorElement} */ (element("a", name, text));
  made.href = href;
  return made;
}

/** Trust tier, date and the ways to the signed statement: `source` in parts.html, alive.
 * @param {import("./data.js").Rows} rows @param {number} row @param {string} digest
 * @param {string} root @param {(key: string) => string} word */
export function proof(rows, row, digest, root, word) {
  const text = (/** @type {string} */ name) => rows.text(row, name);
  const doubts = text("doubts").split(", ").filter(Boolean);
  const warned = rows.number(row, "warned");
  const run = `${root}chips/${text("chip_id")}/#run-${digest.slice(0, 12)}`;
  return [
    element("span", "tag", word(`tier-${text("tier")}`)),
    ...(text("moderated") ? [" ", link(run, word(text("moderated")), "tag warn")] : []),
    ...(rows.number(row, "flags") ? [" ", link(run, word("flagged"), "tag warn")] : []),
    ...(text("quality") ? [" ", link(`${root}quality/#who-ranks`, text("quality"), rows.number(row, "barred") ? "tag quality warn" : "tag quality")] : []),
    ...(warned ? [" ", link(run, word("warnings").replace("{n}", String(warned)), "tag")] : []),
    element(
      "span",
      "ci",
      [text("date"), word(text("profile")), ...doubts.map(word), ""].join(" · "),
      ...(text("page") ? [link(`${root}r/${digest}/${text("page")}/`, word("all figures")), " · "] : []),
      link(`${root}verify/?statement=${digest}`, word("verify")),
      " · ",
      link(`${rows.base}statements/${digest}.dsse.json`, digest.slice(0, 8), "mono"),
    ),
  ];
}
