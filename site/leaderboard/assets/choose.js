// @ts-check
// The choose page: a form whose question is in the address. The answer to its first one comes with
// the page; what answers another is loaded when somebody is about to ask.
import { kept, rate } from "./currency.js";

/** @import { Answers } from "./choose-answer.js" */

const FIELDS = [
  "model", "isl", "osl", "ttft", "tpot", "percentile", "volume", "per", "class", "region", "engine", "precision",
  "chips", "price", "margin",
]; // prettier-ignore

/** A reader's own words that cannot be meant. */
class Unclear extends Error {}

class Choose extends HTMLElement {
  /** Fields as the page came. @type {Record<string, string>} */ opening = {};
  /** @type {Promise<Answers> | null} */ answers = null;
  /** @type {Map<string, Promise<any>>} */ models = new Map();
  /** Tables of a reader's own machine. @type {File | null} */ file = null;
  asked = 0;
  whole = false;

  async connectedCallback() {
    const form = /** @type {HTMLFormElement} */ (this.querySelector("form"));
    for (const name of FIELDS) this.opening[name] = this.field(name).value;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => this.changed());
    form.addEventListener("focusin", () => this.loading().catch(() => {}));
    this.within(".more button").addEventListener("click", () => {
      this.whole = true;
      this.show();
    });
    const own = /** @type {HTMLInputElement} */ (this.querySelector(".own input"));
    own.addEventListener("change", () => {
      this.file = own.files?.[0] ?? null;
      this.show();
    });
    // What is written in one currency stays the same money in another.
    addEventListener("fenmark-currency", (event) => {
      const price = this.field("price");
      const factor = /** @type {CustomEvent<number>} */ (event).detail;
      if (Number.isFinite(price.valueAsNumber))
        price.value = String(Number((price.valueAsNumber * factor).toPrecision(6)));
      this.changed();
    });
    addEventListener("popstate", () => {
      this.fill();
      this.show();
    });
    this.fill();
    await this.show();
    this.setAttribute("ready", "");
  }

  /** @param {string} name */
  field(name) {
    return /** @type {HTMLInputElement} */ (this.querySelector(`[name=${name}]`));
  }

  /** @param {string} selector */
  within(selector) {
    return /** @type {HTMLElement} */ (this.querySelector(selector));
  }

  /** @param {string} key @param {Record<string, string>} [values] */
  word(key, values = {}) {
    const text = this.querySelector(`[data-word="${key}"]`)?.textContent ?? key;
    return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  }

  /** What the form says that the page did not come with. */
  changes() {
    return FIELDS.map((name) => [name, this.field(name).value]).filter(([name, value]) => value !== this.opening[name]);
  }

  /** Put what the form says into the address. */
  changed() {
    const query = kept(new URLSearchParams(this.changes()));
    history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
    this.whole = false;
    this.show();
  }

  fill() {
    const query = new URLSearchParams(location.search);
    for (const name of FIELDS) {
      const field = this.field(name);
      field.value = query.get(name) ?? this.opening[name];
      // An address may name what no list has.
      if (field instanceof HTMLSelectElement && field.selectedIndex < 0) field.value = this.opening[name];
    }
  }

  /** @param {string} path */
  async load(path) {
    const answer = await fetch(`${this.dataset.base}data/choose/${path}.json`);
    if (!answer.ok) throw new Error(path);
    return answer.json();
  }

  /** What answers, and the tables of the model in the form. */
  loading() {
    const id = this.field("model").value;
    const model = this.models.get(id) ?? this.load(`models/${id}`);
    this.models.set(id, model);
    model.catch(() => this.models.delete(id));
    this.answers ??= this.answering();
    this.answers.catch(() => (this.answers = null));
    return Promise.all([this.answers, model]);
  }

  /** All at once, not each when the one before has been read: a phone's round trip is 150 ms. */
  async answering() {
    const tables = Promise.all([this.load("common"), this.load("market")]);
    const scripts = Promise.all([
      import("./choose-answer.js"), import("./choose-own.js"), import("./choose-rank.js"), import("./own.js"),
      import("./json.js"), import("./predict.js"), import("./predict-chip.js"), import("./laws-geometry.js"),
    ]); // prettier-ignore
    const [base, market] = await tables;
    const [{ Answers }] = await scripts;
    return new Answers(this, base, market);
  }

  async show() {
    // The page came with this answer.
    if (!this.answers && !this.whole && !this.file && !this.changes().length) return;
    this.asked += 1;
    const question = this.asked;
    const problem = this.within(".problem");
    this.within(".chosen").classList.add("stale");
    try {
      const [answers, model] = await this.loading();
      // A later question was asked while this one loaded.
      if (question !== this.asked) return;
      const asks = this.asks(answers.market);
      answers.show(model, asks, this.whole);
      answers.own.show(this.file, asks);
      this.within(".chosen").classList.remove("stale");
      problem.hidden = true;
    } catch (error) {
      problem.textContent = error instanceof Unclear ? error.message : this.word("failed");
      problem.hidden = false;
    }
  }

  /** What the form asks for. @param {any} market @throws {Unclear} what is written cannot be meant */
  asks(market) {
    const form = /** @type {HTMLFormElement} */ (this.querySelector("form"));
    const wrong = /** @type {HTMLInputElement | null} */ (form.querySelector(":invalid"));
    if (wrong) throw new Unclear(`${wrong.labels?.[0]?.textContent?.trim() ?? wrong.name}: ${wrong.validationMessage}`);
    /** @param {string} name */
    const number = (name) => (this.field(name).value === "" ? null : this.field(name).valueAsNumber);
    /** @param {string} name */
    const text = (name) => this.field(name).value;
    const [percentile, precision, price] = [text("percentile"), text("precision"), number("price")];
    const users = text("per") === "users";
    const volume = number("volume");
    const atHand = this.atHand(market.names);
    if (price !== null && Object.keys(atHand).length !== 1) throw new Unclear(this.word("one price"));
    return {
      demand: {
        isl: number("isl") ?? 1,
        osl: number("osl") ?? 2,
        rps: users ? null : volume,
        users: users ? volume : null,
      },
      limits: { ttft: number("ttft"), tpot: number("tpot"), percentile: percentile ? Number(percentile) : null },
      atHand,
      margin: number("margin") ?? 1,
      own: price === null ? null : price / rate(),
      engine: text("engine"),
      precisions: precision ? [precision] : [],
      kind: text("class"),
      region: text("region"),
    };
  }

  /** Chips at hand, and how many of each. @param {Record<string, string>} names of all chips
   * @returns {Record<string, number | null>} */
  atHand(names) {
    /** @type {Record<string, number | null>} */
    const counts = {};
    for (const part of this.field("chips").value.split(",")) {
      const [name, count, ...more] = part.trim().toLowerCase().split(":");
      if (!name) continue;
      const listed = Object.hasOwn(names, name);
      const number = count === undefined ? null : Number(count);
      const counted = number === null || (Number.isInteger(number) && number >= 1 && number <= 1e6);
      if (!listed || !counted || more.length) throw new Unclear(this.word("chips", { name: part.trim().slice(0, 40) }));
      counts[name] = number;
    }
    return counts;
  }
}

customElements.define("fenmark-choose", Choose);
