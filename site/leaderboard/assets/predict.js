// @ts-check
// Predicted times of a set-up at each load: results/prediction/steps.py, memory.py, fit.py and many.py.
import { causalPairs, workOf } from "./laws-geometry.js";
import { Chip, Grid, Missing } from "./predict-chip.js";

/** @typedef {{chip: string, precision: string, engine: string, ranks: number[]}} Setup */
/** Mean times and their ends, milliseconds.
 * @typedef {{setup: Setup, concurrency: number, tpot: number[], ttft: number[], basis: string,
 *   crowding: number, apart: number}} Times apart: prefill engines for each decode engine */
/** @typedef {{chip: string, reason: string, weight: number}} Refused */

// Of the terms of a step those that prompts add come last.
const DECODE = 9;

/** Predicts set-ups of one model. */
export class Predictor {
  /** @param {any} base what all models share @param {any} model what one adds */
  constructor(base, model) {
    this.base = base;
    this.model = model;
    this.by = base.constants;
    /** @type {Map<string, Grid>} */ this.grids = new Map();
    this.works = model.parts.map(workOf);
    this.fits = Object.fromEntries(
      Object.entries(base.fits).map(([kind, fit]) => [kind, new Fit(fit, model.groups[kind], model.id)]),
    );
  }

  /** @param {string} id */
  chip(id) {
    const told = this.base.chips[id];
    if (told.refused) throw new Missing(told.refused);
    return new Chip(id, told, this.base, this.model.shapes[told.source], (name, data) => {
      const held = this.grids.get(name) ?? new Grid(data);
      this.grids.set(name, held);
      return held;
    });
  }

  /** Every set-up of a chip at every load that the memory holds, and why others are refused.
   * @param {string} id @param {{isl: number, osl: number}} demand @param {string} engine
   * @param {string[]} precisions @param {Refused[]} refused is added to @returns {Times[]} */
  ofChip(id, demand, engine, precisions, refused) {
    /** @type {Times[]} */
    const times = [];
    for (const precision of precisions)
      for (const layout of this.model.layouts) {
        const loads = this.by.deployments.LOADS.filter((/** @type {number} */ n) => n >= layout.ranks[1]);
        try {
          const setup = { chip: id, precision, engine, ranks: layout.ranks };
          times.push(...this.times(this.chip(id), setup, layout, loads, demand));
        } catch (error) {
          if (!(error instanceof Missing)) throw error;
          refused.push({ chip: id, reason: error.message, weight: loads.length });
        }
      }
    return times;
  }

  /** @param {Chip} chip @param {Setup} setup @param {any} layout @param {number[]} loads
   * @param {{isl: number, osl: number}} demand @returns {Times[]} */
  times(chip, setup, layout, loads, { isl, osl }) {
    const dtypes = this.model.dtypes[chip.id][setup.precision];
    if (typeof dtypes === "string") throw new Missing(dtypes);
    const [, dp] = layout.ranks;
    const room = this.capacity(chip, layout, dtypes, isl + osl / 2);
    if (layout.refused) throw new Missing(layout.refused);
    const near = layout.experts.some((/** @type {any} */ [, shape]) => !chip.exact(dtypes[2], shape));
    const prompt = {
      body: this.body(chip, layout, dtypes, isl),
      mixing: sum(layout.mixing, ([count, part]) => count * this.read(chip, part, isl, layout.ranks[0])),
    };
    const rows = loads.map((concurrency) => {
      const wanted = concurrency / dp;
      const batch = Math.min(wanted, Math.max(room, 1));
      const [step, first] = this.terms(chip, layout, dtypes, { wanted, batch, isl, osl }, prompt);
      const x = [concurrency, layout.ranks[0] * dp, isl, osl, layout.ranks[3], dp].map(Math.log).concat(1);
      return { concurrency, step, first, x, crowding: wanted / room };
    });
    const level = this.level(chip, setup);
    const guesses = {
      tpot: this.fits.tpot.guess(setup, rows.map(({ step, x }) => ({ terms: step, x }))),
      ttft: this.fits.ttft.guess(setup, rows.map(({ first, x }) => ({ terms: first, x }))),
    };
    return rows.map((row, place) => {
      const factor = this.wider(chip, setup, row, near, isl, osl);
      /** @param {"tpot" | "ttft"} kind */
      const ends = (kind) => {
        const [log, deviation] = guesses[kind][place];
        const middle = Math.exp(log) * level.shift;
        const stretch = this.base.stretch[kind];
        const wide = stretch[`${level.basis}/${setup.engine}`] ?? stretch[level.basis];
        const apart = Math.exp(wide * factor * deviation);
        return [middle, (middle / apart) * Math.min(level.low, 1), middle * apart * Math.max(level.high, 1)];
      };
      const { concurrency, crowding } = row;
      const apart = this.apart(row, concurrency / dp, osl);
      return { setup, concurrency, tpot: ends("tpot"), ttft: ends("ttft"), basis: level.basis, crowding, apart };
    });
  }

