import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { LimitError } from "../../../common/exposition/metric_family.ts";
import { joinChunks, Keys, layPush, MAX_BODY_BYTES, readHead, type StoredPush } from "../../../server/store/layout.ts";

const keys = new Keys("ns");

const PUSH: StoredPush = {
  id: "cluster-1",
  receivedAtMs: 1_700_000_000_000,
  contentType: "protobuf",
  contentEncoding: "snappy",
  labels: new Map([["_id", "cluster-1"]]),
  body: new Uint8Array([1, 2, 3]),
};

/** Reads back what was laid out, as a reader who lists the keys in order would. */
function readBack(push: StoredPush, generation = 7): StoredPush {
  const mutations = layPush(push, { keys, generation });
  const head = readHead(push.id, mutations.at(-1)!.value);
  const chunks = mutations.slice(0, -1).map(({ value }) => value);
  return head.chunked ? { ...head.push, body: joinChunks(head.chunked, chunks) } : head.push;
}

Deno.test("layPush() lays a small push out as one value of the documented form", () => {
  const mutations = layPush(PUSH, { keys, generation: 7 });
  assert.deepEqual(mutations.map(({ key }) => key), [["ns", "push", "cluster-1"]]);
  const header = '{"at":1700000000000,"type":"protobuf","encoding":"snappy","labels":[["_id","cluster-1"]]}';
  const length = header.length;
  const tail = new Uint8Array([0, 0, 0, length, ...new TextEncoder().encode(header), 1, 2, 3]);
  const crc = crc32(tail, crc32("cluster-1"));
  assert.deepEqual(
    mutations[0].value,
    new Uint8Array([1, crc >>> 24, (crc >>> 16) & 255, (crc >>> 8) & 255, crc & 255, ...tail]),
  );
});

Deno.test("layPush() lays a large push out as chunks of one generation, the head last", () => {
  const mutations = layPush({ ...PUSH, body: new Uint8Array(150_000) }, { keys, generation: 7 });
  assert.deepEqual(mutations.map(({ key }) => key), [
    ["ns", "chunk", "cluster-1", 7, 0],
    ["ns", "chunk", "cluster-1", 7, 1],
    ["ns", "chunk", "cluster-1", 7, 2],
    ["ns", "push", "cluster-1"],
  ]);
  assert.deepEqual(mutations.slice(0, 3).map(({ value }) => value!.length), [65_536, 65_536, 18_928]);
});

Deno.test("layPush() and readHead() give back every push", () => {
  const text = fc.string({ unit: "grapheme", maxLength: 60, size: "max" });
  const id = fc.string({ unit: "grapheme", minLength: 1, maxLength: 60, size: "max" })
    .filter((id) => new TextEncoder().encode(id).length <= 255);
  const push: fc.Arbitrary<StoredPush> = fc.record({
    id,
    receivedAtMs: fc.maxSafeInteger(),
    contentType: fc.constantFrom("protobuf", "text"),
    contentEncoding: fc.constantFrom("snappy", "gzip", "identity"),
    labels: fc.array(fc.tuple(text, text), { maxLength: 5 }).map((pairs) => new Map(pairs)),
    version: fc.record({ epoch: fc.nat(), ms: fc.nat(), ingress: text, sequence: fc.nat() }, { noNullPrototype: true }),
    role: fc.constantFrom("owner", "standby"),
    body: fc.oneof(fc.uint8Array(), fc.integer({ min: 65_000, max: 140_000 }).map((n) => new Uint8Array(n).fill(n))),
  }, {
    requiredKeys: ["id", "receivedAtMs", "contentType", "contentEncoding", "labels", "body"],
    noNullPrototype: true,
  });
  fc.assert(fc.property(push, (push) => assert.deepEqual(readBack(push), push)), { numRuns: 200 });
});

Deno.test("layPush() cuts where a value would pass the limit of Deno KV", () => {
  const inHead = layPush({ ...PUSH, body: new Uint8Array() }, { keys, generation: 7 })[0].value!.length;
  const largest = 65_536 - inHead;
  assert.equal(layPush({ ...PUSH, body: new Uint8Array(largest) }, { keys, generation: 7 }).length, 1);
  const mutations = layPush({ ...PUSH, body: new Uint8Array(largest + 1) }, { keys, generation: 7 });
  assert.equal(mutations.length, 2);
  for (const { value } of mutations) assert.ok(value!.length <= 65_536);
});

Deno.test("layPush() refuses ids and sizes that the store does not take", () => {
  for (const id of ["", "x".repeat(256), "ü".repeat(128), "\ud800"]) {
    assert.throws(() => layPush({ ...PUSH, id }, { keys, generation: 1 }), TypeError, JSON.stringify(id));
  }
  for (const id of ["x".repeat(255), "😀".repeat(63), "\0\n\"'/.", "\u0000"]) {
    assert.equal(readBack({ ...PUSH, id }).id, id);
  }
  const huge = new Uint8Array(MAX_BODY_BYTES + 1);
  assert.throws(() => layPush({ ...PUSH, body: huge }, { keys, generation: 1 }), LimitError);
  const labels = new Map(Array.from({ length: 300 }, (_, at) => [`label_${at}`, "x".repeat(255)]));
  assert.throws(() => layPush({ ...PUSH, labels }, { keys, generation: 1 }), LimitError);
});

Deno.test("readHead() takes no head with a byte changed, cut or added, or under another id", () => {
  const [{ value }] = layPush(PUSH, { keys, generation: 7 });
  const head = value as Uint8Array;
  for (let at = 0; at < head.length; at++) {
    const changed = head.slice();
    changed[at] ^= 0x10;
    assert.throws(() => readHead(PUSH.id, changed), SyntaxError, `byte ${at}`);
    assert.throws(() => readHead(PUSH.id, head.slice(0, at)), SyntaxError, `cut at ${at}`);
  }
  assert.throws(() => readHead(PUSH.id, new Uint8Array([...head, 0])), SyntaxError);
  assert.throws(() => readHead("cluster-2", head), SyntaxError);
  for (const other of [null, undefined, "text", 5, new Uint8Array()]) {
    assert.throws(() => readHead(PUSH.id, other), SyntaxError);
  }
});

Deno.test("joinChunks() takes no chunks but those that were laid out", () => {
  const body = crypto.getRandomValues(new Uint8Array(65_536)).slice();
  const large = new Uint8Array(140_000);
  large.set(body);
  const mutations = layPush({ ...PUSH, body: large }, { keys, generation: 7 });
  const { chunked } = readHead(PUSH.id, mutations.at(-1)!.value);
  const [a, b, c] = mutations.slice(0, 3).map(({ value }) => value as Uint8Array);
  assert.deepEqual(joinChunks(chunked!, [a, b, c]), large);
  const changed = c.slice();
  changed[0] ^= 1;
  for (
    const chunks of [[], [a, b], [b, a, c], [a, b, changed], [a, b, c.slice(1)], [a, b, c, c], [a, b, a], [a, b, ""]]
  ) {
    assert.throws(() => joinChunks(chunked!, chunks), SyntaxError);
  }
});
