// @ts-check
// A model's front, alive: another load, class of price or evidence, in the address; saved as a picture.
// What is chosen and drawn follows leaderboard/figures/front.py.
import { alone, legend, picture } from "./chart.js";
import { currency, kept, money, named, rate, unit } from "./currency.js";
import { COLON, element, figure, link } from "./format.js";
import { offer } from "./save.js";

/** @typedef {{kind: string, chip: string, load: number, user: number, rate: number, usd: (number | null)[],
 *   p99: number | null, where: string, setup: string, about: string}} Point */
/** @typedef {{loads: string[], classes: string[], chips: Record<string, string>, points: Point[]}} Known */
/** @typedef {{chip: string, kind: string, points: Point[]}} Line */

const FIELDS = /** @type {const} */ (["load", "class", "evidence"]);
const KINDS = ["measured", "attested", "reported", "predicted"];
const ALL = "*";
const NUMBERS = new Set(["usd_per_mtok", "tokens_per_s_per_user", "tokens_per_s_per_chip", "tpot_p99_ms"]);

/** Of each chip the best evidence alone, and what no other point of it beats in both.
 * @param {Known} known @param {string} load @param {string} name class of price @param {string} weakest */
export function lines(known, load, name, weakest) {
  const at = known.classes.indexOf(name);
  const usd = (/** @type {Point} */ point) => /** @type {number} */ (point.usd[at]);
  /** @type {Map<string, Map<string, Point[]>>} */
  const chips = new Map();
  for (const point of known.points) {
    if ((load !== ALL && known.loads[point.load] !== load) || point.usd[at] === null) continue;
    if (KINDS.indexOf(point.kind) > KINDS.indexOf(weakest)) continue;
    if (!chips.has(point.chip)) chips.set(point.chip, new Map());
    const kinds = /** @type {Map<string, Point[]>} */ (chips.get(point.chip));
    kinds.set(point.kind, [...(kinds.get(point.kind) ?? []), point]);
  }
  const fronts = [...chips].map(([chip, kinds]) => {
    const kind = /** @type {string} */ (KINDS.find((known) => kinds.has(known)));
    const points = /** @type {Point[]} */ (kinds.get(kind));
    points.sort((a, b) => b.user - a.user || usd(a) - usd(b) || (a.where < b.where ? -1 : 1));
    /** @type {Point[]} */
    const front = [];
    for (const point of points) if (!front.length || usd(point) < usd(front[front.length - 1])) front.push(point);
    return { chip, kind, points: front };
  });
  const least = (/** @type {Line} */ line) => usd(line.points[line.points.length - 1]);
  const place = (/** @type {Line} */ line) => KINDS.indexOf(line.kind);
  return fronts.sort((a, b) => place(a) - place(b) || least(a) - least(b) || (a.chip < b.chip ? -1 : 1));
}

class Front extends HTMLElement {
  /** @type {Known | null} */ known = null;

