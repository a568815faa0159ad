// @ts-check
// What a model's sizes imply: the same sums as suites/models/geometry.py. Those that no load changes
// come with the tables; parts that look back at earlier tokens are computed here, as in
// suites/models/attention.py.

/** Bits of one weight, everywhere or by where it is.
 * @typedef {number | Record<string, number>} Bits */
/** What a kind of part takes: values that the cache keeps of a sequence, FLOPs of a step beside the
 * matrices, and of a prompt.
 * @typedef {{cached: (context: number) => number, decode: (context: number) => number,
 *   prefill: (isl: number) => number}} Work */

/** @type {Record<string, (part: any) => Work>} */
const KINDS = {
  gqa({ heads, kv_heads, head_dim, value_dim, window, chunk, borrows_cache }) {
    const both = head_dim + (value_dim || head_dim);
    const values = borrows_cache ? 0 : kv_heads * both;
    const perPair = 2 * heads * both;
    /** @param {number} context */
    const kept = (context) => Math.min(context, window || context, chunk || context);
    return {
      cached: (context) => kept(context) * values,
      decode: (context) => perPair * (chunk ? ((context - 1) % chunk) + 1 : kept(context)),
      prefill: (isl) => perPair * (chunk ? chunkPairs(isl, chunk) : causalPairs(isl, window || isl)),
    };
  },
  mla({ heads, kv_rank, nope_dim, rope_dim, value_dim, index_heads, index_dim, topk }) {
    const absorbed = 2 * heads * (2 * kv_rank + rope_dim);
    const expanded = 2 * heads * (nope_dim + rope_dim + value_dim);
    const index = 2 * index_heads * index_dim;
    return {
      cached: (context) => context * (kv_rank + rope_dim + index_dim),
      decode: (context) => absorbed * Math.min(context, topk || context) + index * context,
      prefill: (isl) => expanded * causalPairs(isl, topk || isl) + index * causalPairs(isl, isl),
    };
  },
  compressed({ heads, head_dim, window, ratio, index_heads, index_dim, topk }) {
    const [perPair, index] = [4 * heads * head_dim, 2 * index_heads * index_dim];
    /** @param {number} tokens */
    const entriesOf = (tokens) => (ratio ? Math.floor(tokens / ratio) : 0);
    return {
      cached: (context) =>
        Math.min(context, window) * head_dim + entriesOf(context) * (head_dim + index_dim),
      decode(context) {
        const entries = entriesOf(context);
        const seen = Math.min(context, window) + Math.min(entries, topk || entries);
        return perPair * seen + index * entries;
      },
      prefill(isl) {
        const plain = perPair * causalPairs(isl, window);
        const entries = entriesOf(isl);
        if (!entries) return plain;
        // After each entry, `ratio` tokens see it and those before; the last group may be short.
        const last = (isl % ratio) + 1;
        /** @param {number} most */
        const pairs = (most) => ratio * causalPairs(entries - 1, most) + last * Math.min(entries, most);
        return plain + perPair * pairs(topk || isl) + index * pairs(isl);
      },
    };
  },
};

/** What a part takes: one that looks back at no earlier token does the same for each.
 * @param {any} part with `steady_flops`, FLOPs of one token beside its matrices
 * @returns {Work} */
export const workOf = (part) =>
  KINDS[part.kind]?.(part) ?? {
    cached: () => 0,
    decode: () => part.steady_flops,
    prefill: (isl) => isl * part.steady_flops,
  };

/** Sizes of one decoder-only model, and what they imply. */
export class Geometry {
  /** Whether all parts of a model are of kinds that are known here.
   * @param {any} model as the tables have it */
  static expresses = ({ parts }) =>
    parts.every((/** @type {any} */ { kind }) => Object.hasOwn(KINDS, kind));

  /** @param {any} model as the tables have it */
  constructor(model) {
    this.model = model;
    /** @type {string} */
    this.name = model.name;
    /** @type {(Work & {count: number})[]} */
    this.parts = model.parts.map((/** @type {any} */ part) => ({
      ...KINDS[part.kind](part),
      count: part.count,
    }));
  }

  /** @param {(part: Work) => number} value */
  sum(value) {
    return this.parts.reduce((sum, part) => sum + part.count * value(part), 0);
  }

  /** @param {Bits} bits */
  weightBytes(bits) {
    return inBytes(this.model.stored, bits);
  }

  /** @param {number} isl */
  prefillFlops(isl) {
    const { body, head, steady_flops } = this.model;
    return 2 * (body * isl + head) + steady_flops * isl + this.sum((part) => part.prefill(isl));
  }

  /** @param {number} context */
  decodeFlops(context) {
    const { body, head, steady_flops } = this.model;
    return 2 * (body + head) + steady_flops + this.sum((part) => part.decode(context));
  }

  /** @param {number} context @param {number} width bytes of a value */
  kvBytes(context, width) {
    return this.sum((part) => part.cached(context)) * width;
  }

  /** Bytes one decode step must move; a batch shares its experts.
   * @param {number} context @param {number} batch @param {Bits} bits of a weight
   * @param {number} width bytes of a cached value */
  decodeMinBytes(context, batch, bits, width) {
    const { read, hidden, kv_values, state_values } = this.model;
    const weights = inBytes({ ...read, rest: read.rest + batch * hidden }, bits);
    const own = this.kvBytes(context, width) + (kv_values + 2 * state_values) * width;
    return weights + batch * own;
  }
}

/** @param {Record<string, number>} weights by where they are @param {Bits} bits */
const inBytes = (weights, bits) =>
  Object.entries(weights)
    .map(([where, count]) => count * (typeof bits === "number" ? bits : bits[where]))
    .reduce((sum, bytes) => sum + bytes, 0) / 8;

/** Pairs (query, key) with key ≤ query and at most `window` keys a query.
 * @param {number} tokens @param {number} window */
export function causalPairs(tokens, window) {
  const seen = Math.min(tokens, window);
  return (seen * (seen + 1)) / 2 + (tokens - seen) * seen;
}

/** The same where keys are seen back to the last multiple of a chunk.
 * @param {number} tokens @param {number} chunk */
const chunkPairs = (tokens, chunk) =>
  Math.floor(tokens / chunk) * causalPairs(chunk, chunk) + causalPairs(tokens % chunk, chunk);
