// @ts-check
// The claim checker: the rules of results/economy/claims.py on what a reader types.
import { element, figure, link } from "./format.js";

const FIELDS = ["value", "unit", "tokens", "model", "chip", "bits"];
const MONEY = new Set(["USD/Mtok", "CNY/Mtok"]);
const JOULES_PER_KWH = 3.6e6;
const MTOK = 1e6;
const NARROWEST_BITS = 4;

/** @typedef {{value: number, unit: string, tokens: string, model: string, chip: string, bits: number | null}} Claim */
/** @typedef {[string, string, string, string, number, string, string, string, string]} Row chip, model,
 *   tokens, unit, value, where, words, kind, what made drafts */
/** @typedef {{chips: Record<string, [string, number, [number, number][]]>,
 *   models: Record<string, [string, number, number]>, rent: Record<string, number>, class: string,
 *   cheapest_usd_per_kwh: number, usd_per_kwh: number, pue: number, cny_per_usd: number,
 *   busy_hours: number | null, better: string[], evidence: Row[]}} Known */

/** What the datasheets allow, in the claim's unit.
 * @param {Claim} claim @param {Known} known @returns {{value: number, chip: string} | null} */
function bound(claim, known) {
  if (claim.tokens === "cached" || claim.unit === "tokens/s per user" || !claim.model) return null;
  const [, decode, prefill] = known.models[claim.model];
  const works = { input: [prefill], output: [decode] }[claim.tokens] ?? [prefill, decode];
  const sign = known.better.includes(claim.unit) ? 1 : -1;
  let best = null;
  for (const chip of Object.keys(known.chips).sort()) {
    if (claim.chip && claim.chip !== chip) continue;
    const [, watts, peaks] = known.chips[chip];
    const usable = peaks.filter(([bits]) => bits >= (claim.bits ?? NARROWEST_BITS)).map(([, peak]) => peak);
    if (!usable.length) continue;
    const seconds = Math.min(...works) / (Math.max(...usable) * 1e12);
    const usd = ((seconds * watts * MTOK) / JOULES_PER_KWH) * known.cheapest_usd_per_kwh;
    const value = {
      "tokens/s per chip": 1 / seconds,
      "J/token": seconds * watts,
      "USD/Mtok": usd,
      "CNY/Mtok": usd * known.cny_per_usd,
    }[claim.unit];
    if (value !== undefined && (!best || sign * value < sign * best.value)) best = { value, chip };
  }
  return best;
}

/** The row that goes furthest, in the claim's unit.
 * @param {Claim} claim @param {Known} known @param {boolean} drafted of those with drafts, or without */
function furthest(claim, known, drafted) {
  const unit = MONEY.has(claim.unit) ? "USD/Mtok" : claim.unit;
  const scale = claim.unit === "CNY/Mtok" ? known.cny_per_usd : 1;
  const sign = known.better.includes(unit) ? 1 : -1;
  const rows = known.evidence.filter(
    ([chip, model, tokens, name, , , , , drafts]) =>
      name === unit &&
      (drafts !== "") === drafted &&
      model === claim.model &&
      (!claim.chip || claim.chip === chip) &&
      (!["input", "output"].includes(claim.tokens) || claim.tokens === tokens),
  );
  if (!rows.length) return null;
  const row = rows.reduce((best, other) => (sign * other[4] < sign * best[4] ? other : best));
  return { value: row[4] * scale, where: row[5], words: row[6], kind: row[7] };
}

/** What a price asks of machine and money.
 * @param {Claim} claim @param {Known} known */
function needs(claim, known) {
  if (!MONEY.has(claim.unit)) return null;
  const usd = claim.unit === "USD/Mtok" ? claim.value : claim.value / known.cny_per_usd;
  const joules = ((usd / (known.usd_per_kwh * known.pue)) * JOULES_PER_KWH) / MTOK;
  const rent = known.rent[claim.chip];
  return {
    joules,
    perKilowatt: 1000 / joules,
    perChip: rent === undefined ? null : ((rent / 3600) * MTOK) / usd,
    capital: known.busy_hours === null ? null : (usd / MTOK) * known.busy_hours * 3600,
  };
}

