// @ts-check
// The table of what is known, alive: another figure, price, load, limit or evidence, in the address.
// What is chosen and drawn follows leaderboard/pages/best.py.
import { kept, money, named, unit } from "./currency.js";
import { element, figure, interval, link } from "./format.js";

/** @typedef {{row: number, chip: number, kind: number, rate: number, low: number | null, high: number | null,
 *   usd: (number | null)[], ttft: number | null, tpot: number | null, ttft_p99: number | null,
 *   tpot_p99: number | null, joules: number | null, kept: number, quick: number, basis: string,
 *   where: string, words: string}} Point */
/** @typedef {{measures: Record<string, boolean>, kinds: string[], classes: string[], g_per_joule: number,
 *   chips: [string, string][], rows: [string, string, string, string][], shares: (number | null)[],
 *   points: Point[]}} Known */
/** @typedef {Record<string, string>} Ask */
/** @typedef {{value: number, point: Point}} Cell */
/** @typedef {{row: number, cells: Map<number, Cell>, run: number}} Row */

const FIELDS = ["measure", "class", "tokens", "model", "load", "ttft", "tpot", "at", "quality", "evidence"];
const MOST_ROWS = 12;
// All models together have room for few chips; of one model more are worth scrolling to.
const MOST_CHIPS = 8;
const MOST_OF_MODEL = 24;

/** What a point shows; null where it shows nothing. @param {Known} known @param {Ask} ask @param {Point} point */
function valued(known, ask, point) {
  const figures = /** @type {Record<string, number | null>} */ ({
    cost: point.usd[known.classes.indexOf(ask.class)],
    rate: point.rate,
    energy: point.joules,
    co2e: point.joules && point.joules * known.g_per_joule,
  });
  const share = ask.tokens === "total" ? known.shares[point.row] : 1;
  const value = figures[ask.measure];
  if (!value || !share) return null;
  return known.measures[ask.measure] ? value * share : value / share;
}

/** Whether it is what is asked for, and keeps the limits. @param {Known} known @param {Ask} ask @param {Point} point */
function meets(known, ask, point) {
  const [model, , load] = known.rows[point.row];
  if ((ask.model && ask.model !== model) || (ask.load && ask.load !== load)) return false;
  if (point.kind > known.kinds.indexOf(ask.evidence) || (ask.quality && !point.kept)) return false;
  const [ttft, tpot] = ask.at ? [point.ttft_p99, point.tpot_p99] : [point.ttft, point.tpot];
  const keeps = (/** @type {number | null} */ time, /** @type {string} */ limit) => !limit || (time !== null && time <= Number(limit));
  return keeps(ttft, ask.ttft) && keeps(tpot, ask.tpot);
}

/** The best of each row and chip, rows with most evidence first. @param {Known} known @param {Ask} ask @returns {Row[]} */
export function bestKnown(known, ask) {
  const sign = known.measures[ask.measure] ? 1 : -1;
  /** @type {Map<number, Map<number, Cell>>} */
  const rows = new Map();
  for (const point of known.points) {
    const value = meets(known, ask, point) ? valued(known, ask, point) : null;
    if (!value) continue;
    let cells = rows.get(point.row);
    if (!cells) rows.set(point.row, (cells = new Map()));
    const held = cells.get(point.chip);
    const order = held && (point.kind - held.point.kind || sign * (value - held.value) || (point.where < held.point.where ? -1 : 1));
    if (order === undefined || order < 0) cells.set(point.chip, { value, point });
  }
  const predicted = known.kinds.length - 1;
  const made = [...rows].map(([row, cells]) => {
    const run = [...cells.values()].filter(({ point }) => point.kind !== predicted).length;
    return { row, cells, run };
  });
  // Rows of the file stand by model and load where they are alike.
  const name = (/** @type {Row} */ row) => `${known.rows[row.row][0]}\n${known.rows[row.row][2]}`;
  return made.sort((a, b) => b.run - a.run || b.cells.size - a.cells.size || (name(a) < name(b) ? -1 : 1));
}

/** Chips of some rows, those that most was run of first.
 * @param {Known} known @param {Row[]} rows @param {number} most */
function chipsOf(known, rows, most) {
  /** @type {Map<number, [number, number]>} */
  const counts = new Map();
  for (const { cells } of rows)
    for (const [chip, { point }] of cells) {
      const [run, every] = counts.get(chip) ?? [0, 0];
      counts.set(chip, [run + Number(point.kind < known.kinds.length - 1), every + 1]);
    }
  const ordered = [...counts].sort(([a, own], [b, other]) => other[0] - own[0] || other[1] - own[1] || a - b);
  return ordered.slice(0, most).map(([chip]) => chip);
}

class Best extends HTMLElement {
  /** @type {Known | null} */ known = null;

