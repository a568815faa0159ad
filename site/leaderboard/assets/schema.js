// @ts-check
// Hold a value against a JSON Schema: the keywords that Fenmark's schemas of a result are written
// in. One that is not known here refuses everything, so that nothing is passed over.

import { Real, number } from "./json.js";

/** @typedef {Record<string, any>} Schema */
/** @typedef {(value: any, told: any, schema: Schema, held: Held) => string | null} Keyword */
/** @typedef {(value: any, schema: Schema, place?: string) => string | null} Held */

const NO_SAY = new Set(["$schema", "$id", "$defs", "title", "description", "default", "then"]);

/** Say what first does not fit, and where; null where all does.
 * @param {any} value as json.js reads it: a number with a fraction is not an integer
 * @param {Schema} whole */
export function fault(value, whole) {
  /** @type {Held} */
  const held = (inner, schema, place = "") => {
    for (const [name, told] of Object.entries(schema)) {
      if (NO_SAY.has(name)) continue;
      const target = name === "$ref" ? whole.$defs[told.slice("#/$defs/".length)] : told;
      const reason = keyword(name)(inner, target, schema, held);
      if (reason !== null) return place + reason;
    }
    return null;
  };
  return held(value, whole);
}

/** @param {string} name */
function keyword(name) {
  if (!Object.hasOwn(KEYWORDS, name)) throw new Error(`the schema says "${name}", which is not known`);
  return KEYWORDS[name];
}

/** @type {Record<string, (value: any) => boolean>} */
const TYPES = {
  null: (value) => value === null,
  boolean: (value) => typeof value === "boolean",
  integer: (value) => typeof value === "number",
  number: (value) => typeof value === "number" || value instanceof Real,
  string: (value) => typeof value === "string",
  array: Array.isArray,
  object: (value) => isObject(value),
};

/** @param {any} value */
const isObject = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Real);

/** @param {boolean} good @param {string} what */
const unless = (good, what) => (good ? null : `: ${what}`);

/** Members that a schema's properties and patterns say nothing of.
 * @param {any} value @param {Schema} schema */
const others = (value, { properties = {}, patternProperties = {} }) =>
  Object.keys(value).filter(
    (name) =>
      !Object.hasOwn(properties, name) &&
      !Object.keys(patternProperties).some((pattern) => regex(pattern).test(name)),
  );

/** @param {Iterable<string | null>} faults */
function first(faults) {
  for (const reason of faults) if (reason !== null) return reason;
  return null;
}

/** @type {Record<string, Keyword>} */
const KEYWORDS = {
  $ref: (value, schema, _, held) => held(value, schema),
  type: (value, type) => unless(TYPES[type](value), `is not of type ${type}`),
  const: (value, only) => unless(value === only, `is not ${JSON.stringify(only)}`),
  enum: (value, some) => unless(some.includes(value), `is none of ${some.join(", ")}`),
  anyOf: (value, some, _, held) =>
    unless(some.some((/** @type {Schema} */ option) => held(value, option) === null), "is of no such kind"),
  allOf: (value, all, _, held) => first(all.map((/** @type {Schema} */ option) => held(value, option))),
  if: (value, condition, schema, held) =>
    "then" in schema && held(value, condition) === null ? held(value, schema.then) : null,
  minimum: (value, least) => unless(!TYPES.number(value) || number(value) >= least, `is below ${least}`),
  maximum: (value, most) => unless(!TYPES.number(value) || number(value) <= most, `is above ${most}`),
  minLength: (value, least) => unless(!TYPES.string(value) || length(value) >= least, "is too short"),
  maxLength: (value, most) => unless(!TYPES.string(value) || length(value) <= most, "is too long"),
  pattern: (value, like) => unless(!TYPES.string(value) || regex(like).test(value), `is not ${like}`),
  minItems: (value, least) => unless(!TYPES.array(value) || value.length >= least, "has too few items"),
  maxItems: (value, most) => unless(!TYPES.array(value) || value.length <= most, "has too many items"),
  items: (value, schema, _, held) =>
    TYPES.array(value)
      ? first(value.map((/** @type {any} */ item, /** @type {number} */ at) => held(item, schema, `.${at}`)))
      : null,
  required: (value, names) =>
    isObject(value)
      ? first(names.map((/** @type {string} */ name) => unless(name in value, `has no ${name}`)))
      : null,
  properties: (value, schemas, _, held) =>
    isObject(value)
      ? first(
          Object.keys(value)
            .filter((name) => Object.hasOwn(schemas, name))
            .map((name) => held(value[name], schemas[name], `.${name}`)),
        )
      : null,
  patternProperties: (value, schemas, _, held) =>
    isObject(value)
      ? first(
          Object.entries(schemas).flatMap(([pattern, schema]) =>
            Object.keys(value)
              .filter((name) => regex(pattern).test(name))
              .map((name) => held(value[name], schema, `.${name}`)),
          ),
        )
      : null,
  additionalProperties: (value, schema, about, held) =>
    isObject(value)
      ? first(
          others(value, about).map((name) =>
            schema === false ? `.${name}: is not known` : held(value[name], schema, `.${name}`),
          ),
        )
      : null,
  propertyNames: (value, schema, _, held) =>
    isObject(value)
      ? first(Object.keys(value).map((name) => held(name, schema, `.${name}`)))
      : null,
};

/** Characters, not halves of them.
 * @param {string} text */
const length = (text) => [...text].length;

/** @type {Map<string, RegExp>} */
const REGEXES = new Map();

/** Compile a pattern once; digits and spaces are those of Unicode, as pydantic has them.
 * @param {string} pattern */
function regex(pattern) {
  const known = REGEXES.get(pattern);
  if (known) return known;
  const spelled = pattern.replaceAll("\\d", "\\p{Nd}").replaceAll("\\s", "\\p{White_Space}");
  const made = new RegExp(spelled, "u");
  REGEXES.set(pattern, made);
  return made;
}
