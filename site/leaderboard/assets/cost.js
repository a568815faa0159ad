// @ts-check
// The reader's own price, tariff, PUE and utilization; the formulas of results/economy/economics.py.
import { Rows } from "./data.js";
import { AMOUNTS, answers, kept, perMtok, rate } from "./currency.js";
import { element, figure, heading, interval, link, proof } from "./format.js";
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
 * `drawUsd` that of owning, by the nameplate where there is no meter; `otherUsd` is staff and space at
 * full use. `rented` counts chips, or cores of a CPU, and `bought` chips, or a CPU's machine.
 * @typedef {{tokensPerSecond: number, rented: number, bought: number, sheetUsd: number | null,
 *   joules: number[] | null, powerUsd: number[] | null, drawUsd: number | null, otherUsd: number,
 *   purchaseUsd: number | null}} Facts */
/** `prices` of each chip in each class: USD per unit and hour, and the price's label; `purchases`
 * likewise. @typedef {{pue: number, tariff: number, life: number, busy: number,
 *   prices: Record<string, Record<string, [number, string]>>, purchases: Record<string, [number, string]>}} Sheet */
/** @typedef {Record<string, number | null>} Wishes */

/** @param {Facts} facts @param {Wishes} wishes @param {Sheet} sheet @param {number} dearer electricity against the facts' */
export function costs(facts, wishes, sheet, dearer) {
  const busy = (wishes.utilization ?? 100) / 100;
  const rented =
    wishes.price !== null
      ? perMillion(wishes.price * facts.rented, facts.tokensPerSecond) / busy
      : facts.sheetUsd === null
        ? null
        : facts.sheetUsd / busy;
  const usdPerJoule = ((wishes.pue ?? sheet.pue) * (wishes.tariff ?? sheet.tariff)) / JOULES_PER_KWH;
  // A serving row may know its power alone: what it costs scales with tariff and PUE all the same.
  const electricity =
    facts.joules?.map((joules) => joules * 1e6 * usdPerJoule) ?? facts.powerUsd?.map((usd) => usd * dearer) ?? null;
  const share = wishes.utilization === null ? sheet.busy : busy;
  const hours = (wishes.life ?? sheet.life) * HOURS_PER_YEAR * share;
  const price = wishes.capex ?? facts.purchaseUsd;
  const capital = price === null ? null : perMillion((price * facts.bought) / hours, facts.tokensPerSecond);
  const metered = electricity?.length === 1 ? electricity : null;
  const nameplate = facts.drawUsd === null ? null : [facts.drawUsd * dearer];
  // Of a power that nobody knows, capital alone is counted.
  const power = metered ?? nameplate ?? electricity ?? [0];
  const owned = capital === null ? null : power.map((part) => capital + facts.otherUsd / share + part);
  return { rented: rented === null ? null : [rented], owned, electricity };
}

class Cost extends HTMLElement {
  rows = new Rows(this.dataset.base ?? "");
  /** @type {number[]} serving rows, ranked */ serving = [];
  /** Every dated sheet, oldest first. @type {Map<string, Sheet>} */
  sheets = new Map(Object.entries(JSON.parse(this.dataset.sheets ?? "{}")));

