// @ts-check
// One currency for all money of a page, at the price sheet's dated rates. Dollars stand behind every
// amount: `money` and `unit` in parts.html, alive.
import { CLOSE, element, figure, OPEN } from "./format.js";

const CNY_PER_FEN = 0.01;
/** What a reader writes in a currency: an address that has one and names no currency means dollars. */
export const AMOUNTS = ["price", "capex", "tariff"];
const KEY = "fenmark-currency";

const select = /** @type {HTMLSelectElement | null} */ (document.querySelector("select[data-rates]"));
/** Units for a dollar. @type {Map<string, number>} */
const RATES = new Map(Object.entries(JSON.parse(select?.dataset.rates ?? '{"USD":1}')));
const STANDARD = select?.dataset.standard ?? "USD";
/** What the page's language calls currencies and units. @type {Map<string, string>} */
const NAMES = new Map(Object.entries(JSON.parse(select?.dataset.units ?? "{}")));
let chosen = wanted();

/** @param {URLSearchParams} query */
function unnamed(query) {
  return AMOUNTS.some((name) => query.has(name)) ? "USD" : STANDARD;
}

/** What the address asks for, else what the reader chose last, else what the page was made in. */
function wanted() {
  const query = new URLSearchParams(location.search);
  const standard = unnamed(query);
  let asked = query.get("currency")?.toUpperCase();
  try {
    // An address with amounts means the same to everybody.
    if (!asked && standard === STANDARD) asked = localStorage.getItem(KEY) ?? undefined;
  } catch {
    // storage is forbidden
  }
  return asked && RATES.has(asked) ? asked : RATES.has(standard) ? standard : "USD";
}

/** Units of the chosen currency for a dollar. */
export function rate() {
  return RATES.get(chosen) ?? 1;
}

/** A currency or unit as the page's language has it. @param {string} code */
export function named(code) {
  return NAMES.get(code) ?? code;
}

/** The chosen currency. */
export function currency() {
  return chosen;
}

/** Name the currency in an address where it is not the one that the address means anyway.
 * @param {URLSearchParams} query */
export function kept(query) {
  if (chosen === unnamed(query)) query.delete("currency");
  else query.set("currency", chosen);
  return query;
}

/** An amount, which follows the choice. @param {number} usd */
export function money(usd) {
  const made = /** @type {HTMLDataElement} */ (element("data", "usd", figure(usd * rate())));
  made.value = String(usd);
  return made;
}

/** Its unit, such as USD/Mtok, as the page's language has it. @param {string} per */
export function unit(per) {
  const made = element("span", "unit", `${named(chosen)}/${named(per)}`);
  made.dataset.per = per;
  return made;
}

/** Amounts with a dash between. @param {number[]} usd @returns {(Node | string)[]} */
export function range(usd) {
  return usd.flatMap((value, at) => (at ? [" – ", money(value)] : [money(value)]));
}

/** How many fens, as the page says it: `one_fen` in parts.html, alive.
 * @param {string} count @param {string} phrase with "{n}" where the count stands */
export function oneFen(count, phrase) {
  const [before, after] = phrase.split("{n}");
  return element("span", "ci", before, element("span", "fen", count), after ?? "");
}

/** Money for a million tokens and how many fens it is: `usd` in parts.html, alive.
 * @param {number[] | null} usd one value, or two bounds @param {string} fen the phrase of `oneFen`
 * @param {string} [method] @param {string} [note] */
export function perMtok(usd, fen, method = "measured", note = "") {
  if (!usd) return [element("span", "muted", "–"), ...(note ? [element("span", "ci basis", note)] : [])];
  const bounds = usd.length > 1;
  const shown = bounds ? range(usd) : [element("b", "num", ...range(usd))];
  const yuan = RATES.get("CNY");
  const fens = usd.map((value) => figure(yuan ? (value * yuan) / CNY_PER_FEN : null)).join(" – ");
  return [
    element("span", bounds ? `nowrap method ${method}` : "nowrap", ...shown, " ", unit("Mtok")),
    oneFen(fens, fen),
    ...(note ? [element("span", "ci basis", note)] : []),
  ];
}

/** What right answers cost, and tokens that give as many as those at full width: `answers` in
 * parts.html, alive.
 * @param {import("./data.js").Rows} rows @param {number} row @param {(key: string) => string} word
 * @param {number} [dearer] the reader's rent over the sheet's */
export function answers(rows, row, word, dearer = 1) {
  const least = rows.number(row, "equal_least") && dearer === 1;
  /** @type {[string, string, number][]} */
  const kinds = [["solved_usd", "solved", 1000], ["equal_usd", least ? "equal-least" : "equal", 1]];
  return kinds.flatMap(([name, key, count]) => {
    const own = rows.span(row, name);
    if (!own) return [];
    const [value, low, high] = [own.value, own.low, own.high].map((usd) => usd === null ? null : usd * count * dearer);
    const ends = low === null || high === null ? [] : [OPEN, ...range([low, high]), CLOSE];
    const [before, after] = word(key).split("{cost}");
    return [element("span", "ci basis", before, money(value ?? NaN), ...ends, after)];
  });
}

/** Write all money of the page in the chosen currency. */
function show() {
  if (select) select.value = chosen;
  const all = (/** @type {string} */ name) => /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(name));
  for (const place of all("data.usd")) place.textContent = figure(Number(/** @type {HTMLDataElement} */ (place).value) * rate());
  for (const place of all("[data-per]")) place.textContent = `${named(chosen)}/${named(place.dataset.per ?? "")}`;
  for (const place of all("[data-unit]")) place.textContent = named(chosen);
  for (const place of all("[data-currency]")) place.hidden = place.dataset.currency !== chosen;
}

select?.addEventListener("change", () => {
  const before = rate();
  chosen = select.value;
  try {
    localStorage.setItem(KEY, chosen);
  } catch {
    // the choice lasts for this page only
  }
  show();
  dispatchEvent(new CustomEvent("fenmark-currency", { detail: rate() / before }));
  const query = kept(new URLSearchParams(location.search));
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
});
addEventListener("popstate", () => {
  chosen = wanted();
  show();
});
if (chosen !== STANDARD) show();
else if (select) select.value = chosen;
