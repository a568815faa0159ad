// @ts-check
// What a reader should know of a result that verifies: laws that its figures do not keep, what the
// log entered with it, and where the two differ.

import { COMMA } from "./format.js";
import { elsewhere } from "./laws.js";

/** @import { Tables } from "./laws-claim.js" */
/** @import { Finding } from "./laws.js" */
/** A rule and what is told of it: of its figures with formula and numbers; where it differs from what
 * the log entered, so marked.
 * @typedef {{rule: string, told: string, formula?: string, numbers?: string, differs?: boolean}} Said */

const MOST = 100; // lines; one stranger may break a law ten thousand times

export class Findings {
  /** @param {HTMLElement} part @param {(key: string) => string} word */
  constructor(part, word) {
    this.part = part;
    this.word = word;
  }

  clear() {
    for (const list of this.part.querySelectorAll("ul")) list.replaceChildren();
    this.part.hidden = true;
  }

  get any() {
    return this.part.querySelector(".flags li") !== null;
  }

  /** @param {{findings: Finding[], unchecked: string[], partly: string[]}} judged @param {Tables} tables
   * @param {string[]} entered rules that the log's operator entered with the result
   * @param {Said[]} about its key and signer */
  show({ findings, unchecked, partly }, tables, entered, about) {
    const others = elsewhere(tables);
    const unasked = new Set([...partly, ...others.map(({ name }) => name)]);
    const flags = [
      ...about,
      ...this.differences(findings, unasked, entered),
      ...findings.map((finding) => this.finding(finding)),
    ];
    this.fill("flags", flags);
    this.fill("unchecked", [
      ...unchecked.map((told) => ({ rule: "", told })),
      ...others.map(({ name, formula }) => ({ rule: name, told: formula })),
    ]);
    this.part.hidden = false;
  }

  /** @param {Finding} finding @returns {Said} */
  finding({ rule, outcome, where, reason, formula, left, right }) {
    const numbers = left === null || right === null ? "" : [left, right].map(shown).join(" ↔ ");
    return { rule, told: `${this.word(`${outcome}-figure`)}${COMMA}${where} ${reason}`, formula, numbers };
  }

  /** What the log entered and the figures do not give, and the other way round.
   * @param {Finding[]} findings @param {Set<string>} unasked rules not held here
   * @param {string[]} entered @returns {Said[]} */
  differences(findings, unasked, entered) {
    const own = [...new Set(findings.map(({ rule }) => rule))];
    const unseen = entered.filter((rule) => !own.includes(rule));
    return [
      ...unseen.map((rule) =>
        unasked.has(rule)
          ? { rule, told: this.word("entered") }
          : { rule, told: this.word("unfound"), differs: true },
      ),
      ...own
        .filter((rule) => !entered.includes(rule))
        .map((rule) => ({ rule, told: this.word("unentered"), differs: true })),
    ];
  }

  /** @param {string} list @param {Said[]} lines */
  fill(list, lines) {
    const items = lines.slice(0, MOST).map(line);
    if (lines.length > MOST) items.push(line({ rule: "", told: `… ${lines.length - MOST}` }));
    /** @type {HTMLElement} */ (this.part.querySelector(`.${list}`)).replaceChildren(...items);
  }
}

/** @param {Said} said */
function line({ rule, told, formula = "", numbers = "", differs = false }) {
  const item = document.createElement("li");
  if (rule) item.dataset.rule = rule;
  if (differs) item.dataset.differs = "";
  item.append(rule ? bold(`${rule}: `) : "", told);
  if (formula) item.append(below("sub", formula));
  if (numbers) item.append(below("detail mono", numbers));
  return item;
}

/** @param {string} text */
function bold(text) {
  const part = document.createElement("b");
  part.textContent = text;
  return part;
}

/** @param {string} name @param {string} text */
function below(name, text) {
  const part = document.createElement("span");
  part.className = name;
  part.textContent = text;
  return part;
}

/** @param {number} value */
const shown = (value) => String(Number(value.toPrecision(6)));
