// @ts-check
// Could the chips draw that, and who measured it? The laws of results/checks/power.py.

import { whole } from "./laws-claim.js";
import { atMost, held, quoted, said, start } from "./laws-held.js";

/** @import { Claim, Figure, Point } from "./laws-claim.js" */

/** Idle ≤ power ≤ nameplate × chips, of power itself and of J/token × tokens/s.
 * @param {Claim} claim */
export function* powerIsPossible(claim) {
  const rests = restsOf(claim);
  const idle = rests.length ? Math.min(...rests.map((item) => item.least)) : 0;
  for (const item of rests) yield* awake(claim, item);
  for (const point of claim.points) {
    for (const { item, low, high } of watts(point, claim.by.power))
      yield* bounded(claim, item, low, high, idle);
    if (point.exact) {
      yield* withoutRate(point, claim.by.power);
      yield* ofAll(claim, point);
    }
    for (const item of point.items)
      if (item.method === "modelled") yield* modelled(claim, point, item);
  }
}

/** Joules of a token say no watts where nobody says how many tokens there were.
 * @param {Point} point @param {Record<string, any>} by */
function* withoutRate(point, { PHASES }) {
  for (const [energy, rates] of Object.entries(PHASES)) {
    const item = point.get(energy);
    if (item && !rates.some((/** @type {string} */ rate) => point.get(rate)))
      yield held(item.where, `stands without ${rates.join(" or ")}`);
  }
}

/** The first figure of a case is the one that is shown: of several cards their total.
 * @param {Claim} claim @param {Point} point */
function* ofAll(claim, point) {
  const { chip } = claim.predicate.machine;
  const { PHASES, TOTAL, ONE_CARD, CHIP_SCOPES } = claim.by.power;
  if (chip.kind === "cpu" || chip.count <= ONE_CARD) return;
  for (const metric of [...Object.keys(PHASES), "power"]) {
    const item = point.get(metric);
    if (!item || !CHIP_SCOPES.includes(scopeOf(claim, item)) || isPooled(item)) continue;
    const lone = !new RegExp(TOTAL).test(said(item.labels.meter));
    const reason = `is of one meter, of ${chip.count} chips that share the work`;
    yield held(item.where, lone ? reason : null);
  }
}

/** J/token = W ÷ (tokens/s), of one meter and one pool.
 * @param {Claim} claim */
export function* energyIsPowerOverRate({ points, by }) {
  const { PHASES, ARITHMETIC } = by.power;
  for (const point of points) {
    const power = point.get("power");
    for (const [metric, rates] of Object.entries(PHASES)) {
      const [energy, rate] = [point.get(metric), point.get(rates.at(-1))];
      if (!power || !energy || !rate || isPooled(energy)) continue;
      if (said(energy.labels.meter) !== said(power.labels.meter)) continue;
      const expected = power.value / rate.value;
      const above = "{left} J/token, watts ÷ rate gives {right} at most";
      yield atMost(energy.where, energy.least, expected * ARITHMETIC, above);
      const below = "watts ÷ rate gives {left} J/token at least, {right} are stated";
      yield atMost(energy.where, expected / ARITHMETIC, energy.most, below);
    }
  }
}

/** Energy is by a listed meter, of the scope and method it is listed with, and no model.
 * @param {Claim} claim */
export function* joulesHaveAMeter({ figures, predicate, by }) {
  const { MODEL, SCOPES, OF_CHIPS, CHIP_SCOPES } = by.power;
  const ofChips = new RegExp(`^(?:${OF_CHIPS})`);
  /** @type {Map<string, any>} */
  const listed = new Map(predicate.meters.map((/** @type {any} */ meter) => [meter.name, meter]));
  const modelled = new RegExp(MODEL, "i");
  for (const { name, method, scope, note = "" } of listed.values()) {
    if (method !== "model" && modelled.test(`${name} ${note}`))
      yield held("meters", `${name} is a model by its own words, and listed as ${method}`);
    if (ofChips.test(name) && !CHIP_SCOPES.includes(scope))
      yield held("meters", `${start(name, 40)} is a meter of chips, and listed as of the ${scope}`);
  }
  for (const item of figures) {
    if (!isEnergy(item.metric) || item.method === "modelled") continue;
    const { meter, scope } = item.labels;
    const strange = scope !== undefined && !SCOPES.includes(scope);
    const told = `its scope ${quoted(start(said(scope), 40))} is none of ${SCOPES.join(", ")}`;
    // The harness of an attested result has its own meter.
    const odd = item.suite === "attested" ? null : oddMeter(item, listed.get(said(meter)));
    yield held(item.where, strange ? told : odd);
  }
}