  /** Requests of a decode engine over those of a prefill engine, of the same set-up and as fitted.
   * @param {{step: number[], first: number[]}} terms @param {number} batch @param {number} osl */
  apart({ step, first }, batch, osl) {
    /** @param {"tpot" | "ttft"} kind @param {number} time @param {number} place */
    const fitted = (kind, time, place) => time * Math.exp(this.fits[kind].told.mean[place]);
    const decode = sum(step.slice(0, DECODE).map((time, place) => fitted("tpot", time, place)), (time) => time);
    return (batch * fitted("ttft", first[0], 0)) / (decode * Math.max(osl - 1, 1));
  }

  /** @param {Chip} chip @param {Setup} setup */
  level(chip, setup) {
    if (chip.told.level !== "datasheet") {
      const basis = this.fits.tpot.groups.has(named(setup)) ? "calibrated" : "kernels";
      return { basis, shift: 1, low: 1, high: 1 };
    }
    const { OTHER_LOW: low, OTHER_HIGH: high } = this.by.predict;
    const shift = this.base.vendors.includes(chip.told.vendor) ? 0 : Math.sqrt(low * high);
    if (!shift) return { basis: "datasheet", shift: 1, low: 1, high: 1 };
    return { basis: "datasheet", shift, low: low / shift, high: high / shift };
  }

  /** @param {Chip} chip @param {Setup} setup @param {{concurrency: number, crowding: number}} row
   * @param {boolean} near @param {number} isl @param {number} osl */
  wider(chip, setup, { concurrency, crowding }, near, isl, osl) {
    const { WIDER, FULL } = this.by.predict;
    const outside = [concurrency, isl, osl].some((value, place) => {
      const [low, high] = this.base.ranges[place];
      return value < low || value > high;
    });
    const unknown = chip.told.level === "kernels" && !this.base.vendors.includes(chip.told.vendor);
    return [
      [near, "experts of a near shape"],
      [unknown, "no deployment of this vendor seen"],
      [!this.base.engines.includes(setup.engine), "engine not seen"],
      [outside, "load outside the fitted range"],
      [crowding > FULL, "more than 75% of the cache's room in use"],
    ].reduce((factor, [holds, rule]) => (holds ? factor * WIDER[String(rule)] : factor), 1);
  }

