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

/** Make an element with a class and content; text is never read as markup.
 * @param {string} tag @param {string} [name] @param {...(Node | string)} content */
export function element(tag, name = "", ...content) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...content);
  return made;
}

/** @param {string} href @param {string} text @param {string} [name] */
export function link(href, text, name = "") {
  const made = /** @type {HTMLAnchorElement} */ (element("a", name, text));
  made.href = href;
  return made;
}

const CNY_PER_FEN = 0.01;

/** Dollars per million tokens, on Chinese pages yuan, and how many fens they are: `usd` in parts.html, alive.
 * @param {number[] | null} usd one value, or two bounds @param {number} rate CNY per USD
 * @param {string} fen what a fen is called @param {string} [method] @param {string} [note] */
export function dollars(usd, rate, fen, method = "measured", note = "") {
  if (!usd) return [element("span", "muted", "–"), ...(note ? [element("span", "ci basis", note)] : [])];
  const bounds = usd.length > 1;
  const zh = document.documentElement.lang.startsWith("zh");
  const said = usd.map((value) => figure(zh ? value * rate : value)).join(" – ");
  const shown = bounds ? said : element("b", "num", said);
  const fens = usd.map((value) => figure((value * rate) / CNY_PER_FEN)).join(" – ");
  return [
    element("span", bounds ? `nowrap method ${method}` : "nowrap", shown, " ", element("span", "unit", zh ? "CNY/Mtok" : "USD/Mtok")),
    element("span", "ci", element("span", "fen", `${fens}×`), ` ${fen}`),
    ...(note ? [element("span", "ci basis", note)] : []),
  ];
}

/** Trust tier, date and the ways to the signed statement: `source` in parts.html, alive.
 * @param {import("./data.js").Rows} rows @param {number} row @param {string} digest
 * @param {string} root @param {(key: string) => string} word */
export function proof(rows, row, digest, root, word) {
  const text = (/** @type {string} */ name) => rows.text(row, name);
  const doubts = text("doubts").split(", ").filter(Boolean);
  const run = `${root}chips/${text("chip_id")}/#run-${digest.slice(0, 12)}`;
  return [
    element("span", "tag", word(`tier-${text("tier")}`)),
    ...(text("moderated") ? [" ", link(run, word(text("moderated")), "tag warn")] : []),
    ...(rows.number(row, "flags") ? [" ", link(run, word("flagged"), "tag warn")] : []),
    element(
      "span",
      "ci",
      [text("date"), text("profile"), ...doubts.map(word), ""].join(" · "),
      link(`${root}verify/?statement=${digest}`, word("verify")),
      " · ",
      link(`${rows.base}statements/${digest}.dsse.json`, digest.slice(0, 8), "mono"),
    ),
  ];
}