/** @param {Figure} item @param {any} meter of the statement */
function oddMeter({ labels, method: called }, meter) {
  if (!meter) return `its meter ${quoted(start(said(labels.meter), 40))} is not listed in the result`;
  const { meter_method: method = meter.method, scope = meter.scope } = labels;
  if (meter.method === "model" || method === "model")
    return `is called ${called}, and its meter is a model`;
  if (method !== meter.method) return `is by ${start(said(method), 40)}, its meter by ${meter.method}`;
  return scope === meter.scope ? null : `covers the ${said(scope)}, its meter the ${meter.scope}`;
}

/** Figures that say a power, with its lower and upper end in W.
 * @param {Point} point @param {Record<string, any>} by */
function* watts(point, { PHASES }) {
  for (const item of point.items) {
    if (item.method === "modelled") continue;
    if (item.metric === "power") yield { item, low: item.least, high: item.most };
    const rate = rateOf(point, item, PHASES).find(Boolean);
    if (rate) yield { item, low: item.least * rate.least, high: item.most * rate.most };
    const time = item.metric === "energy_per_call" ? point.get("time") : null;
    // Gaps between the calls are in the joules and not in the time.
    if (time) yield { item, low: 0, high: (item.most * 1e3) / time.least };
  }
}

/** Rates of the tokens that an energy is spread over, where the point has them.
 * @param {Point} point @param {Figure} item @param {Record<string, string[]>} phases */
const rateOf = (point, { metric }, phases) =>
  (Object.hasOwn(phases, metric) ? phases[metric] : []).map((rate) => point.get(rate));

/** Joules that a nameplate stands in for are its watts over the rate, neither more nor less.
 * @param {Claim} claim @param {Point} point @param {Figure} item */
function* modelled(claim, point, item) {
  const { MODELLED } = claim.by.power;
  const bounds = nameplate(claim, item);
  const { where, low: lower, high: upper } = item;
  if (upper === null) return;
  if (bounds)
    for (const { low, high } of modelledW(claim, point, item, upper)) {
      const above = "is modelled at {left} W by its rate, the nameplate allows {right}";
      yield atMost(where, low, bounds.most * MODELLED, above);
      const below = "is modelled at {right} W by its rate, the nameplate needs {left}";
      yield atMost(where, bounds.most / MODELLED, high, below);
    }
  if (lower === null || !isEnergy(item.metric)) return;
  const reason = "is modelled at {right}, the middle of its bounds is {left}";
  yield atMost(where, (lower + upper) / 2 / MODELLED, item.value, reason);
}

/** Watts that a model's upper end says, from below and from above.
 * @param {Claim} claim @param {Point} point @param {Figure} item @param {number} joules */
function* modelledW({ by }, point, item, joules) {
  if (item.metric === "power") yield { low: joules, high: joules };
  for (const rate of rateOf(point, item, by.power.PHASES))
    if (rate) yield { low: joules * rate.least, high: joules * rate.most };
  const time = item.metric === "energy_per_call" ? point.get("time") : null;
  if (time) yield { low: 0, high: (joules * 1e3) / time.least }; // gaps are in the joules
}

/** @param {Claim} claim @param {Figure} item @param {number} low W @param {number} high W
 * @param {number} idle W */
function* bounded(claim, item, low, high, idle) {
  const { TOLERANCE } = claim.by.finding;
  const { CHIP_SCOPES, NODE_FACTOR, NODE_W, REST } = claim.by.power;
  const ofChip = CHIP_SCOPES.includes(scopeOf(claim, item));
  const part = isPooled(item) && claim.count !== 1; // one chip has no pools
  if (idle && ofChip && !part) {
    const reason = "rests at {left} W, and draws {right} W at work";
    yield atMost(item.where, idle / TOLERANCE, high, reason);
  }
  const bounds = nameplate(claim, item);
  if (!bounds) return;
  const most = ofChip ? bounds.most : bounds.most * NODE_FACTOR + NODE_W;
  const cap = ofChip ? capped(claim) : null;
  // Hosts have meters too.
  if (!ofHost(claim, item)) {
    yield atMost(item.where, low, most * TOLERANCE, "draws {left} W, the nameplate allows {right}");
    if (cap !== null)
      yield atMost(item.where, low, cap * TOLERANCE, "draws {left} W, the power cap allows {right}");
  }
  const one = claim.chip.tdp_w;
  if (isDram(claim, item) || (part && one === undefined)) return;
  // A pool is a part of the chips, of one at least.
  const least = part && one ? Math.min(bounds.least, one) : bounds.least;
  const reason = "a twentieth of the nameplate is {left} W, it draws {right} W at work";
  yield atMost(item.where, least * REST, high, reason);
}

