import assert from "node:assert/strict";
import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { snappyCompress } from "hysnappy";
import { LimitError } from "../../../common/exposition/metric_family.ts";
import {
  WRITE_ENCODINGS,
  type WriteEncoding,
  writeEncodingOf,
  WriteUncompressor,
  writeVersionOf,
} from "../../../common/remote_write/body_encoding.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const uncompressor = new WriteUncompressor();
const COMPRESS: Record<WriteEncoding, (bytes: Uint8Array) => Uint8Array> = {
  snappy: snappyCompress,
  gzip: (bytes) => gzipSync(bytes),
  zstd: (bytes) => zstdCompressSync(bytes),
};

for (const encoding of WRITE_ENCODINGS) {
  Deno.test(`WriteUncompressor uncompresses ${encoding} up to the limit`, () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 2_000, size: "max" }),
        fc.integer({ min: 1, max: 200 }),
        (raw, times) => {
          const bytes = new Uint8Array(raw.length * times).map((_, i) => raw[i % raw.length]);
          const body = COMPRESS[encoding](bytes);
          const { length } = bytes;
          assert.deepEqual(Uint8Array.from(uncompressor.uncompress(body, { encoding, limitBytes: length })), bytes);
          assert.throws(() => uncompressor.uncompress(body, { encoding, limitBytes: length - 1 }), LimitError);
        },
      ),
      { numRuns: 50 },
    );
  });

  Deno.test(`WriteUncompressor throws nothing but SyntaxErrors and LimitErrors at garbled ${encoding}`, () => {
    const body = COMPRESS[encoding](new TextEncoder().encode("up 1 and up 2 and up 3".repeat(20)));
    fc.assert(
      fc.property(fc.nat(), fc.nat(255), fc.nat(), (at, byte, cut) => {
        const garbled = body.slice(0, body.length - cut % 3);
        garbled[at % garbled.length] = byte;
        try {
          uncompressor.uncompress(garbled, { encoding, limitBytes: 1_000 });
        } catch (error) {
          assert.ok(error instanceof SyntaxError || error instanceof LimitError, String(error));
        }
      }),
      { numRuns: 500 },
    );
  });
}

Deno.test("WriteUncompressor believes no length that a snappy block claims beyond the limit", () => {
  const bomb = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f, 0);
  assert.throws(() => uncompressor.uncompress(bomb, { encoding: "snappy", limitBytes: 1_000 }), LimitError);
  assert.throws(
    () => uncompressor.uncompress(new Uint8Array(), { encoding: "snappy", limitBytes: 1_000 }),
    SyntaxError,
  );
});

Deno.test("WriteUncompressor takes a snappy block with a literal of more than 64 KiB, which some senders write", () => {
  const literal = crypto.getRandomValues(new Uint8Array(60_000));
  const bytes = new Uint8Array(120_000);
  bytes.set(literal);
  bytes.set(literal.toReversed(), 60_000);
  // The length, then one literal whose length takes three bytes.
  const block = Uint8Array.from([
    0xc0,
    0xa9,
    0x07,
    62 << 2,
    ...[119_999 & 255, 119_999 >>> 8 & 255, 119_999 >>> 16],
    ...bytes,
  ]);
  assert.deepEqual(Uint8Array.from(uncompressor.uncompress(block, { encoding: "snappy", limitBytes: 120_000 })), bytes);
});

Deno.test("writeVersionOf() tells the messages apart by their content type", () => {
  const cases: [string | null, string | undefined][] = [
    [null, "1.0"],
    ["application/x-protobuf", "1.0"],
    ["application/x-protobuf;proto=prometheus.WriteRequest", "1.0"],
    ["application/x-protobuf;proto=io.prometheus.write.v2.Request", "2.0"],
    ['Application/X-Protobuf; charset=utf-8; proto="io.prometheus.write.v2.Request"', "2.0"],
    ["application/x-protobuf;proto=io.prometheus.write.v3.Request", undefined],
    ["application/json", undefined],
    ["text/plain", undefined],
  ];
  for (const [header, version] of cases) assert.equal(writeVersionOf(header), version, header ?? "none");
});

Deno.test("writeEncodingOf() knows three compressions, and takes a body for snappy that names none", () => {
  const cases: [string | null, WriteEncoding | undefined][] = [
    [null, "snappy"],
    ["Snappy", "snappy"],
    ["zstd", "zstd"],
    ["gzip", "gzip"],
    ["identity", undefined],
    ["br", undefined],
  ];
  for (const [header, encoding] of cases) assert.equal(writeEncodingOf(header), encoding, header ?? "none");
});