  async connectedCallback() {
    const form = this.querySelector("form");
    form?.addEventListener("submit", (event) => event.preventDefault());
    form?.addEventListener("input", () => this.chosen());
    addEventListener("fenmark-currency", () => this.show());
    for (const name of ["pointerover", "focusin"]) this.addEventListener(name, (event) => this.tell(event));
    for (const button of /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll("[data-picture]")))
      button.addEventListener("click", () => this.save(button.dataset.picture ?? "svg"));
    offer(this, "front", NUMBERS, () => this.saved());
    this.fill();
    if (this.changed()) await this.show();
    this.setAttribute("ready", "");
  }

  /** What the address asks for, in the form. */
  fill() {
    const query = new URLSearchParams(location.search);
    for (const name of FIELDS) {
      const wanted = query.get(name);
      const select = this.select(name);
      if (select && wanted !== null && [...select.options].some(({ value }) => value === wanted)) select.value = wanted;
      else if (!select && wanted !== null) this.dataset[name] = wanted;
    }
    this.embedding();
  }

  /** Whether something else is shown than the page was made with. */
  changed() {
    const asked = new URLSearchParams(location.search);
    return FIELDS.some((name) => asked.has(name)) || currency() !== this.dataset.money;
  }

  /** @param {string} name @returns {HTMLSelectElement | null} */
  select(name) {
    return this.querySelector(`[name=${name}]`);
  }

  /** @param {"load" | "class" | "evidence"} name */
  value(name) {
    return this.select(name)?.value ?? this.dataset[name] ?? "";
  }

  async chosen() {
    const query = new URLSearchParams(location.search);
    for (const name of FIELDS) {
      if (this.value(name) === this.dataset[name]) query.delete(name);
      else query.set(name, this.value(name));
    }
    history.replaceState(null, "", kept(query).size ? `?${query}` : location.pathname);
    this.embedding();
    await this.show();
  }

  /** The lines to embed show what is chosen. */
  embedding() {
    const code = this.querySelector(".embedding");
    if (code) code.textContent = (code.textContent ?? "").replace(/(embed\/)[^"]*/, (_, path) => path + location.search);
  }

  async lines() {
    this.known ??= /** @type {Known} */ (await (await fetch(this.dataset.file ?? "")).json());
    return lines(this.known, this.value("load"), this.value("class"), this.value("evidence"));
  }

  async show() {
    const every = await this.lines();
    const most = Number(this.dataset.most);
    const series = every.slice(0, most).map((line) => this.series(line));
    const drawn = /** @type {HTMLElement} */ (this.querySelector(".drawn"));
    const some = /** @type {HTMLElement} */ (this.querySelector(".some"));
    some.hidden = every.length <= most;
    some.textContent = this.word("some").replace("{shown}", String(most)).replace("{chips}", String(every.length));
    if (series.length) {
      const chart = { title: this.word("title"), x: this.word("x"), y: this.word("y").replace("{code}", named(currency())), series };
      drawn.replaceChildren(picture(chart), legend(series));
    } else drawn.replaceChildren(element("p", "note", this.word("none")));
    const rows = every.slice(0, most).flatMap((line) => line.points.map((point) => this.row(line, point)));
    this.querySelector("tbody")?.replaceChildren(...rows);
  }

  /** @param {Line} line @returns {import("./chart.js").Series} */
  series({ chip, kind, points }) {
    const name = `${this.word(kind).split(" ")[0]} ${this.known?.chips[chip]}`;
    return {
      name,
      marks: points.map((point) => {
        const y = this.usd(point) * rate();
        const p99 = point.p99 === null ? [] : [this.word("p99").replace("{ms}", figure(point.p99))];
        const behind = [point.setup, ...p99, point.about].filter(Boolean).join(" · ");
        const figures = `${figure(y)} ${unit("Mtok").textContent} · ${figure(point.user)} ${this.word("per user")}`;
        return {
          x: point.user,
          y,
          words: `${name}${COLON}${figures} · ${behind}`,
          link: `${this.dataset.root}${point.where}`,
          hollow: kind !== "measured",
        };
      }),
    };
  }

  /** @param {Point} point */
  usd(point) {
    return /** @type {number} */ (point.usd[this.known?.classes.indexOf(this.value("class")) ?? 0]);
  }

  /** @param {Line} line @param {Point} point */
  row(line, point) {
    const head = element("th", "", link(`${this.dataset.root}chips/${line.chip}/`, this.known?.chips[line.chip] ?? ""));
    head.setAttribute("scope", "row");
    const about = element("span", "ci", point.about);
    const p99 = point.p99 === null ? [element("span", "muted", "–")] : [figure(point.p99), " ", element("span", "unit", "ms")];
    const cells = [
      element("td", "n", element("b", "num", money(this.usd(point))), " ", unit("Mtok")),
      element("td", "n", figure(point.user)),
      element("td", "n", figure(point.rate)),
      element("td", "n", ...p99),
      element("td", "", point.setup),
      element("td", "", link(`${this.dataset.root}${point.where}`, this.word(line.kind)), about),
    ];
    const titles = [...this.querySelectorAll("thead th")].slice(1).map(({ textContent }) => textContent ?? "");
    cells.forEach((cell, at) => (cell.dataset.label = titles[at]));
    return element("tr", "", head, ...cells);
  }

  /** Say what is pointed at. @param {Event} event */
  tell(event) {
    const mark = /** @type {Element} */ (event.target).closest?.(".drawn a");
    const told = this.querySelector(".told");
    if (mark && told) told.textContent = mark.querySelector("title")?.textContent ?? "";
  }

  /** The points of this view, for a file. */
  async saved() {
    const known = await this.lines();
    return known.flatMap(({ chip, kind, points }) =>
      points.map((point) => ({
        chip,
        evidence: kind,
        load: this.known?.loads[point.load] ?? "",
        price_class: this.value("class"),
        usd_per_mtok: this.usd(point),
        tokens_per_s_per_user: point.user,
        tokens_per_s_per_chip: point.rate,
        tpot_p99_ms: point.p99,
        setup: point.setup,
        about: point.about,
        id: point.where,
      })),
    );
  }

  /** Save what is drawn. @param {string} kind */
  async save(kind) {
    const chart = this.querySelector(".drawn svg.chart");
    if (!chart) return;
    const names = [...this.querySelectorAll(".drawn .legend li")].map(({ textContent }) => textContent ?? "");
    const head = `${document.querySelector("h1")?.textContent} · ${this.word("title")}`;
    const { text, width, height } = alone(chart, head, names, `Fenmark · ${location.href}`);
    const file = kind === "svg" ? new Blob([text], { type: "image/svg+xml" }) : await painted(text, width, height);
    const made = document.createElement("a");
    made.href = URL.createObjectURL(file);
    made.download = `fenmark-front.${kind}`;
    made.click();
    URL.revokeObjectURL(made.href);
  }

  /** @param {string} key */
  word(key) {
    return this.querySelector(`[data-word="${key}"]`)?.textContent ?? key;
  }
}

/** A picture as PNG, twice as fine. @param {string} text @param {number} width @param {number} height
 * @returns {Promise<Blob>} */
async function painted(text, width, height) {
  const image = new Image(width * 2, height * 2);
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width * 2, height * 2];
  canvas.getContext("2d")?.drawImage(image, 0, 0, width * 2, height * 2);
  return new Promise((done, failed) => canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error("no picture")))));
}

customElements.define("fenmark-front", Front);
