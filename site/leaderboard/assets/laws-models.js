// @ts-check
// What a model takes and a chip can give: widths of weights, geometries, and the least time of a
// token. The same rules as results/statement/precision.py, results/catalog/widths.py,
// suites/models/geometry.py and results/economy/floor.py.

import { Real } from "./json.js";

/** @import { Tables } from "./laws-claim.js" */
/** A model at its narrowest width.
 * @typedef {{geometry: Geometry, bits: number}} Served */

/** What engines served; null where it is unknown, or where they served several models.
 * @param {{model: string, precision: string}[]} engines @param {Tables} tables @returns {Served | null} */
export function served(engines, tables) {
  if (new Set(engines.map(({ model }) => model)).size !== 1) return null;
  const name = modelOf(engines[0].model, tables);
  if (name === undefined) return null;
  const bits = engines.map(({ precision }) => bitsOf(precision, tables.constants.widths));
  return { geometry: new Geometry(tables.models[name]), bits: Math.min(...bits) };
}

/** Our name of a model, by itself or by its publisher's.
 * @param {string} model @param {Tables} tables @returns {string | undefined} */
function modelOf(model, { models, constants }) {
  if (Object.hasOwn(models, model)) return model;
  const published = constants.precision.PUBLISHED.find((/** @type {string[]} */ [theirs]) =>
    new RegExp(theirs).test(model.toLowerCase()),
  );
  return published?.[1];
}

/** Bits of one weight, from below.
 * @param {string} precision @param {Record<string, any>} widths */
function bitsOf(precision, { STORED, NAMES, WIDEST_BITS, NARROWEST_BITS }) {
  const name = precision.trim().toLowerCase();
  if (Object.hasOwn(STORED, name)) return STORED[name];
  for (const [pattern, width] of NAMES) {
    const named = [...name.matchAll(new RegExp(pattern, "g"))];
    if (!named.length) continue;
    const bits = width ?? Math.min(...named.map((match) => Number(match[1])));
    return bits >= 1 && bits <= WIDEST_BITS ? bits : NARROWEST_BITS;
  }
  return NARROWEST_BITS;
}

/** The highest peak in TFLOP/s that numbers of these bits could run at; null where none is known.
 * @param {any} chip @param {number} bits @param {Record<string, any>} widths */
export const highestPeak = (chip, bits, { PEAK_BITS }) =>
  highest(
    Object.entries(chip.peak_tflops)
      .filter(([dtype]) => PEAK_BITS[dtype] >= bits)
      .map(([, peak]) => peak),
  );

/** The peak that bounds a kernel; the highest of all for an unknown dtype.
 * @param {any} chip @param {string} dtype @param {Record<string, any>} widths */
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

/** Sizes of one decoder-only transformer, and what they imply. */
export class Geometry {
  /** @param {any} sizes */
  constructor(sizes) {
    this.sizes = sizes;
    /** @type {string} */
    this.name = sizes.name;
    this.full = sizes.layers - sizes.sliding_layers;
    this.dense = sizes.moe ? sizes.moe.dense_layers : sizes.layers;
    this.mixed = sizes.layers - this.dense;
    this.head = sizes.vocab * sizes.hidden;
    // Weights of every layer's attention, and of the dense layers' own block.
    this.common = sizes.layers * this.attention() + this.dense * 3 * sizes.hidden * sizes.intermediate;
  }

  attention() {
    const { hidden, heads, kv_heads, head_dim, mla } = this.sizes;
    if (!mla) return 2 * hidden * (heads + kv_heads) * head_dim;
    const query = hidden * mla.q_rank + mla.q_rank * heads * (mla.nope_dim + mla.rope_dim);
    const keys = hidden * (mla.kv_rank + mla.rope_dim);
    const values = mla.kv_rank * heads * (mla.nope_dim + mla.value_dim);
    return query + keys + values + heads * mla.value_dim * hidden;
  }

  /** Weights of all expert layers with so many routed experts each.
   * @param {number} routed */
  experts(routed) {
    const { hidden, moe } = this.sizes;
    if (!moe) return 0;
    const expert = 3 * hidden * moe.intermediate;
    return this.mixed * ((routed + moe.shared_experts) * expert + hidden * moe.experts);
  }

  parameters() {
    const { hidden, layers, moe, tied_embeddings } = this.sizes;
    const matrices = this.common + (moe ? this.experts(moe.experts) : 0);
    const heads = tied_embeddings ? this.head : 2 * this.head;
    return matrices + heads + hidden + layers * this.vectors() + this.mixed * this.biases();
  }

  vectors() {
    const { hidden, heads, kv_heads, head_dim, mla, ...has } = this.sizes;
    const norms = 2 * hidden + (has.qk_norm ? 2 * head_dim : 0) + (mla ? mla.q_rank + mla.kv_rank : 0);
    const biases = (has.qkv_bias ? (heads + 2 * kv_heads) * head_dim : 0) + (has.output_bias ? hidden : 0);
    return norms + biases + (has.sinks ? heads : 0);
  }

  biases() {
    const { hidden, moe } = this.sizes;
    if (!moe) return 0;
    const own = moe.expert_bias ? moe.experts * (2 * moe.intermediate + hidden) : 0;
    return own + (moe.selection_bias ? moe.experts : 0);
  }

  /** Weights that multiply one token before the output head. */
  body() {
    const { moe } = this.sizes;
    return this.common + (moe ? this.experts(moe.experts_per_token) : 0);
  }

