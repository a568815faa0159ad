// @ts-check
// How long an operator takes on a chip: results/prediction/grid.py, roofline.py and chip.py.

import { causalPairs } from "./laws-geometry.js";

/** What a prediction would need and nobody published; its message is the reason shown. */
export class Missing extends Error {}

/** Values are kept as whole numbers of this. */
const STEP = 0.005;

/** Logarithms of time ÷ roofline at the crossings of axes. */
export class Grid {
  /** @param {{axes: number[][], steps: number[]}} data */
  constructor({ axes, steps }) {
    this.logs = axes.map((axis) => axis.map(Math.log));
    this.values = Float64Array.from(steps, (step) => step * STEP);
  }

  /** Interpolate linearly along the logarithm of each axis; beyond it its end holds.
   * @param {...number} points one of each axis */
  at(...points) {
    let stride = this.values.length;
    let index = 0;
    /** @type {[number, number][]} */
    const ways = [];
    this.logs.forEach((logs, axis) => {
      stride /= logs.length;
      if (logs.length === 1) return;
      const log = Math.log(Math.max(points[axis], 1e-9));
      let low = logs.length - 2;
      while (low > 0 && logs[low] > log) low -= 1;
      const share = (log - logs[low]) / (logs[low + 1] - logs[low]);
      index += low * stride;
      ways.push([stride, Math.min(Math.max(share, 0), 1)]);
    });
    return this.folded(index, ways, 0);
  }

  /** @param {number} index @param {[number, number][]} ways @param {number} from @returns {number} */
  folded(index, ways, from) {
    if (from === ways.length) return this.values[index];
    const [stride, share] = ways[from];
    const near = this.folded(index, ways, from + 1);
    return share ? near + share * (this.folded(index + stride, ways, from + 1) - near) : near;
  }
}

/** A chip of a model: its rates, and grids by the shapes that the model asks for. */
export class Chip {
  /** @param {string} id @param {any} told @param {any} base what all models share
   * @param {any} shapes of the model on the chip's grids: `like` and `grids`
   * @param {(name: string, source: any) => Grid} gridOf */
  constructor(id, told, base, shapes, gridOf) {
    this.id = id;
    this.told = told;
    /** @type {number} */ this.bandwidth = told.rates.bandwidth;
    /** @type {Record<string, number>} */ this.peaks = told.rates.peaks;
    /** @type {number} */ this.link = told.rates.link;
    this.by = base.constants.roofline;
    this.shared = base.grids[told.source];
    this.shapes = shapes;
    this.gridOf = gridOf;
    /** @type {Map<string, Grid | null>} */ this.known = new Map();
    /** @type {Map<string, number>} */ this.rates = new Map();
  }

  /** A grid that all models share. @param {string} key @returns {Grid | null} */
  grid(key) {
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const grid = key in this.shared ? this.gridOf(`${this.told.source}:${key}`, this.shared[key]) : null;
    this.known.set(key, grid);
    return grid;
  }

  /** The grid of the shape nearest to one. @param {string} key @param {string} missing
   * @returns {[Grid, string]} */
  like(key, missing) {
    const near = this.shapes.like[key];
    if (!near) throw new Missing(missing);
    const data = this.shapes.grids[near] ?? this.shared[near];
    return [this.gridOf(`${this.told.source}:${near}`, data), near];
  }

  /** @param {string} dtype @returns {number} FLOPs a millisecond */
  peak(dtype) {
    const known = this.rates.get(dtype);
    if (known) return known;
    const name = this.by.INPUT[dtype][1].find((/** @type {string} */ own) => own in this.peaks);
    const peak = (name && this.peaks[name]) || Math.max(...Object.values(this.peaks));
    this.rates.set(dtype, peak);
    return peak;
  }

  /** @param {number} moved @param {number} flops @param {string} dtype */
  bound(moved, flops, dtype) {
    return this.by.LAUNCH_MS + Math.max(moved / this.bandwidth, flops / this.peak(dtype));
  }

  /** @param {string} dtype @param {number} m @param {number} n @param {number} k */
  gemm(dtype, m, n, k) {
    const grid = this.told.products.includes(dtype) && this.grid(`gemm/${dtype}`);
    if (!grid) throw new Missing(`no product of ${dtype} was measured`);
    const moved = n * k * this.by.WEIGHT_BYTES[dtype] + m * k * this.by.INPUT[dtype][0] + 2 * m * n;
    return Math.exp(grid.at(m, n, k)) * this.bound(moved, 2 * m * n * k, dtype);
  }

