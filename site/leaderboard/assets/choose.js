// @ts-check
// The choose page: a form, and the ranked answer to it; all of it is in the address.
import { kept, money, rate, unit } from "./currency.js";
import { element, figure, link } from "./format.js";
import { HOURS_PER_MONTH, MTOK, SECONDS_PER_HOUR, choose, kilowatts, known } from "./choose-rank.js";

/** @import { Demand, Loser, Option, Price, Ranked } from "./choose-rank.js" */

const FIELDS = [
  "model", "isl", "osl", "ttft", "tpot", "percentile", "volume", "per", "class", "region", "engine", "precision",
  "chips", "price", "margin",
]; // prettier-ignore
const ENGINES = /** @type {Record<string, string>} */ ({ vllm: "vLLM", sglang: "SGLang", trtllm: "TensorRT-LLM", trt: "TensorRT-LLM" });
const OWNED = "owned";
const SHOWN = 20;

/** A reader's own words that cannot be meant. */
class Unclear extends Error {}

class Choose extends HTMLElement {
  /** Fields as the page came. @type {Record<string, string>} */ opening = {};
  /** @type {any} */ base = null;
  /** @type {any} */ market = null;
  /** @type {Map<string, Promise<any>>} */ models = new Map();
  /** What was known for the last question. @type {{key: string, of: ReturnType<typeof known>} | null} */ last = null;
  asked = 0;
  whole = false;

  async connectedCallback() {
    const form = /** @type {HTMLFormElement} */ (this.querySelector("form"));
    for (const name of FIELDS) this.opening[name] = this.field(name).value;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => this.changed());
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

