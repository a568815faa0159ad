// @ts-check
// The reader's own price, tariff, PUE and utilization; the formulas of results/economy/economics.py.
import { Rows } from "./data.js";
import { dollars, element, figure, link, proof } from "./format.js";
import { line, offer } from "./save.js";

const FIELDS = ["price", "utilization", "capex", "life", "tariff", "pue"];
const HOURS_PER_YEAR = 8766;
const JOULES_PER_KWH = 3.6e6;
const SHOWN = 50;
/** What the reader may set, as a file names it. @type {Record<string, string>} */
const ASSUMED = {
  price: "assumed_rent_usd_per_chip_hour",
  utilization: "assumed_utilization_percent",
  capex: "assumed_purchase_usd_per_chip",
  life: "assumed_life_years",
  tariff: "assumed_usd_per_kwh",
  pue: "assumed_pue",
};
const MONEY = ["rented", "owned", "electricity", "floor"];
const NUMBERS = new Set([
  "output_throughput_tokens_per_s",
  ...MONEY.flatMap((name) => [`${name}_usd_per_mtok`, `${name}_usd_per_mtok_low`, `${name}_usd_per_mtok_high`]),
  ...Object.values(ASSUMED),
  "flags",
]);

/** USD per million tokens of something that costs `usdPerHour`.
 * @param {number} usdPerHour @param {number} tokensPerSecond */
export const perMillion = (usdPerHour, tokensPerSecond) =>
  (usdPerHour / (tokensPerSecond * 3600)) * 1e6;

/** At the sheet's tariff and PUE, `powerUsd` is metered or modelled electricity of a million tokens,
 * `ownedUsd` that of owning, by the nameplate where there is no meter.
 * @typedef {{tokensPerSecond: number, chips: number, sheetUsd: number | null, joules: number[] | null,
 *   powerUsd: number[] | null, ownedUsd: number[] | null, purchaseUsd: number | null}} Facts */
/** @typedef {{pue: number, tariff: number, life: number, busy: number}} Sheet */
/** @typedef {Record<string, number | null>} Wishes */

/** @param {Facts} facts @param {Wishes} wishes @param {Sheet} sheet */
export function costs(facts, wishes, sheet) {
  const busy = (wishes.utilization ?? 100) / 100;
  const rented =
    wishes.price !== null
      ? perMillion(wishes.price * facts.chips, facts.tokensPerSecond) / busy
      : facts.sheetUsd === null
        ? null
        : facts.sheetUsd / busy;
  const usdPerJoule = ((wishes.pue ?? sheet.pue) * (wishes.tariff ?? sheet.tariff)) / JOULES_PER_KWH;
  const dearer = (usdPerJoule * JOULES_PER_KWH) / (sheet.pue * sheet.tariff);
  // A serving row may know its power alone: what it costs scales with tariff and PUE all the same.
  const electricity =
    facts.joules?.map((joules) => joules * 1e6 * usdPerJoule) ?? facts.powerUsd?.map((usd) => usd * dearer) ?? null;
  const hours =
    (wishes.life ?? sheet.life) * HOURS_PER_YEAR * (wishes.utilization === null ? sheet.busy : busy);
  const price = wishes.capex ?? facts.purchaseUsd;
  const capital = price === null ? null : perMillion((price * facts.chips) / hours, facts.tokensPerSecond);
  const power = electricity ?? facts.ownedUsd?.map((usd) => usd * dearer) ?? null;
  const owned = capital === null || !power ? null : power.map((part) => capital + part);
  return { rented: rented === null ? null : [rented], owned, electricity };
}

class Cost extends HTMLElement {
  rows = new Rows(this.dataset.base ?? "");
  /** @type {number[]} serving rows, ranked */ serving = [];
  /** Of each chip in each class: USD per unit and hour, and the price's label.
   * @type {Record<string, Record<string, [number, string]>>} */
  prices = JSON.parse(this.dataset.prices ?? "{}");

