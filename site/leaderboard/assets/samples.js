// @ts-check
// Raw samples of a row: loaded when asked for, held to the digest that was signed, then counted.
import { hex, sha256, text } from "./bytes.js";
import { element, figure } from "./format.js";

/** @typedef {{suite: string, case: string, metric: string, samples: number[]}} Series */

class Samples extends HTMLElement {
  connectedCallback() {
    const button = /** @type {HTMLButtonElement} */ (this.querySelector("button"));
    button.addEventListener("click", async () => {
      button.disabled = true;
      await this.check().catch(() => this.say("failed", false));
      button.disabled = false;
    });
    this.setAttribute("ready", "");
  }

  async check() {
    const answer = await fetch(this.dataset.file ?? "");
    if (!answer.ok) return this.say("failed", false);
    const data = new Uint8Array(await answer.arrayBuffer());
    const same = hex(await sha256(data)) === this.dataset.digest;
    this.say(same ? "same" : "other", same);
    if (same) this.show(series(JSON.parse(text(data)), this.dataset.suite ?? "", this.dataset.case ?? ""));
  }

  /** @param {string} word @param {boolean} good */
  say(word, good) {
    const verdict = /** @type {HTMLElement} */ (this.querySelector(".verdict"));
    verdict.className = `verdict ${good ? "good" : "bad"}`;
    verdict.textContent = this.querySelector(`[data-word="${word}"]`)?.textContent ?? word;
  }

  /** @param {[string, Series][]} shown */
  show(shown) {
    const rows = shown.map(([process, { metric, samples }]) => {
      const sorted = [...samples].sort((a, b) => a - b);
      const ends = [sorted[0], median(sorted), sorted[sorted.length - 1]];
      const numbers = [String(samples.length), ...ends.map((value) => figure(value, 5))];
      return element(
        "tr",
        "",
        element("td", "mono", process),
        element("td", "mono", metric),
        ...numbers.map((number) => element("td", "n", number)),
      );
    });
    const table = /** @type {HTMLElement} */ (this.querySelector(".scroll"));
    table.querySelector("tbody")?.replaceChildren(...rows);
    table.hidden = !rows.length;
  }
}

/** @param {number[]} sorted */
function median(sorted) {
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Series of a case with the process they are from; nothing of a file that is not Fenmark's own.
 * @param {any} whole @param {string} suite @param {string} name @returns {[string, Series][]} */
function series(whole, suite, name) {
  const numbers = (/** @type {any} */ list) => Array.isArray(list) && list.length > 0 && list.every(Number.isFinite);
  return Object.entries(whole ?? {}).flatMap(([process, own]) =>
    (Array.isArray(own?.series) ? own.series : [])
      .filter((/** @type {any} */ item) => item?.suite === suite && item.case === name && numbers(item.samples))
      .map((/** @type {Series} */ item) => /** @type {[string, Series]} */ ([process, item])),
  );
}

customElements.define("fenmark-samples", Samples);