/** @param {Claim} claim @param {Known} known */
export function judge(claim, known) {
  const least = bound(claim, known);
  const best = furthest(claim, known, false);
  const others = furthest(claim, known, true);
  const sign = known.better.includes(claim.unit) ? 1 : -1;
  const drafted = others && (!best || sign * others.value < sign * best.value) ? others : null;
  const most = drafted ?? best;
  /** @param {number} value */
  const beyond = (value) => (known.better.includes(claim.unit) ? claim.value < value : claim.value > value);
  const verdict =
    least && beyond(least.value)
      ? "below the physical floor"
      : !claim.model || !most
        ? "untestable as stated"
        : beyond(most.value)
          ? "below all evidence"
          : "consistent with evidence";
  return { verdict, bound: least, best, drafted, needs: needs(claim, known) };
}

class ClaimCheck extends HTMLElement {
  /** @type {Known} */ known = JSON.parse(this.dataset.known ?? "{}");

  connectedCallback() {
    const form = /** @type {HTMLFormElement} */ (this.querySelector("form"));
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => {
      const query = new URLSearchParams();
      for (const name of FIELDS) if (this.field(name).value) query.set(name, this.field(name).value);
      history.replaceState(null, "", `?${query}#check`);
      this.show();
    });
    addEventListener("popstate", () => this.fill());
    this.fill();
    this.setAttribute("ready", "");
  }

  /** @param {string} name */
  field(name) {
    return /** @type {HTMLInputElement} */ (this.querySelector(`[name=${name}]`));
  }

  /** @param {string} key @param {Record<string, string>} [values] */
  word(key, values = {}) {
    const text = this.querySelector(`[data-word="${key}"]`)?.textContent ?? key;
    return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  }

  fill() {
    const query = new URLSearchParams(location.search);
    for (const name of FIELDS) {
      const field = this.field(name);
      const wanted = query.get(name);
      if (wanted !== null) field.value = wanted;
      // An address may name what no list has.
      if (field instanceof HTMLSelectElement && field.selectedIndex < 0) field.selectedIndex = 0;
    }
    this.show();
  }

  show() {
    const answer = /** @type {HTMLElement} */ (this.querySelector(".answer"));
    const value = this.field("value").valueAsNumber;
    if (!Number.isFinite(value) || value <= 0) {
      answer.replaceChildren();
      return;
    }
    const fens = this.field("unit").value === "fen/Mtok";
    const claim = {
      value: fens ? value / 100 : value,
      unit: fens ? "CNY/Mtok" : this.field("unit").value,
      tokens: this.field("tokens").value,
      model: this.field("model").value,
      chip: this.field("chip").value,
      bits: this.field("bits").value ? Number(this.field("bits").value) : null,
    };
    const judged = judge(claim, this.known);
    const { unit } = claim;
    const tag = judged.verdict.startsWith("below") ? "tag warn" : "tag";
    const lines = [element("p", "", element("span", tag, this.word(judged.verdict)))];
    /** @param {string} key @param {Record<string, string>} values @param {...Node} more */
    const say = (key, values, ...more) => lines.push(element("p", "", this.word(key, values), " ", ...more));
    if (judged.bound)
      say("bound", { value: figure(judged.bound.value), unit, chip: this.known.chips[judged.bound.chip][0] });
    /** @type {["best", "drafted"]} */
    const kinds = ["best", "drafted"];
    for (const kind of kinds) {
      const row = judged[kind];
      if (row) say(kind, { value: figure(row.value), unit }, link(`${this.dataset.root}${row.where}`, row.words));
    }
    const asked = judged.needs;
    if (asked) say("energy", { joules: figure(asked.joules), rate: figure(asked.perKilowatt) });
    if (asked?.perChip) say("rented", { rate: figure(asked.perChip) });
    if (asked?.capital) say("capital", { usd: figure(asked.capital) });
    answer.replaceChildren(...lines);
  }
}

customElements.define("fenmark-claim", ClaimCheck);
