/**
 * Mutations of protobuf: right and wrong messages that no encoder would write.
 *
 * @module
 */

import type { Random } from "../support/random.ts";
import { join } from "./mutate_bytes.ts";
import { BAD_UTF8, INTEGERS, NUMBERS, TEXTS } from "./vocabulary.ts";
import { type Field, openField, PUSH, readFields, type Schema, varintBytes, writeFields } from "./wire_tree.ts";

const encoder = new TextEncoder();

/** Fields are repeated at most so often, and to so many bytes or little more. */
const MAX_REPEATS = 400, MAX_REPEATED_BYTES = 262_144;

/** A place in the tree: the list that a field is in, and where in it. */
interface Place {
  readonly list: Field[];
  readonly at: number;
}

function anyPlace(fields: Field[], random: Random): Place {
  const at = random.below(fields.length);
  // Most of what matters lies deep: labels and values, rather than families.
  const inner = random.chance(0.85) ? openField(fields[at]) : undefined;
  return inner !== undefined && inner.length > 0 ? anyPlace(inner, random) : { list: fields, at };
}

function doubleBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return bytes;
}

/** A field that no schema has, or one that another message has. */
function strangeField(random: Random): Field {
  const number = random.pick([...Array(18).keys(), 1_000, 2 ** 29 - 1, 2 ** 29]);
  const wire = random.pick([0, 1, 2, 2, 3, 4, 5, 6, 7]);
  const value = wire === 0
    ? random.pick(INTEGERS)
    : wire === 1
    ? doubleBytes(random.pick(NUMBERS))
    : wire === 5
    ? random.bytes(4)
    : wire === 2
    ? encoder.encode(random.pick(TEXTS))
    : new Uint8Array();
  return { number, wire, value };
}

function wrongLength(field: Field, random: Random): Uint8Array {
  const { value } = field;
  const right = value instanceof Uint8Array ? value.length : Array.isArray(value) ? writeFields(value).length : 1;
  return random.pick([
    varintBytes(BigInt(Math.max(0, right + random.between(-3, 3)))),
    varintBytes(random.pick(INTEGERS)),
    varintBytes(BigInt(right), random.between(1, 9)),
    new Uint8Array(random.between(1, 11)).fill(0xff),
  ]);
}

function otherValue(field: Field, random: Random): Field["value"] {
  if (typeof field.value === "bigint") return random.pick([random.pick(INTEGERS), field.value + 1n, field.value * 2n]);
  if (field.wire === 1) return doubleBytes(random.pick(NUMBERS));
  const bytes = Array.isArray(field.value) ? writeFields(field.value) : field.value;
  return random.pick([
    encoder.encode(random.pick(TEXTS)),
    encoder.encode(random.pick(TEXTS)),
    random.pick(BAD_UTF8),
    bytes.subarray(0, random.below(bytes.length + 1)),
    Uint8Array.from([...bytes.subarray(0, 255), ...random.pick(BAD_UTF8)]),
    // Packed numbers.
    join(...Array.from({ length: random.size(8) }, () => varintBytes(random.pick(INTEGERS)))),
    join(...Array.from({ length: random.size(8) }, () => doubleBytes(random.pick(NUMBERS)))),
  ]);
}

const MUTATIONS: readonly ((place: Place, random: Random, root: Field[]) => void)[] = [
  ({ list, at }) => void list.splice(at, 1),
  ({ list, at }, random) => void list.splice(random.below(list.length + 1), 0, { ...list[at] }),
  ({ list, at }, random) => {
    const most = Math.min(MAX_REPEATS, Math.ceil(MAX_REPEATED_BYTES / writeFields([list[at]]).length));
    list.splice(at, 0, ...Array<Field>(random.size(most)).fill(list[at]));
  },
  ({ list, at }, random) => {
    const other = random.below(list.length);
    [list[at], list[other]] = [list[other], list[at]];
  },
  ({ list, at }, random) => void list.splice(at, 0, strangeField(random)),
  ({ list, at }, random) => list[at].value = otherValue(list[at], random),
  ({ list, at }, random) => list[at].value = otherValue(list[at], random),
  ({ list, at }, random) => list[at].overlong = random.between(1, 10),
  ({ list, at }, random) => list[at].length = wrongLength(list[at], random),
  ({ list, at }, random) => list[at].number = random.between(0, 17),
  ({ list, at }, random) => list[at].wire = random.below(8),
  ({ list, at }, random) => {
    const { number, wire } = list[at];
    list[at].tag = random.pick([
      varintBytes(BigInt(number * 8 + wire), random.between(1, 9)),
      varintBytes(random.pick(INTEGERS)),
    ]);
  },
  ({ list, at }, random, root) => {
    const from = anyPlace(root, random);
    list.splice(at, 0, structuredClone(from.list[from.at]));
  },
  ({ list, at }) => void openField(list[at])?.reverse(),
];

/** Changes one to three fields of a push, or of a message of another schema; undefined for what cannot be read as one. */
export function mutateWire(
  message: Uint8Array,
  { random, schema = PUSH }: { random: Random; schema?: Schema },
): Uint8Array | undefined {
  const fields = readFields(message, schema);
  if (fields === undefined) return undefined;
  for (let count = random.size(3); count > 0 && fields.length > 0; count--) {
    random.pick(MUTATIONS)(anyPlace(fields, random), random, fields);
  }
  return writeFields(fields);
}