/** What the joules cover: as the figure says, or else as its meter is listed.
 * @param {Claim} claim @param {Figure} item @returns {string | undefined} */
function scopeOf({ predicate: { meters } }, { labels }) {
  const listed = meters.find((/** @type {any} */ { name }) => name === labels.meter);
  return labels.scope ?? listed?.scope;
}

/** The processor's meter beside an accelerator.
 * @param {Claim} claim @param {Figure} item */
const ofHost = ({ chip, by }, { labels }) =>
  chip?.kind !== "cpu" && said(labels.meter).startsWith(by.power.HOST);

/** Memory beside the processor has a meter of its own, and no nameplate.
 * @param {Claim} claim @param {Figure} item */
const isDram = ({ by }, { labels }) => new RegExp(`^(?:${by.power.DRAM})`).test(said(labels.meter));

/** Most that the chips may draw by the cap of the run, or else by their driver's.
 * @param {Claim} claim */
function capped(claim) {
  const { run, machine } = claim.predicate;
  if (machine.chip.kind === "cpu" || !claim.count) return null;
  let watts = claim.number(run.options?.power_cap_w);
  if (!watts) {
    const limit = whole(claim.by.power.LIMIT);
    const shown = Object.entries(machine.conditions ?? {}).filter(([name]) => limit.test(name));
    const limits = shown.map(([, value]) => claim.number(value)).filter(Boolean);
    watts = limits.length ? Math.max(.../** @type {number[]} */ (limits)) : null;
  }
  return watts && watts > 0 ? watts * claim.count : null;
}

/** Nameplate from below and from above, of the chips that the figure covers.
 * @param {Claim} claim @param {Figure} item */
function nameplate({ chip, count, predicate, by }, item) {
  if (!chip) return null;
  if (chip.kind === "cpu") return socketsW(chip.skus, predicate.machine.cpu_cores);
  if (chip.tdp_w === undefined) return null;
  // One card's own meter stands beside the total of all.
  const total = new RegExp(by.power.TOTAL).exec(said(item.labels.meter));
  const fewest = total ? Number(total[1]) : 1;
  return {
    least: chip.tdp_w * Math.min(fewest, count),
    most: chip.tdp_w * Math.max(fewest, count),
  };
}

/** Two logical cores each, of the part that needs least for them, and one of that which needs most.
 * @param {{tdp_w: number, cores: number}[]} skus @param {number} cores */
function socketsW(skus, cores) {
  if (!skus.length) return null;
  const each = skus.map((sku) => sku.tdp_w / sku.cores);
  return { least: (Math.min(...each) * cores) / 2, most: cores * Math.max(...each) };
}

/** The measured idle power of chips.
 * @param {Claim} claim */
const restsOf = (claim) =>
  claim.figures.filter(
    (item) =>
      item.metric === "idle_power" &&
      item.method === "measured" &&
      claim.by.power.CHIP_SCOPES.includes(scopeOf(claim, item)) &&
      !isDram(claim, item),
  );

/** The idle power of an accelerator against a small part of its nameplate.
 * @param {Claim} claim @param {Figure} item */
function* awake(claim, item) {
  const bounds = nameplate(claim, item);
  if (!bounds || claim.chip.kind === "cpu") return;
  const reason = "a two-hundredth of the nameplate is {left} W, it idles at {right} W";
  yield atMost(item.where, bounds.least * claim.by.power.IDLE, item.most, reason);
}

/** @param {string} metric */
const isEnergy = (metric) =>
  metric.startsWith("energy_") || metric === "power" || metric === "idle_power";

/** @param {Figure} item */
const isPooled = ({ labels }) => said(labels.tokens).includes("pool");
