// @ts-check
// Does a result speak of what this version knows: labels, metrics, units, cases, models, its own
// code? The laws of results/checks/labels.py and results/checks/names.py, and of a run's seed that
// of results/checks/origin.py.

import { Real } from "./json.js";
import { flagsOfRun, member } from "./laws-claim.js";
import { bitsOf, knownAs } from "./laws-models.js";
import { atMost, general, held, inJson, quoted, said, start } from "./laws-held.js";

/** @import { Claim, Figure } from "./laws-claim.js" */

/** Every label that has a type has a value of it.
 * @param {Claim} claim */
export function* labelsAreTyped({ figures, tables, by }) {
  const line = new RegExp(by.texts.LINE, "u");
  for (const [at, { labels }] of figures.entries())
    for (const [name, told] of Object.entries(tables.labels)) {
      if (!Object.hasOwn(labels, name) || fits(labels[name], told, line)) continue;
      const value = start(inJson(labels[name]), by.labels.SHOWN);
      yield held(`measurements.${at}.labels.${name}`, `is ${value}, expected ${told.expected}`);
    }
}

/** @param {any} value @param {any} told @param {RegExp} line */
function fits(value, { type, least, most, choices }, line) {
  if (choices.length) return choices.includes(value);
  if (type === "boolean") return typeof value === "boolean";
  if (type === "text") return typeof value === "string" && [...value].length <= 256 && line.test(value);
  const number = value instanceof Real && type === "number" ? value.value : value;
  return typeof number === "number" && number >= least && number <= most;
}

/** @param {Claim} claim */
export function* metricsAreKnown({ figures, tables, by }) {
  for (const { metric, unit, n, value, method, where } of figures) {
    const known = member(tables.units, metric);
    let reason = null;
    if (known === undefined) reason = "is not a metric of this version";
    else if (known !== unit) reason = `is in ${unit}; ${metric} is in ${known}`;
    else if (n === 0) reason = "has no sample behind it";
    else if (unit === by.names.SHARE && method === "measured" && value > 1)
      reason = `is a share of ${general(value, 4)}`;
    if (reason) yield held(where, reason);
  }
}

/** The load in a case's name is the load in its labels, and a number is one.
 * @param {Claim} claim */
export function* casesAreTheirLabels(claim) {
  for (const item of claim.figures) {
    const reason = odd(claim, item) ?? otherLoad(claim, item);
    if (reason) yield held(item.where, reason);
  }
}

/** What labels say of another load than the case, or than the run was asked for.
 * @param {Claim} claim @param {Figure} item */
function otherLoad(claim, { suite, case: name, metric, labels }) {
  const { LOADS, OTHER_LOADS, PREFIX, NEAR, DRAFTED } = claim.by.names;
  const [shape, ...parts] = name.split("/");
  if (labels.valid === true && Object.hasOwn(labels, "invalid_because"))
    return `is called valid, and invalid because ${start(said(labels.invalid_because), 60)}`;
  if (suite !== "serving" || !Object.hasOwn(LOADS, shape)) return null;
  const drafts = Object.hasOwn(claim.predicate.run.options ?? {}, "speculation");
  if (drafts && DRAFTED.includes(metric) && !Object.hasOwn(labels, "speculation"))
    return "the run was asked to draft tokens, and no label says so";
  for (const label of [...LOADS[shape], ...OTHER_LOADS])
    if (Object.hasOwn(labels, label))
      return `its case is of a load ${shape}, and its label ${label} of another`;
  const prefixed = new RegExp(`^(?:${PREFIX})$`);
  const told = Number(parts.flatMap((part) => prefixed.exec(part)?.[1] ?? [])[0] ?? 0);
  if (Math.abs(told - (claim.number(labels.shared_prefix) || 0)) > NEAR)
    return `its case says a shared prefix of ${general(told)}, its label another`;
  const spacing = shape === "open" && parts.length ? parts[0] : "";
  const arrival = Object.hasOwn(labels, "arrival") ? said(labels.arrival) : spacing;
  if (!spacing.startsWith(arrival))
    return `its case says arrivals ${start(spacing, 40)}, its label ${start(arrival, 40)}`;
  return notAsked(claim, labels);
}

/** What labels say otherwise than the options that the run states.
 * @param {Claim} claim @param {Record<string, any>} labels */
