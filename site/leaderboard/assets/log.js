// @ts-check
// A log read whole (C2SP tlog-tiles, RFC 6962): every entry, every tile, and the roots they give.
// The same rules as results/proof/tiles.py and results/proof/ledger.py.

import { equal, hex, joined, sha256 } from "./bytes.js";
import { parsed } from "./json.js";

/** @typedef {(path: string) => Promise<Uint8Array>} Read */

const WIDTH = 256; // hashes in a full tile
const AT_ONCE = 16; // files asked for together

/** Path of a tile: number in groups of three digits, all but the last marked with x.
 * @param {number | "entries"} level @param {number} number @param {number} width */
export function tilePath(level, number, width) {
  const groups = [String(number % 1000).padStart(3, "0")];
  for (let rest = Math.floor(number / 1000); rest; rest = Math.floor(rest / 1000))
    groups.unshift(`x${String(rest % 1000).padStart(3, "0")}`);
  return `tile/${level}/${groups.join("/")}${width < WIDTH ? `.p/${width}` : ""}`;
}

/** Merkle tree hash over node hashes, RFC 6962 section 2.1.
 * @param {Uint8Array[]} nodes @returns {Promise<Uint8Array>} */
export async function merkleRoot(nodes) {
  if (nodes.length < 2) return nodes[0] ?? sha256();
  let split = 1;
  while (split * 2 < nodes.length) split *= 2;
  const halves = [merkleRoot(nodes.slice(0, split)), merkleRoot(nodes.slice(split))];
  return sha256(Uint8Array.of(1), ...(await Promise.all(halves)));
}

/** What a log of verified tiles holds. */
export class Log {
  /** @param {Uint8Array[]} entries @param {Uint8Array[]} leaves @param {Uint8Array[]} full */
  constructor(entries, leaves, full) {
    this.entries = entries;
    this.leaves = leaves;
    this.full = full; // roots of the full tiles of leaves
  }

  /** Root over the first entries, in hex.
   * @param {number} size */
  async root(size) {
    const whole = Math.floor(size / WIDTH);
    const rest = this.leaves.slice(whole * WIDTH, size);
    const blocks = this.full.slice(0, whole);
    if (rest.length) blocks.push(await merkleRoot(rest));
    return hex(await merkleRoot(blocks));
  }

  /** Records of the entries in order.
   * @returns {Record<string, any>[]} */
  records() {
    return this.entries.map((entry) => Object(parsed(entry)));
  }
}

/** Read a log of a size and hold each of its tiles against its entries.
 * @param {Read} read @param {number} size */
export async function readLog(read, size) {
  const entries = (await inTiles(size, (number, width) => bundle(read, number, width))).flat();
  /** @type {Uint8Array[]} */
  const leaves = await Promise.all(entries.map((entry) => sha256(Uint8Array.of(0), entry)));
  /** @type {Uint8Array[]} */
  let full = [];
  for (let level = 0, hashes = leaves; hashes.length; level += 1) {
    const nodes = hashes;
    const above = await inTiles(nodes.length, async (number, width) => {
      const own = nodes.slice(number * WIDTH, number * WIDTH + width);
      const path = tilePath(level, number, width);
      if (!equal(await read(path), joined(...own))) throw new Error(`${path}: not of the entries`);
      return width === WIDTH ? [await merkleRoot(own)] : [];
    });
    hashes = above.flat();
    if (level === 0) full = hashes;
  }
  return new Log(entries, leaves, full);
}

/** Do something for each tile over a number of hashes, a few at a time.
 * @template T
 * @param {number} count @param {(number: number, width: number) => Promise<T>} job */
async function inTiles(count, job) {
  /** @type {T[]} */
  const done = [];
  for (let from = 0; from * WIDTH < count; from += AT_ONCE) {
    const jobs = [];
    for (let number = from; number < from + AT_ONCE && number * WIDTH < count; number += 1)
      jobs.push(job(number, Math.min(WIDTH, count - number * WIDTH)));
    done.push(...(await Promise.all(jobs)));
  }
  return done;
}

/** Read a bundle: each entry after its length in two bytes.
 * @param {Read} read @param {number} number @param {number} width */
async function bundle(read, number, width) {
  const path = tilePath("entries", number, width);
  const data = await read(path);
  const items = [];
  let at = 0;
  while (at + 2 <= data.length) {
    const length = data[at] * 256 + data[at + 1];
    items.push(data.slice(at + 2, at + 2 + length));
    at += 2 + length;
  }
  if (at !== data.length || items.length !== width)
    throw new Error(`${path}: ${items.length} whole entries, expected ${width}`);
  return items;
}
