// @ts-check
// The reader's own price, tariff, PUE and utilization; the formulas of results/economics.py.
import { element, figure, link } from "./format.js";

const FIELDS = ["price", "utilization", "capex", "life", "tariff", "pue"];
const HOURS_PER_YEAR = 8766;
const JOULES_PER_KWH = 3.6e6;
const CNY_PER_FEN = 0.01;
const SHOWN = 100;

/** USD per million tokens of something that costs `usdPerHour`.
 * @param {number} usdPerHour @param {number} tokensPerSecond */
export const perMillion = (usdPerHour, tokensPerSecond) =>
  (usdPerHour / (tokensPerSecond * 3600)) * 1e6;

/** @typedef {{tokensPerSecond: number, chips: number, sheetUsd: number | null, joules: number[] | null}} Facts */
/** @typedef {Record<string, number | null>} Wishes */

/** @param {Facts} facts @param {Wishes} wishes @param {{pue: number, tariff: number}} sheet */
export function costs(facts, wishes, sheet) {
  const busy = (wishes.utilization ?? 100) / 100;
  const rented =
    wishes.price !== null
      ? perMillion(wishes.price * facts.chips, facts.tokensPerSecond) / busy
      : facts.sheetUsd === null
        ? null
        : facts.sheetUsd / busy;
  const usdPerJoule = ((wishes.pue ?? sheet.pue) * (wishes.tariff ?? sheet.tariff)) / JOULES_PER_KWH;
  const electricity = facts.joules?.map((joules) => joules * 1e6 * usdPerJoule) ?? null;
  const hours = (wishes.life ?? 4) * HOURS_PER_YEAR * busy;
  const capital =
    wishes.capex === null ? null : perMillion((wishes.capex * facts.chips) / hours, facts.tokensPerSecond);
  const owned = capital === null || !electricity ? null : electricity.map((part) => capital + part);
  return { rented: rented === null ? null : [rented], owned, electricity };
}

class Cost extends HTMLElement {
  async connectedCallback() {
    const base = this.dataset.base ?? "";
    const models = await (await fetch(`${base}data/board/index.json`)).json();
    /** @type {any[]} */
    this.rows = [];
    for (const { id } of models.slice(0, 8)) {
      const shard = await (await fetch(`${base}data/board/${id}.json`)).json();
      for (let at = 0; at < shard.rows; at++) this.rows.push({ shard, at });
    }
    this.rows = this.rows.filter((row) => this.text(row, "suite") === "serving");
    this.form = /** @type {HTMLFormElement} */ (this.querySelector("form"));
    this.form.hidden = false;
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("input", () => {
      const query = new URLSearchParams();
      for (const name of FIELDS) if (this.field(name).value) query.set(name, this.field(name).value);
      history.replaceState(null, "", `?${query}`);
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

  fill() {
    const query = new URLSearchParams(location.search);
    for (const name of FIELDS) this.field(name).value = query.get(name) ?? "";
    this.show();
  }

  /** @param {any} row @param {string} name */
  text(row, name) {
    const column = row.shard.strings[name];
    const zh = document.documentElement.lang.startsWith("zh");
    return ((zh && column.zh) || column.values)[column.codes[row.at]];
  }

  /** @param {string} key */
  word(key) {
    return this.querySelector(`[data-word="${key}"]`)?.textContent ?? key;
  }

  show() {
    /** @type {Wishes} */
    const wishes = {};
    for (const name of FIELDS) {
      const value = this.field(name).valueAsNumber;
      wishes[name] = Number.isFinite(value) && this.field(name).checkValidity() ? value : null;
    }
    const sheet = { pue: Number(this.dataset.pue), tariff: Number(this.dataset.tariff) };
    const lines = (this.rows ?? []).map((row) => {
      const number = (/** @type {string} */ name) => row.shard.numbers[name][row.at];
      const method = this.text(row, "energy_method");
      const joules =
        method === "measured" ? [number("energy")] : method ? [number("energy_low"), number("energy_high")] : null;
      const facts = {
        tokensPerSecond: number("throughput"),
        chips: number("count"),
        sheetUsd: number("cost_usd"),
        joules,
      };
      return { row, method, number, ...costs(facts, wishes, sheet) };
    });
    const key = (/** @type {any} */ line) => line.rented?.[0] ?? line.owned?.[0] ?? Infinity;
    lines.sort((a, b) => key(a) - key(b) || a.number("rank") - b.number("rank"));
    this.querySelector("tbody")?.replaceChildren(
      ...lines.slice(0, SHOWN).map((line) => this.line(line)),
    );
  }

  /** @param {any} line */
  line({ row, method, number, rented, owned, electricity }) {
    const made = document.createElement("tr");
    const chip = link(`${this.dataset.root}chips/${this.text(row, "chip_id")}/`, "");
    chip.append(element("b", "", this.text(row, "chip")));
    made.append(element("td", "head", chip));
    const load = `${this.text(row, "precision")} · ${this.text(row, "load")} · ${this.text(row, "date")}`;
    const heads = [...this.querySelectorAll("th")].map((head) => head.textContent ?? "");
    const cells = [
      element("td", "", this.text(row, "model"), element("span", "ci", load)),
      element(
        "td",
        "n",
        element("b", "num", figure(number("throughput"))),
        element("span", "ci", `${figure(number("throughput_low"))} – ${figure(number("throughput_high"))}`),
      ),
      this.money(rented, "measured"),
      this.money(owned, method),
      this.money(electricity, method),
    ];
    cells.forEach((cell, at) => (cell.dataset.label = heads[at + 1]));
    made.append(...cells);
    return made;
  }

  /** @param {number[] | null} usd one value, or two bounds @param {string} method */
  money(usd, method) {
    if (!usd) return element("td", "n", element("span", "muted", "–"));
    const rate = Number(this.dataset.rate);
    const shown = usd.length > 1 ? usd.map((value) => figure(value)).join(" – ") : element("b", "num", figure(usd[0]));
    const fens = usd.map((value) => figure((value * rate) / CNY_PER_FEN)).join(" – ");
    const name = usd.length > 1 ? `nowrap method ${method}` : "nowrap";
    return element(
      "td",
      "n",
      element("span", name, shown, " ", element("span", "unit", "USD/Mtok")),
      element("span", "ci", element("span", "fen", `${fens}×`), ` ${this.word("fen")}`),
    );
  }
}

customElements.define("fenmark-cost", Cost);
