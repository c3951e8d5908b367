import assert from "node:assert/strict";
import fc from "fast-check";
import { Kernel } from "../../../common/kernel/kernel.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes that escapes, or a test for them in words, may mistake: they differ by a bit or a carry from one that is special. */
const BYTES = [
  ...[0x00, 0x01, 0x09, 0x0a, 0x0b, 0x0d, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x27, 0x2c, 0x5b, 0x5c, 0x5d, 0x5e, 0x6e, 0x7b],
  ...[0x7d, 0x7e, 0x7f, 0x80, 0x8a, 0xa2, 0xbf, 0xc0, 0xc1, 0xc2, 0xdc, 0xed, 0xf4, 0xf5, 0xff],
];
const SEQUENCES = ["é", "\u07ff", "\u0800", "€", "\ufeff", "\uffff", "😀", "\u{10ffff}"].map((c) => encoder.encode(c));
/** Neither text nor what stands around it: a byte that was not meant to be written shows. */
const CANARY = 0xee;

/** What the text format has for a value, or where the value stops being UTF-8. */
function naive(value: Uint8Array): { escaped: Uint8Array } | { fault: number } {
  const text = decoded(value);
  if (text !== undefined) {
    return { escaped: encoder.encode(text.replaceAll(/["\\]/g, "\\$&").replaceAll("\n", "\\n")) };
  }
  let at = 0;
  for (;;) {
    const size = [1, 2, 3, 4].find((size) => at + size <= value.length && decoded(value.subarray(at, at + size)));
    if (size === undefined) return { fault: at };
    at += size;
  }
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

const ROOM = 512;
const kernel = new Kernel();
const source = kernel.freeFrom + ROOM, target = source + ROOM;
kernel.reserve(target + ROOM);

/** Writes a value that stands at `from` of a push to `to` of the text, and returns the hash of it. */
function write(value: Uint8Array, { from = 0, to = 0 } = {}): bigint {
  const { exports, bytes } = kernel;
  bytes.fill(CANARY, source - ROOM, target + ROOM);
  bytes.set(value, source + from);
  exports.setValuesHash(7n);
  const end = exports.writeValue(source + from, value.length, target + to);
  const expected = naive(value);
  const escaped = "fault" in expected ? new Uint8Array() : expected.escaped;
  let right = "fault" in expected
    ? end === 0 && exports.faultAt.value === source + from + expected.fault
    : end === target + to + escaped.length;
  for (let i = 0; i < escaped.length; i++) right &&= bytes[target + to + i] === escaped[i];
  // Nothing in front is touched, nor what lies behind the room that was asked for.
  for (let i = -16; i < to; i++) right &&= bytes[target + i] === CANARY;
  right &&= bytes[target + to + 2 * value.length + 16] === CANARY;
  if (!right) {
    const shown = [...value].map((byte) => byte.toString(16)).join(" ");
    const written = [...bytes.subarray(target, target + to + 2 * value.length + 17)].map((byte) => byte.toString(16))
      .join(" ");
    assert.fail(`${shown} from ${from} to ${to} is written as ${written}, with the end ${end - target}`);
  }
  return exports.valuesHash.value;
}

Deno.test("Kernel.exports.writeValue() escapes values of every length with every byte at every place", () => {
  for (let length = 0; length <= 40; length++) {
    const value = new Uint8Array(length).map((_, i) => 0x61 + i % 26);
    for (let at = 0; at < length; at++) {
      const plain = value[at];
      for (const byte of BYTES) {
        value[at] = byte;
        write(value, { from: at % 5, to: length % 3 });
      }
      value[at] = plain;
    }
  }
});

Deno.test("Kernel.exports.writeValue() gives one value one hash wherever it stands", () => {
  for (let length = 0; length <= 13; length++) {
    for (const byte of [0x61, 0x22, 0x23, 0x0a, 0x5c, 0x00]) {
      for (let at = 0; at < Math.max(1, length); at++) {
        const value = new Uint8Array(length).fill(0x78);
        if (length > 0) value[at] = byte;
        const hashes = new Set<bigint>();
        for (let from = 0; from < 4; from++) {
          for (let to = 0; to < 4; to++) hashes.add(write(value, { from, to }));
        }
        assert.equal(hashes.size, 1, `length ${length}, ${byte} at ${at}`);
      }
    }
  }
});

Deno.test("Kernel.exports.writeValue() takes whole sequences of UTF-8 at every place, and no part of one", () => {
  for (const sequence of SEQUENCES) {
    for (let length = sequence.length; length <= 14; length++) {
      for (let at = 0; at + sequence.length <= length; at++) {
        const value = new Uint8Array(length).fill(0x78);
        value.set(sequence, at);
        write(value, { from: at % 4 });
        for (let i = 0; i < sequence.length; i++) {
          for (const byte of [0x22, 0x7f, 0x80, 0xbf, 0xc3, 0xf0]) {
            const broken = value.slice();
            broken[at + i] = byte;
            write(broken, { from: 1 });
          }
        }
        write(value.subarray(0, at + sequence.length - 1), { from: 3 });
      }
    }
  }
});

Deno.test("Kernel.exports.writeValue() takes exactly the sequences of two bytes and more that are UTF-8", () => {
  for (let first = 0x80; first <= 0xff; first++) {
    for (const second of [0, 0x22, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff]) {
      write(new Uint8Array([first, second]));
      for (const rest of [[0x80], [0xbf], [0x80, 0x80], [0xbf, 0xbf]]) write(new Uint8Array([first, second, ...rest]));
    }
  }
});

Deno.test("Kernel.exports.writeValue() escapes what random bytes there are", () => {
  const byte = fc.oneof(fc.constantFrom(...BYTES), fc.integer({ min: 0, max: 255 }), fc.integer({ min: 97, max: 122 }));
  fc.assert(
    fc.property(
      fc.array(byte, { maxLength: 64, size: "max" }),
      fc.string({ unit: "binary", maxLength: 20, size: "max" }),
      fc.nat({ max: 3 }),
      (bytes, text, from) => {
        write(new Uint8Array(bytes), { from });
        write(encoder.encode(text.toWellFormed()), { from });
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("Kernel.exports.writeValue() gives different values different hashes, in whatever script", () => {
  const hashesOf = (values: Iterable<string>) => {
    const hashes = new Set<bigint>();
    let count = 0;
    for (const value of values) {
      hashes.add(write(encoder.encode(value)));
      count++;
    }
    return { hashes: hashes.size, count };
  };
  const scripts: Record<string, () => Iterable<string>> = {
    "numbers": () => Array.from({ length: 5_000 }, (_, i) => String(i)),
    "ideographs": () => Array.from({ length: 5_000 }, (_, i) => String.fromCodePoint(0x4e00 + i)),
    "Cyrillic words": () =>
      Array.from(
        { length: 5_000 },
        (_, i) =>
          [...i.toString(9).padStart(5, "0")].map((digit) => String.fromCodePoint(0x430 + Number(digit))).join(""),
      ),
    "emoji behind quotes": () => Array.from({ length: 1_000 }, (_, i) => `"${String.fromCodePoint(0x1f300 + i)}`),
  };
  for (const [script, values] of Object.entries(scripts)) {
    const { hashes, count } = hashesOf(values());
    assert.ok(hashes === count, `${script}: ${hashes} hashes of ${count} values`);
  }
});