  async connectedCallback() {
    const { opening, models } = await this.rows.index();
    await this.rows.load(models.map(({ id }) => id).filter((id) => !opening || id === opening));
    const { codes, known } = this.rows.texts.suite;
    this.serving = [...this.rows.order("")].filter((row) => codes[row] === known.get("serving"));
    const form = /** @type {HTMLFormElement} */ (this.querySelector("form"));
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => {
      const query = new URLSearchParams();
      for (const name of FIELDS) if (this.field(name).value) query.set(name, this.field(name).value);
      if (this.chosen() !== this.dataset.class) query.set("class", this.chosen());
      history.replaceState(null, "", `?${query}`);
      this.show();
    });
    offer(this, "cost", NUMBERS, () => this.saved());
    addEventListener("popstate", () => this.fill());
    await this.fill();
    this.setAttribute("ready", "");
  }

  /** @param {string} name */
  field(name) {
    return /** @type {HTMLInputElement} */ (this.querySelector(`[name=${name}]`));
  }

  fill() {
    const query = new URLSearchParams(location.search);
    for (const name of FIELDS) this.field(name).value = query.get(name) ?? "";
    this.field("class").value = query.get("class") ?? this.dataset.class ?? "";
    return this.show();
  }

  /** What the reader set; null is as on the sheet. */
  wishes() {
    /** @type {Wishes} */
    const wishes = {};
    for (const name of FIELDS) {
      const value = this.field(name).valueAsNumber;
      wishes[name] = Number.isFinite(value) && this.field(name).checkValidity() ? value : null;
    }
    return wishes;
  }

  /** What a row may be set beside: rows of one model, one load, and as well proven.
   * @param {number} row */
  likes(row) {
    const text = (/** @type {string} */ name) => this.rows.text(row, name);
    const proven = text("profile") !== "quick" && !text("doubts");
    const ranks = !this.rows.number(row, "flags") && ["", "disputed"].includes(text("moderated"));
    return [text("model_id"), text("load").split(" · ")[0], proven, ranks].join("|");
  }

  /** Every row with its costs, of each model and load the cheapest first. */
  reckoned() {
    const wishes = this.wishes();
    const { pue, tariff, life, busy } = this.dataset;
    const sheet = { pue: Number(pue), tariff: Number(tariff), life: Number(life), busy: Number(busy) };
    const sameTariff = wishes.pue === null && wishes.tariff === null;
    const sameTerms = sameTariff && [wishes.capex, wishes.life, wishes.utilization].every((one) => one === null);
    const dearer = ((wishes.pue ?? sheet.pue) * (wishes.tariff ?? sheet.tariff)) / (sheet.pue * sheet.tariff);
    const lines = this.serving.map((row) => {
      const found = costs(this.facts(row), wishes, sheet);
      const floor = this.known(row, "floor_usd");
      return {
        row,
        ...found,
        // Joules times a tariff may differ from the sheet's own figure in the last digit shown.
        ...(sameTariff && { electricity: this.meant(row, "electricity_usd") }),
        ...(sameTerms && { owned: this.alone(this.known(row, "owned_usd")) }),
        floor: this.alone(floor === null ? null : floor * dearer),
      };
    });
    // Costs compare within a model and a load alone, as the board ranks them; equal ones keep their rank.
    /** @type {Map<string, number>} */
    const groups = new Map();
    const placed = lines.map((line) => {
      const like = this.likes(line.row);
      if (!groups.has(like)) groups.set(like, groups.size);
      return { line, group: groups.get(like) ?? 0, usd: line.rented?.[0] ?? Infinity };
    });
    placed.sort((a, b) => a.group - b.group || (a.usd === b.usd ? 0 : a.usd - b.usd));
    return placed.map(({ line }) => line);
  }

  async show() {
    const lines = this.reckoned().slice(0, SHOWN);
    const digests = await Promise.all(lines.map(({ row }) => this.rows.digest(row)));
    const body = /** @type {HTMLElement} */ (this.querySelector("tbody"));
    body.replaceChildren(...lines.map((one, at) => this.line(one, digests[at])));
  }

  /** All rows of this view, for a file; null among what is assumed is as on the sheet. */
  async saved() {
    const wishes = this.wishes();
    const assumed = Object.fromEntries(FIELDS.map((name) => [ASSUMED[name], wishes[name]]));
    const text = (/** @type {number} */ row, /** @type {string} */ name) => this.rows.text(row, name) || null;
    return Promise.all(
      this.reckoned().map(({ row, ...found }) => {
        const money = MONEY.flatMap((name) => {
          const usd = found[/** @type {"rented"} */ (name)];
          const [low, high] = usd && usd.length > 1 ? usd : [null, null];
          const title = `${name}_usd_per_mtok`;
          return [[title, usd && low === null ? usd[0] : null], [`${title}_low`, low], [`${title}_high`, high]];
        });
        return line(this.rows, row, {
          output_throughput_tokens_per_s: this.rows.number(row, "throughput"),
          ...Object.fromEntries(money),
          ...assumed,
          rent_price: wishes.price === null ? this.rentNote(row) || null : null,
          owned_basis: wishes.capex === null ? text(row, "owned_basis") : null,
          electricity_method: text(row, "electricity_method"),
          floor_method: text(row, "floor_method"),
        });
      }),
    );
  }

  /** @param {number} row @param {string} name @returns {number | null} */
  known(row, name) {
    const value = this.rows.number(row, name);
    return Number.isNaN(value) ? null : value;
  }

  /** @param {number | null} value */
  alone(value) {
    return value === null ? null : [value];
  }

  /** The value of a measured figure; of a modelled one its bounds, whose middle means nothing.
   * @param {number} row @param {string} name of energy, or of money for it */
  meant(row, name) {
    const own = this.rows.span(row, name);
    if (!own) return null;
    if (this.rows.text(row, "electricity_method") === "measured") return [own.value];
    return own.low === null || own.high === null ? null : [own.low, own.high];
  }

  /** @param {number} row @returns {Facts} */
  facts(row) {
    const [tokensPerSecond, chips] = [this.rows.number(row, "throughput"), this.rows.number(row, "count")];
    const purchaseUsd = this.known(row, "purchase_usd");
    return {
      tokensPerSecond,
      chips,
      sheetUsd: this.sheetUsd(row, tokensPerSecond, chips),
      purchaseUsd,
      joules: this.meant(row, "energy"),
      powerUsd: this.meant(row, "electricity_usd"),
      ownedUsd: this.ownedPower(row, tokensPerSecond, chips, purchaseUsd),
    };
  }

  /** The class of rental that all rows are costed in. */
  chosen() {
    return this.field("class").value || (this.dataset.class ?? "");
  }

  /** @param {number} row @returns {[number, string] | null} */
  offer(row) {
    return this.prices[this.rows.text(row, "chip_id")]?.[this.chosen()] ?? null;
  }

  /** Rent of a million tokens as on the sheet, in the chosen class; null where it has no such price.
   * @param {number} row @param {number} tokensPerSecond @param {number} chips */
  sheetUsd(row, tokensPerSecond, chips) {
    if (this.chosen() === this.dataset.class) return this.known(row, "rent_usd");
    const offer = this.offer(row);
    return offer ? perMillion(offer[0] * chips, tokensPerSecond) : null;
  }

  /** Electricity within the sheet's own cost of owning: what is left of it without the capital.
   * @param {number} row @param {number} tokensPerSecond @param {number} chips @param {number | null} purchaseUsd */
  ownedPower(row, tokensPerSecond, chips, purchaseUsd) {
    const owned = this.known(row, "owned_usd");
    if (owned === null || purchaseUsd === null) return null;
    const hours = Number(this.dataset.life) * HOURS_PER_YEAR * Number(this.dataset.busy);
    return [Math.max(0, owned - perMillion((purchaseUsd * chips) / hours, tokensPerSecond))];
  }

  /** What stands under a rent: its price, or which there is not.
   * @param {number} row */
  rentNote(row) {
    if (this.chosen() === this.dataset.class) return this.rows.text(row, "rent_price");
    const has = Object.keys(this.prices[this.rows.text(row, "chip_id")] ?? {}).join(", ");
    return this.offer(row)?.[1] ?? `no ${this.chosen()} price${has && `; it has ${has}`}`;
  }

  /** @param {string} key */
  word(key) {
    return this.querySelector(`[data-word="${key}"]`)?.textContent ?? key;
  }

  /** @param {{row: number, floor: number[] | null} & ReturnType<typeof costs>} found @param {string} digest */
  line({ row, rented, owned, electricity, floor }, digest) {
    const text = (/** @type {string} */ name) => this.rows.text(row, name);
    const asked = (/** @type {string} */ name) => this.field(name).value !== "";
    const made = document.createElement("tr");
    const chip = link(`${this.dataset.root}chips/${text("chip_id")}/`, "");
    chip.append(element("b", "", text("chip")));
    made.append(element("td", "head", chip));
    const load = `${text("precision")} · ${text("engine")} · ${text("load")}`;
    const heads = [...this.querySelectorAll("th")].map((head) => head.textContent ?? "");
    const rate = /** @type {import("./ratio.js").Span} */ (this.rows.span(row, "throughput"));
    const interval =
      rate.low === null ? `n = ${this.rows.number(row, "throughput_n")}` : `${figure(rate.low)} – ${figure(rate.high)}`;
    const cells = [
      element("td", "", text("model"), element("span", "ci", load)),
      element("td", "n", element("b", "num", figure(rate.value)), element("span", "ci", interval)),
      this.money(rented, "measured", asked("price") ? "" : this.rentNote(row)),
      this.money(owned, text("electricity_method"), asked("capex") ? "" : text("owned_basis")),
      this.money(electricity, text("electricity_method")),
      this.money(floor, "measured", text("floor_method")),
      element("td", "", ...proof(this.rows, row, digest, this.dataset.root ?? "", (key) => this.word(key))),
    ];
    cells.forEach((cell, at) => (cell.dataset.label = heads[at + 1]));
    made.append(...cells);
    return made;
  }

  /** @param {number[] | null} usd one value, or two bounds @param {string} method @param {string} [note] */
  money(usd, method, note = "") {
    return element("td", "n", ...dollars(usd, Number(this.dataset.rate), this.word("fen"), method, note));
  }
}

customElements.define("fenmark-cost", Cost);
