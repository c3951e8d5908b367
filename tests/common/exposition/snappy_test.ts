import assert from "node:assert/strict";
import fc from "fast-check";
import { LimitError } from "../../../common/exposition/metric_family.ts";
import { encodeFamilies } from "../../../common/exposition/protobuf.ts";
import { crc32c, frameSnappy, SnappyUnframer } from "../../../common/exposition/snappy.ts";
import {
  bitwiseCrc32c,
  checksum,
  chunk,
  dataChunk,
  oracleUnframe,
  stream,
} from "../../support/framed_snappy_oracle.ts";
import { realisticFamilies } from "../../support/realistic_push.ts";
import { unframed } from "../../support/unframed.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const NO_LIMIT = { limitBytes: Infinity };
const ascii = (text: string) => new TextEncoder().encode(text);
const push = encodeFamilies(realisticFamilies({ id: "a", nowMs: 1_700_000_000_000 }));

/** Bytes that compress well, badly, or not at all, of up to some chunks. */
const RAW = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 50 }), fc.nat(150_000)).map(([unit, length]) =>
    Uint8Array.from({ length }, (_, i) => unit[i % unit.length])
  ),
  fc.tuple(fc.nat(), fc.nat(70_000)).map(([seed, length]) => {
    let state = seed | 1;
    return Uint8Array.from({ length }, () => (state = Math.imul(state, 1_103_515_245) + 12_345) >>> 16);
  }),
  fc.nat(push.length).map((start) => push.slice(start)),
);

Deno.test("crc32c() gives the checksums of RFC 3720, appendix B.4", () => {
  const table: readonly (readonly [bytes: Uint8Array, crc: number])[] = [
    [new Uint8Array(), 0],
    [new Uint8Array(32), 0x8a9136aa],
    [new Uint8Array(32).fill(0xff), 0x62a8ab43],
    [Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    [Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    [ascii("123456789"), 0xe3069283],
  ];
  for (const [bytes, crc] of table) assert.equal(crc32c(bytes), crc);
});

Deno.test("crc32c() agrees with a division bit by bit, wherever the bytes stand in their buffer", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(20), (bytes, start) => {
    assert.equal(crc32c(bytes.subarray(start)), bitwiseCrc32c(bytes.slice(start)));
  }));
});

Deno.test("crc32c() checks as much as a chunk holds, and no more", () => {
  const most = new Uint8Array(65_537).map((_, i) => i * 7);
  assert.equal(crc32c(most.subarray(1)), bitwiseCrc32c(most.slice(1)));
  assert.throws(() => crc32c(most), RangeError);
});

Deno.test("frameSnappy() writes what an independent reader reads", () => {
  fc.assert(fc.property(RAW, (raw) => assert.deepEqual(oracleUnframe(frameSnappy(raw)), raw)), { numRuns: 40 });
});

Deno.test("frameSnappy() is not misled by what it has written before, since it uses its memory again", () => {
  fc.assert(
    fc.property(RAW, fc.nat(300), (raw, start) => {
      for (const next of [raw, raw, raw.subarray(start), raw.toReversed(), raw]) {
        assert.deepEqual(oracleUnframe(frameSnappy(next)), next);
      }
    }),
    { numRuns: 20 },
  );
});

Deno.test("SnappyUnframer.unframe() reads what an independent writer writes", () => {
  const piece = fc.tuple(fc.uint8Array({ maxLength: 500 }), fc.constantFrom("compressed", "uncompressed"));
  fc.assert(fc.property(fc.array(piece, { maxLength: 5 }), (pieces) => {
    const framed = stream(...pieces.map(([raw, how]) => dataChunk(raw, how)));
    assert.deepEqual([...unframed(framed, NO_LIMIT)], pieces.flatMap(([raw]) => [...raw]));
  }));
});

Deno.test("frameSnappy() and SnappyUnframer.unframe() are a round trip", () => {
  for (const length of [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000]) {
    const raw = Uint8Array.from({ length }, (_, i) => i ^ i >> 8);
    assert.deepEqual(unframed(frameSnappy(raw), { limitBytes: length }), raw);
  }
  fc.assert(
    fc.property(RAW, (raw) => assert.deepEqual(unframed(frameSnappy(raw), { limitBytes: raw.length }), raw)),
    { numRuns: 40 },
  );
});