function notAsked(claim, labels) {
  const { CHOSEN_LOAD, REPEATED, UNSAID } = claim.by.names;
  const options = claim.predicate.run.options ?? {};
  if (Object.keys(options).some((name) => CHOSEN_LOAD.includes(name))) return null;
  for (const name of [...REPEATED, ...UNSAID]) {
    const asked = member(options, name) ?? null;
    const values = (Array.isArray(asked) ? asked : [asked]).map((value) => claim.number(value));
    const absent = UNSAID.includes(name) ? 0 : null;
    const told = claim.number(Object.hasOwn(labels, name) ? labels[name] : absent);
    if (!values.includes(null) && told !== null && !values.includes(told))
      return `its label says ${name} ${general(told)}, the run was asked for another`;
  }
  return null;
}

/** @param {Claim} claim @param {Figure} item */
function odd(claim, { suite, case: name, metric, labels }) {
  const { NUMBERS, NEAR, OF_SERVING, OTHER_SUITES } = claim.by.names;
  if (!claim.predicate.run.suites.includes(suite))
    return `is of the suite ${quoted(start(suite, 40))}, which did not run`;
  if (OF_SERVING.includes(metric) && OTHER_SUITES.includes(suite))
    return `is a figure of serving, and stated under the suite ${suite}`;
  for (const [label, value] of Object.entries(labels))
    if (NUMBERS.includes(label) && claim.number(value) === null)
      return `its label ${label} is ${quoted(start(said(value), 40))}, and no number`;
  const kernel = suite === "kernels" ? oddKernel(claim, name, labels) : null;
  if (kernel) return kernel;
  for (const [label, told] of Object.entries(claim.caseLoad(suite, name))) {
    const stated = claim.number(labels[label]);
    if (stated !== null && Math.abs(stated - told) > NEAR * told)
      return `its case says ${label} ${general(told)}, its label ${general(stated)}`;
  }
  return null;
}

/** A kernel's case is named family/dtype/backend/…, and ends in hot where its cache is.
 * @param {Claim} claim @param {string} name @param {Record<string, any>} labels */
function oddKernel({ by }, name, { family, dtype, cache = "cold" }) {
  const parts = name.split("/");
  if (family === undefined || parts.length < by.names.KERNEL_PARTS) return null;
  const told = { family: parts[0], dtype: parts[1], cache: parts.at(-1) === "hot" ? "hot" : "cold" };
  for (const [label, inLabel] of Object.entries({ family, dtype, cache })) {
    const inCase = told[/** @type {keyof typeof told} */ (label)];
    if (inCase !== inLabel)
      return `its case says ${label} ${start(inCase, 40)}, its label ${start(said(inLabel), 40)}`;
  }
  return null;
}

/** Weights are no narrower by the model's name or the engine's flags than is stated.
 * @param {Claim} claim */
export function* precisionIsThatOfItsNames(claim) {
  const { by } = claim;
  const { WEIGHTS, WIDTH, QUANTIZED } = by.names;
  const width = new RegExp(WIDTH);
  for (const engine of claim.predicate.engines) {
    const { model, precision } = engine;
    const stated = bitsOf(precision, by.widths, null);
    for (const [where, text] of [["model", model], ...flagsOfRun(claim, engine)]) {
      if (!WEIGHTS.includes(where)) continue;
      // Of a path the last name: folders are called after anything.
      const word = width.exec(said(text).split("/").at(-1)?.toLowerCase() ?? "")?.[1];
      const bits = word === undefined ? null : bitsOf(word, by.widths, null);
      if (word === undefined || stated === null || bits === null) continue;
      if (stated <= QUANTIZED && !/[0-9]/.test(word)) continue; // methods of several widths
      const shown = `${start(where, 40)} says ${word}`;
      yield atMost("engines", stated, bits, `${start(precision, 40)} has {left} bits, ${shown}: {right}`);
    }
  }
}

/** A name in letters that look like others is another name, to tables and not to readers.
 * @param {Claim} claim */
export function* namesAreAsTheyLook({ predicate: { machine, engines }, by }) {
  const alike = new RegExp(by.names.ALIKE, "u");
  const named = [["machine.chip.name", machine.chip.name]];
  for (const { name, model, precision, flags = {} } of engines)
    named.push(
      ["engines.name", name],
      ["engines.model", model],
      ["engines.precision", precision],
      ...Object.keys(flags).map((flag) => ["engines.flags", flag]),
    );
  for (const [where, name] of named) {
    const code = alike.exec(name)?.[0].codePointAt(0);
    const spelled = code?.toString(16).toUpperCase().padStart(4, "0");
    const reason = `U+${spelled} stands in it, which looks like another letter`;
    yield held(where, code === undefined ? null : reason);
  }
}

