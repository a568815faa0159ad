// @ts-check
// A table as a Parquet file: one row group, one plain page a column, compressed by the browser.
// The format: https://parquet.apache.org/docs/file-format/, its records in Thrift's compact protocol.

/** @typedef {Record<string, string | number | null>} Line */

// Thrift's compact types, as far as Parquet's metadata needs them.
const [I32, I64, TEXT, LIST, STRUCT] = [5, 6, 8, 9, 12];
// parquet.thrift: Type, ConvertedType, FieldRepetitionType, Encoding, CompressionCodec, PageType.
const [DOUBLE, BYTE_ARRAY, UTF8, REQUIRED, OPTIONAL, PLAIN, RLE, GZIP, DATA_PAGE] = [5, 6, 0, 0, 1, 0, 3, 2, 0];
const MAGIC = bytes("PAR1");

/** @param {string} text */
function bytes(text) {
  return new TextEncoder().encode(text);
}

/** @param {number} value @returns {number[]} seven bits at a time, the lowest first */
function varint(value) {
  const low = value % 128;
  return value < 128 ? [low] : [low + 128, ...varint((value - low) / 128)];
}

/** @typedef {[id: number, type: number, value: any, inner?: number]} Field */

/** @param {Field[]} fields in order of their ids @returns {number[]} */
function struct(fields) {
  let last = 0;
  const made = fields.flatMap(([id, type, value, inner]) => {
    const head = ((id - last) << 4) | type;
    last = id;
    return [head, ...encoded(type, value, inner)];
  });
  return [...made, 0];
}

/** @param {number} type @param {any} value @param {number} [inner] type of a list's items @returns {number[]} */
function encoded(type, value, inner = STRUCT) {
  if (type === STRUCT) return struct(value);
  if (type === TEXT) return [...varint(bytes(value).length), ...bytes(value)];
  if (type !== LIST) return varint(value * 2); // zigzag of what is never negative
  const head = value.length < 15 ? [(value.length << 4) | inner] : [0xf0 | inner, ...varint(value.length)];
  return [...head, ...value.flatMap((/** @type {any} */ item) => encoded(inner, item))];
}

/** @param {number} value */
function word(value) {
  const made = new Uint8Array(4);
  new DataView(made.buffer).setUint32(0, value, true);
  return made;
}

/** Which values are there: one bit each, in a single bit-packed run.
 * @param {(string | number | null)[]} values */
function present(values) {
  const groups = Math.ceil(values.length / 8);
  const bits = new Uint8Array(groups);
  values.forEach((value, at) => value !== null && (bits[at >> 3] |= 1 << (at & 7)));
  const head = varint(groups * 2 + 1);
  return [word(head.length + groups), new Uint8Array(head), bits];
}

/** @param {(string | number)[]} values @param {boolean} numeric @returns {Uint8Array<ArrayBuffer>[]} */
function plain(values, numeric) {
  if (!numeric) return values.map((value) => bytes(String(value))).flatMap((text) => [word(text.length), text]);
  const made = new DataView(new ArrayBuffer(8 * values.length));
  values.forEach((value, at) => made.setFloat64(8 * at, Number(value), true));
  return [new Uint8Array(made.buffer)];
}

/** @param {Blob} data */
async function compressed(data) {
  const stream = data.stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Return a Parquet file: texts as UTF-8, numbers as doubles, either may be missing.
 * @param {Line[]} table @param {ReadonlySet<string>} numbers columns of numbers @param {Record<string, string>} notes */
export async function parquet(table, numbers, notes) {
  const names = Object.keys(table[0] ?? {});
  /** @type {(number | Uint8Array<ArrayBuffer>)[][]} */
  const parts = [[MAGIC]];
  let offset = MAGIC.length;
  /** @type {Field[][]} */
  const chunks = [];
  for (const name of names) {
    const [values, numeric] = [table.map((line) => line[name]), numbers.has(name)];
    const there = values.filter((value) => value !== null);
    const page = new Blob([...present(values), ...plain(there, numeric)]);
    const data = await compressed(page);
    const head = struct([
      [1, I32, DATA_PAGE],
      [2, I32, page.size],
      [3, I32, data.length],
      [5, STRUCT, [[1, I32, table.length], [2, I32, PLAIN], [3, I32, RLE], [4, I32, RLE]]],
    ]);
    /** @type {Field[]} */
    const about = [
      [1, I32, numeric ? DOUBLE : BYTE_ARRAY],
      [2, LIST, [PLAIN, RLE], I32],
      [3, LIST, [name], TEXT],
      [4, I32, GZIP],
      [5, I64, table.length],
      [6, I64, head.length + page.size],
      [7, I64, head.length + data.length],
      [9, I64, offset],
    ];
    chunks.push([[2, I64, offset], [3, STRUCT, about]]);
    parts.push([new Uint8Array(head), data]);
    offset += head.length + data.length;
  }
  /** @type {Field[][]} */
  const columns = names.map((name) =>
    numbers.has(name)
      ? [[1, I32, DOUBLE], [3, I32, OPTIONAL], [4, TEXT, name]]
      : [[1, I32, BYTE_ARRAY], [3, I32, OPTIONAL], [4, TEXT, name], [6, I32, UTF8]],
  );
  const footer = struct([
    [1, I32, 1],
    [2, LIST, [[[3, I32, REQUIRED], [4, TEXT, "rows"], [5, I32, names.length]], ...columns]],
    [3, I64, table.length],
    [4, LIST, [[[1, LIST, chunks], [2, I64, offset - MAGIC.length], [3, I64, table.length]]]],
    [5, LIST, Object.entries(notes).map(([key, value]) => [[1, TEXT, key], [2, TEXT, value]])],
    [6, TEXT, "Fenmark"],
  ]);
  const whole = [...parts.flat(), new Uint8Array(footer), word(footer.length), MAGIC];
  return new Blob(/** @type {BlobPart[]} */ (whole), { type: "application/vnd.apache.parquet" });
}
