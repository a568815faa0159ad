// @ts-check
// The search in the header, fetched when its field is first focused: names of chips, models,
// documents and claims in both languages, from a file beside the pages.
import { element, link } from "./format.js";

/** A place: kind, title, address from the root, a few words, and what else it is called.
 * @typedef {[kind: string, title: string, url: string, about: string, ...names: string[]]} Place */
/** @typedef {{place: Place, called: string[], words: Set<string>, about: string[], whole: string}} Sought */

const MOST = 8;
const WORD = /\p{Script=Han}+|(?:(?!\p{Script=Han})[\p{L}\p{N}.+])+/gu;

/** @param {string} text */
const wordsOf = (text) => text.normalize("NFKC").toLowerCase().match(WORD) ?? [];

const search = /** @type {HTMLElement} */ (document.querySelector(".fm-search"));
const field = /** @type {HTMLInputElement} */ (search.querySelector("input"));
const list = /** @type {HTMLElement} */ (search.querySelector("ul"));
const file = search.dataset.index ?? "";
const status = /** @type {HTMLElement} */ (search.querySelector("[role=status]"));

/** @type {Promise<{words: Record<string, string>, sought: Sought[]}> | null} */
let index = null;

async function load() {
  const answer = await fetch(file);
  if (!answer.ok) throw new Error(String(answer.status));
  const { words, places } = await answer.json();
  return { words, sought: /** @type {Place[]} */ (places).map(prepared) };
}

/** @param {Place} place @returns {Sought} */
function prepared(place) {
  const [, title, , about, ...names] = place;
  const each = [title, ...names].map(wordsOf);
  const called = each.map((words) => words.join(""));
  return { place, called, words: new Set(each.flat()), about: wordsOf(about), whole: called.join(" ") };
}

/** How well a place answers: every word must be found, and a whole name counts most, but of a chapter.
 * @param {Sought} sought @param {string[]} query */
function score(sought, query) {
  let sum = sought.place[0] !== "section" && sought.called.includes(query.join("")) ? 10 : 0;
  for (const word of query) {
    const own = rank(sought, word);
    if (!own) return 0;
    sum += own;
  }
  return sum;
}

/** @param {Sought} sought @param {string} word */
function rank({ words, about, whole }, word) {
  if (words.has(word)) return 4;
  if ([...words].some((own) => own.startsWith(word))) return 3;
  if (whole.includes(word)) return 2;
  return about.some((own) => own.startsWith(word) || (word.length > 1 && own.includes(word))) ? 1 : 0;
}

/** @param {Sought[]} sought @param {string[]} query */
function hits(sought, query) {
  return sought
    .map((own) => ({ own, points: score(own, query) }))
    .filter(({ points }) => points)
    .sort((a, b) => b.points - a.points) // stable: equals stand as in the file
    .map(({ own }) => own);
}

/** @param {Sought} sought @param {string[]} query @param {Record<string, string>} words */
function shown({ place, called }, query, words) {
  const [kind, title, url, about, ...names] = place;
  // Of a place that is found by another name, that name says why.
  const held = called.findIndex((name) => query.every((word) => name.includes(word)));
  const more = held > 0 ? names[held - 1] : about;
  const made = link(file.replace("search.json", url), title);
  made.append(element("span", "sub", [words[kind], more].filter(Boolean).join(" · ")));
  return element("li", "", made);
}

async function show() {
  const asked = field.value;
  const query = wordsOf(asked);
  if (!query.length) return close();
  try {
    index ??= load();
    const { words, sought } = await index;
    if (asked !== field.value) return; // typed on meanwhile
    const every = hits(sought, query);
    const told = every.length ? words.count.replace("{n}", String(every.length)) : words.none;
    status.textContent = told;
    list.replaceChildren(
      ...every.slice(0, MOST).map((own) => shown(own, query, words)),
      ...(every.length > MOST || !every.length ? [element("li", "told", told)] : []),
    );
  } catch {
    index = null; // the next letter tries again
    status.textContent = search.dataset.failed ?? "";
    list.replaceChildren(element("li", "told", status.textContent));
  }
  list.hidden = false;
}

function close() {
  list.hidden = true;
  list.replaceChildren();
  status.textContent = "";
}

/** Move among the field and the hits under it. @param {number} step */
function move(step) {
  const stops = [field, ...list.querySelectorAll("a")];
  const at = stops.indexOf(/** @type {HTMLAnchorElement} */ (document.activeElement));
  stops[(at + step + stops.length) % stops.length].focus();
}

search.addEventListener("keydown", (event) => {
  if (event.isComposing) return; // Enter and the arrows choose characters then
  const steps = /** @type {Record<string, number>} */ ({ ArrowDown: 1, ArrowUp: -1 });
  if (event.key in steps && !list.hidden) {
    event.preventDefault();
    move(steps[event.key]);
  } else if (event.key === "Enter" && event.target === field) {
    show().then(() => list.querySelector("a")?.click());
  } else if (event.key === "Escape") {
    field.value = "";
    field.focus();
    close();
  }
});
field.addEventListener("input", show);
field.addEventListener("focus", show);
// Not when nothing else has the focus now: a finger on a hit takes it away before the click.
search.addEventListener("focusout", ({ relatedTarget }) => {
  if (relatedTarget && !search.contains(/** @type {Node} */ (relatedTarget))) close();
});
document.addEventListener("pointerdown", ({ target }) => {
  if (!search.contains(/** @type {Node} */ (target))) close();
});
show();
