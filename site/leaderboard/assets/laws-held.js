// @ts-check
// Two numbers checked against each other, and how a reason says them: the words are those of
// results/checks/finding.py, and numbers and texts are spelled as Python's formats spell them.

import { Real } from "./json.js";

/** One figure that was checked against a law; the reason is null where it holds.
 * @typedef {{where: string, reason: string | null, left: number | null, right: number | null}} Held */

/** @param {string} where @param {string | null} reason @returns {Held} */
export const held = (where, reason, left = /** @type {number | null} */ (null), right = left) => ({
  where,
  reason,
  left,
  right,
});

/** Hold left ≤ right; the reason says {left} and {right} where the numbers stand.
 * @param {string} where @param {number} left @param {number} right @param {string} reason */
export function atMost(where, left, right, reason) {
  if (left <= right) return held(where, null, left, right);
  const told = reason
    .replaceAll("{left}", () => general(left, 4))
    .replaceAll("{right}", () => general(right, 4));
  return held(where, told, left, right);
}

/** Spell a number with so many digits, as `%g` does: halves to even, no zeros at the end.
 * @param {number} value */
export function general(value, digits = 6) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value < 0 ? "-inf" : "inf";
  const [mantissa, power] = rounded(value, digits).split("e");
  const exponent = Number(power);
  if (exponent < -4 || exponent >= digits) return `${trimmed(mantissa)}e${signed(exponent)}`;
  return trimmed(Number(`${mantissa}e${power}`).toFixed(digits - 1 - exponent), value);
}

/** @param {number} value @param {number} digits */
function rounded(value, digits) {
  const exact = value.toExponential(60);
  const [kept, rest] = [exact.indexOf(".") + digits, exact.indexOf("e")];
  // JavaScript takes halves away from zero.
  const half = /^50*$/.test(exact.slice(kept, rest));
  const even = "02468".includes(exact[kept - 1] === "." ? exact[kept - 2] : exact[kept - 1]);
  const cut = exact.slice(0, kept).replace(/\.$/, "") + exact.slice(rest);
  return half && even ? cut : value.toExponential(digits - 1);
}

/** @param {string} digits @param {number} [value] whose sign a zero keeps */
const trimmed = (digits, value = 1) =>
  (Object.is(value, -0) ? "-" : "") +
  (digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits);

/** @param {number} exponent */
const signed = (exponent) =>
  `${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;

/** A value as Python's `str` has it.
 * @param {any} value */
export function said(value) {
  if (value === undefined || value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  return value instanceof Real ? real(value.value) : String(value);
}

/** @param {number} value */
function real(value) {
  if (Object.is(value, -0)) return "-0.0";
  const [mantissa, power] = value.toExponential().split("e");
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) return `${mantissa}e${signed(exponent)}`;
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** A text as Python's `repr` has it.
 * @param {string} text */
export function quoted(text) {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const inner = text.replace(/[\\]|['"]|[\p{C}\p{Z}]/gu, (character) => {
    if (character === "\\" || character === mark) return `\\${character}`;
    if (character === " " || character === "'" || character === '"') return character;
    return NAMED[character] ?? escaped(character.codePointAt(0) ?? 0);
  });
  return mark + inner + mark;
}

/** @type {Record<string, string>} */
const NAMED = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** @param {number} code */
function escaped(code) {
  const digits = code.toString(16);
  if (code < 0x100) return `\\x${digits.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${digits.padStart(4, "0")}` : `\\U${digits.padStart(8, "0")}`;
}

/** A value as Python's JSON has it, in ASCII.
 * @param {any} value */
export function inJson(value) {
  if (typeof value !== "string") return said(value).replace(/^[TF]/, (letter) => letter.toLowerCase());
  return JSON.stringify(value).replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The first characters of a text, not halves of them.
 * @param {string} text @param {number} most */
export const start = (text, most) => [...text].slice(0, most).join("");
