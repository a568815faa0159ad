// @ts-check
// Bytes as text, hex and base64, and their SHA-256; what is not exactly one of them is refused.

export const utf8 = (/** @type {string} */ text) => new TextEncoder().encode(text);

/** Read UTF-8; a byte order mark stays where it is.
 * @param {Uint8Array} data */
export function text(data) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    throw new Error("is not UTF-8");
  }
}

export const hex = (/** @type {Uint8Array} */ data) =>
  Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");

export const unhex = (/** @type {string} */ digits) =>
  Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));

/** Read base64 with all of its padding; `atob` alone would pass over spaces and take less.
 * @param {string} coded */
export function unbase64(coded) {
  if (coded.length % 4 || !/^[A-Za-z0-9+/]*={0,2}$/.test(coded)) throw new Error("is not base64");
  return Uint8Array.from(atob(coded), (letter) => letter.charCodeAt(0));
}

/** @param {...Uint8Array} parts */
export function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** @param {Uint8Array} a @param {Uint8Array} b */
export const equal = (a, b) =>
  a.length === b.length && a.every((byte, at) => byte === b[at]);

/** @param {...Uint8Array} parts */
export async function sha256(...parts) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));
}