Deno.test("frameSnappy() starts with the stream identifier and leaves alone what does not compress", () => {
  const hello = ascii("hello");
  assert.deepEqual(frameSnappy(new Uint8Array()), stream());
  assert.deepEqual(frameSnappy(hello), stream(dataChunk(hello, "uncompressed")));
  assert.deepEqual(
    [...frameSnappy(hello)].map((byte) => byte.toString(16).padStart(2, "0")).join(" "),
    "ff 06 00 00 73 4e 61 50 70 59 01 09 00 00 bb 1f 1c 19 68 65 6c 6c 6f",
  );
  assert(frameSnappy(push).length < push.length / 5);
});

const abc = ascii("abc");
const ACCEPTED: readonly (readonly [what: string, framed: Uint8Array, raw: string])[] = [
  ["the stream identifier alone", stream(), ""],
  ["a chunk that holds nothing", stream(dataChunk(new Uint8Array(), "uncompressed")), ""],
  [
    "padding and chunks to be skipped",
    stream(chunk(0xfe, [0, 0]), dataChunk(abc, "compressed"), chunk(0x80, abc)),
    "abc",
  ],
  [
    "streams one after the other",
    new Uint8Array([...stream(dataChunk(abc, "compressed")), ...frameSnappy(abc)]),
    "abcabc",
  ],
];

for (const [what, framed, raw] of ACCEPTED) {
  Deno.test(`SnappyUnframer.unframe() accepts ${what}`, () => {
    assert.equal(new TextDecoder().decode(unframed(framed, NO_LIMIT)), raw);
  });
}

const compressed = (block: readonly number[]) => stream(chunk(0x00, [...checksum(abc), ...block]));
const REFUSED: readonly (readonly [what: string, framed: Uint8Array, why: RegExp])[] = [
  ["nothing", new Uint8Array(), /no stream identifier, at offset 0/],
  ["a bare block", new Uint8Array([3, 2 << 2, ...abc, 0, 0, 0, 0, 0, 0]), /no stream identifier, at offset 0/],
  [
    "a stream identifier that is wrong",
    stream(chunk(0xff, ascii("sNaPpy"))),
    /a stream identifier is wrong, at offset 10/,
  ],
  ["a stream identifier that is too long", stream(chunk(0xff, ascii("sNaPpYx"))), /identifier is wrong, at offset 10/],
  ["a chunk header cut short", stream([0x00, 1]), /a chunk header is cut short, at offset 10/],
  ["a chunk cut short", stream([0x01, 8, 0, 0, 1, 2, 3, 4]), /a chunk is cut short, at offset 10/],
  ["a chunk of 16 MiB that is not there", stream([0x00, 0xff, 0xff, 0xff, 1]), /a chunk is cut short, at offset 10/],
  ["a chunk without checksum", stream(chunk(0x01, [1, 2, 3])), /a chunk has no checksum, at offset 10/],
  ["a chunk of a reserved type", stream(chunk(0x02, abc)), /a chunk has the reserved type 2, at offset 10/],
  ["a chunk of the last reserved type", stream(chunk(0x7f, [])), /a chunk has the reserved type 127, at offset 10/],
  ["a wrong checksum", stream(chunk(0x01, [1, 2, 3, 4, ...abc])), /a checksum does not match, at offset 10/],
  [
    "a wrong checksum of the second chunk",
    stream(dataChunk(abc, "compressed"), chunk(0x01, [...checksum(abc), ...ascii("abd")])),
    /a checksum does not match, at offset 23/,
  ],
  [
    "more than 64 KiB in a chunk",
    stream(dataChunk(new Uint8Array(65_537), "uncompressed")),
    /a chunk holds more than 64 KiB, at offset 10/,
  ],
  [
    "more than 64 KiB in a block",
    stream(dataChunk(new Uint8Array(65_537), "compressed")),
    /a chunk holds more than 64 KiB, at offset 10/,
  ],
  ["a chunk longer than any", stream(dataChunk(new Uint8Array(80_000), "uncompressed")), /too long, at offset 10/],
  ["a block that claims 4 GiB", compressed([0xff, 0xff, 0xff, 0xff, 0x0f, 0]), /holds more than 64 KiB, at offset 10/],
  ["a block without length", compressed([]), /a block has no length, at offset 10/],
  ["a block whose length has no end", compressed([0x80, 0x80, 0x80, 0x80, 0x80, 0]), /a block has no length/],
  ["a block that holds less than it claims", compressed([4, 2 << 2, ...abc]), /a block is malformed/],
  ["a block that holds more than it claims", compressed([2, 2 << 2, ...abc]), /a block is malformed/],
  ["a literal past the end of its block", compressed([3, 9 << 2, ...abc]), /a block is malformed/],
  ["a copy from before the start", compressed([4, 0, 0x61, 0x01, 0x09]), /a block is malformed/],
  ["a copy from offset 0", compressed([5, 0, 0x61, 0x01, 0x00]), /a block is malformed/],
];

