// @ts-check
// The rows of the board in typed columns: one dictionary of texts for all models loaded.

/** @typedef {{rows: number, strings: Record<string, {values: string[], zh?: string[], codes: number[]}>, numbers: Record<string, (number | null)[]>}} Shard */
/** @typedef {{opening: string, models: {id: string, name: string, rows: number, serving: number}[], choices: Record<string, string[]>}} Index */

/** @type {Index} what is known before anything is loaded */
export const NOTHING = { opening: "", models: [], choices: {} };

/** @param {string} address */
const json = async (address) => {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${answer.status} ${address}`);
  return answer.json();
};

/** A column of texts: codes of the rows, and what each code says. */
class Texts {
  constructor() {
    /** @type {string[]} */
    this.values = [];
    /** @type {string[]} */
    this.zh = [];
    /** @type {Map<string, number>} */
    this.known = new Map();
    this.codes = new Uint32Array();
  }

  /** @param {string} value @returns {number} -1 where no row says so */
  code(value) {
    return this.known.get(value) ?? -1;
  }

  /** Which codes say this word somewhere. @param {string} word in lower case @param {boolean} zh */
  search(word, zh) {
    const hits = (zh ? this.zh : this.values).map((text) => text.toLowerCase().includes(word));
    return { codes: this.codes, hits };
  }

  /** @param {Shard["strings"][string]} column */
  add(column) {
    const renamed = column.values.map((value, at) => {
      const old = this.known.get(value);
      if (old !== undefined) return old;
      this.known.set(value, this.values.length);
      this.zh.push(column.zh?.[at] ?? value);
      return this.values.push(value) - 1;
    });
    const codes = new Uint32Array(this.codes.length + column.codes.length);
    codes.set(this.codes);
    column.codes.forEach((code, at) => (codes[this.codes.length + at] = renamed[code]));
    this.codes = codes;
  }
}

/** Rows of all loaded models, addressed by one running number. */
export class Rows {
  /** @param {string} base address of the site's first page */
  constructor(base) {
    this.base = base;
    this.zh = document.documentElement.lang.startsWith("zh");
    this.size = 0;
    /** @type {Record<string, Texts>} */
    this.texts = {};
    /** @type {Record<string, Float64Array>} */
    this.numbers = {};
    /** @type {Map<string, Promise<Shard>>} */
    this.asked = new Map();
    /** @type {Set<string>} */
    this.loaded = new Set();
    /** @type {Map<string, Promise<string[]>>} */
    this.digests = new Map();
    /** @type {{model: string, first: number}[]} */
    this.parts = [];
    /** @type {Map<string, Uint32Array>} */
    this.orders = new Map();
  }

  /** @returns {Promise<Index>} */
  index() {
    return json(`${this.base}data/board/index.json`);
  }

  /** Have the rows of some models, in the order given. @param {string[]} models */
  async load(models) {
    const missing = models.filter((model) => !this.loaded.has(model));
    for (const model of missing)
      if (!this.asked.has(model)) this.asked.set(model, json(`${this.base}data/board/${model}.json`));
    for (const model of missing) {
      const shard = await /** @type {Promise<Shard>} */ (this.asked.get(model));
      if (!this.loaded.has(model)) this.add(model, shard);
    }
    // The rows shown next link to their statements: have their digests under way.
    for (const { first } of this.parts) this.digest(first);
  }

  /** @param {string} model @param {Shard} shard */
  add(model, shard) {
    for (const [name, column] of Object.entries(shard.strings)) (this.texts[name] ??= new Texts()).add(column);
    for (const [name, column] of Object.entries(shard.numbers)) {
      const all = new Float64Array(this.size + shard.rows);
      all.set(this.numbers[name] ?? []);
      column.forEach((value, at) => (all[this.size + at] = value ?? NaN));
      this.numbers[name] = all;
    }
    this.parts.push({ model, first: this.size });
    this.size += shard.rows;
    this.loaded.add(model);
    this.orders.clear();
  }

  /** @param {number} row @param {string} name @returns {number} NaN where there is none */
  number(row, name) {
    return this.numbers[name]?.[row] ?? NaN;
  }

  /** In the language of the page. @param {number} row @param {string} name */
  text(row, name) {
    const column = this.texts[name];
    return (this.zh ? column.zh : column.values)[column.codes[row]];
  }

  /** Value and interval, null where there is none. @param {number} row @param {string} name */
  span(row, name) {
    const [value, low, high] = ["", "_low", "_high"].map((end) => this.number(row, name + end));
    if (Number.isNaN(value)) return null;
    return { value, low: Number.isNaN(low) ? null : low, high: Number.isNaN(high) ? null : high };
  }

  /** SHA-256 of the row's statement. @param {number} row @returns {Promise<string>} */
  async digest(row) {
    const part = this.parts.findLast(({ first }) => first <= row);
    if (!part) return "";
    if (!this.digests.has(part.model))
      this.digests.set(part.model, json(`${this.base}data/board/${part.model}.digests.json`));
    return (await /** @type {Promise<string[]>} */ (this.digests.get(part.model)))[row - part.first];
  }

  /** All rows, the least of a column first and those without a figure last, in both directions.
   * @param {string} name "" for the rank @param {1 | -1} [way] @returns {Uint32Array} */
  order(name, way = 1) {
    const key = `${way}${name}`;
    const known = this.orders.get(key);
    if (known) return known;
    const order = name ? this.sorted(name, way) : this.ranked();
    this.orders.set(key, order);
    return order;
  }

  /** By one column; rows that are equal in it keep their ranking. The browser sorts the figures,
   * which takes a fraction of what comparing rows by a function of ours does. What does not rank
   * stands below all that does: a flagged figure, or a worse answer, is often the best of a column.
   * @param {string} name @param {1 | -1} way */
  sorted(name, way) {
    const key = keys(this.numbers[name], way);
    /** @type {Map<number, number>} where the next row with this figure goes */
    const next = new Map();
    key.slice().sort().forEach((figure, at) => next.has(figure) || next.set(figure, at));
    const order = new Uint32Array(this.size);
    for (const row of this.order("")) {
      const at = next.get(key[row]) ?? 0;
      order[at] = row;
      next.set(key[row], at + 1);
    }
    const { place } = this.numbers;
    const ranking = order.filter((row) => place[row] < BARRED);
    const others = order.filter((row) => place[row] >= BARRED);
    order.set(ranking);
    order.set(others, ranking.length);
    return order;
  }

  /** The rule of leaderboard/figures/ranking.py. */
  ranked() {
    const { place } = this.numbers;
    // Figures rank within a model and a load only, and a model's rows come ranked.
    const { codes, values } = this.texts.model_id;
    const byId = [...values].sort((a, b) => (a < b ? -1 : 1));
    const model = values.map((value) => byId.indexOf(value));
    return Uint32Array.from({ length: this.size }, (_, row) => row).sort(
      (a, b) => place[a] - place[b] || model[codes[a]] - model[codes[b]] || a - b,
    );
  }
}

/** Places from here on do not rank: see leaderboard/figures/ranking.py. */
const BARRED = 6;

/** Figures to sort by, ascending: what has none stands last, whichever way the others go. Two of
 * those differ by NaN, which `||` passes on to the next rule.
 * @param {Float64Array} column @param {1 | -1} way */
function keys(column, way) {
  return column.map((value) => (Number.isNaN(value) ? Infinity : value * way));
}
