// @ts-check
// Read JSON from strangers: refuse what two readers could understand differently. The same rules as
// results/statement/strict_json.py, and tests/results/vectors.py holds them together.

import { text } from "./bytes.js";

const MOST_BYTES = 2 ** 20;
const MOST_DEPTH = 32;
const MOST_VALUES = 200_000;

const SPACE = /[ \t\n\r]*/y;
const STRING = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)((?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)/y;
const WORD = /true|false|null/y;
/** @type {Record<string, boolean | null>} */
const WORDS = { true: true, false: false, null: null };
const ODD = /[\0\ud800-\udfff]/u; // NUL, and halves of a character

/** A number with a fraction or an exponent: no integer, whatever its value. */
export class Real {
  /** @param {number} value */
  constructor(value) {
    this.value = value;
  }
}

/** @param {number | Real} value */
export const number = (value) => (value instanceof Real ? value.value : value);

/** Parse JSON; objects have no prototype, so that every name in them is a member.
 * @param {Uint8Array} data @returns {any} */
export function parsed(data) {
  if (data.length > MOST_BYTES) throw new Error(`is ${data.length} bytes, above ${MOST_BYTES}`);
  const source = text(data);
  if (source.startsWith("\ufeff")) throw new Error("begins with a byte order mark");
  return new Reader(source).whole();
}

class Reader {
  /** @param {string} source */
  constructor(source) {
    this.source = source;
    this.at = 0;
    this.values = 0;
  }

  whole() {
    const value = this.value(0);
    if (this.at !== this.source.length) this.fail();
    return value;
  }

  /** @returns {never} */
  fail() {
    throw new Error(`is not JSON at character ${this.at}`);
  }

  /** Take what matches here, or nothing.
   * @param {RegExp} pattern */
  taken(pattern) {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.source);
    if (match) this.at = pattern.lastIndex;
    return match;
  }

  /** Take a character if it stands here; spaces around it do not count.
   * @param {string} character */
  took(character) {
    this.taken(SPACE);
    if (this.source[this.at] !== character) return false;
    this.at += 1;
    this.taken(SPACE);
    return true;
  }

  /** @param {number} depth @returns {any} */
  value(depth) {
    if (++this.values > MOST_VALUES) throw new Error(`holds more than ${MOST_VALUES} values`);
    this.taken(SPACE);
    const scalar = this.scalar();
    const value = scalar === undefined ? this.container(depth + 1) : scalar;
    this.taken(SPACE);
    return value;
  }

  scalar() {
    if (this.source[this.at] === '"') return this.string();
    const digits = this.taken(NUMBER);
    if (digits) return digits[1] ? real(digits[0]) : integer(digits[0]);
    const word = this.taken(WORD);
    return word ? WORDS[word[0]] : undefined;
  }

  string() {
    const token = this.taken(STRING) ?? this.fail();
    const value = /** @type {string} */ (JSON.parse(token[0]));
    if (ODD.test(value)) throw new Error("contains NUL or half a character");
    return value;
  }

  /** @param {number} depth */
  container(depth) {
    if (depth > MOST_DEPTH) throw new Error("is nested too deeply");
    if (this.took("[")) return this.list(depth);
    if (this.took("{")) return this.object(depth);
    return this.fail();
  }

  /** @param {number} depth */
  list(depth) {
    /** @type {any[]} */
    const items = [];
    if (this.took("]")) return items;
    do items.push(this.value(depth));
    while (this.took(","));
    return this.took("]") ? items : this.fail();
  }

  /** @param {number} depth */
  object(depth) {
    /** @type {Record<string, any>} */
    const members = Object.create(null);
    if (this.took("}")) return members;
    do {
      const name = this.string();
      if (name in members) throw new Error(`names ${JSON.stringify(name)} twice in one object`);
      if (!this.took(":")) this.fail();
      members[name] = this.value(depth);
    } while (this.took(","));
    return this.took("}") ? members : this.fail();
  }
}

/** @param {string} digits */
function integer(digits) {
  const value = Number(digits);
  if (!Number.isSafeInteger(value)) throw new Error(`contains the integer ${digits.slice(0, 20)}…`);
  return value;
}

/** @param {string} digits */
function real(digits) {
  const value = Number(digits);
  if (!Number.isFinite(value)) throw new Error(`contains ${digits.slice(0, 20)}, above all doubles`);
  return new Real(value);
}