  /** One step of grouped-query attention. @param {string} cache @param {number} batch
   * @param {number} context @param {any} part @param {number} tp */
  decode(cache, batch, context, part, tp) {
    const heads = Math.max(1, Math.floor(part.heads / tp));
    const kvHeads = Math.max(1, Math.floor(part.kv_heads / tp));
    const wanted = ["decode", cache, part.head_dim, heads, kvHeads].join("/");
    const [grid, near] = this.like(wanted, "no decode attention was measured");
    const tokens = batch * context;
    const moved = tokens * kvHeads * 2 * part.head_dim * this.by.CACHE_BYTES[cache];
    const roof = this.bound(moved, 4 * tokens * heads * part.head_dim, "bfloat16");
    // A table of another count of heads holds at the batch that reads as much.
    const scale = kvHeads / Number(near.split("/")[4]);
    return Math.exp(grid.at(batch * scale, context)) * roof;
  }

  /** @param {number} isl @param {any} part @param {number} tp */
  prefill(isl, part, tp) {
    const heads = Math.max(1, Math.floor(part.heads / tp));
    const kvHeads = Math.max(1, Math.floor(part.kv_heads / tp));
    const [grid] = this.like(
      ["prefill", part.head_dim, heads, kvHeads].join("/"),
      "no prefill attention was measured",
    );
    const pairs = causalPairs(isl, part.window || part.chunk || isl);
    return Math.exp(grid.at(isl)) * this.prefillRoof(pairs, heads, part.head_dim);
  }

  /** @param {number} pairs @param {number} heads @param {number} dim */
  prefillRoof(pairs, heads, dim) {
    return this.by.LAUNCH_MS + (4 * pairs * heads * dim) / this.peak("bfloat16");
  }

  /** @param {string} cache @param {number} batch @param {number} context @param {number} heads */
  latentDecode(cache, batch, context, heads) {
    const grid = this.grid(`latent decode/${cache}`) ?? this.grid("latent decode/bfloat16");
    if (!grid) throw new Missing("no latent attention was measured");
    const tokens = batch * context;
    const roof = this.bound(tokens * 576 * this.by.CACHE_BYTES[cache], 2 * tokens * heads * (576 + 512), "bfloat16");
    return Math.exp(grid.at(heads, batch, context)) * roof;
  }

  /** @param {number} isl @param {number} pairs @param {number} heads @param {number} width */
  latentPrefill(isl, pairs, heads, width) {
    const grid = this.grid("latent prefill");
    if (!grid) throw new Missing("no latent attention was measured");
    return Math.exp(grid.at(heads, isl)) * this.prefillRoof(pairs, heads, width / 2);
  }

  /** @param {string} dtype @param {number} tokens @param {number[]} shape as plans have it */
  experts(dtype, tokens, shape) {
    const [hidden, inter, topk, count, tp, ep, matrices] = shape;
    const [grid] = this.like(expertsKey(dtype, shape), `no experts of ${dtype} were measured`);
    const drawn = count * (1 - (1 - topk / count) ** tokens);
    const weights = (drawn * hidden * inter * matrices) / (tp * ep);
    const visits = (tokens * topk) / ep;
    const moved = weights * this.by.WEIGHT_BYTES[dtype] + visits * hidden * (this.by.INPUT[dtype][0] + 2);
    const flops = (2 * tokens * topk * hidden * inter * matrices) / (tp * ep);
    return Math.exp(grid.at(tokens)) * this.bound(moved, flops, dtype);
  }

  /** Whether experts of just this shape were measured. @param {string} dtype @param {number[]} shape */
  exact(dtype, shape) {
    const key = expertsKey(dtype, shape);
    return this.shapes.like[key] === key;
  }

  /** @param {number} chips @param {number} values */
  reduce(chips, values) {
    if (chips === 1) return 0;
    const [grid] = this.like(`reduce/${chips}`, "no sum over chips was measured");
    const roof = this.by.LAUNCH_MS + (2 * values * 2 * (chips - 1)) / chips / this.link;
    return Math.exp(grid.at(values)) * roof;
  }

  /** What only moves bytes, at four fifths of the bandwidth. @param {number} moved */
  stream(moved) {
    return moved / (0.8 * this.bandwidth);
  }

  /** Bytes that are read or written once. @param {number} moved */
  once(moved) {
    return this.by.LAUNCH_MS + moved / this.bandwidth;
  }
}

/** @param {string} dtype @param {number[]} shape */
const expertsKey = (dtype, [hidden, inter, topk, count, tp, ep]) =>
  ["experts", dtype, hidden, inter, topk, count, tp, ep].join("/");