  /** @param {boolean} absorbed */
  flopsPerPair(absorbed) {
    const { heads, head_dim, mla } = this.sizes;
    if (!mla) return 4 * heads * head_dim;
    if (absorbed) return 2 * heads * (2 * mla.kv_rank + mla.rope_dim);
    return 2 * heads * (mla.nope_dim + mla.rope_dim + mla.value_dim);
  }

  /** @param {number} isl */
  prefillFlops(isl) {
    const { sliding_layers, sliding_window } = this.sizes;
    const pairs = this.full * causalPairs(isl, isl) + sliding_layers * causalPairs(isl, sliding_window);
    return 2 * (this.body() * isl + this.head) + this.flopsPerPair(false) * pairs;
  }

  /** Tokens whose keys and values the layers keep, over all layers.
   * @param {number} context */
  kept(context) {
    const { sliding_layers, sliding_window } = this.sizes;
    return this.full * context + sliding_layers * Math.min(context, sliding_window);
  }

  /** @param {number} context */
  decodeFlops(context) {
    return 2 * (this.body() + this.head) + this.flopsPerPair(true) * this.kept(context);
  }

  valuesPerToken() {
    const { kv_heads, head_dim, mla } = this.sizes;
    return mla ? mla.kv_rank + mla.rope_dim : 2 * kv_heads * head_dim;
  }

  /** @param {number} context @param {number} width bytes of a value */
  kvBytes(context, width) {
    return this.kept(context) * this.valuesPerToken() * width;
  }

  /** Bytes one decode step must move; a batch shares its experts.
   * @param {number} context @param {number} batch @param {number} bits of a weight
   * @param {number} width bytes of a cached value */
  decodeMinBytes(context, batch, bits, width) {
    const { layers, hidden } = this.sizes;
    const weights = this.body() + this.head + batch * hidden;
    const written = layers * this.valuesPerToken() * width;
    return (weights * bits) / 8 + batch * (this.kvBytes(context, width) + written);
  }
}

/** Pairs (query, key) with key ≤ query and at most `window` keys a query.
 * @param {number} tokens @param {number} window */
function causalPairs(tokens, window) {
  const seen = Math.min(tokens, window);
  return (seen * (seen + 1)) / 2 + (tokens - seen) * seen;
}

/** Least time of a token in seconds, by "peak" and by "bandwidth" where the datasheet says them.
 * @param {string} metric a throughput @param {Record<string, number>} load @param {Served} what
 * @param {any} chip @param {number} count @param {Tables["constants"]} by
 * @returns {{peak?: number, bandwidth?: number}} */
export function leastTimes(metric, load, what, chip, count, by) {
  const { TERA, GIGA, WIDEST_CACHE_BITS } = by.floor;
  const chips = chip.kind === "cpu" ? sockets(chip, count) : count;
  const peak = highestPeak(chip, what.bits, by.widths);
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
function workPerToken(metric, load, { geometry, bits }, width) {
  const isl = count(load.isl);
  /** @param {number} context @param {number | null} batch */
  const step = (context, batch) => ({
    flops: geometry.decodeFlops(context),
    // Of an unknown batch, the weights are read for nobody.
    bytes: batch
      ? geometry.decodeMinBytes(context, batch, bits, width) / batch
      : geometry.kvBytes(context, width),
  });
  if (metric === "prefill_throughput") {
    const tokens = isl ?? 1;
    const weights = geometry.decodeMinBytes(1, 1, bits, width);
    return { flops: geometry.prefillFlops(tokens) / tokens, bytes: weights / tokens };
  }
  if (metric === "decode_throughput") return step(count(load.context) ?? 1, count(load.batch));
  const osl = count(load.osl) ?? 0;
  const one = step((isl ?? 1) + Math.floor(osl / 2), count(load.concurrency));
  // Of an answer of unknown length, every token is taken for one of its steps.
  const share = osl ? (osl - 1) / osl : 1;
  const prompt = isl && osl ? geometry.prefillFlops(isl) / osl : 0;
  return { flops: prompt + share * one.flops, bytes: share * one.bytes };
}

/** A load as a count above zero; null where it is none.
 * @param {number | undefined} value */
const count = (value) =>
  value !== undefined && value >= 1 && value < 1e9 ? Math.trunc(value) : null;

/** The catalogue's entry of a chip by what a driver calls it: the longest part of a name wins.
 * @param {string} name @param {Tables["chips"]} chips @returns {string | null} */
export function entryNamed(name, chips) {
  const lowered = name.toLowerCase();
  /** @type {[number, string][]} */
  const named = Object.entries(chips).flatMap(([id, { match }]) =>
    match
      .filter((/** @type {string} */ part) => lowered.includes(part.toLowerCase()))
      .map((/** @type {string} */ part) => [[...part].length, id]),
  );
  const longest = named.sort(([n, a], [m, b]) => m - n || (a < b ? 1 : -1))[0];
  return longest ? longest[1] : null;
}

/** The entry of a processor by CPUID.
 * @param {string} vendor @param {number} family @param {number} model
 * @param {Tables["chips"]} chips @returns {string | null} */
export function entryOfCpu(vendor, family, model, chips) {
  const own = Object.entries(chips).find(
    ([, { cpuid }]) =>
      cpuid?.vendor === vendor && cpuid.family === family && cpuid.models.includes(model),
  );
  return own ? own[0] : null;
}

/** Whether a label says anything: a text that is not empty, a number that is not zero.
 * @param {any} label */
export const isSaid = (label) => Boolean(label instanceof Real ? label.value : label);
