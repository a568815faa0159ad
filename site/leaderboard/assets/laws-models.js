// @ts-check
// What a model takes and a chip can give: widths of weights, sums of models, and the least time of a
// token. The same rules as results/statement/precision.py, suites/models, results/catalog/peaks.py and
// results/economy/floor.py.

import { Real } from "./json.js";
import { Geometry } from "./laws-geometry.js";
import { start } from "./laws-held.js";

/** @import { Tables } from "./laws-claim.js" */
/** @import { Bits } from "./laws-geometry.js" */
/** A model at its narrowest width; stored: by tensor where that is the precision its maker published.
 * @typedef {{geometry: Geometry, bits: number, stored: Bits}} Served */

/** The table's entry of what engines served; null where it is unknown, or several models were.
 * @param {{model: string}[]} engines @param {Tables} tables @returns {any} */
export function modelOf(engines, tables) {
  if (new Set(engines.map(({ model }) => model)).size !== 1) return null;
  const name = knownAs(engines[0].model, tables);
  return name === undefined ? null : tables.models[name];
}

/** A model at the narrowest of its engines' precisions; null where it is not expressed here.
 * @param {any} model @param {{precision: string}[]} engines @param {Tables["constants"]} by
 * @returns {Served | null} */
export function servedAt(model, engines, { widths }) {
  if (!Geometry.expresses(model)) return null;
  const geometry = new Geometry(model);
  const { precision: asPublished = null, ...published } = model.published ?? {};
  const each = engines.map(({ precision }) => {
    const bits = bitsOf(precision, widths);
    return { geometry, bits, stored: precision.trim().toLowerCase() === asPublished ? published : bits };
  });
  return each.reduce((narrowest, other) => (other.bits < narrowest.bits ? other : narrowest));
}

/** Our name of a model, by itself or by its publisher's.
 * @param {string} model @param {Tables} tables @returns {string | undefined} */
export function knownAs(model, { models, constants }) {
  if (Object.hasOwn(models, model)) return model;
  const { TABLE, LONGEST } = constants.model_names;
  const lowered = start(model.toLowerCase(), LONGEST).replaceAll(" ", "-");
  const known = TABLE.find((/** @type {string[]} */ [pattern]) => new RegExp(pattern, "s").test(lowered));
  return known && Object.hasOwn(models, known[1]) ? known[1] : undefined;
}

/** Bits of one weight, from below.
 * @param {string} precision @param {Record<string, any>} widths @param {any} [otherwise] where it does
 * not say: the narrowest
 * @returns {any} */
export function bitsOf(precision, widths, otherwise = widths.NARROWEST_BITS) {
  const { STORED, NAMES, WIDEST_BITS } = widths;
  const name = precision.trim().toLowerCase();
  if (Object.hasOwn(STORED, name)) return STORED[name];
  for (const [pattern, width] of NAMES) {
    const named = [...name.matchAll(new RegExp(pattern, "g"))];
    if (!named.length) continue;
    const bits = width ?? Math.min(...named.map((match) => Number(match[1])));
    return bits >= 1 && bits <= WIDEST_BITS ? bits : otherwise;
  }
  return otherwise;
}

/** The highest peak in TFLOP/s that numbers of these bits could run at; null where none is known.
 * @param {any} chip @param {number} bits @param {Record<string, any>} peaks */
export const highestPeak = (chip, bits, { PEAK_BITS }) =>
  highest(
    Object.entries(chip.peak_tflops)
      .filter(([dtype]) => PEAK_BITS[dtype] >= bits)
      .map(([, peak]) => peak),
  );

/** The peak that bounds a kernel; the highest of all for an unknown dtype.
 * @param {any} chip @param {string} dtype @param {Record<string, any>} peaks */
export function kernelPeak({ peak_tflops }, dtype, { PEAKS }) {
  const lowered = dtype.toLowerCase();
  const names = Object.hasOwn(PEAKS, lowered) ? PEAKS[lowered] : [];
  const named = names.filter((/** @type {string} */ name) => name in peak_tflops);
  return highest(
    named.length
      ? named.map((/** @type {string} */ name) => peak_tflops[name])
      : Object.values(peak_tflops),
  );
}

/** @param {number[]} values */
const highest = (values) => (values.length ? Math.max(...values) : null);

/** Most sockets these cores can lie on: each as small as the family's smallest part.
 * @param {any} chip @param {number} cores */
export const sockets = ({ skus }, cores) =>
  Math.ceil(cores / (skus.length ? Math.min(...skus.map((/** @type {any} */ sku) => sku.cores)) : cores));

/** Least time of a token in seconds, by "peak" and by "bandwidth" where the datasheet says them.
 * @param {string} metric a throughput @param {Record<string, number>} load @param {Served} what
 * @param {any} chip @param {number} count @param {Tables["constants"]} by
 * @returns {{peak?: number, bandwidth?: number}} */
export function leastTimes(metric, load, what, chip, count, by) {
  const { TERA, GIGA, WIDEST_CACHE_BITS } = by.floor;
  const chips = chip.kind === "cpu" ? sockets(chip, count) : count;
  const peak = highestPeak(chip, what.bits, by.peaks);
  const work = workPerToken(metric, load, what, Math.min(what.bits, WIDEST_CACHE_BITS) / 8);
  return {
    ...(peak ? { peak: work.flops / (peak * TERA * chips) } : {}),
    ...(chip.memory_bandwidth_gb_s
      ? { bandwidth: work.bytes / (chip.memory_bandwidth_gb_s * GIGA * chips) }
      : {}),
  };
}

/** Work behind one token: a prompt's over its tokens, a step's over its batch, and of serving a
 * prompt and its steps after the first token over the output tokens.
 * @param {string} metric @param {Record<string, number>} load @param {Served} what
 * @param {number} width bytes of a cached value */
function workPerToken(metric, load, { geometry, stored }, width) {
  const isl = count(load.isl);
  /** @param {number} context @param {number | null} batch */
  const step = (context, batch) => ({
    flops: geometry.decodeFlops(context),
    // Of an unknown batch, the weights are read for nobody.
    bytes: batch
      ? geometry.decodeMinBytes(context, batch, stored, width) / batch
      : geometry.kvBytes(context, width),
  });
  if (metric === "prefill_throughput") {
    const tokens = isl ?? 1;
    const weights = geometry.decodeMinBytes(1, 1, stored, width);
    return { flops: geometry.prefillFlops(tokens) / tokens, bytes: weights / tokens };
  }
  if (metric === "decode_throughput") return step(count(load.context) ?? 1, count(load.batch));
  const osl = count(load.osl) ?? 0;
  const middle = step((isl ?? 1) + Math.floor(osl / 2), count(load.concurrency));
  // Of an answer of unknown length, every token is taken for one of its steps.
  const share = osl ? (osl - 1) / osl : 1;
  const prompt = isl && osl ? geometry.prefillFlops(isl) / osl : 0;
  return { flops: prompt + share * middle.flops, bytes: share * middle.bytes };
}

/** A load as a count above zero; null where it is none.
 * @param {number | undefined} value */
const count = (value) =>
  value !== undefined && value >= 1 && value < 1e9 ? Math.trunc(value) : null;

/** Whether a label says anything: a text that is not empty, a number that is not zero.
 * @param {any} label */
export const isSaid = (label) => Boolean(label instanceof Real ? label.value : label);
