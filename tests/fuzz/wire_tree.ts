/**
 * Protobuf as a tree that can be written in wrong ways: tags, lengths and varints may each be other bytes than they should.
 *
 * @module
 */

import type { WriteVersion } from "../../common/remote_write/write_fields.ts";
import { join } from "./mutate_bytes.ts";

/** The messages inside a message, by field number. */
export interface Schema {
  /** The schema of the message in the field of this number. */
  readonly [number: number]: Schema;
}

const LEAF: Schema = {};
const EXEMPLAR: Schema = { 1: LEAF, 3: LEAF };
const HISTOGRAM: Schema = { 3: { 3: EXEMPLAR }, 9: LEAF, 12: LEAF, 15: LEAF, 16: EXEMPLAR };
const METRIC: Schema = {
  1: LEAF,
  2: LEAF,
  3: { 2: EXEMPLAR, 3: LEAF },
  4: { 3: LEAF, 4: LEAF },
  5: LEAF,
  7: HISTOGRAM,
};

/** A push: `io.prometheus.client.MetricFamily` over and over, each in a field without a tag. */
export const PUSH: Schema = { 0: { 4: METRIC } };

const WRITE_HISTOGRAM: Schema = { 8: LEAF, 11: LEAF };

/** A request of each version of remote write: `prometheus.WriteRequest` and `io.prometheus.write.v2.Request`. */
export const WRITE_REQUESTS: Readonly<Record<WriteVersion, Schema>> = {
  "1.0": { 1: { 1: LEAF, 2: LEAF, 3: EXEMPLAR, 4: WRITE_HISTOGRAM }, 3: LEAF },
  "2.0": { 5: { 2: LEAF, 3: WRITE_HISTOGRAM, 4: LEAF, 5: LEAF } },
};

/** One field. */
export interface Field {
  /** Its number; 0 for what has a length and no tag. */
  number: number;
  /** Its wire type. */
  wire: number;
  /** A varint, the bytes of a fixed width or of a length, or the fields of a message that was opened. */
  value: bigint | Uint8Array | Field[];
  /** The schema of the message that it holds, if it holds one. */
  readonly schema?: Schema;
  /** What stands in place of its tag. */
  tag?: Uint8Array;
  /** What stands in place of its length. */
  length?: Uint8Array;
  /** The bytes of its varint beyond those it needs. */
  overlong?: number;
}

/** A varint, of more bytes than it needs if told so. */
export function varintBytes(value: bigint, overlong = 0): Uint8Array {
  if (value < 128n && overlong === 0) return Uint8Array.of(Number(value));
  const bytes: number[] = [];
  let rest = BigInt.asUintN(70, value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  for (let i = 0; i < overlong; i++) {
    bytes[bytes.length - 1] |= 128;
    bytes.push(0);
  }
  return Uint8Array.from(bytes);
}

/** The fields of a push or a message, none of them opened; undefined for what is no protobuf. */
export function readFields(bytes: Uint8Array, schema: Schema): Field[] | undefined {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint | undefined => {
    let value = 0n;
    for (let shift = 0n; at < bytes.length && shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
    return undefined;
  };
  const delimited = 0 in schema;
  while (at < bytes.length) {
    const tag = delimited ? 2n : varint();
    if (tag === undefined) return undefined;
    const number = Number(tag >> 3n), wire = Number(tag & 7n);
    const width = wire === 1 ? 8 : wire === 5 ? 4 : wire === 2 || wire === 0 ? varint() : undefined;
    if (width === undefined) return undefined;
    if (wire === 0) {
      fields.push({ number, wire, value: BigInt(width) });
      continue;
    }
    const end = at + Number(width);
    if (end > bytes.length) return undefined;
    fields.push({ number, wire, value: bytes.subarray(at, end), schema: wire === 2 ? schema[number] : undefined });
    at = end;
  }
  return fields;
}

/** Opens the message that a field holds, to be looked at and changed; undefined if it holds none. */
export function openField(field: Field): Field[] | undefined {
  const { value, schema } = field;
  if (Array.isArray(value)) return value;
  if (schema === undefined || typeof value === "bigint") return undefined;
  const fields = readFields(value, schema);
  if (fields !== undefined) field.value = fields;
  return fields;
}

/** Writes fields, wrong or right. */
export function writeFields(fields: readonly Field[]): Uint8Array {
  return join(...fields.flatMap(({ number, wire, value, tag, length, overlong }) => {
    const content = typeof value === "bigint"
      ? varintBytes(value, overlong)
      : value instanceof Uint8Array
      ? value
      : writeFields(value);
    return [
      tag ?? (number === 0 ? new Uint8Array() : varintBytes(BigInt(number * 8 + wire))),
      length ?? (wire === 2 ? varintBytes(BigInt(content.length), overlong) : new Uint8Array()),
      content,
    ];
  }));
}

/**
 * A push with what it says twice said once: a value that comes in several parts is merged, as the specification of protobuf
 * demands and protobufjs does not.
 */
export function withMergedValues(push: Uint8Array): Uint8Array {
  const families = readFields(push, PUSH);
  if (families === undefined) return push;
  for (const family of families) {
    for (const field of openField(family) ?? []) {
      const fields = field.number === 4 ? openField(field) : undefined;
      if (fields !== undefined) field.value = merged(fields);
    }
  }
  return writeFields(families);
}

const VALUES = new Set([2, 3, 4, 5, 7]);

function merged(fields: readonly Field[]): Field[] {
  const first = new Map<number, Field>();
  return fields.filter((field) => {
    if (field.wire !== 2 || !VALUES.has(field.number)) return true;
    const before = first.get(field.number);
    if (before === undefined) {
      first.set(field.number, field);
      return true;
    }
    before.value = join(before.value as Uint8Array, field.value as Uint8Array);
    return false;
  });
}