/** @param {Claim} claim */
export function* oneModelIsMeasured(claim) {
  const { engines } = claim.predicate;
  const named = engines.map((/** @type {any} */ { model, precision }) => `${model} ${precision}`);
  const several = [...new Set(named)].sort();
  const told = start(several.join(", "), 200);
  const reason = `${told} in one result: no figure says of which it is`;
  yield held("engines", several.length > 1 ? reason : null);
  yield* saidByFile(claim);
  for (const engine of engines) yield held("engines.flags", otherModel(claim, engine));
}

/** What flags and options say of a model that is not the one named, or not with its sizes.
 * @param {Claim} claim @param {any} engine */
function otherModel(claim, engine) {
  const { MODELS, OVERRIDES, SIZES, UNREAL, ENDPOINT } = claim.by.names;
  const sizes = new RegExp(SIZES);
  const named = member(claim.predicate.run.options ?? {}, "engine");
  if (typeof named === "string" && engine.name !== ENDPOINT) {
    const [asked, ran] = [letters(named.split(":")[0]), letters(engine.name)];
    const ours = quoted(start(engine.name, 40));
    if (!ran.startsWith(asked))
      return `the options name the engine ${quoted(start(named, 40))}, the result ${ours}`;
  }
  const model = quoted(start(engine.model, 60));
  for (const [flag, value] of flagsOfRun(claim, engine)) {
    const text = said(value);
    if (MODELS.includes(flag)) {
      const meant = knownAs(text.split("/").at(-1) ?? "", claim.tables);
      const own = knownAs(engine.model, claim.tables);
      if (meant && own && meant !== own)
        return `${flag} names ${quoted(start(text, 60))}, the result ${model}`;
    } else if (OVERRIDES.includes(flag) && sizes.test(`${flag} ${text}`.toLowerCase()))
      return `${start(flag, 40)} changes the sizes of ${model}`;
    else if (flag === "load-format" && UNREAL.includes(text) && engine.weights === "real")
      return `${flag} ${text}: its weights are made up, and called real`;
  }
  return null;
}

/** @param {string} text */
const letters = (text) => text.toLowerCase().replace(/[^a-z0-9]/g, "");

/** A harness' file may name the model and precision itself; a path says neither.
 * @param {Claim} claim */
function* saidByFile(claim) {
  for (const { model, precision } of claim.predicate.engines) {
    for (const name of claim.saidByFile("model")) {
      const meant = knownAs(name, claim.tables);
      const differs = meant !== undefined && meant !== knownAs(model, claim.tables);
      const reason = `the file says ${quoted(start(name, 60))}, the result ${quoted(start(model, 60))}`;
      yield held("engines.model", differs ? reason : null);
    }
    for (const width of claim.saidByFile("precision")) {
      const differs = width.toLowerCase() !== precision.toLowerCase();
      const told = `the file says ${quoted(start(width, 60))}`;
      const reason = `${told}, the result ${quoted(start(precision, 60))}`;
      yield held("engines.precision", differs ? reason : null);
    }
  }
}

/** A figure without its engine or code cannot be repeated.
 * @param {Claim} claim */
export function* softwareIsStated({ figures, predicate: { engines, source } }) {
  const tokens = figures.some(({ suite }) => suite === "inference" || suite === "serving");
  if (tokens && !engines.length)
    yield held("engines", "tokens were measured, but no engine is named");
  if (source.modified) yield held("source", "measured by code that differed from its commit");
}

/** @param {Claim} claim */
export function* suiteIsKnown({ predicate: { run }, tables }) {
  const { suite_version: version, finished_at } = run;
  const known = member(tables.versions, version);
  if (known === undefined) yield held("run.suite_version", `${version} is not a released version`);
  else if (start(finished_at, 10) < known.first_day)
    yield held(
      "run.finished_at",
      `ended on ${start(finished_at, 10)}, ${version} was released on ${known.released}`,
    );
}

/** The seed of a run with a challenge comes from it, and questions from that seed; whether it was
 * new, the log alone could ask.
 * @param {Claim} claim @param {number | null} seed that the run's challenge gives */
export function* nonceIsOurs({ figures, predicate: { run } }, seed) {
  if (seed !== null && run.seed !== seed)
    yield held("run.seed", `${run.seed} does not come from the challenge: inputs may be older`);
  for (const figure of figures)
    if (figure.suite === "quality" && member(figure.labels, "question_seed") !== run.seed)
      yield held(figure.where, "its questions are not made from the run's seed");
}