  /** Put what the form says into the address. */
  changed() {
    const query = new URLSearchParams();
    for (const name of FIELDS) {
      const { value } = this.field(name);
      if (value !== this.opening[name]) query.set(name, value);
    }
    history.replaceState(null, "", kept(query).size ? `?${query}` : location.pathname);
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

  /** @param {string} id */
  model(id) {
    const loading = this.models.get(id) ?? this.load(`models/${id}`);
    this.models.set(id, loading);
    loading.catch(() => this.models.delete(id));
    return loading;
  }

  async show() {
    this.asked += 1;
    const question = this.asked;
    const problem = this.within(".problem");
    try {
      const [base, market, model] = await Promise.all([
        this.base ?? this.load("common"),
        this.market ?? this.load("market"),
        this.model(this.field("model").value),
      ]);
      [this.base, this.market] = [base, market];
      // A later question was asked while this one loaded.
      if (question !== this.asked) return;
      this.answer(model);
      problem.hidden = true;
    } catch (error) {
      problem.textContent = error instanceof Unclear ? error.message : this.word("failed");
      problem.hidden = false;
    }
  }

  /** What the form asks for. @throws {Unclear} what is written cannot be meant */
  asks() {
    const form = /** @type {HTMLFormElement} */ (this.querySelector("form"));
    const wrong = /** @type {HTMLInputElement | null} */ (form.querySelector(":invalid"));
    if (wrong) throw new Unclear(`${wrong.labels?.[0]?.textContent?.trim() ?? wrong.name}: ${wrong.validationMessage}`);
    /** @param {string} name */
    const number = (name) => (this.field(name).value === "" ? null : this.field(name).valueAsNumber);
    const percentile = this.field("percentile").value;
    const users = this.field("per").value === "users";
    const volume = number("volume");
    return {
      demand: {
        isl: number("isl") ?? 1,
        osl: number("osl") ?? 2,
        rps: users ? null : volume,
        users: users ? volume : null,
      },
      limits: { ttft: number("ttft"), tpot: number("tpot"), percentile: percentile ? Number(percentile) : null },
      atHand: this.atHand(),
      margin: number("margin") ?? 1,
      price: number("price"),
    };
  }

  /** Chips at hand, and how many of each. @returns {Record<string, number | null>} */
  atHand() {
    /** @type {Record<string, number | null>} */
    const counts = {};
    for (const part of this.field("chips").value.split(",")) {
      const [name, count, ...more] = part.trim().toLowerCase().split(":");
      if (!name) continue;
      const listed = Object.hasOwn(this.market.names, name);
      const number = count === undefined ? null : Number(count);
      const counted = number === null || (Number.isInteger(number) && number >= 1 && number <= 1e6);
      if (!listed || !counted || more.length) throw new Unclear(this.word("chips", { name: part.trim().slice(0, 40) }));
      counts[name] = number;
    }
    return counts;
  }

  /** @param {any} model */
  answer(model) {
    const { demand, limits, atHand, margin, price } = this.asks();
    const own = price === null ? null : price / rate();
    if (own !== null && Object.keys(atHand).length !== 1) throw new Unclear(this.word("one price"));
    const engine = this.field("engine").value;
    const precision = this.field("precision").value;
    const precisions = precision ? [precision] : [];
    const { isl, osl } = demand;
    const key = JSON.stringify([model.id, isl, osl, engine, precisions, Object.keys(atHand), limits.percentile]);
    const asked = { engine, atHand, precisions, percentile: limits.percentile };
    if (this.last?.key !== key) this.last = { key, of: known(this.base, model, model.evidence.rows, demand, asked) };
    const { options, unseen: refused } = this.last.of;
    /** @param {string} kind */
    const chosen = (kind) =>
      choose(this.base, options, refused, demand, limits, (chip) => this.price(chip, kind, own), atHand, margin);
    const choice = chosen(this.field("class").value);
    this.rank(choice.ranked, model, demand);
    this.apart(choice.ranked);
    // The rest is asked once the answer stands: on a phone it takes as long.
    const question = this.asked;
    setTimeout(() => {
      if (question !== this.asked) return;
      if (own !== null) this.within(".ways").hidden = true;
      else this.ways(chosen, choice.ranked[0], demand);
      this.beside(choice);
    });
  }

  /** What to measure next, and each chip that is not ranked. @param {ReturnType<typeof choose>} choice */
  beside(choice) {
    this.list(".worth", choice.measure.map((ranked) => this.setup(ranked.option)));
    const [unseen, missed] = [true, false].map((never) => choice.losers.filter(({ why }) => (why === "unseen") === never));
    this.within(".losers").hidden = !choice.losers.length;
    this.list(".missed", missed.map((loser) => this.loser(loser)));
    this.list(".unseen", unseen.map((loser) => this.loser(loser)));
    this.within(".unseen summary").textContent = this.word("unpredicted", { n: String(unseen.length) });
  }

  /** Prefill and decode engines of the first prediction, were it served apart. @param {Ranked[]} ranked */
  apart(ranked) {
    const option = ranked.map((own) => own.option).find(({ apart }) => apart);
    const line = this.within(".apart");
    line.hidden = !option;
    const apart = option?.apart ?? 1;
    if (option)
      line.textContent = this.word("apart", {
        setup: this.named(option),
        prefill: figure(Math.max(apart, 1)),
        decode: figure(Math.max(1 / apart, 1)),
      });
  }

  region() {
    const { regions } = this.market;
    const wanted = this.field("region").value;
    return regions.find((/** @type {any} */ { region }) => region === wanted) ?? regions[0];
  }

  /** What a chip costs by the hour. @param {string} chip @param {string} kind @param {number | null} own
   * @returns {Price | null} */
  price(chip, kind, own) {
    if (own !== null) return { usd: own, label: this.word("your own") };
    const { classes, owned, pue } = this.market;
    if (kind !== OWNED) {
      const rent = classes[kind]?.[chip];
      return rent ? { usd: rent[0], label: rent[1] } : null;
    }
    if (!owned[chip]) return null;
    const [usd, kw, label] = owned[chip];
    return { usd: usd + kw * pue * this.region().usd_per_kwh, label };
  }

  /** @param {Ranked[]} ranked @param {any} model @param {Demand} demand */
  rank(ranked, model, demand) {
    const [best] = ranked;
    const head = this.within(".headline");
    this.within(".ranked").hidden = !best;
    if (!best) head.replaceChildren(this.word("none"));
    else
      head.replaceChildren(
        element("strong", "", this.word("best", { setup: this.named(best.option), n: String(best.chips) })),
        " ",
        element("b", "num", money(best.monthly[0])),
        " ",
        unit(this.word("month")),
        element("span", "ci", money(best.monthly[1]), " – ", money(best.monthly[2])),
      );
    const shown = this.whole ? ranked : ranked.slice(0, SHOWN);
    this.within(".ranked tbody").replaceChildren(...shown.map((own) => this.row(own, model, demand)));
    const more = this.within(".more");
    more.hidden = shown.length === ranked.length;
    const button = element("button", "button", this.word("all"));
    button.addEventListener("click", () => {
      this.whole = true;
      this.rank(ranked, model, demand);
    });
    more.replaceChildren(this.word("more", { n: String(ranked.length - shown.length) }), " ", button);
  }

  /** @param {Ranked} own @param {any} model @param {Demand} demand */
  row(own, model, demand) {
    const kw = kilowatts(this.base, model, model.evidence.bits, own, demand);
    const tons = kw === null ? null : (kw * HOURS_PER_MONTH * this.market.pue * this.region().g_per_kwh) / 1e6;
    const heads = [...this.querySelectorAll(".ranked thead th")].map(({ textContent }) => textContent ?? "");
    const place = element("td", "n", `${own.rank}${own.tied ? "=" : ""}`);
    if (own.tied) place.title = this.word("tie");
    const name = element("th", "", ...this.setup(own.option));
    name.title = own.option.basis;
    name.setAttribute("scope", "row");
    const cost = element("td", "n", ...bill(own.monthly));
    cost.title = own.price.label;
    const cells = [
      place,
      name,
      cost,
      element("td", "n", money(own.perMtok), " ", unit("Mtok")),
      element("td", "n", String(own.chips)),
      element("td", "n", ...times(own.ttft)),
      element("td", "n", ...times(own.tpot)),
      element("td", "n", figure(kw)),
      element("td", "n", figure(tons)),
    ];
    cells.forEach((cell, at) => cell instanceof HTMLTableCellElement && (cell.dataset.label = heads[at]));
    return element("tr", "", ...cells);
  }

  /** A set-up as people name it. @param {Option} option */
  named({ setup: { chip, engine, precision, ranks: [tp, dp, , ep] } }) {
    const ranks = [`TP ${tp}`, ...(dp > 1 ? [`DP ${dp}`] : []), ...(ep > 1 ? [`EP ${ep}`] : [])];
    return [this.market.names[chip] ?? chip, ENGINES[engine] ?? engine, precision, ...ranks].filter(Boolean).join(" · ");
  }

  /** A set-up with its mark, load, and the way to its evidence. @param {Option} option */
  setup(option) {
    const { kind, basis, concurrency, setup } = option;
    const [chip, ...rest] = this.named(option).split(" · ");
    const mark = element("span", "mark", this.base.constants.choose.MARKS[kind]);
    mark.title = this.word(kind);
    const basisInWords = kind === "predicted" ? `${this.word(kind)}, ${this.word(basis)}` : this.word(kind);
    const where = /^(?:reported|verify)\//.test(basis) ? link(`${this.dataset.root}${basis}`, basisInWords) : basisInWords;
    return [
      mark,
      " ",
      link(`${this.dataset.root}chips/${setup.chip}/`, chip),
      ` · ${rest.join(" · ")}`,
      element("span", "ci", `${this.word("at once", { n: String(concurrency) })} · `, where),
    ];
  }

  /** The least bill of each class, and of a hosted API.
   * @param {(kind: string) => ReturnType<typeof choose>} chosen @param {Ranked | undefined} best
   * @param {Demand} demand */
  ways(chosen, best, demand) {
    const section = this.within(".ways");
    const kinds = [...Object.keys(this.market.classes).filter((kind) => Object.keys(this.market.classes[kind]).length), OWNED];
    const heads = [...section.querySelectorAll("thead th")].map(({ textContent }) => textContent ?? "");
    const rows = kinds.map((kind) => {
      const [first] = chosen(kind).ranked;
      const name = element("th", "", this.word(kind));
      name.setAttribute("scope", "row");
      const cells = first
        ? [element("td", "", ...this.setup(first.option)), element("td", "n", ...bill(first.monthly))]
        : [element("td", "muted", this.word("no class")), element("td", "n", "–")];
      cells.forEach((cell, at) => cell.setAttribute("data-label", heads[at + 1]));
      return element("tr", "", name, ...cells);
    });
    this.within(".ways tbody").replaceChildren(...rows);
    this.within(".api").replaceChildren(...this.api(best, demand));
    section.hidden = false;
  }

  /** What the same tokens cost from a hosted API. @param {Ranked | undefined} best @param {Demand} demand */
  api(best, { isl, osl, rps, users }) {
    const sold = this.market.apis[this.field("model").value];
    const rate = rps ?? (best ? (best.rps * (users ?? 0)) / best.option.concurrency : null);
    if (!sold || rate === null || !best) return [this.word("no api")];
    const monthly = rate * SECONDS_PER_HOUR * HOURS_PER_MONTH;
    const [middle, low, high] = [0, 1, 2].map((at) => (monthly / MTOK) * (isl * sold[0][at] + osl * sold[1][at]));
    const parts = this.word("api", { percent: figure((rate / (best.rps * best.engines)) * 100) }).split(/(\{\w+\})/);
    /** @type {Record<string, () => Node>} */
    const filled = { "{low}": () => money(low), "{high}": () => money(high), "{usd}": () => money(middle), "{unit}": code };
    return parts.map((part) => filled[part]?.() ?? part);
  }

  /** @param {Loser} loser @returns {(Node | string)[]} */
  loser({ chip, why, values }) {
    const name = link(`${this.dataset.root}chips/${chip}/`, this.market.names[chip] ?? chip);
    const key = why === "over" && values.margin ? "over margin" : why;
    const metric = [values.metric, values.percentile].filter(Boolean).join(" ");
    const text = this.word(key, { ...values, metric });
    // What the tables say is English in every language.
    const sentence = element("span", "", text);
    if (why === "unseen") sentence.lang = "en";
    return [name, ": ", sentence];
  }

  /** @param {string} selector @param {(Node | string)[][]} items */
  list(selector, items) {
    const section = this.within(selector);
    section.hidden = !items.length;
    const list = /** @type {HTMLElement} */ (section.querySelector("ol, ul"));
    list.replaceChildren(...items.map((item) => element("li", "", ...item)));
  }
}

/** The code of the currency, which follows the choice. */
function code() {
  const made = element("span", "");
  made.dataset.unit = "";
  made.textContent = document.querySelector("select[data-rates]") instanceof HTMLSelectElement
    ? /** @type {HTMLSelectElement} */ (document.querySelector("select[data-rates]")).value
    : "USD";
  return made;
}

/** A bill and its range. @param {number[]} monthly */
function bill([middle, low, high]) {
  const told = element("b", "num", money(middle));
  return low === high ? [told] : [told, " ", element("span", "ci", money(low), " – ", money(high))];
}

/** @param {number[]} ms */
const times = ([middle, low, high]) => [figure(middle), " ", element("span", "ci", `${figure(low)} – ${figure(high)}`)];

customElements.define("fenmark-choose", Choose);
