/** What members say to each other, and what they make of garbage. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { type MeshMessage, MESSAGE_TYPES, type MessageType } from "../../../ring/protocol/mesh.ts";
import { type Message, readMessage, writeMessage } from "../../../ring/protocol/messages.ts";
import { MAX_PAUSE_MS, MAX_WORDS_BYTES } from "../../../ring/protocol/message_fields.ts";
import { agreedView, beliefs, row } from "../../support/ring_rows.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const TYPES = Object.keys(MESSAGE_TYPES) as MessageType[];
const VERSION = { epoch: 1, ms: 1_000, ingress: "a", sequence: 7 };
const ORIGIN = { ingress: "b", sequence: 2 };
const BALLOT = { round: 3, proposer: "b" };
const BYTES = new Uint8Array([1, 2, 3]);
const KEY = "000102030405060708090a0b0c0d0e0f";
const HOLDINGS = [{ id: "c1", version: VERSION }];

const MESSAGES: { [T in MessageType]: Extract<Message, { type: T }> } = {
  PING: { type: "PING", request: 1, ...beliefs({ accuses: ["b"] }), at: 5.5, asker: "a", askerBoot: "x", askerAt: 4 },
  ACK: { type: "ACK", request: 1, ...beliefs(), at: 5, wall: 9.5 },
  PING_REQ: { type: "PING_REQ", request: 1, target: "b", boot: "x", at: 5 },
  PING_REQ_ACK: { type: "PING_REQ_ACK", request: 1, ...beliefs(), target: "b", boot: "x", at: 5 },
  PREPARE: { type: "PREPARE", request: 0, epoch: 4, ballot: BALLOT },
  PROMISE: {
    type: "PROMISE",
    request: 0,
    epoch: 4,
    ballot: BALLOT,
    disk: "d",
    accepted: { ballot: BALLOT, view: agreedView(4, "abc") },
  },
  ACCEPT: { type: "ACCEPT", request: 0, ballot: BALLOT, agreed: agreedView(4, "abc") },
  ACCEPTED: { type: "ACCEPTED", request: 0, epoch: 4, ballot: BALLOT, disk: "d" },
  OUTVOTED: { type: "OUTVOTED", request: 0, epoch: 4, ballot: BALLOT },
  CONFIRM: { type: "CONFIRM", request: 1, epoch: 4, view: "v" },
  CONFIRMED: { type: "CONFIRMED", request: 1, disk: "d" },
  TABLE: {
    type: "TABLE",
    request: 1,
    rows: [row("a"), row("b", { status: "LEFT", phase: "LEAVING" })],
    agreed: agreedView(3, "ab"),
    full: true,
    reply: false,
  },
  PUT: { type: "PUT", request: 1, id: "c", origin: ORIGIN, view: "v", hops: 1, heardAt: 2.5, bytes: BYTES },
  PUT_OK: { type: "PUT_OK", request: 1, result: "stale" },
  NACK: { type: "NACK", request: 1, code: "REFUSED", owner: "b", retryMs: 9, reason: "r", detail: "d" },
  COPY: { type: "COPY", request: 1, id: "c", version: VERSION, view: "v", ageMs: 1.5, pushed: true, bytes: BYTES },
  COPY_OK: { type: "COPY_OK", request: 1 },
  OFFER: { type: "OFFER", request: 1, view: "v", holdings: HOLDINGS },
  WANT: { type: "WANT", request: 1, ids: ["c1"] },
  BUCKETS: { type: "BUCKETS", request: 1, view: "v", key: KEY, prefix: "0aff", hashes: "0123456789abcdef".repeat(256) },
  LIST: { type: "LIST", request: 1, view: "v", buckets: [0, 255], holdings: HOLDINGS, divide: 7 },
  PULL: { type: "PULL", request: 1, view: "v" },
  PULLED: { type: "PULLED", request: 1 },
  ASK: { type: "ASK", request: 1, topic: "sources", bytes: BYTES },
  ANSWER: { type: "ANSWER", request: 1, why: "busy", bytes: BYTES },
};

/** What comes out of a frame at the other end. */
function travel(message: MeshMessage): MeshMessage {
  return { ...message, header: JSON.parse(JSON.stringify(message.header)) };
}

for (const type of TYPES) {
  Deno.test(`readMessage() reads what writeMessage() writes: ${type}`, () => {
    assert.deepEqual(readMessage(travel(writeMessage(MESSAGES[type] as Message))), MESSAGES[type]);
  });

  Deno.test(`readMessage() ignores what a newer member says besides: ${type}`, () => {
    const frame = travel(writeMessage(MESSAGES[type] as Message));
    assert.deepEqual(readMessage({ ...frame, header: { ...frame.header, novel: [1] } }), MESSAGES[type]);
  });

  Deno.test(`readMessage() reads or refuses any header with a SyntaxError: ${type}`, () => {
    const { header, body } = travel(writeMessage(MESSAGES[type] as Message));
    const garbled = fc.record(
      Object.fromEntries(
        Object.entries(header).map(([name, value]) => [
          name,
          fc.oneof({ weight: 3, arbitrary: fc.constant(value) }, fc.jsonValue({ maxDepth: 3 })),
        ]),
      ),
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(garbled, fc.dictionary(fc.string(), fc.jsonValue())), (header) => {
        try {
          const message = readMessage({ type, request: 1, header, body });
          // What was read can be said again, and means the same.
          assert.deepEqual(readMessage(travel(writeMessage(message))), message);
        } catch (error) {
          if (!(error instanceof SyntaxError)) throw error;
        }
      }),
      { numRuns: 300 },
    );
  });
}

