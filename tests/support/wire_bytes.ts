/**
 * Protobuf by hand, so that tests can write what no encoder would: fields in any order, twice, cut short.
 *
 * @module
 */

/** A varint of an unsigned number or, for negative ones, of their 64-bit two's complement. */
export function varint(value: number | bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return bytes;
}

/** A length-delimited field of text, bytes or nested fields. */
export function field(number: number, content: string | readonly number[]): number[] {
  const bytes = typeof content === "string" ? [...new TextEncoder().encode(content)] : content;
  return [...varint(number * 8 + 2), ...varint(bytes.length), ...bytes];
}

/** A varint field. */
export function integer(number: number, value: number | bigint): number[] {
  return [...varint(number * 8), ...varint(value)];
}

/** A double field. */
export function double(number: number, value: number): number[] {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return [...varint(number * 8 + 1), ...bytes];
}

/** A `LabelPair` inside a `Metric`. */
export function label(name: string | readonly number[], value: string | readonly number[]): number[] {
  return field(1, [...field(1, name), ...field(2, value)]);
}

/** A message behind its length, as families stand in a push. */
export function delimited(...parts: readonly number[][]): Uint8Array {
  const bytes = parts.flat();
  return new Uint8Array([...varint(bytes.length), ...bytes]);
}

/** Several byte strings as one. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}
