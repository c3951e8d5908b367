import assert from "node:assert/strict";
import fc from "fast-check";
import { constant, LINE_ROOM, LineWriter } from "../../../server/ingest/line_writer.ts";

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

const SOURCE = new Uint8Array(512);
const writer = new LineWriter();

/** Writes a value that stands at `from` of a push to `to` of the buffer, and returns the hash of it. */
function write(value: Uint8Array, { from = 0, to = 0 } = {}): number {
  SOURCE.fill(CANARY);
  SOURCE.set(value, from);
  writer.length = to;
  writer.hash = 7;
  writer.bytes.fill(CANARY, 0, 256);
  const fault = writer.labelValue(new DataView(SOURCE.buffer), from, from + value.length);
  const expected = naive(value);
  const escaped = "fault" in expected ? new Uint8Array() : expected.escaped;
  const buffer = writer.bytes;
  let right = fault === ("fault" in expected ? from + expected.fault : -1) && writer.length === to + escaped.length;
  for (let i = 0; i < escaped.length; i++) right &&= buffer[to + i] === escaped[i];
  // Nothing in front is touched, nor what lies behind the room that was asked for.
  for (let i = 0; i < to; i++) right &&= buffer[i] === CANARY;
  right &&= buffer[to + Math.max(4, 2 * value.length)] === CANARY;
  if (!right) {
    const shown = [...value].map((byte) => byte.toString(16)).join(" ");
    const written = [...buffer.subarray(0, to + 2 * value.length + 5)].map((byte) => byte.toString(16)).join(" ");
    assert.fail(`${shown} from ${from} to ${to} is written as ${written}, with the fault ${fault}`);
  }
  return writer.hash;
}

Deno.test("LineWriter.labelValue() escapes values of every length with every byte at every place", () => {
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

Deno.test("LineWriter.labelValue() gives one value one hash wherever it stands", () => {
  for (let length = 0; length <= 13; length++) {
    for (const byte of [0x61, 0x22, 0x23, 0x0a, 0x5c, 0x00]) {
      for (let at = 0; at < Math.max(1, length); at++) {
        const value = new Uint8Array(length).fill(0x78);
        if (length > 0) value[at] = byte;
        const hashes = new Set<number>();
        for (let from = 0; from < 4; from++) {
          for (let to = 0; to < 4; to++) hashes.add(write(value, { from, to }));
        }
        assert.equal(hashes.size, 1, `length ${length}, ${byte} at ${at}`);
      }
    }
  }
});

Deno.test("LineWriter.labelValue() takes whole sequences of UTF-8 at every place, and no part of one", () => {
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

Deno.test("LineWriter.labelValue() takes exactly the sequences of two bytes and more that are UTF-8", () => {
  for (let first = 0x80; first <= 0xff; first++) {
    for (const second of [0, 0x22, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff]) {
      write(new Uint8Array([first, second]));
      for (const rest of [[0x80], [0xbf], [0x80, 0x80], [0xbf, 0xbf]]) write(new Uint8Array([first, second, ...rest]));
    }
  }
});

Deno.test("LineWriter.labelValue() escapes what random bytes there are", () => {
  const byte = fc.oneof(fc.constantFrom(...BYTES), fc.integer({ min: 0, max: 255 }), fc.integer({ min: 97, max: 122 }));
  fc.assert(
    fc.property(
      fc.array(byte, { maxLength: 64 }),
      fc.string({ unit: "binary", maxLength: 20 }),
      fc.nat({ max: 3 }),
      (bytes, text, from) => {
        write(new Uint8Array(bytes), { from });
        write(encoder.encode(text.toWellFormed()), { from });
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("LineWriter.labelValue() gives different values different hashes, in whatever script", () => {
  const hashesOf = (values: Iterable<string>) => {
    const hashes = new Set<number>();
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
    // Of 5,000 good hashes of 32 bits some three in a thousand times two are the same.
    assert.ok(hashes >= count - 2, `${script}: ${hashes} hashes of ${count} values`);
  }
});

Deno.test("LineWriter.number() writes what reads back as the same number, at every number of digits", () => {
  const written = (value: number) => {
    writer.length = 0;
    writer.reserve(32);
    writer.number(value);
    assert.ok(writer.length <= 32, String(value));
    return decoder.decode(writer.bytes.subarray(0, writer.length));
  };
  for (let power = 1; power <= 1e10; power *= 10) {
    for (const value of [power - 1, power, power + 1]) assert.equal(written(value), String(value));
  }
  fc.assert(fc.property(fc.oneof(fc.double(), fc.maxSafeInteger()), (value) => {
    const read = Number(written(value).replace("Inf", "Infinity"));
    assert.ok(Object.is(read, value), `${value} is written as ${written(value)}`);
  }));
});

Deno.test("LineWriter keeps what it holds as its buffer grows, and writes on where it stood", () => {
  const growing = new LineWriter();
  let expected = "";
  const piece = constant('ünicode="');
  while (growing.bytes.length < 1 << 20) {
    const text = `value ${expected.length}`.padEnd(expected.length % 97, "x");
    const source = encoder.encode(text);
    growing.reserve(2 * source.length + piece.length + LINE_ROOM);
    growing.constant(piece);
    assert.equal(growing.labelValue(new DataView(source.buffer), 0, source.length), -1);
    growing.endLabel();
    expected += `ünicode="${text}",`;
    assert.ok(growing.bytes.buffer === growing.view.buffer);
  }
  assert.equal(decoder.decode(growing.bytes.subarray(0, growing.length)), expected);
});

Deno.test("LineWriter.constant() writes constants of every length behind one another", () => {
  const texts = Array.from({ length: 20 }, (_, i) => "é".repeat(i % 3) + "x".repeat(i));
  writer.length = 0;
  for (const text of texts) writer.constant(constant(text));
  assert.equal(decoder.decode(writer.bytes.subarray(0, writer.length)), texts.join(""));
});