for (
  const [type, json] of [
    ["PING_REQ", '{"target":"b","boot":"x","at":-0}'],
    ["LIST", '{"view":"v","buckets":[-0],"holdings":[]}'],
    ["PREPARE", '{"epoch":-0,"ballot":{"round":-0,"proposer":"b"}}'],
  ] as const
) {
  Deno.test(`readMessage() reads the -0 that JSON can say as 0: ${type}`, () => {
    const read = (text: string) => readMessage({ type, request: 1, header: JSON.parse(text), body: new Uint8Array() });
    assert.deepEqual(read(json), read(json.replaceAll("-0", "0")));
  });
}

for (
  const [type, field, values] of [
    ["PING", "view", [undefined, "", 1, "x".repeat(256)]],
    ["PING", "at", [undefined, -1, "1", NaN, Infinity]],
    ["PING", "clear", [0, "true", null]],
    ["PING", "epoch", [1.5, -1, 2 ** 53]],
    ["PING", "accuses", [undefined, "b", [1], [""], Array(4_097).fill("b")]],
    ["PING_REQ", "boot", [undefined, "", 7]],
    ["TABLE", "rows", [undefined, [null], [{}], [{ ...row("a"), status: "GONE" }], [{
      ...row("a"),
      phase: "__proto__",
    }]]],
    ["TABLE", "rows", [[{ ...row("a"), incarnation: 2 ** 53 }], [{ ...row("a"), incarnation: 1, since: 2 }]]],
    ["TABLE", "agreed", [null, 1, {}, { epoch: 1 }, { epoch: 1, members: [null] }, { epoch: -1, members: [] }]],
    ["COPY", "version", [
      undefined,
      [],
      [1, 1, "a"],
      [-1, 1, "a", 1],
      [1, -1, "a", 1],
      [1, 1, "", 1],
      [1, 1, "a", 1.5],
      [
        1,
        8.65e15,
        "a",
        1,
      ],
      [1, "1", "a", 1],
      [1.5, 1, "a", 1],
      [1, { toString: 1 }, "a", 1],
    ]],
    ["PUT", "origin", [undefined, [], ["a"], ["", 1], ["a", -1], ["a", 1.5], [1, "a"]]],
    ["PUT", "heardAt", ["1", -1]],
    ["COPY", "pushed", ["yes", 1]],
    ["PUT", "hops", [-1, 0.5, "1"]],
    ["NACK", "code", [undefined, "MAYBE"]],
    ["COPY", "ageMs", [undefined, -1]],
    ["OFFER", "holdings", [undefined, [["c"]], [[1, 1, 1, "a", 1]], [["c", 1, 1e300, "a", 1]]]],
    ["BUCKETS", "hashes", [undefined, "", "0".repeat(4_095), "G".repeat(4_096), "0".repeat(4_112)]],
    ["BUCKETS", "key", [undefined, "", KEY.slice(1), KEY.replaceAll("0", "G")]],
    ["BUCKETS", "prefix", [undefined, "0", "00".repeat(8), "zz"]],
    ["LIST", "buckets", [undefined, [-1], ["0"], [256]]],
    ["LIST", "divide", [-1, 256, "0"]],
  ] as [MessageType, string, unknown[]][]
) {
  Deno.test(`readMessage() names the field that is wrong: ${field} of ${type}`, () => {
    const frame = writeMessage(MESSAGES[type] as Message);
    for (const value of values) {
      const { [field]: _, ...rest } = frame.header;
      const header = value === undefined ? rest : { ...rest, [field]: value };
      assert.throws(() => readMessage({ ...frame, header }), {
        name: "SyntaxError",
        message: field === "rows" ? /^Field '\w+' is not / : new RegExp(`^Field '${field}' is not `),
      }, JSON.stringify(value));
    }
  });
}

Deno.test("readMessage() lets no peer make us wait for long", () => {
  const frame = writeMessage({ ...MESSAGES.NACK, retryMs: 1e300 });
  assert.equal((readMessage(frame) as typeof MESSAGES.NACK).retryMs, MAX_PAUSE_MS);
});

Deno.test("writeMessage() sends bytes as the body, and nothing else there", () => {
  assert.equal(writeMessage(MESSAGES.PUT).body, BYTES);
  assert.equal("bytes" in writeMessage(MESSAGES.PUT).header, false);
  assert.equal(writeMessage(MESSAGES.PULLED).body.length, 0);
});

Deno.test("readMessage() takes a text for people whatever it is, clipped and with nothing hidden in it", () => {
  const nack = writeMessage(MESSAGES.NACK), stored = writeMessage(MESSAGES.PUT_OK);
  const read = (detail: unknown) => readMessage({ ...nack, header: { ...nack.header, detail, reason: detail } });
  const said = (detail: unknown) => (read(detail) as typeof MESSAGES.NACK).detail;
  assert.equal(said("first line\nsecond \u001b[31m\u202eline"), "first line\nsecond \\u{1b}[31m\\u{202e}line");
  for (const odd of [null, 7, {}, { toString: 1 }, []]) assert.equal(said(odd), "");
  const long = said("\u0000".repeat(1_000_000))!;
  assert.ok(long.length <= MAX_WORDS_BYTES && long.startsWith("\\u{0}\\u{0}") && long.endsWith("…"));
  assert.equal(said("x\n".repeat(1_000_000))!.length, MAX_WORDS_BYTES - 3);
  const { remark } = readMessage({ ...stored, header: { ...stored.header, remark: "y".repeat(9_999) } }) as {
    remark?: string;
  };
  assert.equal(remark!.length, MAX_WORDS_BYTES - 2);
});