  async connectedCallback() {
    const { opening, models } = await this.rows.index();
    await this.rows.load(models.map(({ id }) => id).filter((id) => !opening || id === opening));
    const { codes, known } = this.rows.texts.suite;
    this.serving = [...this.rows.order("")].filter((row) => codes[row] === known.get("serving"));
    const form = /** @type {HTMLFormElement} */ (this.querySelector("form"));
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => {
      this.write();
      this.show();
    });
    // What is written in one currency stays the same money in another.
    addEventListener("fenmark-currency", (event) => {
      const factor = /** @type {CustomEvent<number>} */ (event).detail;
      for (const name of AMOUNTS) {
        const { valueAsNumber } = this.field(name);
        if (Number.isFinite(valueAsNumber)) this.field(name).value = String(Number((valueAsNumber * factor).toPrecision(6)));
      }
      this.write();
    });
    offer(this, "cost", NUMBERS, () => this.saved());
    addEventListener("popstate", () => this.fill());
    await this.fill();
    this.setAttribute("ready", "");
  }

  /** Put what the form says into the address. */
  write() {
    const query = new URLSearchParams();
    for (const name of FIELDS) if (this.field(name).value) query.set(name, this.field(name).value);
    if (this.chosen() !== this.dataset.class) query.set("class", this.chosen());
    if (this.field("as_of").value !== this.dataset.sheet) query.set("as_of", this.field("as_of").value);
    history.replaceState(null, "", kept(query).size ? `?${query}` : location.pathname);
  }

  /** @param {string} name */
  field(name) {
    return /** @type {HTMLInputElement} */ (this.querySelector(`[name=${name}]`));
  }

  fill() {
    const query = new URLSearchParams(location.search);
    for (const name of FIELDS) this.field(name).value = query.get(name) ?? "";
    this.field("class").value = query.get("class") ?? this.dataset.class ?? "";
    const day = query.get("as_of");
    const known = [...this.sheets.keys()].filter((id) => day !== null && id.slice(0, day.length) <= day);
    this.field("as_of").value = known.at(-1) ?? this.dataset.sheet ?? "";
    return this.show();
  }

  /** What the reader set, in dollars; null is as on the sheet. */
  wishes() {
    /** @type {Wishes} */
    const wishes = {};
    for (const name of FIELDS) {
      const value = this.field(name).valueAsNumber / (AMOUNTS.includes(name) ? rate() : 1);
      wishes[name] = Number.isFinite(value) && this.field(name).checkValidity() ? value : null;
    }
    return wishes;
  }

  /** What a row may be set beside: rows of one model, one load, and as well proven.
   * @param {number} row */
  likes(row) {
    const text = (/** @type {string} */ name) => this.rows.text(row, name);
    const proven = text("profile") !== "quick" && !text("doubts");
    const sound = !this.rows.number(row, "flags") && !this.rows.number(row, "barred");
    const ranks = sound && ["", "disputed"].includes(text("moderated"));
    const random = this.rows.number(row, "random");
    return [text("model_id"), text("load").split(" · ")[0], random, proven, ranks].join("|");
  }

  /** Every row with its costs, of each model and load the cheapest first. */
  computed() {
    const wishes = this.wishes();
    const [sheet, built] = [this.sheet(), this.built()];
    const sameTariff = sheet === built && wishes.pue === null && wishes.tariff === null;
    const sameTerms = sameTariff && [wishes.capex, wishes.life, wishes.utilization].every((wish) => wish === null);
    const dearer = ((wishes.pue ?? sheet.pue) * (wishes.tariff ?? sheet.tariff)) / (built.pue * built.tariff);
    const lines = this.serving.map((row) => {
      const usd = costs(this.facts(row), wishes, sheet, dearer);
      const floor = this.known(row, "floor_usd");
      return {
        row,
        ...usd,
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
    const lines = this.computed().slice(0, SHOWN);
    const digests = await Promise.all(lines.map(({ row }) => this.rows.digest(row)));
    const body = /** @type {HTMLElement} */ (this.querySelector("tbody"));
    body.replaceChildren(...lines.map((line, at) => this.line(line, digests[at])));
  }

  /** All rows of this view, for a file; null among what is assumed is as on the sheet. */
  async saved() {
    const wishes = this.wishes();
    const assumed = Object.fromEntries(FIELDS.map((name) => [ASSUMED[name], wishes[name]]));
    const text = (/** @type {number} */ row, /** @type {string} */ name) => this.rows.text(row, name) || null;
    return Promise.all(
      this.computed().map(({ row, ...amounts }) => {
        const money = MONEY.flatMap((name) => {
          const usd = amounts[/** @type {"rented"} */ (name)];
          const [low, high] = usd && usd.length > 1 ? usd : [null, null];
          const title = `${name}_usd_per_mtok`;
          return [[title, usd && low === null ? usd[0] : null], [`${title}_low`, low], [`${title}_high`, high]];
        });
        return line(this.rows, row, {
          output_throughput_tokens_per_s: this.rows.number(row, "throughput"),
          ...Object.fromEntries(money),
          ...assumed,
          prices_as_of: this.field("as_of").value,
          rent_price: wishes.price === null ? this.rentNote(row) || null : null,
          owned_basis: wishes.capex === null ? this.basis(row) : null,
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
    const [tokensPerSecond, rented] = [this.rows.number(row, "throughput"), this.rows.number(row, "count")];
    return {
      tokensPerSecond,
      rented,
      bought: this.rows.text(row, "per") === "core" ? 1 : rented,
      sheetUsd: this.sheetUsd(row, tokensPerSecond, rented),
      purchaseUsd: this.sheet() === this.built() ? this.known(row, "purchase_usd") : (this.bought(row)?.[0] ?? null),
      joules: this.meant(row, "energy"),
      powerUsd: this.meant(row, "electricity_usd"),
      drawUsd: this.known(row, "draw_usd"),
      otherUsd: this.otherUsd(row, tokensPerSecond, rented),
    };
  }

  /** The class of rental that all rows are costed in. */
  chosen() {
    return this.field("class").value || (this.dataset.class ?? "");
  }

  /** The sheet that the figures of the rows are from. */
  built() {
    return /** @type {Sheet} */ (this.sheets.get(this.dataset.sheet ?? ""));
  }

  /** The sheet that the reader computes with. */
  sheet() {
    return this.sheets.get(this.field("as_of").value) ?? this.built();
  }

  /** Prices of a row's chip, or else of any core. @param {number} row @returns {Record<string, [number, string]>} */
  offers(row) {
    const { prices } = this.sheet();
    return prices[this.rows.text(row, "chip_id")] ?? (this.rows.text(row, "per") === "core" ? prices.vcpu : null) ?? {};
  }

  /** @param {number} row @returns {[number, string] | null} */
  offer(row) {
    return this.offers(row)[this.chosen()] ?? null;
  }

  /** A CPU's cores are not a whole chip: its purchase is the reader's own. @param {number} row */
  bought(row) {
    return this.rows.text(row, "per") === "core" ? null : (this.sheet().purchases[this.rows.text(row, "chip_id")] ?? null);
  }

  /** What was bought. @param {number} row */
  basis(row) {
    return this.sheet() === this.built() ? this.rows.text(row, "owned_basis") : (this.bought(row)?.[1] ?? "");
  }

  /** Whether a rent is the row's own, as the site was built. */
  asBuilt() {
    return this.sheet() === this.built() && this.chosen() === this.dataset.class;
  }

  /** Rent of a million tokens as on the sheet, in the chosen class; null where it has no such price.
   * @param {number} row @param {number} tokensPerSecond @param {number} chips */
  sheetUsd(row, tokensPerSecond, chips) {
    if (this.asBuilt()) return this.known(row, "rent_usd");
    const offer = this.offer(row);
    return offer ? perMillion(offer[0] * chips, tokensPerSecond) : null;
  }

  /** Staff and space within the sheet's own cost of owning, at full use: what is left of it without
   * capital and electricity. Figures have five digits: less than that is nothing.
   * @param {number} row @param {number} tokensPerSecond @param {number} chips */
  otherUsd(row, tokensPerSecond, chips) {
    const [owned, bought, draw] = ["owned_usd", "purchase_usd", "draw_usd"].map((name) => this.known(row, name));
    if (owned === null || bought === null || draw === null) return 0;
    const { busy, life } = this.built();
    const hours = life * HOURS_PER_YEAR * busy;
    const left = owned - draw - perMillion((bought * chips) / hours, tokensPerSecond);
    return left > owned * 1e-4 ? left * busy : 0;
  }

  /** What stands under a rent: its price, or which there is not.
   * @param {number} row */
  rentNote(row) {
    if (this.asBuilt()) return this.rows.text(row, "rent_price");
    const has = Object.keys(this.offers(row)).join(", ");
    return this.offer(row)?.[1] ?? `no ${this.chosen()} price${has && `; it has ${has}`}`;
  }

  /** What stands under a cost of owning at the reader's own purchase price. @param {number} row */
  ownedNote(row) {
    const known = this.rows.span(row, "electricity_usd") || this.known(row, "draw_usd") !== null;
    return known ? "" : this.word("power unknown");
  }

  /** @param {string} key */
  word(key) {
    return this.querySelector(`[data-word="${key}"]`)?.textContent ?? key;
  }

  /** @param {{row: number, floor: number[] | null} & ReturnType<typeof costs>} found @param {string} digest */
  line({ row, rented, owned, electricity, floor }, digest) {
    const text = (/** @type {string} */ name) => this.rows.text(row, name);
    const wishes = this.wishes();
    const made = document.createElement("tr");
    const chip = link(`${this.dataset.root}chips/${text("chip_id")}/`, "");
    chip.append(element("b", "", text("chip")));
    made.append(heading(chip));
    const load = `${text("precision")} · ${text("engine")} · ${text("load")}`;
    const heads = [...this.querySelectorAll("thead th")].map((head) => head.textContent ?? "");
    const rate = /** @type {import("./ratio.js").Span} */ (this.rows.span(row, "throughput"));
    const ends =
      rate.low === null
        ? element("span", "ci", `n = ${this.rows.number(row, "throughput_n")}`)
        : interval((key) => this.word(key), `${figure(rate.low)} – ${figure(rate.high)}`);
    const cheap = rented !== null && owned !== null && rented[0] < owned[0];
    const cells = [
      element("td", "", text("model"), element("span", "ci", load)),
      element("td", "n", element("b", "num", figure(rate.value)), ends),
      this.rented(row, rented, wishes.price === null ? this.rentNote(row) : cheap ? this.word("below owned") : ""),
      this.money(owned, text("electricity_method"), wishes.capex === null ? this.basis(row) : this.ownedNote(row)),
      this.money(electricity, text("electricity_method")),
      this.money(floor, "measured", text("floor_method")),
      element("td", "", ...proof(this.rows, row, digest, this.dataset.root ?? "", (key) => this.word(key))),
    ];
    cells.forEach((cell, at) => (cell.dataset.label = heads[at + 1]));
    made.append(...cells);
    return made;
  }

  /** @param {number} row @param {number[] | null} usd @param {string} note */
  rented(row, usd, note) {
    const cell = this.money(usd, "measured", note);
    const sheet = this.known(row, "rent_usd");
    if (usd && sheet) cell.append(...answers(this.rows, row, (key) => this.word(key), usd[0] / sheet));
    return cell;
  }

  /** @param {number[] | null} usd one value, or two bounds @param {string} method @param {string} [note] */
  money(usd, method, note = "") {
    return element("td", "n", ...perMtok(usd, this.word("fen"), method, note));
  }
}

customElements.define("fenmark-cost", Cost);
