import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeFrame, TRANSPORT_TYPES } from "../../../ring/transport/frames.ts";
import {
  commonVersion,
  type HelloHeader,
  MAX_KEY_BYTES,
  MAX_KEYS,
  readHello,
  readRefusal,
  refusalOf,
  writeHello,
  writeRefusal,
} from "../../../ring/transport/hello.ts";

const HELLO: HelloHeader = {
  name: "a",
  boot: "00112233445566778899aabbccddeeff",
  incarnation: 3,
  address: "10.0.0.1:9005",
  host: "one",
  cluster: "production",
  versions: { oldest: 1, newest: 2 },
  keys: { signing: "k1", verifying: ["k1", "k2"] },
};
const OURS: HelloHeader = { ...HELLO, name: "b", boot: "f".repeat(32) };

Deno.test("readHello() reads what writeHello() wrote, and ignores what it does not know", () => {
  const header = JSON.parse(JSON.stringify(writeHello(HELLO)));
  assert.deepEqual(readHello(header), HELLO);
  assert.deepEqual(
    readHello({ ...header, later: [1], keys: { ...header.keys, later: 1 }, versions: [1, 2, 3] }),
    HELLO,
  );
});

Deno.test("writeHello() fits its frame at its longest", () => {
  // JSON escapes each of these bytes.
  const text = '"'.repeat(255), key = "x".repeat(MAX_KEY_BYTES);
  const keys = { signing: key, verifying: Array<string>(MAX_KEYS).fill(key) };
  const longest = { ...HELLO, name: text, address: text, host: text, cluster: text, keys };
  assert.ok(encodeFrame({ version: 1, type: TRANSPORT_TYPES.hello, header: writeHello(longest) }).length > 3_000);
});

Deno.test("readHello() refuses fields that are missing or not of their form", () => {
  const header = writeHello(HELLO);
  const rows: [string, unknown[]][] = [
    ["name", [undefined, "", 1, "x".repeat(256), "ü".repeat(128)]],
    ["boot", [undefined, "", "0".repeat(31), "G".repeat(32), 1]],
    ["incarnation", [undefined, -1, 1.5, "1", 2 ** 53]],
    ["address", [undefined, "", null]],
    ["host", [undefined, []]],
    ["cluster", [undefined, {}]],
    ["versions", [undefined, [], [0, 1], [2, 1], [1, 256], ["1", "2"], 1]],
    ["keys", [undefined, null, {}, { signing: "a" }, { verifying: [] }, { signing: "a", verifying: [1] }]],
    ["keys", [{ signing: "a", verifying: Array(17).fill("a") }]],
  ];
  for (const [field, values] of rows) {
    for (const value of values) {
      assert.throws(() => readHello({ ...header, [field]: value }), (error) => {
        return error instanceof SyntaxError && error.message.startsWith(`Cannot read HELLO: its ${field} must be `);
      }, `${field} ${JSON.stringify(value)}`);
    }
  }
});

Deno.test("readHello() throws nothing but a SyntaxError, whatever the header", () => {
  const field = fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>(...Object.values(writeHello(HELLO))));
  fc.assert(fc.property(fc.dictionary(fc.constantFrom(...Object.keys(HELLO)), field), (header) => {
    try {
      assert.equal(readHello({ ...writeHello(HELLO), ...header }).boot.length, 32);
    } catch (error) {
      assert.ok(error instanceof SyntaxError, String(error));
    }
  }));
});

Deno.test("commonVersion() is the newest that both speak", () => {
  const rows: [number, number, number, number, number | undefined][] = [
    [1, 1, 1, 1, 1],
    [1, 2, 1, 1, 1],
    [1, 3, 2, 5, 3],
    [2, 3, 1, 1, undefined],
    [1, 1, 2, 2, undefined],
    [3, 3, 1, 9, 3],
  ];
  for (const [oldestA, newestA, oldestB, newestB, expected] of rows) {
    const a = { oldest: oldestA, newest: newestA }, b = { oldest: oldestB, newest: newestB };
    assert.deepEqual([commonVersion(a, b), commonVersion(b, a)], [expected, expected]);
  }
});

Deno.test("refusalOf() lets in whom nothing speaks against", () => {
  const rotating = { signing: "k2", verifying: ["k2", "k1"] };
  for (
    const theirs of [HELLO, { ...HELLO, keys: rotating }, { ...HELLO, versions: { oldest: 2, newest: 9 } }]
  ) {
    assert.equal(refusalOf({ theirs, ours: OURS, certificateNames: ["x", "a"] }), undefined);
    const peerAllow = new Set(["a", "c"]);
    assert.equal(refusalOf({ theirs, ours: OURS, certificateNames: ["a"], peerAllow }), undefined);
  }
});

Deno.test("refusalOf() says what speaks against one", () => {
  const rows: [Partial<HelloHeader>, string[], string, string, string][] = [
    [{}, ["A", "a.b", "*", ""], "not-allowed", "name", 'The certificate does not have the name "a"'],
    [{ boot: OURS.boot }, ["a"], "self", "self", "This process dialled itself"],
    [{ name: "d" }, ["d"], "not-allowed", "peer-allow", '--peer-allow of b does not list "d"'],
    [{ cluster: "staging" }, ["a"], "other-cluster", "cluster", 'b is in cluster "production", not "staging"'],
    [
      { keys: { signing: "k3", verifying: ["k1", "k3"] } },
      ["a"],
      "other-cluster",
      "keys",
      'b and "a" do not verify each other\'s tokens: check --shared-key',
    ],
    [
      { keys: { signing: "k2", verifying: ["k2"] } },
      ["a"],
      "other-cluster",
      "keys",
      'b and "a" do not verify each other\'s tokens: check --shared-key',
    ],
    [
      { versions: { oldest: 3, newest: 4 } },
      ["a"],
      "version",
      "version",
      "b speaks versions 1 to 2 of the frames, not 3 to 4",
    ],
    [{ name: "b" }, ["b"], "name-taken", "name-taken", "Another process is running as b"],
  ];
  for (const [fields, certificateNames, code, reason, message] of rows) {
    const theirs = { ...HELLO, ...fields }, peerAllow = new Set(["a", "b"]);
    assert.deepEqual(refusalOf({ theirs, ours: OURS, certificateNames, peerAllow }), { code, reason, message });
  }
});

Deno.test("readRefusal() reads what writeRefusal() wrote, and makes do with anything", () => {
  const rows: [Parameters<typeof readRefusal>[0], ReturnType<typeof readRefusal>][] = [
    [
      writeRefusal({ code: "duplicate", message: "twice", name: "a" }),
      { code: "duplicate", message: "twice", name: "a" },
    ],
    [writeRefusal({ code: "self", message: "x".repeat(9_000) }), { code: "self", message: "x".repeat(997) + "…" }],
    [{ code: "self", message: "x".repeat(9_000) }, { code: "self", message: "x".repeat(997) + "…" }],
    [{ code: "self", message: "a\nlevel=error \u202eb" }, { code: "self", message: "a\\u{a}level=error \\u{202e}b" }],
    [{ code: "of-tomorrow", message: "why" }, { code: "unreachable", message: "why" }],
    [{}, { code: "unreachable", message: "no reason given" }],
    [{ code: {}, message: 1, name: [] }, { code: "unreachable", message: "no reason given" }],
  ];
  for (const [header, refusal] of rows) assert.deepEqual(readRefusal(header), refusal);
});
