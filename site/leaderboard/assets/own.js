// @ts-check
// A reader's own machine: tables of results/prediction/own_tables.py, from a file that stays in the browser.
import { number, parsed } from "./json.js";
import { spread } from "./choose-rank.js";

/** @import { Demand, Limits } from "./choose-rank.js" */
/** Milliseconds, and the factor by which the 90% interval reaches up and down. @typedef {[number, number] | null} Cell */
/** @typedef {{machine: string, engine: string, model: string, precision: string, measured: string,
 *   decode: Cell[][], prefill: Cell[]}} OwnEngine */
/** @typedef {{loads: number[], lengths: number[], engines: OwnEngine[]}} OwnTables */
/** The load that serves most within the limits, or the one that misses them by least; `missed` then says
 * which. Times are of the limits' percentile; each with the ends of its interval.
 * @typedef {{engine: OwnEngine, load: number, ttft: number[], tpot: number[], tokens: number[], machines: number,
 *   missed: {metric: string, ms: number, limit: number} | null}} OwnAnswer */

const TYPE = "urn:fenmark:own-tables:v1";
const MOST_ENGINES = 100;
const MOST_STEPS = 100;
const NAMES = /** @type {const} */ (["machine", "engine", "model", "precision", "measured"]);

/** @param {boolean} right */
function must(right) {
  if (!right) throw new Error("is not a table of an own machine");
}

/** Read a file's bytes. @param {Uint8Array} data @returns {OwnTables} @throws it is no such table */
export function readOwn(data) {
  const told = parsed(data);
  must(told !== null && typeof told === "object" && told.type === TYPE);
  const [loads, lengths] = [told.loads, told.lengths].map(rising);
  must(Array.isArray(told.engines) && told.engines.length <= MOST_ENGINES);
  return { loads, lengths, engines: told.engines.map((/** @type {any} */ own) => engineOf(own, loads.length, lengths.length)) };
}

/** @param {any} values */
function rising(values) {
  must(Array.isArray(values) && values.length > 0 && values.length <= MOST_STEPS);
  /** @type {number[]} */
  const numbers = values.map(positive);
  must(numbers.every((value, place) => place === 0 || value > numbers[place - 1]));
  return numbers;
}

/** @param {any} value */
function positive(value) {
  const told = number(value);
  must(typeof told === "number" && told > 0 && told < 1e12);
  return told;
}

/** @param {any} own @param {number} loads @param {number} lengths @returns {OwnEngine} */
function engineOf(own, loads, lengths) {
  must(own !== null && typeof own === "object");
  const names = NAMES.map((name) => {
    must(typeof own[name] === "string" && own[name].length <= 200);
    return [name, own[name].replace(/\p{C}/gu, "")];
  });
  must(Array.isArray(own.decode) && own.decode.length === loads);
  const decode = own.decode.map((/** @type {any} */ row) => cellsOf(row, lengths));
  return { ...Object.fromEntries(names), decode, prefill: cellsOf(own.prefill, lengths) };
}

/** @param {any} row @param {number} lengths @returns {Cell[]} */
function cellsOf(row, lengths) {
  must(Array.isArray(row) && row.length === lengths);
  return row.map((/** @type {any} */ cell) => {
    if (cell === null) return null;
    must(Array.isArray(cell) && cell.length === 2);
    const [ms, apart] = cell.map(positive);
    must(apart >= 1);
    return [ms, apart];
  });
}

/** Time at a length with its ends, on the line of logarithms; null beyond what the table says.
 * @param {number[]} lengths @param {Cell[]} row @param {number} length */
function at(lengths, row, length) {
  const above = lengths.findIndex((known) => known >= length);
  const [high, low] = [row[above], row[Math.max(above - 1, 0)]];
  if (above < 0 || (above === 0 && length < lengths[0]) || !high || !low) return null;
  const from = lengths[Math.max(above - 1, 0)];
  const share = lengths[above] === from ? 0 : Math.log(length / from) / Math.log(lengths[above] / from);
  const ms = low[0] * (high[0] / low[0]) ** share;
  const apart = Math.max(low[1], high[1]);
  return [ms, ms / apart, ms * apart];
}

/** What each engine does for a demand, null where nothing is predicted.
 * @param {OwnTables} own @param {Demand} demand @param {Limits} limits @param {number} margin
 * @param {Record<string, [number, number][]>} spreads of requests around their mean
 * @returns {{engine: OwnEngine, answer: OwnAnswer | null}[]} */
export function answersOf(own, demand, limits, margin, spreads) {
  return own.engines.map((engine) => {
    const answers = own.loads.flatMap((load, place) => {
      const made = answerAt(own, engine, place, load, demand, limits, margin, spreads);
      return made ? [made] : [];
    });
    const held = answers.filter(({ answer }) => !answer.missed);
    const [best] = held.length
      ? held.sort((one, other) => other.answer.tokens[0] - one.answer.tokens[0])
      : answers.sort((one, other) => one.over - other.over);
    return { engine, answer: best?.answer ?? null };
  });
}

/** @param {OwnTables} own @param {OwnEngine} engine @param {number} place @param {number} load
 * @param {Demand} demand @param {Limits} limits @param {number} margin
 * @param {Record<string, [number, number][]>} spreads
 * @returns {{over: number, answer: OwnAnswer} | null} */
function answerAt({ lengths }, engine, place, load, { isl, osl, rps, users }, limits, margin, spreads) {
  const step = at(lengths, engine.decode[place], isl + osl / 2);
  const prompt = at(lengths, engine.prefill, isl);
  if (!step || !prompt) return null;
  // Prompts are read one after another, then all answers are written together.
  const rates = [0, 2, 1].map((end) => (load * 1e3) / (load * prompt[end] + step[end] * (osl - 1)));
  /** @type {[string, number[], number | null][]} */
  const held = [
    ["ttft", prompt, limits.ttft],
    ["tpot", step, limits.tpot],
  ];
  const times = held.map(([metric, own]) => own.map((ms) => ms * spread(spreads[metric], limits.percentile)));
  const overs = held.map(([, , limit], at) => (limit === null ? 0 : (times[at][0] * margin) / limit));
  const worst = overs[1] > overs[0] ? 1 : 0;
  const missed =
    overs[worst] > 1
      ? { metric: held[worst][0], ms: times[worst][0], limit: /** @type {number} */ (held[worst][2]) }
      : null;
  const machines = Math.max(1, Math.ceil((rps !== null ? rps / rates[0] : (users ?? 0) / load) - 1e-6));
  const tokens = rates.map((rate) => rate * osl);
  return { over: overs[worst], answer: { engine, load, ttft: times[0], tpot: times[1], tokens, machines, missed } };
}
