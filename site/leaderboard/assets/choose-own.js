// @ts-check
// What a reader's own machine would do, beside the answer of the choose page; its file stays in the browser.
import { element, figure, times } from "./format.js";
import { answersOf, readOwn } from "./own.js";

/** @import { Asked, Host } from "./choose-answer.js" */
/** @import { Limits } from "./choose-rank.js" */
/** @import { OwnAnswer, OwnEngine, OwnTables } from "./own.js" */

/** Shows the machine whose file was chosen last. */
export class OwnMachine {
  /** @type {File | null} */ file = null;
  /** @type {Promise<OwnTables | null>} */ tables = Promise.resolve(null);

  /** @param {Host} host the element whose parts show it
   * @param {{MARKS: Record<string, string>, SPREADS: Record<string, [number, number][]>}} constants */
  constructor(host, constants) {
    this.host = host;
    this.constants = constants;
  }

  /** @param {File | null} file @param {Asked} asked */
  async show(file, asked) {
    if (file !== this.file) {
      this.file = file;
      this.tables = this.read(file);
    }
    this.rows(await this.tables, asked);
  }

  /** @param {File | null} file */
  async read(file) {
    const wrong = this.host.within(".own .wrong");
    wrong.hidden = true;
    if (!file) return null;
    try {
      return readOwn(new Uint8Array(await file.arrayBuffer()));
    } catch {
      wrong.textContent = this.host.word("own wrong", { file: file.name.slice(0, 80) });
      wrong.hidden = false;
      return null;
    }
  }

  /** @param {OwnTables | null} tables @param {Asked} asked */
  rows(tables, { demand, limits, margin }) {
    const table = this.host.within(".own .scroll");
    table.hidden = !tables;
    if (!tables) return;
    const heads = [...table.querySelectorAll("thead th")].map(({ textContent }) => textContent ?? "");
    const rows = answersOf(tables, demand, limits, margin, this.constants.SPREADS).map(({ engine, answer }) => {
      const cells = [this.name(engine, answer, limits, margin)];
      const held = answer && !answer.missed;
      cells.push(element("td", "n", ...(held ? times(answer.tokens) : ["–"])));
      cells.push(element("td", "n", held ? String(answer.machines) : "–"));
      for (const metric of /** @type {const} */ (["ttft", "tpot"]))
        cells.push(element("td", "n", ...(answer ? times(answer[metric]) : ["–"])));
      cells.forEach((cell, at) => cell.setAttribute("data-label", heads[at]));
      return element("tr", "", ...cells);
    });
    this.host.within(".own tbody").replaceChildren(...rows);
  }

  /** @param {OwnEngine} engine @param {OwnAnswer | null} answer @param {Limits} limits @param {number} margin */
  name(engine, answer, { percentile }, margin) {
    const word = this.host.word.bind(this.host);
    const { machine, engine: by, model, precision, measured } = engine;
    const notes = [`${word("predicted")}, ${word("own")}`];
    if (measured !== `${model}, ${precision}`) notes.push(word("own from", { measured }));
    if (answer) notes.push(word("at once", { n: String(answer.load) }));
    else notes.push(word("own unseen"));
    if (answer?.missed) {
      const { metric, ms, limit } = answer.missed;
      const told = metric.toUpperCase() + (percentile === null ? "" : ` p${percentile}`);
      const values = { metric: told, ms: figure(ms), limit: figure(limit), margin: `×${margin}` };
      notes.push(word(margin > 1 ? "own over margin" : "own over", values));
    }
    const setup = [machine, by, model, precision].join(" · ");
    const mark = element("span", "mark", this.constants.MARKS.predicted);
    const name = element("th", "", mark, ` ${setup}`, element("span", "ci", notes.join(" · ")));
    name.setAttribute("scope", "row");
    return name;
  }
}
