/** A push in the bytes that the ring carries, and bytes that are no push. */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { PushContent } from "../../../server/ingest/push_content.ts";
import { decodePush, encodePush, LocalPush, MAX_HEADER_BYTES, MAX_PARTS } from "../../../server/ring/push_encoding.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const PUSH: PushContent = {
  contentType: "protobuf",
  contentEncoding: "snappy",
  labels: new Map([["_id", 'a"\n\u{1f600}'], ["x", ""]]),
  body: Uint8Array.of(1, 2, 3),
};

Deno.test("decodePush() gives back what encodePush() was given, whatever is in it", () => {
  fc.assert(fc.property(
    fc.constantFrom<PushContent["contentType"]>("protobuf", "text"),
    fc.constantFrom<PushContent["contentEncoding"]>("snappy", "gzip", "identity"),
    fc.array(fc.tuple(fc.string({ unit: "binary" }), fc.string({ unit: "binary" })), { maxLength: 20, size: "max" }),
    fc.uint8Array({ maxLength: 1_000, size: "max" }),
    (contentType, contentEncoding, labels, body) => {
      const push = { contentType, contentEncoding, labels: new Map(labels), body };
      assert.deepEqual(decodePush(encodePush(push)), push);
    },
  ));
});

Deno.test("decodePush() gives back the parts of a body, and takes none that are not the whole of it", () => {
  const parts = [1, 0, 2];
  assert.deepEqual(decodePush(encodePush({ ...PUSH, parts })), { ...PUSH, parts });
  for (const wrong of [[1, 1], [4, -1], [1.5, 1.5], [3, "0"], {}, 3, Array(MAX_PARTS + 1).fill(3 / (MAX_PARTS + 1))]) {
    assert.throws(() => decodePush(encodePush({ ...PUSH, parts: wrong as number[] })), SyntaxError);
  }
});

Deno.test("LocalPush is encoded once, to as many bytes as it said", () => {
  const local = new LocalPush(PUSH);
  const bytes = local.make();
  assert.deepEqual([bytes, bytes.length], [encodePush(PUSH), local.length]);
  assert.equal(local.make(), bytes);
});

Deno.test("encodePush() adds less than MAX_HEADER_BYTES to the body of a token with the longest labels", () => {
  const labels = new Map(Array.from({ length: 15 }, (_, i) => [`l${i}`, '"'.repeat(255)]));
  const parts = Array.from({ length: MAX_PARTS }, () => 1_000_000);
  assert.ok(encodePush({ ...PUSH, labels, parts }).length - PUSH.body.length < MAX_HEADER_BYTES);
});

Deno.test("decodePush() throws SyntaxErrors alone", () => {
  const bytes = encodePush(PUSH);
  for (let end = 0; end < bytes.length - PUSH.body.length; end++) {
    assert.throws(() => decodePush(bytes.subarray(0, end)), SyntaxError);
  }
  const header = (text: string) => {
    const written = new TextEncoder().encode(text);
    return Uint8Array.of(0, written.length, ...written);
  };
  for (
    const text of [
      "null",
      "[]",
      "1",
      '{"type":"text"}',
      '{"type":"html","encoding":"gzip","labels":[]}',
      '{"type":"text","encoding":"br","labels":[]}',
      '{"type":"text","encoding":"gzip","labels":{}}',
      '{"type":"text","encoding":"gzip","labels":[["a"]]}',
      '{"type":"text","encoding":"gzip","labels":[["a",1]]}',
    ]
  ) assert.throws(() => decodePush(header(text)), SyntaxError, text);
});