  /** Sequences that one rank holds. @param {Chip} chip @param {any} layout @param {string[]} dtypes
   * @param {number} tokens */
  capacity(chip, layout, [mixers, dense, experts], tokens) {
    const { USED, OTHER, LEAST, MOST } = this.by.memory;
    const { WEIGHT_BYTES: bytes } = this.by.roofline;
    const [tp, , moeTp, ep] = layout.ranks;
    const { stored } = this.model.geometry;
    const routed = stored.experts * bytes[experts];
    const shared = stored.mixers * bytes[mixers] + stored.dense * bytes[dense] + 2 * (stored.head + stored.rest);
    const weights = shared / tp + routed / (moeTp * ep);
    const gb = chip.told.memory_gb;
    if (gb === null) throw new Missing(`no memory of ${chip.id} is published`);
    if (weights > MOST * gb * 1e9)
      throw new Missing(`${(weights / 1e9).toFixed(0)} GB of weights a chip do not fit ${gb} GB`);
    const room = Math.max(USED * gb * 1e9 - weights - OTHER, LEAST * gb * 1e9);
    const width = mixers === "bfloat16" && experts === "bfloat16" ? 2 : 1;
    let cache = 0;
    for (const [count, place] of this.model.caches) {
      const part = this.model.parts[place];
      const shards = part.kind === "gqa" ? Math.min(tp, part.kv_heads) : 1;
      cache += (count * this.works[place].cached(Math.round(tokens)) * width) / shards;
      cache += (count * part.state_values * 4) / tp;
    }
    return cache ? room / cache : Infinity;
  }

  /** Milliseconds of each term of TPOT and of TTFT.
   * @param {Chip} chip @param {any} layout @param {string[]} dtypes
   * @param {{wanted: number, batch: number, isl: number, osl: number}} load
   * @param {{body: number[], mixing: number}} alone what a prompt takes by itself, the same at any load
   * @returns {number[][]} */
  terms(chip, layout, dtypes, { wanted, batch, isl, osl }, alone) {
    const own = this.by.steps;
    const [, dp] = layout.ranks;
    const atOnce = Math.max(1, batch / osl);
    const share = batch / osl / atOnce;
    const decode = this.body(chip, layout, dtypes, batch);
    const mixed = this.body(chip, layout, dtypes, batch + atOnce * isl);
    const crowd = Math.min(Math.max(batch * isl, isl), Math.max(own.CHUNK, isl));
    const crowded = batch * isl > isl ? this.body(chip, layout, dtypes, crowd) : alone.body;
    const added = mixed.map((time, place) => share * (time - decode[place]));
    const attention = sum(layout.mixing, ([count, part]) =>
      count * this.decoded(chip, part, batch, isl + osl / 2, layout.ranks[0]),
    );
    const step = [
      decode[0],
      attention,
      decode[1],
      decode[2],
      chip.gemm("bfloat16", batch, layout.vocab, this.model.geometry.hidden),
      decode[3] + added[3],
      own.LAUNCH_MS * layout.layers,
      own.HOST_STEP_MS,
      own.HOST_SEQUENCE_MS * batch * dp,
      added[0],
      share * atOnce * alone.mixing,
      added[1],
      added[2],
    ];
    const tpot = sum(step, (time) => time);
    /** A prompt, where so many tokens are read at once. @param {number[]} body @param {number} read */
    const prompt = (body, read) =>
      ((sum(body, (time) => time) + own.LAUNCH_MS * layout.layers) * isl) / read + alone.mixing;
    const first = [
      prompt(alone.body, isl),
      ((own.BURST * Math.max(0, batch - 1)) / 2) * prompt(crowded, crowd),
      tpot / 2,
      own.FIRST_HOST_MS,
      own.CROWD_MS * batch * dp,
      Math.max(0, wanted / batch - 1) * osl * tpot,
    ];
    return [step, first];
  }

  /** What a step does with each token, whatever was before it.
   * @param {Chip} chip @param {any} layout @param {string[]} dtypes @param {number} tokens */
  body(chip, layout, dtypes, tokens) {
    const { hidden } = this.model.geometry;
    return [
      this.gemms(chip, layout, dtypes, tokens),
      this.experts(chip, layout, dtypes[2], tokens * layout.ranks[1]),
      this.sums(chip, layout, tokens * hidden),
      chip.stream(tokens * hidden * 2 * this.by.steps.PASSES) * layout.layers,
    ];
  }

