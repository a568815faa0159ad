// @ts-check
// A chart as leaderboard/figures/chart.py draws it, for what a reader chooses; a test holds the two together.
import { figure } from "./format.js";

/** @typedef {{x: number, y: number, words: string, link: string, hollow: boolean}} Mark */
/** @typedef {{name: string, marks: Mark[]}} Series joined by straight lines */
/** @typedef {{title: string, x: string, y: string, series: Series[]}} Chart y is logarithmic */

const [WIDTH, HEIGHT] = [720, 380];
const [LEFT, RIGHT, TOP, BOTTOM] = [64, 16, 14, 50];
const COLOURS = 6;
const SHAPES = [
  "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z",
  "M-4 -4h8v8h-8z",
  "M0 -5.5l5 9h-10z",
  "M0 -5.5l5.5 5.5l-5.5 5.5l-5.5 -5.5z",
  "M0 5.5l5 -9h-10z",
  "M-5 -1.6h3.4v-3.4h3.2v3.4h3.4v3.2h-3.4v3.4h-3.2v-3.4h-3.4z",
];
const LEGEND_LINE = 18;

/** @param {string} tag @param {Record<string, string | number>} [attributes] @param {...(Node | string)} content */
function svg(tag, attributes = {}, ...content) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...content);
  return made;
}

/** Colour and shape of a series. @param {number} number */
function shapeOf(number) {
  const [turn, colour] = [Math.floor(number / COLOURS), number % COLOURS];
  return { colour, shape: SHAPES[(colour + turn) % SHAPES.length] };
}

/** Where values stand between two ends. @param {number} low @param {number} high @param {boolean} log
 * @param {number} start @param {number} end */
function span(low, high, log, start, end) {
  const scaled = (/** @type {number} */ value) => (log ? Math.log10(value) : value);
  const [a, b] = [scaled(low), scaled(high)];
  return {
    ticks: log ? logTicks(low, high) : linearTicks(low, high),
    place: (/** @type {number} */ value) => Math.round((start + ((scaled(value) - a) / (b - a)) * (end - start)) * 10) / 10,
  };
}
/** @typedef {ReturnType<typeof span>} Span */

/** @param {number} low @param {number} high @returns {[number, string][]} */
function logTicks(low, high) {
  const [first, last] = [Math.ceil(Math.log10(low)), Math.floor(Math.log10(high))];
  let values = [];
  for (let power = first; power <= last; power++) values.push(10 ** power);
  if (values.length < 2) {
    values = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.max(last, first - 1) + 1; power++)
      for (const digit of [1, 2, 5]) values.push(digit * 10 ** power);
  }
  const stride = Math.ceil(values.length / 8);
  return values
    .filter((value) => low <= value && value <= high)
    .filter((_, at) => at % stride === 0)
    .map((value) => [value, figure(value, 1)]);
}

/** @param {number} low @param {number} high @returns {[number, string][]} */
function linearTicks(low, high) {
  let step = 10 ** Math.floor(Math.log10((high - low) / 4));
  step *= [1, 2, 5, 10].find((times) => (high - low) / (step * times) <= 6) ?? 10;
  const values = [];
  for (let number = Math.ceil(low / step); number <= Math.floor(high / step); number++) values.push(number * step);
  return values.map((value) => [value, value % 1 ? figure(value) : value.toLocaleString("en-US")]);
}

/** The picture alone. @param {Chart} chart */
export function picture(chart) {
  const every = chart.series.flatMap(({ marks }) => marks);
  const [xs, ys] = [every.map(({ x }) => x), every.map(({ y }) => y)];
  const across = span(0, Math.max(...xs) * 1.08, false, LEFT, WIDTH - RIGHT);
  const up = span(Math.min(...ys) / 1.4, Math.max(...ys) * 1.4, true, HEIGHT - BOTTOM, TOP);
  return svg(
    "svg",
    { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "group", "aria-label": chart.title },
    ...grid(across, up, chart),
    ...chart.series.map((line, number) => drawn(line, number, across, up)),
  );
}