  async connectedCallback() {
    const form = /** @type {HTMLFormElement} */ (this.querySelector("form"));
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => {
      const query = new URLSearchParams(location.search);
      for (const name of FIELDS) {
        const field = this.field(name);
        if (field.selectedIndex) query.set(name, field.value);
        else query.delete(name);
      }
      history.replaceState(null, "", kept(query).size ? `?${query}` : location.pathname);
      this.show();
    });
    const query = new URLSearchParams(location.search);
    for (const name of FIELDS) {
      const wanted = query.get(name);
      const field = this.field(name);
      if (wanted !== null && [...field.options].some(({ value }) => value === wanted)) field.value = wanted;
    }
    if (FIELDS.some((name) => this.field(name).selectedIndex)) await this.show();
    this.setAttribute("ready", "");
  }

  /** @param {string} name */
  field(name) {
    return /** @type {HTMLSelectElement} */ (this.querySelector(`[name=${name}]`));
  }

  /** @returns {Promise<Known>} */
  async load() {
    const { fields, points, ...others } = await (await fetch(this.dataset.file ?? "")).json();
    const named = (/** @type {unknown[]} */ own) => Object.fromEntries(own.map((value, at) => [fields[at], value]));
    return { ...others, points: points.map(named) };
  }

  async show() {
    const known = (this.known ??= await this.load());
    const ask = Object.fromEntries(FIELDS.map((name) => [name, this.field(name).value]));
    const rows = bestKnown(known, ask).slice(0, MOST_ROWS);
    const chips = chipsOf(known, rows, ask.model ? MOST_OF_MODEL : MOST_CHIPS);
    const heads = chips.map((at) => {
      const [chip, name] = known.chips[at];
      const head = element("th", "n", link(`${this.dataset.root}chips/${chip}/`, name));
      head.setAttribute("scope", "col");
      return head;
    });
    const first = /** @type {HTMLElement} */ (this.querySelector("thead th"));
    first.parentElement?.replaceChildren(first, ...heads);
    const body = /** @type {HTMLElement} */ (this.querySelector("tbody"));
    body.replaceChildren(...rows.map((row) => this.row(known, ask, row, chips)));
    if (!rows.length) body.append(element("tr", "", element("td", "muted", this.word("none"))));
  }

  /** @param {Known} known @param {Ask} ask @param {Row} row @param {number[]} chips */
  row(known, ask, { row, cells }, chips) {
    const [model, name, , load] = known.rows[row];
    const head = element("th", "", link(`${this.dataset.root}models/${model}/`, name), element("span", "ci", load));
    head.setAttribute("scope", "row");
    const every = [...cells.values()];
    const run = every.filter(({ point }) => point.kind < known.kinds.length - 1);
    const values = (run.length ? run : every).map(({ value }) => value);
    const top = known.measures[ask.measure] ? Math.min(...values) : Math.max(...values);
    return element("tr", "", head, ...chips.map((chip) => this.cell(known, ask, cells.get(chip), top)));
  }

  /** @param {Known} known @param {Ask} ask @param {Cell | undefined} cell @param {number} top */
  cell(known, ask, cell, top) {
    if (!cell) return element("td", "n", element("span", "muted", "–"));
    const { value, point } = cell;
    const less = known.measures[ask.measure];
    const shownAs = (/** @type {number} */ amount) => (ask.measure === "cost" ? money(amount) : figure(amount));
    const shown = link(`${this.dataset.root}${point.where}`, "");
    shown.title = point.words;
    const [mark] = this.option("evidence", known.kinds[point.kind]).split(" ");
    shown.append(element("span", "mark", mark), " ", element("b", "num", shownAs(value)));
    const quick = point.quick ? ` · ${this.word("quick")}` : "";
    const made = [shown, element("span", "ci", this.unit(ask.measure), ` · ×${figure(less ? value / top : top / value)}${quick}`)];
    // Energy was read beside the rate: its ends are not those of the rate.
    if (point.low && point.high && (ask.measure === "cost" || ask.measure === "rate")) {
      const ends = [point.low, point.high].map((end) => (less ? value * (point.rate / end) : value * (end / point.rate)));
      const [low, high] = less ? ends.reverse() : ends;
      made.push(interval((key) => this.word(key), shownAs(low), " – ", shownAs(high)));
    }
    if (point.basis) made.push(element("span", "ci", point.basis));
    return element("td", "n", ...made);
  }

  /** @param {string} measure */
  unit(measure) {
    if (measure === "cost") return unit("Mtok");
    const units = /** @type {Record<string, string>} */ ({ rate: "tokens/s", energy: "J/token", co2e: this.word("g/Mtok") });
    return element("span", "unit", named(units[measure]));
  }

  /** What an option is called. @param {string} name @param {string} value */
  option(name, value) {
    return [...this.field(name).options].find((option) => option.value === value)?.text ?? "";
  }

  /** @param {string} key */
  word(key) {
    return this.querySelector(`[data-word="${key}"]`)?.textContent ?? key;
  }
}

customElements.define("fenmark-best", Best);