  /** @param {Chip} chip @param {any} layout @param {string[]} dtypes @param {number} tokens */
  gemms(chip, layout, [mixers, dense], tokens) {
    /** @type {[number[][], string][]} */
    const groups = [[layout.mixers, mixers], [layout.dense, dense], [layout.plain, "bfloat16"]];
    return sum(groups, ([products, dtype]) =>
      sum(products, ([count, n, k]) => count * chip.gemm(dtype, tokens, n, k)),
    );
  }

  /** @param {Chip} chip @param {any} layout @param {string} dtype @param {number} tokens */
  experts(chip, layout, dtype, tokens) {
    return sum(layout.experts, ([count, shape]) => count * chip.experts(dtype, tokens, shape));
  }

  /** Half of the sums follow attention; the others span the ranks that share the experts.
   * @param {Chip} chip @param {any} layout @param {number} values */
  sums(chip, layout, values) {
    const [tp, dp] = layout.ranks;
    const after = chip.reduce(tp, values);
    if (!layout.experts.length || dp === 1) return layout.sums * after;
    return (layout.sums / 2) * (after + chip.reduce(tp * dp, values * dp));
  }

  /** @param {Chip} chip @param {number} place @param {number} batch @param {number} context @param {number} tp */
  decoded(chip, place, batch, context, tp) {
    const part = this.model.parts[place];
    /** @param {number} limit */
    const seen = (limit) => (limit ? Math.min(context, limit) : context);
    if (part.kind === "gqa") return chip.decode("bfloat16", batch, seen(part.window || part.chunk), part, tp);
    if (part.kind === "mla") {
      const heads = Math.max(1, Math.floor(part.heads / tp));
      const keys = part.index_dim ? chip.once(batch * context * part.index_dim) : 0;
      return chip.latentDecode("bfloat16", batch, seen(part.topk), heads) + keys;
    }
    // A state is read and written in 32 bits; compressed entries are read in 16.
    const cached = this.works[place].cached(Math.trunc(context)) * 2;
    return chip.once(batch * ((8 * part.state_values) / tp + cached));
  }

  /** What mixes the tokens of one prompt in one layer.
   * @param {Chip} chip @param {number} place @param {number} isl @param {number} tp */
  read(chip, place, isl, tp) {
    const part = this.model.parts[place];
    if (part.kind === "gqa") return chip.prefill(isl, part, tp);
    if (part.kind === "mla") {
      const width = part.nope_dim + part.rope_dim + part.value_dim;
      const heads = Math.max(1, Math.floor(part.heads / tp));
      const index = 2 * part.index_heads * part.index_dim * causalPairs(isl, isl);
      return chip.latentPrefill(isl, causalPairs(isl, part.topk || isl), heads, width) + index / (0.5 * chip.peak("fp8"));
    }
    // Scans reach a fifth of the peak, in four launches.
    const flops = this.works[place].prefill(Math.trunc(isl)) / tp;
    return 4 * this.by.roofline.LAUNCH_MS + flops / (0.2 * chip.peak("bfloat16"));
  }
}

/** What terms are off by, as it was learnt. */
class Fit {
  /** @param {any} told @param {any[]} groups of this model @param {string} model */
  constructor(told, groups, model) {
    this.told = told;
    this.model = model;
    /** @type {Map<string, any>} */
    this.groups = new Map(
      groups.map(({ group: [chip, engine, precision], ...own }) => [named({ chip, engine, precision }), own]),
    );
  }