/** @param {Span} across @param {Span} up @param {Chart} chart */
function grid(across, up, chart) {
  const [bottom, right] = [HEIGHT - BOTTOM, WIDTH - RIGHT];
  return [
    svg("path", { class: "axis", d: `M${LEFT} ${TOP}V${bottom}H${right}`, fill: "none" }),
    ...across.ticks.flatMap(([value, text]) => {
      const at = across.place(value);
      return [
        svg("path", { class: "tick", d: `M${at} ${TOP}V${bottom}` }),
        svg("text", { x: at, y: bottom + 17, "text-anchor": "middle" }, text),
      ];
    }),
    ...up.ticks.flatMap(([value, text]) => {
      const at = up.place(value);
      return [
        svg("path", { class: "tick", d: `M${LEFT} ${at}H${right}` }),
        svg("text", { x: LEFT - 6, y: at + 4, "text-anchor": "end" }, text),
      ];
    }),
    svg("text", { class: "label", x: right, y: HEIGHT - 10, "text-anchor": "end" }, chart.x),
    svg("text", { class: "label", x: LEFT + 8, y: TOP + 12 }, chart.y),
  ];
}

/** @param {Series} series @param {number} number @param {Span} across @param {Span} up */
function drawn({ marks }, number, across, up) {
  const { colour, shape } = shapeOf(number);
  const places = marks.map(({ x, y }) => `${across.place(x)} ${up.place(y)}`);
  const line = marks.length > 1 ? [svg("path", { class: "line", d: `M${places.join("L")}` })] : [];
  return svg(
    "g",
    { class: `s${colour}` },
    ...line,
    ...marks.map((mark, at) => {
      const look = { class: mark.hollow ? "mark hollow" : "mark", transform: `translate(${places[at]})`, d: shape };
      return svg("a", { href: mark.link }, svg("title", {}, mark.words), svg("path", look));
    }),
  );
}

/** The list of names after a picture. @param {Series[]} series */
export function legend(series) {
  const list = document.createElement("ul");
  list.className = "legend";
  list.append(
    ...series.map(({ name }, number) => {
      const { colour, shape } = shapeOf(number);
      const item = document.createElement("li");
      item.className = `s${colour}`;
      item.append(svg("svg", { viewBox: "-7 -7 14 14", "aria-hidden": "true" }, svg("path", { d: shape })), name);
      return item;
    }),
  );
  return list;
}

/** A picture as a file of its own: title, names and where it is from stand in it, with the colours of the page.
 * @param {Element} chart @param {string} head @param {string[]} names @param {string} foot
 * @returns {{text: string, width: number, height: number}} */
export function alone(chart, head, names, foot) {
  const height = 30 + HEIGHT + LEGEND_LINE * (names.length + 1) + 8;
  const inner = /** @type {Element} */ (chart.cloneNode(true));
  for (const [name, value] of Object.entries({ y: 30, width: WIDTH, height: HEIGHT })) inner.setAttribute(name, String(value));
  // A file leads nowhere by itself.
  for (const anchor of inner.querySelectorAll("a")) anchor.removeAttribute("href");
  const lines = names.map((name, number) => {
    const { colour, shape } = shapeOf(number);
    const y = 36 + HEIGHT + LEGEND_LINE * number;
    return svg(
      "g",
      { class: `s${colour}` },
      svg("path", { class: "mark", transform: `translate(${LEFT + 6} ${y})`, d: shape }),
      svg("text", { class: "label", x: LEFT + 18, y: y + 4 }, name),
    );
  });
  const made = svg(
    "svg",
    { class: "chart", viewBox: `0 0 ${WIDTH} ${height}`, width: WIDTH, height },
    svg("style", {}, styles()),
    svg("rect", { width: WIDTH, height, fill: "var(--paper)" }),
    svg("text", { class: "label", x: LEFT, y: 20 }, head),
    inner,
    ...lines,
    svg("text", { x: LEFT, y: height - 8 }, foot),
  );
  return { text: new XMLSerializer().serializeToString(made), width: WIDTH, height };
}

/** The rules of the site's sheet that charts are drawn by, with the values they have now. */
function styles() {
  const now = getComputedStyle(document.documentElement);
  const names = ["paper", "ink", "muted", "line", ...SHAPES.map((_, number) => `c${number}`)];
  const values = names.map((name) => `--${name}:${now.getPropertyValue(`--${name}`)}`);
  const rules = [...document.styleSheets]
    .filter(({ href }) => href?.endsWith("fenmark.css"))
    .flatMap(({ cssRules }) => [...cssRules])
    .filter((rule) => rule instanceof CSSStyleRule && /(^|, )\.chart /.test(rule.selectorText));
  const text = rules.map(({ cssText }) => cssText.replace("var(--md-text-font-family)", "system-ui, sans-serif"));
  return `svg{${values.join(";")}}${text.join("")}`;
}