for (const [what, framed, why] of REFUSED) {
  Deno.test(`SnappyUnframer.unframe() refuses ${what}`, () => {
    assert.throws(
      () => unframed(framed, NO_LIMIT),
      (error) => error instanceof SyntaxError && why.test(error.message),
    );
  });
}

Deno.test("SnappyUnframer.unframe() stops at its limit, and not before", () => {
  const raw = new Uint8Array(200_000);
  const framed = frameSnappy(raw);
  assert.equal(unframed(framed, { limitBytes: 200_000 }).length, 200_000);
  for (const limitBytes of [0, 65_536, 199_999]) {
    assert.throws(
      () => unframed(framed, { limitBytes }),
      (error) => error instanceof LimitError && error.message.includes(`more than ${limitBytes} bytes`),
    );
  }
  assert.equal(unframed(stream(), { limitBytes: 0 }).length, 0);
});

Deno.test("SnappyUnframer.unframe() spends no memory beyond its limit on a bomb", () => {
  const bomb = frameSnappy(new Uint8Array(64 << 20));
  const before = Deno.memoryUsage();
  assert.throws(() => unframed(bomb, { limitBytes: 1 << 20 }), LimitError);
  const after = Deno.memoryUsage();
  assert(after.heapUsed + after.external - before.heapUsed - before.external < 8 << 20);
});

Deno.test("SnappyUnframer hands out a view that the next call overwrites, also after one that failed", () => {
  const unframer = new SnappyUnframer();
  const first = unframer.unframe(frameSnappy(push), NO_LIMIT);
  assert.deepEqual(first, push);
  assert.throws(() => unframer.unframe(frameSnappy(push).subarray(0, -1), NO_LIMIT), SyntaxError);
  assert.throws(() => unframer.unframe(frameSnappy(push), { limitBytes: 1 }), LimitError);
  const second = unframer.unframe(frameSnappy(abc), NO_LIMIT);
  assert.deepEqual(second, abc);
  assert.equal(second.buffer, first.buffer);
  assert.deepEqual(unframer.unframe(frameSnappy(push), NO_LIMIT), push);
});

Deno.test("SnappyUnframer.unframe() refuses or reads damaged bytes as an independent reader does", () => {
  const edit = fc.record({ at: fc.nat(), byte: fc.nat(255), keep: fc.nat(2), skip: fc.nat(2) });
  const seed = [...frameSnappy(push.slice(0, 3_000))];
  let refused = 0;
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
      const bytes = [...seed];
      for (const { at, byte, keep, skip } of edits) bytes.splice(at % bytes.length, skip, ...Array(keep).fill(byte));
      const framed = new Uint8Array(bytes);
      let raw;
      try {
        raw = unframed(framed, { limitBytes: 10_000 });
      } catch (error) {
        assert(error instanceof SyntaxError || error instanceof LimitError, `${error}`);
        refused++;
        return;
      }
      assert.deepEqual(raw, oracleUnframe(framed));
    }),
    { numRuns: 1_000 },
  );
  // A change that goes unseen must be none: the checksum finds every other one.
  assert(refused > 500);
});