  /** Expected log time of rows of one set-up, and its standard deviation with a row's own noise.
   * @param {Setup} setup @param {{terms: number[], x: number[]}[]} rows @returns {[number, number][]} */
  guess(setup, rows) {
    const { mean, covariance, columns, priors } = this.told;
    const levels = [
      ["engine", `engine/${setup.engine}`],
      ["model", `model/${this.model}`],
      ["pair", `pair/${setup.engine}/${this.model}`],
    ];
    const places = [columns.all, ...levels.map(([, name]) => columns[name]).filter((place) => place !== undefined)];
    const unseen = sum(levels, ([kind, name]) => (name in columns ? 0 : priors[kind] ** 2));
    const own = this.own(setup, places);
    return rows.map(({ terms, x }) => {
      const times = terms.map((time, place) => time * Math.exp(mean[place]));
      const total = sum(times, (time) => time);
      const z = new Array(mean.length).fill(0);
      times.forEach((time, place) => (z[place] = time / total));
      for (const place of places) z[place] = 1;
      let log = Math.log(total) + sum(places, (place) => mean[place]);
      let prior = priors.group ** 2 + priors.smooth ** 2;
      if (own) {
        const near = own.x.map((/** @type {number[]} */ other) => covary(x, other, priors));
        const across = own.inverse.map((/** @type {number[]} */ row) => dot(row, near));
        log += dot(across, own.rest);
        prior -= dot(across, near);
        own.basis.forEach((/** @type {number[]} */ row, /** @type {number} */ at) =>
          row.forEach((value, place) => (z[place] -= across[at] * value)),
        );
      }
      const spread = sum([...z.keys()], (place) => (z[place] ? z[place] * dot(covariance[place], z) : 0));
      return [log, Math.sqrt(priors.noise ** 2 + unseen + Math.max(prior, 0) + spread)];
    });
  }

  /** A group's rows: where they lie, the inverse of their covariance, basis, and what is left.
   * @param {Setup} setup @param {number[]} places */
  own(setup, places) {
    const group = this.groups.get(named(setup));
    if (!group || group.inverse) return group;
    const { priors, mean, terms } = this.told;
    group.inverse = inverted(
      group.x.map((/** @type {number[]} */ left, /** @type {number} */ i) =>
        group.x.map(
          (/** @type {number[]} */ right, /** @type {number} */ j) =>
            covary(left, right, priors) + (i === j ? priors.noise ** 2 : 0),
        ),
      ),
    );
    group.basis = group.shares.map((/** @type {number[]} */ shares) => {
      const row = new Array(mean.length).fill(0);
      for (let place = 0; place < terms; place += 1) row[place] = shares[place];
      for (const place of places) row[place] = 1;
      return row;
    });
    return group;
  }
}

/** @param {{chip: string, engine: string, precision: string}} setup */
const named = ({ chip, engine, precision }) => `${chip}/${engine}/${precision}`;

/** @param {number[]} left @param {number[]} right @param {any} priors */
function covary(left, right, { scales, group, smooth }) {
  const apart = sum(scales, (scale, place) => ((left[place] - right[place]) / scale) ** 2);
  return group ** 2 + smooth ** 2 * Math.exp(-0.5 * apart);
}

/** @param {number[]} left @param {number[]} right */
function dot(left, right) {
  let total = 0;
  for (let place = 0; place < left.length; place += 1) total += left[place] * right[place];
  return total;
}

/** @template T @param {T[]} values @param {(value: T, place: number) => number} of */
export function sum(values, of) {
  let total = 0;
  for (let place = 0; place < values.length; place += 1) total += of(values[place], place);
  return total;
}

/** Inverse of a symmetric positive matrix, by Gauss and Jordan. @param {number[][]} matrix */
function inverted(matrix) {
  const size = matrix.length;
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))]);
  for (let pivot = 0; pivot < size; pivot += 1) {
    const head = rows[pivot];
    const scale = 1 / head[pivot];
    for (let j = 0; j < 2 * size; j += 1) head[j] *= scale;
    for (let i = 0; i < size; i += 1) {
      const factor = rows[i][pivot];
      if (i === pivot || !factor) continue;
      for (let j = pivot; j < 2 * size; j += 1) rows[i][j] -= factor * head[j];
    }
  }
  return rows.map((row) => row.slice(size));
}
